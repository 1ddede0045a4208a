"""Pictures made beforehand: the page shows the one that Python says is nearest."""

import numpy as np
import pytest
from browsing import ORBIT, Widget, small, small_frames

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
