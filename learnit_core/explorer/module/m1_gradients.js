// Meta-training in one dimension: MAML, FOMAML and Reptile by hand, exact to JAX's to rounding.

/** All that meta-trains, as one function like `fittingProgram`, whose products and optimisers it is given. */
function metaProgram({ BREATH, laidOut, moments, multiply, nextTurn, optimiser }) {
  const REPORT = 60; // ms between two reports of a training
  const WINDOW = 10; // outer steps over which a loss is averaged before it counts as the best so far
  const LOST = 1; // a loss above is worse than that of any curve within [0, 1]
  const RANDOM_RATES = Array.from({ length: 13 }, (_, i) => 10 ** (i / 4 - 3.5)); // tried for the random start

  /** A SIREN on a line, at equally spaced points in [0, 1). Its weights are one array as `laidOut` says. */
  class Siren {
    constructor({ w0, layers }, points) {
      Object.assign(this, { w0, points });
      Object.assign(this, laidOut(layers));
      this.x = Float32Array.from({ length: points }, (_, i) => i / points);
      // Of each layer at all points: its output, the sine's slope, the loss's derivatives by output and by argument;
      // and how argument, output and derivatives change along a direction in the space of weights.
      for (const name of ["values", "slopes", "outward", "inward", "moved", "movedValues", "movedInward"]) {
        this[name] = layers.map(([, outputs]) => new Float32Array(points * outputs));
      }
    }

    /** The values at all points. */
    forward(weights) {
      let x = this.x;
      this.layers.forEach((layer, l) => {
        const [values, slopes] = [this.values[l], this.slopes[l]];
        this.#linear(values, x, weights, layer);
        if (l === this.layers.length - 1) for (let i = 0; i < values.length; i++) values[i] += 0.5;
        else {
          for (let i = 0; i < values.length; i++) {
            const phase = this.w0 * values[i];
            values[i] = Math.sin(phase);
            slopes[i] = this.w0 * Math.cos(phase);
          }
        }
        x = values;
      });
      return x;
    }

    /** y = x w + b */
    #linear(y, x, weights, { inputs, outputs, w, b }) {
      const bias = weights.subarray(b, b + outputs);
      for (let at = 0; at < y.length; at += outputs) y.set(bias, at);
      multiply(y, 0, x, 0, inputs, 1, weights, w, outputs, 1, this.points, outputs, inputs);
    }

    /** Adds to `gradient` what derivatives by a layer's arguments, and its inputs `x`, make of its weights. */
    #gather(gradient, x, inward, { inputs, outputs, w, b }, withBias) {
      if (withBias) for (let at = 0; at < inward.length;) for (let o = 0; o < outputs; o++) gradient[b + o] += inward[at++];
      multiply(gradient, w, x, 0, 1, inputs, inward, 0, outputs, 1, inputs, outputs, this.points);
    }

    /** before += inward wᵀ */
    #back(before, inward, weights, { inputs, outputs, w }) {
      multiply(before, 0, inward, 0, outputs, 1, weights, w, 1, outputs, this.points, inputs, outputs);
    }

    /** The mean squared error to `target`; its gradient goes to `gradient`, if there is one. */
    loss(weights, target, gradient) {
      const y = this.forward(weights);
      const last = this.layers.length - 1;
      let sum = 0;
      for (let i = 0; i < y.length; i++) {
        const error = y[i] - target[i];
        sum += error * error;
        this.inward[last][i] = (2 * error) / y.length;
      }
      gradient?.fill(0);
      for (let l = last; l >= 0; l--) {
        if (gradient) this.#gather(gradient, l ? this.values[l - 1] : this.x, this.inward[l], this.layers[l], true);
        if (!l) break;
        const [outward, inward, slopes] = [this.outward[l - 1].fill(0), this.inward[l - 1], this.slopes[l - 1]];
        this.#back(outward, this.inward[l], weights, this.layers[l]);
        for (let i = 0; i < inward.length; i++) inward[i] = outward[i] * slopes[i];
      }
      return sum / y.length;
    }

    /** The loss's matrix of second derivatives times `direction`, to `product`: `loss` with a derivative along it. */
    curvature(weights, target, direction, product) {
      this.loss(weights, target);
      const last = this.layers.length - 1;
      this.layers.forEach((layer, l) => {
        const moved = this.moved[l];
        this.#linear(moved, l ? this.values[l - 1] : this.x, direction, layer);
        if (l) multiply(moved, 0, this.movedValues[l - 1], 0, layer.inputs, 1, weights, layer.w, layer.outputs, 1, this.points, layer.outputs, layer.inputs);
        if (l < last) for (let i = 0; i < moved.length; i++) this.movedValues[l][i] = this.slopes[l][i] * moved[i];
      });
      for (let i = 0; i < this.moved[last].length; i++) this.movedInward[last][i] = (2 * this.moved[last][i]) / this.moved[last].length;
      product.fill(0);
      for (let l = last; l >= 0; l--) {
        const layer = this.layers[l];
        this.#gather(product, l ? this.values[l - 1] : this.x, this.movedInward[l], layer, true);
        if (!l) break;
        this.#gather(product, this.movedValues[l - 1], this.inward[l], layer, false);
        const changed = this.movedInward[l - 1].fill(0);
        this.#back(changed, this.movedInward[l], weights, layer);
        this.#back(changed, this.inward[l], direction, layer);
        const [outward, slopes, values, moved] = [this.outward[l - 1], this.slopes[l - 1], this.values[l - 1], this.moved[l - 1]];
        const bend = -this.w0 * this.w0;
        for (let i = 0; i < changed.length; i++) changed[i] = changed[i] * slopes[i] + outward[i] * bend * values[i] * moved[i];
      }
    }
  }

  /**
   * A meta-gradient from `start`, averaged over `curves`, to `gradient`; returns the mean loss after the inner loop.
   * Yields after each pass through the network.
   */
  function* metaGradient(net, { algorithm, innerSteps, innerRate }, start, curves, gradient) {
    const [own, product] = [new Float32Array(net.size), new Float32Array(net.size)];
    let sum = 0;
    gradient.fill(0);
    for (const curve of curves) {
      const path = [start];
      for (let k = 0; k < innerSteps; k++) {
        net.loss(path[k], curve, own);
        path.push(path[k].map((weight, i) => weight - innerRate * own[i]));
        yield;
      }
      sum += net.loss(path[innerSteps], curve, own);
      yield;
      if (algorithm === "reptile") for (let i = 0; i < own.length; i++) own[i] = start[i] - path[innerSteps][i];
      for (let k = algorithm === "maml" ? innerSteps - 1 : -1; k >= 0; k--) { // the chain rule, from the last step to the first
        net.curvature(path[k], curve, own, product);
        for (let i = 0; i < own.length; i++) own[i] -= innerRate * product[i];
        yield;
      }
      for (let i = 0; i < own.length; i++) gradient[i] += own[i] / curves.length;
    }
    return sum / curves.length;
  }

  /** Which of `count` curves an outer step sees, `batch` of them, with replacement. `order` in `learning.py` says the same. */
  function drawn(seed, step, batch, count) {
    let state = (Math.imul(step + 1, 0x9e3779b1) ^ seed) >>> 0;
    return Array.from({ length: batch }, () => { // mulberry32
      state = (state + 0x6d2b79f5) >>> 0;
      let bits = Math.imul(state ^ (state >>> 15), state | 1);
      bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
      return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 4294967296) * count);
    });
  }

  /** A fit of `target` before it and after each of `steps`: the curves, one after the other, and their errors. */
  function fit(net, weights, target, rate, steps) {
    const [curves, errors, gradient] = [new Float32Array((steps + 1) * net.points), new Float32Array(steps + 1), new Float32Array(net.size)];
    const own = weights.slice();
    for (let step = 0; step <= steps; step++) {
      errors[step] = net.loss(own, target, gradient);
      curves.set(net.values.at(-1), step * net.points);
      for (let i = 0; i < own.length; i++) own[i] -= rate * gradient[i];
    }
    return { curves, errors, rates: new Float32Array(steps + 1).fill(rate) };
  }

  /** The same, after each number of steps with the rate that is best there for this very curve. */
  function bestFit(net, weights, target, steps) {
    const tried = RANDOM_RATES.map((rate) => fit(net, weights, target, rate, steps));
    const best = tried[0];
    for (let step = 0; step <= steps; step++) {
      const found = tried.reduce((a, b) => (b.errors[step] < a.errors[step] ? b : a));
      best.curves.set(found.curves.subarray(step * net.points, (step + 1) * net.points), step * net.points);
      best.errors[step] = found.errors[step];
      best.rates[step] = found.rates[step];
    }
    return best;
  }

  const copied = ({ mean, square, count }) => ({ mean: mean.slice(), square: square.slice(), count });
  /** Whether losses under these settings, and on these curves, mean the same as under those; the outer rate is no matter. */
  const comparable = (a, b) => ["algorithm", "innerSteps", "innerRate"].every((name) => a.settings?.[name] === b.settings[name])
    && a.curves.length === b.curves.length && a.curves.every((curve, i) => curve.every((value, k) => value === b.curves[i][k]));

  /** A training from its first weights on: where it is, its losses, and its best weights so far. */
  class Run {
    constructor(weights, adam = moments(weights.length), losses = [], best = null, since = 0, least = null) {
      Object.assign(this, { weights: weights.slice(), adam: copied(adam), losses, best, since, least, diverged: false });
    }

    /** From here on a loss means something else. The best weights stay until losses fall below their first average. */
    anew() {
      [this.since, this.least] = [this.losses.length, null];
    }

    /** The average of the last losses, if there are enough that mean the same; else null. */
    get average() {
      const recent = this.losses.slice(-WINDOW);
      return this.losses.length - this.since < WINDOW ? null : recent.reduce((a, b) => a + b) / WINDOW;
    }

    /** How far the loss is above its least, both averaged; 1 while it is the least, or nothing can be compared. */
    get worse() {
      return this.average === null || this.least === null ? 1 : Math.max(1, this.average / this.least);
    }

    /** Takes an outer step with a meta-gradient, at whose weights the loss was `loss`. */
    step(rate, gradient, loss) {
      const before = { weights: this.weights.slice(), adam: copied(this.adam), step: this.losses.length };
      optimiser({ optimizer: "adam", rate }, gradient.length, this.adam)(this.weights, gradient);
      this.losses.push(loss);
      this.diverged = !(loss <= LOST) || !this.weights.every(Number.isFinite);
      const { average, best, least } = this;
      if (this.diverged || average === null || (least !== null && average >= least)) return;
      this.least = average;
      if (!best || least !== null) this.best = { ...before, loss: average };
    }

    /** The training as it was at its best. */
    back() {
      const { weights, adam, step, loss } = this.best;
      const kept = loss === this.least ? [this.since, this.least] : [step, null]; // else it is from before
      return new Run(weights, adam, this.losses.slice(0, step), this.best, ...kept);
    }
  }

  /**
   * Trains as it is told: `first` (network and random weights), `set` (settings, curves to learn from, a curve to fit),
   * `run` (up to an outer step), `pause`, `again` (from the random weights), `back` (to the best ones). Reports by `post`
   * where it is: `losses` after `from` steps, the weights, what they and the random ones make of the curve to fit.
   */
  function serve(post) {
    let [net, random, seed, steps, given, run] = [null, null, 0, 0, {}, null];
    let [turn, since, shown, told, heard] = [0, 0, 0, 0, 0]; // `turn` is the number of the loop that trains, 0 without
    let turns = 0;

    function report(fitted = null) {
      const from = Math.min(told, run.losses.length);
      told = run.losses.length;
      shown = performance.now();
      post({
        heard, from, running: turn > 0, losses: run.losses.slice(from), diverged: run.diverged, worse: run.worse, best: run.best && { step: run.best.step, loss: run.best.loss }, weights: run.weights.slice(),
        learned: given.target && fit(net, run.weights, given.target, given.settings.innerRate, steps), random: fitted,
      }, []);
    }

    /** One outer step, unless something else is asked for in the middle of it. */
    async function outer(mine) {
      const [{ settings, curves }, own, gradient] = [given, run, new Float32Array(net.size)];
      const batch = drawn(seed, own.losses.length, settings.batch, curves.length).map((i) => curves[i]);
      const passes = metaGradient(net, settings, own.weights, batch, gradient);
      let pass = passes.next();
      for (; !pass.done; pass = passes.next()) {
        if (performance.now() - since < BREATH) continue;
        await nextTurn();
        since = performance.now();
        if (own !== run || given.settings !== settings || turn !== mine) return;
      }
      own.step(settings.outerRate, gradient, pass.value);
    }

    async function train(until) {
      const mine = ++turns;
      turn = mine;
      const goesOn = () => turn === mine && run.losses.length < until && given.curves.length > 0 && !run.diverged;
      while (goesOn()) {
        await outer(mine);
        if (turn === mine && performance.now() - shown > REPORT) report();
      }
      if (turn !== mine) return; // told already, or another loop goes on
      turn = 0;
      report();
    }

    const jobs = {
      first: (job) => {
        net = new Siren(job.network, job.points);
        [random, seed, steps] = [job.weights, job.seed, job.steps];
        run = new Run(random);
      },
      set: (job) => {
        const same = job.target && given.target?.every((value, i) => value === job.target[i]);
        if (!comparable(given, job)) run.anew();
        given = job;
        report(job.target && !same && bestFit(net, random, job.target, steps));
      },
      run: (job) => train(job.until),
      pause: () => {
        turn = 0;
        report();
      },
      stop: () => {
        turn = 0;
      },
      again: () => {
        run = new Run(random);
        told = 0;
        report();
      },
      back: () => {
        run = run.best ? run.back() : new Run(random);
        report();
      },
    };
    return async (job) => {
      heard = job.id ?? heard;
      try {
        await jobs[job.kind]?.(job);
      } catch (error) {
        turn = 0;
        post({ heard, error: error.message }, []);
      }
    };
  }

  return { Siren, metaGradient, drawn, serve };
}
