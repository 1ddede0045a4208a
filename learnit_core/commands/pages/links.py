"""Links in Markdown, as they hold where the text is shown: none leads nowhere."""

import os
import re
from collections.abc import Callable
from pathlib import PurePosixPath

from learnit_core.commands.repository import ROOT, published

PIECE = re.compile(
    r"^(?P<mark>```+|~~~+)(?:(?P<prose>\{(?:glossary|note)\}.*?)|.*?)^(?P=mark)$"
    r"|(?P<badge>\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)\n?)"
    r"|(?<!\!)\[(?P<label>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)"
    r"|(?P<tick>`+)(?!`).*?(?<!`)(?P=tick)(?!`)",
    re.DOTALL | re.MULTILINE,
)
"""Of Markdown what matters here: links, of which a badge is a picture that is one, and code, which has none,
save MyST's directives that hold prose."""

Place = Callable[[str], str | None]
"""``place(path)``: where a file of the repository is to be read, as seen from the text; None where it is not."""


def relinked(markdown: str, here: str, place: Place) -> str:
    """``markdown`` of the file ``here`` (its path in the repository) with links that hold, and without badges.

    A link to a file goes where ``place`` says, else to the project's public address, else only its label stays.
    Addresses below the project's own stay only where it has one. A file that is not there is left for whoever checks
    links.
    """
    address = published()

    def piece(match: re.Match) -> str:
        label, target = match["label"], match["target"]
        if match["prose"]:
            return match["mark"] + PIECE.sub(piece, match["prose"]) + match["mark"]
        if target is None:
            return "" if match["badge"] else match[0]
        if target.startswith(("#", "mailto:")):
            return match[0]
        if re.match(r"[a-z]+://", target):
            return match[0] if address or "/OWNER/" not in target else label
        file, _, anchor = target.partition("#")
        path = PurePosixPath(os.path.normpath(PurePosixPath(here).parent / file)).as_posix()
        anchor = anchor and "#" + anchor
        if shown := place(path):
            return f"[{label}]({shown}{anchor})"
        if not (ROOT / path).exists():
            return match[0]
        return f"[{label}]({address}/blob/main/{path}{anchor})" if address else label

    return PIECE.sub(piece, markdown)
