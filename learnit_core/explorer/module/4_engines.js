// Engines: three ways to get from a position to one picture a pane. `draw(position, fine, stale)` returns
// `{ pictures, fine }`, or null once `stale()`; it may draw finer than asked for, and says so.

const PREVIEW_SIDE = 32; // pixels that a preview has at least
const PREVIEW_MS = 80; // what a preview may take before it is made smaller
const KERNEL_SECONDS = 15; // until a kernel counts as gone

/** Networks computed in this page: by `compute`, in WebGL2 or in plain JavaScript. */
class NetworkEngine {
  constructor(name, scene, networks, compute) {
    Object.assign(this, { name, scene, networks, compute });
    this.weights = scene.controls.findIndex((control) => control.kind !== "camera");
    this.msPerPixel = Infinity;
  }

  /** The values [height, width, channels] of one pane, not clipped. */
  values(position, pane, height, width, stale = () => false) {
    const { controls, network } = this.scene;
    const c = coefficients(controls[this.weights], split(controls, position)[this.weights]);
    return this.compute(network, mix(this.networks[pane], c), height, width, stale);
  }

  async draw(position, fine, stale) {
    const [height, width, channels] = this.scene.shape;
    const scale = fine ? 1 : this.#previewScale(height, width);
    const [h, w] = [Math.round(height * scale), Math.round(width * scale)];
    const started = performance.now();
    const pictures = [];
    for (let pane = 0; pane < this.networks.length; pane++) {
      const values = await this.values(position, pane, h, w, stale);
      if (!values) return null;
      pictures.push(imageData(h, w, channels, values, 255));
    }
    this.msPerPixel = (performance.now() - started) / (h * w * pictures.length);
    return { pictures, fine: scale === 1 };
  }

  #previewScale(height, width) {
    const most = PREVIEW_MS / (this.msPerPixel * this.networks.length); // pixels that take as long as a preview may
    const side = Math.max(Math.sqrt(most * (width / height)), PREVIEW_SIDE * Math.sqrt(width / height));
    return Math.min(1, side / width);
  }
}

/** A live Python function. One question at a time: whoever draws waits for the answer before the next. */
class KernelEngine {
  constructor(model, view) {
    Object.assign(this, { name: "kernel", model });
    this.view = `${view}`;
    this.count = 0;
    this.waiting = null;
    this.listener = (message, buffers) => {
      if (message.kind === "drawn" && message.id === this.waiting?.id) this.waiting.answer(message, buffers);
    };
    model.on("msg:custom", this.listener);
  }

  draw(position, fine) {
    return new Promise((resolve, reject) => {
      const id = `${this.view}:${this.count++}`;
      const gone = () => {
        clearTimeout(timer);
        this.waiting = null;
        reject(new Error("Python does not answer. If the kernel was restarted, run this cell again"));
      };
      const timer = setTimeout(gone, 1000 * KERNEL_SECONDS);
      const answer = (message, buffers) => {
        clearTimeout(timer);
        this.waiting = null;
        if (message.error) return reject(new Error(message.error));
        const pictures = message.shapes.map(([h, w, channels], i) => {
          const { buffer, byteOffset, byteLength } = buffers[i];
          return imageData(h, w, channels, new Uint8Array(buffer, byteOffset, byteLength), 1);
        });
        resolve({ pictures, fine: message.fine });
      };
      this.waiting = { id, answer };
      try {
        this.model.send({ kind: "draw", id, position, fine });
      } catch {
        gone(); // JupyterLab closes the way to a kernel that is no more
      }
    });
  }

  close() {
    this.model.off("msg:custom", this.listener);
  }
}

/** Pictures made beforehand on a grid of positions; the nearest is shown. */
class FramesEngine {
  constructor(scene, view) {
    Object.assign(this, { name: "frames", scene });
    const reader = new Reader(view);
    this.files = scene.frames.panes.map((lengths) => lengths.map((n) => new Blob([reader.bytes(n)], { type: scene.frames.type })));
    this.decoded = new Map();
  }

  async draw(position) {
    const index = nearestFrame(this.scene.controls, this.scene.frames.counts, position);
    return { pictures: await Promise.all(this.files.map((_, pane) => this.#picture(pane, index))), fine: true };
  }

  #picture(pane, index) {
    const key = `${pane} ${index}`;
    if (!this.decoded.has(key)) {
      const decode = createImageBitmap(this.files[pane][index]);
      this.decoded.set(key, decode.catch(() => {
        throw new Error("One of its pictures cannot be read. Save or download it again");
      }));
    }
    return this.decoded.get(key);
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
function engineChoices(scene, model, view) {
  const bytes = model.get("data");
  let networks;
  const read = () => (networks ??= readNetworks(scene, bytes));
  const webgl = () => {
    const graphics = Graphics.shared();
    return new NetworkEngine("webgl", scene, read(), (...job) => graphics.values(...job));
  };
  const script = () => new NetworkEngine("script", scene, read(), computeInScript);
  const kernel = () => new KernelEngine(model, view);
  const frames = () => new FramesEngine(scene, bytes);
  const choices = { frames: [frames], kernel: [kernel], browser: [webgl, script], auto: [webgl, kernel, script] };
  return choices[scene.engine].filter((make) => make !== kernel || model.live !== false);
}
