// What hosts call: the widget that a model is of, in an element.

function render({ model, el }) {
  try {
    const Kind = { fitting: Fitting, meta: Learning }[model.get("scene").engine] ?? Explorer;
    const widget = new Kind(model, el);
    return () => widget.close();
  } catch (error) {
    sayInstead(el, error);
  }
}

export default { render };
