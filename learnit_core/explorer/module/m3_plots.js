// Curves as drawings: a signal with what a network says of it, to be drawn on, and losses.

const PLOT = { width: 240, height: 150, inset: 6, low: -0.1, high: 1.1 };
const DECADES = [-6, 0]; // of losses, as powers of ten, at most
const MOST_POINTS = 240; // of a line

const pointsOf = (pairs) => pairs.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/** Where a value is drawn, in a plot's units. */
const heightOf = (value) => PLOT.inset + ((PLOT.high - clamp(value, PLOT.low, PLOT.high)) / (PLOT.high - PLOT.low)) * (PLOT.height - 2 * PLOT.inset);

const lineOf = (curve) => pointsOf([...curve].map((value, i) => [PLOT.inset + ((i + 0.5) / curve.length) * (PLOT.width - 2 * PLOT.inset), heightOf(value)]));

/** `{ element, show(lines) }`: lines `{ curve, kind }` over each other, values from 0 to 1. */
function makePlot(label) {
  const { width, height, inset } = PLOT;
  const element = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, class: "plot", role: "img", "aria-label": label });
  const frame = [0, 0.5, 1].map((value) => svgElement("line", { x1: inset, x2: width - inset, y1: heightOf(value), y2: heightOf(value), class: "grid" }));
  return {
    element,
    show: (lines) => element.replaceChildren(...frame, ...lines.map(({ curve, kind }) => svgElement("polyline", { points: curve.every(Number.isFinite) ? lineOf(curve) : "", class: kind }))),
  };
}

/**
 * Lets hands draw on a plot: `on.begun()`, then `on.passed(from, to)` with places `[x, value]`, both in [0, 1], and
 * `on.lifted()`.
 */
function drawnOn(element, on) {
  const place = (event) => {
    const [x, y] = within(element)(event);
    const value = PLOT.high - ((y * PLOT.height - PLOT.inset) / (PLOT.height - 2 * PLOT.inset)) * (PLOT.high - PLOT.low);
    return [clamp((x * PLOT.width - PLOT.inset) / (PLOT.width - 2 * PLOT.inset), 0, 1), clamp(value, 0, 1)];
  };
  const passed = (path) => path.slice(1).forEach((to, i) => on.passed(path[i], to));
  element.classList.add("drawable");
  followed(element, place, {
    begun: (first) => {
      on.begun();
      passed([first, first]);
    },
    passed, lifted: on.lifted,
  });
}

/** Puts a straight line between two places on a curve. */
function drawLine(curve, from, to) {
  const index = ([x]) => Math.min(curve.length - 1, Math.floor(x * curve.length));
  const [[a, first], [b, last]] = index(from) <= index(to) ? [[index(from), from[1]], [index(to), to[1]]] : [[index(to), to[1]], [index(from), from[1]]];
  for (let i = a; i <= b; i++) curve[i] = b > a ? first + ((i - a) / (b - a)) * (last - first) : to[1];
}

/** Fills what was not drawn (NaN) of a curve with its nearest drawn value. */
function completed(curve) {
  const known = [...curve.keys()].filter((i) => Number.isFinite(curve[i]));
  return curve.map((value, i) => (Number.isFinite(value) ? value : curve[known.reduce((a, b) => (Math.abs(b - i) < Math.abs(a - i) ? b : a))]));
}

/** A curve through heights at equal distances, from a text such as "0.2 0.9 0.4"; null if it is none. */
function curveOf(text, points) {
  const heights = text.trim().split(/[\s;]+/).map((word) => Number(word.replace(",", ".")));
  if (!text.trim() || !heights.every((value) => value >= 0 && value <= 1)) return null;
  return Float32Array.from({ length: points }, (_, i) => {
    const at = (i / (points - 1)) * (heights.length - 1);
    const left = Math.min(Math.floor(at), Math.max(heights.length - 2, 0));
    return heights[left] + (at - left) * ((heights[left + 1] ?? heights[left]) - heights[left]);
  });
}

/** Averages over the ten steps up to each, as far as there are so many. */
function smoothed(losses) {
  let sum = 0;
  return losses.map((loss, i) => {
    sum += loss - (i >= 10 ? losses[i - 10] : 0);
    return Math.max(sum / Math.min(i + 1, 10), 1e-12);
  });
}

/** `{ element, show({ losses, before, best, diverged }) }`: losses of outer steps, in powers of ten. */
function makeLossCurve() {
  const { width, height, left, right, top, bottom } = { width: 480, height: 190, left: 34, right: 8, top: 22, bottom: 38 };
  const element = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, class: "curve losses", role: "img" });
  const text = (x, y, words, anchor = "middle") => svgElement("text", { x, y, "text-anchor": anchor }, words);
  return {
    element,
    show: ({ losses, before, best, diverged }) => {
      const logs = (values) => values.map((loss) => (loss > 0 && Number.isFinite(loss) ? clamp(Math.log10(loss), ...DECADES) : NaN));
      const lines = [before ?? [], losses].map((values) => [logs(values), logs(smoothed(values))]);
      const known = lines.flat(2).filter(Number.isFinite);
      const low = Math.floor(Math.min(-2, ...known));
      const most = Math.max(50, losses.length, before?.length ?? 0);
      const x = (step) => left + (step / most) * (width - left - right);
      const y = (log) => top + (log / low) * (height - top - bottom);
      const polyline = (values, kind) => {
        const every = Math.max(1, Math.ceil(values.length / MOST_POINTS));
        const shown = [...values.entries()].filter(([i, log]) => Number.isFinite(log) && (i % every === 0 || i === values.length - 1));
        return svgElement("polyline", { points: pointsOf(shown.map(([i, log]) => [x(i + 1), y(log)])), class: kind });
      };
      const grid = Array.from({ length: 1 - low }, (_, i) => [
        svgElement("line", { x1: left, x2: width - right, y1: y(-i), y2: y(-i), class: "grid" }),
        text(left - 5, y(-i) + 4, i ? `10⁻${"⁰¹²³⁴⁵⁶⁷⁸⁹"[i]}` : "1", "end"),
      ]);
      const numbers = [0, Math.round(most / 2), most].map((n) => text(x(n), height - bottom + 15, `${n}`, n === most ? "end" : "middle"));
      const marks = [];
      if (best) marks.push(svgElement("circle", { cx: x(best.step + 1), cy: y(clamp(Math.log10(best.loss), ...DECADES)), r: 4, class: "best" }));
      if (diverged) marks.push(svgElement("path", { d: `M${x(losses.length) - 5},${top - 5}l10,10m0,-10l-10,10`, class: "lost" }));
      element.replaceChildren(
        ...grid.flat(), ...numbers, text(left - 30, top - 9, "error after the inner steps", "start"), text(width - right, height - 5, "outer steps", "end"),
        polyline(lines[0][1], "earlier"), polyline(lines[1][0], "each"), polyline(lines[1][1], "line-0"), ...marks,
        ...(before ? [svgElement("polyline", { points: `${left},${height - 9} ${left + 22},${height - 9}`, class: "earlier" }), text(left + 28, height - 5, "the training before", "start")] : []),
      );
      const now = losses.length ? `now ${Number(losses.at(-1).toPrecision(2))}` : "none so far";
      element.setAttribute("aria-label", `Errors after the inner steps, of ${losses.length} outer steps: ${now}${best ? `, best ${Number(best.loss.toPrecision(2))} at step ${best.step + 1}` : ""}${diverged ? "; diverged" : ""}.`);
    },
  };
}
