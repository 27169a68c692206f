// Where the values of an axis are, from 0 to 1, and its ticks with their texts.

function niceTicks(low, high, most) {
  const raw = (high - low) / Math.max(1, most);
  if (!(raw > 0)) return [low];
  // Numbers that differ by little more than rounding have no room for others between them.
  if (high - low < 1e-13 * Math.max(Math.abs(low), Math.abs(high))) return [low, high];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(15)));
  return ticks;
}

function logTicks(low, high, most) {
  // (With the margins, an axis may reach below the smallest and above the largest number.)
  const [from, to] = [Math.max(-323, Math.floor(Math.log10(low))), Math.min(308, Math.ceil(Math.log10(high)))];
  const inside = (tick) => tick >= low * 0.999 && tick <= high * 1.001;
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let i = from; i <= to; i++) for (const factor of factors) ticks.push(Number(`${factor}e${i}`));
    const some = ticks.filter(inside);
    if (some.length <= most && some.length >= 2) return some;
  }
  const decades = [];
  for (let i = from; i <= to; i++) decades.push(10 ** i);
  const some = decades.filter(inside);
  return some.length >= 2 ? thinned(some, most) : niceTicks(low, high, most).filter((tick) => tick > 0);
}

// Times in milliseconds, at full seconds, minutes, hours or days; and which part of their texts that takes.
const [MINUTE, HOUR, DAY] = [6e4, 36e5, 864e5];
const TIME_STEPS = [...[1, 2, 5, 10, 15, 30].map((n) => n * 1000), ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR), ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].map((n) => n * DAY)];

function timeTicks(low, high, most) {
  const step = TIME_STEPS.find((one) => (high - low) / one <= most);
  if (!step || high - low < 2000) return [niceTicks(low, high, most), step ? [11, 23] : [0, 10]];
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(tick);
  return [ticks, [0, step < MINUTE ? 19 : step < DAY ? 16 : 10]];
}

function thinned(places, most) {
  const step = Math.ceil(places.length / Math.max(1, most));
  return places.filter((_, i) => i % step === 0);
}

// All ticks of an axis have one form.
function tickTexts(ticks, log) {
  if (log && ticks.some((tick) => tick >= 1e5)) return apart(ticks, shortExponent, 6);
  const large = ticks.some((tick) => Math.abs(tick) >= 1e5) && ticks.every((tick) => Number.isInteger(tick) && Math.abs(tick) < 1e9);
  return large ? ticks.map(count) : alike(ticks);
}

// Find the place of a value, from 0 to 1, and the ticks; `most` of these fit.
function scaleOf(axis, most) {
  if (axis.labels) {
    const n = axis.labels.length;
    const ticks = thinned(axis.labels.map((_, i) => i), axis.keepLabels ? n : most);
    return { at: (value) => (value + 0.5) / n, ticks: ticks.map((i) => [i, axis.labels[i]]) };
  }
  const to = axis.log ? Math.log10 : (value) => value;
  let [low, high] = [to(axis.low), to(axis.high)];
  if (!(high > low)) [low, high] = [low - 0.5, high + 0.5];
  const [below, above] = axis.tight ? [0, 0] : [axis.below || axis.margin || 0.04, axis.above || axis.margin || 0.04];
  [low, high] = [low - below * (high - low), high + above * (high - low)];
  const from = axis.log ? (value) => 10 ** value : (value) => value;
  let ticks = axis.places && axis.places.length <= most ? axis.places : null;
  if (ticks && ticks.length > 1) { // such as 0, 0.01, 1: the labels would overlap
    const at = ticks.map((tick) => (to(tick) - low) / (high - low));
    if (at.some((place, i) => i > 0 && place - at[i - 1] < 0.6 / most)) ticks = null;
  }
  let part = [];
  if (axis.date) [ticks, part] = timeTicks(low, high, Math.max(2, most / 2));
  if (!ticks) ticks = axis.log ? logTicks(from(low), from(high), most) : niceTicks(low, high, most);
  const dateText = (value) => new Date(value).toISOString().slice(...part).replace("T", " ");
  const texts = axis.date ? ticks.map(dateText) : tickTexts(ticks, axis.log);
  return { at: (value) => (to(value) - low) / (high - low), ticks: ticks.map((tick, i) => [tick, texts[i]]) };
}
