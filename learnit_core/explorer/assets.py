"""The widget's code and style as text: the files of ``module/`` as they stand, no build step."""

import functools
from importlib import resources

_FOLDER = resources.files("learnit_core.explorer") / "module"


@functools.cache
def module() -> str:
    """One ES module, ``export default { render }``: the files one after the other."""
    names = sorted(file.name for file in _FOLDER.iterdir() if file.name.endswith(".js"))
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)


@functools.cache
def style() -> str:
    """The style sheet."""
    return (_FOLDER / "style.css").read_text(encoding="utf-8")
