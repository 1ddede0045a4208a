"""A browser for the tests, and pages that may not complain and may not reach for the network."""

import os
import shutil

import pytest
from browsing import EXPLORERS, Widget

NO_WEBGL = "--disable-3d-apis"


@pytest.fixture(scope="session")
def executable():
    """Path of Chromium. Without one the tests are skipped, except where LEARNIT_REQUIRE_BROWSER=1 forbids it."""
    names = (os.environ.get("LEARNIT_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for path in (shutil.which(name) for name in names if name) if path), None)
    if found is None:
        reason = "no Chromium on PATH: install it (Debian: apt install chromium), or set LEARNIT_CHROMIUM to its path"
        (pytest.fail if os.environ.get("LEARNIT_REQUIRE_BROWSER") == "1" else pytest.skip)(reason)
    return found


@pytest.fixture(scope="module")  # not longer: Playwright keeps an event loop running, which other tests would meet
def playwright(executable):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def chromium(playwright, executable):
    browser = playwright.chromium.launch(executable_path=executable)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def chromium_without_webgl(playwright, executable):
    browser = playwright.chromium.launch(executable_path=executable, args=[NO_WEBGL])
    yield browser
    browser.close()


@pytest.fixture
def visit(chromium):
    """``visit(file, **context options)`` opens a file without any network and returns the page.

    At the end of the test there must have been no error on the console or in a script, and nothing fetched.
    """
    contexts, problems = [], []

    def visit(file, *, browser=chromium, script=None, viewport=(900, 760), **options):
        context = browser.new_context(viewport=dict(zip(("width", "height"), viewport, strict=True)), **options)
        contexts.append(context)
        context.set_offline(True)
        page = context.new_page()
        if script:
            page.add_init_script(script)
        page.on("console", lambda message: message.type == "error" and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(local) or problems.append(f"fetched {request.url}"))
        page.goto(file.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """``made(kind)``: an explorer and its page, made once."""
    folder, kept = tmp_path_factory.mktemp("pages"), {}

    def made(kind):
        if kind not in kept:
            shown = EXPLORERS[kind]()
            kept[kind] = shown, shown.to_html(folder / f"{kind}.html")
        return kept[kind]

    return made


@pytest.fixture
def opened(made, visit):
    """``opened(kind, …)``: an explorer and its widget, ready, on a page opened with these options."""

    def opened(kind, **options):
        shown, file = made(kind)
        return shown, Widget(visit(file, **options)).painted()

    return opened
