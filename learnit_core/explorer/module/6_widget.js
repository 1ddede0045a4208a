// The widget: panes above, controls below. `data-state`, `data-painted`, `data-quality` and `data-engine` on its
// element say what has been painted; tests wait for them.

const SETTLE = 200; // ms without a move after which the picture is drawn fine
const SYNC = 200; // ms between two positions told to Python while dragging
const PERIOD = 6000; // ms that playing takes for one round
const CALM_STEPS = 10; // steps of a round for those who asked for reduced motion, one a second

class Explorer {
  constructor(model, element) {
    this.model = model;
    this.scene = structuredClone(model.get("scene"));
    this.live = model.live !== false;
    this.position = [...model.get("position")];
    this.timings = []; // of every painted picture: asked at, painted at [ms], fine or not
    this.#build(element);
    this.choices = engineChoices(this.scene, model, Math.random().toString(36).slice(2));
    this.#nextEngine();
    this.onPosition = () => this.#fromPython();
    model.on("change:position", this.onPosition);
    this.#showPosition();
    this.#whenVisible(() => this.#request(false)); // something at once, and fine soon after
  }

  close() {
    this.closed = true;
    this.#stopPlaying();
    clearTimeout(this.settling);
    this.observer?.disconnect();
    this.engine?.close?.();
    this.model.off("change:position", this.onPosition);
  }

  /** The values of a pane at a position, as the page computes them; for tests. */
  async values(position, pane) {
    const [height, width] = this.scene.shape;
    return Array.from(await this.engine.values(position, pane, height, width));
  }

  #build(element) {
    const { scene } = this;
    const [height, width] = scene.shape;
    this.canvases = scene.titles.map((title) => make("canvas", {
      width, height, role: "img", "aria-label": title, style: `aspect-ratio: ${width} / ${height}`,
    }));
    const panes = scene.titles.map((title, i) => make("figure", {}, this.canvases[i], make("figcaption", {}, title)));
    this.controls = scene.controls.map((control, i) => makeControl(
      control, (numbers) => this.#moved(i, numbers), () => this.#request(true)));
    this.players = scene.controls.map((control, i) => make("button", {
      type: "button", "aria-label": `Play: ${control.name}`, "aria-pressed": "false", onclick: () => this.#togglePlaying(i),
    }, "Play"));
    this.readouts = scene.controls.map(() => make("output", { class: "readout" }));
    const rows = this.controls.map((control, i) => make("div", { class: "control" },
      make("div", { class: "row" }, make("span", { class: "name" }, scene.controls[i].name), this.readouts[i], this.players[i]),
      control.element));
    const buttons = [make("button", { type: "button", onclick: () => this.#reset() }, "Reset")];
    if (scene.weights) {
      buttons.push(make("button", { type: "button", class: "take", onclick: () => this.#take() },
        this.live ? "Weights to Python" : "Copy coefficients"));
    }
    this.note = make("p", { class: "note", role: "status" });
    this.alert = make("p", { class: "alert", role: "alert" });
    this.root = make("div", {
      class: "learnit-explorer", role: "group", "aria-label": scene.title, style: `--side: ${scene.side}px; --panes: ${scene.titles.length}`,
    }, make("div", { class: "panes" }, ...panes), ...rows, make("div", { class: "row" }, ...buttons), this.note, this.alert);
    this.root.dataset.state = "waiting";
    this.root.learnit = this;
    element.append(this.root);
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
    while (this.wanted && this.engine && !this.closed) {
      const job = this.wanted;
      this.wanted = null;
      try {
        // A fine picture gives way to whatever is asked for next; a preview is finished, so that a drag shows something.
        const drawn = await this.engine.draw(job.position, job.fine, () => this.closed || (job.fine && this.wanted !== null));
        if (drawn) this.#paint(job, drawn);
      } catch (error) {
        this.#nextEngine(error);
        this.wanted ??= job;
      }
    }
    this.drawing = false;
  }

  #paint(job, { pictures, fine }) {
    pictures.forEach((picture, i) => {
      const canvas = this.canvases[i];
      [canvas.width, canvas.height] = [picture.width, picture.height];
      const context = canvas.getContext("2d");
      if (picture instanceof ImageData) context.putImageData(picture, 0, 0);
      else context.drawImage(picture, 0, 0);
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
    this.onPainted?.();
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
      if (reason) this.#say(`${reason.message}: drawn ${this.engine.name === "kernel" ? "by Python" : "more slowly"} instead.`);
      return;
    }
    if (!this.live && !reason) reason = new Error("This explorer needs a running Python kernel");
    this.root.dataset.state = "failed";
    this.alert.textContent = `The explorer cannot draw. ${reason.message.replace(/\.$/, "")}.`;
    if (failed?.name === "frames") this.choices = [() => failed]; // other pictures may be whole
    if (failed?.name === "kernel") this.choices = [() => new KernelEngine(this.model, Math.random().toString(36).slice(2))];
  }

  #whenVisible(start) {
    this.observer = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.observer.disconnect();
      start();
    });
    this.observer.observe(this.root);
  }

  // Positions: from a hand, from Python, from playing.

  #moved(index, numbers) {
    this.#stopPlaying();
    this.#goTo(index, numbers);
  }

  #goTo(index, numbers) {
    const parts = split(this.scene.controls, this.position);
    parts[index] = numbers;
    this.position = parts.flat();
    this.byHand = true;
    this.#showPosition();
    this.#request(false);
  }

  #showPosition() {
    split(this.scene.controls, this.position).forEach((numbers, i) => {
      this.controls[i].show(numbers);
      this.readouts[i].textContent = inWords(this.scene.controls[i], numbers);
    });
  }

  #sync(position) {
    this.synced = performance.now();
    this.model.set("position", position);
    this.model.save_changes();
  }

  #fromPython() {
    const position = this.model.get("position");
    // What comes back from Python while a hand moves on is old news.
    if ((this.byHand && (this.drawing || this.wanted)) || position.join() === this.position.join()) return;
    this.position = [...position];
    this.byHand = false;
    this.#showPosition();
    this.#request(true);
  }

  #reset() {
    this.#stopPlaying();
    this.position = [...this.scene.start];
    this.byHand = true;
    this.#showPosition();
    this.#request(true);
  }

  async #take() {
    const index = this.scene.controls.findIndex((control) => control.kind !== "camera");
    const c = coefficients(this.scene.controls[index], split(this.scene.controls, this.position)[index]);
    if (this.live) {
      this.#sync([...this.position]);
      this.#say("The .value of this explorer holds these weights.");
      return;
    }
    const text = JSON.stringify(c.map((x) => +x.toFixed(4)));
    try {
      await navigator.clipboard.writeText(text);
      this.#say(`Copied ${text}.`);
    } catch {
      this.#say(`Coefficients: ${text}`);
    }
  }

  #say(text) {
    this.note.textContent = text;
  }

  // Playing

  #togglePlaying(index) {
    const again = this.playing === index;
    this.#stopPlaying();
    if (again) return this.#request(true);
    this.playing = index;
    this.players[index].setAttribute("aria-pressed", "true");
    this.players[index].textContent = "Pause";
    const control = this.scene.controls[index];
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const started = performance.now();
    const step = () => {
      const rounds = (performance.now() - started) / (calm ? 1000 * CALM_STEPS : PERIOD);
      const phase = calm ? Math.floor(rounds * CALM_STEPS) / CALM_STEPS : rounds;
      this.#goTo(index, allowed(control, playing(control, phase % 1)));
    };
    // The next step waits for the last to be painted, so that slow engines skip positions instead of falling behind.
    this.onPainted = () => {
      this.#cancelStep(); // a picture may be painted twice, small and then fine
      if (calm) this.timer = setTimeout(step, 1000);
      else this.frame = requestAnimationFrame(step);
    };
    step();
  }

  #stopPlaying() {
    this.#cancelStep();
    this.onPainted = null;
    if (this.playing === undefined) return;
    this.players[this.playing].setAttribute("aria-pressed", "false");
    this.players[this.playing].textContent = "Play";
    this.playing = undefined;
  }

  #cancelStep() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
  }
}

function render({ model, el }) {
  try {
    const explorer = new Explorer(model, el);
    return () => explorer.close();
  } catch (error) {
    el.append(make("p", { class: "learnit-explorer alert", role: "alert" }, `The explorer cannot start. ${error.message}`));
  }
}

export default { render };
