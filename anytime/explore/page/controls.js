// Controls, address and sentence. An explorer is a function that asks for each control's value when
// it needs it, so that a control may depend on those before it, and gives what is to be shown:
// {words, key, beside, draw(picture), needs(width, em): its least height in em, table: rows}.

const by = (id) => document.getElementById(id);
let state = new URLSearchParams(); // what the address says
let asked = []; // the controls of what is shown
let unknown = []; // what the address asks for and isn't here
let playing = null;

function element(parent, tag, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  parent?.append(made);
  return made;
}

// A control {key, kind, label, options, start, words} and its value, which is one of the options;
// of "checks" several, of "text" any text. `sets` changes others instead, and has its value given.
function ask(wanted) {
  const spec = { words: String, start: wanted.options?.[0], ...wanted };
  asked.push(spec);
  const texts = state.getAll(spec.key);
  if ("value" in spec || !texts.length) return (spec.value ??= spec.start);
  if (spec.kind === "text") return (spec.value = texts[0]);
  if (spec.kind === "range") return (spec.value = nearest(spec.options, Number(texts[0])));
  const there = spec.options.filter((option) => texts.includes(String(option)));
  unknown.push(...texts.filter((text) => text && !there.map(String).includes(text)));
  const none = !there.length && texts[0] !== "";
  if (none) state.delete(spec.key);
  return (spec.value = none ? spec.start : spec.kind === "checks" ? there : there[0]);
}

const select = (key, label, options, more) => ask({ kind: "select", key, label, options, ...more });
const range = (key, label, options, more) => ask({ kind: "range", key, label, options, ...more });

const nearest = (options, wanted) =>
  options.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a));

// The control of this key as it was last asked for, and what happens when it is moved.
const live = (key) => asked.find((spec) => spec.key === key);

function choose(key, value) {
  const { sets } = live(key);
  for (const [name, given] of Object.entries(sets ? sets(value) : { [key]: value })) {
    const values = [given].flat();
    state.delete(name);
    for (const one of values.length ? values : [""]) state.append(name, one);
  }
  show();
}

// Each makes a control in a box, and gives a function that lets it follow a spec.
const MAKERS = {
  select(key, box) {
    const made = element(box, "select", { id: `control-${key}` });
    made.onchange = () => choose(key, live(key).options[made.selectedIndex]);
    return ({ options, words, value }) => {
      refill(made, options.map(words), (text) => element(made, "option", { textContent: text }));
      made.selectedIndex = options.indexOf(value);
    };
  },

  range(key, box) {
    const made = element(box, "input", { type: "range", min: 0, id: `control-${key}` });
    const output = element(box, "output", { htmlFor: made.id });
    made.oninput = () => choose(key, live(key).options[made.value]);
    const { play } = live(key);
    if (play) playButton(box, made, play === true ? ["Play", "Stop"] : play);
    return ({ options, words, value }) => {
      made.max = options.length - 1;
      made.value = options.indexOf(value);
      output.textContent = words(value);
      made.setAttribute("aria-valuetext", words(value));
    };
  },

  checks(key, box) {
    const folded = element(box, "details", { className: "checks" });
    const summary = element(folded, "summary");
    const list = element(folded, "div", { role: "group" });
    const add = (text, i) => {
      const label = element(list, "label", { textContent: text });
      const made = element(null, "input", { type: "checkbox" });
      label.prepend(made);
      made.onchange = () => choose(key, live(key).options.filter((_, at) => boxes()[at].checked));
    };
    const boxes = () => [...list.querySelectorAll("input")];
    return ({ label, options, words, value }) => {
      summary.textContent = `${label}: ${value.length} of ${options.length}`;
      list.setAttribute("aria-label", label);
      refill(list, options.map(words), add);
      boxes().forEach((made, i) => (made.checked = value.includes(options[i])));
    };
  },

  text(key, box) {
    const made = element(box, "input", { id: `control-${key}`, spellcheck: false });
    made.oninput = () => choose(key, made.value);
    return ({ value }) => (made.value = value);
  },
};

// Makes the children of a list anew where their texts are others.
function refill(list, texts, add) {
  if (texts.join("\n") === [...list.children].map((child) => child.textContent).join("\n")) return;
  list.replaceChildren();
  texts.forEach(add);
}

function playButton(box, slider, [play, stop]) {
  const button = element(box, "button", { type: "button", textContent: play });
  const turn = (timer) => {
    clearInterval(playing);
    playing = timer;
    button.textContent = timer ? stop : play;
    by("words").setAttribute("aria-live", timer ? "off" : "polite"); // only the last is read aloud
  };
  const step = () => {
    slider.value = Number(slider.value) < slider.max ? Number(slider.value) + 1 : 0;
    slider.oninput(); // draws before the next is waited for
    if (Number(slider.value) >= slider.max) turn(null);
  };
  button.onclick = () => {
    if (playing) return turn(null);
    turn(setInterval(() => (button.isConnected ? step() : turn(null)), Math.min(400, 8000 / slider.max)));
    step();
  };
}

// Controls are made where they are missing, and kept where they stay, with the focus.
const controls = new Map();

function followControls() {
  const panel = by("controls");
  const names = asked.map(({ kind, key }) => `${kind} ${key}`);
  for (const [name, { box }] of controls) {
    if (!names.includes(name)) box.remove() || controls.delete(name);
  }
  asked.forEach((spec, i) => {
    if (!controls.has(names[i])) {
      const box = element(null, "div", { className: `control ${spec.kind} ${spec.key}` });
      const head = { htmlFor: `control-${spec.key}`, textContent: spec.label };
      if (spec.kind !== "checks") element(box, "label", head);
      controls.set(names[i], { box, follow: MAKERS[spec.kind](spec.key, box) });
    }
    const { box, follow } = controls.get(names[i]);
    if (panel.children[i] !== box) panel.insertBefore(box, panel.children[i] || null);
    follow(spec);
  });
}

function writeAddress() {
  const known = ["view", ...asked.map(({ key }) => key)];
  for (const key of [...state.keys()]) if (!known.includes(key)) state.delete(key);
  history.replaceState(null, "", `#${state}`);
}

// Shows what the state asks for: controls, address, sentence, picture, table.
function show(fresh = false) {
  const wanted = state.get("view") ?? Object.keys(VIEWS)[0];
  const name = wanted in VIEWS ? wanted : Object.keys(VIEWS)[0];
  [asked, unknown] = [[], wanted === name ? [] : [wanted]];
  const shown = VIEWS[name].view();
  asked.sort((a, b) => Boolean(b.first) - Boolean(a.first));
  followControls();
  writeAddress();
  for (const link of by("nav").children) {
    link.setAttribute("aria-current", link.hash === `#view=${name}` ? "page" : "false");
  }
  const { title } = VIEWS[name];
  by("title").textContent = document.title = title;
  by("words").textContent = (fresh && unknown.length ? `Not here: ${unknown.join("; ")}. ` : "") + shown.words;
  by("beside").textContent = shown.beside || "";
  by("key").textContent = shown.key || "";
  fillPicture(shown, title);
  fillTable(name, shown.table);
}

function fillPicture({ draw, words, needs = () => 18 }, title) {
  const box = by("picture");
  box.replaceChildren();
  if (!draw) return;
  const em = parseFloat(getComputedStyle(box).fontSize);
  const rest = by("screen").getBoundingClientRect().height;
  const height = Math.max(needs(box.clientWidth, em) * em, window.innerHeight - rest - 0.3 * em);
  draw(picture(box, height, `${title}. ${words}`));
}

// The numbers as a table and as a file; each row is an object with the same keys.
function fillTable(name, table) {
  by("more").hidden = !table;
  by("table").replaceChildren();
  if (!table) return;
  const rows = [Object.keys(table[0]), ...table.map((row) => Object.values(row).map((cell) => cell ?? ""))];
  by("numbers").ontoggle = () => fillTable(name, table);
  by("csv").download = `${name}.csv`;
  by("csv").onclick = () => (by("csv").href = csv(rows));
  if (!by("numbers").open) return;
  for (const cells of rows) {
    const row = element(by("table"), "tr");
    cells.forEach((cell) => element(row, cells === rows[0] ? "th" : "td", { textContent: cell }));
  }
}

function csv(rows) {
  const quoted = (cell) => `"${String(cell).replaceAll('"', '""')}"`;
  const lines = rows.map((row) => row.map(quoted).join(","));
  return URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" }));
}

function start() {
  for (const [name, { tab }] of Object.entries(VIEWS)) element(by("nav"), "a", { href: `#view=${name}`, textContent: tab });
  const follow = () => {
    state = new URLSearchParams(location.hash.slice(1));
    show(true);
  };
  window.addEventListener("hashchange", follow);
  window.addEventListener("resize", () => show());
  follow();
}
