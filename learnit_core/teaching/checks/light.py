"""Checks of notebook 04: what moves in a fit, mixtures of weights and of pictures, Reptile's way, half a photograph."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import weights
from learnit_core.experiments.tourism import explorers
from learnit_core.teaching.checks import inputs
from learnit_core.teaching.checks.judge import Verdict, judge
from learnit_core.teaching.checks.predictions import Choice, Numbers


def moved(my_moved: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 1: ``my_moved(start, fitted)``, how far each layer's weights moved, relative to their length."""

    def draw(rng, k):
        sizes = (3, 4, *([5] * k), 2)
        start = inputs.layers(rng, sizes)
        return tuple(
            jax.tree.map(np.asarray, tree)
            for tree in (start, jax.tree.map(lambda a: a + rng.uniform(0.05, 0.3) * rng.normal(0, 1, a.shape), start))
        )

    def each(function):
        return lambda c: np.array([function(a["w"], b["w"]) for a, b in zip(c.start, c.fitted, strict=True)])

    def truth(start, fitted):
        return np.array(
            [np.linalg.norm(b["w"] - a["w"]) / np.linalg.norm(a["w"]) for a, b in zip(start, fitted, strict=True)]
        )

    mistakes = {
        "You divide by the length after the fit: expected a share of the length before the fit.": each(
            lambda a, b: np.linalg.norm(b - a) / np.linalg.norm(b)
        ),
        "This is how far they moved: expected a share, divided by the length before.": each(
            lambda a, b: np.linalg.norm(b - a)
        ),
        "The root is missing: these are shares of the squares.": each(lambda a, b: np.sum((b - a) ** 2) / np.sum(a**2)),
        "You compare the two lengths: weights can turn without changing theirs, so take the length of the difference.": each(
            lambda a, b: (np.linalg.norm(b) - np.linalg.norm(a)) / np.linalg.norm(a)
        ),
        "You compare the two lengths, without a sign: take the length of the difference.": each(
            lambda a, b: abs(np.linalg.norm(b) - np.linalg.norm(a)) / np.linalg.norm(a)
        ),
        "Expected a share, not per cent.": each(lambda a, b: 100 * np.linalg.norm(b - a) / np.linalg.norm(a)),
        "You have taken the biases: take the weights `w`.": lambda c: np.array(
            [np.linalg.norm(b["b"] - a["b"]) / np.linalg.norm(a["b"]) for a, b in zip(c.start, c.fitted, strict=True)]
        ),
        "You take absolute values: the length is the root of the sum of squares.": each(
            lambda a, b: np.abs(b - a).sum() / np.abs(a).sum()
        ),
        "This is the largest singular value: the length is the root of the sum of all squares.": each(
            lambda a, b: np.linalg.norm(b - a, 2) / np.linalg.norm(a, 2)
        ),
        "You divide number by number: take the two lengths first.": each(lambda a, b: np.linalg.norm((b - a) / a)),
    }

    def outcome():
        shares = _moved_in_the_landmark()
        shown = ", ".join(f"{100 * share:.1f} % (layer {i + 1})" for i, share in enumerate(shares))
        return int(np.argmax(shares)) + 1, f"On average over four appearances of the landmark: {shown}."

    return judge(
        my_moved,
        truth,
        draw,
        mistakes,
        hint="For each layer the length of the difference of `w`, divided by the length of `w` before the fit.",
        ask=Numbers("1, 2, 3 or 4", tolerance=1e-6),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


@functools.cache
def _moved_in_the_landmark():
    _, start, _ = weights.pretrained("tourism-landmark-quick-reptile")
    _, corners = explorers.shipped_corners()
    return np.mean(
        [
            [
                float(np.linalg.norm(b["w"] - a["w"]) / np.linalg.norm(a["w"]))
                for a, b in zip(start, corner, strict=True)
            ]
            for corner in corners
        ],
        axis=0,
    )


def gap(my_gap: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 2: ``my_gap(render, a, b)``, between the picture of the mean weights and the mean of the pictures."""

    def draw(rng, k):
        x = jnp.asarray(rng.normal(0, 1, ((3 + k) * 4, 2)), jnp.float32)

        def render(params):
            return jax.nn.sigmoid(inputs.network(params, x)).reshape(3 + k, 4, 3)

        return render, inputs.layers(rng, (2, 5, 3), scale=2.0), inputs.layers(rng, (2, 5, 3), scale=2.0)

    def mean(a, b):
        return jax.tree.map(lambda x, y: (x + y) / 2, a, b)

    def apart(c, *, square=jnp.square, reduce=jnp.mean):
        return reduce(square(c.render(mean(c.a, c.b)) - (c.render(c.a) + c.render(c.b)) / 2))

    def truth(render, a, b):
        return jnp.mean((render(mean(a, b)) - (render(a) + render(b)) / 2) ** 2)

    mistakes = {
        "You compare with one end: expected the mean of the two pictures.": lambda c: jnp.mean(
            (c.render(mean(c.a, c.b)) - c.render(c.a)) ** 2
        ),
        "You compare with one end, the second: expected the mean of the two pictures.": lambda c: jnp.mean(
            (c.render(mean(c.a, c.b)) - c.render(c.b)) ** 2
        ),
        "You take the sum of the weights: expected their mean.": lambda c: jnp.mean(
            (c.render(jax.tree.map(jnp.add, c.a, c.b)) - (c.render(c.a) + c.render(c.b)) / 2) ** 2
        ),
        "You take the sum of the pictures: expected their mean.": lambda c: jnp.mean(
            (c.render(mean(c.a, c.b)) - (c.render(c.a) + c.render(c.b))) ** 2
        ),
        "You compare the two pictures with one another: expected their mean, and the picture of the mean weights.": (
            lambda c: jnp.mean((c.render(c.a) - c.render(c.b)) ** 2)
        ),
        "You take absolute values: expected squares.": lambda c: apart(c, square=jnp.abs),
        "You take the sum over pixels: expected the mean.": lambda c: apart(c, reduce=jnp.sum),
        "You take the root: expected the mean square itself.": lambda c: jnp.sqrt(apart(c)),
        "Differences cancel before they are squared: square each, then take the mean.": lambda c: (
            apart(c, square=lambda x: x) ** 2
        ),
        "This is the mean difference, in which signs cancel: square first.": lambda c: apart(c, square=lambda x: x),
    }

    def outcome():
        rng = np.random.default_rng(0)
        a, b = inputs.layers(rng, (4, 3)), inputs.layers(rng, (4, 3))
        x = jnp.asarray(rng.normal(0, 1, (6, 4)), jnp.float32)
        found = float(truth(lambda params: inputs.network(params, x).reshape(2, 3, 3), a, b))
        return ("zero" if found < 1e-10 else "small"), f"A network of a single linear layer gave {found:.0e}."

    return judge(
        my_gap,
        truth,
        draw,
        mistakes,
        hint="Render the mean weights; render both and take the mean; subtract, square, take the mean.",
        ask=Choice(("zero", "small", "it depends on the weights")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
        sizes=2,
    )


def square(my_square: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 3: ``my_square(corners, u, v)``, four networks mixed bilinearly."""

    def draw(rng, k):
        corners = [inputs.layers(rng, (2, 3 + k, 1)) for _ in range(4)]
        return corners, float(rng.uniform(0.1, 0.35)), float(rng.uniform(0.6, 0.9))

    def mixed(corners, shares):
        return jax.tree.map(lambda *arrays: sum(s * a for s, a in zip(shares, arrays, strict=True)), *corners)

    def shares(u, v):
        return [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v]

    def truth(corners, u, v):
        return mixed(corners, shares(u, v))

    mistakes = {
        "u and v are exchanged: u goes from left to right.": lambda c: truth(c.corners, c.v, c.u),
        "Every corner has the share of the opposite one.": lambda c: truth(c.corners, 1 - c.u, 1 - c.v),
        "Top and bottom are exchanged: v = 0 is the top.": lambda c: truth(c.corners, c.u, 1 - c.v),
        "Left and right are exchanged: u = 0 is on the left.": lambda c: truth(c.corners, 1 - c.u, c.v),
        "You go round the square: the third corner is bottom left, the fourth bottom right.": lambda c: mixed(
            c.corners, [shares(c.u, c.v)[i] for i in (0, 1, 3, 2)]
        ),
        "Your shares do not add up to 1.": lambda c: mixed(c.corners, [1 - c.u, c.u, 1 - c.v, c.v]),
        "Your shares add up to 1, but each should be a product, one factor of u and one of v.": lambda c: mixed(
            c.corners, [(1 - c.u) / 2, c.u / 2, (1 - c.v) / 2, c.v / 2]
        ),
    }

    def outcome():
        eye = [[{"w": row}] for row in np.eye(4)]
        return float(truth(eye, 0.5, 0.5)[0]["w"][0]), "In the centre all four corners count alike."

    return judge(
        my_square,
        truth,
        draw,
        mistakes,
        hint="Each corner's share is a product: u or 1 - u, times v or 1 - v.",
        ask=Numbers("a number from 0 to 1"),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
        sizes=2,
    )


def way(my_way: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 4: ``my_way(loss, params, batch, rate, steps)``, the start minus the adapted weights."""

    def draw(rng, k):
        loss = inputs.loss_of(rng)
        params, batch = inputs.layers(rng, (2, 3 + k, 1)), inputs.samples(rng, 5 + k)
        rate, steps = float(rng.uniform(0.1, 0.4)), int(rng.integers(2, 7))
        return (lambda p, b: loss(p, *b)), params, batch, rate, steps

    def truth(loss, params, batch, rate, steps):
        return inputs.minus(params, inputs.descended(lambda p: loss(p, batch), params, rate, steps))

    def gradient(c, factor=1.0):
        return jax.tree.map(lambda g: factor * g, jax.grad(c.loss)(c.params, c.batch))

    def with_(c, **changes):
        return truth(**(vars(c) | changes))

    mistakes = {
        "The sign is wrong: the start minus the adapted weights.": lambda c: jax.tree.map(
            jnp.negative, truth(**vars(c))
        ),
        "These are the adapted weights themselves: expected the start minus them.": lambda c: inputs.minus(
            c.params, truth(**vars(c))
        ),
        "All is zero: have you lost the start on the way, by giving its name to the adapted weights?": lambda c: (
            jax.tree.map(jnp.zeros_like, c.params)
        ),
        "This is the gradient at the start: take the steps.": gradient,
        "Every gradient is taken at the start: from the second step on, take it where the steps have led.": lambda c: (
            gradient(c, c.rate * c.steps)
        ),
        "You make one step only.": lambda c: with_(c, steps=1),
        "You make one step too many.": lambda c: with_(c, steps=c.steps + 1),
        "You make one step too few.": lambda c: with_(c, steps=c.steps - 1),
        "You have divided by the number of steps: expected the whole way.": lambda c: jax.tree.map(
            lambda w: w / c.steps, truth(**vars(c))
        ),
        "You have divided by the rate: expected the way itself.": lambda c: jax.tree.map(
            lambda w: w / c.rate, truth(**vars(c))
        ),
        "You go uphill: a step subtracts `rate` times the gradient.": lambda c: with_(c, rate=-c.rate),
    }

    def outcome():
        loss, params, batch, rate, _ = draw(np.random.default_rng(0), 0)
        one, grads = truth(loss, params, batch, rate, 1), jax.grad(loss)(params, batch)
        left = inputs.length(inputs.minus(one, jax.tree.map(lambda g: rate * g, grads)))
        found = "the rate times the gradient" if left < 1e-5 else "the gradient"
        return found, "One step goes no further than that."

    return judge(
        my_way,
        truth,
        draw,
        mistakes,
        hint="Keep the start, make the steps with another name, and subtract where they end from the start.",
        ask=Choice(("the gradient", "the rate times the gradient", "zero")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
        sizes=2,
    )


def right_half(my_right_psnr: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 5: ``my_right_psnr(picture, truth)``, the PSNR of the half that was not fitted."""

    def draw(rng, k):
        height, width = 5 + k, 8 + k
        truth = rng.uniform(0, 1, (height, width, 3))
        return truth + rng.normal(0, 1, truth.shape) * rng.uniform(0.1, 0.7, (height, width, 1)), truth

    def db(a, b, *, cut=True):
        return -10 * np.log10(np.mean(((np.clip(a, 0, 1) if cut else a) - b) ** 2))

    def half(a):
        return a[:, a.shape[1] // 2 :]

    def true(picture, truth):
        return db(half(picture), half(truth))

    mistakes = {
        "This is the left half: it was fitted, so look at the right one.": lambda c: db(
            c.picture[:, : c.truth.shape[1] // 2], c.truth[:, : c.truth.shape[1] // 2]
        ),
        "This is the whole picture: choose the columns of the right half.": lambda c: db(c.picture, c.truth),
        "This is the lower half: columns are the second axis.": lambda c: db(
            c.picture[len(c.truth) // 2 :], c.truth[len(c.truth) // 2 :]
        ),
        "The prediction is not cut to [0, 1].": lambda c: db(half(c.picture), half(c.truth), cut=False),
        "This is the mean squared error: expected decibels.": lambda c: 10 ** (-true(c.picture, c.truth) / 10),
        "The sign is wrong: small errors have a high PSNR.": lambda c: -true(c.picture, c.truth),
        "If the width is odd, the middle column belongs to the right half: begin at width // 2.": lambda c: db(
            c.picture[:, (c.truth.shape[1] + 1) // 2 :], c.truth[:, (c.truth.shape[1] + 1) // 2 :]
        ),
        "You take the square root: with the factor 10, leave the root out.": lambda c: true(c.picture, c.truth) / 2,
        "You average decibels, one for each channel: take the mean of the squares over everything first.": lambda c: (
            np.mean([db(half(c.picture)[..., i], half(c.truth)[..., i]) for i in range(3)])
        ),
    }

    def outcome():
        rng = np.random.default_rng(0)
        truth = rng.uniform(0.3, 0.7, (8, 8, 3))
        picture = truth + rng.normal(0, 1, truth.shape) * np.repeat([0.02, 0.2], 4)[None, :, None]
        right, whole = true(picture, truth), db(picture, truth)
        return ("higher" if whole > right else "lower"), f"In an example {whole:.1f} dB, and {right:.1f} on the right."

    return judge(
        my_right_psnr,
        true,
        draw,
        mistakes,
        hint="Cut both to the columns from width // 2 on, the prediction to [0, 1], and take the PSNR of what is left.",
        ask=Choice(("higher", "lower", "the same")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )
