// Code that folds, colours that can be chosen, and boxes that scroll within reach of the keyboard.
(() => {
  const kept = { get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* private, or from a file */ } } };
  const root = document.documentElement;
  const button = (place, said, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.addEventListener("click", () => { act(); made.textContent = said(); });
    made.textContent = said();
    place.append(made);
  };
  for (const input of document.querySelectorAll(".cell_input")) {
    if (input.closest("details")) continue; // only on the site, where cells are open as they come
    const fold = document.createElement("details");
    fold.className = "code";
    fold.innerHTML = "<summary>Code</summary>";
    fold.open = !root.hasAttribute("data-folded");
    input.before(fold);
    fold.append(input);
  }
  const folds = [...document.querySelectorAll("details.code")];
  const title = document.querySelector("main h1, article h1");
  if (folds.length && title) {
    const place = document.createElement("div");
    place.className = "fold";
    title.after(place);
    const some = () => folds.some((fold) => fold.open);
    button(place, () => (some() ? "Fold all code" : "Unfold all code"), () => {
      const open = !some();
      for (const fold of folds) fold.open = open;
    });
    if (!document.body.hasAttribute("data-theme")) { // the site's theme has a button of its own
      const themes = ["auto", "light", "dark"];
      const theme = () => (themes.includes(kept.get("theme")) ? kept.get("theme") : "auto");
      root.dataset.theme = theme();
      button(place, () => `Colours: ${theme()}`, () => {
        kept.set("theme", themes[(themes.indexOf(theme()) + 1) % 3]);
        root.dataset.theme = theme();
      });
    }
  }
  const reach = () => {
    for (const box of document.querySelectorAll("pre, table, .table-wrapper, .cell_output, math[display=block]")) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else if (box.tabIndex === 0) box.removeAttribute("tabindex");
    }
  };
  reach();
  addEventListener("resize", reach);
})();
