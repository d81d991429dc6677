// A ResANN that the page runs itself, in float32: folded, exit by exit. Features are channels, each a
// square of values, in one Float32Array; `NET` is what live.py writes, with all numbers in one array.

function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

// The answers of a network, (classes) probabilities exit by exit; what no one asks for isn't computed.
function* refine(net, pixels) {
  const numbers = (net.numbers ||= unpack(net.base64));
  const get = ([from, size]) => numbers.subarray(from, from + size);
  const mean = get(net.mean);
  const input = Float32Array.from(pixels, (pixel, i) => (pixel - mean[i]) / net.spread);

  let features = convolve({ values: input, channels: net.channels, side: net.side }, net.stem, get);
  for (const unit of net.units) {
    features = addUnit(features, unit, get);
    if (unit.head) yield softmax(answer(features, unit.head, get));
  }
}

// A residual unit: norm, ReLU, convolution, ReLU, convolution, and its input added, which is pooled
// and given channels of zeros where the shapes differ.
function addUnit(input, unit, get) {
  const [scale, shift] = [get(unit.scale), get(unit.shift)];
  const area = input.side ** 2;
  const normal = input.values.map((value, i) => {
    const channel = Math.floor(i / area);
    return Math.max(0, value * scale[channel] + shift[channel]);
  });
  const inside = convolve({ ...input, values: normal }, unit.first, get);
  inside.values.forEach((value, i, all) => (all[i] = Math.max(0, value)));
  const output = convolve(inside, unit.second, get);
  const kept = unit.first.stride > 1 ? pool(input) : input;
  const from = ((output.channels - kept.channels) >> 1) * kept.side ** 2;
  kept.values.forEach((value, i) => (output.values[from + i] += value));
  return output;
}

// A 3x3 convolution with a border of zeros. Weight by weight, each row of the output at once.
function convolve({ values, channels, side }, { weights, bias, outputs, stride }, get) {
  const w = get(weights);
  const b = bias && get(bias);
  const to = Math.ceil(side / stride);
  const result = new Float32Array(outputs * to * to);
  for (let out = 0; out < outputs; out++) {
    if (b) result.fill(b[out], out * to * to, (out + 1) * to * to);
    for (let channel = 0; channel < channels; channel++) {
      for (let tap = 0; tap < 9; tap++) {
        const weight = w[(out * channels + channel) * 9 + tap];
        const [down, right] = [Math.floor(tap / 3) - 1, (tap % 3) - 1];
        for (let row = 0; row < to; row++) {
          const y = row * stride + down;
          if (y < 0 || y >= side) continue;
          const [line, start] = [(out * to + row) * to, (channel * side + y) * side + right];
          const first = right < 0 ? 1 : 0;
          const last = (to - 1) * stride + right >= side ? to - 1 : to;
          for (let column = first; column < last; column++) {
            result[line + column] += weight * values[start + column * stride];
          }
        }
      }
    }
  }
  return { values: result, channels: outputs, side: to };
}

// The mean of each two by two.
function pool({ values, channels, side }) {
  const to = side / 2;
  const result = new Float32Array(channels * to * to);
  result.forEach((_, i) => {
    const [row, column] = [Math.floor(i / to), i % to];
    const at = 2 * row * side + 2 * column;
    result[i] = (values[at] + values[at + 1] + values[at + side] + values[at + side + 1]) / 4;
  });
  return { values: result, channels, side: to };
}

// ReLU, the mean over all places, and a linear layer.
function answer({ values, channels, side }, { weights, bias }, get) {
  const [w, b, area] = [get(weights), get(bias), side ** 2];
  const means = Array.from({ length: channels }, (_, channel) => {
    const own = values.subarray(channel * area, (channel + 1) * area);
    return own.reduce((sum, value) => sum + Math.max(0, value), 0) / area;
  });
  return Array.from(b, (start, k) => means.reduce((sum, mean, i) => sum + mean * w[k * channels + i], start));
}

function softmax(logits) {
  const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
