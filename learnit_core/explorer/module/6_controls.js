// Controls: what a hand, a finger or a keyboard moves. Each is `{ element, show(numbers, words) }`, where the
// words say what is drawn, and calls `moved(numbers)`
// while it is dragged and `released()` at the end.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, properties (`on…` handlers, `textContent`) and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// JupyterLab takes the arrow keys, Enter and more of whatever has no such mark.
const KEEPS_KEYS = { "data-lm-suppress-shortcuts": "true" };

const makeButton = (text, onclick, attributes = {}) => make("button", { type: "button", onclick, ...KEEPS_KEYS, ...attributes }, text);

function makeControl(control, moved, released) {
  return NUMBERS[control.kind] === 1 ? slider(control, moved, released) : pad(control, moved, released);
}

function slider(control, moved, released) {
  const [low, high, step] = range(control).map(String);
  const input = make("input", {
    type: "range", min: low, max: high, step, class: "range", "aria-label": control.name, ...KEEPS_KEYS,
    // Not `onchange`: each press of a held key would ask for a fine picture, and the next press would stop it.
    oninput: () => moved([Number(input.value)]), onpointerup: released,
  });
  const ends = control.kind === "camera"
    ? [`${+control.low.toFixed(2)}${control.unit}`, `${+control.high.toFixed(2)}${control.unit}`]
    : [control.labels[0], control.labels.at(-1)];
  const element = make("div", { class: "slider" }, make("span", { class: "end" }, ends[0]), input, make("span", { class: "end" }, ends[1]));
  return {
    element,
    show: (numbers, words) => {
      input.value = numbers[0];
      input.setAttribute("aria-valuetext", words);
    },
  };
}

// A pad's x goes to the right and y down, both in [0, 1].
const PADS = {
  square: { outline: "0,0 100,0 100,100 0,100", toPad: ([a, b]) => [a, b], fromPad: ([x, y]) => [x, y] },
  triangle: {
    outline: "0,100 100,100 50,0",
    toPad: ([a, b]) => [a + b / 2, 1 - b],
    fromPad: ([x, y]) => [x - (1 - y) / 2, 1 - y],
  },
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A polygon as SVG. Made by hand, since hosts with Trusted Types refuse markup in strings. */
function drawing(outline) {
  const [svg, polygon] = ["svg", "polygon"].map((tag) => document.createElementNS(SVG, tag));
  svg.setAttribute("viewBox", "-2 -2 104 104");
  svg.setAttribute("aria-hidden", "true");
  polygon.setAttribute("points", outline);
  svg.append(polygon);
  return svg;
}

/** Where an event is within an element: x to the right and y down, both from 0 to 1. */
const within = (element) => (event) => {
  const box = element.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};

/**
 * Lets one hand draw or drag on an element: `begun(place)`, `passed(path)` with where it was last and has been since, and
 * `lifted()`; places are what `placeOf` makes of an event. Until it is lifted, a second finger or a palm does nothing.
 */
function followed(element, placeOf, { begun, passed, lifted }) {
  let [pointer, last] = [null, null];
  element.onpointerdown = (event) => {
    if (event.button !== 0 || (pointer !== null && element.hasPointerCapture(pointer))) return;
    event.preventDefault(); // no text is selected, and the page does not scroll
    element.setPointerCapture(event.pointerId);
    [pointer, last] = [event.pointerId, placeOf(event)];
    begun(last);
  };
  element.onpointermove = (event) => {
    if (event.pointerId !== pointer) return;
    const passing = event.getCoalescedEvents?.() ?? []; // where a quick hand was since the last event
    const path = [last, ...(passing.length ? passing : [event]).map(placeOf)];
    last = path.at(-1);
    passed(path);
  };
  element.onlostpointercapture = (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    lifted();
  };
}

function pad(control, moved, released) {
  const { outline, toPad, fromPad } = PADS[control.kind];
  const handle = make("div", {
    class: "handle", role: "slider", tabindex: "0", "aria-label": `${control.name}, arrow keys move in two directions`,
    "aria-roledescription": "two-dimensional slider", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "0", ...KEEPS_KEYS,
  });
  const area = make("div", { class: "area" }, handle);
  area.prepend(drawing(outline));
  const labels = control.labels.map((label, i) => make("span", { class: `corner ${control.kind}-${i}` }, label));
  const element = make("div", { class: `pad ${control.kind}` }, area, ...labels);
  let numbers = [0, 0];

  const move = (point) => {
    numbers = allowed(control, fromPad(point));
    moved(numbers);
  };
  followed(area, within(area), {
    begun: (place) => {
      handle.focus({ preventScroll: true });
      move(place);
    },
    passed: (path) => move(path.at(-1)),
    lifted: released,
  });
  handle.onkeydown = (event) => {
    const size = event.shiftKey ? 0.1 : 0.02;
    const at = toPad(numbers);
    if (event.key in ARROWS) move(ARROWS[event.key].map((direction, i) => at[i] + size * direction));
    else if (event.key === "Home") move(toPad([0, 0]));
    else return;
    event.preventDefault();
  };
  handle.onkeyup = (event) => (event.key in ARROWS || event.key === "Home") && released();

  return {
    element,
    show: (shown, words) => {
      numbers = shown;
      const [x, y] = toPad(shown);
      handle.style.left = `${100 * x}%`;
      handle.style.top = `${100 * y}%`;
      handle.setAttribute("aria-valuenow", `${Math.round(100 * x)}`);
      handle.setAttribute("aria-valuetext", words);
    },
  };
}
