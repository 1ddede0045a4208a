"""Names that come from files (folders, sets, downloads, labels): made safe for a path, and fit to be shown.

Such a name can hold anything: a path, a line end, the sequences that move a terminal's cursor, bytes that are no text.
:func:`safe` is for names that become part of a path, :func:`shown` for those that people read, in Markdown
:func:`in_markdown`.
"""

import hashlib
import html
import re
import sys
import unicodedata

LONGEST = 80  # characters of a safe name: with a prefix and a suffix it stays below every file system's 255 bytes

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}  # on Windows


def safe(name: str) -> str:
    """``name`` as one part of a path: letters, digits, ``_``, ``-``, ``.`` and spaces only, never hidden, never empty.

    A name that is safe comes back as it is. Of any other the first characters are kept, and a short sum of the whole
    is appended, so that two different names never become one.
    """
    kept = re.sub(r"[^\w\-. ]", "-", unicodedata.normalize("NFC", shown(name))).strip(". ").lstrip("-")
    fits = len(kept) <= LONGEST + 9 and len(kept.encode()) <= 2 * LONGEST + 9  # with its sum
    if kept and kept == name and fits and kept.split(".")[0].lower() not in _RESERVED:
        return kept
    kept = kept[:LONGEST]
    kept = kept.encode()[: 2 * LONGEST].decode(errors="ignore").replace(".", "-").strip("- ")
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=4).hexdigest()
    return f"{kept}-{digest}" if kept else f"unnamed-{digest}"


def shown(name: object) -> str:
    """``name`` as text of one line: what cannot be printed (control and surrogate characters) is a replacement sign.

    Line ends and tabs are written as in Python (``\\n``). The result can be encoded, and moves no terminal's cursor.
    """
    written = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    # Cc: control (the escape that begins a terminal's sequences), Cf: direction and joining, Cs: surrogates, that is
    # bytes of a file name that are not UTF-8; Zl, Zp: line ends of Unicode.
    hidden = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return "".join(written.get(c) or ("\ufffd" if unicodedata.category(c) in hidden else c) for c in str(name))


def in_markdown(name: object) -> str:
    """:func:`shown` of a name as it stands in Markdown: neither markup nor a formula, and no end of a table's cell."""
    return re.sub(r"[\\`*_{}\[\]()#+!|$~]", lambda sign: f"&#{ord(sign[0])};", html.escape(shown(name)))


def lines(text: object) -> str:
    """:func:`shown` of a text of several lines, which stay lines."""
    return "\n".join(map(shown, str(text).split("\n")))


def print_anything() -> None:
    """From now on ``print`` writes a question mark for what the output cannot encode, and raises no error: piped output
    on Windows is in a code page."""
    if hasattr(sys.stdout, "reconfigure"):  # notebooks have streams of their own
        sys.stdout.reconfigure(errors="replace")


def is_plain(name: object) -> bool:
    """Whether ``name`` is text that names one file in a folder: no path, no ``..``, nothing that is not shown."""
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and not re.search(r"[/\\:]", name)
        and shown(name) == name
        and len(name.encode(errors="replace")) <= 255
    )
