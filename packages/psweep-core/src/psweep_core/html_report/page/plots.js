// Plots of single psets: a result against each parameter, and any column against any other one.

const MOST_POINTS = 1000;
const MOST_PLOTS = 12;

// Choose this many of these, spread at random but always alike.
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

// A number from 0 to 1 for each row, always the same.
const jitter = (row) => ((row + 1) * 0.6180339887498949) % 1;

// Axes show times as they are written: one without a time zone is taken for UTC, which axes have.
const timeOf = (value) => Date.parse(/T[^Z+-]*$/.test(textOf(value)) ? `${textOf(value)}Z` : textOf(value));

function columnAxis(column, log = column.isLog) {
  const title = column.label;
  if (column.kind === "date") {
    const times = column.different.map(timeOf);
    return { title, date: true, low: Math.min(...times), high: Math.max(...times) };
  }
  if (!column.isNumber) return { title, labels: labelsOf(column) };
  const { places } = column;
  const low = log ? places.find((place) => place > 0) : places[0];
  return { title, low: low === undefined ? 0 : low, high: places[places.length - 1], log: log && low !== undefined, places: column.role === "param" && places.length <= 12 ? places.filter((place) => place >= low) : null };
}

function labelsOf(column) {
  const labels = [];
  column.different.forEach((value, code) => { labels[column.order[code]] = shortText(value, 24); });
  return Array.from(labels, (label) => label || ""); // a sample may lack some
}

// The place of a row on such an axis; NaN if it has none.
function placeOn(column, row, log = column.isLog) {
  const at = column.at(row);
  if (Number.isNaN(at)) return NaN;
  if (column.kind === "date") return timeOf(column.different[at]);
  if (!column.isNumber) return column.order[at];
  return log && at <= 0 ? NaN : at;
}

const tipOfRow = (row, list) => [`pset ${seqs.value(row)}`, ...list.map((column) => `${column.name} = ${column.shown(column.value(row), 50)}`)];

// ---- one result against each parameter ----

function drawEach() {
  const y = chosenIn($("each-result"));
  const log = $("each-log").checked;
  const result = answers.results.find((some) => some.column === y.place);
  const against = varied.slice(0, MOST_PLOTS);
  const rows = allRows.filter((row) => !Number.isNaN(placeOn(y, row, log)));
  const some = scattered(rows, MOST_POINTS);
  const notes = [result ? `large dots: ${result.log ? "geometric means" : "means"} over all psets of a value${result.means.some((one) => one && one.lost.some(Boolean)) ? ` (○ some ${whyLost(result)})` : ""}; points: single psets` : "points: single psets"];
  const without = data.shown - rows.length;
  if (without) notes.push(`${many(without, "pset")} without ${log ? "a positive " : ""}${y.lacked(30)} not drawn`);
  if (some.length < data.psets - without) notes.push(`points: ${count(some.length)} of ${count(data.psets)} psets`);
  if (against.length < varied.length) notes.push(`the first ${against.length} of ${varied.length} parameters`);
  $("each-note").textContent = notes.join("; ");
  const boxes = $("each-plots");
  while (boxes.children.length < against.length) boxes.append(el("div"));
  against.forEach((x, i) => {
    const points = some.filter((row) => !Number.isNaN(placeOn(x, row)));
    const marks = [{
      type: "dots", points: points.map((row) => [placeOn(x, row), placeOn(y, row, log)]), aside: (k) => jitter(points[k]) - 0.5, colour: 0, size: some.length < 100 ? 3.5 : 2.2, opacity: some.length < 100 ? 0.7 : 0.4,
      tip: (k) => tipOfRow(points[k], [...against.slice(0, 8), y]), row: (k) => points[k],
    }];
    const { axis } = x;
    if (axis && axis.number === x.isNumber && result && result.means[axis.place]) marks.push(...meanMarks(axis, result, x, log));
    chart(boxes.children[i], { label: `${y.name} against ${x.name}`, height: 260, x: { ...columnAxis(x), margin: 0.1 }, y: columnAxis(y, log), marks, onRow: showDetails });
  });
}

function meanMarks(axis, result, x, log) {
  const at = (i) => (x.isNumber ? (x.isLog && axis.places[i] <= 0 ? NaN : axis.places[i]) : axis.values[i] === null ? NaN : x.kind === "date" ? timeOf(axis.values[i]) : i);
  const found = [...meansOf(result, [axis]).entries()].filter(([, one]) => one.n && (!log || one.mean > 0))
    .map(([i, one]) => [at(Number(i)), one, axis.labels[Number(i)]]).filter(([place]) => !Number.isNaN(place));
  if (found.length >= 0.7 * data.psets) return [];
  const dots = { type: "dots", points: found.map(([at, one]) => [at, one.mean]), colour: 1, size: 4, hollow: (k) => found[k][1].lost > 0, tip: (k) => tipOf(found[k][1], [`${axis.label} = ${found[k][2]}`], result.name, result, spreadOver([axis])) };
  // Only what has an order gets a line. The points show the spread, of all that differs.
  return axis.number && !axis.repeats ? [{ type: "line", points: dots.points, colour: 1 }, dots] : [dots];
}

// ---- any column against any other ----

let chosenRows = null; // of a rectangle that was dragged

function drawExplore() {
  const [x, y, hue] = ["x", "y", "hue"].map((name) => chosenIn($(`explore-${name}`)));
  const [logx, logy] = ["x", "y"].map((name) => $(`explore-log${name}`).checked);
  const has = (column, row, log) => !Number.isNaN(placeOn(column, row, log));
  const rows = allRows.filter((row) => has(x, row, logx) && has(y, row, logy) && (!hue || !Number.isNaN(hue.at(row))));
  const without = data.shown - rows.length;
  const lacking = [[x, logx], [y, logy], [hue, false]].filter(([column, log]) => column && allRows.some((row) => !has(column, row, log)));
  const unique = [...new Set(lacking.map(([column]) => column.lacked(30)))];
  $("explore-note").textContent = without ? `${many(without, "pset")} not drawn: no ${unique.join(" or no ")}${logx || logy ? ", or not positive" : ""}` : "";
  const wide = (column) => (column.isNumber || column.kind === "date" ? 0 : 0.6);
  const place = (row) => [placeOn(x, row, logx) + wide(x) * (jitter(row) - 0.5), placeOn(y, row, logy) + wide(y) * (jitter(7 * row + 3) - 0.5)];
  const [colours, key] = coloursOf(hue, rows);
  // What is outside of the ranges of the parallel coordinates is grey.
  const inRange = parallel.brushed.size ? rangeTest() : null;
  const shown = inRange ? rows.map((row, i) => (inRange(row) ? (colours ? colours[i] : 0) : colour("line"))) : colours;
  // In an order that no value of the colour wins by being drawn last.
  const order = rows.map((_, i) => i).sort((a, b) => jitter(rows[a]) - jitter(rows[b]));
  const points = order.map((i) => place(rows[i]));
  const marks = [{
    type: "dots", points, colours: shown ? order.map((i) => shown[i]) : null, colour: 0, size: rows.length > 2000 ? 2.5 : 3.2, opacity: 0.65,
    tip: (k) => tipOfRow(rows[order[k]], [...new Set([x, y, ...(hue ? [hue] : [])])]), row: (k) => rows[order[k]],
  }];
  const dragged = (test) => {
    chosenRows = test ? new Set(rows.filter((row) => test(place(row)))) : null;
    drawParallel();
    filterRows();
  };
  const had = chosenRows;
  chosenRows = null;
  chart($("explore-plot"), { label: `${y.name} against ${x.name}`, height: 420, x: columnAxis(x, logx), y: columnAxis(y, logy), marks, onRow: showDetails, onBrush: dragged });
  $("explore-legend").replaceChildren(...key);
  if (had) dragged(null);
}

// The colours of rows, and what they mean.
function coloursOf(hue, rows) {
  if (!hue) return [null, []];
  const name = shortText(hue.label, 30);
  if (!hue.isNumber && hue.places.length <= PALETTE) {
    const codes = hue.different.map((_, code) => code).sort((a, b) => hue.order[a] - hue.order[b]);
    return [rows.map((row) => hue.order[hue.at(row)]), [el("span", {}, name), legend(codes.map((code) => [shortText(hue.different[code], 40), hue.order[code]]))]];
  }
  const at = hue.isNumber ? (row) => hue.at(row) : (row) => hue.order[hue.at(row)];
  const { low, high } = hue.isNumber ? columnAxis(hue) : { low: 0, high: hue.different.length - 1 };
  const shade = shades(low, high, hue.isLog);
  return [rows.map((row) => shade(at(row))), hue.isNumber ? [scaleBar(low, high, hue.isLog, name)] : [el("span", {}, `${name}: one shade for each value`)]];
}

function startPlots() {
  const plain = columns.filter((column) => column.role === "book" && ["_pset_seq", "_run_seq", "_time_utc", "_exec_host", "_failed", "_job_state"].includes(column.name) && canPlot(column));
  const constant = params.map((param) => param.column).filter((column) => !varied.includes(column) && canPlot(column));
  const goodResults = results.filter(canPlot);
  const first = look.result ? columns[look.result.column] : goodResults.find((column) => column.isNumber) || goodResults[0] || null;
  const draws = [];
  if (varied.length && look.result && first) {
    options($("each-result"), [["results", goodResults]], first);
    const isLog = () => answers.results.some((result) => result.column === chosenIn($("each-result")).place && result.log);
    const choose = () => { $("each-log").checked = isLog(); };
    bind($("each-result"), "each", () => { choose(); setState("each-log", null); drawEach(); });
    choose();
    bindBox($("each-log"), isLog, drawEach);
    draws.push(drawEach);
  } else $("each").remove();
  const choices = [["parameters", varied.filter(canPlot)], ["results", goodResults], ["bookkeeping", plain], ["constant", constant]];
  if (seqs && first && first.cells.filter((cell) => cell !== null).length > 1) {
    const other = goodResults.find((column) => column !== first && column.isNumber && column.name !== "_pset_runtime");
    const [x, second] = varied.filter(canPlot);
    const hue = (other ? x : second) || null;
    options($("explore-x"), choices, other || x || seqs);
    options($("explore-y"), choices, first);
    options($("explore-hue"), choices, hue);
    $("explore-hue").prepend(noneOption());
    if (!hue) $("explore-hue").value = "";
    for (const axis of ["x", "y"]) {
      const box = $(`explore-log${axis}`);
      const select = $(`explore-${axis}`);
      const setBox = () => {
        const column = chosenIn(select);
        box.checked = column.isLog;
        box.disabled = !column.isNumber || column.places[column.places.length - 1] <= 0;
      };
      bind(select, `explore-${axis}`, () => { setBox(); setState(box.id, null); drawExplore(); });
      setBox();
      bindBox(box, () => chosenIn(select).isLog, drawExplore);
    }
    bind($("explore-hue"), "explore-hue", drawExplore);
    draws.push(drawExplore);
  } else $("explore").remove();
  return draws;
}
