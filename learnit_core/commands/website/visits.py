"""Pages in a browser without a network: what they complain of, what they would fetch, and who cannot read them."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

READY = """
(place) => {
  const shown = place.querySelector(".learnit-explorer")?.dataset;
  return shown?.state === "failed" || (shown?.state === "ready" && shown.quality === "full");
}
"""
"""Whether an explorer shows what it has to show. It begins when it is seen."""
FAILED = "(all) => all.map((one) => one.querySelector('.alert')?.textContent)"
SERIOUS = ("serious", "critical")


def browser_here() -> str | None:
    """Path of a Chromium; None where there is none. LEARNIT_CHROMIUM may name one."""
    names = (os.environ.get("LEARNIT_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((path for path in (shutil.which(name) for name in names if name) if path), None)


@contextmanager
def visitor(executable: str, **options) -> Iterator:
    """``visit(file)``: the page of a file, opened from a disk without a network, and a list of its complaints."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=executable)
        context = browser.new_context(**options)
        context.set_offline(True)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: message.type == "error" and said.append(f"the console says: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"a script fails: {error}"))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(local) or said.append(f"it fetches {request.url}"))
        page.on("requestfailed", lambda request: said.append(f"it cannot read {request.url[:200]}"))

        def visit(file: Path):
            said.clear()
            page.goto(file.resolve().as_uri())
            for place in page.locator("[data-explorer]").all():
                place.scroll_into_view_if_needed()
                page.wait_for_function(READY, arg=place.element_handle(), timeout=120_000)
            page.evaluate("() => scrollTo(0, 0)")
            failed = page.locator(".learnit-explorer[data-state=failed]").evaluate_all(FAILED)
            said.extend(f"an explorer says: {words}" for words in failed)
            return page, said

        yield visit
        browser.close()


def unreadable(page) -> list[str]:
    """What axe finds serious on a page; nothing where axe is not installed."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        return []
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS]
    return [f"axe: {one['help']} ({len(one['nodes'])} times, first {one['nodes'][0]['html'][:120]})" for one in found]


def complaints(files: Iterable[Path], executable: str, folder: Path, **options) -> list[str]:
    """A sentence for each thing that a page in ``folder`` says on the console, fetches, or has in no one's reach."""
    found = []
    with visitor(executable, **options) as visit:
        for file in files:
            page, said = visit(file)
            name = file.resolve().relative_to(folder.resolve()).as_posix()
            found += [f"{name}: {words}" for words in dict.fromkeys([*said, *unreadable(page)])]
    return found
