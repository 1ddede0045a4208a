"""Meta-training in the page without a browser: what it says of bad input, what it sends, what it hears."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import explorer, models
from learnit_core.errors import LearnitError
from learnit_core.explorer import assets, export, learning

FIELD = models.siren(1, 1, width=6, depth=3, w0=10.0, offset=0.3)
SINES = learning.sines(20, points=12)


def small(**options):
    return explorer.meta_training(FIELD, {"sines": SINES, "steps": learning.jumps(10, points=12)}, **options)


def test_what_is_sent_are_weights_and_curves_seen_and_unseen():
    shown = small(seed=5, num_signals=8)
    first = FIELD.init(jax.random.key(5))
    size = sum(leaf.size for leaf in jax.tree.leaves(first))
    numbers = np.frombuffer(shown.data, "<f4")
    np.testing.assert_allclose(numbers[: size - 1], np.frombuffer(export.flat(first), "<f4")[:-1])
    assert numbers[size - 1] == pytest.approx(-0.2), "the page adds 0.5 where this network adds 0.3"
    np.testing.assert_array_equal(numbers[size : size + SINES.size].reshape(-1, 12), SINES)
    assert len(numbers) == size + 30 * 12
    assert shown.scene["meta"]["classes"] == [
        {"name": "sines", "train": 18, "unseen": 2}, {"name": "steps", "train": 9, "unseen": 1}
    ]  # fmt: skip
    assert shown.settings == {
        "class": "sines", "algorithm": "maml", "inner_steps": 2, "inner_rate": 0.03, "outer_rate": 0.001,
        "num_signals": 8, "batch": 4,
    }  # fmt: skip
    given = small(start=jax.tree.map(jnp.ones_like, first))
    assert np.frombuffer(given.data, "<f4")[0] == 1


def test_what_a_page_tells_is_the_value():
    shown, heard = small(), []
    shown.observe(lambda change: heard.append((change["new"], len(shown.losses))), "told")
    assert len(shown.losses) == 0
    before, learned = shown.static_png(), jax.tree.map(lambda leaf: leaf + 0.1, shown.value["random weights"])
    told = {"kind": "trained", "position": [5], "settings": {"algorithm": "reptile", "class": "your own"}}
    losses = np.array([0.2, 0.1, 0.05], "<f4")
    shown._hear(told, [export.flat(export.shifted(learned, -0.2)), losses.tobytes()])
    assert heard == [(1, 3)] and shown.position == [5] and shown.settings["algorithm"] == "reptile"
    np.testing.assert_array_equal(shown.losses, losses)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), shown.value["learned start"], learned)
    assert shown.static_png() != before
    shown._hear({"kind": "something else"}, [])
    shown._hear(told, [export.flat(learned), losses[::-1].tobytes()])
    assert heard == [(1, 3), (2, 3)], "another training of as many steps is heard of, too"
    lost = jax.tree.map(lambda leaf: leaf * np.nan, learned)
    shown._hear(told, [export.flat(lost), np.append(losses, np.nan).astype("<f4").tobytes()])
    assert len(shown.pictures()) == 2, "also of weights that have diverged"


def test_random_weights_are_drawn_at_the_rate_that_is_best():
    """As in the page: by plain gradient descent with each of its rates, the curve with the least error."""
    shown = small(start=jax.tree.map(lambda leaf: 2 * leaf, FIELD.init(jax.random.key(1))))
    target, x = shown._classes["sines"][1][0][:, None], jnp.arange(12)[:, None] / 12

    def loss(params):
        curve = FIELD.apply(params, x)
        return jnp.mean((curve - target) ** 2), curve

    @jax.jit
    def stepped(params, rate):
        (error, curve), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        return error, curve, jax.tree.map(lambda p, g: p - rate * g, params, gradient)

    fits = []
    for rate in 10 ** np.arange(-3.5, -0.4, 0.25):
        params, fit = shown.value["random weights"], []
        for _ in range(11):
            *found, params = stepped(params, rate)
            fit.append(found)
        fits.append(fit)
    for step in (0, 1, 10):
        _, best = min((fit[step] for fit in fits), key=lambda found: float(found[0]))
        expected = export.levels(learning.drawn(np.asarray(best), truth=target, height=150, width=240))
        apart = np.abs(shown.pictures([float(step)])[1].astype(int) - expected)
        assert (apart > 20).mean() < 5e-3, step


def test_curves_are_of_their_class_and_in_range():
    for made in (learning.sines, learning.jumps):
        curves = made(50, points=40)
        assert (
            curves.shape == (50, 40)
            and curves.dtype == np.float32
            and 0 <= curves.min() < 0.2 < 0.8 < curves.max() <= 1
        )
        assert len(np.unique(curves, axis=0)) == 50
        assert not np.array_equal(curves, made(50, points=40, seed=1))
    levels = [len(np.unique(curve)) for curve in learning.jumps(50)]
    assert min(levels) == 2 and max(levels) == 4
    chosen = np.array([learning.order(0, step, 4, 10) for step in range(500)])
    assert np.bincount(chosen.ravel(), minlength=10).min() > 130, "all are seen about equally often"
    assert learning.order(1, 0, 4, 1000) != learning.order(0, 0, 4, 1000) != learning.order(0, 1, 4, 1000)


FIRST, OTHER = (field.init(jax.random.key(0)) for field in (FIELD, models.siren(1, 1, width=7, depth=3)))
BAD = {
    "a network on the plane": (dict(field=models.siren(2, 1, width=8, depth=3)), r"expected siren\(1, 1\)"),
    "another network": (dict(field=models.fourier_mlp(np.ones((3, 1)), 1)), "cannot meta-train a fourier_mlp"),
    "other weights": (dict(start=OTHER), "another architecture"),
    "weights that are not finite": (dict(start=jax.tree.map(lambda x: x * np.nan, FIRST)), "not finite"),
    "no classes": (dict(classes={}), "no classes of curves"),
    "the page's own name": (dict(classes={learning.OWN: SINES}), "found a class called 'your own'"),
    "one curve": (dict(classes={"one": SINES[:1]}), r"of shape \[1, 12\]: expected \[signals, points\]"),
    "channels": (dict(classes={"one": SINES[..., None]}), r"of shape \[20, 12, 1\]"),
    "few points": (dict(classes={"one": SINES[:, :3]}), "8 to 512 points"),
    "words": (dict(classes={"one": ["a", "b"]}), "no array of curves"),
    "different lengths": (dict(classes={"a": SINES, "b": SINES[:, :10]}), "found classes of curves with 10, 12 points"),
    "another range": (dict(classes={"a": 2 * SINES}), r"expected them in \[0, 1\]"),
    "not finite": (dict(classes={"a": SINES * np.nan}), r"expected them in \[0, 1\]"),
    "an unknown algorithm": (dict(algorithm="anil"), "expected one of maml, fomaml, reptile"),
    "no inner steps": (dict(inner_steps=0), "the inner_steps 0: expected a whole number from 1 to 10"),
    "a rate that is no number": (dict(inner_rate=float("nan")), "the inner_rate nan"),
    "a rate that is too large": (dict(outer_rate=1.0), "expected a number from 1e-05 to 0.1"),
    "more signals than there are": (dict(num_signals=21), "the num_signals 21"),
    "no batch": (dict(batch=0), "the batch 0"),
    "a step that is not there": (dict(at_step=11), "the at_step 11"),
    "steps backwards": (dict(num_steps=-1), "the num_steps -1"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_one_sentence(fault):
    changed, said = BAD[fault]
    assert f'const OWN = "{learning.OWN}";' in assets.files()["m2_trainer.js"]
    options = {"field": FIELD, "classes": {"sines": SINES}} | changed
    with pytest.raises(LearnitError, match=said) as found:
        explorer.meta_training(options.pop("field"), options.pop("classes"), **options)
    assert "\n" not in str(found.value)
