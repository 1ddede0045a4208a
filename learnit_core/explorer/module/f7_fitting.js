// The fitting widget: two pictures, each fitted from two starts beside each other, and a walk between both.

const TELL = 200; // ms without a change after which Python is told
const HERE = 0.005; // so near to an end of the walk is at it

class Fitting {
  constructor(model, element) {
    Object.assign(this, { model, scene: structuredClone(model.get("scene")), live: model.live !== false, timings: [] });
    this.position = [...model.get("position")];
    this.fits = new Fits(this.scene, model.get("data"), {
      known: (target, step) => this.#known(target, step),
      mixed: (pictures, of) => this.#mixed(pictures, of),
      failed: (reason) => this.#fail(reason),
    });
    Object.assign(this, makeFittingParts(this.scene, this.live, {
      moved: (i, numbers) => this.#moved(i, numbers),
      released: () => {},
      played: (i, numbers) => this.#goTo(i, numbers),
      toggled: (i) => this.player.toggle(i, [this.position[i]]),
      chosen: (i) => this.#moved(1, [i]),
      drawn: (i, from, to) => this.#drawn(i, from, to),
      lifted: (i) => this.#filled(this.fits.targets[i], this.fits.targets[i].read(), "", "The drawing is blank: draw something, type a word, or bring a picture."),
      typed: (text) => this.#typed(text),
      uploaded: (file) => this.#uploaded(file),
      camera: () => this.camera.toggle(),
      invert: () => this.#filled(this.target, this.target.invert()),
      clear: () => this.#clear(),
      compared: (start) => this.#compared(start),
      rated: (pane, rate) => this.#rated(pane, rate),
      tuned: () => this.#tuned(),
      reset: () => this.#reset(),
    }));
    this.camera = new Camera(this.cameraPlace, (video) => this.#filled(this.target, this.target.paste(video, video.videoWidth, video.videoHeight)), (text) => this.#say(text));
    this.root.dataset.state = "waiting";
    this.root.learnit = this;
    element.append(this.root);
    this.onPosition = () => this.#fromPython();
    this.onGiven = () => this.#given(model.get("targets"), model.get("times_given"));
    model.on("change:position", this.onPosition);
    model.on("change:times_given", this.onGiven);
    this.#given(model.get("targets")?.byteLength ? model.get("targets") : this.fits.given, model.get("times_given"));
    this.#watch();
  }

  close() {
    this.closed = true;
    this.player.stop();
    this.observer.disconnect();
    clearTimeout(this.telling);
    this.camera.close();
    this.fits.fitter.close();
    this.model.off("change:position", this.onPosition);
    this.model.off("change:times_given", this.onGiven);
  }

  /** Fits when it is first seen, unless a drawing began it. */
  #watch() {
    this.observer = whenSeen(this.root, this.player, () => {
      if (this.fits.running) return;
      this.fits.running = true;
      this.fits.next(this.end);
    });
  }

  /** Which of the two pictures the walk is nearest to: what is typed or brought goes there. */
  get end() {
    return this.position[1] < 0.5 ? 0 : 1;
  }

  get target() {
    return this.fits.targets[this.end];
  }

  get between() {
    return Math.abs(this.position[1] - this.end) > HERE;
  }

  // What is to be fitted.

  #drawn(i, from, to) {
    if (Math.abs(this.position[1] - i) > HERE) this.#moved(1, [i]);
    this.fits.targets[i].stroke(from, to);
    this.fits.targets[i].read();
    this.#showTargets();
  }

  #typed(text) {
    if (!text.trim()) return this.#say("Type a word of up to eight letters.");
    const seen = this.target.write(text, getComputedStyle(this.root).getPropertyValue("--word-font"));
    this.#filled(this.target, seen, isCut(text) ? "Only eight letters are drawn, four in a line." : "", "Nothing of this can be seen: type letters or digits.");
  }

  async #uploaded(file) {
    const { target } = this;
    try {
      const { source, width, height } = await decoded(file);
      this.#filled(target, target.paste(source, width, height));
      source.close?.();
    } catch (error) {
      this.#say(`${sentence(error)}.`);
    }
  }

  /** Shows what a picture holds now, and fits it; says so if nothing is `seen` on it. */
  #filled(target, seen, said = "", blank = "This picture is black all over: there is nothing to fit.") {
    const i = this.fits.targets.indexOf(target);
    if (Math.abs(this.position[1] - i) > HERE) this.#moved(1, [i]);
    this.#say(seen ? said : blank);
    this.#refit([target]);
  }

  #clear() {
    this.word.value = "";
    this.target.clear();
    this.#filled(this.target, false, "", "Draw something, type a word, or bring a picture.");
  }

  /** Takes the pictures that Python has given since, which has given each so often (`counts`); the other stays as it is drawn. */
  #given(data, counts = [1, 1]) {
    const values = new Float32Array(bytesOf(data).slice().buffer);
    const size = values.length / 2;
    const known = this.times;
    this.times = counts;
    this.#refit(this.fits.targets.filter((target, i) => {
      if (known?.[i] === counts[i]) return false;
      target.set(values.slice(i * size, (i + 1) * size));
      return true;
    }));
  }

  #refit(targets, starts) {
    this.fits.refit(targets, this.end, starts);
    this.#showTargets();
    this.#show();
  }

  // What is shown.

  #known(target, step) {
    if (target !== this.target && !this.between) return this.#mark();
    this.#show();
    if (step === undefined || target !== this.target) return;
    if (this.timings.at(-1)?.asked !== target.asked) this.timings.push({ asked: target.asked, painted: [] });
    (this.timings.at(-1).painted[step] ??= []).push(performance.now());
  }

  #show() {
    const { controls } = this.scene;
    const words = this.position.map((number, i) => inWords(controls[i], [number]));
    words.forEach((said, i) => {
      this.controls[i].show([this.position[i]], said);
      this.readouts[i].textContent = said;
    });
    this.pads.forEach(({ radio, element }, i) => {
      radio.checked = i === this.end;
      element.classList.toggle("chosen", radio.checked);
    });
    const { shown, starts, rates } = this.fits;
    shown.forEach((start, pane) => this.rateRows[pane].show(starts[start], rates[start]));
    this.curve.show(shown.map((start) => ({ name: starts[start].name, dbs: this.target.fits.get(start)?.dbs ?? [] })), this.position[0]);
    if (this.between) return this.#mix();
    const found = shown.map((start) => this.fits.after(this.target, start, this.position[0]));
    found.forEach((one, pane) => {
      const told = one ? inDb(one.db) : this.target.values ? "…" : "nothing to fit";
      this.#paint(pane, one?.picture, one && !one.there ? `${told} after ${inWords(controls[0], [one.at])}` : told, words[0]);
    });
    this.#settled(!this.target.values || found.every((one) => one?.there));
  }

  #paint(pane, picture, told, words) {
    const { name } = this.fits.starts[this.fits.shown[pane]];
    const canvas = this.canvases[pane];
    const [height, width, channels] = this.scene.shape;
    if (picture) canvas.getContext("2d").putImageData(imageData(height, width, channels, picture, 255), 0, 0);
    else canvas.getContext("2d").clearRect(0, 0, width, height);
    canvas.setAttribute("aria-label", `From ${name}, ${words}: ${told || "the picture of the weights in between"}`);
    this.captions[pane].textContent = `From ${name}\n${told || "in between"}`; // two lines, so that nothing below jumps
  }

  #mix() {
    const walked = this.fits.walked(this.position);
    if (walked.every(Boolean)) {
      this.root.dataset.state = "waiting";
      return this.fits.mix(walked.map(({ weights }) => weights), { position: [...this.position], there: walked.every(({ there }) => there) });
    }
    this.#settled(this.fits.targets.some(({ values }) => !values));
    this.#say("Both pictures must be there to walk between them.");
  }

  #mixed(pictures, { position, there }) {
    if (!this.between) return;
    const words = position.map((number, i) => inWords(this.scene.controls[i], [number])).join(", ");
    pictures.forEach((picture, pane) => this.#paint(pane, picture, "", words));
    this.#settled(there && position.join() === this.position.join(), position);
  }

  /** Says what is on the screen: `there`, if it is what is asked for; and lets Python know. */
  #settled(there, position = this.position) {
    Object.assign(this.root.dataset, { painted: position.join(","), quality: "full", state: there ? "ready" : "waiting" });
    this.alert.textContent = "";
    this.#mark();
    this.player.painted();
    clearTimeout(this.telling);
    if (there && this.live) this.telling = setTimeout(() => this.#tell(), TELL);
  }

  #mark() {
    Object.assign(this.root.dataset, { engine: this.fits.fitter.name, fitted: this.fits.whole });
  }

  #fail(reason) {
    this.root.dataset.state = "failed";
    this.alert.textContent = `The fit cannot be computed. ${reason.replace(/\.$/, "")}.`;
  }

  #showTargets() {
    const [height, width, channels] = this.scene.shape;
    this.fits.targets.forEach(({ values }, i) => {
      const picture = imageData(height, width, channels, values ?? new Float32Array(height * width * channels), 255);
      this.pads[i].canvas.getContext("2d").putImageData(picture, 0, 0);
    });
  }

  // What hands do, and Python.

  #moved(i, numbers) {
    this.player.stop();
    this.#goTo(i, numbers);
  }

  #goTo(i, numbers) {
    this.position[i] = numbers[0];
    if (this.note.textContent) this.#say("");
    this.fits.next(this.end);
    this.#show();
  }

  #compared(start) {
    this.fits.shown = [0, start];
    this.fits.next(this.end);
    this.#show();
  }

  #rated(pane, rate) {
    const start = this.fits.shown[pane];
    this.fits.rates[start] = rate;
    this.#refit(this.fits.targets, [start]);
  }

  #tuned() {
    const changed = this.fits.tuned();
    if (changed.length) this.#refit(this.fits.targets, changed);
  }

  #reset() {
    this.player.stop();
    this.position = [...this.scene.start];
    this.choice.selectedIndex = 0;
    this.word.value = "";
    this.#say("");
    this.fits.shown = [0, 1];
    this.fits.tuned();
    const counts = this.times;
    this.times = null; // so that all is taken, and fitted anew
    this.#given(this.fits.given, counts);
  }

  #fromPython() {
    const position = this.model.get("position");
    if (position.join() === this.position.join()) return;
    this.player.stop();
    this.position = [...position];
    this.fits.next(this.end);
    this.#show();
  }

  /** Tells Python where the controls stand, what is fitted, and the weights that are shown. */
  #tell() {
    const { targets, shown, starts } = this.fits;
    const found = this.between ? this.fits.walked(this.position) : shown.map((start) => this.fits.after(this.target, start, this.position[0]));
    if (!found.every(Boolean)) return;
    const state = [this.position, shown, this.fits.rates, targets.map(({ asked }) => asked)].join(";"); // what all follows from
    if (state === this.told) return;
    const nothing = new Float32Array(this.scene.shape.reduce((a, b) => a * b)).fill(NaN);
    const buffers = [...found.map(({ weights }) => weights), ...targets.map(({ values }) => values ?? nothing)];
    const told = { kind: "fitted", position: [...this.position], starts: shown.map((i) => starts[i].name) };
    try {
      this.model.send(told, undefined, buffers.map((array) => array.slice().buffer));
      this.model.set("position", [...this.position]); // Python does not send it back; what is another for it comes
      this.told = state;
      this.root.dataset.told = this.position.join(",");
    } catch {
      this.#say("Python does not hear what is fitted."); // it is shown all the same
    }
  }

  #say(text) {
    this.note.textContent = text;
  }
}
