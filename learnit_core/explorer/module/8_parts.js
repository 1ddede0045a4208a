// What a widget is made of: panes, controls with their readouts and Play buttons, what it says.

/** The parts of an explorer, `root` with all others in it. What hands do to them goes to the functions of `on`. */
function makeParts(scene, live, on) {
  const [height, width] = scene.shape;
  const canvases = scene.titles.map((title) => make("canvas", {
    width, height, role: "img", "aria-label": title, style: `aspect-ratio: ${width} / ${height}`,
  }));
  const panes = canvases.map((canvas, i) => make("figure", {}, canvas, make("figcaption", {}, scene.titles[i])));

  const controls = scene.controls.map((control, i) => makeControl(control, (numbers) => on.moved(i, numbers), on.released));
  const player = new Player(scene.controls, on);
  const readouts = scene.controls.map(() => make("span"));
  const rows = scene.controls.map((control, i) => make("div", { class: "control" },
    make("div", { class: "row" },
      make("span", { class: "name" }, control.name),
      make("span", { class: "readout", "data-room": longestWords(control) }, readouts[i]),
      player.buttons[i]),
    controls[i].element));

  const buttons = [makeButton("Reset", on.reset)];
  if (scene.weights) buttons.push(makeButton(live ? "Weights to Python" : "Copy coefficients", on.take));

  const note = make("p", { class: "note", role: "status" });
  const alert = make("p", { class: "alert", role: "alert" });
  const root = make("div", {
    class: "learnit-explorer", role: "group", "aria-label": scene.title,
    style: `--side: ${scene.side}px; --panes: ${scene.titles.length}`,
  }, make("div", { class: "panes" }, ...panes), ...rows, make("div", { class: "row" }, ...buttons), make("div", { class: "said" }, note, alert));
  return { root, canvases, controls, player, readouts, note, alert };
}

/** What an error says, without the full stop that it may or may not have. */
const sentence = (error) => error.message.replace(/\.$/, "");

/** What stands in the place of an explorer that cannot start. */
function sayInstead(element, error) {
  element.append(make("p", { class: "learnit-explorer alert", role: "alert" }, `The explorer cannot start. ${sentence(error)}.`));
}
