"""Pictures made beforehand: the page shows the one that Python says is nearest, and its labels are of that one."""

import numpy as np
import pytest
from browsing import ORBIT, Widget, small, small_frames

from learnit_core import explorer
from learnit_core.explorer import camera, fit_steps, line, square, triangle

pytestmark = pytest.mark.browser

GRIDS = {
    "line": ([line("a", "b")], [4]),
    "steps": ([fit_steps([0, 1, 2])], [3]),
    "triangle": ([triangle("a", "b", "c")], [15]),
    "square": ([square("a", "b", "c", "d")], [3, 5]),
    "wrapping camera": ([ORBIT], [7]),
    "square and camera": ([square("a", "b", "c", "d"), camera("Path", low=-1.0, high=2.0)], [4, 2, 3]),
    "triangle and orbit": ([triangle("a", "b", "c"), ORBIT], [6, 5]),
}

FRAME = """
async (explorer, position) => {
  const { pictures } = await explorer.engine.draw(position, true, () => false);
  return pictures.map((picture) => {
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    return Array.from(context.getImageData(0, 0, picture.width, picture.height).data);
  });
}
"""


def somewhere(controls, rng):
    """A random position that these controls can take."""
    position = []
    for control in controls:
        if control.kind == "steps":
            position.append(float(rng.integers(len(control.labels))))
        elif control.kind == "triangle":
            position += rng.dirichlet([1, 1, 1])[1:].tolist()
        else:
            position += rng.uniform(control.low, control.high, control.numbers).tolist()
    return position


@pytest.mark.parametrize("grid", GRIDS)
def test_the_nearest_frame_is_shown(visit, tmp_path, grid):
    controls, counts = GRIDS[grid]
    shown = small_frames(controls, counts)
    widget = Widget(visit(shown.to_html(tmp_path / "frames.html"))).painted()
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(30):
        position = somewhere(controls, rng)
        expected = shown.pictures(position)
        for pixels, picture in zip(widget.run(FRAME, position), expected, strict=True):
            np.testing.assert_array_equal(np.array(pixels).reshape(5, 7, 4)[..., :3], picture)
        seen.add(expected[0].tobytes())
    assert len(seen) >= min(len(controls) * 2, np.prod(counts)), "the positions do not reach different pictures"


MOVED = """
(explorer, position) => {
  explorer.model.set("position", position);
  explorer.onPosition();
}
"""


def told(widget, controls, names):
    """The place that the lines below the controls tell, as numbers: percent of each name, a step, or a number."""
    found = []
    for control, text in zip(controls, widget.root.locator(".readout span").all_text_contents(), strict=True):
        if control.kind == "camera":
            found.append([float(text.removesuffix(control.unit))])
        elif control.kind == "steps":
            found.append([float(i == control.labels.index(text)) for i in range(len(control.labels))])
        else:
            parts = dict(reversed(part.split(" % ")) for part in text.split(", "))
            found.append([float(parts.get(name, 0)) / 100 for name in names[: len(control.labels)]])
    return found


@pytest.mark.parametrize("grid", GRIDS)
def test_the_label_tells_the_picture_that_is_shown(visit, tmp_path, grid):
    """Wherever the handle stands, the line below it is of the nearest picture: a grid place, found by the pixels."""
    controls, counts = GRIDS[grid]
    # Every picture has its own grey, so that the pixels say which one it is.
    pictures = np.arange(np.prod(counts), dtype=np.uint8).reshape(*counts, 1, 1, 1)
    shown = explorer.frames({"pane": np.tile(pictures, (4, 4, 3))}, controls=controls)
    widget = Widget(visit(shown.to_html(tmp_path / "frames.html"))).painted()
    places = [[]]
    for control, shape in zip(controls, grouped(controls, counts), strict=True):
        own = [list(place) for place in evenly(control, shape)]
        places = [[*before, place] for before in places for place in own]
    rng = np.random.default_rng(4)
    for _ in range(12):
        position = somewhere(controls, rng)
        widget.run(MOVED, position)
        widget.painted()
        place = places[widget.picture(0)[0, 0, 0]]
        expected = [
            numbers if control.kind == "camera" else control.coefficients(numbers)
            for control, numbers in zip(controls, place, strict=True)
        ]
        for found, wanted in zip(told(widget, controls, "abcd"), expected, strict=True):
            assert found == pytest.approx(wanted, abs=0.0051)
        label = widget.root.locator("canvas").first.get_attribute("aria-label")
        assert label == "pane: " + "; ".join(widget.root.locator(".readout span").all_text_contents())


def grouped(controls, counts):
    """The counts of each control's own axes."""
    remaining = iter(counts)
    return [[next(remaining) for _ in range(control.axes)] for control in controls]


def evenly(control, counts):
    """The places of a control's pictures, in their order, as the documentation of `explorer.frames` has it."""
    if control.kind == "square":
        return [(u, v) for v in np.linspace(0, 1, counts[0]) for u in np.linspace(0, 1, counts[1])]
    if control.kind == "triangle":
        n = {6: 2, 15: 4}[counts[0]]
        return [(i / n, j / n) for i in range(n + 1) for j in range(n + 1 - i)]
    if control.kind == "steps":
        return [(float(i),) for i in range(counts[0])]
    return [(x,) for x in np.linspace(control.low, control.high, counts[0], endpoint=not control.wraps)]


def test_the_coefficients_copied_are_the_labels(visit, tmp_path):
    """In `quick`'s own case: 4 pictures a side, the handle in the middle, where a half goes up."""
    shown = small("square", engine="frames", frame_counts=[4])
    widget = Widget(visit(shown.to_html(tmp_path / "frames.html"))).painted([0.5, 0.5])
    assert "44 % an unusually long name" in widget.root.locator(".readout").first.inner_text()
    widget.button("Copy coefficients").click()
    widget.page.wait_for_function("() => document.querySelector('.note').textContent !== ''")
    assert widget.note.split(": " if ": " in widget.note else "Copied ")[1].startswith("[0.1111,0.2222,0.2222,0.4444]")
    assert shown.coefficients == pytest.approx([1 / 9, 2 / 9, 2 / 9, 4 / 9])


def test_frames_made_from_networks_are_those_networks_pictures(visit, tmp_path):
    shown = small("triangle", engine="frames", frame_counts=[4])
    widget = Widget(visit(shown.to_html(tmp_path / "frames.html"))).painted()
    assert widget.data("engine") == "frames"
    for x, y in [(0.0, 1.0), (1.0, 1.0), (0.5, 0.0), (0.52, 0.65), (0.3, 0.9)]:
        inside = 1 if x < 0.5 else -1
        place = widget.on_area(x, y)
        widget.page.mouse.click(place[0] + inside, place[1] - (0.5 if y else -0.5))
        widget.page.wait_for_timeout(30)
        widget.painted()
        for pane, picture in enumerate(shown.pictures(widget.position)):
            np.testing.assert_array_equal(widget.picture(pane), picture)
