"""The widget's code and style as text: the files of ``module/`` as they stand, no build step."""

import functools
import hashlib
from collections.abc import Mapping
from importlib import resources

_FOLDER = resources.files("learnit_core.explorer") / "module"


def files() -> dict[str, str]:
    """The module's files by name, in the order in which they are joined."""
    names = sorted(file.name for file in _FOLDER.iterdir() if file.name.endswith(".js"))
    return {name: (_FOLDER / name).read_text(encoding="utf-8") for name in names}


@functools.cache
def module() -> str:
    """One ES module, ``export default { render }``: the files one after the other, and their hash as ``VERSION``.

    A page may hold explorers of two versions; what they share (see ``4_webgl.js``) they share with their own kind only.
    """
    return joined(files())


def joined(files: Mapping[str, str]) -> str:
    """The module that these files make: a line with ``VERSION``, then the files, a line feed between them."""
    code = "\n".join(files.values())
    return f'const VERSION = "{hashlib.sha256(code.encode()).hexdigest()[:16]}";\n{code}'


@functools.cache
def style() -> str:
    """The style sheet."""
    return (_FOLDER / "style.css").read_text(encoding="utf-8")
