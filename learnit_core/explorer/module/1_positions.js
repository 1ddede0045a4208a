// Positions. A control has one number (line, steps, camera) or two (triangle, square); the numbers of all controls,
// one after the other, are the widget's position. What is said here is said in Python by `controls.py`.

const NUMBERS = { line: 1, triangle: 2, square: 2, steps: 1, camera: 1 };

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

/** The range [low, high, step] of a number of this control. */
function range(control) {
  if (control.kind === "steps") return [0, control.labels.length - 1, 1];
  if (control.kind === "camera") return [control.low, control.high, control.step];
  return [0, 1, 0.01];
}

/** The nearest position that the control has: inside its range, on a whole step, inside the triangle. */
function allowed(control, numbers) {
  const [low, high] = range(control);
  if (control.kind === "steps") return [clamp(Math.round(numbers[0]), low, high)];
  if (control.kind !== "triangle") return numbers.map((x) => clamp(x, low, high));
  const [a, b] = numbers;
  const outside = a + b > 1 ? (a + b - 1) / 2 : 0; // back to the edge between the second and the third corner
  const first = clamp(a - outside, 0, 1);
  return [first, clamp(b - outside, 0, 1 - first)];
}

/** How much of each corner's weights the position stands for; they sum to one. Null for a camera. */
function coefficients(control, [a, b]) {
  switch (control.kind) {
    case "line":
      return [1 - a, a];
    case "triangle":
      return [1 - a - b, a, b];
    case "square":
      return [(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b];
    case "steps":
      return control.labels.map((_, i) => (i === Math.round(a) ? 1 : 0));
  }
  return null;
}

/** A position as one list of numbers a control. */
function split(controls, position) {
  let start = 0;
  return controls.map((control) => position.slice(start, (start += NUMBERS[control.kind])));
}

/** The position in words, for the line below a control and for screen readers. */
function inWords(control, numbers) {
  if (control.kind === "steps") return control.labels[Math.round(numbers[0])];
  if (control.kind === "camera") return `${+numbers[0].toFixed(2)}${control.unit}`;
  const parts = coefficients(control, numbers).map((c, i) => [Math.round(100 * c), control.labels[i]]);
  return parts.filter(([percent]) => percent > 0).map(([percent, label]) => `${percent} % ${label}`).join(", ");
}

/** Words that take as much room as any that `inWords` says of this control. */
function longestWords(control) {
  if (control.kind === "camera") return `${control.low.toFixed(2)}${control.unit} ${control.high.toFixed(2)}`;
  if (control.kind === "steps") return control.labels.reduce((a, b) => (b.length > a.length ? b : a));
  return control.labels.map((label) => `100 % ${label}`).join(", ");
}

/** Which picture of a grid of `counts` is nearest to the position; a triangle's pictures stand in one row. */
function nearestFrame(controls, counts, position) {
  let index = 0;
  let axis = 0;
  split(controls, position).forEach((control_position, i) => {
    for (const along of gridIndices(controls[i], counts.slice(axis), control_position)) {
      index = index * counts[axis++] + along;
    }
  });
  return index;
}

function gridIndices(control, counts, [a, b]) {
  if (control.kind === "steps") return [Math.round(a)];
  if (control.kind === "square") return [Math.round(b * (counts[0] - 1)), Math.round(a * (counts[1] - 1))];
  if (control.kind === "line") return [Math.round(a * (counts[0] - 1))];
  if (control.kind === "camera") {
    const turn = (a - control.low) / (control.high - control.low);
    return [control.wraps ? Math.round(turn * counts[0]) % counts[0] : Math.round(turn * (counts[0] - 1))];
  }
  const n = Math.round((Math.sqrt(8 * counts[0] + 1) - 3) / 2); // (n + 1)(n + 2) / 2 pictures
  let [i, j] = [Math.round(a * n), Math.round(b * n)];
  if (i + j > n) {
    if (i - a * n > j - b * n) i -= 1;
    else j -= 1;
  }
  return [i * (n + 1) - (i * (i - 1)) / 2 + j];
}

/** The place of the frame that is nearest to the position, as one list of numbers a control: what is drawn there. */
function drawnPlaces(controls, counts, position) {
  let axis = 0;
  return split(controls, position).map((numbers, i) => {
    const own = counts.slice(axis);
    axis += controls[i].kind === "square" ? 2 : 1;
    return gridPlace(controls[i], own, gridIndices(controls[i], own, numbers));
  });
}

/** Where the picture with these indices along the axes of a grid was taken; undoes `gridIndices`. */
function gridPlace(control, counts, [first, second]) {
  if (control.kind === "steps") return [first];
  if (control.kind === "square") return [second / (counts[1] - 1), first / (counts[0] - 1)];
  if (control.kind === "line") return [first / (counts[0] - 1)];
  if (control.kind === "camera") {
    return [control.low + ((control.high - control.low) * first) / (control.wraps ? counts[0] : counts[0] - 1)];
  }
  const n = Math.round((Math.sqrt(8 * counts[0] + 1) - 3) / 2);
  let [i, j] = [0, first];
  for (; j > n - i; i++) j -= n - i + 1; // the rows of the triangle get shorter by one
  return [i / n, j / n];
}

/** Where playing is at `phase` in [0, 1): there and back on a line, round the corners, through the steps. */
function playing(control, phase) {
  const there_and_back = 1 - Math.abs(2 * phase - 1);
  if (control.kind === "line") return [there_and_back];
  if (control.kind === "steps") return [Math.min(control.labels.length - 1, Math.floor(phase * control.labels.length + 1e-6))];
  if (control.kind === "camera") {
    return [control.low + (control.wraps ? phase : there_and_back) * (control.high - control.low)];
  }
  const corners = control.kind === "square" ? [[0, 0], [1, 0], [1, 1], [0, 1]] : [[0, 0], [1, 0], [0, 1]];
  const at = phase * corners.length;
  const from = corners[Math.floor(at) % corners.length];
  const to = corners[(Math.floor(at) + 1) % corners.length];
  return from.map((x, i) => x + (at - Math.floor(at)) * (to[i] - x));
}

/** The phase at which playing comes nearest to where the control stands. */
function phaseOf(control, numbers) {
  const [low, high] = range(control);
  const away = (phase) => Math.hypot(...playing(control, phase).map((x, i) => (x - numbers[i]) / (high - low || 1)));
  let nearest = 0;
  for (let i = 1; i < 1000; i++) if (away(i / 1000) < away(nearest) - 1e-9) nearest = i / 1000;
  return nearest;
}
