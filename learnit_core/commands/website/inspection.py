"""What is wrong with pages: links that lead nowhere, pictures without words, anything from another address."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {
    "img": ("src", "srcset"),
    "script": ("src",),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "track": ("src",),
    "input": ("src", "formaction"),
    "button": ("formaction",),
    "form": ("action",),
    "image": ("href", "xlink:href"),
    "feimage": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
"""Attributes by which an element fetches something, or sends it."""
NO_WORDS = ("", "No description has been provided for this image")
"""Alternative texts that say nothing: the second is what nbconvert puts where there is none."""
FETCHING_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "manifest", "apple-touch-icon"}


@dataclass
class Page(HTMLParser):
    """What a page says of itself: places that can be linked to, links, files that it needs, faults of its own."""

    text: str
    places: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._styled = False
        # The bytes of pictures are not looked at, and most of a page is made of them.
        self.feed(re.sub(r"data:[\w/+.-]+;base64,[\w+/=]+", "data:-", self.text))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        self._styled = tag == "style"
        self._fetched_by_style(given.get("style", ""))
        if tag in ("a", "area") and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and FETCHING_RELATIONS & set(given.get("rel", "").lower().split()):
            self.needs.append(given.get("href", ""))
        for name in FETCHED.get(tag, ()):
            if name in given:
                self.needs += [part.split()[0] for part in given[name].split(", ") if part.strip()]
        hidden = given.get("aria-hidden") == "true" or given.get("role") in ("presentation", "none")
        if tag == "img" and not hidden and given.get("alt", "").strip() in NO_WORDS:
            self.faults.append(f"a picture without alternative text: {given.get('src', '')[:60]!r}")
        if tag == "iframe" and not (given.get("title") or given.get("aria-label")):
            self.faults.append("a frame without a title")
        if tag == "iframe" and given.get("srcdoc"):
            inner = Page(given["srcdoc"])
            for mine, its in zip(
                (self.links, self.needs, self.faults), (inner.links, inner.needs, inner.faults), strict=True
            ):
                mine.extend(its)
        if tag == "base":
            self.faults.append(f"a base that changes all addresses: {given.get('href', '')[:60]!r}")
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.faults.append(f"a page that goes elsewhere by itself: {given.get('content', '')[:60]!r}")

    def handle_endtag(self, tag: str) -> None:
        self._styled = False

    def handle_data(self, data: str) -> None:
        if self._styled:
            self._fetched_by_style(data)

    def _fetched_by_style(self, style: str) -> None:
        self.needs += fetched_by_style(style)


def fetched_by_style(style: str) -> list[str]:
    """Addresses in a style sheet."""
    found = re.findall(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", style, re.IGNORECASE)
    return [one or other for one, other in found]


def faults(folder: Path, *, pages: Iterable[Path] | None = None) -> list[str]:
    """A sentence for each fault of the pages in ``folder``, all of them unless ``pages`` are given."""
    folder = folder.resolve()
    read: dict[Path, Page] = {}

    def page(file: Path) -> Page:
        if file not in read:
            read[file] = Page(file.read_text(encoding="utf-8"))
        return read[file]

    found = []
    for file in sorted(folder.rglob("*.html") if pages is None else pages):
        file, name = file.resolve(), file.resolve().relative_to(folder).as_posix()
        one = page(file)
        said = [*one.faults]
        said += [fault for link in one.links if (fault := _leads_nowhere(link, file, folder, page))]
        said += [fault for need in one.needs if (fault := _is_not_here(need, file, folder))]
        found += [f"{name}: {fault}" for fault in dict.fromkeys(said)]
    for file in sorted(folder.rglob("*.css")):
        for need in fetched_by_style(file.read_text(encoding="utf-8")):
            if fault := _is_not_here(need, file, folder):
                found.append(f"{file.relative_to(folder).as_posix()}: {fault}")
    return found


def _leads_nowhere(link: str, file: Path, folder: Path, page) -> str | None:
    parts = urlsplit(link)
    if parts.scheme in ("http", "https", "mailto"):
        return f"a link to a project without an address: {link}" if "/OWNER/" in link else None
    if parts.scheme or parts.netloc:
        return f"a link that is none: {link[:80]!r}"
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file() or not target.is_relative_to(folder):
        return f"a link to a file that is not there: {link}"
    anchor = unquote(parts.fragment)
    if anchor and target.suffix == ".html" and anchor != "top" and anchor not in page(target).places:
        return f"a link to a place that is not there: {link}"
    return None


def _is_not_here(need: str, file: Path, folder: Path) -> str | None:
    parts = urlsplit(need)
    if parts.scheme in ("data", "blob") or (not parts.path and not parts.netloc):
        return None
    if parts.scheme or parts.netloc:
        return f"something from another address: {need[:120]}"
    target = (file.parent / unquote(parts.path)).resolve()
    return None if target.is_file() and target.is_relative_to(folder) else f"a file that is not there: {need[:120]}"
