"""The widget's code and style as text: the files of ``module/`` as they stand, no build step."""

import functools
import hashlib
from importlib import resources

_FOLDER = resources.files("learnit_core.explorer") / "module"


@functools.cache
def module() -> str:
    """One ES module, ``export default { render }``: the files one after the other, and their hash as ``VERSION``.

    A page may hold explorers of two versions; what they share (see ``4_webgl.js``) they share with their own kind only.
    """
    names = sorted(file.name for file in _FOLDER.iterdir() if file.name.endswith(".js"))
    code = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)
    return f'const VERSION = "{hashlib.sha256(code.encode()).hexdigest()[:16]}";\n{code}'


@functools.cache
def style() -> str:
    """The style sheet."""
    return (_FOLDER / "style.css").read_text(encoding="utf-8")
