"""Checks of notebook 05: positions, fields, decibels with a peak, splits, the nearest training signal."""

import functools
from typing import Any

import numpy as np

from learnit_core.structures import Field
from learnit_core.teaching.checks.judge import Verdict, Wrong, call, fits, judge, something, verdict
from learnit_core.teaching.checks.predictions import Choice, Numbers


def positions(my_positions: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 1: ``my_positions(sizes)`` of a grid with any number of dimensions."""

    def draw(rng, k):
        dims = (2, 3, 1, 4)[k]
        return (tuple(int(size) for size in 2 + rng.permutation(4)[:dims]),)

    def grid(sizes, *, axis=lambda n: np.arange(n) / n, indexing="ij"):
        return np.stack(np.meshgrid(*(axis(n) for n in sizes), indexing=indexing), axis=-1).reshape(-1, len(sizes))

    def truth(sizes):
        return grid(sizes)

    mistakes = {
        'numpy has exchanged the first two axes: give `meshgrid` the argument indexing="ij".': lambda c: grid(
            c.sizes, indexing="xy"
        ),
        "Your positions go up to 1: along n entries the last is (n − 1)/n.": lambda c: grid(
            c.sizes, axis=lambda n: np.linspace(0, 1, n)
        ),
        "Your answer is turned: expected a row for each point.": lambda c: grid(c.sizes).T,
        "These are the numbers of the entries: divide by n along each axis.": lambda c: grid(c.sizes, axis=np.arange),
        "Your positions are in the middle of the cells: expected i/n, without a half.": lambda c: grid(
            c.sizes, axis=lambda n: (np.arange(n) + 0.5) / n
        ),
        "You divide all axes by the same number: each has its own n.": lambda c: grid(
            c.sizes, axis=lambda n: np.arange(n) / max(c.sizes)
        ),
        "Coordinates of different points were mixed: stack them along the last axis before you reshape.": lambda c: (
            grid(c.sizes).T.reshape(-1, len(c.sizes))
        ),
        "The coordinates are in the opposite order: the first belongs to the first axis.": lambda c: grid(c.sizes)[
            :, ::-1
        ],
        "The points are in another order: the last axis should run fastest.": lambda c: grid(c.sizes[::-1])[:, ::-1],
        "Flatten the grid: expected a list of points, [points, dimensions].": lambda c: grid(c.sizes).reshape(
            *c.sizes, -1
        ),
    }

    def outcome():
        return len(grid((4, 8, 8))), "4 times 8 times 8."

    return judge(
        my_positions,
        truth,
        draw,
        mistakes,
        hint="An axis np.arange(n) / n for each size, `meshgrid` of them, stacked along a last axis, and reshaped.",
        ask=Numbers("a number", tolerance=1e-6),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def field_for(my_field: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 2: ``my_field(signal)``, a field with as many inputs and outputs as the signal needs."""

    def draw(rng, k):
        return (rng.uniform(0, 1, ((7, 1), (5, 6, 3), (3, 4, 5, 2), (4, 2))[k]),)

    def truth(signal):
        return np.array([signal.ndim - 1, signal.shape[-1]])

    mistakes = {
        "The axis of the channels is no dimension: one input fewer.": lambda c: np.array(
            [c.signal.ndim, c.signal.shape[-1]]
        ),
        "The order is wrong: first how many numbers go in, then how many come out.": lambda c: np.array(
            [c.signal.shape[-1], c.signal.ndim - 1]
        ),
        "Not every signal has two dimensions: count the axes.": lambda c: np.array([2, c.signal.shape[-1]]),
        "Not every signal has one dimension: count the axes.": lambda c: np.array([1, c.signal.shape[-1]]),
        "As many numbers as the signal has channels should come out: not always one of them comes out.": lambda c: (
            np.array([c.signal.ndim - 1, 1])
        ),
        "Three numbers come out of your network, whatever the channels.": lambda c: np.array([c.signal.ndim - 1, 3]),
        "How many numbers go in is the number of axes, not the length of one of them.": lambda c: np.array(
            [c.signal.shape[0], c.signal.shape[-1]]
        ),
    }

    def outcome():
        return np.array([2, 2]), "A place has two coordinates, and the wind two components."

    student = my_field
    if callable(my_field):

        @functools.wraps(my_field)
        def student(signal):
            field = my_field(signal)
            something(field)
            if not isinstance(field, Field) or not {"in_dim", "out_dim"} <= field.spec.keys():
                raise Wrong(f"Expected a field, what `models.siren(…)` gives; found {type(field).__name__}.")
            if (field.spec.get("width"), field.spec.get("depth")) != (16, 3):
                raise Wrong("Keep the size of the network: width=16 and depth=3.")
            return np.array([field.spec["in_dim"], field.spec["out_dim"]])

    return judge(
        student,
        truth,
        draw,
        mistakes,
        hint="As many inputs as the signal has axes before the last, as many outputs as the last axis is long.",
        ask=Numbers("two numbers, (in, out)", 2, tolerance=1e-6),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def error_of(my_error: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 3: ``my_error(psnr, peak)``, the root mean squared error that belongs to a PSNR."""

    def draw(rng, k):
        return float(rng.uniform(5, 50)), float(rng.uniform(2, 2000))

    def truth(psnr, peak):
        return peak * 10 ** (-psnr / 20)

    mistakes = {
        "The sign is wrong: a high PSNR belongs to a small error.": lambda c: c.peak * 10 ** (c.psnr / 20),
        "This is the mean squared error: take its root.": lambda c: (c.peak * 10 ** (-c.psnr / 20)) ** 2,
        "With 10 in the exponent this is a square: the error itself has 20.": lambda c: c.peak * 10 ** (-c.psnr / 10),
        "The peak is squared in the formula: its root is the peak itself.": lambda c: (
            np.sqrt(c.peak) * 10 ** (-c.psnr / 20)
        ),
        "The peak is squared in the formula, and the root of it is the peak itself, not its square.": lambda c: (
            c.peak**2 * 10 ** (-c.psnr / 20)
        ),
        "Decibels go by powers of 10, not of e.": lambda c: c.peak * np.exp(-c.psnr / 20),
        "Decibels are a logarithm: you cannot subtract them from metres.": lambda c: c.peak - c.psnr,
        "This is the other way: from an error to a PSNR.": lambda c: 10 * np.log10(c.peak**2 / c.psnr),
        "This is the other way: from an error to a PSNR, by 20 logarithms.": lambda c: 20 * np.log10(c.peak / c.psnr),
        "The peak multiplies the error: it does not divide it.": lambda c: 10 ** (-c.psnr / 20) / c.peak,
    }

    def outcome():
        return 10 * np.log10(1000**2 / 10**2), "A hundredth of the peak is 40 dB, in any unit."

    return judge(
        my_error,
        truth,
        draw,
        mistakes,
        hint="Solve the formula for the MSE, and take the root.",
        ask=Numbers("a number of decibels"),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )


def splits(my_splits: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 4: ``my_splits(n, seed)``, numbers to train on, to validate on and to test on."""

    def signature(n, seed): ...

    def groups(n, number):
        answer = call(my_splits, (n, number), signature)
        if not isinstance(answer, (tuple, list)) or len(answer) != 3:
            raise Wrong("Expected three arrays: for training, validation and test.")
        found = [np.asarray(group) for group in answer]
        if any(group.ndim != 1 or group.dtype.kind not in "iu" for group in found):
            raise Wrong("Expected three arrays of whole numbers.")
        return found

    def compare():
        rng = np.random.default_rng(seed)
        fits(my_splits, signature)
        for n in (50, 57, 83, 120):
            one, other = (int(number) for number in rng.permutation(10_000)[:2])
            found, again, others = groups(n, one), groups(n, one), groups(n, other)
            wrong = next(filter(None, (_wrong_split(split, n) for split in (found, others))), None)
            if not wrong and not _alike(found, again):
                wrong = "The same seed should give the same groups: draw with `np.random.default_rng(seed)`."
            if not wrong and _alike(found, others):
                wrong = "Your answer does not depend on `seed`: draw with the seed that is given."
            if not wrong and any(_alike([(group + i) % n for group in found], others) for i in range(n)):
                wrong = "The groups are not drawn at random: another seed only shifts them."
            if wrong:
                raise Wrong(wrong)

    def outcome():
        rng = np.random.default_rng(0)
        luck = rng.normal(0, 1, (1000, 9, 10)).mean(axis=2).max(axis=1).mean()
        return ("too high" if luck > 0.05 else "unchanged"), (
            f"With ten signals, and scores that are nothing but noise of 1 dB, the best of nine looks {luck:.2f} dB better "
            "than it is."
        )

    return verdict(compare, ask=Choice(("too high", "too low", "unchanged")), prediction=prediction, outcome=outcome)


def _alike(one, other):
    return all(np.array_equal(np.sort(a), np.sort(b)) for a, b in zip(one, other, strict=True))


def _wrong_split(found, n):
    """One sentence for groups that do not divide the numbers below ``n`` as they should, or None."""
    few = n // 10
    together = np.concatenate(found)
    sizes = [len(group) for group in found]
    if len(together) and (together.min() < 0 or together.max() >= n):
        return f"The numbers go from 0 to n − 1: found {together.min()} to {together.max()} for n = {n}."
    if len(np.unique(together)) < len(together):
        return "Some number is in two of the groups, or twice in one: then a score is not on unseen signals."
    if sizes != [n - 2 * few, few, few] and sorted(sizes) == sorted([n - 2 * few, few, few]):
        return "The order of the groups is wrong: training, validation, test."
    if len(together) < n:
        return (
            f"{n - len(together)} of n = {n} numbers are left out: all that is not validation or test is to train on."
        )
    if sizes != [n - 2 * few, few, few]:
        return f"Count how many are in each group: expected {[n - 2 * few, few, few]} for n = {n}, found {sizes}."
    if any(np.ptp(group) == len(group) - 1 for group in found[1:]):
        return "The groups are not drawn at random: neighbours may resemble each other, so mix the numbers first."
    return None


def nearest(my_nearest: Any, prediction: Any, *, seed: int | None = None) -> Verdict:
    """Exercise 5: ``my_nearest(train, test)``, the training signal with the smallest mean squared difference."""

    def draw(rng, k):
        tests, samples = 4 + k, 8 + k
        test = rng.normal(0, 1, (tests, samples, 2))
        train, number = rng.normal(0, 1, (6 * tests + k, samples, 2)), 2 * samples
        # Off at some places (nearest by the mean square), a little everywhere (nearest by the largest difference), at one
        # place (nearest by absolute values), and in the second channel only (nearest in the first).
        places = rng.permuted(np.tile(np.arange(number), (tests, 1)), axis=1).reshape(test.shape)
        sign = rng.choice([-1, 1], test.shape)
        second = np.array([0, 2])
        some = 0.9 * sign * (places < number // 4)
        off = (some, 1.03 * some, 0.5 * sign, np.sqrt(0.4 * number) * (places == 0), second)
        for i, one in enumerate(off):
            train[i * tests : (i + 1) * tests] = test + one
        order = rng.permutation(len(train))
        return train[order], test

    def all_pairs(c):
        return c.test[:, None] - c.train[None]

    def truth(train, test):
        return ((test[:, None] - train[None]) ** 2).mean(axis=(2, 3)).argmin(axis=1)

    mistakes = {
        "These are the farthest: take the smallest difference.": lambda c: (
            (all_pairs(c) ** 2).mean(axis=(2, 3)).argmax(axis=1)
        ),
        "You have searched for each training signal among the test signals: it is the other way round.": lambda c: (
            (all_pairs(c) ** 2).mean(axis=(2, 3)).argmin(axis=0)
        ),
        "This is the distance: expected the number of the signal (`argmin`).": lambda c: (
            (all_pairs(c) ** 2).mean(axis=(2, 3)).min(axis=1)
        ),
        "Differences cancel in your mean: square them first.": lambda c: np.abs(all_pairs(c).mean(axis=(2, 3))).argmin(
            axis=1
        ),
        "This is the smallest sum of differences, and negative ones count as near: square them first.": lambda c: (
            all_pairs(c).mean(axis=(2, 3)).argmin(axis=1)
        ),
        "These are the signals themselves: expected their numbers.": lambda c: c.train[truth(c.train, c.test)],
        "You take absolute values: the mean squared difference may choose another.": lambda c: (
            np.abs(all_pairs(c)).mean(axis=(2, 3)).argmin(axis=1)
        ),
        "You take the largest difference of a sample: expected the mean square over all.": lambda c: (
            np.abs(all_pairs(c)).max(axis=(2, 3)).argmin(axis=1)
        ),
        "These are the second nearest.": lambda c: (all_pairs(c) ** 2).mean(axis=(2, 3)).argsort(axis=1)[:, 1],
        "Your numbers count from 1.": lambda c: truth(c.train, c.test) + 1,
        "Only the first channel is compared.": lambda c: (all_pairs(c)[..., 0] ** 2).mean(axis=2).argmin(axis=1),
    }

    def outcome():
        rng = np.random.default_rng(0)
        phases = rng.uniform(0, 2 * np.pi, 220)
        signals = np.sin(np.linspace(0, 8 * np.pi, 64)[None] + phases[:, None])[..., None]
        train, test = signals[:200], signals[200:]
        mean = np.mean((test - train.mean(axis=0)) ** 2)
        near = np.mean((test - train[truth(train, test)]) ** 2)
        found = "the nearest" if near < mean else "the mean"
        return found, f"Mean squared difference: {mean:.3f} to the mean, {near:.5f} to the nearest of 200."

    return judge(
        my_nearest,
        truth,
        draw,
        mistakes,
        hint="All differences at once, test[:, None] - train[None]; square, mean over samples and channels, argmin over train.",
        ask=Choice(("the mean", "the nearest")),
        prediction=prediction,
        outcome=outcome,
        seed=seed,
    )
