"""Fitting in the page: draw, type or photograph something, and watch it fitted from a learned and a random start."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import traitlets
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from learnit_core import fit, losses, models, weights
from learnit_core.errors import LearnitError
from learnit_core.evaluate import Setting
from learnit_core.explorer import checks, export
from learnit_core.explorer import controls as places
from learnit_core.explorer.controls import Control
from learnit_core.explorer.widget import Widget
from learnit_core.structures import Field, Params, Pixels, Rated, plain, rows

ENDS = ("first picture", "second picture")
MOST_STEPS = 100
_MOST, _LINE = 8, 0.93  # letters of a word, and from one line to the next, of their size: as in `f3_targets.js`
OPTIMISERS = ("sgd", "adam", "rmsprop", "learned")


class Fitting(Widget):
    """Two pictures, each fitted from several starts. Made by :func:`fitting`.

    ``position`` is [step, t]: what is shown after so many steps, from the first picture (0) to the second (1).
    ``targets`` are both pictures as bytes: observe them to hear of a drawing. What the page tells is not sent to it
    again, nor to other views.
    """

    targets = traitlets.Bytes().tag(sync=True)
    times_given = traitlets.List(traitlets.Int(), [1, 1], help="How often Python has given each.").tag(sync=True)

    def __init__(self, scene, data, *, controls, position, field, starts, given):
        self._field, self._starts, self._given = field, starts, list(given)
        self._told: tuple[list[float], dict[str, Params]] | None = None
        # Known from the beginning, so that a page that tells of them brings no news.
        super().__init__(scene, data, controls=controls, start=position, targets=_bytes(self._given, scene["shape"]))
        self.on_msg(lambda _, content, buffers: self._hear(content, buffers))

    @property
    def target(self) -> Float[np.ndarray, "height width channels"] | None:
        """The first picture, values in [0, 1]; None while it is blank. Set it, and it is fitted."""
        return self._given[0]

    @target.setter
    def target(self, picture: Any) -> None:
        self._give(0, picture)

    @property
    def second(self) -> Float[np.ndarray, "height width channels"] | None:
        """The second picture, likewise."""
        return self._given[1]

    @second.setter
    def second(self, picture: Any) -> None:
        self._give(1, picture)

    @property
    def value(self) -> dict[str, Params]:
        """The weights that the panes show at the present position, by the name of their start.

        Those that the page has fitted, once it is open; else they are fitted here. Raises LearnitError if a picture
        that they need is blank.
        """
        if self._told and self._told[0] == self.position:
            return dict(self._told[1])
        return {name: self._walked(name, self.position) for name in self.scene["titles"]}

    def pictures(self, position=None) -> list[np.ndarray]:
        """The panes' pictures [h, w, c], uint8, fitted and drawn by Python, at a position (the present one)."""
        position = places.start(self._controls, self.position if position is None else position)
        shape = self.scene["shape"]
        coords = models.pixel_grid(*shape[:2])
        values = [self._field.apply(self._walked(name, position), coords) for name in self.scene["titles"]]
        return [export.levels(np.nan_to_num(np.asarray(picture)).reshape(shape)) for picture in values]

    def _give(self, i, picture):
        self._given[i], self._told = _checked(picture, self.scene["shape"]), None
        self.targets = _bytes(self._given, self.scene["shape"])
        # By this a page takes it, also where it is the same as before something was drawn, and leaves the other alone.
        self.times_given = [times + (end == i) for end, times in enumerate(self.times_given)]

    def _walked(self, name, position):
        (step,), (t,) = places.split(self._controls, position)
        needed = [end for end, coefficient in ((0, 1 - t), (1, t)) if coefficient]
        for end in needed:
            if self._given[end] is None:
                raise LearnitError(f"the {ENDS[end]} is blank: draw something on it, or set .target and .second")
        fits = [self._fit(name, end) for end in needed]
        return weights.barycentric([rows(one, int(step)) for one in fits], [c for c in (1 - t, t) if c])

    def _fit(self, name, end):
        """The weights of a fit before it and after each step, stacked."""
        (start, setting), shape = self._starts[name], self.scene["shape"]
        pixels = Pixels(models.pixel_grid(*shape[:2]), jnp.asarray(self._given[end]).reshape(-1, shape[2]))
        return _fitted(
            self._field, setting.optimizer, self.scene["fitting"]["steps"], start, setting.learning_rate, pixels
        )

    def _hear(self, content, buffers):
        """What a page tells: where its controls stand, the weights it shows, and what they are fitted to."""
        if not isinstance(content, dict) or content.get("kind") != "fitted":
            return
        shape, names = self.scene["shape"], content["starts"]
        arrays = [np.frombuffer(bytes(buffer), "<f4") for buffer in buffers]
        self._given = [_as_given(array.reshape(shape)) for array in arrays[len(names) :]]
        beyond, layers = export.beyond(self._field), self.scene["network"]["layers"]
        shown = {
            name: export.shifted(export.unflattened(flat, layers), -beyond)
            for name, flat in zip(names, arrays, strict=False)
        }
        self._told = ([float(x) for x in content["position"]], shown)
        # The same bytes are no change, so that observers hear a drawing once.
        self._take(position=content["position"], targets=_bytes(self._given, shape))


def fitting(
    field: Field,
    starts: Mapping[str, tuple[Params | Rated, Setting]],
    *,
    shape: tuple[int, int],
    target: str | Any = "Hey",
    second: str | Any = "you",
    num_steps: int = 20,
    at_step: int = 2,
    title: str = "Fit something of your own",
    side: int = 240,
) -> Fitting:
    """Fits of what a person draws, types, uploads or photographs, computed in the page, from ``starts`` side by side.

    ``starts`` maps a name ("learned weights") to weights of ``field`` and the optimiser and rate of its fit; the page
    shows the first beside one of the others, each with its own rate. ``shape`` is (height, width) [px] of what is
    fitted, all pixels in every step, for ``num_steps`` steps; ``at_step`` is where the slider stands at first.
    ``target`` and ``second`` are what is there at first: a word (of which eight letters are drawn, four in a line), or
    an array [h, w] or [h, w, c] of values in [0, 1].

    Pictures that are uploaded or taken with the camera stay in the page. What is fitted, their reduction to ``shape``,
    is sent to the notebook's kernel, on whatever machine that runs, where it becomes ``target``; a page without Python
    sends nothing.

    Raises LearnitError for a field that the browser cannot compute, fewer than two starts, weights of another
    architecture, settings or pictures that do not fit.
    """
    checks.check_scene(starts, [places.line(*ENDS)], title=title, side=side, shape=shape)
    if not export.runs_in_browser(field):
        raise LearnitError(
            f"the browser cannot fit a {field.spec.get('model', 'network')} of this kind: expected a siren or "
            "fourier_mlp on the plane with 1 or 3 channels"
        )
    starts = {name: _start(name, start) for name, start in starts.items()}
    if len(starts) < 2:
        raise LearnitError(f"found the start {next(iter(starts))!r} alone: expected at least two, to compare")
    params = [plain(start) for start, _ in starts.values()]
    checks.check_networks(field, {"starts": params}, Control("steps", "start", tuple(starts)))
    if not checks.is_size(num_steps) or num_steps > MOST_STEPS or at_step not in range(num_steps + 1):
        raise LearnitError(
            f"found {num_steps!r} steps, shown first after {at_step!r}: expected 1 to {MOST_STEPS}, and one of them"
        )
    size = (*map(int, shape), field.spec["out_dim"])
    given = [_word(one, size) if isinstance(one, str) else _checked(one, size) for one in (target, second)]
    network, data = export.network_bytes(field, [[one] for one in params], weights_type="float32")
    rates = [export.flat(start.rates) for start, _ in starts.values() if isinstance(start, Rated)]
    controls = [places.fit_steps(range(num_steps + 1)), places.line(*ENDS)]
    described = [
        {"name": name, "optimizer": setting.optimizer, "rate": float(setting.learning_rate),
         "rated": isinstance(start, Rated)}
        for name, (start, setting) in starts.items()
    ]  # fmt: skip
    scene = export.described("fitting", controls, list(starts)[:2], size, title, side) | {
        "network": network,
        "fitting": {"starts": described, "steps": num_steps},
    }
    return Fitting(
        scene, b"".join([data, *rates, _bytes(given, size)]), controls=controls, position=[float(at_step), 0.0],
        field=field, starts=starts, given=given,
    )  # fmt: skip


def _start(name, start):
    try:
        params, setting = start
        setting = Setting(*setting)
    except (TypeError, ValueError) as error:
        raise LearnitError(f"the start {name!r} is no pair of weights and a Setting(optimizer, rate)") from error
    rate = setting.learning_rate
    if setting.optimizer not in OPTIMISERS or not checks.is_finite_number(rate) or not rate > 0:
        raise LearnitError(
            f"the start {name!r} is fitted with {setting.optimizer!r} at {rate!r}: expected one of "
            f"{', '.join(OPTIMISERS)}, and a rate above 0"
        )
    if isinstance(params, Rated) != (setting.optimizer == "learned"):
        raise LearnitError(f"the start {name!r} has learned rates, or is fitted with them, but not both")
    return jax.tree.map(jnp.asarray, params), setting


def _checked(picture, shape):
    try:
        array = np.asarray(picture)
    except ValueError as error:
        raise LearnitError(f"what is to be fitted is no picture: {error}") from error
    if array.shape == tuple(shape[:2]) and shape[2] == 1:
        array = array[..., None]
    if array.shape != tuple(shape):
        raise LearnitError(f"found a picture of shape {list(array.shape)} to fit: expected {list(shape)}")
    if array.dtype == np.uint8:
        array = array / np.float32(255)
    return checks.check_pictures({"picture": array[None]}, 1)["picture"][0].astype(np.float32)


def _word(text, shape):
    """A word, light on dark and as wide as fits, in the lines in which the page draws it."""
    lines, size = lines_of(text), 100
    font = ImageFont.load_default(size=size)
    pen = ImageDraw.Draw(Image.new("L", (1, 1)))
    boxes = [pen.textbbox((0, _LINE * size * i), line, font, anchor="ms") for i, line in enumerate(lines)]
    left, top, *_ = np.min(boxes, axis=0) if boxes else (0, 0)
    *_, right, bottom = np.max(boxes, axis=0) if boxes else (0, 0)
    if not (right > left and bottom > top):
        raise LearnitError(f"nothing of {text!r} can be seen: expected a word of letters or digits, or an array")
    height, width, channels = shape
    ink = Image.new("L", (int(np.ceil(right - left)), int(np.ceil(bottom - top))))
    for i, line in enumerate(lines):
        ImageDraw.Draw(ink).text((-left, _LINE * size * i - top), line, 255, font, anchor="ms")
    scale = min(0.86 * width / ink.width, (0.86 if len(lines) > 1 else 0.62) * height / ink.height)
    small = ink.resize([max(1, round(scale * n)) for n in ink.size], Image.Resampling.BOX)
    paper = Image.new("L", (width, height))
    paper.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return np.repeat(np.asarray(paper, np.float32)[..., None] / np.float32(255), channels, axis=-1)


def lines_of(text: str) -> list[str]:
    """The lines in which a word is drawn: two words below each other, one of more than four letters in halves; at most
    four letters a line. As `linesOf` in the explorer's module."""
    words = text.split()
    if len(words) > 1:
        return [word[: _MOST // 2] for word in words[:2]]
    letters = "".join(words)[:_MOST]
    middle = -(-len(letters) // 2)
    return [
        part for part in ([letters] if len(letters) <= _MOST // 2 else [letters[:middle], letters[middle:]]) if part
    ]


def _as_given(array):
    return array if np.isfinite(array).all() else None


def _bytes(pictures, shape) -> bytes:
    """Both pictures for the page, one after the other; a blank one is not a number."""
    blank = np.full(shape, np.nan, "<f4")
    return b"".join(np.asarray(blank if one is None else one, "<f4").tobytes() for one in pictures)


@functools.partial(jax.jit, static_argnames=("field", "optimizer", "num_steps"))
def _fitted(field, optimizer, num_steps, start, rate, pixels):
    """Weights before the fit and after each step, stacked."""
    loss = losses.regression_loss(field)
    fitted = fit.fit(
        lambda params, batch, key: loss(plain(params), batch, key), start, pixels, jax.random.key(0),
        optimizer=Setting(optimizer, rate).build(), num_steps=num_steps, probe=plain,
    )  # fmt: skip
    return jax.tree.map(lambda first, after: jnp.concatenate([first[None], after]), plain(start), fitted.probes)
