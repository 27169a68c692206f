// The best combinations, and the failures by cause.

// ---- best combinations ----

let allBest = false;
$("best-more").addEventListener("click", () => { allBest = !allBest; drawBest(); });

function drawBest() {
  const { result } = look;
  const best = view().best[look.lower ? "lower" : "higher"];
  if (!best.length) { $("best").hidden = true; return; }
  $("best").hidden = false;
  const over = answers.over[look.view];
  const repeated = best.some((one) => one.n + one.failed > 1);
  const name = shortText(result.name, 40);
  const shown = best.slice(0, allBest ? best.length : 5);
  const names = varied.filter((column) => !over.includes(column.name));
  const strongest = ((view().importance || {}).terms || []).flatMap(([term]) => term.flatMap((i) => data.factors[i].map((place) => columns[place])));
  const some = names.length <= 12 ? names : [...new Set([...strongest, ...names])].filter((column) => names.includes(column)).slice(0, 12);
  const sem = (one) => (one.n > 1 ? one.std / Math.sqrt(one.n) : NaN);
  // The standard error of the difference of two means.
  const ties = best.filter((one) => Math.abs(one.mean - best[0].mean) <= 2 * Math.hypot(sem(one), sem(best[0])));
  const isTie = (one) => ties.length > 1 && ties.includes(one);
  const notes = [`${look.lower ? "lowest" : "highest"} ${name} of ${combinationsText(repeated)}`];
  if (result.gaps) notes.push(`${many(result.gaps, "pset that succeeded has", "psets that succeeded have")} no ${columns[result.column].lacked(40)}`);
  if (some.length < names.length) notes.push(`${some.length} of ${names.length} parameters, the strongest ones`);
  $("best-note").textContent = notes.join("; ");
  const key = repeated ? [`std ${over.length ? `over ${overText(over)}` : "over repeats"}; std error: std / √repeats`] : [];
  const tied = view().ties[look.lower ? "lower" : "higher"];
  if (ties.length > 1) key.push(`shaded: ${count(tied)} of ${count(view().combos.good)} combinations differ from the best by less than two standard errors of the difference, which may be chance`);
  $("best-key").hidden = !key.length;
  $("best-key").textContent = key.join("; ");
  const head = `${shortText(result.name, 30)} ${look.lower ? "▲" : "▼"}`;
  const heads = some.map((column) => [shortText(column.name, 30), column.isNumber ? "number" : ""]);
  const texts = sameMeans(shown, sem);
  const [place, scale] = intervals(shown, sem);
  const answer = [[head, "number"], ["± std", "std"], ["± std error", "std"], ["repeats", "number"], [scale, "interval"]];
  const narrow = matchMedia("(max-width: 520px)").matches; // there, the result would be off the screen
  const inOrder = (first, others) => (narrow ? [...others, ...first] : [...first, ...others]);
  const table = simpleTable(
    [[repeated ? "psets" : "pset", "psets"], ...inOrder(heads, answer)],
    shown.map((one, i) => [psetsButton(one), ...inOrder(some.map((column) => shownIn(column, one.row, 30)), [
      el("b", {}, texts[i][0]), ...(repeated ? [texts[i][1], texts[i][2], `${one.n}${one.failed ? ` (and ${one.failed} failed)` : ""}`] : [null, null, null]), place(one)])]));
  [...table.tBodies[0].rows].forEach((row, i) => row.classList.toggle("tie", isTie(shown[i])));
  $("best-table").replaceChildren(table);
  $("best-more").hidden = best.length <= 5;
  $("best-more").textContent = allBest ? "show 5" : `show ${best.length}`;
}

// How many combinations have a value, and why the others have none.
function combinationsText(repeated) {
  const { all, good, failed, waiting } = view().combos;
  if (good === all) return many(all, "combination");
  const rest = all - good - failed - waiting;
  const why = [];
  if (failed) why.push(`${repeated ? many(failed, "combination") : count(failed)} failed${repeated ? " in every repeat" : ""}`);
  if (waiting) why.push(`${count(waiting)} not finished`);
  if (rest) why.push(`${count(rest)} without ${columns[look.result.column].lacked(40)}`);
  return `${count(good)} of ${many(all, "combination")} (${why.join(", ")})`;
}

// All psets that a mean is of; several are shown in the table.
function psetsButton(one) {
  if (one.n === 1) return psetButton(one.row);
  const all = one.rows.map((row) => seqs.value(row)).join(", ");
  const title = one.rows.length === one.n ? `show psets ${all} in the table` : `show ${count(one.rows.length)} of these ${many(one.n, "pset")} in the table: ${all}`;
  return el("button", { type: "button", class: "link", title, onclick: () => showRows(one.rows, `only psets ${one.psets}`) }, one.psets);
}

// Means, their std and std error, with decimals that two digits of a usual std need.
function sameMeans(list, sem) {
  const stds = list.map((one) => one.std).filter((std) => std > 0).sort((a, b) => a - b);
  const largest = Math.max(...list.map((one) => Math.abs(one.mean)));
  if (!stds.length && list.every((one) => one.n === 1)) return list.map((one) => [columns[look.result.column].textOf(one.mean), "", ""]);
  if (!stds.length || largest >= 1e9 || largest < 1e-3) {
    const alone = sameDigits(list.map((one) => one.mean));
    return list.map((one, i) => {
      const [mean, std] = one.std > 0 ? plusMinus(one.mean, one.std) : [alone[i], one.n > 1 ? "± 0" : ""];
      return [mean, std, one.n > 1 ? `± ${shortNumber(Number(sem(one).toPrecision(2)))}` : ""];
    });
  }
  const digits = Math.max(0, Math.min(12, 1 - Math.floor(Math.log10(stds[Math.floor(stds.length / 2)]))));
  const text = (value) => (value === 0 ? "0" : value.toFixed(digits));
  return list.map((one) => [one.mean.toFixed(digits), one.n > 1 ? `± ${text(one.std)}` : "", one.n > 1 ? `± ${text(sem(one))}` : ""]);
}

// Draw means and standard errors on one scale; return a function that draws one, and the scale.
function intervals(list, sem) {
  const half = (one) => sem(one) || 0;
  const low = Math.min(...list.map((one) => one.mean - half(one)));
  const high = Math.max(...list.map((one) => one.mean + half(one)));
  if (!(high > low)) return [() => null, ""];
  const part = (value) => 100 * (value - low) / (high - low);
  const draw = (one) => {
    const [bar, dot] = [el("span", { class: "bar" }), el("span", { class: "dot" })];
    bar.style.left = `${part(one.mean - half(one))}%`;
    bar.style.width = `${part(one.mean + half(one)) - part(one.mean - half(one))}%`;
    dot.style.left = `${part(one.mean)}%`;
    return el("div", { class: "track-of-mean", ariaHidden: "true" }, bar, dot);
  };
  const ends = roughly([low, high], 3);
  const some = list.some((one) => one.n > 1);
  return [draw, el("div", { class: "scale-of-mean" }, el("span", {}, ends[0]), el("span", {}, some ? "mean ± std error" : ""), el("span", {}, ends[1]))];
}

// ---- failures by cause ----

function drawCauses() {
  if (!data.causes.length) { $("failures").remove(); return; }
  const bad = data.failed - data.recovered;
  const open = data.causes.filter((cause) => cause.n > cause.recovered);
  $("failures-note").textContent = bad
    ? `${many(bad, "pset")} failed, for ${many(open.length, "cause")}${data.recovered ? ` (and ${count(data.recovered)} that succeeded later)` : ""}`
    : `${many(data.failed, "pset")} failed, all of which succeeded later`;
  $("failures").classList.toggle("all-fixed", !bad);
  $("failures-list").replaceChildren(simpleTable(
    [["failures", "number"], ["cause", "long"], ["where", "long"], ["look", ""]],
    data.causes.slice(0, 50).map((cause) => {
      const chips = cause.shared.slice(0, 12).flatMap(([place, value]) => [el("code", {}, `${shortText(columns[place].name, 30)}=${columns[place].shown(value, 30)}`), " "]);
      const { among } = cause;
      if (among) {
        const values = among.values.map((value) => columns[among.column].shown(value, 20)).join(", ");
        chips.push(el("code", {}, `${shortText(columns[among.column].name, 30)} in ${values}${among.n > among.values.length ? ", …" : ""}`), " ");
        cause.n_such = cause.n;
      }
      const fixed = cause.recovered === cause.n;
      const such = cause.n_such < 2 ? "" : cause.n === cause.n_such ? `(all ${count(cause.n)} fail)` : `(${count(cause.n)} of ${count(cause.n_such)})`;
      return [
        el("b", { class: fixed ? "quiet" : "bad" }, `${count(cause.n)} ×`),
        el("span", { class: fixed ? "quiet" : "", title: cause.cause }, shortText(cause.cause, 200), cause.recovered ? el("span", { class: "good" }, fixed ? " – succeeded later" : ` – ${count(cause.recovered)} succeeded later`) : null),
        chips.length ? el("span", {}, ...chips, el("span", { class: "quiet" }, such)) : el("span", { class: "quiet" }, cause.n > 1 ? "no parameter in common" : ""),
        cause.rows.length ? el("span", { class: "actions" }, el("button", { type: "button", class: "link", onclick: () => showDetails(cause.rows[0]) }, "traceback"), " ",
          el("button", { type: "button", class: "link", onclick: () => showRows(cause.rows, "only the failures of one cause") }, "in the table")) : null,
      ];
    })));
  if (data.causes.length > 50) $("failures-list").append(el("p", { class: "quiet" }, `and ${count(data.causes.length - 50)} other causes`));
}
