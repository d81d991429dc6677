// Draws small multiples into an SVG: axes, bars, lines, points, ranges, names at lines.
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

// Texts that wrap within a width, the first of them a name; its height is that of the texts.
function block(parent, { x, y, width }, look, ...texts) {
  const frame = node(parent, "foreignObject", { x, y, width, height: 1, class: look });
  const box = element(frame, "div");
  texts.forEach((text) => element(box, "p", { textContent: text }));
  frame.setAttribute("height", box.offsetHeight);
  return frame;
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
  const digits = log && to < 10 * from ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : [1, 2, 5];
  const powers = Array.from({ length: 12 }, (_, i) => 10 ** (i - 6));
  const steps = powers.flatMap((power) => digits.map((digit) => Number((digit * power).toPrecision(3))));
  if (log) {
    const found = steps.filter((step) => step >= from * 0.999 && step <= to * 1.001);
    return found.length <= count ? found : found.filter((step) => powers.some((power) => power === step));
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
  const widest = Math.max(3, ...marks.map((value) => words(up, value).length));
  const left = place.x + (0.6 * widest + 0.7) * em;
  const right = place.x + place.w - 0.9 * em;
  const top = place.y + (up.label ? 1.7 : 0.6) * em;
  const bottom = place.y + place.h - (across.label ? 3.1 : 1.8) * em;
  const panel = { group, em, left, right, top, bottom };
  Object.assign(panel, { x: scale(across, left, right), y: scale(up, bottom, top), least: up.from });

  const text = (x, y, content, more) => node(group, "text", { x, y, ...more }, content);
  for (const value of marks) {
    const y = panel.y(value);
    node(group, "line", { class: "grid", x1: left, x2: right, y1: y, y2: y });
    const look = { class: "tick y", "text-anchor": "end", "data-value": value };
    text(left - 0.35 * em, y + 0.35 * em, words(up, value), look);
  }
  const low = bottom + 1.5 * em; // leaves room for a mark below the axis
  const room = (right - left) / ((across.exits ? 1.45 : 3) * em);
  for (const value of across.ticks || ticks(across, room)) {
    const look = { class: "tick x", "text-anchor": "middle", "data-value": value };
    text(panel.x(value), low, words(across, value), look);
  }
  if (across.exits) text(left - 0.35 * em, low, "exit", { class: "tick", "text-anchor": "end" });
  node(group, "line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom });
  if (across.label) text(place.x + 0.2 * em, bottom + 2.8 * em, across.label);
  if (up.label) text(place.x + 0.2 * em, place.y + 0.95 * em, up.label);
  return panel;
}

const exitAxis = (exits) => ({ from: 0.5, to: exits + 0.5, exits });

function rectangle({ group }, look, [x, right], [y, bottom]) {
  const size = { width: Math.max(0, right - x), height: Math.max(0, bottom - y) };
  node(group, "rect", { class: look, x, y, ...size });
}

// A tinted stretch of the horizontal axis.
function stretch(panel, from, to, look) {
  rectangle(panel, look, [panel.x(from), panel.x(to)], [panel.top, panel.bottom]);
}

// A bar for each exit, whose look is a function of its place; `share` of `of` beside others.
function bars(panel, values, looks, share = 0, of = 1) {
  const place = panel.x(2) - panel.x(1);
  values.forEach((value, i) => {
    const start = panel.x(i + 0.65) + (share * 0.7 * place) / of;
    const height = [panel.y(Math.max(value, panel.least)), panel.bottom];
    rectangle(panel, `bar ${looks(i)}`, [start, start + (0.7 * place) / of], height);
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

const DOT = "M-1,0a1,1 0 1,0 2,0a1,1 0 1,0 -2,0z";

// A mark at a place in pixels; look: {color, mark}, the latter a path of two across.
function marker({ group, em }, x, y, look) {
  const transform = `translate(${x},${y}) scale(${0.3 * em})`;
  node(group, "path", { class: "point", d: look.mark || DOT, transform, style: `fill:${look.color}` });
}

// The names of lines, each with its mark, right of where they end and apart from one another.
function names(panel, lines, room) {
  const { em, right, top, bottom, group } = panel;
  const x = right + 1.8 * em;
  const made = lines.map((one) => {
    const frame = block(group, { x, y: 0, width: room - 1.2 * em }, "line-name", one.name);
    return { ...one, frame, height: frame.height.baseVal.value, at: panel.y(one.y) };
  });
  made.sort((a, b) => a.at - b.at);
  let later = made.reduce((sum, { height }) => sum + height, 0);
  let free = top - em;
  for (const { at, frame, height, look } of made) {
    const y = Math.max(free, Math.min(at - height / 2, bottom + 2 * em - later));
    frame.setAttribute("y", y);
    marker(panel, right + 1.1 * em, y + 0.6 * em, look);
    free = y + height;
    later -= height;
  }
}
