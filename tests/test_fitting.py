"""Fitting in the page without a browser: what it says of bad input, what it sends, what its value is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import explorer, losses, models
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.explorer import export
from learnit_core.explorer.fitting import lines_of
from learnit_core.structures import Pixels, Rated

SHAPE = (6, 8)
SIREN = models.siren(2, 1, width=8, depth=3, w0=10.0, offset=0.3)
ONE, TWO = (SIREN.init(jax.random.key(i)) for i in range(2))
SGD = Setting("sgd", 1e-3)
TARGET = np.random.default_rng(0).random(SHAPE, np.float32)


def small(**options):
    return explorer.fitting(SIREN, {"one": (ONE, SGD), "two": (TWO, SGD)}, **{"shape": SHAPE, "num_steps": 3} | options)


def descended(params, target, steps, rates=1e-3):
    """Plain gradient descent; ``rates`` is a number or one a weight."""
    batch = Pixels(models.pixel_grid(*SHAPE), jnp.asarray(target).reshape(-1, 1))
    gradient = jax.grad(losses.regression_loss(SIREN))
    rates = jax.tree.map(lambda leaf: jnp.broadcast_to(rates, leaf.shape), params) if np.isscalar(rates) else rates
    for _ in range(steps):
        params = jax.tree.map(lambda p, r, g: p - r * g, params, rates, gradient(params, batch, jax.random.key(0)))
    return params


def same(a, b, atol=1e-5):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=atol), a, b)


def test_value_is_the_fit_where_the_controls_stand():
    shown = small(target=TARGET, second=TARGET[::-1])
    assert shown.position == [2, 0] and list(shown.value) == ["one", "two"]
    same(shown.value["two"], descended(TWO, TARGET, 2))
    shown.position = [3, 0.25]
    ends = [descended(ONE, target, 3) for target in (TARGET, TARGET[::-1])]
    same(shown.value["one"], jax.tree.map(lambda a, b: 0.75 * a + 0.25 * b, *ends))
    shown.position, shown.target = [1, 0], TARGET.T.reshape(SHAPE)
    same(shown.value["one"], descended(ONE, TARGET.T.reshape(SHAPE), 1))
    expected = SIREN.apply(shown.value["one"], models.pixel_grid(*SHAPE)).reshape(*SHAPE, 1)
    np.testing.assert_array_equal(shown.pictures()[0], export.levels(np.asarray(expected)))
    sent = np.frombuffer(shown.targets, "<f4").reshape(2, *SHAPE)
    np.testing.assert_array_equal(sent, [TARGET.T.reshape(SHAPE), TARGET[::-1]])


def test_learned_rates_are_those_of_the_weights():
    rates = jax.tree.map(lambda leaf: jnp.linspace(0, 1e-3, leaf.size).reshape(leaf.shape), ONE)
    starts = {"rated": (Rated(ONE, rates), Setting("learned", 2.0)), "two": (TWO, SGD)}
    shown = explorer.fitting(SIREN, starts, shape=SHAPE, target=TARGET, num_steps=3)
    same(shown.value["rated"], descended(ONE, TARGET, 2, jax.tree.map(lambda leaf: 2 * leaf, rates)))
    size = sum(leaf.size for leaf in jax.tree.leaves(ONE))
    numbers = np.frombuffer(shown.data, "<f4")
    assert len(numbers) == 3 * size + 2 * TARGET.size
    np.testing.assert_array_equal(numbers[2 * size : 3 * size], np.frombuffer(export.flat(rates), "<f4"))


def test_what_a_page_tells_is_the_value_until_something_else_is_wanted():
    shown = small(target=TARGET)
    told = [jax.tree.map(lambda leaf, k=k: leaf + k, ONE) for k in (1.0, 2.0)]
    # The page adds 0.5 where this network adds 0.3.
    flat = [export.flat(export.shifted(params, -0.2)) for params in told]
    blank = np.full(SHAPE, np.nan, "<f4").tobytes()
    shown._hear(
        {"kind": "fitted", "position": [3, 0], "starts": ["two", "one"]}, [*flat, (TARGET / 2).tobytes(), blank]
    )
    assert shown.position == [3, 0] and shown.second is None
    np.testing.assert_array_equal(shown.target[..., 0], TARGET / 2)
    same(shown.value["two"], told[0])
    same(shown.value["one"], told[1])
    shown.position = [2, 0]
    same(shown.value["one"], descended(ONE, TARGET / 2, 2))
    shown.position = [2, 0.5]
    with pytest.raises(LearnitError, match="the second picture is blank: draw something on it, or set"):
        shown.value  # noqa: B018
    shown.second = TARGET
    assert len(shown.value) == 2
    shown._hear({"kind": "something else"}, [])


def test_a_drawing_is_heard_of_once():
    shown, heard = small(target=TARGET), []
    shown.observe(lambda change: heard.append(change["new"]), "targets")
    blank = np.full(SHAPE, np.nan, "<f4").tobytes()
    for position in ([2, 0], [2, 0], [3, 0]):
        told = {"kind": "fitted", "position": position, "starts": ["two", "one"]}
        shown._hear(told, [export.flat(ONE), export.flat(TWO), (TARGET / 2).tobytes(), blank])
    assert len(heard) == 1 and heard[0] == (TARGET / 2).tobytes() + blank
    again = small(target=TARGET)
    again.observe(lambda change: heard.append(change["new"]), "targets")
    again.target = again.target
    assert len(heard) == 2, "what was there before was never sent"


@pytest.mark.parametrize(
    "text, lines",
    [("a", ["a"]), ("four", ["four"]), ("fives", ["fiv", "es"]), ("two words", ["two", "word"]), ("", []),
     ("donaudampfschiff", ["dona", "udam"]), (" to  be or not", ["to", "be"])],
)  # fmt: skip
def test_a_word_is_drawn_in_the_lines_of_the_page(text, lines):
    assert lines_of(text) == lines
    if lines:
        inked = np.flatnonzero(small(target=text, shape=(64, 64)).target.max(axis=(1, 2)) > 0.2)
        assert np.ptp(inked) + 1 > (40 if len(lines) > 1 and max(map(len, lines)) < 4 else 8)


def test_words_are_light_on_dark_and_fill_the_picture():
    shown = small(target="Hey", second="1")
    for picture in (shown.target, shown.second):
        assert picture.shape == (*SHAPE, 1) and picture.min() == 0 and picture.max() > 0.3
    assert (shown.target.max(axis=(0, 2)) > 0).mean() > 0.7


def test_a_page_and_a_picture_without_javascript(tmp_path):
    page = small(target=TARGET).to_html(tmp_path / "page.html", title="Draw").read_text()
    assert "<h1>Draw</h1>" in page and "worker-src blob:" in page and "data:image/png;base64," in page


NERF = models.nerf_mlp(width=8, depth=2, num_frequencies=2)
WIDE = models.siren(2, 1, width=9, depth=3).init(jax.random.key(0))
LIST = jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), ONE)
PAIR = {"one": (ONE, SGD), "two": (TWO, SGD)}
BAD = {
    "one start": (dict(starts={"one": (ONE, SGD)}), "alone: expected at least two"),
    "no start": (dict(starts={}), "no panes"),
    "weights alone": (dict(starts=PAIR | {"two": TWO}), "no pair of weights"),
    "another architecture": (dict(starts=PAIR | {"two": (WIDE, SGD)}), "another architecture"),
    "not finite": (dict(starts=PAIR | {"two": (LIST, SGD)}), "not finite"),
    "an unknown optimiser": (dict(starts=PAIR | {"two": (TWO, ("lion", 1e-3))}), "expected one of sgd"),
    "no rate": (dict(starts=PAIR | {"two": (TWO, ("sgd", 0.0))}), "a rate above 0"),
    "learned rates that are missing": (dict(starts=PAIR | {"two": (TWO, ("learned", 1.0))}), "not both"),
    "a radiance field": (dict(field=NERF), "the browser cannot fit a nerf_mlp"),
    "no steps": (dict(num_steps=0), "expected 1 to 100"),
    "a step that is not there": (dict(at_step=4), "expected 1 to 100"),
    "another shape": (dict(target=TARGET.T), r"found a picture of shape \[8, 6\] to fit: expected \[6, 8, 1\]"),
    "another scale": (dict(second=255 * TARGET), r"expected them in \[0, 1\]"),
    "no picture": (dict(target=[[1], [1, 2]]), "no picture"),
    "an empty word": (dict(target=" "), "nothing of ' ' can be seen"),
    "no pixels": (dict(shape=(0, 8)), "at least 1 px"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_one_sentence(fault):
    changed, said = BAD[fault]
    options = {"field": SIREN, "starts": PAIR, "shape": SHAPE, "num_steps": 3, "target": TARGET} | changed
    with pytest.raises(LearnitError, match=said):
        explorer.fitting(options.pop("field"), options.pop("starts"), **options)


def test_a_picture_that_does_not_fit_changes_nothing():
    shown = small(target=TARGET)
    with pytest.raises(LearnitError, match="to fit: expected"):
        shown.target = np.zeros((3, 3))
    np.testing.assert_array_equal(shown.target[..., 0], TARGET)
