// Networks: read from the widget's bytes, mixed, and, where there is no WebGL2, computed here.

/** The 65536 values of IEEE half precision; browsers without Float16Array have no other way to read it. */
let halves;
function halfValues() {
  const values = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent === 0 ? fraction * 2 ** -24
      : exponent === 31 ? (fraction ? NaN : Infinity)
      : (1 + fraction / 1024) * 2 ** (exponent - 15);
    values[bits] = bits >> 15 ? -size : size;
  }
  return values;
}

/** Bytes as they come from Python: hosts hand over a view of a buffer, or a buffer. */
function bytesOf(data) {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new Error("Some of its data is missing. Save or download it again.");
}

/** Reads arrays one after the other from bytes; says so if there are too few, or values that are no numbers. */
class Reader {
  constructor(data) {
    this.data = bytesOf(data);
    this.offset = 0;
  }

  bytes(length) {
    const start = this.offset;
    this.offset += length;
    if (this.offset > this.data.length) throw new Error("Some of its data is missing. Save or download it again.");
    return this.data.slice(start, this.offset).buffer; // a copy, so that any type is aligned
  }

  floats(count, type) {
    if (type === "float16") halves ??= halfValues();
    const values = type === "float16"
      ? Float32Array.from(new Uint16Array(this.bytes(2 * count)), (bits) => halves[bits])
      : new Float32Array(this.bytes(4 * count));
    if (!values.every(Number.isFinite)) throw new Error("Its weights hold values that are not numbers.");
    return values;
  }
}

/** Corners of all panes: `networks[pane][corner]` is one `{w, b}` a layer, w row by row as [inputs, outputs]. */
function readNetworks(scene, data) {
  const reader = new Reader(data);
  const { layers, types, frequencies, panes } = scene.network;
  const readFrequencies = () => Array.from({ length: frequencies }, () => reader.floats(2, "float32"));
  const read = () => layers.map(([inputs, outputs], i) => ({
    w: reader.floats(inputs * outputs, types[i]),
    b: reader.floats(outputs, types[i]),
  }));
  scene.network.buffer = readFrequencies();
  return panes.map((corners) => Array.from({ length: corners }, read));
}

/** Σ cᵢ cornerᵢ, layer by layer. */
function mix(corners, c) {
  const sum = (arrays) => {
    const total = new Float32Array(arrays[0].length);
    arrays.forEach((array, i) => {
      if (c[i] !== 0) for (let k = 0; k < total.length; k++) total[k] += c[i] * array[k];
    });
    return total;
  };
  return corners[0].map((_, layer) => ({
    w: sum(corners.map((corner) => corner[layer].w)),
    b: sum(corners.map((corner) => corner[layer].b)),
  }));
}

/**
 * Positions (row, column) of the pixels from `first` on, in [0, 1), rounded to single precision as in JAX. Its sides
 * [height, width] in these pixels, which need not be whole numbers, are given where only some of its rows are drawn.
 */
function pixelPositions(height, width, first, count, [rows, columns] = [height, width]) {
  const positions = new Float32Array(2 * count);
  for (let k = 0; k < count; k++) {
    const pixel = Math.min(first + k, height * width - 1); // a tile may reach beyond the last pixel
    positions[2 * k] = Math.floor(pixel / width) / rows;
    positions[2 * k + 1] = (pixel % width) / columns;
  }
  return positions;
}

const PAUSE = 12; // ms that the plain computation may hold the page

/** The picture [height, width, outputs] of one network in plain JavaScript; null once `stale()`. */
async function computeInScript(network, layers, height, width, stale, sides) {
  const pixels = height * width;
  const outputs = network.layers.at(-1)[1];
  const picture = new Float32Array(pixels * outputs);
  const positions = pixelPositions(height, width, 0, pixels, sides);
  const scratch = network.layers.map(([, size]) => new Float64Array(size));
  let since = performance.now();
  for (let pixel = 0; pixel < pixels; pixel++) {
    picture.set(networkAt(network, layers, positions[2 * pixel], positions[2 * pixel + 1], scratch), pixel * outputs);
    if (performance.now() - since > PAUSE) {
      await nextTask();
      if (stale()) return null;
      since = performance.now();
    }
  }
  return picture;
}

function networkAt(network, layers, row, column, scratch) {
  const { model, w0, final, buffer } = network;
  let x = [row, column];
  if (model === "fourier_mlp") {
    const phases = buffer.map(([r, c]) => row * r + column * c);
    x = [...phases.map(Math.cos), ...phases.map(Math.sin)];
  }
  layers.forEach(({ w, b }, index) => {
    const y = scratch[index];
    const size = y.length;
    y.set(b);
    for (let i = 0, at = 0; i < x.length; i++, at += size) {
      const xi = x[i];
      if (xi !== 0) for (let o = 0; o < size; o++) y[o] += xi * w[at + o];
    }
    if (index === layers.length - 1) {
      for (let o = 0; o < size; o++) {
        if (model === "siren") y[o] += 0.5;
        else if (final === "sigmoid") y[o] = 1 / (1 + Math.exp(-y[o]));
      }
    } else if (model === "siren") {
      for (let o = 0; o < size; o++) y[o] = Math.sin(w0 * y[o]);
    } else {
      for (let o = 0; o < size; o++) y[o] = Math.max(y[o], 0);
    }
    x = y;
  });
  return x;
}

const nextTask = (delay = 0) => new Promise((resolve) => setTimeout(resolve, delay));
