// Playing: one control at a time goes its round, and on from where it stands. The next step waits until the last has
// been painted, so that slow engines skip positions instead of falling behind.

const PERIOD = 6000; // ms that playing takes for one round
const CALM_STEPS = 10; // steps of a round for those who asked for reduced motion
const CALM_PAUSE = 1000; // ms between them

/** Calls `start` when `root` is first seen; nothing plays that nobody sees. Returns what has to be disconnected. */
function whenSeen(root, player, start) {
  let started = false;
  const observer = new IntersectionObserver((entries) => {
    const seen = entries.at(-1).isIntersecting;
    player.visible(seen);
    if (!seen || started) return;
    started = true;
    start();
  });
  observer.observe(root);
  return observer;
}

class Player {
  /** `played(index, numbers)` moves a control; `painted()` has to be called when that is on the screen. */
  constructor(controls, { played, toggled }) {
    Object.assign(this, { controls, played, index: null, seen: true });
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.buttons = controls.map((_, i) => makeButton("Play", () => toggled(i)));
    controls.forEach((_, i) => this.#name(i, "Play"));
  }

  get playing() {
    return this.index !== null;
  }

  /** Plays a control from where it stands, or pauses it; returns whether it plays. */
  toggle(index, numbers) {
    const again = this.index === index;
    this.stop();
    if (again) return false;
    const paused = this.paused; // on the way back, a line passes the same places as on the way there
    const kept = paused?.index === index && `${paused.numbers}` === `${numbers}`;
    Object.assign(this, { index, phase: kept ? paused.phase : phaseOf(this.controls[index], numbers) });
    this.#name(index, "Pause");
    this.last = performance.now();
    this.#step();
    return true;
  }

  stop() {
    this.#cancel();
    if (!this.playing) return;
    this.paused = { index: this.index, phase: this.phase, numbers: this.numbers };
    this.#name(this.index, "Play");
    this.index = null;
  }

  painted() {
    this.#cancel(); // a picture may be painted twice, small and then fine
    if (!this.playing || !this.seen) return;
    const since = () => performance.now() - this.last;
    if (this.calm.matches) this.timer = setTimeout(() => this.#step(1 / CALM_STEPS), CALM_PAUSE - since());
    else this.frame = requestAnimationFrame(() => this.#step(since() / PERIOD));
  }

  /** Nothing moves that nobody sees. */
  visible(seen) {
    if (seen === this.seen) return;
    this.seen = seen;
    this.last = performance.now();
    this.painted();
  }

  #step(further = 0) {
    const control = this.controls[this.index];
    this.phase = (this.phase + further) % 1;
    this.last = performance.now();
    this.numbers = allowed(control, playing(control, this.phase));
    this.played(this.index, this.numbers);
  }

  #name(index, word) {
    this.buttons[index].textContent = word;
    this.buttons[index].setAttribute("aria-label", `${word}: ${this.controls[index].name}`);
    this.buttons[index].classList.toggle("playing", word === "Pause");
  }

  #cancel() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
  }
}
