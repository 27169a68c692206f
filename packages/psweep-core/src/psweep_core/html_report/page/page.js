"use strict";
// The data of a study, see html_report.py, and what the page does with them. Values reach the page
// as text only: textContent in the page, `escaped` in plots, where plotly knows some tags.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

// ---- columns ----

const collator = new Intl.Collator("en", { numeric: true });
const isOdd = Array.isArray; // [text] stands for what JSON has no value for

function textOf(value) {
  if (value === null || value === undefined) return "";
  return isOdd(value) ? value[0] : String(value);
}

function shortNumber(value) {
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(5).replace(/\.?0*e/, "e");
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

function shortText(value, most = 60) {
  const text = typeof value === "number" ? shortNumber(value) : textOf(value);
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
}

class Column {
  constructor(raw, place) {
    Object.assign(this, raw);
    this.place = place;
    this.isNumber = this.kind === "number";
    this.label = this.name === "_pset_runtime" ? "_pset_runtime (s)" : this.name;
    if (this.kind === "bool") { // false before true, also on axes
      const old = this.different;
      this.different = [...old].sort();
      this.cells = this.cells.map((code) => (code === null ? null : this.different.indexOf(old[code])));
    }
  }
  value(row) {
    const cell = this.cells[row];
    return this.isNumber || cell === null ? cell : this.different[cell];
  }
  // A place on an axis: a number, or that of a value among the different ones; NaN if there is none.
  at(row) {
    const cell = this.cells[row];
    return typeof cell === "number" ? cell : NaN;
  }
  // The places in the order of the values.
  get rank() {
    if (!this._rank) {
      this._rank = [];
      const order = this.different.map((_, i) => i);
      order.sort((i, j) => compareValues(this.different[i], this.different[j]));
      order.forEach((code, rank) => { this._rank[code] = rank; });
    }
    return this._rank;
  }
  forSort(row) {
    const cell = this.cells[row];
    if (cell === null) return Infinity;
    if (!this.isNumber) return this.rank[cell];
    return typeof cell === "number" ? cell : Number.MAX_VALUE; // nan, inf and None stand last
  }
  get places() {
    if (!this._places) {
      const found = new Set();
      for (let row = 0; row < this.cells.length; row++) {
        const at = this.at(row);
        if (!Number.isNaN(at)) found.add(at);
      }
      this._places = [...found].sort((a, b) => a - b);
    }
    return this._places;
  }
  // What stands at such a place.
  textAt(place, most = 30) {
    return shortText(this.isNumber ? place : this.different[place], most);
  }
  get spansDecades() {
    if (!this.isNumber || this.places.length < 3) return false;
    // All but the outermost tenths: a few numbers near zero are no reason for logarithms.
    const last = this.places.length - 1;
    const [low, high] = [this.places[Math.floor(last / 10)], this.places[Math.ceil(0.9 * last)]];
    return this.places[0] > 0 && high / low >= 100;
  }
}

function compareValues(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(textOf(a), textOf(b));
}

const columns = data.columns.map((raw, place) => new Column(raw, place));
const byName = new Map(columns.map((column) => [column.name, column]));
const seqs = byName.get("_pset_seq");
const allRows = Array.from({ length: data.shown }, (_, row) => row);
const failureOf = new Map(data.failures.map((failure) => [failure.row, failure]));
const logOf = new Map(data.logs);
const params = data.params.map((param) => ({ ...param, column: columns[param.column] }));
const varied = params
  .filter((param) => param.n_values + (param.missing > 0) > 1)
  .map((param) => param.column)
  .filter((column) => column.places.length);
const results = columns.filter((column) => column.role === "result");
const canPlot = (column) => column.places.length > 0
  && (column.kind !== "text" || column.places.length <= 50);
const goodResults = results.filter(canPlot);

// ---- elements ----

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

const when = (iso) => (iso ? iso.replace("T", " ").replace("+00:00", "") : null);
const count = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");
const many = (n, one, more = one + "s") => `${count(n)} ${n === 1 ? one : more}`;

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

function psetButton(row) {
  return el("button", { type: "button", class: "link", title: "all of this pset", onclick: () => showDetails(row) }, seqs.value(row));
}

function options(select, groups, chosen) {
  select.replaceChildren(...groups.filter(([, list]) => list.length).map(([title, list]) => {
    const group = el("optgroup", { label: title });
    group.append(...list.map((column) => el("option", { value: String(column.place) }, shortText(column.name, 40))));
    return group;
  }));
  if (chosen) select.value = String(chosen.place);
}

const chosenIn = (select) => (select.value === "" ? null : columns[Number(select.value)]);

function checks(box, list, isOn, onChange) {
  const titles = { param: "parameters", result: "results", book: "book-keeping" };
  box.replaceChildren();
  for (const role of ["param", "result", "book"]) {
    const some = list.filter((column) => column.role === role);
    if (some.length) box.append(el("h4", {}, titles[role]));
    for (const column of some) {
      const input = el("input", { type: "checkbox", checked: isOn(column), onchange: () => onChange(column, input.checked) });
      box.append(el("label", {}, input, " ", shortText(column.name, 40)));
    }
  }
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// ---- what was run ----

function drawHead() {
  document.title = `${data.name} – psweep report`;
  $("title").textContent = `Study ${data.name}`;
  $("made").textContent = `${data.database}, as known on ${when(data.made)} UTC. Made by psweep ${data.version}. All times are UTC.`;
  const notes = [];
  for (const run of data.runs) {
    const of = run.planned ? `${count(run.psets)} of its ${many(run.planned, "pset")} had finished` : `${many(run.psets, "pset")} had finished`;
    if (run.state === "running") notes.push(`Run ${run.seq} is under way: ${of} when this page was made.`);
    if (run.state === "crashed") notes.push(`Run ${run.seq} was ended before it was through: ${of}. They are shown here; the next run, or psweep.recover, moves them into the database.`);
    if (run.state === "unfinished") notes.push(`Run ${run.seq} is under way, or was ended before it was through, which cannot be told from here: ${of}.`);
  }
  if (data.shown < data.psets) {
    const failures = data.failures.length < data.failed
      ? `${count(data.failures.length)} of the ${count(data.failed)} failures`
      : data.failed ? `all ${many(data.failed, "failure")}` : "";
    const rest = [failures, "the slowest psets", "others chosen at random"].filter(Boolean);
    notes.push(`Plots and table show a sample, ${count(data.shown)} of ${count(data.psets)} psets: ${rest.slice(0, -1).join(", ")} and ${rest[rest.length - 1]}. The counts and the values of parameters are those of all psets.`);
  }
  if (data.texts_left_out) notes.push(`${many(data.texts_left_out, "traceback or log", "tracebacks and logs")} did not fit on this page; the database and the folders of the psets have them.`);
  if (!data.psets) notes.push("No pset has finished yet.");
  $("notes").replaceChildren(...notes.map((text) => el("p", { class: "note" }, text)));

  const cards = [[count(data.psets), data.psets === 1 ? "pset" : "psets"]];
  if (data.different < data.psets) cards.push([count(data.different), "different psets"]);
  cards.push([count(data.runs.length), data.runs.length === 1 ? "run" : "runs"]);
  cards.push([count(data.failed), "failed", data.failed ? "#failures" : null]);
  if (data.seconds !== null) cards.push([duration(data.seconds), "spent in psets"]);
  $("cards").replaceChildren(...cards.map(([big, small, href]) => el(href ? "a" : "div",
    { class: href ? "card bad" : "card", ...(href ? { href } : {}) }, el("b", {}, big), el("span", {}, small))));
}

function drawRuns() {
  const short = (text) => el("span", { title: text }, text.length > 12 ? text.slice(0, 8) : text);
  const list = (texts) => (texts.length ? el("span", {}, ...texts.slice(0, 5).flatMap((text) => [short(text), " "]), texts.length > 5 ? "…" : "") : null);
  $("runs-table").replaceChildren(simpleTable(
    [["run", "number"], ["state"], ["first pset started"], ["last pset ended"], ["psets", "number"], ["failed", "number"], ["spent in psets", "number"], ["per pset", "number"], ["commit"], ["hosts"], ["run id"]],
    data.runs.map((run) => [
      run.seq, el("span", { class: run.state }, run.state), when(run.start), when(run.end),
      run.planned && run.planned !== run.psets ? `${count(run.psets)} of ${count(run.planned)}` : count(run.psets),
      el("span", { class: run.failed ? "bad" : "" }, count(run.failed)),
      duration(run.seconds), run.psets && run.seconds !== null ? duration(run.seconds / run.psets) : null,
      list(run.commits), list(run.hosts), short(run.id)])));
  $("slowest").previousElementSibling.hidden = !data.slowest.length;
  const runtime = byName.get("_pset_runtime");
  $("slowest").replaceChildren(simpleTable(
    [["pset", "number"], ["run", "number"], ["runtime", "number"], ["parameters", "long"]],
    data.slowest.map((row) => [psetButton(row), byName.get("_run_seq").value(row), duration(runtime.value(row)), describe(row)])));
}

function drawParams() {
  $("params-table").replaceChildren(simpleTable(
    [["parameter"], ["type"], ["values", "number"], ["which", "wide"], ["psets without", "number"]],
    params.map((param) => {
      const { values } = param;
      let shown;
      if (param.low !== null && param.n_values > 12) {
        const [low, high] = [param.low, param.high].map((value) => el("span", { class: "value" }, shortNumber(value)));
        shown = [low, "to ", high];
      } else {
        const some = values.slice(0, 24);
        if (param.column.isNumber || param.column.kind === "date") some.sort(compareValues);
        shown = some.map((value) => el("span", { class: "value" }, shownValue(value, 40)));
        if (param.n_values > 24) shown.push(`… and ${count(param.n_values - 24)} more`);
      }
      return [shortText(param.column.name, 60), param.types.join(", "), count(param.n_values), el("span", {}, ...shown), param.missing ? count(param.missing) : null];
    })));
}

function drawCommits() {
  const found = new Map();
  for (const run of data.runs) {
    for (const commit of run.commits) found.set(commit, [...(found.get(commit) || []), run]);
  }
  $("commits-table").replaceChildren(simpleTable(
    [["commit"], ["runs"], ["first pset started"]],
    [...found].map(([commit, runs]) => [el("code", {}, commit), runs.map((run) => run.seq).join(", "), when(runs[0].start)])));
  return found.size;
}

// ---- plots ----

const escaped = (text) => text.replace(/[<>&\s]/gu, (char) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[char] || " ");
const drawn = []; // redrawn when the colours change
const palette = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#b2182b", "#7f7f7f", "#a6761d", "#1b9e77", "#666600"];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
// Only these: some that plotly has send the data of the plot to a server.
const buttons = [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]];
const config = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "" };

function show(div, traces, layout) {
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true, exponentformat: "power" };
  return Plotly.react(div, traces, {
    paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    font: { color: colour("text"), size: 12 }, margin: { l: 60, r: 20, t: 20, b: 50 }, hovermode: "closest",
    ...layout,
    ...(layout.xaxis ? { xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis } } : {}),
  }, { ...config, modeBarButtons: layout.xaxis ? buttons : [["toImage"]] });
}

function thinned(places, most) {
  const step = Math.ceil(places.length / most);
  return places.filter((_, i) => i % step === 0);
}

function axisOf(column, log, most = 24) {
  const title = { text: escaped(shortText(column.label, 50)) };
  if (column.isNumber) return { title, type: log ? "log" : "linear" };
  if (column.kind === "date") return { title, type: "date" };
  const ticks = thinned(column.places, most);
  const last = column.places[column.places.length - 1];
  return { title, type: "linear", tickvals: ticks, ticktext: ticks.map((at) => escaped(column.textAt(at, 20))), range: [-0.5, last + 0.5], zeroline: false };
}

const onAxis = (column, place) => (column.kind === "date" && !Number.isNaN(place) ? column.different[place] : place);
const hoverOf = (row, list) => [`pset ${seqs.value(row)}`, ...list.map((column) => `${column.name} = ${shortText(column.value(row), 50)}`)].map(escaped).join("<br>");

function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// [[place on the axis of x, median of y]], in the order of x
function mediansOf(rows, x, y) {
  const found = new Map();
  for (const row of rows) {
    const [at, value] = [x.at(row), y.at(row)];
    if (Number.isNaN(at) || Number.isNaN(value)) continue;
    if (!found.has(at)) found.set(at, []);
    found.get(at).push(value);
  }
  return [...found].sort((a, b) => a[0] - b[0]).map(([at, values]) => [at, median(values)]);
}

function heatmapOf(x, y, z, mostTicks = 16) {
  if (x.places.length > 200 || y.places.length > 200) return null;
  const places = [x, y].map((column) => (column.isNumber ? column.places : [...column.places]));
  const at = places.map((list) => new Map(list.map((place, i) => [place, i])));
  const found = places[1].map(() => places[0].map(() => []));
  for (const row of allRows) {
    const [i, j, value] = [at[0].get(x.at(row)), at[1].get(y.at(row)), z.at(row)];
    if (i !== undefined && j !== undefined && !Number.isNaN(value)) found[j][i].push(value);
  }
  const cells = found.map((line) => line.map((values) => (values.length ? median(values) : null)));
  const text = found.map((line, j) => line.map((values, i) => [
    `${x.name} = ${x.textAt(places[0][i], 50)}`, `${y.name} = ${y.textAt(places[1][j], 50)}`,
    values.length ? `${z.name} = ${shortNumber(cells[j][i])}${values.length > 1 ? ` (median of ${values.length})` : ""}` : "no pset"].map(escaped).join("<br>")));
  // Cells of the same size, whatever the steps of the values are.
  const ticks = (column, list) => {
    const some = thinned(list.map((_, i) => i), mostTicks);
    return { title: { text: escaped(shortText(column.label, 50)) }, type: "linear", tickvals: some, ticktext: some.map((i) => escaped(column.textAt(list[i], 16))), showgrid: false, zeroline: false };
  };
  return [
    [{ type: "heatmap", z: cells.map((line) => line.map((value) => (value === null ? null : scaleOf(z)(value)))), text, hoverinfo: "text", ...colours(z) }],
    { xaxis: ticks(x, places[0]), yaxis: ticks(y, places[1]) },
  ];
}

// Axes of parallel coordinates and colours know no log scale, so they get logarithms.
const scaleOf = (column) => (column.spansDecades ? Math.log10 : (value) => value);

// The texts at the ticks are plain: on axes of parallel coordinates plotly knows no tags.
function ticksOf(column) {
  const label = escaped(shortText(column.label, 22)) + (column.spansDecades ? " (log)" : "");
  const { places } = column;
  if (!column.isNumber || (column.role === "param" && places.length <= 10)) {
    const ticks = thinned(places, 20);
    return { label, tickvals: ticks.map(scaleOf(column)), ticktext: ticks.map((place) => column.textAt(place, 16)) };
  }
  if (!column.spansDecades) return { label };
  const decades = [];
  for (let i = Math.ceil(Math.log10(places[0])); i <= Math.log10(places[places.length - 1]); i++) decades.push(i);
  const ticks = thinned(decades, 12);
  return { label, tickvals: ticks, ticktext: ticks.map((i) => shortNumber(10 ** i)) };
}

function colours(column) {
  const { label, ...ticks } = ticksOf(column);
  if (ticks.ticktext) ticks.ticktext = ticks.ticktext.map(escaped);
  return { colorscale: "Viridis", showscale: true, colorbar: { title: { text: label }, thickness: 14, exponentformat: "power", ...ticks } };
}

function onPointClick(div, rowOf) {
  div.removeAllListeners("plotly_click");
  div.on("plotly_click", (event) => {
    const row = rowOf(event.points[0]);
    if (row !== undefined) showDetails(row);
  });
}

// one result against each parameter

const MOST_POINTS = 1000;
const MOST_PLOTS = 12;
const MOST_LINES = 3000; // more cannot be told apart, and take long where there is no graphics card

function drawEach() {
  const y = chosenIn($("each-result"));
  const log = $("each-log").checked;
  const against = varied.slice(0, MOST_PLOTS);
  const rows = allRows.filter((row) => !Number.isNaN(y.at(row)));
  const some = scattered(rows, MOST_POINTS);
  const notes = [];
  if (rows.length < data.shown) notes.push(`${many(data.shown - rows.length, "pset has", "psets have")} no such number`);
  if (some.length < rows.length) notes.push(`points: ${count(some.length)} of ${count(rows.length)} psets, medians: of all`);
  if (against.length < varied.length) notes.push(`the first ${against.length} of ${varied.length} parameters; see Explore for the others`);
  $("each-note").textContent = notes.join("; ");
  const boxes = $("each-plots");
  const wanted = against.length + (varied.length === 2);
  while (boxes.children.length < wanted) boxes.append(el("div"));
  against.forEach((x, i) => {
    const points = {
      type: "scatter", mode: "markers", x: some.map((row) => onAxis(x, x.at(row))), y: some.map((row) => onAxis(y, y.at(row))),
      text: some.map((row) => hoverOf(row, [...against, y])), hoverinfo: "text", marker: { size: 5, opacity: 0.55, color: palette[0] }, showlegend: false,
    };
    const traces = [points];
    if (x.places.length <= 60 && x.places.length < rows.length && y.isNumber) {
      const line = mediansOf(rows, x, y);
      traces.push({
        type: "scatter", mode: x.kind === "text" ? "markers" : "lines+markers", x: line.map(([at]) => onAxis(x, at)), y: line.map(([, value]) => value),
        text: line.map(([at, value]) => [`${x.name} = ${x.textAt(at, 50)}`, `median ${y.name} = ${shortNumber(value)}`].map(escaped).join("<br>")), hoverinfo: "text",
        line: { color: palette[1] }, marker: { color: palette[1], size: 9, symbol: "line-ew-open", line: { width: 3, color: palette[1] } }, showlegend: false,
      });
    }
    show(boxes.children[i], traces, { xaxis: axisOf(x, x.spansDecades, 8), yaxis: axisOf(y, log && y.isNumber), height: 300, margin: { l: 60, r: 15, t: 15, b: 50 } });
    onPointClick(boxes.children[i], (point) => (point.curveNumber === 0 ? some[point.pointIndex] : undefined));
  });
  if (varied.length === 2) {
    const [x, y2] = varied;
    const map = heatmapOf(x, y2, y, 8);
    if (map) show(boxes.children[2], map[0], { ...map[1], height: 300, margin: { l: 60, r: 15, t: 15, b: 50 } });
    else boxes.children[2].remove();
  }
}

// So many of these, spread at random but always alike.
function scattered(rows, most) {
  if (rows.length <= most) return rows;
  let state = 1;
  const random = () => { state = (state * 48271) % 2147483647; return state / 2147483647; };
  const left = [...rows];
  for (let i = 0; i < most; i++) {
    const j = i + Math.floor(random() * (left.length - i));
    [left[i], left[j]] = [left[j], left[i]];
  }
  return left.slice(0, most).sort((a, b) => a - b);
}

// any column against any other

function drawExplore() {
  const [x, y, hue] = ["x", "y", "hue"].map((name) => chosenIn($(`explore-${name}`)));
  const kind = $("explore-kind").value;
  const div = $("explore-plot");
  const note = (text) => { $("explore-note").textContent = text; };
  const layout = { xaxis: axisOf(x, $("explore-logx").checked), yaxis: axisOf(y, $("explore-logy").checked), height: 480 };
  let rowOf = () => undefined;
  let traces = [];
  note("");
  if (kind === "heatmap") {
    const map = hue && x !== y ? heatmapOf(x, y, hue) : null;
    if (!map) {
      note(hue ? "a heatmap needs two different columns of at most 200 values each" : "choose the result that the colours shall show");
    } else {
      traces = map[0];
      Object.assign(layout, map[1]);
    }
  } else if (kind === "lines") {
    const groups = hue ? hue.places : [null];
    if (groups.length > 24) {
      note(`${hue.name} has ${count(groups.length)} values, too many for lines: choose another column for the colour`);
    } else {
      traces = groups.map((group, i) => {
        const line = mediansOf(hue ? allRows.filter((row) => hue.at(row) === group) : allRows, x, y);
        return {
          type: "scatter", mode: "lines+markers", x: line.map(([at]) => onAxis(x, at)), y: line.map(([, value]) => onAxis(y, Math.round(value) === value || y.isNumber ? value : NaN)),
          name: hue ? escaped(hue.textAt(group)) : "", showlegend: hue !== null, line: { color: palette[i % palette.length], dash: ["solid", "dash", "dot"][Math.floor(i / palette.length) % 3] },
          text: line.map(([at, value]) => [...(hue ? [`${hue.name} = ${hue.textAt(group, 50)}`] : []), `${x.name} = ${x.textAt(at, 50)}`, `median ${y.name} = ${shortText(value)}`].map(escaped).join("<br>")), hoverinfo: "text",
        };
      });
      if (hue) layout.legend = { title: { text: escaped(shortText(hue.label, 30)) } };
    }
  } else {
    const rows = allRows.filter((row) => ![x, y, ...(hue ? [hue] : [])].some((column) => Number.isNaN(column.at(row))));
    if (rows.length < data.shown) note(`${many(data.shown - rows.length, "pset lacks", "psets lack")} one of these`);
    const type = rows.length > 2000 ? "scattergl" : "scatter";
    const points = (some, more) => ({
      type, mode: "markers", x: some.map((row) => onAxis(x, x.at(row))), y: some.map((row) => onAxis(y, y.at(row))),
      text: some.map((row) => hoverOf(row, [...new Set([x, y, ...(hue ? [hue] : [])])])), hoverinfo: "text", customdata: some, ...more,
    });
    if (hue && !hue.isNumber && hue.places.length <= palette.length) {
      traces = hue.places.map((place, i) => points(rows.filter((row) => hue.at(row) === place), { name: escaped(hue.textAt(place)), marker: { color: palette[i], opacity: 0.7 } }));
      layout.legend = { title: { text: escaped(shortText(hue.label, 30)) } };
      layout.showlegend = true;
    } else if (hue) {
      const scale = scaleOf(hue);
      traces = [points(rows, { marker: { ...colours(hue), color: rows.map((row) => scale(hue.at(row))), opacity: 0.8 } })];
    } else {
      traces = [points(rows, { marker: { color: palette[0], opacity: 0.6 } })];
    }
    rowOf = (point) => point.customdata;
  }
  show(div, traces, layout);
  onPointClick(div, rowOf);
}

// parallel coordinates

let axes = [];
let brushed = []; // [column, [[low, high], ...]], in the values of `at`
function dimensionOf(column, rows) {
  const scale = scaleOf(column);
  const dimension = { name: String(column.place), tickformat: ".6~g", ...ticksOf(column), values: rows.map((row) => scale(column.at(row))) };
  const { places } = column;
  if (places.length === 1) dimension.range = [scale(places[0]) - 0.5, scale(places[0]) + 0.5];
  return dimension;
}

function drawParallel() {
  const hue = chosenIn($("parallel-hue"));
  const div = $("parallel-plot");
  const whole = allRows.filter((row) => ![...axes, ...(hue ? [hue] : [])].some((column) => Number.isNaN(column.at(row))));
  const rows = scattered(whole, MOST_LINES);
  const notes = [];
  const without = data.shown - whole.length;
  if (without) notes.push(`${many(without, "pset lacks", "psets lack")} a value on one of these axes and ${without === 1 ? "is" : "are"} not drawn`);
  if (rows.length < whole.length) notes.push(`${count(rows.length)} of ${count(whole.length)} psets are drawn`);
  $("parallel-note").textContent = notes.join("; ");
  const line = { color: palette[0] };
  if (hue) {
    const scale = scaleOf(hue);
    Object.assign(line, colours(hue), { color: rows.map((row) => scale(hue.at(row))) });
  }
  const wasBrushed = brushed.length > 0;
  brushed = [];
  show(div, axes.length && rows.length ? [{
    type: "parcoords", line, dimensions: axes.map((column) => dimensionOf(column, rows)),
    labelfont: { color: colour("text"), size: 12 }, tickfont: { color: colour("text"), size: 11 }, rangefont: { color: colour("quiet"), size: 10 },
  }] : [], { height: 420, margin: { l: axes.length && !axes[0].isNumber ? 110 : 70, r: 60, t: 60, b: 30 } });
  div.removeAllListeners("plotly_restyle");
  div.on("plotly_restyle", readBrush);
  $("parallel-clear").hidden = true;
  if (wasBrushed) filterRows();
}

function readBrush() {
  const trace = $("parallel-plot").data[0];
  brushed = [];
  for (const { name, constraintrange: ranges } of trace.dimensions) { // axes may have been moved
    if (ranges && ranges.length) brushed.push([columns[Number(name)], Array.isArray(ranges[0]) ? ranges : [ranges]]);
  }
  $("parallel-clear").hidden = !brushed.length;
  filterRows();
}

const inBrush = (row) => brushed.every(([column, ranges]) => {
  const at = scaleOf(column)(column.at(row));
  return ranges.some(([low, high]) => at >= low && at <= high);
});

// Whether one of several parameters alone decides on a result: another may have more to say.
function follows(result) {
  return result.places.length < 2 || (varied.length > 1 && varied.some((param) => {
    if (param.places.length === data.shown) return false;
    const seen = new Map();
    return allRows.every((row) => {
      const [at, value] = [param.at(row), result.at(row)];
      if (Number.isNaN(value)) return true;
      if (!seen.has(at)) seen.set(at, value);
      return seen.get(at) === value;
    });
  }));
}

function startPlots() {
  const plain = columns.filter((column) => column.role === "book" && ["_pset_seq", "_run_seq", "_time_utc", "_exec_host", "_failed"].includes(column.name) && canPlot(column));
  const constant = params.map((param) => param.column).filter((column) => !varied.includes(column) && canPlot(column));
  const numbers = goodResults.filter((column) => column.isNumber);
  const first = numbers.find((column) => column.name !== "_pset_runtime" && !follows(column)) || numbers[0] || goodResults[0] || null;
  const jobs = [];

  if (varied.filter(canPlot).length + goodResults.length > 1) {
    // Texts that differ in each pset would hide all else.
    axes = [...varied.filter(canPlot).slice(0, 7), ...goodResults.slice(0, 5)].filter((column, i, list) => column.places.length > 1 || list.length < 3);
    const choices = [...params.map((param) => param.column), ...results].filter((column) => column.places.length);
    checks($("parallel-axes"), choices, (column) => axes.includes(column), (column, on) => {
      axes = choices.filter((other) => (other === column ? on : axes.includes(other)));
      drawParallel();
    });
    options($("parallel-hue"), [["results", goodResults], ["parameters", varied], ["book-keeping", plain]], first);
    $("parallel-hue").prepend(el("option", { value: "" }, "none"));
    if (!first) $("parallel-hue").value = "";
    $("parallel-hue").addEventListener("change", drawParallel);
    $("parallel-clear").addEventListener("click", drawParallel);
    jobs.push(drawParallel);
  } else $("parallel").remove();

  if (varied.length && first) {
    options($("each-result"), [["results", goodResults]], first);
    $("each-log").checked = first.spansDecades;
    $("each-result").addEventListener("change", () => {
      $("each-log").checked = chosenIn($("each-result")).spansDecades;
      drawEach();
    });
    $("each-log").addEventListener("change", drawEach);
    jobs.push(drawEach);
  } else $("each").remove();

  const choices = [["parameters", varied], ["results", results.filter((column) => column.places.length)], ["book-keeping", plain], ["constant", constant]];
  if (data.psets && seqs) {
    const [x, second] = varied.length ? varied : [seqs];
    const isMap = Boolean(second && first) && x.places.length <= 200 && second.places.length <= 200 && x.places.length * second.places.length <= 2 * data.shown;
    options($("explore-x"), choices, x);
    options($("explore-y"), choices, isMap ? second : first || seqs);
    options($("explore-hue"), choices, isMap ? first : second || null);
    $("explore-hue").prepend(el("option", { value: "" }, "none"));
    if (!isMap && !second) $("explore-hue").value = "";
    $("explore-kind").value = isMap ? "heatmap" : "points";
    for (const axis of ["x", "y"]) {
      const box = $(`explore-log${axis}`);
      box.checked = chosenIn($(`explore-${axis}`)).spansDecades;
      box.addEventListener("change", drawExplore);
      $(`explore-${axis}`).addEventListener("change", () => {
        box.checked = chosenIn($(`explore-${axis}`)).spansDecades;
        drawExplore();
      });
    }
    for (const id of ["explore-kind", "explore-hue"]) $(id).addEventListener("change", drawExplore);
    jobs.push(drawExplore);
  } else $("explore").remove();

  drawn.push(...jobs);
  // One after another, so that the page can be read and scrolled meanwhile.
  const next = () => {
    const job = jobs.shift();
    if (job) { job(); setTimeout(next, 0); } else document.body.dataset.ready = "yes";
  };
  setTimeout(next, 0);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((draw) => draw()));
}

// ---- the table ----

const PAGE = 100;
const table = { shown: [], rows: allRows, page: 0, sort: null, down: false, filters: new Map() };

function testOf(column, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return null;
  const range = wanted.match(/^(-?[\d.]+(?:e[+-]?\d+)?)\s*\.\.\s*(-?[\d.]+(?:e[+-]?\d+)?)$/);
  const comparison = wanted.match(/^(<=|>=|!=|<|>|=)\s*(.*)$/);
  if (range && column.isNumber) {
    const [low, high] = [Number(range[1]), Number(range[2])];
    return (row) => { const at = column.at(row); return at >= low && at <= high; };
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
      return (row) => compare(column.at(row));
    }
    if (column.kind === "date") {
      const compare = { "<": (text) => text < other, "<=": (text) => text <= other, ">": (text) => text > other, ">=": (text) => text >= other }[sign];
      return (row) => { const text = textOf(column.value(row)).toLowerCase(); return text !== "" && compare(text); };
    }
  }
  return (row) => textOf(column.value(row)).toLowerCase().includes(wanted);
}

function filterRows() {
  const tests = [...table.filters].map(([column, text]) => testOf(column, text)).filter(Boolean);
  const search = $("table-search").value.trim().toLowerCase();
  if (search) tests.push((row) => table.shown.some((column) => textOf(column.value(row)).toLowerCase().includes(search)) || textOf(seqs.value(row)) === search);
  if (brushed.length) tests.push(inBrush);
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
  $("table-brush").hidden = !brushed.length;
  drawRows();
}

function drawRows() {
  const pages = Math.max(1, Math.ceil(table.rows.length / PAGE));
  const failed = (row) => failureOf.has(row);
  $("rows").tBodies[0].replaceChildren(...table.rows.slice(table.page * PAGE, (table.page + 1) * PAGE).map((row) => el("tr", { class: failed(row) ? "failed" : "" },
    el("td", { class: "number" }, psetButton(row)),
    ...table.shown.map((column) => el("td", { class: column.isNumber ? "number" : isLong(column.value(row)) }, shownValue(column.value(row), 120))))));
  $("table-count").textContent = table.rows.length === data.shown ? many(data.shown, "row") : `${count(table.rows.length)} of ${many(data.shown, "row")}`;
  $("table-page").textContent = `page ${table.page + 1} of ${pages}`;
  $("table-prev").parentElement.hidden = pages === 1;
  $("table-prev").disabled = table.page === 0;
  $("table-next").disabled = table.page + 1 >= pages;
}

function sortBy(column) {
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
  drawMarks();
}

function startTable() {
  const choices = columns.filter((column) => column !== seqs);
  const usual = choices.filter((column) => column.role !== "book" || (column.name === "_failed" && data.failed)).slice(0, 30);
  table.shown = usual;
  const order = (column) => ({ param: 0, result: 1, book: 2 })[column.role];
  const draw = () => {
    table.shown = [...table.shown].sort((a, b) => order(a) - order(b) || a.place - b.place);
    drawTableHead();
    filterRows();
  };
  checks($("table-columns"), choices, (column) => table.shown.includes(column), (column, on) => {
    table.shown = on ? [...table.shown, column] : table.shown.filter((other) => other !== column);
    if (!on) table.filters.delete(column);
    draw();
  });
  $("table-search").addEventListener("input", filterRows);
  $("table-clear").addEventListener("click", () => {
    table.filters.clear();
    $("table-search").value = "";
    if (brushed.length) drawParallel();
    draw();
  });
  $("table-prev").addEventListener("click", () => { table.page -= 1; drawRows(); });
  $("table-next").addEventListener("click", () => { table.page += 1; drawRows(); });
  draw();
}

// ---- failures, and all of one pset ----

function textsOf(row) {
  const failure = failureOf.get(row);
  const parts = [];
  if (failure) {
    parts.push(el("h3", {}, "Traceback"), failure.text === null
      ? el("p", { class: "quiet" }, "There is none on this page.") : el("pre", {}, data.texts[failure.text]));
    if (failure.mended) parts.push(el("p", { class: "good" }, "The same parameters have succeeded in another row."));
  }
  if (logOf.has(row)) parts.push(el("h3", {}, "Log"), el("pre", {}, data.texts[logOf.get(row)]));
  return parts;
}

function showDetails(row) {
  $("details-title").textContent = `Pset ${seqs.value(row)}`;
  const group = (role) => columns.filter((column) => column.role === role && column.cells[row] !== null)
    .map((column) => [column.label, el("span", { class: isOdd(column.value(row)) ? "odd" : "" }, textOf(column.value(row)))]);
  const body = [];
  for (const [role, title] of [["param", "Parameters"], ["result", "Results"]]) {
    const rows = group(role);
    if (rows.length) body.push(el("h3", {}, title), simpleTable([["name"], ["value", "long"]], rows));
  }
  body.push(...textsOf(row), el("h3", {}, "Book-keeping"), simpleTable([["name"], ["value", "long"]], group("book")));
  $("details-body").replaceChildren(...body);
  if (!$("details").open) $("details").showModal();
  $("details").scrollTop = 0;
}

let nFailures = 50;

function drawFailures() {
  const kind = $("failures-kind").value;
  const some = data.failures.filter((failure) => kind === "" || kindOf(failure) === kind);
  $("failures-list").replaceChildren(...some.slice(0, nFailures).map((failure) => {
    const box = el("details", {}, el("summary", {}, `pset ${seqs.value(failure.row)}: `, el("b", {}, failure.error || "failed"),
      " ", el("span", { class: "quiet" }, describe(failure.row)), failure.mended ? el("span", { class: "good" }, " (succeeded in another row)") : null));
    box.addEventListener("toggle", () => {
      if (box.open && box.children.length === 1) {
        box.append(...textsOf(failure.row), el("button", { type: "button", onclick: () => showDetails(failure.row) }, "all of this pset"));
      }
    });
    return box;
  }));
  $("failures-more").hidden = some.length <= nFailures;
}

const kindOf = (failure) => failure.error.split(":")[0].trim().slice(0, 60) || "failed";

function startFailures() {
  if (!data.failures.length) { $("failures").remove(); return; }
  const kinds = new Map();
  for (const failure of data.failures) kinds.set(kindOf(failure), (kinds.get(kindOf(failure)) || 0) + 1);
  $("failures-kind").append(el("option", { value: "" }, `all (${data.failures.length})`),
    ...[...kinds].sort((a, b) => b[1] - a[1]).map(([kind, n]) => el("option", { value: kind }, `${kind} (${n})`)));
  $("failures-kind").addEventListener("change", () => { nFailures = 50; drawFailures(); });
  $("failures-more").addEventListener("click", () => { nFailures += 50; drawFailures(); });
  drawFailures();
}

// ---- all of it ----

drawHead();
drawRuns();
if (params.length) drawParams(); else $("params").remove();
if (!drawCommits()) $("commits").remove();
startFailures();
$("details-close").addEventListener("click", () => $("details").close());
$("details").addEventListener("click", (event) => { if (event.target === $("details")) $("details").close(); });
if (seqs) startTable(); else $("table").remove();
startPlots();
for (const section of document.querySelectorAll("main section")) {
  section.prepend(el("h2", {}, section.dataset.title));
  $("nav").append(el("a", { href: `#${section.id}` }, section.dataset.title));
}
})();
