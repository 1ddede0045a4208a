"""Meta-training in the page: MAML, FOMAML and Reptile on curves, live, and what their start makes of a new one."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import traitlets
from jaxtyping import Float

from learnit_core import fit, losses, models
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.explorer import checks, export
from learnit_core.explorer import controls as places
from learnit_core.explorer.drawing import drawn
from learnit_core.explorer.widget import Widget
from learnit_core.structures import Field, Params, Pixels

ALGORITHMS = ("maml", "fomaml", "reptile")
TITLES = ("learned start", "random weights")
MOST_STEPS = 10
"""Gradient steps that are shown, and inner steps, at most."""
POINTS = (8, 512)
"""Fewest and most points of a curve."""
RATES = {"inner_rate": (1e-3, 1.0), "outer_rate": (1e-5, 1e-1)}
"""Ranges of the sliders."""
OWN = "your own"
"""What the page calls the curves that are drawn in it: no name for a class."""
SHAPE = (150, 240)
_RANDOM_RATES = [10 ** (i / 4 - 3.5) for i in range(13)]  # as in `m1_gradients.js`
_SHOWN = 8  # curves of the class in the picture without JavaScript


class MetaTraining(Widget):
    """A meta-training in the page. Made by :func:`meta_training`.

    ``position`` is [step]: fits are shown after so many. ``settings``, ``losses`` and ``value`` are what the page told
    last: it does so when it pauses, and every two seconds while it trains.
    """

    def __init__(self, scene, data, *, field, first, classes, controls, position):
        self._field, self._first, self._classes = field, first, classes
        self._learned, self._losses = first, np.zeros(0, np.float32)
        self._settings = dict(scene["meta"]["settings"])
        super().__init__(scene, data, controls=controls, start=position)
        self.on_msg(lambda _, content, buffers: self._hear(content, buffers))

    told = traitlets.Int(0, help="How often the page has told of its training: observe it.")

    @property
    def settings(self) -> dict[str, Any]:
        """Class, algorithm, inner steps, rates, number of training signals and curves an outer step."""
        return dict(self._settings)

    @property
    def losses(self) -> Float[np.ndarray, " steps"]:
        """The mean loss after the inner loop at each outer step, before the step was taken."""
        return self._losses.copy()

    @property
    def value(self) -> dict[str, Params]:
        """The "learned start", which is the random one until the page has trained, and the "random weights"."""
        return {TITLES[0]: self._learned, TITLES[1]: self._first}

    def pictures(self, position=None) -> list[np.ndarray]:
        """Two pictures [h, w, 3], uint8: a new curve and its fit from each of ``value``.

        The learned start is fitted at the inner rate, random weights at the rate that is best for this very curve.
        While nothing is learned the first one has some curves of the class instead.
        """
        (step,), settings = (
            places.start(self._controls, self.position if position is None else position),
            self._settings,
        )
        name = settings["class"] if settings["class"] in self._classes else next(iter(self._classes))
        train, unseen = self._classes[name]
        target, size = unseen[0][:, None], {"height": SHAPE[0], "width": SHAPE[1]}
        rates = [[settings["inner_rate"]], _RANDOM_RATES]
        fits = [
            _after(self._field, params, jnp.array(tried), MOST_STEPS, target)[:, int(step)]
            for params, tried in zip(self.value.values(), rates, strict=True)
        ]
        found = [drawn(np.nan_to_num(_nearest(curves, target)), truth=target, **size) for curves in fits]
        if not len(self._losses):
            found[0] = np.min([drawn(curve[:, None], **size) for curve in train[:_SHOWN]], axis=0)
        return [export.levels(picture) for picture in found]

    def static_png(self, position=None) -> bytes:
        step = self._controls[0].labels[int((position or self.position)[0])]
        first = f"from the learned start, {step}" if len(self._losses) else "curves of the class"
        return export.sheet(self.pictures(position), [first, f"from random weights, {step}"], self.scene["side"])

    def _hear(self, content, buffers):
        if not isinstance(content, dict) or content.get("kind") != "trained":
            return
        weights, told = (np.frombuffer(bytes(buffer), "<f4") for buffer in buffers)
        self._learned = export.shifted(
            export.unflattened(weights, self.scene["network"]["layers"]), -export.beyond(self._field)
        )
        self._losses, self._settings = told.copy(), {**self._settings, **content["settings"]}
        self._take(position=content["position"])
        self.told += 1


def meta_training(
    field: Field | None = None,
    classes: Mapping[str, Any] | None = None,
    *,
    start: Params | None = None,
    algorithm: str = "maml",
    inner_steps: int = 2,
    inner_rate: float = 3e-2,
    outer_rate: float = 1e-3,
    num_signals: int | None = None,
    batch: int = 4,
    num_steps: int = 150,
    at_step: int = 2,
    seed: int = 0,
    title: str = "Learn where to start",
    side: int = 300,
) -> MetaTraining:
    """Meta-training of a small network on curves, computed in the page as one watches.

    ``field`` is a SIREN from one number to one (1→32→32→1 unless given), ``start`` its first weights (drawn with
    ``seed``). ``classes`` maps names to curves [signals, points] of values in [0, 1], at equally spaced positions
    i/points; unless given, :func:`sines` and :func:`jumps`. Of each class the last eighth is not trained on: new curves
    come from there. In the page a person also draws a class.

    The other options are where the page's controls stand at first. The outer optimiser is Adam at a constant rate; an
    outer step sees ``batch`` of the first ``num_signals`` curves, in the order of :func:`order`. The page trains
    ``num_steps`` when it is first seen, and then as it is told.

    Raises LearnitError for fields, weights, curves and options that do not fit.
    """
    field = models.siren(1, 1, width=32, depth=3, w0=20.0) if field is None else field
    spec = field.spec
    if spec.get("model") != "siren" or (spec["in_dim"], spec["out_dim"]) != (1, 1):
        raise LearnitError(
            f"the page cannot meta-train a {spec.get('model', 'network')} of this kind: expected siren(1, 1)"
        )
    classes = {"sines": sines(288), "steps": jumps(288)} if classes is None else classes
    split = {name: _split(name, curves) for name, curves in _named(classes).items()}
    points = {train.shape[1] for train, _ in split.values()}
    if len(points) > 1:
        raise LearnitError(
            f"found classes of curves with {', '.join(map(str, sorted(points)))} points: expected one number"
        )
    controls = [places.fit_steps(range(MOST_STEPS + 1))]
    checks.check_scene(split, controls, title=title, side=side)
    first = field.init(jax.random.key(seed)) if start is None else jax.tree.map(jnp.asarray, start)
    checks.check_networks(field, {"start": [first]}, places.Control("steps", "start", ("start",)))
    most = max(len(train) for train, _ in split.values())
    settings = {
        "class": next(iter(split)), "algorithm": algorithm, "inner_steps": inner_steps, "inner_rate": inner_rate,
        "outer_rate": outer_rate, "num_signals": most if num_signals is None else num_signals, "batch": batch,
    }  # fmt: skip
    _check(settings, most, num_steps, at_step, seed)
    network, data = export.network_bytes(field, [[first]], weights_type="float32")
    curves = [part for pair in split.values() for part in pair]
    scene = export.described("meta", controls, TITLES, (*SHAPE, 3), title, side) | {
        "network": network,
        "meta": {
            "classes": [{"name": name, "train": len(a), "unseen": len(b)} for name, (a, b) in split.items()],
            "points": points.pop(), "settings": settings, "rates": RATES, "most": MOST_STEPS, "signals": most,
            "steps": int(num_steps), "seed": int(seed),
        },
    }  # fmt: skip
    return MetaTraining(
        scene, b"".join([data, *(part.tobytes() for part in curves)]), field=field, first=first, classes=split,
        controls=controls, position=[float(at_step)],
    )  # fmt: skip


def sines(count: int, *, points: int = 64, seed: int = 0) -> Float[np.ndarray, "{count} {points}"]:
    """Waves of random frequency (1 to 4 periods), height and phase, around 0.5."""
    rng = np.random.default_rng([seed, 1])
    frequency, height, phase = (rng.uniform(a, b, (count, 1)) for a, b in ((1, 4), (0.2, 0.45), (0, 2 * np.pi)))
    return np.float32(0.5 + height * np.sin(2 * np.pi * frequency * np.arange(points) / points + phase))


def jumps(count: int, *, points: int = 64, seed: int = 0) -> Float[np.ndarray, "{count} {points}"]:
    """Curves that are constant but for one to three jumps, at random places to random heights."""
    rng, x, found = np.random.default_rng([seed, 2]), np.arange(points) / points, []
    for _ in range(count):
        number = rng.integers(1, 4)
        at = np.sort(rng.uniform(0.1, 0.9, number))
        found.append(rng.uniform(0.05, 0.95, number + 1)[np.searchsorted(at, x)])
    return np.asarray(found, np.float32)


def order(seed: int, step: int, batch: int, count: int) -> list[int]:
    """Which of ``count`` curves the page's outer step ``step`` (from 0) sees: as `drawn` in ``m1_gradients.js``."""
    word = 2**32 - 1
    state, found = ((step + 1) * 0x9E3779B1 ^ seed) & word, []
    for _ in range(batch):  # mulberry32
        state = (state + 0x6D2B79F5) & word
        bits = (state ^ (state >> 15)) * (state | 1) & word
        bits ^= (bits + ((bits ^ (bits >> 7)) * (bits | 61) & word)) & word
        found.append(((bits ^ (bits >> 14)) & word) * count >> 32)
    return found


def _named(classes):
    if not isinstance(classes, Mapping) or not classes or not all(isinstance(name, str) for name in classes):
        raise LearnitError("found no classes of curves: expected a mapping of names to arrays [signals, points]")
    if OWN in classes:
        raise LearnitError(f"found a class called {OWN!r}, as the page calls what is drawn in it: give it another name")
    return classes


def _nearest(curves, target):
    """The one of some curves [number, points, 1] with the least error; the first one if none has any."""
    errors = np.mean((np.asarray(curves) - target) ** 2, axis=(1, 2))
    return np.asarray(curves)[np.argmin(np.where(np.isfinite(errors), errors, np.inf))]


def _split(name, curves):
    """Curves to train on, and unseen ones."""
    try:
        array = np.asarray(curves, "<f4")
    except (TypeError, ValueError) as error:
        raise LearnitError(f"the class {name!r} is no array of curves: {error}") from error
    if array.ndim != 2 or len(array) < 2 or not POINTS[0] <= array.shape[1] <= POINTS[1]:
        raise LearnitError(
            f"found curves {name!r} of shape {list(array.shape)}: expected [signals, points], at least 2 signals of "
            f"{POINTS[0]} to {POINTS[1]} points"
        )
    low, high = np.min(array), np.max(array)
    if not (np.isfinite(array).all() and low >= -checks.MARGIN and high <= 1 + checks.MARGIN):
        raise LearnitError(f"the curves {name!r} have values from {low:.3g} to {high:.3g}: expected them in [0, 1]")
    unseen = max(1, len(array) // 8)
    return array[:-unseen], array[-unseen:]


def _check(settings, most, num_steps, at_step, seed):
    if settings["algorithm"] not in ALGORITHMS:
        raise LearnitError(f"unknown algorithm {settings['algorithm']!r}: expected one of {', '.join(ALGORITHMS)}")
    for name, (low, high) in RATES.items():
        if not checks.is_finite_number(settings[name]) or not low <= settings[name] <= high:
            raise LearnitError(f"found the {name} {settings[name]!r}: expected a number from {low:g} to {high:g}")
        settings[name] = float(settings[name])
    for name, high in {"inner_steps": MOST_STEPS, "num_signals": most, "batch": 16}.items():
        if not checks.is_size(settings[name]) or settings[name] > high:
            raise LearnitError(f"found the {name} {settings[name]!r}: expected a whole number from 1 to {high}")
        settings[name] = int(settings[name])
    for name, value, high in (
        ("num_steps", num_steps, 10_000),
        ("at_step", at_step, MOST_STEPS),
        ("seed", seed, 2**31),
    ):
        if not (value == 0 or checks.is_size(value)) or value > high:
            raise LearnitError(f"found the {name} {value!r}: expected a whole number from 0 to {high}")


@functools.partial(jax.jit, static_argnames=("field", "num_steps"))
def _after(field, params, rates, num_steps, target):
    """The curve of a fit before it and after each step, stacked, for each rate."""
    pixels = Pixels(jnp.arange(len(target))[:, None] / len(target), jnp.asarray(target))

    def at(rate):
        fitted = fit.fit(
            losses.regression_loss(field), params, pixels, jax.random.key(0), optimizer=Setting("sgd", rate).build(),
            num_steps=num_steps, probe=lambda weights: field.apply(weights, pixels.coords),
        )  # fmt: skip
        return jnp.concatenate([field.apply(params, pixels.coords)[None], fitted.probes])

    return jax.vmap(at)(rates)
