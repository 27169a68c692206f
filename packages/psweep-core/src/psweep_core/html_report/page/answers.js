// The first screen: what was run, what matters, the strongest pair, the best combinations, failures.
// All numbers come from all rows of the study, also where the page shows a sample; see answers.py.

const { answers } = data;
const overText = (over) => (over.length ? over.join(", ") : "");
const factorNames = data.factors.map((places, i) => (axes[i] ? axes[i].label : places.map((place) => columns[place].name).join(", ")));
const termName = (term) => term.map((i) => factorNames[i]).join(" × ");

// ---- one sentence ----

function designText() {
  const { values, repeats, names, different, grid } = data.design;
  const n = data.psets;
  if (!n) return "no pset has finished yet";
  const equal = different && n % different === 0 ? n / different : 1;
  const parts = [];
  if (values.length) parts.push(`${values.map(count).join(" × ")} values`);
  for (const [name, some] of repeats) parts.push(`${count(some)} repeats (${clipText(name, 20)})`);
  const total = grid ? grid * (different * equal === n ? equal : 1) : null;
  if (equal > 1 && total === n) parts.push(many(equal, "run") + " of each");
  const isGrid = values.length + repeats.length > 0 && values.length <= 8;
  if (isGrid && total === n) {
    if (values.length + repeats.length === 1 && equal === 1) return `${many(n, "pset")}, ${values.length ? `each with another value of ${clipText(names[0], 40)}` : parts[0]}`;
    return `${parts.join(" × ")} = ${many(n, "pset")}`;
  }
  const open = data.runs.reduce((sum, run) => sum + missingIn(run), 0);
  if (isGrid && grid && different < grid && different >= 0.5 * grid && !open) {
    return `${many(n, "pset")}: ${count(different)} of the ${count(grid)} combinations of ${parts.join(" × ")}`;
  }
  const k = values.length + repeats.length;
  const more = different < n ? `, ${count(different)} of them different` : "";
  return `${many(n, "pset")}${more}${k ? `, ${many(k, "parameter")} varied` : ""}`;
}

// Psets that a run is to run, and that have not finished.
const missingIn = (run) => (run.planned && ["running", "crashed", "unfinished", "incomplete"].includes(run.state) ? Math.max(0, run.planned - run.psets) : 0);

// What became of the jobs of psets that have no result in the database yet.
function jobStates() {
  const states = new Map();
  for (const run of data.runs.filter((some) => some.waiting)) {
    for (const [state, n] of Object.entries(run.jobs)) states.set(state, (states.get(state) || 0) + n);
  }
  return states.size ? ` (jobs: ${[...states].map(([state, n]) => `${count(n)} ${state}`).join(", ")})` : "";
}

function drawHead() {
  const path = data.folder ? `${data.folder}/${data.name}` : data.name;
  document.title = `${path} – psweep report`;
  $("title").replaceChildren(...(data.folder ? [data.folder, el("span", { class: "quiet" }, ` / ${data.name}`)] : [data.name]));
  const fixed = data.recovered;
  const bad = data.failed - fixed;
  const waiting = data.runs.reduce((sum, run) => sum + run.waiting, 0);
  const live = data.runs.filter((run) => ["running", "queued"].includes(run.state));
  const missing = data.runs.reduce((sum, run) => sum + missingIn(run), 0);
  const cut = data.runs.filter((run) => ["crashed", "unfinished", "incomplete"].includes(run.state));
  const parts = [designText()];
  const planned = live.reduce((sum, run) => sum + (missingIn(run) ? run.planned : 0), 0);
  if (planned) parts[0] = `${count(data.psets)} of ${many(data.psets + missing, "pset")} so far`;
  else if (live.length) parts[0] += " so far";
  else if (data.psets && !missing && !waiting && !cut.length) parts[0] += ", complete";
  if (live.some((run) => run.state === "running")) parts.push(el("b", { class: "busy" }, "running"));
  else if (live.length) parts.push(el("b", { class: "busy" }, "queued"));
  if (missing && !planned) parts.push(el("span", { class: live.length ? "" : "bad" }, `${count(missing)} not finished`));
  if (waiting) parts.push(el("span", { class: "busy" }, `${count(waiting)} prepared, no result yet${jobStates()}`));
  if (bad) parts.push(el("a", { href: "#failures", class: "bad" }, `${count(bad)} failed`));
  if (fixed) parts.push(el("span", {}, `${count(fixed)} failed and succeeded later`));
  const runs = data.runs.length;
  if (data.seconds !== null) parts.push(`${duration(data.seconds)} of computing in ${many(runs, "run")}`);
  else if (runs) parts.push(many(runs, "run"));
  const starts = data.runs.map((run) => run.end || run.start).filter(Boolean).sort();
  const last = starts.length ? when(starts[starts.length - 1]) : null;
  if (last) parts.push(`${live.length ? "last pset" : "last"} ${last} (your time)`);
  $("sentence").replaceChildren(...parts.flatMap((part, i) => (i ? [" · ", part] : [part])));
  const good = data.psets - data.failed - waiting;
  const sizes = [[good, "good", "succeeded"], [fixed, "fixed", "failed, succeeded later"], [bad, "bad", "failed"], [waiting, "waiting", "prepared"], [missing, "missing", "not finished"]];
  const total = sizes.reduce((sum, [n]) => sum + n, 0);
  $("bar").ariaLabel = sizes.filter(([n]) => n).map(([n, , text]) => `${n} ${text}`).join(", ") || "nothing yet";
  $("bar").replaceChildren(...sizes.filter(([n]) => n).map(([n, name, text]) => {
    const part = el("span", { class: name, title: `${count(n)} ${text}` });
    part.style.flexGrow = String(Math.max(n, total / 200)); // few failures can still be seen
    return part;
  }));
  drawNotes();
}

function drawNotes() {
  const notes = [];
  for (const run of data.runs) {
    const of = run.planned ? `${count(run.psets)} of its ${many(run.planned, "pset")} had finished` : `${many(run.psets, "pset")} had finished`;
    if (run.state === "running" && !Object.keys(run.jobs).length) notes.push(`Run ${run.seq} was running when this page was made: ${of}.`);
    if (run.state === "crashed") notes.push(`Run ${run.seq} was stopped early: ${of}. They are safe, and shown here. For the rest, run the script again with skip_dups=True.`);
    if (run.state === "incomplete") notes.push(`Run ${run.seq} has rows of ${count(run.psets)} of its ${many(run.planned, "pset")}. For the rest, run the script again with skip_dups=True.`);
    if (run.state === "unfinished") notes.push(`Run ${run.seq} is running or was stopped early, which cannot be determined from here: ${of}.`);
  }
  if (isSample) {
    const some = data.failures.length < data.failed ? `${count(data.failures.length)} of the ${count(data.failed)} failures` : data.failed ? `all ${many(data.failed, "failure")}` : "";
    const rest = ["the slowest psets", "the best and worst of each result", some, "others chosen at random"].filter(Boolean);
    notes.push(`The table and plots of single psets show ${count(data.shown)} of ${count(data.psets)} psets: ${rest.slice(0, -1).join(", ")} and ${rest[rest.length - 1]}. All other numbers are computed from all psets.`);
  }
  if (data.texts_left_out) notes.push(`${many(data.texts_left_out, "traceback or log", "tracebacks and logs")} did not fit on this page; they are in the database and the folders of the psets.`);
  if (!data.psets) notes.push("No pset has finished yet.");
  if (data.reload) {
    const text = `This page reloads itself every ${data.reload} s.`;
    if (notes.length) notes[0] += ` ${text}`;
    else notes.push(text);
  }
  $("notes").replaceChildren(...notes.map((text) => el("p", { class: "note" }, text)));
}

// ---- what is looked at ----

const look = { result: null, view: 0, lower: false, x: null, hue: null, facet: null, map: false };

function startAnswers() {
  if (!answers.results.length || !axes.some(Boolean)) {
    for (const id of ["choice", "matters", "pair"]) $(id).remove();
    if (!answers.results.length) { $("best").remove(); return; }
  }
  const select = $("result");
  if (!select) { look.result = answers.results[0]; look.lower = look.result.lower; drawBest(); return; }
  select.append(...answers.results.map((result, i) => {
    const option = el("option", { value: String(i) }, shortText(result.name, 40));
    option.dataset.key = result.name;
    return option;
  }));
  const onResult = () => {
    look.result = answers.results[Number(select.value)];
    look.lower = look.result.lower;
    $("better").value = look.lower ? "lower" : "higher";
  };
  bind(select, "result", () => { onResult(); for (const key of ["better", "x", "hue", "facet", "map"]) setState(key, null); choosePair(); drawAnswers(); });
  onResult();
  const better = $("better");
  if (getState("better") !== null) better.value = getState("better") === "lower" ? "lower" : "higher";
  look.lower = better.value === "lower";
  better.addEventListener("change", () => {
    look.lower = better.value === "lower";
    setState("better", look.lower === look.result.lower ? null : better.value);
    drawBest();
  });
  const over = $("over");
  over.append(...answers.over.map((names, i) => {
    const option = el("option", { value: String(i) }, names.length ? `${shortText(overText(names), 30)} (repeats)` : "nothing");
    option.dataset.key = names.length ? "repeats" : "nothing";
    return option;
  }));
  over.parentElement.hidden = answers.over.length < 2;
  bind(over, "over", () => { look.view = Number(over.value); choosePair(); drawAnswers(); });
  look.view = Number(over.value);
  const byLabel = (key) => axes.find((axis) => axis && axis.label === getState(key)) || null;
  choosePair();
  if (getState("x") !== null && byLabel("x")) {
    [look.x, look.hue, look.facet] = ["x", "hue", "facet"].map(byLabel);
    look.map = getState("map") !== null;
  }
  $("swap").addEventListener("click", () => { [look.x, look.hue] = [look.hue, look.x]; keepPair(); drawPair(); });
  $("heatmap").addEventListener("click", () => { look.map = !look.map; keepPair(); drawPair(); });
  for (const key of ["x", "hue", "facet"]) {
    $(`pair-${key}`).addEventListener("change", () => {
      look[key] = axes[Number($(`pair-${key}`).value)] || null;
      if (key === "x" && look.hue === look.x) look.hue = null;
      for (const other of ["hue", "facet"]) if (other !== key && look[other] && [look.x, look.hue, look.facet].filter((axis) => axis === look[other]).length > 1) look[other] = null;
      keepPair();
      drawPair();
    });
  }
  drawn.push(drawPair);
  drawAnswers();
}

function keepPair() {
  for (const key of ["x", "hue", "facet"]) setState(key, look[key] ? look[key].label : null);
  setState("map", look.map ? "yes" : null);
}

const view = () => look.result.views[look.view];

// The axes that have means of this result together.
const usable = () => look.result.cube.use.map((i) => axes[i]);

// The two parameters that explain most together; the one with more numbers is x.
function choosePair() {
  const some = usable();
  const terms = view().importance && view().importance.terms ? view().importance.terms : [];
  const shareOf = (...wanted) => {
    const found = terms.find(([term]) => term.length === wanted.length && wanted.every((i) => term.includes(i)));
    return found ? found[1] : 0;
  };
  let best = null;
  const skip = new Set(answers.over[look.view]);
  const few = some.filter((axis) => !skip.has(axis.label));
  const list = few.length ? few : some;
  for (const a of list) {
    for (const b of list) {
      if (a.place >= b.place) continue;
      const share = shareOf(a.place) + shareOf(b.place) + shareOf(a.place, b.place);
      if (!best || share > best[0] + 1e-9) best = [share, a, b];
    }
  }
  look.facet = null;
  look.map = false;
  if (best) setPair(best[1], best[2]);
  else [look.x, look.hue] = [list[0] || axes.find(Boolean) || null, null];
}

function setPair(a, b) {
  const more = (axis) => (axis.number ? 1000 : 0) + axis.places.length;
  [look.x, look.hue] = more(a) >= more(b) ? [a, b] : [b, a];
  look.map = look.hue.places.length > 12;
}

function drawAnswers() {
  drawMatters();
  drawPair();
  drawBest();
}

// ---- what matters ----

function drawMatters() {
  const { importance } = view();
  const name = shortText(look.result.name, 40);
  const box = $("matters-bars");
  const say = (text) => { $("matters-note").textContent = text; };
  box.replaceChildren();
  if (!importance) { say(`${name} does not depend on the parameters that vary, or does not vary.`); return; }
  if (importance.why_not) { say(importance.why_not); return; }
  const big = importance.terms.filter(([, share], i) => i < 3 || share >= 0.005);
  const shown = importance.terms.slice(0, Math.min(8, Math.max(big.length, Math.min(6, importance.terms.length))));
  const rest = importance.rest >= 0.005 ? `; ${percent(importance.rest)} ${importance.exact ? "three and more parameters together" : "not explained"}` : "";
  const noise = importance.noise === null ? "" : `; noise of repeats: ${percent(importance.noise)}`;
  say(`share of the variance of ${look.result.log ? `log ${name}` : name}${noise}${rest}${importance.exact ? "" : " (estimate: not a full grid)"}`);
  const widest = Math.max(...shown.map(([, share]) => share), 0.3); // few percent should not look like much
  for (const [term, share] of shown) {
    const bar = el("span", { class: term.length > 1 ? "share together" : "share" });
    bar.style.width = `${Math.max(0.3, 100 * share / widest)}%`;
    const can = term.every((i) => axes[i] && look.result.cube.use.includes(i)) || (term.length === 1 && axes[term[0]]);
    box.append(el("button", { type: "button", disabled: !can, title: can ? `plot ${termName(term)}` : "", onclick: () => {
      if (term.length > 1) setPair(axes[term[0]], axes[term[1]]);
      else { look.x = axes[term[0]]; look.hue = null; look.map = false; }
      look.facet = null;
      keepPair();
      drawPair();
    } }, el("span", { class: "term" }, shortText(termName(term), 40)), el("span", { class: "track" }, bar), el("span", { class: "number" }, percent(share))));
  }
  const more = importance.n_terms - shown.length;
  if (more > 0) box.append(el("p", { class: "quiet" }, `and ${many(more, "parameter or pair", "parameters and pairs")} with smaller shares`));
}

// ---- means over levels ----

// Number of psets, mean, and mean ∓ std of a result for levels of some axes: a map from "i,j" to these.
// Of results that span decades the logarithms are averaged, so the mean is the geometric one.
function meansOf(result, list) {
  const from = result.log ? (value) => 10 ** value : (value) => value;
  const found = rawMeans(result, list);
  for (const [key, one] of found) {
    if (one) found.set(key, { n: one.n, mean: from(one.mean), low: from(one.mean - one.std), high: from(one.mean + one.std), std: one.std });
  }
  return found;
}

function rawMeans(result, list) {
  if (list.length === 1) {
    const { n, mean, std } = result.means[list[0].place];
    return new Map(n.map((some, i) => [String(i), some ? { n: some, mean: mean[i], std: std[i] } : null]));
  }
  const { use, n, mean, std } = result.cube;
  const sizes = use.map((i) => axes[i].places.length);
  const where = list.map((axis) => use.indexOf(axis.place));
  const found = new Map();
  const levels = use.map(() => 0);
  for (let cell = 0; cell < n.length; cell++) {
    if (n[cell]) {
      const key = where.map((i) => levels[i]).join(",");
      const one = found.get(key) || { n: 0, sum: 0, parts: [] };
      one.n += n[cell];
      one.sum += n[cell] * mean[cell];
      one.parts.push(cell);
      found.set(key, one);
    }
    for (let i = use.length - 1; i >= 0; i--) { // the next combination
      levels[i] += 1;
      if (levels[i] < sizes[i]) break;
      levels[i] = 0;
    }
  }
  for (const one of found.values()) {
    one.mean = one.sum / one.n;
    one.std = Math.sqrt(one.parts.reduce((sum, cell) => sum + n[cell] * (std[cell] ** 2 + (mean[cell] - one.mean) ** 2), 0) / one.n);
  }
  return found;
}

const axisSpec = (axis) => (axis.number
  ? { title: axis.label, low: Math.min(...axis.places), high: Math.max(...axis.places), log: axis.log, places: axis.places.length <= 12 && !axis.binned ? axis.places : null }
  : { title: axis.label, labels: axis.labels });

function drawPair() {
  if (!look.result || !$("pair")) return;
  const { result } = look;
  const list = usable();
  const pick = (select, chosen, some, none) => {
    select.replaceChildren(...(none ? [el("option", { value: "" }, none)] : []), ...some.map((axis) => el("option", { value: String(axis.place) }, shortText(axis.label, 30))));
    select.value = chosen ? String(chosen.place) : "";
    select.parentElement.hidden = !some.length;
  };
  const alone = axes.filter((axis) => axis && !list.includes(axis));
  pick($("pair-x"), look.x, [...list, ...alone], null);
  const inCube = list.includes(look.x);
  if (!inCube) [look.hue, look.facet] = [null, null];
  pick($("pair-hue"), look.hue, inCube ? list.filter((axis) => axis !== look.x) : [], "no lines");
  pick($("pair-facet"), look.facet, inCube ? list.filter((axis) => axis !== look.x && axis !== look.hue && axis.places.length <= 12) : [], "none");
  $("swap").hidden = $("heatmap").hidden = !look.hue;
  $("heatmap").textContent = look.map ? "lines" : "heatmap";
  const name = shortText(result.name, 40);
  const chosen = [look.x, ...(look.hue ? [look.hue] : []), ...(look.facet ? [look.facet] : [])];
  $("pair-title").textContent = look.hue ? `${shortText(look.x.label, 40)} × ${shortText(look.hue.label, 40)}` : `${name} against ${shortText(look.x.label, 40)}`;
  const means = meansOf(result, chosen);
  const all = [...means.values()].filter(Boolean);
  const single = all.every((one) => one.n === 1);
  const kind = result.log ? "mean ± std of its log" : "mean ± std";
  $("pair-note").textContent = single ? `${name} of each pset` : look.map ? `mean of ${result.log ? "log " : ""}${name} over all else` : `${kind} over all else`;
  const facets = look.facet ? look.facet.places.map((_, i) => i) : [null];
  const box = $("pair-plots");
  while (box.children.length > facets.length) box.lastChild.remove();
  while (box.children.length < facets.length) box.append(el("div", {}, el("h4"), el("div")));
  box.classList.toggle("facets", facets.length > 1);
  const at = (i, j, k) => means.get([i, j, k].filter((part) => part !== null).join(","));
  const height = facets.length > 1 ? 230 : 285;
  const log = result.log;
  const y = { title: single ? name : `${name} (${kind})`, low: Math.min(...all.map((one) => one.low)), high: Math.max(...all.map((one) => one.high)), log };
  const shade = shades(Math.min(...all.map((one) => one.mean)), Math.max(...all.map((one) => one.mean)), log);
  facets.forEach((facet, f) => {
    const [title, div] = box.children[f].children;
    title.textContent = facet === null ? "" : `${look.facet.label} = ${look.facet.labels[facet]}`;
    title.hidden = facet === null;
    if (look.map && look.hue) drawMap(div, at, facet, shade, height, name);
    else drawLines(div, at, facet, y, height, name);
  });
  const entries = look.hue && !look.map ? look.hue.labels.map((label, j) => [label, hueColour(j)]) : [];
  $("pair-legend").replaceChildren(...(entries.length ? [el("span", {}, shortText(look.hue.label, 30)), legend(entries)] : []),
    ...(look.map && all.length ? [scaleBar(Math.min(...all.map((one) => one.mean)), Math.max(...all.map((one) => one.mean)), log, name)] : []));
}

// The end of the scale that is near the colour of the page could not be seen.
const lineShade = (part) => (matchMedia("(prefers-color-scheme: dark)").matches ? viridis(0.3 + 0.7 * part) : viridis(0.88 * part));

// Texts get colours that differ, numbers a scale.
function hueColour(j) {
  const { number, places } = look.hue;
  if (!number && places.length <= PALETTE) return j;
  return number && places.length <= 4 ? j : lineShade(j / Math.max(1, places.length - 1));
}

function tipOf(one, levels, name, log = look.result.log) {
  const [mean, std] = log ? [shortNumber(Number(one.mean.toPrecision(4))), `(${[one.low, one.high].map((end) => shortNumber(Number(end.toPrecision(3)))).join(" to ")})`] : plusMinus(one.mean, one.std);
  return [...levels, one.n > 1 ? `${name} = ${mean} ${std} (mean of ${count(one.n)})` : `${name} = ${shortNumber(one.mean)}`];
}

function drawLines(div, at, facet, y, height, name) {
  const hues = look.hue ? look.hue.places.map((_, j) => j) : [null];
  const marks = [[], [], []]; // bands below lines below dots
  hues.forEach((j, number) => {
    const colour = j === null ? 0 : hueColour(j);
    const found = look.x.places.map((place, i) => [place, i, at(i, j, facet)]);
    const aside = look.x.number || hues.length < 2 ? 0 : 0.6 * ((number + 0.5) / hues.length - 0.5);
    const points = found.map(([place, i, one]) => (one ? [place + aside, one.mean, i, one] : null));
    const ends = points.map((point) => (point ? [point[0], point[3].low, point[3].high] : null));
    if (look.x.number) {
      marks[0].push({ type: "band", points: ends, colour });
      marks[1].push({ type: "line", points, colour });
    } else marks[0].push({ type: "bars", points: ends.filter((end) => end && end[2] > end[1]), colour });
    const dots = points.filter(Boolean);
    marks[2].push({ type: "dots", points: dots, colour, size: look.x.places.length > 40 ? 2 : 3.5, tip: (k) => tipOf(dots[k][3], [`${look.x.label} = ${look.x.labels[dots[k][2]]}`, ...(j === null ? [] : [`${look.hue.label} = ${look.hue.labels[j]}`])], name) });
  });
  chart(div, { label: `${name} against ${look.x.label}${look.hue ? `, one line for each ${look.hue.label}` : ""}`, height, x: axisSpec(look.x), y, marks: marks.flat() });
}

// Of bins their middle is enough.
const mapLabels = (axis) => (axis.binned ? axis.places.map((place) => shortNumber(Number(place.toPrecision(2)))) : axis.labels);

function drawMap(div, at, facet, shade, height, name) {
  const cells = [];
  look.x.places.forEach((_, i) => look.hue.places.forEach((__, j) => {
    const one = at(i, j, facet);
    if (one) cells.push([i, j, shade(one.mean), tipOf(one, [`${look.x.label} = ${look.x.labels[i]}`, `${look.hue.label} = ${look.hue.labels[j]}`], name)]);
  }));
  chart(div, { label: `heatmap of ${name}: ${look.x.label} and ${look.hue.label}`, height, x: { title: look.x.label, labels: mapLabels(look.x) }, y: { title: look.hue.label, labels: mapLabels(look.hue) }, marks: [{ type: "cells", cells }] });
}

function scaleBar(low, high, log, name) {
  const bar = el("span", { class: "scale" });
  bar.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(viridis).join(",")})`;
  return el("span", {}, name, " ", shortNumber(Number(low.toPrecision(3))), " ", bar, " ", shortNumber(Number(high.toPrecision(3))), log ? " (log)" : "");
}

// ---- best combinations ----

let allBest = false;

function drawBest() {
  const { result } = look;
  const best = view().best[look.lower ? "lower" : "higher"];
  if (!best.length) { $("best").hidden = true; return; }
  $("best").hidden = false;
  const over = answers.over[look.view];
  const repeated = best.some((one) => one.n + one.failed > 1);
  const shown = best.slice(0, allBest ? best.length : 5);
  const names = varied.filter((column) => !over.includes(column.name));
  const strongest = ((view().importance || {}).terms || []).flatMap(([term]) => term.flatMap((i) => data.factors[i].map((place) => columns[place])));
  const some = names.length <= 12 ? names : [...new Set([...strongest, ...names])].filter((column) => names.includes(column)).slice(0, 12);
  $("best-title").textContent = `Best of ${many(view().combos, "combination")}`;
  const notes = [`${look.lower ? "lowest" : "highest"} ${shortText(result.name, 40)}${repeated ? `, mean ± std ${over.length ? `over ${overText(over)}` : "of equal psets"}` : ""}`];
  if (result.gaps) notes.push(`${many(result.gaps, "pset that succeeded has", "psets that succeeded have")} no ${shortText(result.name, 40)}`);
  const sem = (one) => (one.n > 1 ? one.std / Math.sqrt(one.n) : NaN);
  const close = best.filter((one) => Math.abs(one.mean - best[0].mean) <= 2 * Math.hypot(sem(one), sem(best[0])));
  if (close.length > 1) notes.push(`${close.length === best.length ? "all" : count(close.length)} of the first ${best.length} are within two standard errors of the best`);
  if (some.length < names.length) notes.push(`${some.length} of ${names.length} parameters, the strongest ones`);
  $("best-note").textContent = notes.join("; ");
  const head = `${shortText(result.name, 30)} ${look.lower ? "▲" : "▼"}`;
  const alike = sameDigits(shown.map((one) => one.mean));
  const heads = some.map((column) => [shortText(column.name, 30), column.isNumber ? "number" : ""]);
  const answer = [[head, "number"], ["± std", "std"], ["repeats", "number"]];
  const narrow = matchMedia("(max-width: 520px)").matches; // there, the result would be off the screen
  const inOrder = (first, others) => (narrow ? [...others, ...first] : [...first, ...others]);
  $("best-table").replaceChildren(simpleTable(
    [["pset", "number"], ...inOrder(heads, answer)],
    shown.map((one, i) => {
      const [mean, std] = one.std === 0 ? [shortNumber(one.mean), "± 0"] : one.std > 0 ? plusMinus(one.mean, one.std) : [alike[i], ""];
      return [psetButton(one.row), ...inOrder(some.map((column) => shownValue(column.value(one.row), 30)), [el("b", {}, mean), repeated ? el("span", {}, std) : null,
        repeated ? `${one.n}${one.failed ? ` (and ${one.failed} failed)` : ""}` : null])];
    })));
  $("best-more").hidden = best.length <= 5;
  $("best-more").textContent = allBest ? "show 5" : `show ${best.length}`;
}

// ---- failures by cause ----

function drawCauses() {
  if (!data.causes.length) { $("failures").remove(); return; }
  const bad = data.failed - data.recovered;
  const open = data.causes.filter((cause) => cause.n > cause.recovered);
  $("failures-title").textContent = bad
    ? `${many(bad, "failure")}, ${many(open.length, "cause")}${data.recovered ? ` (and ${count(data.recovered)} that succeeded later)` : ""}`
    : `${many(data.failed, "failure")}, all of which succeeded later`;
  $("failures").classList.toggle("all-fixed", !bad);
  $("failures-list").replaceChildren(simpleTable(
    [["failures", "number"], ["cause", "long"], ["where", "long"], ["look", ""]],
    data.causes.slice(0, 50).map((cause) => {
      const chips = cause.shared.slice(0, 12).flatMap(([place, value]) => [el("code", {}, `${shortText(columns[place].name, 30)}=${shortText(value, 30)}`), " "]);
      const { among } = cause;
      if (among) {
        const values = among.values.map((value) => shortText(value, 20)).join(", ");
        chips.push(el("code", {}, `${shortText(columns[among.column].name, 30)} in ${values}${among.n > among.values.length ? ", …" : ""}`), " ");
        cause.n_such = cause.n;
      }
      const fixed = cause.recovered === cause.n;
      const such = cause.n === cause.n_such ? (cause.n > 1 ? `(all ${count(cause.n)} of these psets)` : "") : `(${count(cause.n)} of ${many(cause.n_such, "such pset")})`;
      return [
        el("b", { class: fixed ? "quiet" : "bad" }, `${count(cause.n)} ×`),
        el("span", { class: fixed ? "quiet" : "", title: cause.cause }, shortText(cause.cause, 200), cause.recovered ? el("span", { class: "good" }, fixed ? " – succeeded later" : ` – ${count(cause.recovered)} succeeded later`) : null),
        chips.length ? el("span", {}, cause.n > 1 ? "all with " : "", ...chips, el("span", { class: "quiet" }, such)) : el("span", { class: "quiet" }, cause.n > 1 ? "no parameter in common" : ""),
        cause.rows.length ? el("span", { class: "actions" }, el("button", { type: "button", class: "link", onclick: () => showDetails(cause.rows[0]) }, "traceback"), " ",
          el("button", { type: "button", class: "link", onclick: () => showRows(cause.rows) }, "in the table")) : null,
      ];
    })));
  if (data.causes.length > 50) $("failures-list").append(el("p", { class: "quiet" }, `and ${count(data.causes.length - 50)} other causes`));
}
