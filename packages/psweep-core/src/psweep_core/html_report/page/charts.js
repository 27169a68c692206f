// Charts in SVG. A chart has two axes and marks; values reach it as text only. For the axes see scales.js.
//
// An axis is { title, low, high, log, labels, places }: labels of the places 0, 1, ... make an axis of
// categories; places are values that get the ticks. A mark is one of
//   { type: "line", points: [[x, y] or null], colour, dashed }
//   { type: "band", points: [[x, low, high] or null], colour }
//   { type: "bars", points: [[x, low, high]], colour }
//   { type: "dots", points: [[x, y]], colour or colours, size, opacity, tip: (i) => lines, row: (i) => row,
//     hollow: (i) => bool, label: (i) => text, aside: (i) => -0.5 ... 0.5 of the space between levels }
//   { type: "star", point: [x, y], colour, labels }: the first of the labels that is not too wide
//   { type: "crosses", points: [x], number, colour, tip }: at the lower end of the axis
//   { type: "cells", cells: [[column, line, colour, lines of the tip, "" or "some" or "all" of it is lost, whether it has a star]] }
// A colour is the number of one of the palette, or CSS.

const SVG = "http://www.w3.org/2000/svg";
const MANY_DOTS = 1500; // more are drawn as one picture

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "fill" || name === "stroke") node.style[name] = colourOf(value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const PALETTE = 8;
const colourOf = (colour) => (typeof colour === "number" ? `var(--c${colour % PALETTE})` : colour);
const resolved = (colour) => (typeof colour === "number"
  ? getComputedStyle(document.documentElement).getPropertyValue(`--c${colour % PALETTE}`).trim() : colour);

// Viridis: dark blue, green, yellow.
const STOPS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];
function viridis(part) {
  const at = Math.min(1, Math.max(0, part)) * (STOPS.length - 1);
  const i = Math.min(STOPS.length - 2, Math.floor(at));
  return `rgb(${STOPS[i].map((low, k) => Math.round(low + (at - i) * (STOPS[i + 1][k] - low))).join(",")})`;
}

// Values to colours: by their logarithm where they span decades.
function shades(low, high, log) {
  const scale = log ? (value) => Math.log10(Math.max(value, low)) : (value) => value;
  const width = scale(high) - scale(low);
  return (value) => viridis(width > 0 ? (scale(value) - scale(low)) / width : 0.5);
}

const clipText = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// ---- the chart ----

function chart(div, { label, height = 320, x, y, marks, onRow = null, onBrush = null }) {
  const width = Math.max(240, div.clientWidth || 600);
  const narrow = width < 480;
  const yScale = scaleOf(y, Math.max(2, Math.floor(height / (y.labels ? 18 : 42))));
  const left = Math.min(width / 3, 14 + (y.title ? 18 : 0) + 6.6 * Math.max(2, ...yScale.ticks.map(([, text]) => Math.min(22, text.length))));
  const right = 14;
  const inner = width - left - right;
  const longest = x.labels ? Math.max(...x.labels.map((text) => text.length)) : 0;
  const turned = Boolean(x.labels) && longest * 7 + 10 > inner / x.labels.length;
  let xScale = scaleOf({ ...x, keepLabels: turned ? x.labels.length * 14 < inner : true }, turned ? Math.floor(inner / 14) : Math.max(2, Math.floor(inner / (narrow ? 52 : 68))));
  const room = 6.6 * Math.max(...xScale.ticks.map(([, text]) => text.length)) + 8;
  const overlap = xScale.ticks.some(([value], i) => i > 0 && inner * (xScale.at(value) - xScale.at(xScale.ticks[i - 1][0])) < room);
  if (!x.labels && overlap) xScale = scaleOf(x, Math.max(2, Math.floor(inner / (1.3 * room))));
  const bottom = (x.title ? 40 : 24) + (turned ? Math.min(110, longest * 5) : 0);
  const [top, high] = [12, height - 12 - bottom];
  const px = (value) => left + inner * xScale.at(value);
  const py = (value) => top + high * (1 - yScale.at(value));
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "chart" });
  const grid = svg("g", { class: "grid" });
  const texts = svg("g", { class: "ticks" });
  for (const [value, text] of yScale.ticks) {
    const at = py(value);
    if (at < top - 1 || at > top + high + 1) continue;
    if (!y.labels) grid.append(svg("line", { x1: left, x2: left + inner, y1: at, y2: at }));
    texts.append(svg("text", { x: left - 7, y: at + 4, "text-anchor": "end" }, clipText(text, 22)));
  }
  for (const [value, text] of xScale.ticks) {
    const at = px(value);
    if (at < left - 1 || at > left + inner + 1) continue;
    if (!x.labels) grid.append(svg("line", { x1: at, x2: at, y1: top, y2: top + high }));
    texts.append(turned
      ? svg("text", { x: at, y: top + high + 14, "text-anchor": "end", transform: `rotate(-40 ${at} ${top + high + 10})` }, clipText(text, 20))
      : svg("text", { x: Math.min(at, width - 3.3 * Math.min(text.length, 22)), y: top + high + 17, "text-anchor": "middle" }, clipText(text, 22)));
  }
  grid.append(svg("path", { class: "frame", d: `M${left} ${top}V${top + high}H${left + inner}` }));
  root.append(grid, texts);
  if (x.title) root.append(svg("text", { class: "title", x: left + inner / 2, y: height - 6, "text-anchor": "middle" }, clipText(x.title, Math.floor(inner / 6.5))));
  if (y.title) root.append(svg("text", { class: "title", transform: `translate(13 ${top + high / 2}) rotate(-90)`, "text-anchor": "middle" }, clipText(y.title, Math.floor(height / 6.5))));
  const spots = []; // [x, y, lines of the tip, row], in pixels
  const labels = []; // [x, y, text, class or nothing], in pixels
  for (const mark of marks) drawMark(root, mark, { px, py, left, top, inner, high, x, y, spots, labels });
  const lines = marks.filter((mark) => mark.type === "line").flatMap((mark) => alongLine(mark.points.map((point) => point && [px(point[0]), py(point[1])])));
  placeLabels(root, labels, spots, lines, { left, top, inner, high });
  div.replaceChildren(root);
  const cells = marks.find((mark) => mark.type === "cells");
  const reach = cells ? [inner / x.labels.length / 2, high / y.labels.length / 2] : [14, 14];
  follow(root, width, height, spots, reach, onRow);
  if (onBrush) brush(root, { width, height, left, top, inner, high }, px, py, onBrush);
}

// Points on a line, some pixels from each other.
function alongLine(points) {
  const along = [];
  for (let i = 1; i < points.length; i++) {
    const [from, to] = [points[i - 1], points[i]];
    if (from === null || to === null) continue;
    const n = Math.min(Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / 4), 500);
    for (let k = 0; k <= n; k++) along.push([from[0] + (to[0] - from[0]) * k / n, from[1] + (to[1] - from[1]) * k / n]);
  }
  return along;
}

const measure = document.createElement("canvas").getContext("2d");
function widthOf(label, kind) { // in pixels, as page.css has it
  measure.font = `${kind ? "600 12px" : "11px"} ${getComputedStyle(document.body).fontFamily}`;
  return measure.measureText(label).width;
}

// Write each label, the longest first, where it covers the least of what is drawn and of the others.
function placeLabels(root, labels, spots, lines, { left, top, inner, high }) {
  const boxes = [];
  for (const [a, b, text, kind] of labels.sort((one, other) => other[2].length - one[2].length)) {
    const [w, h] = [widthOf(text, kind), 11];
    const middle = Math.max(left + 6, Math.min(a - w / 2, left + inner + 8 - w));
    const away = kind ? 14 : 8; // a star is larger than a dot
    const corners = [[middle, b - away - h], [middle, b + away], [a + 8, b - h / 2], [a - 8 - w, b - h / 2], [a + 6, b + 6], [a + 6, b - 6 - h], [a - 6 - w, b + 6], [a - 6 - w, b - 6 - h]];
    const covered = ([x0, y0]) => {
      const outside = x0 < left || x0 + w > left + inner + 8 || y0 < top - 4 || y0 + h > top + high;
      const under = (points) => points.filter(([x, y]) => x > x0 - 3 && x < x0 + w + 3 && y > y0 - 3 && y < y0 + h + 3).length;
      const others = boxes.filter(([x, y, wide]) => x < x0 + w && x + wide > x0 && Math.abs(y - y0) < h).length;
      return 20 * under(spots) + under(lines) + 20 * others + (outside ? 1000 : 0);
    };
    const [x0, y0] = corners.reduce((best, corner) => (covered(corner) < covered(best) ? corner : best));
    boxes.push([x0, y0, w]);
    root.append(svg("text", { class: kind ? `halo ${kind}` : "halo", x: x0 + w / 2, y: y0 + h - 2, "text-anchor": "middle" }, text));
  }
}

function drawMark(root, mark, { px, py, left, top, inner, high, x, y, spots, labels }) {
  const path = (points) => {
    let text = "";
    let move = true;
    for (const point of points) {
      if (point === null) { move = true; continue; }
      text += `${move ? "M" : "L"}${px(point[0]).toFixed(1)} ${py(point[1]).toFixed(1)}`;
      move = false;
    }
    return text;
  };
  if (mark.type === "line") {
    root.append(svg("path", { d: path(mark.points), class: "line", stroke: mark.colour, ...(mark.dashed ? { "stroke-dasharray": mark.dashed } : {}) }));
  } else if (mark.type === "band") {
    let part = [];
    const flush = () => {
      if (part.length > 1) root.append(svg("path", { class: "band", fill: mark.colour, d: `${path([...part.map(([at, , up]) => [at, up]), ...part.reverse().map(([at, low]) => [at, low])])}Z` }));
      part = [];
    };
    for (const point of mark.points) { if (point === null) flush(); else part.push(point); }
    flush();
  } else if (mark.type === "bars") {
    for (const [at, low, up] of mark.points) {
      const [x0, y0, y1] = [px(at), py(low), py(up)];
      root.append(svg("path", { class: "line", stroke: mark.colour, d: `M${x0} ${y0}V${y1}M${x0 - 4} ${y0}h8M${x0 - 4} ${y1}h8` }));
    }
  } else if (mark.type === "dots") {
    const size = mark.size || 3.5;
    const space = mark.aside ? levelSpace(x, px, inner) : 0;
    const at = mark.points.map(([a, b], i) => [px(a) + (space ? space * mark.aside(i) : 0), py(b)]);
    at.forEach(([a, b], i) => spots.push([a, b, () => mark.tip(i), mark.row ? mark.row(i) : undefined]));
    const colour = (i) => (mark.colours ? mark.colours[i] : mark.colour);
    if (at.length > MANY_DOTS) {
      root.append(picture({ left, top, inner, high }, (canvas) => {
        canvas.globalAlpha = mark.opacity || 1;
        at.forEach(([a, b], i) => {
          canvas.fillStyle = resolved(colour(i));
          canvas.fillRect(a - left - size / 2, b - top - size / 2, size, size);
        });
      }));
    } else {
      const group = svg("g", { class: "dots", opacity: mark.opacity || 1 });
      at.forEach(([a, b], i) => {
        const place = { cx: a.toFixed(1), cy: b.toFixed(1) };
        if (mark.hollow && mark.hollow(i)) group.append(svg("circle", { ...place, r: size + 1, class: "hollow", stroke: colour(i) }));
        else group.append(svg("circle", { ...place, r: size, fill: colour(i) }));
        const text = mark.label ? mark.label(i) : "";
        if (text) labels.push([a, b, text]);
      });
      root.append(group);
    }
  } else if (mark.type === "star") {
    const [a, b] = [px(mark.point[0]), py(mark.point[1])];
    root.append(svg("path", { class: "star", d: starPath(a, b, 11), fill: mark.colour }));
    labels.push([a, b, mark.labels.find((label) => widthOf(label, "best") < inner) || mark.labels.at(-1), "best"]);
  } else if (mark.type === "crosses") {
    mark.points.forEach((place, i) => {
      const [a, b] = [px(place), top + high - 8 - 11 * mark.number];
      root.append(svg("path", { class: "line cross", stroke: mark.colour, d: `M${a - 4} ${b - 4}l8 8m0 -8l-8 8` }));
      spots.push([a, b, () => mark.tip(i), undefined]);
    });
  } else if (mark.type === "cells") {
    const [w, h] = [inner / x.labels.length, high / y.labels.length];
    for (const [column, line, colour, tip, lost, star] of mark.cells) {
      const [a, b] = [left + column * w, top + high - (line + 1) * h];
      root.append(svg("rect", { x: a, y: b, width: w + 0.5, height: h + 0.5, fill: colour }));
      const corner = Math.min(12, w / 3, h / 3);
      if (lost === "some") root.append(svg("path", { class: "corner", d: `M${a + w} ${b}v${corner}l${-corner} ${-corner}Z` }));
      if (star) root.append(svg("path", { class: "star", d: starPath(a + w / 2, b + h / 2, Math.min(9, w / 2, h / 2)), fill: "var(--text)" }));
      if (lost === "all") root.append(svg("text", { x: a + w / 2, y: b + h / 2 + 4, "text-anchor": "middle" }, "×"));
      spots.push([a + w / 2, b + h / 2, () => tip, undefined]);
    }
  }
}

// A star with five points around (x, y).
function starPath(x, y, radius) {
  const corners = [...Array(10).keys()].map((k) => {
    const [angle, length] = [Math.PI * k / 5, k % 2 ? 0.45 * radius : radius];
    return `${(x + length * Math.sin(angle)).toFixed(1)} ${(y - length * Math.cos(angle)).toFixed(1)}`;
  });
  return `M${corners.join("L")}Z`;
}

// How far the points of a level may be spread, in pixels; 0 where there are too many levels.
function levelSpace(x, px, inner) {
  if (x.labels) return Math.min(46, 0.6 * inner / x.labels.length);
  if (!x.places || x.places.length > 12) return 0;
  const at = x.places.map(px).sort((a, b) => a - b);
  const gaps = at.slice(1).map((place, i) => place - at[i]);
  return Math.min(46, 0.6 * Math.min(...gaps, inner / 2));
}

// Draw as a picture, which prints and scales as the rest of the chart.
function picture({ left, top, inner, high }, draw) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * inner, 2 * high];
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  draw(context);
  return svg("image", { x: left, y: top, width: inner, height: high, href: canvas.toDataURL() });
}

// ---- what the pointer does ----

const tip = el("div", { id: "tip", hidden: true });

function showTip(lines, event) {
  tip.replaceChildren(...lines.map((line) => el("div", {}, line)));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = event.clientX + 14 + box.width > innerWidth ? event.clientX - box.width - 10 : event.clientX + 14;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 12, innerHeight - box.height - 4))}px`;
}

const hideTip = () => { tip.hidden = true; };

function placeIn(root, width, height, event) {
  const box = root.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height];
}

function follow(root, width, height, spots, reach, onRow) {
  if (!spots.length) return;
  const near = (event) => {
    const [x, y] = placeIn(root, width, height, event);
    let [best, least] = [null, Infinity];
    for (const spot of spots) {
      const [dx, dy] = [Math.abs(spot[0] - x) / reach[0], Math.abs(spot[1] - y) / reach[1]];
      if (dx <= 1 && dy <= 1 && dx * dx + dy * dy < least) [best, least] = [spot, dx * dx + dy * dy];
    }
    return best;
  };
  root.addEventListener("pointermove", (event) => {
    const spot = near(event);
    root.classList.toggle("pointing", Boolean(spot && onRow && spot[3] !== undefined));
    if (spot) showTip(spot[2](), event); else hideTip();
  });
  root.addEventListener("pointerleave", hideTip);
  if (onRow) {
    root.addEventListener("click", (event) => {
      const spot = near(event);
      if (spot && spot[3] !== undefined && !root.dataset.brushed) onRow(spot[3]);
    });
  }
}

// Drag a rectangle; `onBrush` gets a test of a point [x, y], or null where there is none any more.
function brush(root, { width, height, left, top, inner, high }, px, py, onBrush) {
  let start = null;
  const box = svg("rect", { class: "brush" });
  const within = ([x, y]) => [Math.min(Math.max(x, left), left + inner), Math.min(Math.max(y, top), top + high)];
  root.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = within(placeIn(root, width, height, event));
    root.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  root.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = within(placeIn(root, width, height, event));
    const [x, y] = [Math.min(start[0], end[0]), Math.min(start[1], end[1])];
    const [w, h] = [Math.abs(start[0] - end[0]), Math.abs(start[1] - end[1])];
    if (w + h < 8) return;
    for (const [name, value] of Object.entries({ x, y, width: w, height: h })) box.setAttribute(name, value);
    if (!box.isConnected) root.append(box);
  });
  root.addEventListener("pointerup", () => {
    if (!start) return;
    start = null;
    const had = root.dataset.brushed;
    if (!box.isConnected) return;
    const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => Number(box.getAttribute(name)));
    if (had && box.dataset.done === `${x} ${y} ${w} ${h}`) { // a click lets go
      box.remove();
      setTimeout(() => { delete root.dataset.brushed; }, 0);
      onBrush(null);
      return;
    }
    box.dataset.done = `${x} ${y} ${w} ${h}`;
    root.dataset.brushed = "yes";
    onBrush(([a, b]) => {
      const [u, v] = [px(a), py(b)];
      return u >= x && u <= x + w && v >= y && v <= y + h;
    });
  });
}

// ---- redrawing ----

const drawn = []; // functions that draw again, when widths or colours change
let lastWidth = innerWidth;
let resizing = 0;

addEventListener("resize", () => {
  if (innerWidth === lastWidth) return; // only the address bar of a phone has gone
  lastWidth = innerWidth;
  clearTimeout(resizing);
  resizing = setTimeout(() => drawn.forEach((draw) => draw()), 150);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((draw) => draw()));

function legend(entries) {
  return el("ul", { class: "legend" }, ...entries.map(([text, colour]) => {
    const swatch = el("span", { class: "swatch" });
    swatch.style.background = colourOf(colour);
    return el("li", {}, swatch, clipText(text, 40));
  }));
}
