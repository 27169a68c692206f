// The columns of a study, see data.py. A cell is a number, a text or a bool; [text] is what JSON has
// no value for, and null is a cell that its row does not have.

const $ = (id) => document.getElementById(id);
const packed = Uint8Array.from(atob($("data").textContent), (char) => char.charCodeAt(0));
const data = JSON.parse(await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
const collator = new Intl.Collator("en", { numeric: true });
const isOdd = Array.isArray;

function textOf(value) {
  if (value === null || value === undefined) return "";
  return isOdd(value) ? value[0] : String(value);
}

// 6 digits at most, and an exponent only where zeros would have to be counted.
function shortNumber(value, digits = 6) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return shortExponent(value, digits);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(digits)));
}

const shortExponent = (value, digits = 6) => (value === 0 ? "0" : value.toExponential(digits - 1).replace(/\.?0*e\+?/, "e"));

// Write numbers with as many digits as it takes to tell them apart, such as 1000000.1 and 1000000.2.
function apart(values, write, digits) {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const gaps = new Map(sorted.map((value, i) => [value, Math.min(...[sorted[i - 1], sorted[i + 1]].filter((other) => other !== undefined).map((other) => Math.abs(other - value)))]));
  for (let n = digits; n < 17; n++) {
    const texts = values.map((value) => write(value, n));
    if (texts.every((text, i) => Math.abs(Number(text) - values[i]) <= 0.05 * gaps.get(values[i]))) return texts;
  }
  return values.map(String);
}

// The same with few digits, also of integers.
const roughly = (values, digits) => apart(values, (value, n) => shortNumber(Number(value.toPrecision(n)), n), digits);

// Numbers that belong together: all have an exponent, or none.
function alike(values) {
  return apart(values, values.some((value) => shortNumber(value).includes("e")) ? shortExponent : shortNumber, 6);
}

// How the numbers of a column are written: one form for all, with decimals below each other. Where all
// digits would be too many, there are enough to tell the numbers apart; about four.
function numberForm(values) {
  const some = values.filter((value) => value !== 0).map(Math.abs).sort((a, b) => a - b);
  const at = (list, part) => list[Math.min(list.length - 1, Math.floor(part * list.length))];
  if (values.every(Number.isInteger) && (!some.length || some[some.length - 1] < 2 ** 53)) return String;
  const different = [...new Set(values)];
  const texts = different.length <= 20 ? alike(different) : [];
  if (texts.length && texts.every((text) => text.length <= 7)) {
    if (texts.some((text) => text.includes("e"))) return (value) => shortExponent(value);
    const decimals = (text) => (text.split(".")[1] || "").length;
    const most = Math.max(...texts.map(decimals));
    return (value) => { // spaces as wide as digits, and as a point
      const text = shortNumber(value);
      return text + (text.includes(".") ? "" : "\u2008") + "\u2007".repeat(Math.max(0, most - decimals(text)));
    };
  }
  const [low, high] = [at(some, 0.05), at(some, 0.95)];
  const sorted = [...values].sort((a, b) => a - b);
  const spread = at(sorted, 0.95) - at(sorted, 0.05);
  if (low < 1e-3 || high >= 1e9 || high / low >= 1000) {
    const decimals = spread > 0 ? Math.min(15, Math.max(3, 2 + Math.ceil(Math.log10(high / spread)))) : 3;
    return (value) => (value === 0 ? "0" : value.toExponential(decimals).replace("e+", "e"));
  }
  const digits = Math.max(3 - Math.floor(Math.log10(at(some, 0.25))), spread > 0 ? 2 - Math.floor(Math.log10(spread)) : 0);
  return (value) => value.toFixed(Math.min(12, Math.max(0, digits)));
}

// Numbers of a column with the same number of decimals.
function sameDigits(values) {
  const texts = alike(values);
  const split = texts.map((text) => text.match(/^(-?\d+)(?:\.(\d+))?(e.*)?$/));
  if (split.includes(null) || new Set(split.map(([, , , end]) => Boolean(end))).size > 1) return texts;
  const most = Math.max(...split.map(([, , decimals]) => (decimals || "").length));
  return split.map(([, whole, decimals, end]) => (most ? `${whole}.${(decimals || "").padEnd(most, "0")}` : whole) + (end || ""));
}

// All digits, for whoever wants to copy them.
function exactText(value) {
  return typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : textOf(value);
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
  // A number as the table shows it.
  textOf(number) {
    if (!this._form) this._form = numberForm(this.cells.filter((cell) => typeof cell === "number"));
    return this._form(number);
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
  // The axis that has its values as levels. (That of parameters that vary together has the first one's.)
  get axis() {
    return axes.find((one) => one && data.factors[one.place][0] === this.place);
  }
  // The places in the order of plots: as the study has them, so that a value has one colour everywhere.
  get order() {
    if (!this._order) {
      const axis = this.axis;
      const levels = axis && !axis.number ? axis.values.map((value) => JSON.stringify(value)) : [];
      const at = this.different.map((value) => levels.indexOf(JSON.stringify(value)));
      this._order = new Set(at).size === at.length && !at.includes(-1) ? at : this.rank;
    }
    return this._order;
  }
  forSort(row) {
    const cell = this.cells[row];
    if (cell === null) return Infinity;
    if (!this.isNumber) return this.rank[cell];
    return typeof cell === "number" ? cell : Number.MAX_VALUE; // nan, inf and None come last
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
  // What a pset lacks that cannot be drawn or averaged: infinite values are shown, but are no places.
  lacked(most) {
    const isInfinite = this.cells.some((cell) => isOdd(cell) && cell[0].endsWith("inf"));
    return `${isInfinite && this.isNumber ? "finite " : ""}${shortText(this.name, most)}`;
  }
  // A value of it, as the table shows it.
  shown(value, most) {
    return typeof value === "number" ? this.textOf(value).trim() : shortText(value, most);
  }
  // The text of such a place.
  textAt(place, most = 30) {
    return shortText(this.isNumber ? place : this.different[place], most);
  }
  // Whether a logarithmic axis shows the values better.
  get isLog() {
    const { axis, places } = this;
    if (this.isNumber && axis && axis.number) return axis.log; // even if failed psets have values that are not positive
    if (!this.isNumber || places.length < 3 || places[0] <= 0) return false;
    const ratio = places[1] / places[0];
    if (places.length <= 60 && places[places.length - 1] >= 2 * places[0] && places.every((place, i) => i === 0 || Math.abs(place / places[i - 1] / ratio - 1) < 1e-3)) return true;
    // All but the outermost tenths: a few numbers near zero are no reason for logarithms.
    const last = places.length - 1;
    return places[Math.ceil(0.9 * last)] / places[Math.floor(last / 10)] >= 100;
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
const isSample = data.shown < data.psets;
const failureOf = new Map(data.failures.map((failure) => [failure.row, failure]));
const logOf = new Map(data.logs);
const params = data.params.map((param) => ({ ...param, column: columns[param.column] }));
for (const { column, types } of params) column.isFloat = types.length === 1 && types[0] === "float"; // JSON.parse makes 1 of 1.0
const varied = params
  .filter((param) => param.n_values + (param.missing > 0) > 1)
  .map((param) => param.column)
  .filter((column) => column.places.length);
const results = columns.filter((column) => column.role === "result");
const canPlot = (column) => column.places.length > 0
  && (column.kind !== "text" || column.places.length <= 50);
// The parameters that vary, as axes with levels: null for one with too many texts.
const axes = data.axes.map((axis, place) => (axis
  ? { ...axis, place, labels: axis.number && !axis.binned ? alike(axis.places) : axis.labels } : null));
for (const result of data.answers.results) result.name = columns[result.column].name;
