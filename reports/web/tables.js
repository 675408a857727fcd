// Every table: sorted by its headings, copied as LaTeX and BibTeX.

const MISSING = Symbol("no number");

/** What a cell is sorted by: its number, its words, or MISSING where nothing stands. */
function keyOf(cell) {
  const text = (cell?.textContent ?? "").trim();
  if (text === "" || text === "—" || cell.classList.contains("words")) return MISSING;
  if (cell.tagName === "TH") return text;
  const plain = text.replace(/[\u202f\u00a0]/g, "").replace(/\u2212/g, "-").replace(/^[<>\[]\s*/, "");
  const number = parseFloat(plain);
  return Number.isNaN(number) ? text : number;
}

function isNumeric(rows, column) {
  return rows.some((row) => typeof keyOf(row.cells[column]) === "number");
}

/** Rows in the order of a column; what has no number, in a column of numbers, comes last either way. */
function sorted(rows, column, direction) {
  const numeric = isNumeric(rows, column);
  const there = (key) => (numeric ? typeof key === "number" : key !== MISSING);
  const order = numeric ? (a, b) => a - b : (a, b) => a.localeCompare(b, "en", { numeric: true });
  const keyed = rows.map((row) => [keyOf(row.cells[column]), row]);
  const kept = keyed.filter(([key]) => there(key)).sort(([a], [b]) => direction * order(a, b));
  return [...kept, ...keyed.filter(([key]) => !there(key))].map(([, row]) => row);
}

/** The column below a heading; null where it spans several. */
function columnOf(heading) {
  if (heading.colSpan > 1) return null;
  if (heading.dataset.column) return Number(heading.dataset.column);
  return heading.closest("thead").rows.length === 1 ? heading.cellIndex : null;
}

/** Headings become buttons: first the best of numbers and the first of words on top, then the other way, then as it was. */
function makeSortable(made) {
  const body = made.tBodies[0];
  if (!body || body.rows.length < 2) return;
  const original = [...body.rows];
  const headings = [...made.tHead.querySelectorAll("th")].filter((heading) => columnOf(heading) !== null);
  for (const heading of headings) {
    const column = columnOf(heading);
    const button = el("button", { type: "button", class: "sort" });
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const turns = isNumeric(original, column) ? ["descending", "ascending", null] : ["ascending", "descending", null];
      const now = heading.getAttribute("aria-sort");
      const next = turns[(turns.indexOf(now) + 1) % 3];
      for (const each of headings) each.removeAttribute("aria-sort");
      if (next) heading.setAttribute("aria-sort", next);
      body.append(...(next ? sorted(original, column, next === "ascending" ? 1 : -1) : original));
    });
  }
}

/** The BibTeX entries of the methods in a table, once each. */
function bibliography(made) {
  const titles = new Set([...made.tBodies[0].rows].map(rowTitle));
  const keys = Object.values(DATA.methods).filter((each) => titles.has(each.title)).flatMap((each) => each.cites);
  return [...new Set(keys)].map((key) => DATA.bibtex[key]).filter(Boolean).join("\n\n");
}

/** The title of a row's method. */
function rowTitle(row) {
  return row.dataset.title ?? row.cells[0].textContent.trim();
}

/** Buttons that copy the LaTeX of a table, or of several that a text names, and the sources of its methods. */
function addCopies(region) {
  const sources = region.dataset.latex.split(" ").map((label) => DATA.latex[label]).filter(Boolean);
  if (!sources.length) return;
  const made = region.querySelector("table");
  const tools = el("div", { class: "tools" }, copyButton(made ? "Copy LaTeX" : "Copy LaTeX for a paper", () => sources.join("\n\n")));
  const entries = made ? bibliography(made) : Object.values(DATA.bibtex).join("\n\n");
  if (entries) tools.append(copyButton("Copy BibTeX", () => entries));
  region.after(tools);
}

function startTables() {
  for (const made of document.querySelectorAll(".scroll > table")) makeSortable(made);
  for (const region of document.querySelectorAll("[data-latex]")) addCopies(region);
}
