// Parallel coordinates: one line for each pset, on a canvas, with axes in SVG above it.

const MOST_LINES = 3000; // more cannot be distinguished
const parallel = { axes: [], brushed: new Map() }; // brushed: column to [low, high], from 0 to 1

function parallelAxis(column) {
  const spec = columnAxis(column);
  const scale = scaleOf({ ...spec, tight: !spec.labels }, 9);
  const places = spec.labels ? spec.labels.map((_, i) => i) : column.places.filter((place) => !spec.log || place > 0);
  // Few levels, as on a grid: lines that would coincide get places next to each other.
  const few = places.length <= 12 && places.length > 1 && column.kind !== "date";
  const at = few ? places.map(scale.at) : [];
  const gap = few ? Math.min(...at.slice(1).map((place, i) => place - at[i]), 0.12) : 0;
  const margin = few ? 0.05 : 0;
  const inside = (place) => margin + (1 - 2 * margin) * place;
  const salt = column.place + 1;
  return {
    column,
    ticks: scale.ticks.map(([value, text]) => [inside(scale.at(value)), text]),
    title: column.label + (spec.log ? " (log)" : ""),
    of: (row) => inside(scale.at(placeOn(column, row))),
    shown: (row) => inside(scale.at(placeOn(column, row))) + 0.5 * gap * (jitter(row * salt + salt) - 0.5),
  };
}

function drawParallel() {
  if (!$("parallel")) return;
  const hue = chosenIn($("parallel-hue"));
  const div = $("parallel-plot");
  const list = parallel.axes.map(parallelAxis);
  const whole = allRows.filter((row) => list.every((axis) => !Number.isNaN(axis.of(row))) && (!hue || !Number.isNaN(hue.at(row))) && (!chosenRows || chosenRows.has(row)));
  const rows = scattered(whole, MOST_LINES);
  const notes = [];
  const without = data.shown - whole.length;
  if (chosenRows) notes.push(`the ${many(chosenRows.size, "pset")} chosen in Explore`);
  else if (without) notes.push(`${many(without, "pset")} not drawn: no value on one of these axes`);
  if (rows.length < whole.length) notes.push(`${count(rows.length)} of ${count(whole.length)} psets are drawn`);
  $("parallel-note").textContent = notes.join("; ");
  const [colours, key] = coloursOf(hue, rows);
  $("parallel-legend").replaceChildren(...key);
  const [width, height, top, bottom] = [Math.max(100 * list.length, div.clientWidth || 600), 360, 34, 340];
  const side = 70;
  const xOf = (i) => (list.length > 1 ? side + (width - 2 * side) * i / (list.length - 1) : width / 2);
  const yOf = (place) => bottom - (bottom - top) * place;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `parallel coordinates of ${list.map((axis) => axis.column.name).join(", ")}`, class: "chart" });
  root.style.minWidth = `${100 * list.length}px`;
  const order = rows.map((_, i) => i).sort((a, b) => jitter(rows[a]) - jitter(rows[b]));
  const seen = (row) => [...parallel.brushed].every(([column, [low, high]]) => {
    const axis = list.find((one) => one.column === column);
    if (!axis) return true;
    const at = axis.of(row);
    return at >= low && at <= high;
  });
  const drawLines = () => picture({ left: 0, top: 0, inner: width, high: height }, (canvas) => {
    const alpha = Math.max(0.12, Math.min(0.8, 150 / Math.max(1, rows.length)));
    const faint = colour("line");
    for (const wanted of parallel.brushed.size ? [false, true] : [true]) {
      for (const i of order) {
        if (parallel.brushed.size && seen(rows[i]) !== wanted) continue;
        canvas.globalAlpha = wanted ? alpha : 0.15;
        canvas.strokeStyle = wanted ? resolved(colours ? colours[i] : 0) : faint;
        canvas.beginPath();
        list.forEach((axis, k) => canvas[k ? "lineTo" : "moveTo"](xOf(k), yOf(axis.shown(rows[i]))));
        canvas.stroke();
      }
    }
  });
  let lines = drawLines();
  root.append(lines);
  const again = () => {
    const next = drawLines();
    lines.replaceWith(next);
    lines = next;
  };
  list.forEach((axis, i) => root.append(parallelGroup(axis, xOf(i), yOf, top, bottom, root, height, again)));
  div.replaceChildren(root);
  $("parallel-clear").hidden = !parallel.brushed.size;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function parallelGroup(axis, x, yOf, top, bottom, root, height, again) {
  const group = svg("g", { class: "ticks parallel-axis" });
  group.append(svg("path", { class: "frame", d: `M${x} ${top}V${bottom}` }));
  for (const [place, text] of axis.ticks) {
    if (place < -0.01 || place > 1.01) continue;
    group.append(svg("path", { class: "frame", d: `M${x - 4} ${yOf(place)}H${x}` }));
    group.append(svg("text", { class: "halo", x: x - 7, y: yOf(place) + 4, "text-anchor": "end" }, clipText(text, 12)));
  }
  group.append(svg("text", { class: "title", x, y: 16, "text-anchor": "middle" }, clipText(axis.title, 16)));
  const range = svg("rect", { class: "brush", x: x - 8, width: 16 });
  const setRange = () => {
    const some = parallel.brushed.get(axis.column);
    if (!some) { range.remove(); return; }
    range.setAttribute("y", yOf(some[1]));
    range.setAttribute("height", Math.max(1, yOf(some[0]) - yOf(some[1])));
    if (!range.isConnected) group.insertBefore(range, handle);
  };
  const handle = svg("rect", { class: "handle", x: x - 14, y: top - 6, width: 28, height: bottom - top + 12 });
  let start = null;
  const placeAt = (event) => {
    const box = root.getBoundingClientRect();
    const y = (event.clientY - box.top) / box.height * height;
    return Math.min(1.02, Math.max(-0.02, (bottom - y) / (bottom - top)));
  };
  handle.addEventListener("pointerdown", (event) => {
    start = placeAt(event);
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const end = placeAt(event);
    if (Math.abs(end - start) > 0.01) parallel.brushed.set(axis.column, [Math.min(start, end), Math.max(start, end)]);
    setRange();
  });
  handle.addEventListener("pointerup", (event) => {
    if (start === null) return;
    if (Math.abs(placeAt(event) - start) <= 0.01) parallel.brushed.delete(axis.column);
    start = null;
    setRange();
    again();
    afterBrush();
  });
  group.append(handle);
  setRange();
  return group;
}

function afterBrush() {
  $("parallel-clear").hidden = !parallel.brushed.size;
  setState("brush", parallel.brushed.size ? JSON.stringify([...parallel.brushed].map(([column, range]) => [column.name, range.map((part) => Number(part.toFixed(4)))])) : null);
  if ($("explore") && !chosenRows) drawExplore();
  filterRows();
}

const isBrushed = () => parallel.brushed.size > 0 || chosenRows !== null;

// Whether a row is in all ranges.
function rangeTest() {
  const tests = [...parallel.brushed].map(([column, [low, high]]) => {
    const axis = parallelAxis(column);
    return (row) => { const at = axis.of(row); return at >= low && at <= high; };
  });
  return (row) => tests.every((test) => test(row));
}

// And in the rectangle that was dragged in Explore.
function brushTest() {
  const inRange = rangeTest();
  return (row) => (!chosenRows || chosenRows.has(row)) && inRange(row);
}

function clearBrush() {
  parallel.brushed.clear();
  setState("brush", null);
  chosenRows = null;
  if ($("explore")) drawExplore();
  drawParallel();
}

function startParallel() {
  const useful = (column) => column.places.length > 1 && (column.kind !== "text" || (column.role === "param" && column.places.length <= 12));
  const first = look.result ? columns[look.result.column] : null;
  // A result with gaps would hide the psets that lack it.
  const withoutGaps = answers.results.filter((result) => !result.gaps && result.name !== "_pset_runtime").map((result) => columns[result.column]).filter((column) => column !== first);
  const some = [...(first ? [first] : []), ...varied, ...withoutGaps]
    .filter(useful);
  if (some.length < 2) { $("parallel").remove(); return []; }
  const choices = [...params.map((param) => param.column), ...results].filter((column) => column.places.length && canPlot(column));
  const wanted = (getState("axes") === null ? [] : getState("axes").split("\n")).map((name) => byName.get(name)).filter((column) => choices.includes(column));
  parallel.axes = wanted.length ? wanted : some.slice(0, 9);
  checks($("parallel-axes"), choices, (column) => parallel.axes.includes(column), (column, on) => {
    parallel.axes = on ? [...parallel.axes, column] : parallel.axes.filter((other) => other !== column);
    if (!on) parallel.brushed.delete(column);
    setState("axes", parallel.axes.map((one) => one.name).join("\n"));
    drawParallel();
    afterBrush();
  });
  options($("parallel-hue"), [["results", results.filter(canPlot)], ["parameters", varied.filter(canPlot)]], first);
  $("parallel-hue").prepend(noneOption());
  if (!first) $("parallel-hue").value = "";
  bind($("parallel-hue"), "hue-lines", drawParallel);
  $("parallel-clear").addEventListener("click", () => { clearBrush(); filterRows(); });
  try {
    for (const [name, range] of JSON.parse(getState("brush") || "[]")) {
      if (byName.has(name) && Array.isArray(range)) parallel.brushed.set(byName.get(name), range.map(Number));
    }
  } catch { /* an address that somebody has changed */ }
  return [drawParallel];
}
