// The widget that meta-trains: a new curve fitted from the start that is being learned and from random weights.

const TELL_AGAIN = 2000; // ms between two reports to Python while training
const RISEN = 10; // times its best, at which a loss is said to have risen, until it is below half of that again
const WARNING = `The error has risen to more than ${RISEN} times its best: a rate may be too large. Lower it, and go back to the last good weights.`;

class Learning {
  constructor(model, element) {
    Object.assign(this, { model, scene: structuredClone(model.get("scene")), live: model.live !== false, position: [...model.get("position")] });
    this.trainer = new Trainer(this.scene, model.get("data"), { told: (report) => this.#told(report) });
    Object.assign(this, makeLearningParts(this.scene, this.live, {
      moved: (numbers) => this.#moved(numbers),
      played: (_, numbers) => this.#goTo(numbers),
      toggled: (i) => this.player.toggle(i, this.position),
      chosen: (changed) => this.#chosen(changed),
      set: (changed) => this.#changed(() => this.trainer.set(changed)),
      another: () => this.#changed(() => this.trainer.another()),
      train: () => this.#changed(() => (this.trainer.running ? this.trainer.pause() : this.#train())),
      one: () => this.#changed(() => this.#train(1)),
      back: () => this.#changed(() => this.trainer.back()),
      again: () => this.#changed(() => this.trainer.again()),
      typed: (text) => this.#typed(text),
      forgotten: (count) => this.#changed(() => this.trainer.forget(count)),
      reset: () => this.#reset(),
    }));
    for (const { element: plot } of this.plots) this.#redrawable(plot);
    this.#drawable();
    Object.assign(this.root.dataset, { state: "waiting" });
    this.root.learnit = this;
    element.append(this.root);
    this.onPosition = () => this.#fromPython();
    model.on("change:position", this.onPosition);
    this.#show();
    this.observer = whenSeen(this.root, this.player, () => {
      this.trainer.set();
      this.trainer.run(this.scene.meta.steps);
    });
  }

  close() {
    this.player.stop();
    clearTimeout(this.telling);
    this.observer.disconnect();
    this.trainer.fitter.close();
    this.model.off("change:position", this.onPosition);
  }

  // What hands do.

  /** Does what changes the training; what was said before is about something else. */
  #changed(change) {
    this.#say("");
    change();
    this.#show();
  }

  #train(steps) {
    if (this.trainer.diverged) return this.#say("It has diverged: lower a rate, then go back to the last good weights or start again.");
    if (!this.trainer.curves.length) return this.#say("There is nothing to learn from: draw a curve, or type heights.");
    this.trainer.run(steps);
  }

  /** Another class or algorithm begins from the random weights. */
  #chosen(changed) {
    this.#changed(() => {
      this.trainer.again();
      this.trainer.set(changed);
      if (changed.class) this.trainer.another();
      if (this.trainer.curves.length) this.trainer.run(this.scene.meta.steps);
      else this.trainer.pause();
    });
  }

  /** The curve that is fitted is drawn anew where a hand passes. */
  #redrawable(plot) {
    let curve = null;
    drawnOn(plot, {
      begun: () => {
        curve = this.trainer.target.slice();
      },
      passed: (from, to) => {
        drawLine(curve, from, to);
        this.trainer.target = curve;
        this.#showFits();
      },
      lifted: () => this.#changed(() => this.trainer.fitAlso(curve)),
    });
  }

  /** On the paper each stroke is a curve to learn from. */
  #drawable() {
    let curve = null;
    drawnOn(this.paper.element, {
      begun: () => {
        curve = new Float32Array(this.points).fill(NaN);
      },
      passed: (from, to) => {
        drawLine(curve, from, to);
        this.#showOwn(completed(curve));
      },
      lifted: () => this.#changed(() => this.trainer.add(completed(curve))),
    });
  }

  #typed(text) {
    const curve = curveOf(text, this.points);
    if (!curve) return this.#say("Type heights from 0 to 1 with spaces in between, such as 0.2 0.9 0.4.");
    this.heights.value = "";
    this.#changed(() => this.trainer.add(curve));
  }

  #moved(numbers) {
    this.player.stop();
    this.#goTo(numbers);
  }

  #goTo(numbers) {
    this.position = [...numbers];
    this.#show();
    clearTimeout(this.telling);
    if (this.live) this.telling = setTimeout(() => this.#tell(), TELL);
  }

  #reset() {
    this.player.stop();
    this.position = [...this.scene.start];
    this.trainer.number = -1;
    this.#chosen({ ...this.scene.meta.settings });
  }

  // What is shown.

  #told(report) {
    if (report.error) {
      this.root.dataset.state = "failed";
      this.alert.textContent = `It cannot be trained. ${report.error.replace(/\.$/, "")}.`;
      return;
    }
    const { diverged, losses } = this.trainer;
    const lost = diverged ? `Diverged at outer step ${losses.length}: the error after the inner steps is ${Number.isFinite(losses.at(-1)) ? Number(losses.at(-1).toPrecision(2)) : "no number"}. Lower a rate, then go back to the last good weights or start again.` : "";
    if (this.alert.textContent !== lost) this.alert.textContent = lost; // said once
    this.#show();
    this.#tell();
  }

  #show() {
    const { settings, running, curves, diverged, worse, losses, still } = this.trainer;
    const words = inWords(this.scene.controls[0], this.position);
    this.steps.show(this.position, words);
    this.said.textContent = words;
    this.kind.value = settings.class;
    this.algorithm.value = settings.algorithm;
    for (const [name, one] of Object.entries(this.sliders)) one.show(settings[name], name === "num_signals" ? this.trainer.available : Infinity);
    this.own.hidden = settings.class !== OWN;
    this.#showOwn();
    this.#showFits();
    this.losses.show(this.trainer);
    this.buttons.train.textContent = running ? "Pause" : "Train";
    this.buttons.train.classList.toggle("playing", running);
    for (const name of ["train", "one"]) this.buttons[name].setAttribute("aria-disabled", `${diverged || !curves.length}`);
    if (worse > RISEN && !diverged) this.#say(WARNING);
    else if ((worse < RISEN / 2 || diverged) && this.note.textContent === WARNING) this.#say("");
    if (still && losses.length && !diverged && !this.note.textContent) this.#say(this.#summary());
    if (this.trainer.learned) this.root.dataset.painted = this.position.join(",");
    Object.assign(this.root.dataset, {
      step: `${losses.length}`, quality: "full", engine: this.trainer.fitter.name,
      state: still && this.trainer.learned ? "ready" : "waiting", diverged: `${Boolean(diverged)}`,
    });
    this.player.painted();
  }

  #dbs() {
    const [step] = this.position;
    return [this.trainer.learned, this.trainer.random].map((fitted) => fitted && -10 * Math.log10(fitted.errors[step]));
  }

  #summary() {
    const [learned, random] = this.#dbs();
    return `${this.trainer.losses.length} outer steps. After ${inWords(this.scene.controls[0], this.position)} on a new curve: ${inDb(learned)} from the learned start, ${inDb(random)} from random weights.`;
  }

  #showFits() {
    const [step] = this.position;
    const { learned, random, target, losses, settings } = this.trainer;
    const dbs = this.#dbs();
    const rates = [`at rate ${inDigits(settings.inner_rate)}`, random ? `at its best rate, ${inDigits(random.rates[step])}` : ""];
    [learned, random].forEach((fitted, pane) => {
      const lines = [{ curve: target, kind: "truth" }];
      if (fitted) lines.push({ curve: fitted.curves.subarray(step * this.points, (step + 1) * this.points), kind: `line-${pane}` });
      this.plots[pane].show(lines);
      const title = pane ? "Random weights" : `Learned in ${losses.length} steps`;
      const told = fitted ? inDb(dbs[pane]) : "…";
      // Three lines, so that nothing below jumps.
      this.captions[pane].replaceChildren(title, make("br"), make("span", { class: "db" }, told), make("br"), step ? rates[pane] : "no step yet");
      this.plots[pane].element.setAttribute("aria-label", `${title}, ${inWords(this.scene.controls[0], this.position)}: ${told}. A plot to draw on.`);
    });
  }

  #showOwn(stroke) {
    const curves = this.trainer.classes.get(OWN).train.map((curve) => ({ curve, kind: "truth own-curve" }));
    this.paper.show(stroke ? [...curves, { curve: stroke, kind: "line-0" }] : curves);
    this.paper.element.setAttribute("aria-label", `Paper with ${curves.length} curves of your own: each stroke is a curve to learn from`);
  }

  // Python.

  /** Tells Python where the training is: at the end, and now and then on the way. */
  #tell() {
    const { weights, losses, still, settings } = this.trainer;
    if (!this.live || !weights || (!still && performance.now() - (this.toldAt ?? 0) < TELL_AGAIN)) return;
    this.toldAt = performance.now();
    try {
      this.model.send({ kind: "trained", position: [...this.position], settings: { ...settings } }, undefined, [weights.slice().buffer, new Float32Array(losses).buffer]);
      this.model.set("position", [...this.position]); // as in `f7_fitting.js`
    } catch {
      this.#say("Python does not hear what is learned."); // it is shown all the same
    }
  }

  #fromPython() {
    const position = this.model.get("position");
    if (position.join() === this.position.join()) return;
    this.player.stop();
    this.position = [...position];
    this.#show();
  }

  #say(text) {
    if (this.note.textContent !== text) this.note.textContent = text;
  }
}
