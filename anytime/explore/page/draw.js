// Draws small multiples into an SVG: axes, bars, lines, points, ranges, a heat map, names at lines.
// Lengths are pixels; `em` is the size of a letter. Names are set as text, so none is markup.

function node(parent, tag, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

// An empty picture as wide as its box; `alt` is read aloud in its place.
function picture(box, height, alt) {
  const width = box.clientWidth;
  const em = parseFloat(getComputedStyle(box).fontSize);
  box.replaceChildren();
  const attributes = { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": alt };
  return { root: node(box, "svg", attributes), width, height, em };
}

// Texts that wrap within a width, the first of them a name; gives their height.
function block(parent, { x, y, width }, look, ...texts) {
  const frame = node(parent, "foreignObject", { x, y, width, height: 1, class: look });
  const box = document.createElement("div");
  frame.append(box);
  texts.forEach((text) => element(box, "p", {}, text));
  frame.setAttribute("height", box.offsetHeight);
  return box.offsetHeight;
}

// Places for pictures side by side, each at least so many em wide.
const columns = (width, em, narrowest) => Math.max(1, Math.floor(width / (narrowest * em)));

function places({ width, height, em }, count, narrowest) {
  const rows = Math.ceil(count / columns(width, em, narrowest));
  const across = Math.ceil(count / rows);
  const [w, h] = [width / across, height / rows];
  const place = (_, i) => ({ x: w * (i % across), y: h * Math.floor(i / across), w, h });
  return Array.from({ length: count }, place);
}

// Numbers to pixels along an axis {from, to, log}.
function scale({ from, to, log }, start, end) {
  const warp = log ? Math.log10 : Number;
  const span = warp(to) - warp(from) || 1;
  return (value) => start + ((end - start) * (warp(value) - warp(from))) / span;
}

// At most about `count` round numbers along an axis; of exits all, or every so many to the last.
function ticks({ from, to, log, exits }, count) {
  const steps = [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3].flatMap((n) => [1, 2, 5].map((digit) => digit * 10 ** n));
  if (log) {
    const powers = steps.filter((step) => step >= from * 0.999 && step <= to * 1.001);
    return powers.length <= count ? powers : powers.filter((step) => Number.isInteger(Math.log10(step)));
  }
  const step = steps.find((one) => (to - from) / one <= count && (!exits || one >= 1)) || to - from;
  const first = exits ? exits % step || step : Math.ceil(from / step - 1e-9) * step;
  const number = Math.floor((to - first) / step + 1e-9) + 1;
  return Array.from({ length: number }, (_, i) => Number((first + i * step).toPrecision(9)));
}

// Axes in a place {x, y, w, h}; an axis is {from, to, log, label, exits, ticks, words}.
function axes({ root, em }, place, across, up) {
  const group = node(root, "g", { class: "panel" });
  const words = (axis, value) => (axis.words || String)(value);
  const marks = up.ticks || ticks(up, Math.max(2, place.h / (3 * em)));
  const widest = Math.max(across.exits ? 3 : 0, ...marks.map((value) => words(up, value).length));
  const left = place.x + (0.6 * widest + 0.7) * em;
  const right = place.x + place.w - 0.9 * em;
  const top = place.y + (up.label ? 1.7 : 0.6) * em;
  const bottom = place.y + place.h - (across.label ? 3.1 : 1.8) * em;
  const panel = { group, em, left, right, top, bottom };
  Object.assign(panel, { x: scale(across, left, right), y: scale(up, bottom, top), least: up.from });

  for (const value of marks) {
    const y = panel.y(value);
    node(group, "line", { class: "grid", x1: left, x2: right, y1: y, y2: y });
    const at = { class: "tick y", x: left - 0.35 * em, y: y + 0.35 * em, "text-anchor": "end" };
    node(group, "text", { ...at, "data-value": value }, words(up, value));
  }
  const low = bottom + 1.5 * em; // leaves room for a mark below the axis
  const room = (right - left) / ((across.exits ? 1.45 : 3) * em);
  for (const value of across.ticks || ticks(across, room)) {
    const at = { class: "tick x", x: panel.x(value), y: low, "text-anchor": "middle" };
    node(group, "text", { ...at, "data-value": value }, words(across, value));
  }
  const before = { class: "tick", x: left - 0.35 * em, y: low, "text-anchor": "end" };
  if (across.exits) node(group, "text", before, "exit");
  node(group, "line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom });
  const below = { x: (left + right) / 2, y: bottom + 2.8 * em, "text-anchor": "middle" };
  if (across.label) node(group, "text", below, across.label);
  if (up.label) node(group, "text", { x: place.x + 0.2 * em, y: place.y + 0.95 * em }, up.label);
  return panel;
}

const exitAxis = (exits) => ({ from: 0.5, to: exits + 0.5, exits });

function rectangle({ group }, look, [x, right], [y, bottom], says) {
  const size = { width: Math.max(0, right - x), height: Math.max(0, bottom - y) };
  const made = node(group, "rect", { class: look, x, y, ...size });
  if (says) node(made, "title", {}, says);
  return made;
}

// A tinted stretch of the horizontal axis.
function stretch(panel, from, to, look) {
  rectangle(panel, look, [panel.x(from), panel.x(to)], [panel.top, panel.bottom]);
}

// A bar for each exit; looks and says are functions of its place; `share` of `of` beside others.
function bars(panel, values, looks, says, share = 0, of = 1) {
  const place = panel.x(2) - panel.x(1);
  values.forEach((value, i) => {
    const start = panel.x(i + 0.65) + (share * 0.7 * place) / of;
    const height = [panel.y(Math.max(value, panel.least)), panel.bottom];
    rectangle(panel, `bar ${looks(i)}`, [start, start + (0.7 * place) / of], height, says(i));
  });
}

// A line from the lowest to the highest at each exit, or at each of xs.
function ranges(panel, lows, highs, xs = lows.map((_, i) => i + 1)) {
  lows.forEach((low, i) => {
    if (low === highs[i]) return;
    const [x, y1, y2] = [panel.x(xs[i]), panel.y(Math.max(low, panel.least)), panel.y(highs[i])];
    node(panel.group, "line", { class: "range", x1: x, x2: x, y1, y2 });
  });
}

// A line through pairs (x, y); stepped, each y holds until the next x. look: {color, dash}.
function line(panel, pairs, look, stepped) {
  const path = pairs.map(([x, y], i) => {
    if (!i) return `M${panel.x(x)},${panel.y(y)}`;
    return stepped ? `H${panel.x(x)}V${panel.y(y)}` : `L${panel.x(x)},${panel.y(y)}`;
  });
  const style = `stroke:${look.color};stroke-dasharray:${look.dash || "none"}`;
  node(panel.group, "path", { class: "line", d: path.join(""), style });
}

const MARKERS = {
  o: "M-1,0a1,1 0 1,0 2,0a1,1 0 1,0 -2,0z",
  s: "M-.9-.9H.9V.9H-.9z",
  D: "M0-1.2 1.2 0 0 1.2-1.2 0z",
  v: "M-1.1-.8H1.1L0 1.1z",
  "^": "M-1.1.8H1.1L0-1.1z",
  P: "M-.4-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4z",
  X: "M-1.1-.6-.6-1.1 0-.5.6-1.1 1.1-.6.5 0 1.1.6.6 1.1 0 .5-.6 1.1-1.1.6-.5 0z",
  "*": "M0-1.3.35-.4 1.3-.4.55.15.8 1.1 0 .5-.8 1.1-.55.15-1.3-.4-.35-.4z",
  h: "M-1.1 0-.55-.95H.55L1.1 0 .55.95H-.55z",
};

function marker({ group, em }, x, y, look, says = null) {
  const d = MARKERS[look.marker] || MARKERS.o;
  const style = `fill:${look.color}`;
  const made = node(group, "path", { class: "point", d, style, transform: `translate(${x},${y}) scale(${0.3 * em})` });
  if (says) node(made, "title", {}, says);
}

function points(panel, pairs, look, says) {
  pairs.forEach(([x, y], i) => marker(panel, panel.x(x), panel.y(y), look, says(i)));
}

// Rows of cells, the first at the top: the larger a number, of `most`, the stronger its colour.
function heat(panel, rows, most, says) {
  rows.forEach((row, at) => {
    const height = [panel.y(rows.length - at), panel.y(rows.length - at - 1)];
    row.forEach((value, i) => {
      if (value === null) return;
      const cell = rectangle(panel, "cell", [panel.x(i + 0.5), panel.x(i + 1.5)], height, says(at, i));
      cell.style.setProperty("--share", `${(100 * value) / most}%`);
    });
  });
}

// The names of lines, each with its mark, at the right of where they end, apart from one another.
function names(panel, lines) {
  const { em, right, top, bottom } = panel;
  const step = Math.min(1.4 * em, (bottom - top + 3 * em) / lines.length);
  const sorted = lines.map((one) => ({ ...one, at: panel.y(one.y) })).sort((a, b) => a.at - b.at);
  let free = top;
  sorted.forEach(({ at, name, look }, i) => {
    const last = bottom + 2 * em - step * (sorted.length - 1 - i);
    const y = Math.max(free, Math.min(at, last));
    marker(panel, right + 1.1 * em, y, look);
    node(panel.group, "text", { x: right + 1.8 * em, y: y + 0.35 * em }, name);
    free = y + step;
  });
}
