// What is trained, from which curves, and what is known of it: between the widget and the program that trains.

const AT_ONCE = 1000; // outer steps that one press of a button may take
const OWN = "your own"; // as in `learning.py`, which gives no class this name
const LEARNING = { text: () => `(${metaProgram})((${fittingProgram})())`, made: () => metaProgram(fittingProgram()) };

class Trainer {
  /** `on.told(report)` is called with what `serve` in `m1_gradients.js` reports, when it has been taken in. */
  constructor(scene, data, on) {
    const { classes, points, settings, seed, most } = scene.meta;
    const reader = new Reader(data);
    const size = scene.network.layers.reduce((sum, [inputs, outputs]) => sum + (inputs + 1) * outputs, 0);
    const curves = (count) => Array.from({ length: count }, () => reader.floats(points, "float32"));
    const weights = reader.floats(size, "float32");
    this.classes = new Map(classes.map(({ name, train, unseen }) => [name, { train: curves(train), unseen: curves(unseen) }]));
    this.classes.set(OWN, { train: [], unseen: [] });
    Object.assign(this, { on, points, settings: { ...settings }, losses: [], asked: 0, heard: 0, running: false, before: null, number: 0, worse: 1 });
    this.target = this.#newCurve();
    this.fitter = new Fitter({ kind: "first", network: scene.network, points, weights, seed, steps: most }, (report) => this.#told(report), LEARNING);
  }

  /** The curves of the class that are trained on. */
  get curves() {
    return this.classes.get(this.settings.class).train.slice(0, this.settings.num_signals);
  }

  /** How many there are to be trained on. */
  get available() {
    return this.classes.get(this.settings.class).train.length;
  }

  /** Whether nothing is on its way: what is known is of all that was asked for, and nothing is being trained. */
  get still() {
    return this.heard === this.asked && !this.running;
  }

  #ask(kind, more = {}, key = kind) {
    this.fitter.ask({ ...more, kind, key, id: ++this.asked });
  }

  /** Lets the program know of settings, curves and target. */
  set(changed = {}) {
    Object.assign(this.settings, changed);
    const { algorithm, inner_steps, inner_rate, outer_rate, batch } = this.settings;
    const settings = { algorithm, innerSteps: inner_steps, innerRate: inner_rate, outerRate: outer_rate, batch };
    this.#ask("set", { settings, curves: this.curves, target: this.target });
  }

  run(steps = AT_ONCE) {
    this.running = this.curves.length > 0 && !this.diverged;
    this.#ask("run", { until: this.losses.length + steps });
  }

  pause() {
    this.#ask("pause", {}, "run");
  }

  /** From the random weights; the losses so far are kept to compare with. */
  again() {
    if (this.losses.length > 1) this.before = this.losses;
    [this.losses, this.diverged] = [[], false];
    this.#ask("again");
  }

  /** To the best weights, before the losses became large or were no numbers any more. */
  back() {
    this.diverged = false;
    this.#ask("back");
  }

  /** Another curve to fit, which is not trained on. */
  another() {
    this.number += 1;
    this.fitAlso(this.#newCurve());
  }

  fitAlso(target) {
    this.target = target;
    this.set();
  }

  /** One of the class's unseen curves; of one's own a mixture of two. */
  #newCurve() {
    const { train, unseen } = this.classes.get(this.settings.class);
    if (unseen.length) return unseen[this.number % unseen.length].slice();
    if (!train.length) return this.target;
    const [a, b] = [train[this.number % train.length], train[(this.number + 1) % train.length]];
    return a.map((value, i) => (value + b[i]) / 2);
  }

  add(curve) {
    this.classes.get(OWN).train.push(curve);
    this.fitAlso(this.#newCurve());
  }

  forget(count) {
    this.classes.get(OWN).train.splice(-count, count);
    this.set();
  }

  #told(report) {
    this.heard = Math.max(this.heard, report.heard);
    if (!report.error) {
      this.losses.length = Math.min(this.losses.length, report.from);
      this.losses.push(...report.losses);
      this.random = report.random || this.random;
      const { running, diverged, best, worse, weights, learned } = report;
      Object.assign(this, { running, diverged, best, worse, weights, learned });
    }
    this.on.told(report);
  }
}
