// What the widget that meta-trains is made of.

const ALGORITHMS = { maml: "MAML", fomaml: "FOMAML (first order)", reptile: "Reptile" };

/** The parts, `root` with all others in it. What hands do to them goes to the functions of `on`. */
function makeLearningParts(scene, live, on) {
  const { classes, rates, most, signals, points, batch } = { ...scene.meta, ...scene.meta.settings };
  const choice = (name, options, chosen) => {
    const select = make("select", { ...KEEPS_KEYS, onchange: () => chosen(select.value) }, ...options.map(([value, words]) => make("option", { value }, words)));
    return { select, element: make("label", {}, make("span", { class: "name" }, `${name} `), select) };
  };
  const kind = choice("Curves ", [...classes.map(({ name }) => [name, name]), [OWN, OWN]], (value) => on.chosen({ class: value }));
  const algorithm = choice("Algorithm ", Object.entries(ALGORITHMS), (value) => on.chosen({ algorithm: value }));

  const paper = makePlot("Paper: each stroke is a curve to learn from");
  const heights = make("input", {
    type: "text", class: "word", autocomplete: "off", placeholder: "0.2 0.9 0.4", ...KEEPS_KEYS,
    onkeydown: (event) => { // which must not return false: that would keep the key from the input
      if (event.key === "Enter") on.typed(heights.value);
    },
  });
  const own = make("div", { class: "own", hidden: true },
    make("p", { class: "hint" }, "Draw some curves that have something in common: each stroke is one. Or type heights from 0 to 1."), paper.element,
    make("div", { class: "row tools" }, make("label", {}, make("span", { class: "name" }, "Heights "), heights), makeButton("Add", () => on.typed(heights.value)),
      makeButton("Forget the last", () => on.forgotten(1)), makeButton("Forget all", () => on.forgotten(Infinity))));

  const plots = scene.titles.map((title) => makePlot(title));
  const captions = plots.map(() => make("figcaption"));
  const panes = plots.map(({ element }, i) => make("figure", {}, element, captions[i]));
  const steps = makeControl(scene.controls[0], (numbers) => on.moved(numbers), () => {});
  const player = new Player(scene.controls, on);
  const said = make("span");
  const stepsRow = makeRow(scene.controls[0].name, said, longestWords(scene.controls[0]), [player.buttons[0]], steps.element);

  const buttons = Object.fromEntries([["train", "Train"], ["one", "One outer step"], ["back", "Back to the last good weights"], ["again", "Start again"]].map(([name, words]) => [name, makeButton(words, on[name])]));
  const losses = makeLossCurve();
  const counts = [...new Set([...Array.from({ length: Math.ceil(Math.log2(signals)) }, (_, i) => 2 ** i), signals, scene.meta.settings.num_signals])].toSorted((a, b) => a - b);
  const power = (value) => 10 ** Number(value);
  const sliders = {
    inner_steps: makeNumber("Inner steps", [1, most, 1], Number, (x) => x, (x) => `${x}`, (value) => on.set({ inner_steps: value })),
    inner_rate: makeNumber("Inner rate", [...rates.inner_rate.map(Math.log10), 0.05], power, Math.log10, inDigits, (value) => on.set({ inner_rate: value })),
    outer_rate: makeNumber("Outer rate", [...rates.outer_rate.map(Math.log10), 0.05], power, Math.log10, (x) => `Adam ${inDigits(x)}`, (value) => on.set({ outer_rate: value })),
    num_signals: makeNumber("Training signals", [0, counts.length - 1, 1], (i) => counts[i], (x) => counts.indexOf(x), (x) => `${x}`, (value) => on.set({ num_signals: value })),
  };
  const note = make("p", { class: "note", role: "status" });
  const alert = make("p", { class: "alert", role: "alert" });
  const root = make("div", {
    class: "learnit-explorer learning", role: "group", "aria-label": scene.title, style: `--side: ${scene.side}px; --panes: 2`,
  },
  make("p", { class: "hint" }, `A small network is fitted to a new curve (light) in a few gradient steps: from the start on the left, which is learned here as you watch, from ${batch} curves an outer step, and from random weights. Draw on a plot to fit something else.${live ? "" : " Nothing leaves this page."}`),
  make("div", { class: "row tools" }, kind.element, algorithm.element, makeButton("Another new curve", on.another)), own,
  make("div", { class: "panes" }, ...panes), stepsRow,
  make("div", { class: "row tools" }, ...Object.values(buttons)), losses.element,
  make("div", { class: "said" }, note, alert),
  make("div", { class: "numbers" }, ...Object.values(sliders).map(({ element }) => element)),
  make("div", { class: "row" }, makeButton("Reset", on.reset)));
  return { root, kind: kind.select, algorithm: algorithm.select, own, paper, heights, plots, captions, steps, player, said, buttons, losses, sliders, note, alert, points };
}

const inDigits = (x) => `${Number(x.toPrecision(2))}`;

/** A slider for a number that is not a place: what the input says is `read`, and a number is `put` there. */
function makeNumber(name, [low, high, step], read, put, words, changed) {
  const readout = make("span");
  const input = make("input", {
    type: "range", min: `${low}`, max: `${high}`, step: `${step}`, class: "range", "aria-label": name, ...KEEPS_KEYS, oninput: () => changed(read(input.value)),
  });
  return {
    element: make("div", { class: "control" }, make("div", { class: "row" }, make("span", { class: "name" }, name), readout), input), input,
    show: (value, most) => {
      input.value = put(value);
      const said = value > most ? `${words(most)}, all there are` : words(value);
      readout.textContent = said;
      input.setAttribute("aria-valuetext", said);
    },
  };
}
