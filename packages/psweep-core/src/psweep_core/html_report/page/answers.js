// The first screen: what was run, what is looked at, what matters. See pair.js and best.js for the rest.
// All numbers come from all rows of the study, also where the page shows a sample; see answers.py.

const { answers } = data;
const overText = (over) => over.join(", ");
const factorNames = data.factors.map((places, i) => (axes[i] ? axes[i].label : places.map((place) => columns[place].name).join(", ")));
const termName = (term) => term.map((i) => factorNames[i]).join(" × ");

// ---- one sentence ----

function designText() {
  const { values, repeats, names, different, grid } = data.design;
  const n = data.psets;
  if (!n) return "no pset has finished yet";
  const equal = different && n % different === 0 ? n / different : 1;
  const parts = [];
  if (values.length) parts.push(...values.map((some, i) => `${clipText(names[i], 24)} (${count(some)})`));
  for (const [name, some] of repeats) parts.push(`${clipText(name, 24)} (${many(some, "repeat")})`);
  if (parts.join(" × ").length > 110) parts.splice(0, values.length, `${values.map(count).join(" × ")} values`);
  const total = grid ? grid * (different * equal === n ? equal : 1) : null;
  if (equal > 1 && total === n) parts.push(many(equal, "repeat") + " of each");
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
  const more = different === 1 && n > 1 ? ", all of them equal" : different < n ? `, ${count(different)} of them different` : "";
  return `${many(n, "pset")}${more}${k ? `, ${many(k, "parameter")} varied` : ""}`;
}

// Psets that a run is to run, and that have not finished; without those that wait for jobs.
const missingIn = (run) => (run.planned && ["running", "crashed", "unfinished", "incomplete"].includes(run.state) ? Math.max(0, run.planned - run.psets - run.waiting) : 0);

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
  const file = data.folder ? `${data.name}/${data.database}` : data.database;
  $("title").replaceChildren(data.folder || data.name, " ", el("span", { class: "quiet" }, file));
  const fixed = data.recovered;
  const bad = data.failed - fixed;
  const waiting = data.runs.reduce((sum, run) => sum + run.waiting, 0);
  const live = data.runs.filter((run) => ["running", "queued"].includes(run.state));
  const missing = data.runs.reduce((sum, run) => sum + missingIn(run), 0);
  const cut = data.runs.filter((run) => ["crashed", "unfinished", "incomplete"].includes(run.state));
  const good = data.psets - data.failed - data.waiting; // psets of tasks have no row while they wait
  const key = (name) => el("span", { class: `swatch ${name}` }); // the colour in the bar below
  const parts = [designText()];
  const planned = live.reduce((sum, run) => sum + (missingIn(run) ? run.planned : 0), 0);
  if (planned) parts[0] = `${count(data.psets)} of ${many(data.psets + missing, "pset")} so far`;
  else if (live.length && data.psets) parts[0] += " so far";
  else if (data.psets && !missing && !waiting && !cut.length && !bad) parts[0] += ", complete";
  if (live.some((run) => run.state === "running")) parts.push(el("b", { class: "busy" }, "running"));
  else if (live.length) parts.push(el("b", { class: "busy" }, "queued"));
  if (missing && !planned) parts.push(el("span", { class: live.length ? "" : "bad" }, `${count(missing)} not finished`));
  if (waiting) parts.push(el("span", { class: "busy" }, `${count(waiting)} prepared, no result yet${jobStates()}`));
  if (bad) parts.push(el("span", {}, key("good"), ` ${count(good)} ok, `, key("bad"), " ", el("a", { href: "#failures", class: "bad" }, `${count(bad)} failed`)));
  if (fixed) parts.push(el("span", {}, `${count(fixed)} failed and succeeded later`));
  const runs = data.runs.length;
  if (data.seconds !== null) parts.push(`${duration(data.seconds)} of computing in ${many(runs, "run")}`);
  else if (runs) parts.push(many(runs, "run"));
  const times = data.runs.map((run) => run.end || run.start).filter(Boolean).sort();
  const last = times.length ? when(times[times.length - 1]) : null;
  if (last) parts.push(el("span", { title: "your time" }, `${live.length ? "last pset" : "last"} ${last}`));
  $("sentence").replaceChildren(...parts.flatMap((part, i) => (i ? [" · ", part] : [part])));
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
    if (run.state === "crashed") notes.push(`Run ${run.seq} was stopped early: ${of}. ${run.psets ? "They are safe, and shown here. " : ""}For the rest, run the script again with skip_dups=True.`);
    if (run.state === "incomplete") notes.push(`Run ${run.seq} has rows of ${count(run.psets)} of its ${many(run.planned, "pset")}. ${run.waiting ? "psweep-status shows what became of the jobs with the rest." : "For the rest, run the script again with skip_dups=True."}`);
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

const look = { result: null, view: 0, lower: false, x: null, hue: null, facet: null, map: false, within: false, over: "" };

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
  bind(select, "result", () => { onResult(); for (const key of ["better", "x", "hue", "facet", "map"]) setState(key, null); choosePair(); drawAnswers(); resort(); });
  onResult();
  const better = $("better");
  if (getState("better") !== null) better.value = getState("better") === "lower" ? "lower" : "higher";
  look.lower = better.value === "lower";
  better.addEventListener("change", () => {
    look.lower = better.value === "lower";
    setState("better", look.lower === look.result.lower ? null : better.value);
    drawPair();
    drawBest();
    resort();
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
  look.within = getState("band") !== null;
  $("pair-band-over").addEventListener("change", () => {
    look.within = $("pair-band-over").value !== "";
    setState("band", look.within ? "repeats" : null);
    drawPair();
  });
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

// The table has the best rows first.
function resort() {
  if (table.chosen || !seqs) return;
  sortBest();
  drawMarks();
  filterRows();
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
  const shown = importance.terms.slice(0, 9);
  const rest = importance.rest >= 0.005 ? `; ${percent(importance.rest)} ${importance.exact ? "three and more parameters together" : "not explained"}` : "";
  const noise = importance.noise === null ? "" : `; noise of repeats: ${percent(importance.noise)}`;
  say(`share of the variance of ${look.result.log ? `log(${name})` : name}${noise}${rest}${importance.exact ? "" : `; ${estimateText()}`}`);
  if (shown.some(([term]) => term.length > 1)) box.append(el("div", { class: "keys" }, legend([["one parameter", "var(--one)"], ["two together (interaction)", "var(--two)"]])));
  const widest = Math.max(...shown.map(([, share]) => share), 0.3); // few percent should not look like much
  const barOf = ([term, share]) => {
    const bar = el("span", { class: term.length > 1 ? "share together" : "share" });
    bar.style.width = `${Math.max(0.3, 100 * share / widest)}%`;
    const can = term.every((i) => axes[i] && look.result.cube.use.includes(i)) || (term.length === 1 && axes[term[0]]);
    return el("button", { type: "button", disabled: !can, title: can ? `plot ${termName(term)}` : "", onclick: () => {
      if (term.length > 1) setPair(axes[term[0]], axes[term[1]]);
      else { look.x = axes[term[0]]; look.hue = null; look.map = false; }
      look.facet = null;
      keepPair();
      drawPair();
    } }, el("span", { class: "term" }, shortText(termName(term), 40)), el("span", { class: "track" }, bar), el("span", { class: "number" }, percent(share)));
  };
  box.append(...shown.map(barOf));
  const more = importance.n_terms - shown.length;
  if (more <= 0) return;
  const smaller = importance.terms.slice(shown.length);
  const left = importance.n_terms - importance.terms.length;
  box.append(el("details", { class: "more" }, el("summary", { class: "quiet" }, `${many(more, "parameter or pair", "parameters and pairs")} with smaller shares`),
    ...smaller.map(barOf), left ? el("p", { class: "quiet" }, `and ${count(left)} with still smaller shares`) : null));
}

// Why the shares are estimates.
function estimateText() {
  const { grid, different } = data.design;
  if (grid !== different) return "estimate: the psets are not a full grid";
  const { waiting } = data;
  return `estimate: ${waiting ? "psets without results" : look.result.gaps ? `psets without ${columns[look.result.column].lacked(40)}` : "failed psets"} leave gaps in the grid`;
}
