"""Checks of notebook 02: projections, the loss of a sinogram, what was not measured, the other half turn, the matrix."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from learnit_core import tomography
from learnit_core.teaching.checks.judge import Verdict, judge
from learnit_core.teaching.checks.predictions import Choice, Numbers

SIZE = 9
"""Side of the small slices with which predictions are held [pixels]."""


def half_turn(views: int) -> np.ndarray:
    """Angles [views] in equal parts of half a turn [rad]."""
    return np.linspace(0, np.pi, views, endpoint=False).astype(np.float32)


def inside(size: int) -> np.ndarray:
    """The pixels [size, size] whose centres lie within the scanner's circle."""
    offset = np.arange(size) - size // 2
    return offset[:, None] ** 2 + offset[None, :] ** 2 <= (size // 2) ** 2


_project = jax.jit(tomography.project)
_project_all = jax.jit(jax.vmap(tomography.project, in_axes=(0, None)))


@functools.cache
def matrix(views: int) -> np.ndarray:
    """The projection as a matrix [views * SIZE, pixels in the circle]."""
    pixels = np.eye(SIZE**2, dtype=np.float32)[inside(SIZE).ravel()].reshape(-1, SIZE, SIZE)
    sums = _project_all(jnp.asarray(pixels), jnp.asarray(half_turn(views)))
    return np.asarray(sums, np.float64).reshape(len(pixels), -1).T


def two_projections(my_projections: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 1: ``my_projections(picture)`` at 0 and at 90 degrees."""

    def draw(rng, k):
        return (rng.uniform(0, 1, (5 + 2 * k, 5 + 2 * k)),)

    def truth(picture):
        return np.stack([picture.sum(axis=0), picture.sum(axis=1)[::-1]])

    mistakes = {
        "Columns and rows are exchanged: at 0° rays run down the columns, so sum over the first axis.": lambda c: (
            np.stack([c.picture.sum(axis=1), c.picture.sum(axis=0)[::-1]])
        ),
        "Columns and rows are exchanged, and the lowest row should come first.": lambda c: np.stack(
            [c.picture.sum(axis=1), c.picture.sum(axis=0)]
        ),
        "At 90° the lowest row comes first: turn the order round.": lambda c: np.stack(
            [c.picture.sum(axis=0), c.picture.sum(axis=1)]
        ),
        "At 0° the first column comes first: turn the order round at 90° only.": lambda c: np.stack(
            [c.picture.sum(axis=0)[::-1], c.picture.sum(axis=1)[::-1]]
        ),
        "Both rows are the same: at 90° rays run along the rows of the picture.": lambda c: np.stack(
            [c.picture.sum(axis=0)] * 2
        ),
        "You take the mean along the rays: expected the sum.": lambda c: truth(c.picture) / len(c.picture),
        "Your answer is turned: expected one row for each angle.": lambda c: truth(c.picture).T,
        "The order of the two angles is wrong: 0° first.": lambda c: truth(c.picture)[::-1],
    }

    def outcome():
        rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE // 2
        blob = np.exp(-((rows - 1) ** 2 + columns**2) / 4) * inside(SIZE)
        angles = jnp.asarray([0.0, 0.6, np.pi / 2], jnp.float32)
        sums = np.asarray(_project(jnp.asarray(blob, jnp.float32), angles)).sum(axis=1)
        steady = np.ptp(sums) < 0.02 * sums.mean()
        return (
            "no" if steady else "yes"
        ), f"A blob gave {sums[0]:.2f} at 0°, {sums[1]:.2f} at 34° and {sums[2]:.2f} at 90°."

    return judge(
        my_projections,
        truth,
        draw,
        mistakes,
        hint="At 0° add up each column, at 90° each row, the lowest row first.",
        ask=Choice(("yes", "no")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def sinogram_loss(my_ct_loss: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 2: ``my_ct_loss(picture, angles, measured)``, the mean squared difference of line averages."""

    def draw(rng, k):
        size, views = 7 + k, 3 + k
        picture, measured = rng.uniform(0, 1, (size, size)), rng.uniform(0, size, (views, size))
        angles = rng.uniform(0.1, 3.0, views)
        return tuple(jnp.asarray(array, jnp.float32) for array in (picture, angles, measured))

    def off(c):
        return _project(c.picture, c.angles) - c.measured

    def truth(picture, angles, measured):
        return jnp.mean(((_project(picture, angles) - measured) / len(picture)) ** 2)

    mistakes = {
        "You compare sums: divide both by the side of the picture.": lambda c: jnp.mean(off(c) ** 2),
        "The measured sums are not divided by the side of the picture.": lambda c: jnp.mean(
            (_project(c.picture, c.angles) / len(c.picture) - c.measured) ** 2
        ),
        "The projected sums are not divided by the side of the picture.": lambda c: jnp.mean(
            (_project(c.picture, c.angles) - c.measured / len(c.picture)) ** 2
        ),
        "The difference should be divided before it is squared: you divide once by the side, instead of by its square.": (
            lambda c: jnp.mean(off(c) ** 2) / len(c.picture)
        ),
        "You take absolute values: expected squares.": lambda c: jnp.mean(jnp.abs(off(c))) / len(c.picture),
        "You take the sum over rays: expected their mean.": lambda c: jnp.sum((off(c) / len(c.picture)) ** 2),
        "You take the root: the loss is the mean square itself.": lambda c: jnp.sqrt(
            jnp.mean((off(c) / len(c.picture)) ** 2)
        ),
        "You divide by the number of views: an average along a line has the side of the picture.": lambda c: jnp.mean(
            (off(c) / len(c.angles)) ** 2
        ),
        "The angles are in radians already.": lambda c: truth(c.picture, jnp.radians(c.angles), c.measured),
        "The angles are given in radians, and that is what `project` wants.": lambda c: truth(
            c.picture, jnp.degrees(c.angles), c.measured
        ),
    }

    def outcome():
        unseen = np.zeros((SIZE, SIZE))
        unseen[inside(SIZE)] = np.linalg.svd(matrix(4))[2][-1]  # the fewest views leave many such patterns
        rng = np.random.default_rng(0)
        angles = jnp.asarray(half_turn(4))
        measured = jnp.asarray(rng.uniform(0, 3, (4, SIZE)), jnp.float32)
        slice_ = rng.uniform(0, 1, (SIZE, SIZE))
        before, after = (float(truth(jnp.asarray(p, jnp.float32), angles, measured)) for p in (slice_, slice_ + unseen))
        alike = abs(after - before) < 1e-4 * before
        found = "not at all" if alike else "it grows" if after > before else "it falls"
        return found, f"The loss was {before:.5f} before and {after:.5f} after, with four views."

    return judge(
        my_ct_loss,
        truth,
        draw,
        mistakes,
        hint="Project the picture, divide by its side, subtract the measured sums divided by it, square, take the mean.",
        ask=Choice(("it grows", "it falls", "not at all")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
        sizes=2,
    )


def unmeasured(my_errors: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 3: ``my_errors(found, truth, measured)``, the errors at the measured angles and at the others."""

    def draw(rng, k):
        views, size = 6 + 2 * k, 6 + 2 * k + (k % 2)
        measured = np.zeros(views, bool)
        measured[rng.permutation(views)[: 2 + k]] = True
        off = rng.normal(0.3, 1, (views, size)) * np.where(measured, 0.3, 1.5)[:, None]
        truth = rng.uniform(0, 5, (views, size))
        return truth + off, truth, measured

    def right(found, truth, measured):
        squared = (found - truth) ** 2
        return np.sqrt(np.array([squared[measured].mean(), squared[~measured].mean()]))

    def both(power, *, reduce=np.mean, root=False, all_angles=False):
        def given(c):
            off = power(c.found - c.truth)
            values = np.array([reduce(off[c.measured]), reduce(off if all_angles else off[~c.measured])])
            return np.sqrt(values) if root else values

        return given

    mistakes = {
        "The order is wrong: the measured angles come first.": lambda c: right(c.found, c.truth, c.measured)[::-1],
        "The root is missing.": both(np.square),
        "You take absolute values: expected the root of the mean square.": both(np.abs),
        "The second number goes over all angles: leave the measured ones out.": both(
            np.square, root=True, all_angles=True
        ),
        "You take the sum of the squares: expected their mean.": both(np.square, reduce=np.sum, root=True),
        "Positive and negative errors cancel: square them before the mean.": both(lambda x: x),
        "A pair is expected: the error at the measured angles, and that at the others.": lambda c: right(
            c.found, c.truth, c.measured
        )[0],
        "You choose rays instead of angles: angles are the first axis.": lambda c: np.array(
            [np.sqrt(np.mean((c.found - c.truth)[:, m[: c.found.shape[1]]] ** 2)) for m in (c.measured, ~c.measured)]
        ),
        "You take the mean of the roots of single angles: square, take the mean over all, and then the root.": lambda c: (
            np.array([np.sqrt(((c.found - c.truth)[m] ** 2).mean(axis=1)).mean() for m in (c.measured, ~c.measured)])
        ),
    }

    def outcome():
        rng = np.random.default_rng(0)
        inner = rng.uniform(0, 1, int(inside(SIZE).sum()))
        few, many = matrix(4), matrix(20)
        smallest = np.linalg.lstsq(few, few @ inner, rcond=1e-6)[0]  # of all that agree, the least numbers
        sums, true = ((many @ values).reshape(20, SIZE) for values in (smallest, inner))
        here, there = right(sums, true, np.arange(20) % 5 == 0)
        return ("measured" if here > there else "others"), (
            f"Off by {here:.4f} at the four measured angles, and by {there:.4f} at 16 others."
        )

    return judge(
        my_errors,
        right,
        draw,
        mistakes,
        hint="Square the differences, choose the rows of the measured angles, take the mean and the root; then the other rows.",
        ask=Choice(("measured", "others")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def full_turn(my_full_turn: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 4: ``my_full_turn(half)``, the sinogram of a full turn."""

    def draw(rng, k):
        return (rng.uniform(0, 1, (3 + k, 5 + 2 * k)),)

    def truth(half):
        return np.concatenate([half, half[:, ::-1]])

    mistakes = {
        "You repeat the half turn: from behind, the order of the rays is turned round.": lambda c: np.concatenate(
            [c.half, c.half]
        ),
        "You turn the order of the angles round: it is the order of the rays that turns.": lambda c: np.concatenate(
            [c.half, c.half[::-1]]
        ),
        "You turn both orders round: only the rays should turn, the angles go on.": lambda c: np.concatenate(
            [c.half, c.half[::-1, ::-1]]
        ),
        "The order of the halves is wrong: first the half turn that is given.": lambda c: np.concatenate(
            [c.half[:, ::-1], c.half]
        ),
        "The second half is negative: sums from behind are the same sums.": lambda c: np.concatenate([c.half, -c.half]),
        "The angles of the halves alternate: first all of the given half, then all of the other.": lambda c: np.stack(
            [c.half, c.half[:, ::-1]], axis=1
        ).reshape(-1, c.half.shape[1]),
    }

    def outcome():
        picture = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (SIZE, SIZE)) * inside(SIZE), jnp.float32)
        front = np.asarray(_project(picture, jnp.asarray(half_turn(6))))
        back = np.asarray(_project(picture, jnp.asarray(half_turn(6) + np.float32(np.pi))))
        news = sum(not np.allclose(b, f[::-1], atol=1e-3) for f, b in zip(front, back, strict=True))
        return {0: "none", 6: "all"}.get(news, "half of them"), f"Of six additional projections, {news} were new."

    return judge(
        my_full_turn,
        truth,
        draw,
        mistakes,
        hint="The given rows, and below them the same rows with the order of the rays turned round.",
        ask=Choice(("none", "half of them", "all")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def projection_matrix(my_matrix: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 5: ``my_matrix(project, size, angles)``, the matrix of a linear map from pictures to sums."""

    def draw(rng, k):
        size, views = 3 + k, 2 + k
        first, second = rng.normal(0, 1, (2, size, size, size))

        def project(picture, angles):  # linear in the picture, as the scanner is, and quicker
            angles, picture = np.asarray(angles), np.asarray(picture)
            maps = np.cos(angles)[:, None, None, None] * first + np.sin(angles)[:, None, None, None] * second
            return np.einsum("vrij,ij->vr", maps, picture)

        return project, size, jnp.asarray(rng.uniform(0.1, 3.0, views), jnp.float32)

    def columns(c, *, pixel=lambda p: p, sums=lambda s: s, axis=1):
        pictures = np.eye(c.size**2, dtype=np.float32).reshape(-1, c.size, c.size)
        return np.stack([sums(c.project(pixel(p), c.angles)).ravel() for p in pictures], axis=axis)

    def truth(project, size, angles):
        pictures = np.eye(size * size, dtype=np.float32).reshape(-1, size, size)
        return np.stack([project(picture, angles).ravel() for picture in pictures], axis=1)

    mistakes = {
        "Your matrix has rows and columns exchanged: a row for each ray, a column for each pixel.": lambda c: columns(
            c, axis=0
        ),
        "You take averages: the matrix gives sums.": lambda c: columns(c, sums=lambda s: s / c.size),
        "The rows are in another order: ray after ray of the first view, then of the second.": lambda c: columns(
            c, sums=lambda s: s.T
        ),
        "Your pixels are counted column by column: count them row by row.": lambda c: columns(c, pixel=lambda p: p.T),
        "Your columns are all alike: each belongs to a picture with a single pixel in it.": lambda c: np.stack(
            [c.project(np.ones((c.size, c.size)), c.angles).ravel()] * c.size**2, axis=1
        ),
        "Your pictures are 0 at the pixel and 1 elsewhere: it should be the other way round.": lambda c: columns(
            c, pixel=lambda p: 1 - p
        ),
        "A matrix is expected, with the views below one another: flatten each sinogram.": lambda c: columns(c).reshape(
            len(c.angles), c.size, -1
        ),
    }

    def outcome():
        unknown = int(inside(SIZE).sum())
        ranks, views = [], 0
        while unknown not in ranks:
            views += 1
            ranks.append(int(np.linalg.matrix_rank(matrix(views), tol=1e-3)))
        enough, shown = views, ", ".join(f"{rank} with {n + 1}" for n, rank in enumerate(ranks))
        return enough, f"Independent rays, of {unknown} that are needed: {shown}."

    return judge(
        my_matrix,
        truth,
        draw,
        mistakes,
        hint="For each pixel, row by row, `project` a picture that is 1 there only, and put its flat sinogram into a column.",
        ask=Numbers("a number of views"),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )
