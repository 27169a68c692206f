// Elements, and values as text: for people, and as Python.

function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined).map(
    (child) => (child instanceof Node ? child : document.createTextNode(String(child)))));
  return node;
}

function shownValue(value, most = 60) {
  if (value === null || value === undefined) return el("span");
  const text = shortText(value, most);
  return el("span", { class: isOdd(value) ? "odd" : "", title: text.endsWith("…") ? textOf(value) : "" }, text);
}

const isLong = (value) => (textOf(value).length > 24 ? "long" : "");

// heads: [name, class]; rows: lists of a string, a number, a node or null
function simpleTable(heads, rows) {
  const used = heads.map((_, i) => rows.some((row) => row[i] !== null && row[i] !== undefined));
  const cellsOf = (cells, tag) => el("tr", {}, ...cells
    .map((cell, i) => [cell, i]).filter(([, i]) => used[i])
    .map(([cell, i]) => el(tag, { class: heads[i][1] || "" }, cell)));
  return el("table", {},
    el("thead", {}, cellsOf(heads.map(([name]) => name), "th")),
    el("tbody", {}, ...rows.map((row) => cellsOf(row, "td"))));
}

function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return null;
  if (seconds < 1e-3) return `${Number((seconds * 1e6).toPrecision(3))} µs`;
  if (seconds < 1) return `${Number((seconds * 1e3).toPrecision(3))} ms`;
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return `${minutes} min ${whole % 60} s`;
}

// Times are stored in UTC, and shown as the reader's clock has them.
function when(iso) {
  if (!iso) return null;
  const time = new Date(/[+Z]/.test(iso.slice(10)) ? iso : `${iso}Z`);
  return Number.isNaN(time.getTime()) ? iso : time.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

const count = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");
const many = (n, one, more = one + "s") => `${count(n)} ${n === 1 ? one : more}`;

function percent(share) {
  const value = 100 * share;
  return value > 0 && value < 0.5 ? "< 1 %" : `${Math.round(value)} %`;
}

// A mean with its standard deviation: two digits of the latter say how many the former needs.
function plusMinus(mean, std) {
  if (std === null || std === undefined || !(std > 0)) return [shortNumber(mean), ""];
  const size = Math.floor(Math.log10(Math.max(Math.abs(mean), std)));
  const last = Math.floor(Math.log10(std)) - 1; // power of ten of the last digit
  if (size >= 9 || size < -3) {
    const digits = Math.max(1, Math.min(12, Math.floor(Math.log10(Math.abs(mean) || std)) - last + 1));
    return [Number(mean.toPrecision(digits)).toExponential(), `± ${Number(std.toPrecision(2)).toExponential()}`].map((text) => text.replace("e+", "e"));
  }
  const digits = Math.max(0, Math.min(12, -last));
  return [mean.toFixed(digits), `± ${std.toFixed(digits)}`];
}

function describe(row, most = 120) {
  const parts = [];
  for (const { column } of params) {
    if (varied.length && !varied.includes(column)) continue;
    const value = column.value(row);
    if (value !== null) parts.push(`${column.name}=${shortText(value, 40)}`);
  }
  const text = parts.join(", ");
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
}

// ---- what leaves the page ----

const pythonText = (text) => JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");

const pythonName = (column) => (column.code ? column.name : pythonText(column.name));

// The column of a DataFrame; an entry of a dict is taken out of it.
const pythonColumn = (column) => (column.path
  ? `df[${pythonText(column.path[0])}]${column.path.slice(1).map((key) => `.str.get(${pythonText(key)})`).join("")}`
  : `df[${pythonName(column)}]`);

// Return a value as Python code; what only a text describes, such as an array, as that text.
function pythonValue(value, column) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (isOdd(value)) return { nan: 'float("nan")', inf: 'float("inf")', "-inf": '-float("inf")' }[value[0]] || value[0];
  if (typeof value === "number") return column.isFloat && Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
  if (column.kind === "date") return value.includes("T") ? `datetime.datetime.fromisoformat(${pythonText(value)})` : `datetime.date.fromisoformat(${pythonText(value)})`;
  return pythonText(value);
}

function pythonDict(row) {
  const whole = new Map(); // a dict in a pset is a Map again
  for (const { column } of params) {
    if (column.cells[row] === null || column.name.startsWith("_")) continue;
    const names = column.path ? column.path.map(pythonText) : [pythonName(column)];
    let inner = whole;
    for (const name of names.slice(0, -1)) {
      if (!inner.has(name)) inner.set(name, new Map());
      inner = inner.get(name);
    }
    inner.set(names[names.length - 1], pythonValue(column.value(row), column));
  }
  const code = (value) => (value instanceof Map ? `{${[...value].map(([name, one]) => `${name}: ${code(one)}`).join(", ")}}` : value);
  return code(whole);
}

function copyButton(title, textOfIt) {
  const button = el("button", { type: "button", onclick: () => {
    const done = () => {
      button.textContent = "copied";
      setTimeout(() => { button.textContent = title; }, 1500);
    };
    // Without permission, or in old browsers: select the text, and let the browser copy it.
    const byHand = () => {
      const box = el("textarea", { value: textOfIt(), className: "offscreen" });
      (document.querySelector("dialog[open]") || document.body).append(box);
      box.select();
      if (document.execCommand("copy")) done();
      box.remove();
      button.focus();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(textOfIt()).then(done, byHand);
    else byHand();
  } }, title);
  return button;
}

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function noneOption() {
  const option = el("option", { value: "" }, "none");
  option.dataset.key = "none";
  return option;
}

// A small picture of an array, or a picture that func returned; null where there is none.
function thumbnail(value, size) {
  const more = isOdd(value) ? value[1] : null;
  if (!more) return null;
  if (more.src) {
    const image = el("img", { src: more.src, alt: value[0] });
    image.style.maxHeight = `${size}px`;
    return image;
  }
  const [lines, width] = more.shape;
  const canvas = el("canvas", { ariaLabel: value[0], role: "img" });
  const numbers = more.values.filter((number) => number !== null);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const part = (number) => (high > low ? (number - low) / (high - low) : 0.5);
  if (lines > 1) { // a picture with one square for each number
    [canvas.width, canvas.height] = [width, lines];
    const context = canvas.getContext("2d");
    more.values.forEach((number, i) => {
      if (number === null) return;
      context.fillStyle = viridis(part(number));
      context.fillRect(i % width, Math.floor(i / width), 1, 1);
    });
    const scale = size / Math.max(lines, width);
    canvas.style.width = `${Math.round(width * scale)}px`;
    return canvas;
  }
  [canvas.width, canvas.height] = [3 * size, size]; // a line
  const context = canvas.getContext("2d");
  context.strokeStyle = resolved(0);
  context.lineWidth = 1.5;
  context.beginPath();
  let move = true;
  more.values.forEach((number, i) => {
    if (number === null) { move = true; return; }
    const [x, y] = [2 + (3 * size - 4) * (width > 1 ? i / (width - 1) : 0.5), size - 3 - (size - 6) * part(number)];
    context[move ? "moveTo" : "lineTo"](x, y);
    move = false;
  });
  context.stroke();
  return canvas;
}
