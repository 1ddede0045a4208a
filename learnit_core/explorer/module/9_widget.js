// The widget: panes above, controls below. `data-state`, `data-painted`, `data-quality` and `data-engine` on its
// element say what has been painted; tests wait for them.

const SETTLE = 200; // ms without a move after which the picture is drawn fine
const SYNC = 200; // ms between two positions told to Python while dragging

class Explorer {
  constructor(model, element) {
    this.model = model;
    this.scene = structuredClone(model.get("scene"));
    this.live = model.live !== false;
    this.position = [...model.get("position")];
    this.timings = []; // of every painted picture: asked at, painted at [ms], fine or not
    Object.assign(this, makeParts(this.scene, this.live, {
      moved: (i, numbers) => this.#moved(i, numbers),
      released: () => this.#request(true),
      played: (i, numbers) => this.#goTo(i, numbers),
      toggled: (i) => this.player.toggle(i, this.#parts()[i]) || this.#request(true),
      reset: () => this.#reset(),
      take: () => this.#take(),
    }));
    this.root.dataset.state = "waiting";
    this.root.learnit = this;
    this.choices = engineChoices(this.scene, model);
    this.#nextEngine();
    this.#showPosition();
    element.append(this.root); // when nothing can go wrong any more, since what has gone wrong is said in its place
    this.onPosition = () => this.#fromPython();
    model.on("change:position", this.onPosition);
    // Something at once, and fine soon after. Playing goes on while it is seen.
    this.observer = whenSeen(this.root, this.player, () => this.#request(false));
  }

  close() {
    this.closed = true;
    this.player.stop();
    clearTimeout(this.settling);
    this.observer.disconnect();
    this.engine?.close?.();
    this.kernel?.close();
    this.model.off("change:position", this.onPosition);
  }

  // Drawing: one picture in flight, and one place for what is wanted next.

  #request(fine) {
    clearTimeout(this.settling);
    if (!this.engine && this.choices.length) this.#nextEngine(); // Python may be back
    if (!this.engine) return;
    if (!fine) this.settling = setTimeout(() => this.#request(true), SETTLE);
    this.wanted = { position: [...this.position], fine, asked: performance.now() };
    this.root.dataset.state = "waiting";
    this.#draw();
  }

  async #draw() {
    if (this.drawing) return;
    this.drawing = true;
    try {
      while (this.wanted && this.engine && !this.closed) {
        const job = this.wanted;
        this.wanted = null;
        const drawn = await this.#drawn(job);
        if (drawn && !this.closed) this.#paint(job, drawn);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.drawing = false;
    }
  }

  /** What the engine draws; null if it gave way to something else, or failed: then the next engine does the same job. */
  async #drawn(job) {
    try {
      // A fine picture gives way to whatever is asked for next; a preview is finished, so that a drag shows something.
      return await this.engine.draw(job.position, job.fine, () => this.closed || (job.fine && this.wanted !== null));
    } catch (error) {
      if (this.closed) return null;
      this.#nextEngine(error);
      this.wanted = this.engine ? this.wanted ?? job : null;
      return null;
    }
  }

  #paint(job, { pictures, fine }) {
    const words = this.#words(job.position).join("; ");
    pictures.forEach((picture, i) => {
      const canvas = this.canvases[i];
      [canvas.width, canvas.height] = [picture.width, picture.height];
      const context = canvas.getContext("2d");
      if (picture instanceof ImageData) context.putImageData(picture, 0, 0);
      else context.drawImage(picture, 0, 0);
      canvas.setAttribute("aria-label", `${this.scene.titles[i]}: ${words}`);
    });
    this.timings.push({ asked: job.asked, painted: performance.now(), fine });
    if (this.timings.length > 1000) this.timings.shift();
    Object.assign(this.root.dataset, {
      painted: job.position.join(","), quality: fine ? "full" : "preview", state: this.wanted ? "waiting" : "ready",
    });
    this.alert.textContent = "";
    const last = !this.wanted && fine;
    if (last) clearTimeout(this.settling); // it cannot get finer
    // Python is not told what it said itself: it may have gone on since.
    if (this.byHand && (last || performance.now() - (this.synced ?? 0) > SYNC)) this.#sync(job.position);
    this.player.painted();
  }

  /** Goes on with the next engine; with the reason, if the last one failed. Without any, says what is wrong. */
  #nextEngine(error) {
    const failed = this.engine;
    this.engine?.close?.();
    this.engine = null;
    let reason = error;
    while (!this.engine && this.choices.length) {
      try {
        this.engine = this.choices.shift()();
      } catch (cannot) {
        reason = cannot;
      }
    }
    if (this.engine) {
      this.root.dataset.engine = this.engine.name;
      if (reason) this.#say(`${sentence(reason)}: drawn ${this.engine.name === "kernel" ? "by Python" : "more slowly"} instead.`);
      return;
    }
    this.#fail(reason ?? new Error("This explorer needs a running Python kernel"));
    if (failed?.name === "frames") this.choices = [() => failed]; // other pictures may be whole
    if (failed?.name === "kernel") this.choices = [() => new KernelEngine(this.model)];
  }

  #fail(error) {
    this.player.stop();
    clearTimeout(this.settling);
    this.root.dataset.state = "failed";
    this.#say("");
    this.alert.textContent = `The explorer cannot draw. ${sentence(error)}.`;
  }

  // Positions: from a hand, from Python, from playing.

  #parts() {
    return split(this.scene.controls, this.position);
  }

  #moved(index, numbers) {
    this.player.stop();
    this.#goTo(index, numbers);
  }

  #goTo(index, numbers) {
    const parts = this.#parts();
    parts[index] = numbers;
    this.position = parts.flat();
    this.byHand = true;
    this.#showPosition();
    this.#request(false);
  }

  #showPosition() {
    if (this.passing) this.#say(""); // it was about another position
    const words = this.#words(this.position);
    this.#parts().forEach((numbers, i) => {
      this.controls[i].show(numbers, words[i]);
      this.readouts[i].textContent = words[i];
    });
  }

  /** The places that are drawn for a position: those of the nearest picture, where pictures were made beforehand. */
  #drawnAt(position) {
    const { controls, frames } = this.scene;
    return frames ? drawnPlaces(controls, frames.counts, position) : split(controls, position);
  }

  #words(position) {
    return this.#drawnAt(position).map((numbers, i) => inWords(this.scene.controls[i], numbers));
  }

  #sync(position) {
    this.synced = performance.now();
    try {
      this.model.set("position", position);
      this.model.save_changes();
    } catch {
      this.#say("Python does not hear where the controls stand."); // the picture is drawn all the same
    }
  }

  #fromPython() {
    const position = this.model.get("position");
    // What comes back from Python while a hand moves on is old news.
    if (this.byHand && (this.drawing || this.wanted)) return;
    if (this.engine && position.join() === this.position.join()) return;
    this.player.stop();
    this.position = [...position];
    this.byHand = false;
    this.#showPosition();
    this.#request(true);
  }

  #reset() {
    this.player.stop();
    this.position = [...this.scene.start];
    this.byHand = true;
    this.#showPosition();
    this.#request(true);
  }

  // What the buttons say

  async #take() {
    if (this.live) return this.#tell();
    const index = this.scene.controls.findIndex((control) => control.kind !== "camera");
    const c = coefficients(this.scene.controls[index], this.#drawnAt(this.position)[index]);
    const text = JSON.stringify(c.map((x) => +x.toFixed(4)));
    try {
      await navigator.clipboard.writeText(text);
      this.#say(`Copied ${text}.`, true);
    } catch {
      this.#say(`Coefficients: ${text}`, true);
    }
  }

  /** Python's position is this one when Python says so. */
  async #tell() {
    if (this.telling) return;
    this.telling = true;
    this.kernel ??= new Kernel(this.model);
    try {
      await this.kernel.ask({ kind: "take", position: this.position });
      this.#say("The .value of this explorer holds these weights.", true);
    } catch (error) {
      this.#say(`${sentence(error)}.`, true);
    }
    this.telling = false;
  }

  #say(text, passing = false) {
    this.passing = passing;
    this.note.textContent = text;
  }
}
