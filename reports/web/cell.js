// A cell of the main table, opened: its seeds, its tests, its curve, and how it was made.

function statement({ label, n, difference, interval, verdict }) {
  const told = interval ? `${difference} (${interval}, n = ${n})` : n ? `${difference} (n = ${n})` : "";
  return el("li", {}, el("strong", {}, `Against ${titleOf(label)}: `), told ? `${told}: ` : "", verdict, ".");
}

function seedTable(family, cell) {
  const headings = ["Seed", "Score", ...cell.against.map(({ label }) => `− ${titleOf(label)}`)];
  const rows = family.seeds.map((seed, place) => [String(seed), cell.scores[place], ...cell.against.map(({ paired }) => paired[place])]);
  return table(`Test ${family.metric} per seed, and paired differences (positive is better)`, headings, rows);
}

function testTable({ label, tests }) {
  return table(`p-values against ${titleOf(label)}`, ["Test", "alone", "Holm"], tests);
}

function curveOf(family, label, width) {
  const wanted = [...new Set([label, DATA.reference, DATA.floor])].filter((each) => family.cells[each]?.curve);
  const lines = wanted.map((each) => [each, family.cells[each].curve[0].map((x, i) => [x, family.cells[each].curve[1][i]])]);
  const made = chart(lines, { width, height: 260, xLabel: "Epoch", yLabel: `Validation score (${family.metric})`,
    alt: `Learning curves of ${wanted.map(titleOf).join(", ")}` });
  const keys = el("ul", { class: "keys" }, ...wanted.map((each) => el("li", {}, swatch(each), titleOf(each))));
  return [el("h3", {}, "Learning curve"), el("p", { class: "notes" }, "Mean validation score over the seeds."), made, keys];
}

function made(family, cell) {
  const lines = [el("h3", {}, "How it was made")];
  if (cell.values) lines.push(el("p", {}, el("strong", {}, "Hyperparameters: "), cell.values));
  if (cell.records) lines.push(el("p", {}, el("strong", {}, "Records: "), el("code", {}, cell.records),
    " (moved away, it is trained anew)"));
  if (cell.taught) lines.push(el("p", {}, el("strong", {}, "Records of its teacher: "), el("code", {}, cell.taught)));
  const alone = cell.again ? [["Train this alone, with what it learns from where that is missing", cell.again]] : [];
  const teacher = family.teachers[cell.taught];
  if (teacher) alone.push(["Train its teacher alone", teacher]);
  for (const [what, command] of [...alone, ...DATA.commands]) {
    lines.push(el("p", {}, what, ":"), el("div", { class: "command" }, el("pre", {}, command), copyButton("Copy", () => command)));
  }
  return lines.length > 1 ? lines : [];
}

function openCell(place, label) {
  const family = DATA.families[place], cell = family.cells[label];
  const statements = cell.against.map(statement);
  const body = [];
  if (cell.words) body.push(el("p", {}, el("strong", { class: "failed" }, `${cell.words}: `), cell.why));
  if (statements.length) body.push(el("ul", {}, ...statements));
  const tests = cell.against.filter((each) => each.tests.length).map(testTable);
  const columns = [];
  if (cell.scores.some((score) => score !== null)) columns.push(el("div", {}, seedTable(family, cell)));
  if (tests.length) columns.push(el("div", {}, ...tests, el("p", { class: "notes" },
    "Holm: over the whole family of tests of this student, as in the tables; the verdict rests on the paired t-test.")));
  if (columns.length) body.push(el("div", { class: "columns" }, ...columns));
  const dialog = showDialog(titleOf(label), family.title, body);
  if (cell.curve) dialog.append(...curveOf(family, label, roomFor(dialog) - 20));
  dialog.append(...made(family, cell));
}

function startCells() {
  for (const cell of document.querySelectorAll("[data-cell]")) {
    const [place, label] = [Number(cell.dataset.families), cell.dataset.cell];
    if (!DATA.families[place].cells[label]) continue;
    const button = el("button", { type: "button", class: "open", title: cell.title || null, onclick: () => openCell(place, label) });
    button.append(...cell.childNodes);
    cell.append(button);
  }
}
