// What hosts call: the widget that a model is of, in an element.

function render({ model, el }) {
  try {
    const widget = model.get("scene").engine === "fitting" ? new Fitting(model, el) : new Explorer(model, el);
    return () => widget.close();
  } catch (error) {
    sayInstead(el, error);
  }
}

export default { render };
