// Figures: large, as files, and the chart of scores with the methods that the reader chooses.

function save(address, name) {
  el("a", { href: address, download: name }).click();
}

/** The picture as PNG at twice its size on the page, on white. */
function savePng(picture, name) {
  const canvas = el("canvas", { width: 2 * picture.naturalWidth, height: 2 * picture.naturalHeight });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  save(canvas.toDataURL("image/png"), name);
}

function enlarge(picture, title) {
  showDialog(title, "", [el("img", { src: picture.src, alt: picture.alt })], "large");
}

function addTools(figure) {
  const picture = figure.querySelector("img"), name = figure.id.replace(/^figure-/, "");
  figure.append(el("div", { class: "tools" },
    tool("Enlarge", () => enlarge(picture, figure.querySelector(".scroll").getAttribute("aria-label"))),
    tool("SVG", () => save(picture.src, `${name}.svg`)),
    tool("PNG", () => savePng(picture, `${name}.png`))));
}

/** The chart of one figure, redrawn as methods are chosen; on paper and without a choice the figure stays. */
function addChart(series) {
  const figure = document.getElementById(`figure-${series.slug}`);
  if (!figure) return;
  const known = Object.keys(DATA.methods).filter((label) => series.views.some((view) => view.series[label]));
  const first = new Set([DATA.floor, DATA.reference, ...DATA.spotlight, series.leader]);
  const room = el("div", {});
  const view = el("select", { "aria-label": "What is drawn" }, ...series.views.map(({ title }, i) => el("option", { value: i }, title)));
  const boxes = known.map((label) => el("input", { type: "checkbox", value: label, checked: first.has(label) }));
  const redraw = () => {
    const { title, series: all } = series.views[view.value];
    const chosen = boxes.filter((box) => box.checked && all[box.value]).map((box) => [box.value, all[box.value]]);
    room.replaceChildren(chosen.length ? chart(chosen, { width: roomFor(figure, 1100), height: 380, xTicks: series.ratios, log: true,
      zero: view.value === "0", xLabel: "Compression (parameters of teacher / student)", yLabel: title,
      alt: `${title} against compression: ${chosen.map(([label]) => titleOf(label)).join(", ")}` })
      : el("p", { class: "soft" }, "No method is chosen."));
  };
  const set = (wanted) => { for (const box of boxes) box.checked = wanted(box.value); redraw(); };
  const choice = el("div", { class: "choice", role: "group", "aria-label": "Methods of the chart" },
    el("p", {}, el("strong", {}, series.title)), room,
    el("div", { class: "tools" }, view, tool("All", () => set(() => true)), tool("None", () => set(() => false)), tool("The main ones", () => set((label) => first.has(label)))),
    el("div", { class: "keys" }, ...boxes.map((box) => el("label", {}, box, swatch(box.value), titleOf(box.value)))));
  choice.addEventListener("input", redraw);
  figure.prepend(choice);
  figure.classList.add("live", "wide");
  redraw();
}

function startFigures() {
  for (const figure of document.querySelectorAll("figure")) addTools(figure);
  for (const series of DATA.charts) addChart(series);
}

startTables();
startCells();
startFigures();
startFilter();
