// One filter for all tables, verdicts and figures: by dataset, student, group and name of the methods.

/** A list to choose from; none where there is no choice. */
function choice(words, name, options) {
  const list = el("select", { name }, el("option", { value: "" }, "all"), ...options.map(([value, text]) => el("option", { value }, text)));
  return el("label", { hidden: options.length < 2 }, words, list);
}

/** Places of the families that a filter lets through. */
function familiesOf(form) {
  const places = DATA.families.map((_, place) => place);
  return new Set(places.filter((place) => {
    const family = DATA.families[place];
    return (!form.dataset.value || family.dataset === form.dataset.value) && (!form.student.value || family.pair === form.student.value);
  }));
}

/** Titles of the methods that a filter lets through. */
function titlesOf(form) {
  const wanted = form.method.value.trim().toLowerCase();
  const kept = Object.entries(DATA.methods).filter(([label, { title, group }]) =>
    (!form.group.value || group === form.group.value) && (!wanted || `${title} ${label}`.toLowerCase().includes(wanted)));
  return new Set(kept.map(([, { title }]) => title));
}

/** Hides what belongs to hidden families alone, and narrows headings that span several. */
function hideFamilies(families) {
  for (const each of document.querySelectorAll("[data-families]")) {
    const own = each.dataset.families.split(" ").map(Number);
    const shown = own.filter((place) => families.has(place));
    each.hidden = shown.length === 0;
    if (each.colSpan > 1 || each.dataset.span) {
      each.dataset.span = own.length;
      each.colSpan = Math.max(shown.length, 1);
    }
  }
}

/** Hides rows of hidden methods, and tables that no row is left of. */
function hideMethods(titles, known) {
  for (const region of document.querySelectorAll(".methods")) {
    let left = 0;
    for (const row of region.querySelector("tbody").rows) {
      const title = rowTitle(row);
      row.hidden = known.has(title) && !titles.has(title);
      left += !row.hidden;
    }
    region.classList.toggle("empty", left === 0);
  }
}

function startFilter() {
  const datasets = [...new Set(DATA.families.map((family) => family.dataset))];
  const pairs = [...new Set(DATA.families.map((family) => family.pair))];
  const methods = Object.values(DATA.methods);
  const groups = [...new Set(methods.map((method) => method.group))].filter(Boolean);
  const known = new Set(methods.map((method) => method.title));
  const told = el("output", { class: "soft" });
  const form = el("form", { id: "filter", role: "search", "aria-label": "Filter of tables and figures" },
    choice("Dataset", "dataset", datasets.map((name) => [name, name])),
    choice("Student", "student", pairs.map((name) => [name, name])),
    choice("Group", "group", groups.map((name) => [name, name])),
    el("label", {}, "Method", el("input", { name: "method", type: "search", placeholder: "part of its name" })),
    el("button", { type: "button", class: "tool" }, "Show all"), told);
  // `form.dataset` is taken by data-* attributes, so that the controls are looked up once by name.
  const controls = Object.fromEntries(["dataset", "student", "group", "method"].map((name) => [name, form.elements[name]]));
  const apply = () => {
    const families = familiesOf(controls), titles = titlesOf(controls);
    hideFamilies(families);
    hideMethods(titles, known);
    const all = families.size === DATA.families.length && titles.size === known.size;
    told.textContent = all ? "" : `${titles.size} of ${known.size} methods, ${families.size} of ${DATA.families.length} students`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  // Not by a button of type reset: its event comes before the controls change.
  form.querySelector("button").addEventListener("click", () => {
    form.reset();
    apply();
  });
  document.querySelector("main").before(form);
}
