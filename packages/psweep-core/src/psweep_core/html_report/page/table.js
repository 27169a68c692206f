// The table of psets: sort, filter, choose columns, save what is left. Its markup is in page.html.

const PAGE = 100;
const table = { shown: [], rows: allRows, page: 0, sort: null, down: false, chosen: false, filters: new Map(), only: null, onlyText: "" };

// A number, also one that JSON has no value for; NaN for all else.
function numberOf(value) {
  if (typeof value === "number") return value;
  return isOdd(value) ? { inf: Infinity, "-inf": -Infinity }[value[0]] ?? NaN : NaN;
}

// The forms of a filter, such as 1..5 and >= 3.
const RANGE = /^(-?[\d.]+(?:e[+-]?\d+)?)\s*\.\.\s*(-?[\d.]+(?:e[+-]?\d+)?)$/i;
const COMPARISON = /^(<=|>=|!=|<|>|=)\s*(.*)$/;

function filterTest(column, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return null;
  const range = wanted.match(RANGE);
  const comparison = wanted.match(COMPARISON);
  if (range && column.isNumber) {
    const [low, high] = [Number(range[1]), Number(range[2])];
    return (row) => { const at = numberOf(column.value(row)); return at >= low && at <= high; };
  }
  if (comparison && comparison[2] !== "") {
    const [, sign, other] = comparison;
    const number = Number(other);
    if (sign === "=" || sign === "!=") {
      const same = (row) => {
        const value = column.value(row);
        return typeof value === "number" && !Number.isNaN(number) ? value === number : textOf(value).toLowerCase() === other;
      };
      return sign === "=" ? same : (row) => !same(row);
    }
    if (column.isNumber && !Number.isNaN(number)) {
      const compare = { "<": (at) => at < number, "<=": (at) => at <= number, ">": (at) => at > number, ">=": (at) => at >= number }[sign];
      return (row) => compare(numberOf(column.value(row)));
    }
    if (column.kind === "date") {
      const compare = { "<": (text) => text < other, "<=": (text) => text <= other, ">": (text) => text > other, ">=": (text) => text >= other }[sign];
      return (row) => { const text = textOf(column.value(row)).toLowerCase(); return text !== "" && compare(text); };
    }
  }
  return (row) => textOf(column.value(row)).toLowerCase().includes(wanted);
}

function filterRows() {
  const tests = [...table.filters].map(([column, text]) => filterTest(column, text)).filter(Boolean);
  const search = $("table-search").value.trim().toLowerCase();
  if (search) tests.push((row) => table.shown.some((column) => textOf(column.value(row)).toLowerCase().includes(search)) || textOf(seqs.value(row)) === search);
  if (isBrushed()) tests.push(brushTest());
  if (table.only) tests.push((row) => table.only.has(row));
  table.rows = tests.length ? allRows.filter((row) => tests.every((test) => test(row))) : [...allRows];
  if (table.sort) {
    const keys = new Map(table.rows.map((row) => [row, table.sort.forSort(row)]));
    const isLast = (key) => key === Infinity || key === Number.MAX_VALUE;
    table.rows = [...table.rows].sort((a, b) => {
      const [one, two] = [keys.get(a), keys.get(b)];
      if (isLast(one) || isLast(two)) return isLast(one) && isLast(two) ? 0 : isLast(one) ? 1 : -1;
      return table.down ? two - one : one - two;
    });
  }
  table.page = 0;
  $("table-brush").hidden = !isBrushed() && !table.only;
  $("table-brush").textContent = table.only ? table.onlyText : "only the psets chosen in the plots";
  keepTable();
  drawRows();
}

// Keep filters, search and order in the address of the page.
function keepTable() {
  const filters = [...table.filters].filter(([, text]) => text.trim()).map(([column, text]) => [column.name, text]);
  setState("filters", filters.length ? JSON.stringify(filters) : null);
  setState("search", $("table-search").value.trim() || null);
  setState("sort", !table.chosen ? null : table.sort ? `${table.down ? "-" : "+"}${table.sort.name}` : "none");
}

function showRows(rows, text) {
  table.only = new Set(rows);
  table.onlyText = text;
  filterRows();
  $("table").scrollIntoView();
}

// ---- what is left, as code and as a file ----

// Whether pandas compares the cells of a column as the table does. It knows no order of None and numbers,
// and has two answers to whether a cell without a value differs from a number.
function comparesAlike(column, sign) {
  const isEmpty = (cell) => cell === null || (isOdd(cell) && !["inf", "-inf"].includes(cell[0]));
  return !(column.path || sign === "!=") || !column.cells.some(isEmpty);
}

// Whether pandas puts the rows into the order of the table.
function sortsAlike(column) {
  if (["_error", "_job_state"].includes(column.name)) return false; // the database does not have these
  if (column.isNumber) return !column.cells.some((cell) => isOdd(cell) && cell[0] !== "nan");
  if (column.kind !== "text") return true;
  // pandas has capitals before small letters, and "10" before "9".
  const texts = column.different.map((value, code) => [column.rank[code], value]).sort(([a], [b]) => a - b).map(([, value]) => value);
  return texts.every((text, i) => typeof text === "string" && (i === 0 || texts[i - 1] < text));
}

// The filters as an expression of pandas; what pandas would not do alike is left to a list of numbers.
function pandasCode() {
  const lines = [`df = ps.df_read(${pythonText(data.calc_dir)})`];
  const conditions = [];
  let exact = !isBrushed() && !table.only && !$("table-search").value.trim();
  for (const [column, text] of table.filters) {
    const wanted = text.trim();
    if (!wanted) continue;
    const name = pythonColumn(column);
    const range = wanted.match(RANGE);
    const comparison = wanted.match(COMPARISON);
    const number = comparison && comparison[2] !== "" ? Number(comparison[2]) : NaN;
    if (!comparesAlike(column, comparison && comparison[1])) exact = false;
    else if (range && column.isNumber) conditions.push(`${name}.between(${Number(range[1])}, ${Number(range[2])})`);
    else if (comparison && column.isNumber && Number.isFinite(number)) conditions.push(`(${name} ${comparison[1] === "=" ? "==" : comparison[1]} ${number})`);
    else exact = false;
  }
  if (table.sort && !sortsAlike(table.sort)) {
    lines.push(`df = df.loc[[${table.rows.map((row) => seqs.value(row)).join(", ")}]]`);
    return `${lines.join("\n")}\n`;
  }
  if (!exact) {
    const seqsOf = table.rows.map((row) => seqs.value(row)).sort((a, b) => a - b);
    lines.push(`df = df[df["_pset_seq"].isin([${seqsOf.join(", ")}])]`);
  } else if (conditions.length) lines.push(`df = df[${conditions.join(" & ")}]`);
  const order = `${table.down ? "ascending=False, " : ""}kind="stable"`;
  if (table.sort) lines.push(table.sort.path ? `df = df.loc[${pythonColumn(table.sort)}.sort_values(${order}).index]` : `df = df.sort_values(${pythonName(table.sort)}, ${order})`);
  return `${lines.join("\n")}\n`;
}

function csvText() {
  const field = (value) => {
    const text = typeof value === "number" ? String(value) : textOf(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const shown = [seqs, ...table.shown];
  const lines = [shown.map((column) => field(column.name)), ...table.rows.map((row) => shown.map((column) => field(column.value(row))))];
  return lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

// Of what has a picture, a few words are enough.
function shownCell(column, row) {
  const value = column.value(row);
  return thumbnail(value, 36) || shownIn(column, row, isOdd(value) ? 60 : 120);
}

// Best first, as long as nobody has chosen another order.
function sortBest() {
  if (table.chosen || !look.result) return;
  [table.sort, table.down] = [columns[look.result.column], !look.lower];
}

// Columns that are out of sight would be overlooked.
function drawMore() {
  const box = $("rows").parentElement;
  const edge = box.getBoundingClientRect().right;
  const hidden = [...$("rows").querySelectorAll("th")].filter((th) => th.getBoundingClientRect().right > edge + 2).length;
  $("table-more").hidden = !hidden;
  $("table-more").textContent = `${many(hidden, "more column")} →`;
}

function drawRows() {
  const pages = Math.max(1, Math.ceil(table.rows.length / PAGE));
  const failed = (row) => (failureOf.has(row) ? (failureOf.get(row).recovered ? "fixed" : "failed") : "");
  $("rows").tBodies[0].replaceChildren(...table.rows.slice(table.page * PAGE, (table.page + 1) * PAGE).map((row) => el("tr", { class: failed(row) },
    el("td", { class: "number" }, psetButton(row)),
    ...table.shown.map((column) => el("td", { class: column.isNumber ? "number" : isLong(column.value(row)) }, shownCell(column, row))))));
  $("table-count").textContent = table.rows.length === data.shown ? many(data.shown, "row") : `${count(table.rows.length)} of ${many(data.shown, "row")}`;
  $("table-page").textContent = `page ${table.page + 1} of ${pages}`;
  $("table-prev").parentElement.hidden = pages === 1;
  $("table-prev").disabled = table.page === 0;
  $("table-next").disabled = table.page + 1 >= pages;
  drawMore();
}

function sortBy(column) {
  table.chosen = true;
  if (table.sort !== column) [table.sort, table.down] = [column, false];
  else if (!table.down) table.down = true;
  else table.sort = null;
  drawMarks();
  filterRows();
}

function drawMarks() {
  for (const th of $("rows").querySelectorAll("th")) {
    const on = table.sort && Number(th.dataset.column) === table.sort.place;
    th.ariaSort = on ? (table.down ? "descending" : "ascending") : "none";
    th.querySelector(".mark").textContent = on ? (table.down ? " ▼" : " ▲") : "";
  }
}

function drawTableHead() {
  const head = (column, title) => {
    const filter = el("input", { type: "text", value: table.filters.get(column) || "", placeholder: "filter", ariaLabel: `filter ${title}`, oninput: () => { table.filters.set(column, filter.value); filterRows(); } });
    const th = el("th", { class: column.isNumber ? "number" : "", scope: "col" },
      el("button", { type: "button", class: "plain", title: column.name, onclick: () => sortBy(column) }, shortText(title, 30), el("span", { class: "mark" })), el("br"), filter);
    th.dataset.column = String(column.place);
    return th;
  };
  $("rows").tHead.replaceChildren(el("tr", {}, head(seqs, "pset"), ...table.shown.map((column) => head(column, column.label))));
  $("rows").classList.toggle("many", table.shown.length > 16); // on paper
  drawMarks();
}

function startTable() {
  const choices = columns.filter((column) => column !== seqs);
  const failedOnes = ["_failed", "_error", "_job_state"].map((name) => byName.get(name)).filter(Boolean);
  // Rows that failed are red, and have an _error.
  const usual = [...choices.filter((column) => column.role !== "book").slice(0, 30), ...failedOnes.filter((column) => column.name !== "_failed")];
  const wanted = getState("columns") === null ? [] : getState("columns").split("\n").map((name) => byName.get(name)).filter(Boolean);
  table.shown = wanted.length ? wanted : usual;
  try {
    for (const [name, text] of JSON.parse(getState("filters") || "[]")) if (byName.has(name)) table.filters.set(byName.get(name), String(text));
  } catch { /* an address that somebody has changed */ }
  $("table-search").value = getState("search") || "";
  const sort = getState("sort");
  if (sort && byName.has(sort.slice(1))) [table.sort, table.down] = [byName.get(sort.slice(1)), sort[0] === "-"];
  table.chosen = sort === "none" || table.sort !== null;
  sortBest();
  const order = (column) => ({ param: 0, result: 1, book: 2 })[column.role];
  const draw = () => {
    table.shown = [...table.shown].sort((a, b) => order(a) - order(b) || a.place - b.place);
    const all = choices.filter((column) => column.role !== "book");
    const some = all.filter((column) => table.shown.includes(column));
    $("table-columns").previousElementSibling.textContent = some.length < all.length ? `columns (${some.length} of ${all.length})` : "columns";
    drawTableHead();
    filterRows();
  };
  checks($("table-columns"), choices, (column) => table.shown.includes(column), (column, on) => {
    table.shown = on ? [...table.shown, column] : table.shown.filter((other) => other !== column);
    if (!on) table.filters.delete(column);
    setState("columns", table.shown.map((one) => one.name).join("\n"));
    draw();
  });
  $("table-search").addEventListener("input", filterRows);
  $("table-clear").addEventListener("click", () => {
    table.filters.clear();
    $("table-search").value = "";
    table.only = null;
    if (isBrushed()) clearBrush();
    draw();
  });
  $("table-copy").replaceWith(copyButton("copy as pandas", pandasCode));
  $("table-csv").addEventListener("click", () => save(`${data.name}.csv`, "text/csv", csvText()));
  $("table-prev").addEventListener("click", () => { table.page -= 1; drawRows(); });
  $("table-more").addEventListener("click", () => { $("rows").parentElement.scrollLeft += 0.7 * $("rows").parentElement.clientWidth; });
  $("rows").parentElement.addEventListener("scroll", drawMore);
  drawn.push(drawMore);
  $("table-next").addEventListener("click", () => { table.page += 1; drawRows(); });
  draw();
}

