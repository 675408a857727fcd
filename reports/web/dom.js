// What the other files share. Text from the results reaches the page through text nodes and attributes alone.
const DATA = JSON.parse(document.getElementById("data").textContent);

/** An element with its attributes and children; a child is a node or text, and `on...` takes a listener. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** An element of an SVG. */
function draw(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function titleOf(label) {
  return DATA.methods[label]?.title ?? label;
}

function tool(words, action) {
  return el("button", { type: "button", class: "tool", onclick: action }, words);
}

/** A button that copies what `text` gives, and says so. */
function copyButton(words, text) {
  const made = tool(words, async () => {
    await copy(text());
    made.textContent = "Copied";
    setTimeout(() => { made.textContent = words; }, 1500);
  });
  made.setAttribute("aria-live", "polite");
  return made;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No permission, or a page that is not from a secure origin: the old way asks for none.
    const area = el("textarea", { class: "hidden", readonly: true });
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** A dialog with a heading and a button that closes it, as does Escape; focus goes back to what opened it. */
function showDialog(title, soft, body, kind = "") {
  const close = tool("Close", () => dialog.close());
  const heading = el("h2", { id: "dialog-title" }, title, " ", el("span", { class: "soft" }, soft));
  const dialog = el("dialog", { "aria-labelledby": "dialog-title", class: kind || null }, el("header", {}, heading, close), ...body);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
  dialog.scrollTop = 0;
  return dialog;
}

/** A table of texts; all but the first column are numbers. */
function table(caption, headings, rows) {
  const head = el("tr", {}, ...headings.map((text, i) => el("th", { scope: "col", class: i ? "number" : null }, text)));
  const body = rows.map(([first, ...rest]) =>
    el("tr", {}, el("th", { scope: "row" }, first), ...rest.map((text) => el("td", { class: "number" }, text ?? "—"))));
  const made = el("table", {}, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, ...body));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, made);
}
