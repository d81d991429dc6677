// The explorers: each asks for its controls, and says and draws what the tables hold there.

const DATA = JSON.parse(by("data").textContent);
const percent = (share) => `${Math.round(100 * share)} %`;

const COUNTED = {
  above: { words: "weight above the floor", table: "above", column: "weight" },
  all: { words: "all weight", table: "all", column: "weight" },
  share: { words: "share of all weight", table: "all", column: "share" },
  loss: { words: "training loss (nats)", table: "above", column: "loss" },
};
const MOMENTS = { epoch: "at one epoch", fit: "at equal fit" };
const FORMS = ["small pictures", "one map"];
const KEYS = {
  pictures: "Thin lines: lowest to highest run. Shaded: last quarter of the exits. Triangle: mean position.",
  map: "The more, the stronger the colour. Beside the names: mean position.",
};

function finalWeights() {
  const { settings, presets, note } = DATA.final_weights;
  if (!settings.length) return { words: note };
  const first = presets[0] || { runs: settings[0].words };
  const runs = select("runs", "Runs", settings.map(({ words }) => words), { start: first.runs });
  const setting = settings.find(({ words }) => words === runs);
  const ids = setting.sets.map(({ id }) => id);
  const find = (id) => setting.sets.find((set) => set.id === id);
  const start = (first.runs === runs && first.sets) || ids;
  const chosen = ask({ kind: "checks", key: "set", label: "Data sets", options: ids, start, words: (id) => find(id).name });
  choosePreset(presets, runs, chosen);

  const shown = select("show", "Bars", Object.keys(COUNTED), { words: (key) => COUNTED[key].words });
  const ways = Object.keys(MOMENTS).filter((way) => setting[way].length);
  const at = select("at", "Compare", ways, { words: (way) => MOMENTS[way] });
  const moments = setting[at];
  const label = at === "epoch" ? "Epoch" : "Loss of the last exit";
  const last = at === "epoch" ? moments.at(-1) : nearest(moments, 0.6);
  const moment = range(at, label, moments, { start: last, play: true });
  const form = select("as", "As", FORMS);

  if (!chosen.length) return { words: "Choose one data set or more." };
  const counted = COUNTED[shown];
  const rows = chosen.map((id) => numbersAt(find(id), counted, at, moments.indexOf(moment)));
  const look = { setting, counted, at, moment, log: shown === "loss", span: setting.span[shown] };
  const small = form === FORMS[0];
  return {
    words: weightsWords(rows, look),
    key: `${counted.words}. ${small ? KEYS.pictures : KEYS.map}`,
    beside: DATA.paper,
    needs: (width, em) => (small ? 12 * Math.ceil(rows.length / columns(width, em, 11)) : 5 + 2 * rows.length),
    draw: (image) => (small ? drawWeights : drawWeightsMap)(image, rows, look),
    table: {
      columns: ["data set", "exit", counted.words, "lowest", "highest", "runs", "epoch"],
      rows: rows.flatMap(({ set, value, low, high, runs, epoch }) =>
        value.map((one, i) => [set.name, i + 1, one, low[i], high[i], runs, epoch]),
      ),
    },
  };
}

// A choice of runs and data sets that sets both; it shows which of them is there now.
function choosePreset(presets, runs, chosen) {
  const own = { title: "a choice of my own" };
  const same = (one) => one.runs === runs && String(one.sets) === String(chosen);
  const sets = (one) => (one === own ? {} : { runs: one.runs, set: one.sets });
  const value = presets.find(same) || own;
  select("preset", "Show", [...presets, own], { first: true, sets, value, words: ({ title }) => title });
}

// The numbers of a data set at one moment, those of each exit as lists.
function numbersAt(set, { table, column }, at, i) {
  const numbers = set[table][at];
  const row = (name) => (numbers[name] || numbers[column]).slice(i * set.exits, (i + 1) * set.exits);
  const [position, quarter] = [numbers.mean_position[i], numbers.last_quarter[i]];
  const more = { position, quarter, epoch: numbers.epoch[i], runs: numbers.runs[i] };
  return { set, value: row(column), low: row(`${column}_low`), high: row(`${column}_high`), ...more };
}

function weightsWords(rows, { setting, counted, at, moment }) {
  const when = at === "epoch" ? `At epoch ${moment}` : `When the last exit's loss first was ${moment}`;
  const floored = counted.table === "above" && setting.floor;
  const where = `${when}${floored ? `, counted above the floor of ${setting.floor},` : ""}`;
  const place = ({ set, position, quarter }) =>
    `${set.name}, at mean position ${position.toFixed(2)} with ${percent(quarter)} on the last quarter`;

  const there = rows.filter(({ position }) => position !== null);
  const sorted = [...there].sort((a, b) => a.position - b.position);
  const texts = rows.filter((row) => !there.includes(row)).map((row) => whyGrey(row, moment));
  if (there.length === 1) texts.unshift(`${where} the weight lies like this on ${place(there[0])}.`);
  if (there.length > 1) {
    const ends = `latest on ${place(sorted.at(-1))}, and earliest on ${place(sorted[0])}`;
    const like = (order) => there.every((row, i) => row === order[i]);
    const trend = like(sorted) ? "grows" : like(sorted.reverse()) ? "falls" : "neither grows nor falls steadily";
    texts.unshift(`${where} the weight lies ${ends}. From the least test error to the most the mean position ${trend}.`);
  }
  return texts.join(" ");
}

function whyGrey({ set }, moment) {
  const early = set.above.epoch.loss[set.exits - 1] <= moment;
  return `Grey: ${set.name} ${early ? "was below this loss within its first epoch" : "never came to this loss"}.`;
}

function weightSays({ value, low, high, runs }, i) {
  const range = runs > 1 ? ` (${low[i].toPrecision(3)} to ${high[i].toPrecision(3)} over ${runs} runs)` : "";
  return `exit ${i + 1}: ${value[i].toPrecision(3)}${range}`;
}

function drawWeights(image, rows, { at, log, span: [from, to] }) {
  const { root, em } = image;
  const exits = Math.max(...rows.map(({ set }) => set.exits));
  const spots = places(image, rows.length, 11);
  const heads = rows.map((row, i) => {
    const { x, y, w } = spots[i];
    const epoch = at === "fit" && row.epoch !== null ? `epoch ${row.epoch.toFixed(1)}, ` : "";
    const note = row.position === null ? "not seen there" : `${epoch}mean position ${row.position.toFixed(2)}`;
    const place = { x: x + 0.3 * em, y, width: w - 0.9 * em };
    return block(root, place, "head", row.set.name, note);
  });
  rows.forEach((row, i) => {
    const { x, y, w, h } = spots[i];
    const head = Math.max(...heads);
    const panel = axes(image, { x, w, y: y + head + 0.6 * em, h: h - head - em }, exitAxis(exits), { from, to, log });
    if (row.position === null) return stretch(panel, 0.5, exits + 0.5, "missing");
    drawWeightBars(panel, row, log);
  });
}

// Bars with the last quarter of the exits marked, its share above, and where the mean position is.
function drawWeightBars(panel, row, log) {
  const { group, em } = panel;
  const { exits } = row.set;
  stretch(panel, 0.75 * exits + 0.5, exits + 0.5, "quarter");
  bars(panel, row.value, (i) => (i + 1 > 0.75 * exits ? "late" : "early"), (i) => weightSays(row, i));
  ranges(panel, row.low, row.high);
  if (log) return;
  const share = { x: panel.right, y: panel.top - 0.25 * em, "text-anchor": "end", class: "share" };
  node(group, "text", share, percent(row.quarter));
  const mean = panel.x(1 + row.position * (exits - 1));
  const size = `${-0.4 * em},${0.5 * em}h${0.8 * em}`;
  node(group, "path", { class: "mean", d: `M${mean},${panel.bottom}l${size}z` });
}

// A row a data set, the easiest at the top.
function drawWeightsMap(image, rows, { span: [, most] }) {
  const { root, em, width, height } = image;
  const left = Math.min(20 * em, 0.4 * width);
  const exits = Math.max(...rows.map(({ set }) => set.exits));
  const up = { from: 0, to: rows.length, ticks: [] };
  const panel = axes(image, { x: left, y: 0, w: width - left, h: height }, exitAxis(exits), up);
  const values = rows.map(({ value }) => value);
  heat(panel, values, most, (at, i) => `${rows[at].set.name}, ${weightSays(rows[at], i)}`);
  rows.forEach(({ set, position }, i) => {
    const place = { x: 0, y: panel.y(rows.length - i - 0.5) - 0.6 * em, width: panel.left };
    block(root, place, "row", `${set.name}: ${position === null ? "not seen there" : position.toFixed(2)}`);
  });
}

const VIEWS = {
  "final-weights": { title: "Final weights per data set", tab: "Final weights", view: finalWeights },
};

start();
