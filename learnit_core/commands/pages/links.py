"""Links in Markdown, as they hold where the text is shown: none leads nowhere."""

import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from learnit_core.commands.repository import ROOT, published

LINK = re.compile(r"(?<!\!)\[(?P<label>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)")
BADGE = re.compile(r"\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)\n?")
CODE = re.compile(r"^(```+|~~~+).*?^\1|(`+)(?!`).*?(?<!`)\2(?!`)", re.DOTALL | re.MULTILINE)

Place = Callable[[str], str | None]
"""``place(path)``: where a file of the repository is to be read, as seen from the text; None where it is not."""


def relinked(markdown: str, here: str, place: Place) -> str:
    """``markdown`` of the file ``here`` (its path in the repository) with links that hold, and without badges.

    A link to a file goes where ``place`` says, else to the project's public address, else only its label stays. Addresses
    below the project's own stay only where it has one. A file that is not there is left for whoever checks links.
    """
    address = published()

    def link(match: re.Match) -> str:
        label, target = match["label"], match["target"]
        if match.string[match.start() - 1 : match.start()] == "!" or target.startswith(("#", "mailto:")):
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

    parts, last = [], 0
    for code in CODE.finditer(markdown):
        parts += [_apart(markdown[last : code.start()], link), code[0]]
        last = code.end()
    return "".join([*parts, _apart(markdown[last:], link)])


def _apart(text: str, link: Callable[[re.Match], str]) -> str:
    return LINK.sub(link, BADGE.sub("", text))


def relative(target: Path, page: Path) -> str:
    """The way from a page to a file."""
    return Path(os.path.relpath(target, page.parent)).as_posix()
