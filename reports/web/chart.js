// Line charts, drawn from points that the report has rounded.

/** How each method is drawn: as in every figure. */
function lookOf(label) {
  const { colour, dashes } = DATA.methods[label];
  return { stroke: colour, "stroke-dasharray": dashes };
}

/** A short piece of a method's line, for a legend. */
function swatch(label) {
  return draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" },
    draw("path", { d: "M0 5H26", fill: "none", "stroke-width": 2.5, ...lookOf(label) }));
}

/** About five round numbers that span a range. */
function ticks(low, high) {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const first = Math.ceil(low / step);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => [(first + i) * step, ((first + i) * step).toFixed(digits)]);
}

/**
 * An SVG of lines.
 * @param lines [label, [[x, y, low?, high?], ...]], ...
 * @param options width and height in pixels; xLabel, yLabel, alt; xTicks [value, words] and log for a logarithmic axis;
 *   zero: whether a line marks 0.
 */
function chart(lines, { width = 640, height = 320, xLabel, yLabel, alt, xTicks, log = false, zero = false }) {
  const points = lines.flatMap(([, line]) => line);
  const heights = points.flatMap(([, y, low = y, high = y]) => [low, high]).concat(zero ? [0] : []);
  const across = points.map(([x]) => x).concat((xTicks ?? []).map(([x]) => x));
  const scale = log ? Math.log : (x) => x;
  const [left, right, top, bottom] = [52, width - 14, 24, height - 40];
  const [x0, x1] = [scale(Math.min(...across)), scale(Math.max(...across))];
  const margin = 0.05 * (Math.max(...heights) - Math.min(...heights)) || 1;
  const [y0, y1] = [Math.min(...heights) - margin, Math.max(...heights) + margin];
  const inset = log ? 24 : 0;
  const atX = (x) => left + inset + (x1 > x0 ? (scale(x) - x0) / (x1 - x0) : 0.5) * (right - left - 2 * inset);
  const atY = (y) => bottom - (y - y0) / (y1 - y0) * (bottom - top);
  const made = draw("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": alt });
  for (const [y, words] of ticks(y0, y1)) {
    made.append(draw("path", { class: "grid", d: `M${left} ${atY(y)}H${right}`, "stroke-width": 1 }),
      draw("text", { x: left - 6, y: atY(y) + 4, "text-anchor": "end" }, words));
  }
  for (const [x, words] of xTicks ?? ticks(x0, x1)) {
    made.append(draw("text", { x: atX(x), y: bottom + 16, "text-anchor": "middle" }, words));
  }
  if (zero) made.append(draw("path", { class: "frame", d: `M${left} ${atY(0)}H${right}`, "stroke-width": 1 }));
  made.append(draw("path", { class: "frame", d: `M${left} ${top}V${bottom}H${right}`, "stroke-width": 1 }),
    draw("text", { x: left - 44, y: 13, "font-weight": "bold" }, yLabel),
    draw("text", { x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, xLabel));
  lines.forEach(([label, line], place) => {
    // A small sideways step per method keeps intervals at one place from covering each other.
    const step = log ? 5 * (place - (lines.length - 1) / 2) * Math.min(1, 8 / lines.length) : 0;
    made.append(drawLine(label, line.map(([x, ...y]) => [atX(x) + step, ...y.map(atY)])));
  });
  return made;
}

/** One line with its marks and intervals; [x, y, low?, high?] in pixels. */
function drawLine(label, line) {
  const look = lookOf(label);
  const made = draw("g", {}, draw("title", {}, titleOf(label)),
    draw("path", { d: line.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""), ...look }));
  for (const [x, y, low, high] of line) {
    if (low === undefined) continue;
    made.append(draw("path", { d: `M${x} ${low}V${high}M${x - 3} ${low}h6M${x - 3} ${high}h6`, stroke: look.stroke, "stroke-width": 1 }),
      draw("circle", { cx: x, cy: y, r: 3.2, style: `fill: ${look.stroke}` }));
  }
  return made;
}

/** Room for a chart beside its neighbours, so that its text keeps its size on a phone. */
function roomFor(element, most = 760) {
  return Math.max(300, Math.min(most, element.clientWidth || window.innerWidth - 40));
}
