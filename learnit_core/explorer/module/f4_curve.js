// PSNR along the steps of fits, as a drawing.

const CURVE = { width: 380, height: 170, left: 28, right: 8, top: 22, bottom: 40 };

/** An element of a drawing. */
function svgElement(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** `{ element, show(lines, step) }`, where a line is `{ name, dbs }` from step 0 on, as far as it is known. */
function makeCurve(steps) {
  const { width, height, left, right, top, bottom } = CURVE;
  const element = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, class: "curve", role: "img" });
  const x = (step) => left + (step / steps) * (width - left - right);
  return {
    element,
    show: (lines, step) => {
      const known = lines.flatMap(({ dbs }) => dbs).filter(Number.isFinite);
      const most = Math.max(20, Math.ceil(Math.max(...known, 0) / 10) * 10);
      const y = (db) => height - bottom - (Math.min(Math.max(db, 0), most) / most) * (height - top - bottom);
      const ticks = [0, most / 2, most].map((db) => [
        svgElement("line", { x1: left, x2: width - right, y1: y(db), y2: y(db), class: "grid" }),
        svgElement("text", { x: left - 5, y: y(db) + 4, "text-anchor": "end" }, `${db}`),
      ]);
      const numbers = [0, Math.round(steps / 2), steps].map((n) => svgElement("text", { x: x(n), y: height - bottom + 14, "text-anchor": n === steps ? "end" : "middle" }, `${n}`));
      const paths = lines.map(({ dbs }, i) => svgElement("polyline", {
        points: dbs.map((db, n) => [n, db]).filter(([, db]) => Number.isFinite(db)).map(([n, db]) => `${x(n)},${y(db)}`).join(" "),
        class: `line-${i}`,
      }));
      const legend = lines.flatMap(({ name }, i) => {
        const at = left + i * 128;
        return [
          svgElement("polyline", { points: `${at},${height - 8} ${at + 22},${height - 8}`, class: `line-${i}` }),
          svgElement("text", { x: at + 28, y: height - 4 }, name),
        ];
      });
      element.replaceChildren(
        ...ticks.flat(), ...numbers, svgElement("text", { x: left - 22, y: top - 8 }, "PSNR [dB]"),
        svgElement("text", { x: width - right, y: height - 4, "text-anchor": "end" }, "steps"),
        svgElement("line", { x1: x(step), x2: x(step), y1: top, y2: height - bottom, class: "here" }), ...paths, ...legend,
      );
      element.setAttribute("aria-label", `PSNR after each step. ${lines.map(({ name, dbs }) => `${name}: ${dbs.length ? dbs.map(inDb).join(", ") : "not known yet"}`).join(". ")}.`);
    },
  };
}

const inDb = (db) => (Number.isFinite(db) ? `${db.toFixed(1)} dB` : db > 0 ? "exact" : "diverged");
