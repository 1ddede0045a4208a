// Fitting a network: its picture, the gradient of its loss, and steps of an optimiser; exact to JAX's to rounding.

/** All that fits, as one function: its text is a worker's program, so nothing outside of it may be used in it. */
function fittingProgram() {
  const BLOCK = 64; // pixels that go through the layers together: what they leave there stays in a processor's cache
  const BREATH = 12; // ms without an ear for what is asked next

  /** C += A B, with C [m, n] row by row; the element (i, k) of A stands at `aAt + i aRow + k aColumn`, likewise of B. */
  function multiply(c, cAt, a, aAt, aRow, aColumn, b, bAt, bRow, bColumn, m, n, depth) {
    let i = 0;
    for (; i + 3 < m; i += 4) {
      let j = 0;
      for (; j + 1 < n; j += 2) { // four by two sums: as many as a processor has registers for
        let s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0;
        let p0 = aAt + i * aRow;
        let p1 = p0 + aRow;
        let p2 = p1 + aRow;
        let p3 = p2 + aRow;
        let q0 = bAt + j * bColumn;
        let q1 = q0 + bColumn;
        for (let k = 0; k < depth; k++) {
          const b0 = b[q0];
          const b1 = b[q1];
          const a0 = a[p0];
          const a1 = a[p1];
          s00 += a0 * b0;
          s01 += a0 * b1;
          s10 += a1 * b0;
          s11 += a1 * b1;
          const a2 = a[p2];
          const a3 = a[p3];
          s20 += a2 * b0;
          s21 += a2 * b1;
          s30 += a3 * b0;
          s31 += a3 * b1;
          p0 += aColumn;
          p1 += aColumn;
          p2 += aColumn;
          p3 += aColumn;
          q0 += bRow;
          q1 += bRow;
        }
        const at = cAt + i * n + j;
        c[at] += s00;
        c[at + 1] += s01;
        c[at + n] += s10;
        c[at + n + 1] += s11;
        c[at + 2 * n] += s20;
        c[at + 2 * n + 1] += s21;
        c[at + 3 * n] += s30;
        c[at + 3 * n + 1] += s31;
      }
      if (j < n) rest(i, i + 4, j);
    }
    if (i < m) rest(i, m, 0);

    function rest(first, last, from) {
      for (let row = first; row < last; row++) {
        for (let column = from; column < n; column++) {
          let sum = 0;
          for (let k = 0, p = aAt + row * aRow, q = bAt + column * bColumn; k < depth; k++, p += aColumn, q += bRow) sum += a[p] * b[q];
          c[cAt + row * n + column] += sum;
        }
      }
    }
  }

  /** Where `layers`, pairs [inputs, outputs], stand in one array: layer by layer, w row by row, then b; and its size. */
  function laidOut(layers) {
    let size = 0;
    const placed = layers.map(([inputs, outputs]) => {
      const layer = { inputs, outputs, w: size, b: size + inputs * outputs };
      size = layer.b + outputs;
      return layer;
    });
    return { layers: placed, size };
  }

  /** A network at the pixels of one picture, its weights one array as `laidOut` says. */
  class Network {
    constructor({ model, w0, final, layers, buffer }, height, width) {
      Object.assign(this, { model, w0, final, pixels: height * width });
      Object.assign(this, laidOut(layers));
      this.channels = layers.at(-1)[1];
      this.coordinates = this.#coordinates(buffer, height, width);
      this.values = layers.map(([, outputs]) => new Float32Array(BLOCK * outputs));
      this.slopes = layers.map(([, outputs]) => new Float32Array(BLOCK * outputs));
      this.deltas = layers.map(([inputs]) => new Float32Array(BLOCK * inputs));
    }

    /** What the first layer is given at each pixel: its position (row, column) in [0, 1), or Fourier features. */
    #coordinates(buffer, height, width) {
      const inputs = this.layers[0].inputs;
      const all = new Float32Array(this.pixels * inputs);
      for (let pixel = 0; pixel < this.pixels; pixel++) {
        const [row, column] = [Math.fround(Math.floor(pixel / width) / height), Math.fround((pixel % width) / width)];
        if (this.model === "siren") all.set([row, column], 2 * pixel);
        else {
          buffer.forEach(([r, c], i) => {
            const phase = Math.fround(row * r + column * c);
            all[pixel * inputs + i] = Math.cos(phase);
            all[pixel * inputs + buffer.length + i] = Math.sin(phase);
          });
        }
      }
      return all;
    }

    /** Values and slopes of all layers for `count` pixels from `first` on. */
    #forward(weights, first, count) {
      let [x, from] = [this.coordinates, first * this.layers[0].inputs];
      this.layers.forEach(({ inputs, outputs, w, b }, index) => {
        const [values, slopes] = [this.values[index], this.slopes[index]];
        const bias = weights.subarray(b, b + outputs);
        for (let pixel = 0; pixel < count; pixel++) values.set(bias, pixel * outputs);
        multiply(values, 0, x, from, inputs, 1, weights, w, outputs, 1, count, outputs, inputs);
        this.#activate(values, slopes, count * outputs, index === this.layers.length - 1);
        [x, from] = [values, 0];
      });
      return x;
    }

    #activate(values, slopes, length, last) {
      const { w0 } = this;
      if (last && this.model === "siren") {
        for (let i = 0; i < length; i++) values[i] += 0.5;
        slopes.fill(1);
      } else if (last && this.final === "sigmoid") {
        for (let i = 0; i < length; i++) {
          const y = 1 / (1 + Math.exp(-values[i]));
          values[i] = y;
          slopes[i] = y * (1 - y);
        }
      } else if (last) slopes.fill(1);
      else if (this.model === "siren") {
        for (let i = 0; i < length; i++) {
          const phase = w0 * values[i];
          values[i] = Math.sin(phase);
          slopes[i] = w0 * Math.cos(phase);
        }
      } else {
        for (let i = 0; i < length; i++) {
          slopes[i] = values[i] > 0 ? 1 : 0;
          values[i] = Math.max(values[i], 0);
        }
      }
    }

    /** Adds to `gradient` what the pixels of the block last seen have to do with the weights; `delta` is of its output. */
    #backward(weights, first, count, delta, gradient) {
      for (let index = this.layers.length - 1; index >= 0; index--) {
        const { inputs, outputs, w, b } = this.layers[index];
        const slopes = this.slopes[index];
        for (let i = 0; i < count * outputs; i++) delta[i] *= slopes[i];
        for (let i = 0, at = 0; i < count; i++) for (let o = 0; o < outputs; o++) gradient[b + o] += delta[at++];
        const [x, from] = index ? [this.values[index - 1], 0] : [this.coordinates, first * inputs];
        multiply(gradient, w, x, from, 1, inputs, delta, 0, outputs, 1, inputs, outputs, count);
        if (!index) return;
        const before = this.deltas[index].fill(0);
        multiply(before, 0, delta, 0, outputs, 1, weights, w, 1, outputs, count, inputs, outputs);
        delta = before;
      }
    }

    /** Fills `picture`, and `gradient` (if given) of the mean squared error to `target`. Yields after each block. */
    *pass(weights, picture, target, gradient) {
      const { channels, pixels } = this;
      gradient?.fill(0);
      const delta = new Float32Array(BLOCK * channels);
      for (let first = 0; first < pixels; first += BLOCK) {
        const count = Math.min(BLOCK, pixels - first);
        const y = this.#forward(weights, first, count).subarray(0, count * channels);
        picture.set(y, first * channels);
        if (gradient) {
          for (let i = 0; i < y.length; i++) delta[i] = (2 * (y[i] - target[first * channels + i])) / (pixels * channels);
          this.#backward(weights, first, count, delta, gradient);
        }
        yield;
      }
    }
  }

  /** What Adam and RMSProp carry from one step to the next, for so many weights. */
  const moments = (size) => ({ mean: new Float32Array(size), square: new Float32Array(size), count: 0 });

  /** `step(weights, gradient)` of an optimiser, as in optax; `rates` are those of each weight, times `rate`. */
  function optimiser({ optimizer, rate, rates }, size, state = moments(size)) {
    if (optimizer === "sgd" || optimizer === "learned") {
      return (weights, gradient) => {
        for (let i = 0; i < size; i++) weights[i] -= rate * (rates ? rates[i] : 1) * gradient[i];
      };
    }
    const [first, second] = [optimizer === "adam" ? 0.9 : 0, 0.999]; // RMSProp is Adam without momentum
    const { mean, square } = state;
    return (weights, gradient) => {
      state.count += 1;
      const [whole, scale] = [1 - first ** state.count, 1 - second ** state.count];
      for (let i = 0; i < size; i++) {
        mean[i] += (1 - first) * (gradient[i] - mean[i]);
        square[i] += (1 - second) * (gradient[i] ** 2 - square[i]);
        weights[i] -= (rate * (mean[i] / whole)) / (Math.sqrt(square[i] / scale) + 1e-8);
      }
    };
  }

  /** PSNR [dB] of a picture clipped to [0, 1]. */
  function psnr(picture, target) {
    let sum = 0;
    for (let i = 0; i < picture.length; i++) sum += (Math.min(Math.max(picture[i], 0), 1) - target[i]) ** 2;
    return -10 * Math.log10(sum / picture.length);
  }

  /** Lets whatever waits have its turn: not `setTimeout`, which is held back in a tab that nobody sees. */
  const nextTurn = () => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

  /**
   * Answers by `post(answer, buffers)`: what a fit is after each of its steps, `{ id, start, step, weights, picture, db }`,
   * start by start in turns, and `{ id, done }`; or the pictures of networks, `{ id, pictures }`. A fit ends early when
   * another is asked for. Weights that are not finite any more are the last of their start: `{ …, diverged }`.
   */
  function serve(post) {
    let [network, current, since] = [null, null, 0];

    async function through(passing, stale) {
      for (const _ of passing) {
        if (performance.now() - since < BREATH) continue;
        await nextTurn();
        since = performance.now();
        if (stale()) return false;
      }
      return true;
    }

    async function fit({ id, target, starts, steps }) {
      const stale = () => current !== id;
      const runs = starts.map(({ weights, setting }) => ({
        weights: weights.slice(), gradient: new Float32Array(network.size), step: optimiser(setting, network.size),
      }));
      for (let step = 0; step <= steps; step++) {
        for (const [start, run] of runs.entries()) {
          if (run.diverged) continue;
          const picture = new Float32Array(target.length);
          if (!await through(network.pass(run.weights, picture, target, step < steps ? run.gradient : null), stale)) return;
          run.diverged = !picture.every(Number.isFinite);
          const weights = run.weights.slice();
          const db = psnr(picture, target);
          post({ id, start, step, weights, picture, db, diverged: run.diverged }, [weights.buffer, picture.buffer]);
          if (step < steps && !run.diverged) run.step(run.weights, run.gradient);
        }
      }
      post({ id, done: true }, []);
    }

    async function draw({ id, networks }) {
      const pictures = networks.map(() => new Float32Array(network.pixels * network.channels));
      for (const [i, weights] of networks.entries()) await through(network.pass(weights, pictures[i]), () => false);
      post({ id, pictures }, pictures.map((picture) => picture.buffer));
    }

    return async (job) => {
      try {
        if (job.kind === "network") network = new Network(job.network, job.height, job.width);
        if (job.kind === "draw") await draw(job);
        if (job.kind === "fit" || job.kind === "stop") current = job.id;
        if (job.kind === "fit") await fit(job);
      } catch (error) {
        post({ id: job.id, error: error.message }, []);
      }
    };
  }

  return { BREATH, Network, laidOut, moments, multiply, nextTurn, optimiser, psnr, serve };
}
