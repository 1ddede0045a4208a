"""Checks of notebook 01: Reptile's gradient, decibels, a shuffled layer, steps to match, mixtures of weights."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from learnit_core import evaluate, losses, weights
from learnit_core.evaluate import Setting
from learnit_core.experiments import image
from learnit_core.experiments.image import interpolation
from learnit_core.teaching.checks import inputs
from learnit_core.teaching.checks.judge import Verdict, Wrong, call, fits, judge, misshapen, same, verdict
from learnit_core.teaching.checks.predictions import Choice, Numbers


def reptile_gradient(my_reptile_gradient: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 1: ``my_reptile_gradient(params, adapted)`` is what Reptile hands to its outer optimiser."""

    def draw(rng, k):
        return inputs.layers(rng, (2, 3 + k, 1)), inputs.layers(rng, (2, 3 + k, 1))

    def mapped(function):
        return lambda c: jax.tree.map(function, c.params, c.adapted)

    def truth(params, adapted):
        return jax.tree.map(lambda p, a: p - a, params, adapted)

    mistakes = {
        "The sign is wrong: an optimiser subtracts what it is given, and the start would flee.": mapped(
            lambda p, a: a - p
        ),
        "These are the adapted weights themselves: expected a difference.": lambda c: c.adapted,
        "This is a place halfway: expected a difference.": mapped(lambda p, a: (p + a) / 2),
        "You take the absolute value: the sign says in which direction to go.": mapped(lambda p, a: jnp.abs(p - a)),
        "You take the square: expected the difference as it is.": mapped(lambda p, a: (p - a) ** 2),
    }

    def outcome():
        params, adapted = draw(np.random.default_rng(0), 0)
        ways = {
            "adapted - params": inputs.minus(adapted, params),
            "params - adapted": inputs.minus(params, adapted),
            "adapted": adapted,
        }
        left = {}
        for name, way in ways.items():
            adam = optax.adam(0.1)
            updates, _ = adam.update(way, adam.init(params), params)
            left[name] = inputs.length(inputs.minus(optax.apply_updates(params, updates), adapted))
        return min(
            left, key=left.__getitem__
        ), "It is what brings the start nearer to the adapted weights in a step of Adam."

    return judge(
        my_reptile_gradient,
        truth,
        draw,
        mistakes,
        hint="Take the difference of each pair of arrays, so that subtracting it leads to the adapted weights.",
        ask=Choice(("adapted - params", "params - adapted", "adapted")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
        sizes=2,
    )


def decibels(my_psnr: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 2: ``my_psnr(prediction, target)`` of pictures [h, w, c] with values from 0 to 1."""

    def draw(rng, k):
        target = rng.uniform(0, 1, (4 + k, 6 + k, 3))
        noise = rng.normal(0, 1, target.shape) * np.array([0.1, 0.3, 0.8]) * rng.uniform(0.5, 1.2)
        return target + noise, target

    def mse(c):
        return np.mean((np.clip(c.prediction, 0, 1) - c.target) ** 2)

    def truth(prediction, target):
        return -10 * np.log10(np.mean((np.clip(prediction, 0, 1) - target) ** 2))

    mistakes = {
        "The sign is wrong: small errors have a high PSNR.": lambda c: 10 * np.log10(mse(c)),
        "Your PSNR is twice what it should be: 20 goes with the root of the mean square, 10 with the mean square.": lambda c: (
            -20 * np.log10(mse(c))
        ),
        "You have taken the root of the mean square: with the factor 10, leave the root out.": lambda c: (
            -5 * np.log10(mse(c))
        ),
        "You take the natural logarithm: decibels have the one to the base 10.": lambda c: -10 * np.log(mse(c)),
        "The prediction is not cut to [0, 1].": lambda c: -10 * np.log10(np.mean((c.prediction - c.target) ** 2)),
        "The target was cut, and the prediction was not: cut the prediction to [0, 1].": lambda c: (
            -10 * np.log10(np.mean((c.prediction - np.clip(c.target, 0, 1)) ** 2))
        ),
        "You take the sum of the squares: expected their mean.": lambda c: -10 * np.log10(mse(c) * c.target.size),
        "You average decibels, one for each channel: take the mean of the squares over everything first.": lambda c: (
            np.mean(-10 * np.log10(np.mean((np.clip(c.prediction, 0, 1) - c.target) ** 2, axis=(0, 1))))
        ),
        "You take absolute values: expected squares.": lambda c: (
            -10 * np.log10(np.mean(np.abs(np.clip(c.prediction, 0, 1) - c.target)))
        ),
        "This is the mean squared error: the PSNR is -10 times its logarithm.": mse,
    }

    def outcome():
        target, error = np.full((4, 4, 1), 0.5), np.full((4, 4, 1), 0.1)
        gain = truth(target + error / 2, target) - truth(target + error, target)
        return float(gain), "Half the error is a quarter of its square."

    return judge(
        my_psnr,
        truth,
        draw,
        mistakes,
        hint="-10 times the logarithm, to the base 10, of the mean squared error of the cut prediction.",
        ask=Numbers("a number of decibels"),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def shuffled_layer(my_shuffled_layer: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 3: ``my_shuffled_layer(params, index, key)`` permutes the entries of one layer's arrays."""

    def signature(params, index, key): ...

    def compare():
        rng = np.random.default_rng(seed)
        fits(my_shuffled_layer, signature)
        seen = []
        for index in (0, 3, 1, 2):
            params = inputs.layers(rng, (12, 13, 12, 13, 12))
            keys = [jax.random.key(int(number)) for number in rng.integers(0, 2**31, 2)]
            answer, again, other = (
                call(my_shuffled_layer, (params, index, key), signature) for key in (keys[0], keys[0], keys[1])
            )
            if sentence := misshapen(answer, params):
                raise Wrong(sentence)
            seen.append((params, index, answer))
            if same(answer, params, exact=True):
                raise Wrong("In your answer nothing has moved: return a new list with the permuted layer in it.")
            if not same(answer, again, exact=True):
                raise Wrong("The same `key` gives another answer each time: draw with `key` only.")
            if same(answer, other, exact=True):
                raise Wrong("Your answer does not depend on `key`: draw with the key that is given.")
        for sentence, made in _SHUFFLES.items():
            if any(made(*case) for case in seen):
                raise Wrong(sentence)

    return verdict(
        compare,
        ask=Choice(("most of it", "about half", "little")),
        prediction=prediction,
        outcome=_lead_without_a_layer,
    )


def _moved(params, answer, i):
    return not same(answer[i], params[i], exact=True)


def _numbers(array):
    return np.sort(np.ravel(array))


def _slices_kept(before, after, axis):
    """Whether each row (or column) holds the numbers of one row (or column) of before, in whatever order."""
    before, after = (np.sort(np.moveaxis(np.asarray(array), axis, 0), axis=1) for array in (before, after))
    return all(any(np.array_equal(row, other) for other in before) for row in after)


def _neighbours_kept(before, after):
    """Whether nearly all numbers are followed by the one that followed before; whole rows in another order keep fewer."""
    before, after = np.ravel(before), np.ravel(after)
    follows = dict(zip(before.tolist(), np.roll(before, -1).tolist(), strict=True))
    return sum(follows[x] == y for x, y in zip(after.tolist(), np.roll(after, -1).tolist(), strict=True)) > 0.97 * len(
        after
    )


_SHUFFLES = {
    "You shuffle the layer before the one that is asked for: `index` counts from 0.": lambda params, index, answer: (
        index > 0 and _moved(params, answer, index - 1) and not _moved(params, answer, index)
    ),
    "The other layers should stay as they are.": lambda params, index, answer: any(
        _moved(params, answer, i) for i in range(len(params)) if i != index
    ),
    "Weights and biases were mixed with one another: permute each array by itself.": lambda params, index, answer: (
        not np.array_equal(_numbers(answer[index]["w"]), _numbers(params[index]["w"]))
        and np.array_equal(
            *(np.sort(np.concatenate([np.ravel(a) for a in p[index].values()])) for p in (answer, params))
        )
    ),
    "The numbers of the layer are not the same as before: only their places should change.": lambda params, index, answer: (
        any(not np.array_equal(_numbers(answer[index][name]), _numbers(params[index][name])) for name in ("w", "b"))
    ),
    "The biases have not moved: permute them, too.": lambda params, index, answer: same(
        answer[index]["b"], params[index]["b"], exact=True
    ),
    "The weights have not moved: permute them, too.": lambda params, index, answer: same(
        answer[index]["w"], params[index]["w"], exact=True
    ),
    "Neighbours stay neighbours: this is a shift, and no permutation at random.": lambda params, index, answer: (
        _neighbours_kept(params[index]["w"], answer[index]["w"])
    ),
    "Numbers of one row or column stay together: every entry should be able to go anywhere (flatten, permute, reshape).": (
        lambda params, index, answer: any(_slices_kept(params[index]["w"], answer[index]["w"], axis) for axis in (0, 1))
    ),
}


@functools.cache
def _shipped():
    """The shipped initialisation of small pictures of text, random weights, tasks of unseen pictures, and curves."""
    field, learned, _ = weights.pretrained("image-text-quick-maml")
    pictures = image.load_signals(image.PROFILES["quick"], "text").test[:8]
    tasks = image.tasks(pictures)

    @functools.partial(jax.jit, static_argnames="num_steps")
    def curves(params, num_steps):
        return evaluate.curves(
            losses.image_loss(field),
            image.score(field),
            params,
            tasks,
            jax.random.key(0),
            optimizer=optax.sgd(image.PROFILES["quick"].inner_rate),
            num_steps=num_steps,
        )

    return field, learned, field.init(jax.random.key(1)), pictures, curves


@functools.cache
def _lead_without_a_layer():
    """How much of MAML's lead over random weights is left if one layer is shuffled, after two steps."""
    _, learned, random, _, curves = _shipped()
    after = {
        name: float(curves(params, 2)[:, 2].mean()) for name, params in {"whole": learned, "random": random}.items()
    }
    layers = []
    for i, layer in enumerate(learned):
        keys = jax.random.split(jax.random.key(i), len(layer))
        mixed = {
            name: jax.random.permutation(key, layer[name].ravel()).reshape(layer[name].shape)
            for key, name in zip(keys, sorted(layer), strict=True)
        }
        layers.append(float(curves([mixed if j == i else other for j, other in enumerate(learned)], 2)[:, 2].mean()))
    left = (np.mean(layers) - after["random"]) / (after["whole"] - after["random"])
    found = "most of it" if left > 2 / 3 else "about half" if left > 1 / 3 else "little"
    each = ", ".join(f"{db:.1f} (layer {i + 1})" for i, db in enumerate(layers))
    return found, (
        f"After two steps of one and the same rate on unseen text: {after['whole']:.1f} dB from MAML's weights, "
        f"{after['random']:.1f} from random ones, and with one layer shuffled {each}."
    )


def steps_to_match(my_steps_to_match: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 4: ``my_steps_to_match(curves, targets)``, the first step at which each curve reaches its target."""

    def draw(rng, k):
        count, steps = 6 + k, 8 + 2 * k
        curves = np.cumsum(rng.uniform(0.5, 3, (count, steps + 1)), axis=1) + rng.uniform(5, 15, (count, 1))
        at = rng.integers(2, steps - 1, count)
        targets = curves[np.arange(count), at]  # every second is reached exactly, so that "at least" is tried
        targets[::2] = (0.8 * curves[np.arange(count), at - 1] + 0.2 * targets)[::2]
        curves[2::3, -1] = curves[2::3, 0]  # falls back below the target in the end
        targets[0], targets[1] = curves[0].max() + 5, curves[1, 0] - 1  # never, and at once
        return curves, targets

    def truth(curves, targets):
        reached = curves >= targets[:, None]
        return np.where(reached.any(axis=1), reached.argmax(axis=1), curves.shape[1] - 1)

    def first(reached, never):
        return np.where(reached.any(axis=1), reached.argmax(axis=1), never)

    mistakes = {
        "A picture that never reaches its target counts as step 0: `argmax` of a row without any True is 0.": lambda c: (
            (c.curves >= c.targets[:, None]).argmax(axis=1)
        ),
        "You search along the wrong axis: steps are the second one.": lambda c: (c.curves >= c.targets[:, None]).argmax(
            axis=0
        ),
        "A picture that never matches counts one too many: the last step is curves.shape[1] - 1.": lambda c: first(
            c.curves >= c.targets[:, None], c.curves.shape[1]
        ),
        "Your steps count from 1: the first column is step 0.": lambda c: np.where(
            (c.curves >= c.targets[:, None]).any(axis=1),
            (c.curves >= c.targets[:, None]).argmax(axis=1) + 1,
            c.curves.shape[1] - 1,
        ),
        "You count the steps below the target: a curve that falls back later has reached it before.": lambda c: (
            c.curves < c.targets[:, None]
        ).sum(axis=1),
        "Each picture has its own target: compare row by row.": lambda c: first(
            c.curves >= c.targets.mean(), c.curves.shape[1] - 1
        ),
        "You search for the first step below the target: it should be the first at or above it.": lambda c: first(
            c.curves <= c.targets[:, None], c.curves.shape[1] - 1
        ),
        "A curve that is exactly at its target has reached it: compare with >=.": lambda c: first(
            c.curves > c.targets[:, None], c.curves.shape[1] - 1
        ),
        "You take the step that comes nearest to the target: it should be the first at or above it.": lambda c: np.abs(
            c.curves - c.targets[:, None]
        ).argmin(axis=1),
        "A picture that never matches should count as the last step.": lambda c: first(
            c.curves >= c.targets[:, None], -1
        ),
    }

    return judge(
        my_steps_to_match,
        truth,
        draw,
        mistakes,
        hint="For each row the first column that is at least the target, and the last column where there is none.",
        ask=Choice(("higher", "lower")),
        prediction=prediction,
        outcome=_ten_steps,
        seed=seed,
    )


@functools.cache
def _ten_steps():
    _, learned, _, _, curves = _shipped()
    mean = np.asarray(curves(learned, 10)).mean(axis=0)
    found = "higher" if mean[10] > mean[2] else "lower"
    return found, f"From MAML's shipped weights: {mean[2]:.1f} dB after two steps, {mean[10]:.1f} after ten."


def mixture(my_mixture: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 5: ``my_mixture(a, b, t)``, weights on the straight line from ``a`` to ``b``."""

    def draw(rng, k):
        return inputs.layers(rng, (2, 3 + k, 1)), inputs.layers(rng, (2, 3 + k, 1)), float(rng.uniform(0.1, 0.4))

    def mapped(function):
        return lambda c: jax.tree.map(lambda x, y: function(x, y, c.t), c.a, c.b)

    def truth(a, b, t):
        return jax.tree.map(lambda x, y: (1 - t) * x + t * y, a, b)

    mistakes = {
        "It is the other way round: t = 0 is `a`, and t = 1 is `b`.": mapped(lambda x, y, t: t * x + (1 - t) * y),
        "You add a share of `b`: it should be a share of the difference, b - a.": mapped(lambda x, y, t: x + t * y),
        "This is the sum of both: the shares should be 1 - t and t.": mapped(lambda x, y, t: x + y),
        "You move away from `b`: mind the sign.": mapped(lambda x, y, t: x - t * (y - x)),
        "The biases are not mixed: all arrays of the tree should be.": lambda c: [
            {"w": (1 - c.t) * p["w"] + c.t * q["w"], "b": p["b"]} for p, q in zip(c.a, c.b, strict=True)
        ],
        "This is only the way from `a`: add it to `a`.": mapped(lambda x, y, t: t * (y - x)),
    }

    return judge(
        my_mixture,
        truth,
        draw,
        mistakes,
        hint="(1 - t) times each array of `a` plus t times that of `b`.",
        ask=Choice(("MAML's weights", "random weights", "no difference")),
        prediction=prediction,
        outcome=_between_fits,
        seed=seed,
        sizes=2,
    )


@functools.cache
def _between_fits():
    """Two pictures fitted from MAML's and from random weights, and what their mean weights show."""
    field, learned, random, pictures, _ = _shipped()
    starts = {"MAML's weights": (learned, Setting("sgd", 3e-3)), "random weights": (random, Setting("adam", 1e-4))}
    agreement, reached = {}, []
    for name, (start, setting) in starts.items():
        fitted = interpolation.fit_to(field, start, pictures[:2], setting, target_db=25.0)
        values = interpolation.agreement(field, fitted.params, np.array([[0, 1]]), pictures.shape[1:3])
        agreement[name] = float(np.mean(values))
        reached += fitted.psnr.tolist()
    apart = agreement["MAML's weights"] - agreement["random weights"]
    found = "no difference" if abs(apart) < 0.5 else "MAML's weights" if apart > 0 else "random weights"
    said = " and ".join(f"{db:.1f} dB from {name}" for name, db in agreement.items())
    return found, (
        f"The picture of the mean weights agrees with the mean of the two pictures to {said} "
        f"(all four fits at {min(reached):.1f} dB)."
    )
