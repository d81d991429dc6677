// The explorers: each asks for its controls, and says and draws what the tables hold there.

const DATA = JSON.parse(by("data").textContent);
const percent = (share) => `${Math.round(100 * share)} %`;

const tick = (share) => `${Number((100 * share).toPrecision(3))} %`;
const AMOUNT = "million multiply-adds";
const millions = (cost) => `${Number(cost.toPrecision(3))} ${AMOUNT}`;

function finalWeights() {
  const { settings, presets, note, paper, counted, moments: ways } = DATA.weights;
  if (!settings.length) return { words: note };
  const first = presets[0] || { runs: settings[0].words };
  const runs = select("runs", "Runs", settings.map(({ words }) => words), { start: first.runs });
  const setting = settings.find(({ words }) => words === runs);
  const { ids } = setting;
  const start = (first.runs === runs && first.sets) || ids;
  const words = (id) => setting.names[ids.indexOf(id)];
  const chosen = ask({ kind: "checks", key: "set", label: "Data sets", options: ids, start, words });
  choosePreset(presets, runs, chosen);

  const shown = select("show", "Bars", Object.keys(counted), { words: (key) => counted[key].words });
  const there = Object.keys(ways).filter((way) => setting[way].length);
  const at = select("at", "Compare", there, { words: (way) => ways[way] });
  const moments = setting[at];
  const [label, usual] = at === "epoch" ? ["Epoch", moments.at(-1)] : ["Loss of the last exit", nearest(moments, 0.6)];
  const moment = range(at, label, moments, { start: usual, play: true });

  if (!chosen.length) return { words: "Choose one data set or more." };
  const rows = chosen.map((id) => numbersAt(words(id), setting[shown][at], ids.indexOf(id), moments.indexOf(moment)));
  const floor = counted[shown].above && setting.floor;
  const unit = counted[shown].words;
  return {
    words: weightsWords(rows, at, moment, floor),
    key: `Bars: ${unit}. Thin lines: lowest to highest run. Shaded: last quarter of the exits. Triangle: mean position.`,
    beside: paper,
    needs: (width, em) => 12 * Math.ceil(rows.length / columns(width, em, 11)),
    draw: (image) => drawWeights(image, rows, at, setting[shown].span, shown === "loss"),
    table: rows.flatMap(({ name, value, low, high, runs, epoch }) =>
      value.map((one, i) => ({ "data set": name, exit: i + 1, [unit]: one, lowest: low[i], highest: high[i], runs, epoch })),
    ),
  };
}

// The numbers of a data set at one moment, those of each exit as lists.
function numbersAt(name, { low, high, ...numbers }, set, moment) {
  const row = { name, low: (low || numbers.value)[set][moment], high: (high || numbers.value)[set][moment] };
  for (const key of Object.keys(numbers)) row[key] = numbers[key][set][moment];
  return row;
}

// A choice of runs and data sets that sets both; it shows which of them is there now.
function choosePreset(presets, runs, chosen) {
  const own = { title: "a choice of my own" };
  const same = (one) => one.runs === runs && String(one.sets) === String(chosen);
  const sets = (one) => (one === own ? {} : { runs: one.runs, set: one.sets });
  const more = { first: true, sets, value: presets.find(same) || own, words: ({ title }) => title };
  select("preset", "Show", [...presets, own], more);
}

function weightsWords(rows, at, moment, floor) {
  const when = at === "epoch" ? `At epoch ${moment}` : `When the last exit's loss first was ${moment}`;
  const where = `${when}${floor ? `, counted above the floor of ${floor},` : ""} the weight lies`;
  const place = ({ name, mean_position, last_quarter }) =>
    `${name}, at mean position ${mean_position.toFixed(2)} with ${percent(last_quarter)} on the last quarter`;

  const there = rows.filter(({ mean_position }) => mean_position !== null);
  const sorted = [...there].sort((a, b) => a.mean_position - b.mean_position);
  const never = ({ first_loss }) => first_loss > moment;
  const why = (row) => (never(row) ? "never came to this loss" : "was below this loss within its first epoch");
  const texts = rows.filter((row) => !there.includes(row)).map((row) => `Grey: ${row.name} ${why(row)}.`);
  if (there.length === 1) texts.unshift(`${where} like this on ${place(there[0])}.`);
  if (there.length > 1) {
    const ends = `latest on ${place(sorted.at(-1))}, and earliest on ${place(sorted[0])}`;
    const like = (order) => there.every((row, i) => row === order[i]);
    const trend = like(sorted) ? "grows" : like(sorted.reverse()) ? "falls" : "neither grows nor falls steadily";
    texts.unshift(`${where} ${ends}. From the least test error to the most the mean position ${trend}.`);
  }
  return texts.join(" ");
}

function drawWeights(image, rows, at, [from, to], log) {
  const { root, em } = image;
  const spots = places(image, rows.length, 11);
  const heights = rows.map((row, i) => {
    const { x, y, w } = spots[i];
    const epoch = at === "fit" && row.epoch !== null ? `epoch ${row.epoch.toFixed(1)}, ` : "";
    const note = row.mean_position === null ? "not seen there" : `${epoch}mean position ${row.mean_position.toFixed(2)}`;
    return block(root, { x: x + 0.3 * em, y, width: w - 0.9 * em }, "head", row.name, note).height.baseVal.value;
  });
  const head = Math.max(...heights);
  rows.forEach((row, i) => {
    const { x, y, w, h } = spots[i];
    const across = exitAxis(row.value.length);
    const panel = axes(image, { x, w, y: y + head + 0.6 * em, h: h - head - em }, across, { from, to, log });
    if (row.mean_position === null) return stretch(panel, across.from, across.to, "missing");
    drawWeightBars(panel, row, log);
  });
}

// Bars with the last quarter of the exits marked, its share above, and where the mean position is.
function drawWeightBars(panel, row, log) {
  const { group, em } = panel;
  const exits = row.value.length;
  stretch(panel, 0.75 * exits + 0.5, exits + 0.5, "quarter");
  bars(panel, row.value, (i) => (i + 1 > 0.75 * exits ? "late" : "early"));
  ranges(panel, row.low, row.high);
  if (log) return;
  const share = { x: panel.right, y: panel.top - 0.25 * em, "text-anchor": "end", class: "share" };
  node(group, "text", share, percent(row.last_quarter));
  const mean = panel.x(1 + row.mean_position * (exits - 1));
  node(group, "path", { class: "mean", d: `M${mean},${panel.bottom}l${-0.4 * em},${0.5 * em}h${0.8 * em}z` });
}

const MEASURES = ["test error", "error increase over OPT"];
const DASHES = ["none", "9 4", "2 4", "9 4 2 4"];

function anytimeCurves() {
  const sets = Object.keys(DATA.curves);
  if (!sets.length) return { words: DATA.weights.note };
  const all = DATA.curves[select("data", "Data set", sets)];
  const networks = [...new Set(all.map((one) => one.network))];
  const network = select("network", "Network", networks.length > 1 ? [...networks, "all networks"] : networks);
  const several = !networks.includes(network);
  const there = all.filter((one) => several || one.network === network);
  const measure = select("measure", "Show", MEASURES.filter((key) => there.some((one) => one[key].cost.length)));
  const label = (one) => (several ? `${one.weighting}, ${one.network}` : one.weighting);
  const labels = there.map(label);
  const chosen = ask({ kind: "checks", key: "line", label: "Lines", options: labels, start: labels });
  const budgets = [...new Set(there.flatMap((one) => one[MEASURES[0]].cost))].sort((a, b) => a - b);
  const budget = range("budget", "Budget", budgets, { start: budgets[budgets.length >> 1], words: millions });

  const lines = there
    .map((one) => ({ ...one, ...one[measure], name: label(one) }))
    .filter(({ name, cost }) => chosen.includes(name) && cost.length);
  if (!lines.length) return { words: "Choose another line, or one more." };
  const look = { measure, log: measure === MEASURES[0], budget, networks };
  return {
    words: curvesWords(lines, look),
    key: "Means over seeds; thin lines: lowest to highest. Shaded: within the budget.",
    draw: (image) => drawCurves(image, lines, look),
    table: lines.flatMap(({ name, cost, mean, low, high }) =>
      mean.map((one, i) => ({ line: name, [AMOUNT]: cost[i], [measure]: one, lowest: low[i], highest: high[i] })),
    ),
  };
}

function curvesWords(lines, { measure, budget }) {
  const answer = ({ cost, mean }) => mean[cost.filter((one) => one <= budget).length - 1];
  const paid = lines.filter((one) => !one.opt && answer(one) !== undefined);
  if (!paid.length) return `Within ${millions(budget)} no line chosen here has an answer.`;
  const best = paid.reduce((a, b) => (answer(b) < answer(a) ? b : a));
  const opt = lines.some((one) => one.opt) ? " OPT, another network for each exit, is not counted." : "";
  return `Within ${millions(budget)} the best answer is that of ${best.name}: ${tick(answer(best))} ${measure}.${opt}`;
}

function drawCurves(image, lines, { measure, log, budget, networks }) {
  const { em, width, height } = image;
  const room = Math.min(0.4 * width, (3 + 0.6 * Math.max(...lines.map(({ name }) => name.length))) * em);
  const least = Math.min(...lines.flatMap(({ low }) => low));
  const from = log && least > 0 ? 0.9 * least : Math.min(0, least);
  const to = Math.max(...lines.flatMap(({ high }) => high));
  const last = 1.02 * Math.max(...lines.flatMap(({ cost }) => cost));
  const across = { from: 0, to: last, label: "budget: million multiply-adds" };
  const up = { from, to, log: from > 0, label: measure, words: tick };
  const panel = axes(image, { x: 0, y: 0, w: width - room, h: height }, across, up);
  stretch(panel, 0, Math.min(budget, last), "quarter");
  for (const one of lines) {
    const { opt, cost, mean, low, high, network } = one;
    const pairs = mean.map((value, i) => [cost[i], value]);
    const dash = DASHES[networks.indexOf(network) % DASHES.length];
    const held = log ? [[last, mean.at(-1)]] : []; // nothing is known between increases
    if (!opt) line(panel, [...pairs, ...held], { ...one, dash }, log); // OPT is no anytime predictor
    ranges(panel, low, high, cost);
    for (const [x, y] of pairs) marker(panel, panel.x(x), panel.y(y), one);
  }
  names(panel, lines.map((one) => ({ name: one.name, look: one, y: one.mean.at(-1) })), room);
}

function chain() {
  const { bases, tables } = DATA.chain;
  const base = range("base", "Base b", bases, { start: 2, words: (one) => one.toFixed(1) });
  const { sup, bound, ...table } = tables[bases.indexOf(base)];
  const budgets = table.budget;
  const budget = range("cost", "Budget, in costs of the first network", budgets, { start: budgets[104] });
  const rows = budgets.map((one, i) => Object.fromEntries(Object.keys(table).map((key) => [key, table[key][i]])));
  const { running, answering, factor, mean } = rows[budgets.indexOf(budget)];
  return {
    words:
      `At budget ${budget}, network ${running} of the chain runs and network ${answering} answers. ` +
      `C = ${factor.toFixed(2)}: without the chain, this answer would be so many times cheaper. ` +
      `C stays below ${sup.toFixed(2)}. Its mean up to this budget is ${mean.toFixed(2)}; ` +
      `whenever a network is at its end, that is below ${bound.toFixed(2)}.`,
    needs: () => 24,
    draw: (image) => drawChain(image, { ...table, sup: budgets.map(() => sup) }, budget),
    table: rows,
  };
}

const CHAIN = [
  { label: "cost factor C", from: 1, lines: { factor: "C", sup: "its limit" } },
  { label: "network", from: 0, lines: { answering: "answers", running: "runs" } },
];
const TWO = [{ color: "var(--accent)" }, { color: "var(--second)", dash: "9 4" }];

function drawChain(image, table, budget) {
  const room = Math.min(8 * image.em, 0.35 * image.width);
  const spots = places({ ...image, width: image.width - room }, 2, Infinity);
  CHAIN.forEach(({ label, from, lines }, below) => {
    const keys = Object.keys(lines);
    const across = { from: 1, to: 1000, log: true, ticks: [1, 10, 100, 1000] };
    across.label = below ? "budget, in costs of the first network" : "";
    const to = 1.05 * Math.max(...keys.flatMap((key) => table[key]));
    const panel = axes(image, spots[below], across, { from, to, label });
    stretch(panel, 1, budget, "quarter");
    keys.forEach((key, i) => line(panel, table[key].map((y, j) => [table.budget[j], y]), TWO[i], below));
    names(panel, keys.map((key, i) => ({ name: lines[key], look: TWO[i], y: table[key].at(-1) })), room);
  });
}

function totalsAndShares() {
  const all = DATA.totals;
  if (!all.length) return { words: DATA.weights.note };
  const data = select("data", "Data set", [...new Set(all.map((one) => one.data_set))]);
  const there = all.filter((one) => one.data_set === data);
  const network = select("network", "Network", there.map((one) => one.network));
  const { exits, looks } = there.find((one) => one.network === network);
  const exit = range("exit", "Error of exit", exits.map((_, i) => i + 1), { start: exits.length });
  const { words, lines } = exits[exit - 1];
  return {
    words,
    key: "Means over seeds; thin lines: lowest to highest. A line joins the totals of one weighting.",
    needs: (width, em) => (columns(width, em, 20) > 1 ? 18 : 30),
    draw: (image) => drawTotals(image, lines, looks),
    table: Object.values(lines).flat(),
  };
}

function drawTotals(image, lines, looks) {
  const room = Math.min(10 * image.em, 0.35 * image.width);
  const of = (key) => Object.values(lines).flat().map((one) => one[key]);
  const around = (low, high) => ({ from: 0.98 * Math.min(...low), to: 1.02 * Math.max(...high) });
  const up = { ...around(of("low"), of("high")), label: "test error", words: tick };
  const across = {
    total: { ...around(of("total"), of("total")), log: true, label: "total of the weights" },
    share: { from: 0, to: 1.02, label: "share of the last exit", words: tick },
  };
  places({ ...image, width: image.width - room }, 2, 14).forEach((place, i) => {
    const key = ["total", "share"][i];
    const panel = axes(image, place, across[key], up);
    ranges(panel, of("low"), of("high"), of(key));
    const ends = Object.entries(lines).map(([name, points]) => {
      line(panel, points.map((one) => [one[key], one.error]), looks[name]);
      for (const one of points) marker(panel, panel.x(one[key]), panel.y(one.error), looks[name]);
      return { name, look: looks[name], y: points.at(-1).error };
    });
    if (i) names(panel, ends, room);
  });
}

function schemeDesigner() {
  const { static: known, runs } = DATA.schemes;
  const scheme = select("scheme", "Scheme", [...Object.keys(known), "my own"], { start: "LINEAR" });
  const type = () => ask({ kind: "text", key: "weights", label: "Weights", start: "0.25, 0.5, 0.75, 1" });
  const exits = () => range("exits", "Exits", known[scheme].map((one) => one.length), { start: 12 });
  const text = known[scheme] ? known[scheme][exits() - 2].join() : type();
  const ratio = range("ratio", "First loss, in last losses", [1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 50, 100], { start: 4 });
  const weights = text.split(/[\s,]+/).filter(Boolean).map(Number);
  const sum = weights.reduce((a, b) => a + b, 0);
  if (weights.length < 2 || !weights.every((one) => one >= 0) || !(sum > 0 && sum < Infinity)) {
    return { words: "Type two weights or more, none negative and not all 0, such as 1, 1, 2." };
  }

  const shares = shareOf(weights);
  const pulls = shareOf(weights.map((one, i) => one * ratio ** (1 - i / (weights.length - 1))));
  const [share, pull] = [percent(shares.at(-1)), percent(pulls.at(-1))];
  const last = `The last exit has ${share} of the weight and, where training starts, ${pull} of the gradients' length.`;
  return {
    words: `${last} ${nearestRun(shares, runs)}`,
    key: "Green: share of the weight. Orange: of the gradients, in a toy problem whose losses pull two parameters.",
    draw: (image) => drawScheme(image, shares, pulls),
    table: weights.map((weight, i) => ({ exit: i + 1, weight, share: shares[i], "share of the gradients": pulls[i] })),
  };
}

const shareOf = (values) => values.map((one) => one / values.reduce((a, b) => a + b));

function nearestRun(shares, runs) {
  const apart = ({ weights }) => shareOf(weights).reduce((sum, one, i) => sum + Math.abs(one - shares[i]) / 2, 0);
  const alike = runs.filter(({ weights }) => weights.length === shares.length);
  if (!alike.length) return `No recorded run has ${shares.length} exits.`;
  const near = alike.reduce((a, b) => (apart(b) < apart(a) ? b : a));
  const end = `${percent(apart(near))} of its weight elsewhere, and ${tick(near.error)} test error`;
  return `The nearest run ends with ${end}: ${near.name}.`;
}

function drawScheme(image, shares, pulls) {
  const up = { from: 0, to: Math.max(...shares, ...pulls), label: "share of the total", words: tick };
  const panel = axes(image, { x: 0, y: 0, w: image.width, h: image.height }, exitAxis(shares.length), up);
  bars(panel, shares, () => "weight", 0, 2);
  bars(panel, pulls, () => "gradient", 1, 2);
}

const VIEWS = {
  weights: { title: "Final weights per data set", tab: "Final weights", view: finalWeights },
  curves: { title: "Anytime curves", tab: "Anytime curves", view: anytimeCurves },
  eann: { title: "EANN: a chain of networks", tab: "EANN", view: chain },
  totals: { title: "Totals and shares of the weights", tab: "Totals and shares", view: totalsAndShares },
  live: { title: "A network at work", tab: "A network at work", view: liveNetwork },
  schemes: { title: "Scheme designer", tab: "Scheme designer", view: schemeDesigner },
};

start();
