// The fits of two pictures from the starts that are shown: which is computed next, what is known of each.

class Fits {
  /** `on.known(target)` is called whenever more is known of the fits of a picture, `on.mixed(pictures, of)`, `on.failed(why)`. */
  constructor(scene, data, on) {
    const { frequencies, layers } = scene.network;
    const reader = new Reader(data);
    const buffer = Array.from({ length: frequencies }, () => reader.floats(2, "float32"));
    const size = layers.reduce((sum, [inputs, outputs]) => sum + (inputs + 1) * outputs, 0);
    this.starts = scene.fitting.starts.map((start) => ({ ...start, weights: reader.floats(size, "float32") }));
    for (const start of this.starts) if (start.rated) start.rates = reader.floats(size, "float32");
    this.given = new Uint8Array(reader.bytes(8 * scene.shape.reduce((a, b) => a * b))); // both pictures
    Object.assign(this, { on, steps: scene.fitting.steps, count: 0, shown: [0, 1], running: false });
    this.targets = [0, 1].map(() => Object.assign(new Target(scene.shape), { fits: new Map() }));
    this.tuned();
    const [height, width] = scene.shape;
    this.fitter = new Fitter({ kind: "network", network: { ...scene.network, buffer }, height, width }, (answer) => this.#heard(answer));
  }

  /** The rates as they were tuned; returns the starts whose rates were others. */
  tuned() {
    const before = this.rates;
    this.rates = this.starts.map(({ rate }) => rate);
    return [...this.starts.keys()].filter((start) => this.rates[start] !== before?.[start]);
  }

  /** Forgets the fits of these pictures (from these starts only), and goes on with the picture that is seen. */
  refit(targets, seen, starts = [...this.starts.keys()]) {
    for (const target of targets) {
      target.asked = performance.now();
      for (const start of starts) target.fits.delete(start);
    }
    if (targets.includes(this.fitting?.target)) this.#stop();
    this.next(seen);
  }

  #stop() {
    this.fitter.ask({ kind: "stop", key: "fit" });
    this.fitting = null;
  }

  #missing(target) {
    return this.shown.filter((start) => target.values && !target.fits.get(start)?.whole);
  }

  /** Whether nothing is left to fit. */
  get whole() {
    return this.targets.every((target) => !this.#missing(target).length);
  }

  /** Fits what is not yet: first the picture `seen`, then the other. */
  next(seen = this.seen) {
    this.seen = seen;
    if (!this.running) return;
    const target = [this.targets[seen], ...this.targets].find((one) => this.#missing(one).length);
    if (!target) return this.fitting && this.#stop();
    const starts = this.#missing(target);
    if (this.fitting?.target === target && starts.every((start) => this.fitting.starts.includes(start))) return;
    this.fitting = { id: ++this.count, target, starts };
    for (const start of starts) target.fits.set(start, { weights: [], pictures: [], dbs: [] });
    this.fitter.ask({
      kind: "fit", id: this.count, target: target.values, steps: this.steps,
      starts: starts.map((i) => {
        const { weights, optimizer, rates } = this.starts[i];
        return { weights, setting: { optimizer, rates, rate: this.rates[i] } };
      }),
    });
  }

  #heard(answer) {
    if (answer.error) return this.on.failed(answer.error);
    if (answer.pictures) return this.#mixed(answer);
    if (answer.id !== this.fitting?.id) return;
    const { target, starts } = this.fitting;
    if (answer.done) {
      for (const start of starts) target.fits.get(start).whole = true;
      this.fitting = null;
      this.next();
    } else {
      const fit = target.fits.get(starts[answer.start]);
      fit.weights.push(answer.weights);
      fit.pictures.push(answer.picture);
      fit.dbs.push(answer.db);
      fit.diverged ||= answer.diverged;
    }
    this.on.known(target, answer.step);
  }

  /** A picture's fit from a start after a step, or as far as it has come; null if nothing is known of it. */
  after(target, start, step) {
    const fit = target.fits.get(start);
    if (!fit?.pictures.length) return null;
    const at = Math.min(step, fit.pictures.length - 1);
    return { at, there: at === step || fit.diverged, picture: fit.pictures[at], weights: fit.weights[at], db: fit.dbs[at] };
  }

  /** What each pane shows at `[step, t]`: after the step on the way from the first picture's weights to the second's. */
  walked([step, t]) {
    return this.shown.map((start) => {
      const [a, b] = this.targets.map((target) => this.after(target, start, step));
      if (!a || !b) return null;
      return { there: a.there && b.there, weights: a.weights.map((weight, i) => (1 - t) * weight + t * b.weights[i]) };
    });
  }

  /** Asks for the pictures of networks; what is asked for meanwhile waits, and only the last of it. */
  mix(networks, of) {
    this.want = { networks, of };
    if (!this.mixing) this.#ask();
  }

  #ask() {
    this.mixing = { id: ++this.count, ...this.want };
    this.want = null;
    this.fitter.ask({ kind: "draw", id: this.count, networks: this.mixing.networks });
  }

  #mixed({ id, pictures }) {
    if (id !== this.mixing?.id) return;
    const { of } = this.mixing;
    this.mixing = null;
    if (this.want) this.#ask();
    this.on.mixed(pictures, of);
  }
}
