// What is fitted: words, drawings and pictures, brought to the few pixels that a network is given.

const INK_SIDE = 256; // px of the longer side of the paper on which is drawn, at most: it is averaged down
const STROKE = 0.08; // width of a stroke, of the side: about that of the letters the shipped weights learned from
const MOST_LETTERS = 8; // in two lines
const LINE = 0.93; // from one line of text to the next, of the size of the letters, as in `signals/text.py`
const LARGEST_FILE = 100e6; // bytes

/** One picture to fit: the paper with ink on it, and `values` [height, width, channels], null while it is blank. */
class Target {
  constructor([height, width, channels]) {
    this.scale = Math.max(1, Math.floor(INK_SIDE / Math.max(height, width)));
    Object.assign(this, { height, width, channels, values: null });
    this.paper = make("canvas", { width: width * this.scale, height: height * this.scale });
    this.pen = this.paper.getContext("2d", { willReadFrequently: true });
    this.clear();
  }

  clear() {
    this.pen.fillStyle = "black";
    this.pen.fillRect(0, 0, this.paper.width, this.paper.height);
    this.values = null;
  }

  /** Averages the paper down to the pixels; whether there is anything on it. */
  read() {
    const { height, width, channels, scale } = this;
    const rgba = this.pen.getImageData(0, 0, this.paper.width, this.paper.height).data;
    const values = new Float32Array(height * width * channels);
    const unit = 1 / (255 * scale * scale);
    for (let y = 0, at = 0; y < this.paper.height; y++) {
      for (let x = 0; x < this.paper.width; x++, at += 4) {
        const pixel = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels;
        if (channels === 1) values[pixel] += unit * (0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2]);
        else for (let c = 0; c < 3; c++) values[pixel + c] += unit * rgba[at + c];
      }
    }
    const blank = values.every((value) => value < 1 / 255);
    this.values = blank ? null : values;
    return !blank;
  }

  /** Takes values from Python, and puts them on the paper, to draw on. */
  set(values) {
    this.clear();
    if (!values.every(Number.isFinite)) return;
    this.values = values;
    const small = make("canvas", { width: this.width, height: this.height });
    small.getContext("2d").putImageData(imageData(this.height, this.width, this.channels, values, 255), 0, 0);
    this.pen.imageSmoothingEnabled = false;
    this.pen.drawImage(small, 0, 0, this.paper.width, this.paper.height);
  }

  /** A stroke from one place to another, in [0, 1] from the upper left corner. */
  stroke([x0, y0], [x1, y1]) {
    const { width, height } = this.paper;
    Object.assign(this.pen, { strokeStyle: "white", lineWidth: STROKE * Math.min(width, height), lineCap: "round" });
    this.pen.beginPath();
    this.pen.moveTo(x0 * width, y0 * height);
    this.pen.lineTo(x1 * width, y1 * height + 0.01); // a line of no length is not drawn everywhere
    this.pen.stroke();
  }

  /** Draws a word as the training text is: light on dark, as wide as fits, in one line or two. False if nothing is seen. */
  write(text, family) {
    const lines = linesOf(text);
    const { width, height } = this.paper;
    const { pen } = this;
    const size = 100;
    pen.font = `${size}px ${family}`;
    Object.assign(pen, { textAlign: "left", textBaseline: "alphabetic" });
    const boxes = lines.map((line, i) => {
      const { width: advance, ...box } = metrics(pen.measureText(line));
      const x = -advance / 2;
      const y = i * LINE * size;
      return { x, y, left: x - box.left, right: x + box.right, top: y - box.ascent, bottom: y + box.descent };
    });
    const [left, top] = ["left", "top"].map((side) => Math.min(...boxes.map((box) => box[side])));
    const [right, bottom] = ["right", "bottom"].map((side) => Math.max(...boxes.map((box) => box[side])));
    if (!lines.length || !(right > left) || !(bottom > top)) return false;
    this.clear();
    const scale = Math.min((0.86 * width) / (right - left), ((lines.length > 1 ? 0.86 : 0.62) * height) / (bottom - top));
    pen.font = `${size * scale}px ${family}`;
    pen.fillStyle = "white";
    lines.forEach((line, i) => pen.fillText(line,
      width / 2 + scale * (boxes[i].x - (left + right) / 2), height / 2 + scale * (boxes[i].y - (top + bottom) / 2)));
    return this.read();
  }

  /** The middle of a picture, as large as the paper. */
  paste(source, sourceWidth, sourceHeight) {
    const { width, height } = this.paper;
    const scale = Math.max(width / sourceWidth, height / sourceHeight);
    const [w, h] = [width / scale, height / scale];
    this.clear();
    Object.assign(this.pen, { imageSmoothingEnabled: true, imageSmoothingQuality: "high" });
    this.pen.drawImage(source, (sourceWidth - w) / 2, (sourceHeight - h) / 2, w, h, 0, 0, width, height);
    return this.read();
  }

  /** Dark becomes light: for ink on white paper. */
  invert() {
    this.pen.globalCompositeOperation = "difference";
    this.pen.fillStyle = "white";
    this.pen.fillRect(0, 0, this.paper.width, this.paper.height);
    this.pen.globalCompositeOperation = "source-over";
    return this.read();
  }
}

const metrics = (box) => ({
  width: box.width, left: box.actualBoundingBoxLeft, right: box.actualBoundingBoxRight,
  ascent: box.actualBoundingBoxAscent, descent: box.actualBoundingBoxDescent,
});

/** A word in the lines in which it is drawn: two words below each other, one of more than four letters in halves. */
function linesOf(text) {
  const words = text.trim().split(/\s+/).filter(Boolean).map((word) => [...word]);
  const half = MOST_LETTERS / 2;
  if (words.length > 1) return words.slice(0, 2).map((word) => word.slice(0, half).join(""));
  const letters = (words[0] ?? []).slice(0, MOST_LETTERS);
  if (letters.length <= half) return letters.length ? [letters.join("")] : [];
  const middle = Math.ceil(letters.length / 2);
  return [letters.slice(0, middle).join(""), letters.slice(middle).join("")];
}

/** Whether letters of the text are left out. */
const isCut = (text) => linesOf(text).join("").length < text.replaceAll(/\s/g, "").length;

/** A file as something that can be drawn, `{ source, width, height }`; throws where the browser cannot decode it. */
async function decoded(file) {
  if (file.size > LARGEST_FILE) throw new Error(`This file has ${Math.round(file.size / 1e6)} MB: choose one below ${LARGEST_FILE / 1e6} MB`);
  try {
    const source = await createImageBitmap(file);
    return { source, width: source.width, height: source.height };
  } catch {
    // Drawings (SVG) are decoded by elements only; from data, since the page's policy allows nothing to be fetched.
    const source = make("img", { src: await dataOf(file) });
    await source.decode().catch(() => {});
    const [width, height] = [source.naturalWidth, source.naturalHeight];
    if (!width || !height) throw new Error("This browser finds no picture in that file: choose a photograph or a drawing, such as PNG or JPEG");
    return { source, width, height };
  }
}

const dataOf = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(new Error("This file cannot be read"));
  reader.readAsDataURL(file);
});

/** The camera's pictures as an element that shows them; throws if there is no camera, or none is allowed. */
async function openCamera() {
  const instead = "draw, type or upload something instead";
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(`This page may not ask for a camera: ${instead}`);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: true });
  } catch (error) {
    const refused = error.name === "NotAllowedError" || error.name === "SecurityError";
    throw new Error(`${refused ? "The camera was refused" : "There is no camera that can be used"}: ${instead}`, { cause: error });
  }
  const video = make("video", { muted: true, playsInline: true, autoplay: true });
  video.srcObject = stream;
  return video;
}

/** A camera that is shown in `place` until a picture is taken; nothing of it is kept. */
class Camera {
  /** `taken(video)` gets its picture, `say` what is wrong. */
  constructor(place, taken, say) {
    Object.assign(this, { place, taken, say });
  }

  async toggle() {
    if (this.video) return this.off();
    this.opening ??= openCamera();
    try {
      const video = await this.opening;
      if (this.closed) closeCamera(video);
      else if (this.video !== video) this.#show(video);
    } catch (error) {
      this.say(`${sentence(error)}.`);
    }
    this.opening = null;
  }

  #show(video) {
    this.video = video;
    const take = () => {
      if (!video.videoWidth) return this.say("The camera shows nothing yet: wait a moment.");
      this.taken(video);
      this.off();
    };
    const buttons = make("div", { class: "row" }, makeButton("Take the picture", take), makeButton("Cancel", () => this.off()));
    this.place.replaceChildren(video, buttons);
    this.place.hidden = false;
    buttons.firstChild.focus();
  }

  off() {
    if (this.video) closeCamera(this.video);
    this.video = null;
    this.place.hidden = true;
    this.place.replaceChildren();
  }

  close() {
    this.closed = true;
    this.off();
  }
}

const closeCamera = (video) => video.srcObject?.getTracks().forEach((track) => track.stop());
