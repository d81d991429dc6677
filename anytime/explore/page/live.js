// The network that runs in the page: its exits are computed as they are asked for, and no others.

const COVERS = {
  nothing: () => false,
  "upper half": (x, y) => y < 0.5,
  "lower half": (x, y) => y >= 0.5,
  "left half": (x) => x < 0.5,
  "right half": (x) => x >= 0.5,
};
const PEN = 1.5; // pixels to each side

let looked = {}; // the image as it is now, and what of it was computed

function liveNetwork() {
  const net = DATA.live;
  if (!net.units) return { words: "This page was made without a network that it could run." };
  const image = select("image", "Image", [...net.images.keys()], { words: (i) => `${i + 1}` });
  const cover = select("cover", "Cover", Object.keys(COVERS));
  const costs = [0, ...net.cost.map((cost) => cost / 1e6)];
  const start = costs[Math.ceil(costs.length / 2)];
  const budget = range("budget", "Budget", costs, { start, words: millions, play: ["Run", "Interrupt"] });

  look(net, image, cover);
  const paid = costs.indexOf(budget);
  while (looked.answers.length < paid) looked.answers.push(looked.rest.next().value);
  const rows = looked.answers.slice(0, paid).map((likely, i) => liveRow(net, likely, i, image));
  return {
    words: liveWords(net, rows, budget, image),
    key: "Draw over the picture to make it harder. Above each exit: its answer, ✓ where that is right.",
    needs: () => 24,
    draw: (svg) => drawLive(svg, net, rows, image),
    table: rows.length ? rows.map(({ likely, ...row }) => row) : undefined,
  };
}

// Takes an image anew where another one, or another part of it, is asked for.
function look(net, image, cover) {
  if (looked.image === image && looked.cover === cover) return;
  const pixels = Uint8Array.from(atob(net.images[image]), (letter) => letter.charCodeAt(0));
  looked = { image, cover, pixels };
  paint(net, (x, y) => COVERS[cover](x / net.side, y / net.side), 128);
}

// Gives all pixels of which `which(x, y)` is true one value, and forgets what was computed.
function paint({ side, channels }, which, value) {
  for (let i = 0; i < side * side; i++) {
    if (!which(i % side, Math.floor(i / side))) continue;
    for (let channel = 0; channel < channels; channel++) looked.pixels[channel * side * side + i] = value;
  }
  looked.answers = [];
  looked.rest = refine(DATA.live, looked.pixels);
}

function liveRow(net, likely, i, image) {
  const best = likely.indexOf(Math.max(...likely));
  const right = net.labels[image];
  const cost = net.cost[i];
  return { exit: i + 1, cost, answer: net.classes[best], probability: likely[best], right: likely[right], likely };
}

function liveWords(net, rows, budget, image) {
  const truth = net.classes[net.labels[image]];
  if (!rows.length) return `No exit is paid for yet, so there is no answer. It should be ${truth}.`;
  const { answer, probability, exit } = rows.at(-1);
  const since = rows.findLastIndex((row) => row.answer !== answer) + 2;
  const verdict = answer === truth ? "which is right" : `but it is ${truth}`;
  const kept = since === exit ? "" : ` It has been so since exit ${since}.`;
  const paid = `After ${exit} of ${net.cost.length} exits, for ${millions(budget)}`;
  return `${paid}, the answer is ${answer} with ${percent(probability)}, ${verdict}.${kept}`;
}

function drawLive(svg, net, rows, image) {
  const { root, em, width, height } = svg;
  const side = Math.min(0.55 * height, 0.4 * width);
  drawImage(root, net, side, em);

  const truth = net.labels[image];
  const ranked = [...net.classes.keys()].sort((a, b) => most(rows, b) - most(rows, a));
  const shown = [...new Set([truth, ...ranked])].slice(0, 6).sort((a, b) => a - b);
  const marks = shown.map((_, i) => i + 1);
  const named = (i) => net.classes[shown[i - 1]] + (shown[i - 1] === truth ? " ✓" : "");
  const across = { from: 0.5, to: shown.length + 0.5, ticks: marks, words: named };
  const up = { from: 0, to: 1, words: tick };
  const now = { x: side, y: 0, w: width - side, h: 0.55 * height };
  const panel = axes(svg, now, across, { ...up, label: "probability now" });
  const likely = rows.at(-1)?.likely;
  if (likely) bars(panel, shown.map((k) => likely[k]), (i) => (shown[i] === truth ? "late" : "early"));

  const below = { x: 0, y: 0.55 * height, w: width, h: 0.45 * height };
  const passed = axes(svg, below, exitAxis(net.cost.length), { ...up, label: "probability of what is right" });
  bars(passed, rows.map(({ right }) => right), (i) => (rows[i].answer === net.classes[truth] ? "late" : "gradient"));
  for (const { exit, right, answer } of rows) {
    const place = { x: passed.x(exit), y: passed.y(right) - 0.2 * em, "text-anchor": "middle" };
    node(passed.group, "text", place, answer + (answer === net.classes[truth] ? " ✓" : ""));
  }
}

const most = (rows, k) => Math.max(0, ...rows.map(({ likely }) => likely[k]));

// The image as the network sees it, to be drawn over.
function drawImage(root, net, size, em) {
  const { side, channels } = net;
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = canvas.getContext("2d");
  const filled = context.createImageData(side, side);
  filled.data.forEach((_, i) => {
    const [pixel, part] = [i >> 2, i % 4];
    filled.data[i] = part === 3 ? 255 : looked.pixels[(channels === 3 ? part : 0) * side * side + pixel];
  });
  context.putImageData(filled, 0, 0);
  const place = { x: 0, y: 0, width: size - em, height: size - em, class: "pixels" };
  const shown = node(root, "image", { ...place, href: canvas.toDataURL() });
  const draw = (event) => {
    if (!event.buttons) return;
    const box = shown.getBoundingClientRect();
    const [x, y] = [event.clientX - box.x, event.clientY - box.y].map((at) => (at / box.width) * side);
    paint(net, (i, j) => Math.abs(i + 0.5 - x) < PEN && Math.abs(j + 0.5 - y) < PEN, 0);
    show();
  };
  shown.onpointerdown = shown.onpointermove = draw;
}
