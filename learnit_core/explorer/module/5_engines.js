// Engines: three ways to get from a position to one picture a pane. `draw(position, fine, stale)` returns
// `{ pictures, fine }`, or null once `stale()`; it may draw finer than asked for, and says so.

const PREVIEW_PIXELS = 32 ** 2; // of a preview, all panes together: a quarter of that to all of it, more where drawing is quick
const PREVIEW_MS = 50; // what a preview may take before it is made smaller
const KERNEL_SECONDS = 15; // until a kernel counts as gone
const KEPT_PICTURES = 24; // that each pane keeps decoded

/** Networks computed in this page: by `compute`, in WebGL2 or in plain JavaScript. */
class NetworkEngine {
  constructor(name, scene, networks, compute) {
    Object.assign(this, { name, scene, networks, compute });
    this.weights = scene.controls.findIndex((control) => control.kind !== "camera");
    this.msPerPixel = Infinity;
  }

  /** The values [height, width, channels] of one pane, not clipped. */
  values(position, pane, height, width, stale = () => false, sides = undefined) {
    const { controls, network } = this.scene;
    const c = coefficients(controls[this.weights], split(controls, position)[this.weights]);
    return this.compute(network, mix(this.networks[pane], c), height, width, stale, sides);
  }

  async draw(position, fine, stale) {
    const [height, width, channels] = this.scene.shape;
    // A preview has some of the picture's own pixels: between those that a network was trained at, it may show specks.
    // Every n-th row and column, with n rounded up.
    const stride = fine ? 1 : Math.ceil(1 / this.#previewScale(height, width) - 1e-6);
    const [h, w] = [height, width].map((side) => Math.ceil(side / stride));
    const sides = [height / stride, width / stride];
    const started = performance.now();
    const pictures = [];
    for (let pane = 0; pane < this.networks.length; pane++) {
      const values = await this.values(position, pane, h, w, stale, sides);
      if (!values) return null;
      pictures.push(imageData(h, w, channels, values, 255));
    }
    this.msPerPixel = (performance.now() - started) / (h * w * pictures.length);
    return { pictures, fine: stride === 1 };
  }

  #previewScale(height, width) {
    const pixels = Math.max(PREVIEW_MS / this.msPerPixel, PREVIEW_PIXELS) / this.networks.length;
    return Math.min(1, Math.sqrt(pixels / (height * width)));
  }
}

/** Questions to Python, one at a time: whoever asks waits for the answer before the next. */
class Kernel {
  constructor(model) {
    this.model = model;
    this.view = Math.random().toString(36).slice(2); // all views of a widget hear all answers
    this.count = 0;
    this.listener = (message, buffers) => {
      if (message?.id === undefined || message.id !== this.waiting?.id) return;
      const { resolve, reject } = this.waiting;
      this.#done();
      if (message.error) reject(new Error(message.error));
      else resolve({ message, buffers });
    };
    model.on("msg:custom", this.listener);
  }

  /** Python's answer `{ message, buffers }`; throws if there is none, or if it is an error. */
  ask(content) {
    return new Promise((resolve, reject) => {
      const id = `${this.view}:${this.count++}`;
      const gone = () => {
        this.#done();
        reject(new Error("Python does not answer: it is busy or was restarted. If the kernel was restarted, run this cell again"));
      };
      this.waiting = { id, resolve, reject, timer: setTimeout(gone, 1000 * KERNEL_SECONDS) };
      try {
        this.model.send({ ...content, id });
      } catch {
        gone(); // JupyterLab closes the way to a kernel that is no more
      }
    });
  }

  #done() {
    clearTimeout(this.waiting?.timer);
    this.waiting = null;
  }

  close() {
    this.#done();
    this.model.off("msg:custom", this.listener);
  }
}

/** A live Python function. */
class KernelEngine {
  constructor(model) {
    Object.assign(this, { name: "kernel", kernel: new Kernel(model) });
  }

  async draw(position, fine) {
    const { message, buffers } = await this.kernel.ask({ kind: "draw", position, fine });
    const pictures = message.shapes.map(([height, width, channels], i) => {
      const bytes = buffers?.[i] === undefined ? [] : bytesOf(buffers[i]);
      if (bytes.length !== height * width * channels) throw new Error("Python's picture did not arrive whole");
      return imageData(height, width, channels, bytes, 1);
    });
    return { pictures, fine: message.fine };
  }

  close() {
    this.kernel.close();
  }
}

/** Pictures made beforehand on a grid of positions; the nearest is shown. Those shown last are kept decoded. */
class FramesEngine {
  constructor(scene, data) {
    Object.assign(this, { name: "frames", scene });
    const reader = new Reader(data);
    this.files = scene.frames.panes.map((lengths) => lengths.map((n) => new Blob([reader.bytes(n)], { type: scene.frames.type })));
    this.decoded = new Map(); // in the order of their last use
  }

  async draw(position) {
    const index = nearestFrame(this.scene.controls, this.scene.frames.counts, position);
    const pictures = this.files.map((_, pane) => this.#picture(pane, index));
    for (const key of [...this.decoded.keys()].slice(0, -KEPT_PICTURES * this.files.length)) this.#forget(key);
    return { pictures: await Promise.all(pictures), fine: true };
  }

  #picture(pane, index) {
    const key = `${pane} ${index}`;
    const picture = this.decoded.get(key) ?? createImageBitmap(this.files[pane][index]).catch(() => {
      throw new Error("One of its pictures cannot be read. Save or download it again");
    });
    this.decoded.delete(key);
    this.decoded.set(key, picture);
    return picture;
  }

  #forget(key) {
    this.decoded.get(key).then((picture) => picture.close(), () => {});
    this.decoded.delete(key);
  }

  close() {
    for (const key of this.decoded.keys()) this.#forget(key);
  }
}

function imageData(height, width, channels, values, scale) {
  const rgba = new Uint8ClampedArray(4 * height * width); // clips and rounds
  for (let k = 0; k < height * width; k++) {
    for (let c = 0; c < 3; c++) rgba[4 * k + c] = scale * values[k * channels + (channels === 1 ? 0 : c)];
    rgba[4 * k + 3] = 255;
  }
  return new ImageData(rgba, width, height);
}

/** What to try, best first: each entry makes an engine or throws. A page without a kernel has no `live` entries. */
function engineChoices(scene, model) {
  const data = model.get("data");
  let networks;
  const read = () => (networks ??= readNetworks(scene, data));
  const webgl = () => {
    Graphics.shared(); // says at once where there is none
    return new NetworkEngine("webgl", scene, read(), computeInWebGL);
  };
  const script = () => new NetworkEngine("script", scene, read(), computeInScript);
  const kernel = () => new KernelEngine(model);
  const frames = () => new FramesEngine(scene, data);
  const choices = { frames: [frames], kernel: [kernel], browser: [webgl, script], auto: [webgl, kernel, script] };
  return choices[scene.engine].filter((choice) => choice !== kernel || model.live !== false);
}
