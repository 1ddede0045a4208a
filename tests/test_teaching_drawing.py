"""Signals beside each other in their own unit: one scale for all, whatever their dimension."""

import numpy as np
import pytest

from learnit_core.errors import LearnitError
from learnit_core.teaching import drawing

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(9, 1), (9, 2), (6, 5, 1), (6, 5, 3), (7, 6, 5, 1)])
def test_all_are_on_one_scale_that_says_the_unit(shape):
    signals = RNG.uniform(200, 2500, (3, *shape))
    figure = drawing.beside(signals, ["a", "b", "c"], unit="height [m]")
    panels = [axis for axis in figure.axes if axis.get_title()]
    assert [panel.get_title() for panel in panels] == ["a", "b", "c"]
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels.count("height [m]") == 1
    for panel, signal in zip(panels, signals, strict=True):
        if len(shape) == 2:
            assert panel.get_ylim() == (signals.min(), signals.max())
            np.testing.assert_array_equal([line.get_ydata() for line in panel.lines], signal.T)
        else:
            (image,) = panel.images
            assert image.get_clim() == (signals.min(), signals.max())
            expected = signal[..., 0] if len(shape) == 3 else signal[3, ..., 0]
            np.testing.assert_array_equal(image.get_array(), expected)


def test_a_signal_of_other_dimensions_is_refused():
    with pytest.raises(LearnitError, match="expected one to three dimensions"):
        drawing.beside(np.zeros((2, 5)), ["a", "b"])
