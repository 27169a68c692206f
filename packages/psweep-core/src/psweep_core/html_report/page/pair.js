// The strongest pair of parameters: means over levels, as lines or as a heatmap.

// ---- means over levels ----

// Number of psets, of those that ran without giving the result, mean, and mean ∓ std for levels of some
// axes: a map from "i,j" to these. Where all were lost there are only the numbers.
// Of results that span decades the logarithms are averaged, so the mean is the geometric one.
// `within`: the std within repeats, not over all psets of a level.
function meansOf(result, list, within = false) {
  const from = result.log ? (value) => 10 ** value : (value) => value;
  const found = rawMeans(result, list);
  for (const [key, one] of found) {
    if (within) one.std = one.repeated ? one.noise : 0;
    if (one.n) found.set(key, { n: one.n, lost: one.lost, mean: from(one.mean), low: from(one.mean - one.std), high: from(one.mean + one.std), std: one.std });
  }
  return found;
}

function rawMeans(result, list) {
  if (list.length === 1) {
    const { n, lost, mean, std, repeated, noise } = result.means[list[0].place];
    const all = n.map((some, i) => [String(i), { n: some, lost: lost[i], mean: mean[i], std: std[i], ...(repeated ? { repeated: repeated[i], noise: noise[i] } : {}) }]);
    return new Map(all.filter(([, one]) => one.n || one.lost));
  }
  const { use, n, lost, mean, std, repeated, noise } = result.cube;
  const sizes = use.map((i) => axes[i].places.length);
  const where = list.map((axis) => use.indexOf(axis.place));
  const found = new Map();
  const levels = use.map(() => 0);
  for (let cell = 0; cell < n.length; cell++) {
    if (n[cell] || lost[cell]) {
      const key = where.map((i) => levels[i]).join(",");
      const one = found.get(key) || { n: 0, lost: 0, sum: 0, parts: [] };
      one.n += n[cell];
      one.lost += lost[cell];
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
    if (!one.n) continue;
    one.mean = one.sum / one.n;
    const squares = one.parts.reduce((sum, cell) => sum + (n[cell] && (n[cell] - 1) * std[cell] ** 2 + n[cell] * (mean[cell] - one.mean) ** 2), 0);
    one.std = Math.sqrt(squares / Math.max(1, one.n - 1));
    if (!repeated) continue;
    one.repeated = one.parts.reduce((sum, cell) => sum + repeated[cell], 0);
    one.noise = Math.sqrt(one.parts.reduce((sum, cell) => sum + repeated[cell] * noise[cell] ** 2, 0) / Math.max(1, one.repeated));
  }
  return found;
}

// Over what the psets of one point differ: all that is not chosen.
function spreadOver(chosen) {
  const names = factorNames.filter((_, i) => !chosen.some((axis) => axis.place === i)).map((name) => shortText(name, 24));
  if (data.design.different < data.psets - (data.design.waiting || 0)) names.push("repeats");
  if (chosen.some((axis) => axis.binned)) names.push("the values in a bin");
  return names.length <= 5 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} others`;
}

const whyLost = (result) => (result.gaps ? `failed or gave no ${columns[result.column].lacked(30)}` : "failed");

// Marks of points that miss psets, so that they do not look like the others.
function lostKeys(all, result, map) {
  const key = (sign, text) => el("li", {}, el("span", { class: "sign" }, sign), text);
  const keys = [];
  if (all.some((one) => one.n && one.lost)) keys.push(key(map ? "◥" : "○", `some psets ${whyLost(result)}`));
  if (all.some((one) => !one.n)) keys.push(key("×", `all psets ${whyLost(result)}`));
  return keys.length ? [el("ul", { class: "legend" }, ...keys)] : [];
}

// The best of the points of a plot, if it is one alone.
function bestOf(all) {
  const end = (look.lower ? Math.min : Math.max)(...all.map((one) => one.mean));
  const found = all.filter((one) => one.mean === end);
  return found.length === 1 && all.length > 1 ? found[0] : null;
}

// Failed psets may have values without a place on a logarithmic axis, such as 0.
const hasPlace = (axis, i) => !axis.number || !axis.log || axis.places[i] > 0;

function axisSpec(axis) {
  if (!axis.number) return { title: axis.label, labels: axis.labels };
  const places = axis.places.filter((_, i) => hasPlace(axis, i));
  return { title: axis.label, low: Math.min(...places), high: Math.max(...places), log: axis.log, places: places.length <= 12 && !axis.binned ? places : null };
}

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
  // The band may be that of repeats alone, unless they are on the plot themselves.
  const repeats = answers.over[0].length ? overText(answers.over[0]) : "repeats";
  const canChoose = Boolean(result.cube.repeated) && !chosen.some((axis) => axis.repeats) && !look.map && spreadOver(chosen) !== repeats;
  $("pair-band-over").parentElement.hidden = !canChoose;
  $("pair-band-over").replaceChildren(el("option", { value: "" }, "all else"), el("option", { value: "repeats" }, shortText(repeats, 30)));
  $("pair-band-over").value = look.within ? "repeats" : "";
  const within = canChoose && look.within;
  const means = meansOf(result, chosen, within);
  const every = [...means.values()];
  const all = every.filter((one) => one.n);
  const single = all.every((one) => one.n === 1);
  const over = within ? repeats : spreadOver(chosen);
  look.over = over;
  const sizes = all.map((one) => one.n);
  const [fewest, most] = [Math.min(...sizes), Math.max(...sizes)];
  const of = `${result.log ? "geometric " : ""}mean${look.map ? "" : "s"} of ${fewest < most ? `${count(fewest)} to ` : ""}${many(most, "pset")}`;
  $("pair-note").textContent = single ? `${name} of each pset` : `${look.map ? "colour" : "points"}: ${of}`;
  const facets = look.facet ? look.facet.places.map((_, i) => i) : [null];
  const best = bestOf(all);
  const bestText = single ? "best" : "best mean";
  const box = $("pair-plots");
  while (box.children.length > facets.length) box.lastChild.remove();
  while (box.children.length < facets.length) box.append(el("div", {}, el("h4"), el("div")));
  box.classList.toggle("facets", facets.length > 1);
  const at = (i, j, k) => means.get([i, j, k].filter((part) => part !== null).join(","));
  const height = facets.length > 1 ? 230 : 285;
  const log = result.log;
  const y = { title: `${shortText(columns[result.column].label, 40)}${single ? "" : result.log ? " (geometric mean)" : " (mean)"}`, low: Math.min(...all.map((one) => one.low)), high: Math.max(...all.map((one) => one.high)), log, [look.lower ? "below" : "above"]: best ? 0.2 : 0 }; // where the label of the star is
  const shade = shades(Math.min(...all.map((one) => one.mean)), Math.max(...all.map((one) => one.mean)), log);
  facets.forEach((facet, f) => {
    const [title, div] = box.children[f].children;
    title.textContent = facet === null ? "" : `${look.facet.label} = ${look.facet.labels[facet]}`;
    title.hidden = facet === null;
    if (look.map && look.hue) drawMap(div, at, facet, shade, height, name, best);
    else drawLines(div, at, facet, y, height, name, best, bestText);
  });
  const entries = look.hue && !look.map ? look.hue.labels.map((label, j) => [label, hueColour(j)]) : [];
  const isLine = look.x.number && !look.x.repeats;
  const bands = single || look.map || !all.some((one) => one.high > one.low) ? [] : [el("ul", { class: "legend" }, el("li", { id: "pair-band" },
    el("span", { class: isLine ? "swatch spread" : "sign" }, isLine ? "" : "I"), `${isLine ? "band" : "bar"}: ± std${result.log ? " of the logarithm" : ""}${over ? ` over ${over}` : ""}`))];
  $("pair-legend").replaceChildren(...(entries.length ? [el("span", {}, shortText(look.hue.label, 30)), legend(entries)] : []),
    ...(look.map && all.length ? [scaleBar(Math.min(...all.map((one) => one.mean)), Math.max(...all.map((one) => one.mean)), log, name)] : []));
  const stars = look.map && best ? [el("ul", { class: "legend" }, el("li", {}, el("span", { class: "sign" }, "★"), bestText))] : [];
  const visible = [...means].filter(([key]) => look.map || hasPlace(look.x, Number.parseInt(key, 10))).map(([, one]) => one);
  const off = look.map ? [] : look.x.labels.filter((_, i) => !hasPlace(look.x, i));
  const notDrawn = off.length ? [el("ul", { class: "legend" }, el("li", {}, `not drawn: ${shortText(look.x.label, 30)} = ${off.join(", ")}, for which all psets ${whyLost(result)}`))] : [];
  $("pair-keys").replaceChildren(...bands, ...stars, ...lostKeys(visible, result, look.map), ...notDrawn);
}

// The end of the scale that is near the colour of the page could not be seen.
const lineShade = (part) => (matchMedia("(prefers-color-scheme: dark)").matches ? viridis(0.3 + 0.7 * part) : viridis(0.88 * part));

// Texts get colours that differ, numbers a scale.
function hueColour(j) {
  const { number, places } = look.hue;
  if (!number && places.length <= PALETTE) return j;
  return number && places.length <= 4 ? j : lineShade(j / Math.max(1, places.length - 1));
}

function tipOf(one, levels, name, result = look.result, over = look.over) {
  const { log } = result;
  const lost = one.lost ? [`${count(one.n)} of ${many(one.n + one.lost, "pset")}: ${count(one.lost)} ${whyLost(result)}`] : [];
  if (!one.n) return [...levels, ...lost];
  const [mean, std] = log ? [shortNumber(Number(one.mean.toPrecision(4))), `(${[one.low, one.high].map((end) => shortNumber(Number(end.toPrecision(3)))).join(" to ")})`] : plusMinus(one.mean, one.std);
  return [...levels, one.n > 1 ? `${name} = ${mean} ${std} (mean of ${count(one.n)} psets, ± std${over ? ` over ${over}` : ""})` : `${name} = ${columns[result.column].shown(one.mean)}`, ...lost];
}

function drawLines(div, at, facet, y, height, name, best, bestText) {
  const hues = look.hue ? look.hue.places.map((_, j) => j) : [null];
  const marks = [[], [], [], []]; // bands below lines below dots below the star
  // Bars of several lines are next to each other.
  const gaps = look.x.number ? look.x.places.slice(1).map((place, i) => place - look.x.places[i]) : [1];
  const space = hues.length < 2 || (look.x.number && (!look.x.repeats || look.x.log)) ? 0 : (look.x.number ? 0.3 : 0.6) * Math.min(...gaps);
  const few = hues.flatMap((j) => look.x.places.map((_, i) => at(i, j, facet))).filter((one) => one && one.n && one.lost).length <= 6;
  const partOf = (one) => (few && one.lost ? `${count(one.n)} of ${count(one.n + one.lost)}` : "");
  const bestLabel = (one, i, j) => {
    const short = `${bestText}: ${shortNumber(Number(one.mean.toPrecision(3)))}${partOf(one) && ` (${partOf(one)})`}`;
    const values = [[look.x, i], ...(j === null ? [] : [[look.hue, j]])].map(([axis, k]) => `${axis.label} ${axis.labels[k]}`);
    return [`${short} at ${values.join(", ")}`, short];
  };
  hues.forEach((j, number) => {
    const colour = j === null ? 0 : hueColour(j);
    const found = look.x.places.map((place, i) => [place, i, at(i, j, facet)]).filter(([, i]) => hasPlace(look.x, i));
    const aside = space * ((number + 0.5) / hues.length - 0.5);
    const points = found.map(([place, i, one]) => (one && one.n ? [place + aside, one.mean, i, one] : null));
    const ends = points.map((point) => (point ? [point[0], point[3].low, point[3].high] : null));
    if (look.x.number && !look.x.repeats) { // repeats have no order
      marks[0].push({ type: "band", points: ends, colour });
      marks[1].push({ type: "line", points, colour });
    } else marks[0].push({ type: "bars", points: ends.filter((end) => end && end[2] > end[1]), colour });
    const dots = points.filter(Boolean);
    const levels = (i) => [`${look.x.label} = ${look.x.labels[i]}`, ...(j === null ? [] : [`${look.hue.label} = ${look.hue.labels[j]}`])];
    const gone = found.filter(([, , one]) => one && !one.n);
    if (gone.length) marks[2].push({ type: "crosses", points: gone.map(([place]) => place + aside), number: look.x.number ? number : 0, colour, tip: (k) => tipOf(gone[k][2], levels(gone[k][1]), name) });
    marks[2].push({ type: "dots", points: dots, colour, size: look.x.places.length > 40 ? 2 : 3.5, hollow: (k) => dots[k][3].lost > 0,
      label: (k) => (dots[k][3] === best ? "" : partOf(dots[k][3])), tip: (k) => tipOf(dots[k][3], levels(dots[k][2]), name) });
    const star = dots.find((dot) => dot[3] === best);
    if (star) marks[3].push({ type: "star", point: star, colour, labels: bestLabel(best, star[2], j) });
  });
  chart(div, { label: `${name} against ${look.x.label}${look.hue ? `, one line for each ${look.hue.label}` : ""}`, height, x: { ...axisSpec(look.x), margin: space ? 0.1 : 0 }, y, marks: marks.flat() });
}

// Of bins their middle is enough.
const mapLabels = (axis) => (axis.binned ? roughly(axis.places, 2) : axis.labels);

function drawMap(div, at, facet, shade, height, name, best) {
  const cells = [];
  look.x.places.forEach((_, i) => look.hue.places.forEach((__, j) => {
    const one = at(i, j, facet);
    if (one) cells.push([i, j, one.n ? shade(one.mean) : "transparent", tipOf(one, [`${look.x.label} = ${look.x.labels[i]}`, `${look.hue.label} = ${look.hue.labels[j]}`], name), one.lost ? (one.n ? "some" : "all") : "", one === best]);
  }));
  chart(div, { label: `heatmap of ${name}: ${look.x.label} and ${look.hue.label}`, height, x: { title: look.x.label, labels: mapLabels(look.x) }, y: { title: look.hue.label, labels: mapLabels(look.hue) }, marks: [{ type: "cells", cells }] });
}

function scaleBar(low, high, log, name) {
  const bar = el("span", { class: "scale" });
  bar.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(viridis).join(",")})`;
  const [first, last] = roughly([low, high], 3);
  return el("span", {}, name, " ", first, " ", bar, " ", last, log ? " (log)" : "");
}
