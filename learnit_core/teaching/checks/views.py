"""Checks of notebook 03: compositing, alphas, a camera's rays, expected depth, recognised objects."""

from typing import Any

import numpy as np

from learnit_core.teaching.checks.judge import Verdict, judge
from learnit_core.teaching.checks.predictions import Numbers


def _left(alphas):
    """The share of the light that comes to each sample, and behind the last."""
    return np.cumprod(np.append(1.0, 1 - alphas))


def composite(my_composite: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 1: ``my_composite(alphas, colours)`` in front of white."""

    def draw(rng, k):
        return rng.uniform(0.1, 0.8, 2 + 2 * k), rng.uniform(0, 1, (2 + 2 * k, 3))

    def over(weights, colours):
        return weights @ colours + (1 - weights.sum())

    def truth(alphas, colours):
        return over(_left(alphas)[:-1] * alphas, colours)

    def powers(alphas):
        return alphas * (1 - alphas) ** np.arange(len(alphas))

    mistakes = {
        "What reaches a sample was let through by the samples before it, each with its own alpha: a product, no power.": (
            lambda c: over(powers(c.alphas), c.colours)
        ),
        "You treat the alphas as if they were all the same.": lambda c: over(
            powers(np.full(len(c.alphas), c.alphas.mean())), c.colours
        ),
        "You treat the alphas as if they were all the same, namely the first.": lambda c: over(
            powers(np.full(len(c.alphas), c.alphas[0])), c.colours
        ),
        "What passes all samples is white, and it is missing.": lambda c: (_left(c.alphas)[:-1] * c.alphas) @ c.colours,
        "Samples in front hide those behind: less light reaches the later ones.": lambda c: over(c.alphas, c.colours),
        "A sample does not dim itself: only those before it do.": lambda c: (
            (_left(c.alphas)[1:] * c.alphas) @ c.colours + _left(c.alphas)[-1]
        ),
        "A sample does not dim itself (only those before it do), and then white takes what is left.": lambda c: over(
            _left(c.alphas)[1:] * c.alphas, c.colours
        ),
        "You have divided by the sum of the weights: what is left over belongs to the white behind.": lambda c: (
            (_left(c.alphas)[:-1] * c.alphas) @ c.colours / (1 - _left(c.alphas)[-1])
        ),
        "Your order is wrong: the nearest sample comes first, not the farthest.": lambda c: truth(
            c.alphas[::-1], c.colours[::-1]
        ),
        "White stands in front of everything in your answer: it is behind.": lambda c: (
            c.alphas @ c.colours + (1 - c.alphas).prod()
        ),
    }

    def outcome():
        return truth(np.array([0.5, 0.5]), np.array([[1.0, 0, 0], [0, 0, 1]])), ""

    return judge(
        my_composite,
        truth,
        draw,
        mistakes,
        hint="Weight i is alpha i times the product of 1 - alpha of all samples before it; white has what is left of 1.",
        ask=Numbers("three numbers, (red, green, blue)", 3),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def alphas(my_alphas: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 2: ``my_alphas(density, t, direction, last)``."""

    def draw(rng, k):
        t = np.cumsum(rng.uniform(0.1, 0.6, 4 + k)) + 1
        return rng.uniform(0.3, 2, 4 + k), t, rng.normal(0, 1, 3) + np.array([0, 0, -1.5]), float(rng.uniform(0.2, 0.9))

    def thick(c, steps, length=None):
        return c.density * steps * (np.linalg.norm(c.direction) if length is None else length)

    def steps(c):
        return np.append(np.diff(c.t), c.last)

    def truth(density, t, direction, last):
        return 1 - np.exp(-density * np.append(np.diff(t), last) * np.linalg.norm(direction))

    mistakes = {
        "The length of the direction is missing: steps in t are no lengths.": lambda c: (
            1 - np.exp(-thick(c, steps(c), 1))
        ),
        "This is the share that passes: expected the share that is stopped, 1 minus it.": lambda c: np.exp(
            -thick(c, steps(c))
        ),
        "A minus is missing in the exponent.": lambda c: 1 - np.exp(thick(c, steps(c))),
        "The exponential is missing: a share never exceeds 1.": lambda c: thick(c, steps(c)),
        "Each length goes to the next sample, not from the one before.": lambda c: (
            1 - np.exp(-thick(c, np.append(c.last, np.diff(c.t))))
        ),
        "You take t itself: expected the difference to the next sample.": lambda c: 1 - np.exp(-thick(c, c.t)),
        "The length of the direction belongs to the last one, too.": lambda c: (
            1 - np.exp(-c.density * np.append(np.diff(c.t) * np.linalg.norm(c.direction), c.last))
        ),
        "You divide by the length of the direction: multiply by it.": lambda c: (
            1 - np.exp(-thick(c, steps(c), 1 / np.linalg.norm(c.direction)))
        ),
        "You take the square of the direction's length: take the root.": lambda c: (
            1 - np.exp(-thick(c, steps(c), np.sum(c.direction**2)))
        ),
        "The lengths are missing: the share depends on density times length.": lambda c: 1 - np.exp(-c.density),
    }

    def outcome():
        one = np.log(2)  # density times length that stops one half
        return 1 - np.exp(-2 * one), "Half is left after the first half of it, and half of that after the second."

    return judge(
        my_alphas,
        truth,
        draw,
        mistakes,
        hint="Differences of t with `last` behind them, times the length of the direction, times density; then 1 - exp(-…).",
        ask=Numbers("a number from 0 to 1"),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def direction(my_direction: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 3: ``my_direction(u, v, intrinsics, camera_to_world)``."""

    def draw(rng, k):
        turn = np.linalg.qr(rng.normal(0, 1, (3, 3)))[0]
        turn *= np.sign(np.linalg.det(turn))
        pose = np.concatenate([turn, rng.uniform(-3, 3, (3, 1))], axis=1)
        return (*rng.uniform(0, 40, 2).tolist(), np.array([*rng.uniform(20, 60, 2), *rng.uniform(10, 30, 2)]), pose)

    def local(c, *, x=1, y=1, z=-1.0):
        fx, fy, cx, cy = c.intrinsics
        return np.array([x * (c.u - cx) / fx, y * (cy - c.v) / fy, z])

    def world(c, place):
        return c.camera_to_world[:, :3] @ place

    def truth(u, v, intrinsics, camera_to_world):
        fx, fy, cx, cy = intrinsics
        return camera_to_world[:, :3] @ np.array([(u - cx) / fx, (cy - v) / fy, -1.0])

    def unit(a):
        return a / np.linalg.norm(a)

    mistakes = {
        "Your ray goes behind the camera: it looks along -z.": lambda c: world(c, local(c, z=1.0)),
        "Up and down are exchanged: v counts down, and y points up.": lambda c: world(c, local(c, y=-1)),
        "Left and right are exchanged: u and x both count to the right.": lambda c: world(c, local(c, x=-1)),
        "Your ray goes exactly backwards.": lambda c: -world(c, local(c)),
        "This is the direction in the camera's frame: turn it into the world.": local,
        "You have turned by the transpose: it should be the matrix times the vector.": lambda c: (
            local(c) @ c.camera_to_world[:, :3]
        ),
        "You have made its length 1: leave it as it is, so that t is the depth.": lambda c: unit(world(c, local(c))),
        "You have added where the camera stands: that is the origin, and no part of the direction.": lambda c: (
            world(c, local(c)) + c.camera_to_world[:, 3]
        ),
        "u and v are exchanged: u belongs to x.": lambda c: world(
            c,
            np.array([(c.v - c.intrinsics[2]) / c.intrinsics[0], (c.intrinsics[3] - c.u) / c.intrinsics[1], -1.0]),
        ),
        "fx and fy are exchanged.": lambda c: world(
            c,
            np.array([(c.u - c.intrinsics[2]) / c.intrinsics[1], (c.intrinsics[3] - c.v) / c.intrinsics[0], -1.0]),
        ),
        "cx and cy are missing: the optical axis goes through (cx, cy), not through the corner.": lambda c: world(
            c, np.array([c.u / c.intrinsics[0], -c.v / c.intrinsics[1], -1.0])
        ),
        "The focal lengths are missing.": lambda c: world(
            c, np.array([c.u - c.intrinsics[2], c.intrinsics[3] - c.v, -1.0])
        ),
    }

    def outcome():
        return np.array([0.0, 0.0, -1.0]), "In the world it is minus the third column of `camera_to_world`."

    return judge(
        my_direction,
        truth,
        draw,
        mistakes,
        hint="Solve both formulas for p with p_z = -1, then multiply by the first three columns of `camera_to_world`.",
        ask=Numbers("three numbers, (x, y, z)", 3),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def depth(my_depth: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 4: ``my_depth(alphas, t, far)``, the expected depth."""

    def draw(rng, k):
        t = np.cumsum(rng.uniform(0.2, 1, 3 + k)) + 1
        return rng.uniform(0.1, 0.7, 3 + k), t, float(t[-1] + rng.uniform(1, 4))

    def shares(c):
        return _left(c.alphas)[:-1] * c.alphas

    def truth(alphas, t, far):
        return np.sum(_left(alphas)[:-1] * alphas * t) + _left(alphas)[-1] * far

    def powers(c):
        return c.alphas * (1 - c.alphas) ** np.arange(len(c.alphas))

    mistakes = {
        "The share that nothing stops is missing: it counts as `far`.": lambda c: np.sum(shares(c) * c.t),
        "You have divided by the sum of the weights: what is left of 1 counts as `far`.": lambda c: (
            np.sum(shares(c) * c.t) / shares(c).sum()
        ),
        "Samples in front hide those behind: weight by alpha times what reaches the sample.": lambda c: (
            np.sum(c.alphas * c.t) + (1 - c.alphas.sum()) * c.far
        ),
        "Samples in front hide those behind: the weights are not the alphas, and `far` is missing.": lambda c: np.sum(
            c.alphas * c.t
        ),
        "This is the depth of the largest weight: expected the mean, by weight.": lambda c: c.t[np.argmax(shares(c))],
        "A sample does not dim itself: only those before it do.": lambda c: (
            np.sum(_left(c.alphas)[1:] * c.alphas * c.t) + _left(c.alphas)[-1] * c.far
        ),
        "You have divided by the number of samples: the weights add up to 1 already.": lambda c: (
            truth(c.alphas, c.t, c.far) / len(c.t)
        ),
        "What reaches a sample was let through by the samples before it, each with its own alpha: a product, no power.": (
            lambda c: np.sum(powers(c) * c.t) + (1 - powers(c).sum()) * c.far
        ),
    }

    def outcome():
        found = truth(np.array([0.5, 1.0]), np.array([2.0, 4.0]), 6.0)
        return found, "No surface is there."

    return judge(
        my_depth,
        truth,
        draw,
        mistakes,
        hint="The weights of exercise 1 times t, added up, plus what is left of the light times `far`.",
        ask=Numbers("a number"),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def recognised(my_recognised: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 5: ``my_recognised(scores)``, how many objects prefer their own reconstruction to all others."""

    def draw(rng, k):
        count = 7 + 2 * k
        scores = rng.uniform(10, 20, (count, count)) + rng.uniform(0, 6, (1, count))
        own = rng.permutation(count)
        others = np.where(np.eye(count, dtype=bool), -np.inf, scores)
        wins = own[: int(rng.integers(1, count - 3))]
        scores[wins, wins] = others[wins].max(axis=1) + 1
        rest = own[-2:]
        scores[rest, rest] = others[rest].min(axis=1) - rng.uniform(0, 1)
        draw_at = own[-3]
        if draw_at < count - 1:  # the other one comes later, so that argmax would take the object's own
            scores[draw_at, :] -= np.where(np.arange(count) < draw_at, 30, 0)
            scores[draw_at, draw_at] = np.delete(scores[draw_at], draw_at).max()
        return (scores,)

    def others(scores, fill=-np.inf):
        return np.where(np.eye(len(scores), dtype=bool), fill, scores)

    def truth(scores):
        return int(np.sum(np.diag(scores) > others(scores).max(axis=1)))

    mistakes = {
        "A draw counts in your answer: it should be better than every other.": lambda c: int(
            np.sum(np.diag(c.scores) >= others(c.scores).max(axis=1))
        ),
        "You compare down each column: all reconstructions of one object stand in a row.": lambda c: int(
            np.sum(np.diag(c.scores) > others(c.scores).max(axis=0))
        ),
        "You compare down each column, and a draw counts: all reconstructions of one object stand in a row.": lambda c: (
            int(np.sum(np.diag(c.scores) >= c.scores.max(axis=0)))
        ),
        "This is a share: expected a count.": lambda c: truth(c.scores) / len(c.scores),
        "You count the objects whose own reconstruction is the worst: a high PSNR is good.": lambda c: int(
            np.sum(np.diag(c.scores) < others(c.scores, np.inf).min(axis=1))
        ),
        "These are the single comparisons: count the true ones.": lambda c: (
            np.diag(c.scores) > others(c.scores).max(axis=1)
        ),
        "You compare with the mean of the row: it should be better than every other.": lambda c: int(
            np.sum(np.diag(c.scores) > c.scores.mean(axis=1))
        ),
        "Your answer counts all objects.": lambda c: len(c.scores),
        "The object's own reconstruction is among those you compare with, and nothing is better than itself.": lambda c: (
            0
        ),
        "You count those that are not recognised.": lambda c: len(c.scores) - truth(c.scores),
    }

    def outcome():
        return truth(np.repeat(np.linspace(12, 20, 10)[:, None], 10, axis=1)), "Every comparison is a draw."

    return judge(
        my_recognised,
        truth,
        draw,
        mistakes,
        hint="For each row, is the number on the diagonal larger than the largest of the others? Count the rows where it is.",
        ask=Numbers("a number from 0 to 10", tolerance=1e-6),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )
