"""The fitting widget as a visitor of the page has it, and small ones to look at."""

import jax
import numpy as np
from browsing import Widget, networks

from learnit_core import explorer, models
from learnit_core.evaluate import Setting
from learnit_core.structures import Rated

SHAPE = (12, 16)
STATE = """([index, fitted]) => {
  const shown = document.querySelectorAll(".learnit-explorer")[index]?.dataset;
  return shown?.state === "failed" || (shown?.state === "ready" && (!fitted || shown.fitted === "true"));
}"""


def small(*, channels=1, third=True, **options):
    """A widget of small networks: two starts, and a third with Adam."""
    field = models.siren(2, channels, width=16, depth=3, w0=20.0, offset=0.4)
    one, two, three = networks(field, 3)
    rates = jax.tree.map(lambda leaf: 2e-3 + 0 * leaf, one)
    starts = {
        "learned weights": (Rated(one, rates), Setting("learned", 1.0)),
        "random weights": (two, Setting("sgd", 2e-3)),
        "other weights": (three, Setting("adam", 1e-3)),
    }
    if not third:
        del starts["other weights"]
    return explorer.fitting(field, starts, **{"shape": SHAPE, "num_steps": 4} | options)


class FittingPage(Widget):
    """One fitting widget on a page."""

    def __init__(self, page, index=0):
        super().__init__(page, index)
        self.word = self.root.get_by_label("Word")
        self.steps, self.walk = (self.root.locator(".slider .range").nth(i) for i in (0, 1))
        self.rates = self.root.locator(".rate")
        self.file = self.root.locator("input[type=file]")

    def settled(self, *, fitted=True, seconds=60):
        """Wait until what is asked for is shown, and (``fitted``) nothing is left to compute."""
        self.page.wait_for_timeout(20)  # so that what has just been done is known
        self.page.wait_for_function(STATE, arg=[self.index, fitted], timeout=1000 * seconds)
        assert self.data("state") != "failed", self.message
        return self

    def set(self, slider, value):
        """Put a slider somewhere, as a hand does."""
        slider.evaluate("(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }", value)

    def draw(self, path, pad=0):
        """Draw with the mouse along places in [0, 1] from the upper left corner."""
        canvas = self.root.locator(".paper").nth(pad)
        canvas.scroll_into_view_if_needed()
        box, mouse = canvas.bounding_box(), self.page.mouse
        for i, (x, y) in enumerate(path):
            mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if not i:
                mouse.down()
        mouse.up()

    def target(self, i=0):
        """What is fitted [height, width, channels]; None if it is blank."""
        values = self.run("(fitting, i) => fitting.fits.targets[i].values && [...fitting.fits.targets[i].values]", i)
        return None if values is None else np.array(values, np.float32).reshape(self.shape)

    @property
    def shape(self):
        return self.run("(fitting) => fitting.scene.shape")

    def dbs(self, i=0):
        """PSNR [dB] of a picture's fits from the starts that are shown, after each step."""
        return self.run("(fitting, i) => fitting.fits.shown.map((one) => fitting.fits.targets[i].fits.get(one).dbs)", i)

    def caption(self, pane):
        return self.root.locator(".panes:not(:first-of-type) figcaption").nth(pane).inner_text()

    def shows(self, shown, position):
        """Whether the panes show what Python fits and draws."""
        off = [
            np.abs(self.picture(2 + i).astype(int) - picture).max()
            for i, picture in enumerate(shown.pictures([float(x) for x in position]))
        ]
        return max(off) <= 2
