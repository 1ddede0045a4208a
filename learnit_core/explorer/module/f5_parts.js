// What the fitting widget is made of: paper to draw on, ways to fill it, two panes, sliders, a curve.

const RATES = [-4, 1, 0.05]; // of the sliders, as powers of ten
const OPTIMISERS = { sgd: "SGD", adam: "Adam", rmsprop: "RMSProp", learned: "learned rates times" };

/** The parts, `root` with all others in it. What hands do to them goes to the functions of `on`. */
function makeFittingParts(scene, live, on) {
  const [height, width] = scene.shape;
  const { starts } = scene.fitting;
  const group = `learnit-${Math.random().toString(36).slice(2)}`;
  const shape = `aspect-ratio: ${width} / ${height}`;
  const papers = scene.controls[1].labels.map((label, i) => makePad(label, i, { group, width, height, shape }, on));

  const word = make("input", {
    type: "text", class: "word", autocomplete: "off", spellcheck: false, ...KEEPS_KEYS, oninput: () => on.typed(word.value),
  });
  const file = make("input", {
    type: "file", accept: "image/*", hidden: true, "aria-label": "A picture to fit",
    onchange: () => {
      if (file.files[0]) on.uploaded(file.files[0]);
      file.value = ""; // the same file may be chosen again
    },
  });
  const camera = make("div", { class: "camera", hidden: true });
  const tools = make("div", { class: "row tools" },
    make("label", {}, make("span", { class: "name" }, "Word "), word), file,
    makeButton("Upload a picture", () => file.click()), makeButton("Camera", on.camera),
    makeButton("Invert", on.invert), makeButton("Clear", on.clear));

  const canvases = [0, 1].map(() => make("canvas", { width, height, role: "img", style: shape }));
  const captions = canvases.map(() => make("figcaption"));
  const rateRows = [0, 1].map((pane) => makeRate(pane, on));
  const panes = canvases.map((canvas, i) => make("div", {}, make("figure", {}, canvas, captions[i]), rateRows[i].element));
  const choice = make("select", { ...KEEPS_KEYS, onchange: () => on.compared(Number(choice.value)) },
    ...starts.slice(1).map(({ name }, i) => make("option", { value: `${i + 1}` }, name)));

  const controls = scene.controls.map((control, i) => makeControl(control, (numbers) => on.moved(i, numbers), on.released));
  const player = new Player(scene.controls, on);
  const readouts = scene.controls.map(() => make("span"));
  const rows = scene.controls.map((control, i) => makeRow(control.name, readouts[i], longestWords(control), [player.buttons[i]], controls[i].element));
  const curve = makeCurve(scene.fitting.steps);

  const note = make("p", { class: "note", role: "status" });
  const alert = make("p", { class: "alert", role: "alert" });
  const compare = make("label", { class: "row" }, make("span", { class: "name" }, "Compared with "), choice);
  const root = make("div", {
    class: "learnit-explorer fitting", role: "group", "aria-label": scene.title, style: `--side: ${scene.side}px; --panes: 2`,
  },
  make("p", { class: "hint" }, `Draw below, type a word, or bring a picture: ${width} × ${height} pixels of it are fitted. ${live
    ? "A photograph stays in this page; these few pixels of it go to the notebook's kernel."
    : "Nothing leaves this page."}`),
  make("div", { class: "panes" }, ...papers.map(({ element }) => element)), tools, camera,
  make("div", { class: "panes" }, ...panes), ...(starts.length > 2 ? [compare] : []),
  ...rows, curve.element, make("div", { class: "row" }, makeButton("Tuned rates", on.tuned), makeButton("Reset", on.reset)),
  make("div", { class: "said" }, note, alert));
  return { root, pads: papers, word, cameraPlace: camera, canvases, captions, choice, controls, player, readouts, rateRows, curve, note, alert };
}

function makeRow(name, readout, room, buttons, element) {
  return make("div", { class: "control" },
    make("div", { class: "row" }, make("span", { class: "name" }, name), make("span", { class: "readout", "data-room": room }, readout), ...buttons),
    element);
}

/** The rate of one pane's fit. */
function makeRate(pane, on) {
  const [low, high, step] = RATES.map(String);
  const readout = make("span", { class: "said-rate" });
  const input = make("input", {
    type: "range", min: low, max: high, step, class: "range rate", ...KEEPS_KEYS, oninput: () => on.rated(pane, 10 ** Number(input.value)),
  });
  return {
    element: make("div", { class: "pane-rate" }, readout, input), input,
    show: (start, rate) => {
      const words = `${OPTIMISERS[start.optimizer]} ${Number(rate.toPrecision(2))}${rate === start.rate ? ", as tuned" : ""}`;
      readout.textContent = words;
      input.value = Math.log10(rate);
      input.setAttribute("aria-label", `Rate from ${start.name}`);
      input.setAttribute("aria-valuetext", words);
    },
  };
}

/** Paper for one picture: it shows the pixels that are fitted, and is drawn on. */
function makePad(label, index, { group, width, height, shape }, on) {
  const canvas = make("canvas", { width, height, class: "paper", role: "img", "aria-label": `${label}, to draw on`, style: shape });
  const radio = make("input", { type: "radio", name: group, ...KEEPS_KEYS, onchange: () => on.chosen(index) });
  followed(canvas, within(canvas), {
    begun: (place) => on.drawn(index, place, place),
    passed: (path) => path.slice(1).forEach((to, i) => on.drawn(index, path[i], to)),
    lifted: () => on.lifted(index),
  });
  return { canvas, radio, element: make("figure", {}, canvas, make("figcaption", {}, make("label", {}, radio, ` ${label}`))) };
}
