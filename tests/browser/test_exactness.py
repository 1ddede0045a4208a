"""The page draws what JAX draws: every architecture and control, at random positions, in WebGL2 and without it."""

import base64
import functools
import itertools

import jax
import numpy as np
import pytest
from browsing import Widget, networks

from learnit_core import explorer, models, weights
from learnit_core.experiments import image
from learnit_core.experiments.image import interpolation
from learnit_core.experiments.image.interpolation import VARIANTS

pytestmark = pytest.mark.browser

NUM_POSITIONS = 20
TOLERANCE = 1e-4
"""Largest error of a value with weights in float32, where the picture's range is 1."""
LEVELS = 2
"""The same with weights as they are exported, in levels of 8 bits."""


def fourier(sigma, features, out_dim, **options):
    frequencies = sigma * jax.random.normal(jax.random.key(7), (features, 2))
    return models.fourier_mlp(frequencies, out_dim, **options)


# Larger pictures for small networks: 53 x 41 pixels need more than one tile. None is square, so nothing is transposed.
FIELDS = {
    "siren 4x64, w0 30": (models.siren(2, 3, width=64, depth=4, w0=30.0), (53, 41)),
    "siren 3x50, w0 30": (models.siren(2, 1, width=50, depth=3, w0=30.0), (24, 17)),
    "siren 3x50, offset 0.3": (models.siren(2, 1, width=50, depth=3, w0=30.0, offset=0.3), (24, 17)),
    "siren 5x256, w0 30": (models.siren(2, 3, width=256, depth=5, w0=30.0), (11, 7)),
    "siren 5x256, w0 100": (models.siren(2, 1, width=256, depth=5, w0=100.0), (11, 7)),
    "siren 5x256, w0 200": (models.siren(2, 1, width=256, depth=5, w0=200.0), (11, 7)),
    "fourier 4x64, 64 of sigma 10": (fourier(10.0, 64, 1, width=64, depth=4), (24, 17)),
    "fourier 5x256, 128 of sigma 30": (fourier(30.0, 128, 3, width=256, depth=5), (11, 7)),
    "fourier 3x38, 31 of sigma 100": (fourier(100.0, 31, 3, width=38, depth=3, final="identity"), (24, 17)),
}
CONTROLS = {"line": 2, "triangle": 3, "square": 4, "steps": 4}  # and how many networks they have
CHOICES = {
    "line": explorer.line("a", "b"),
    "triangle": explorer.triangle("a", "b", "c"),
    "square": explorer.square("a", "b", "c", "d"),
    "steps": explorer.fit_steps([0, 1, 2, 8]),
}


@functools.cache
def corners(name):
    """Four random networks; controls take the first two, three or four."""
    return networks(FIELDS[name][0], 4)


def made(name, kind, weights_type):
    """An explorer of these networks."""
    (field, shape), pane = FIELDS[name], {"pane": corners(name)[: CONTROLS[kind]]}
    options = {"shape": shape, "weights_type": weights_type, "engine": "browser"}
    if kind == "steps":
        return explorer.steps(field, pane, counts=[0, 1, 2, 8], **options)
    return explorer.networks(field, pane, labels="abcd"[: CONTROLS[kind]], **options)


@functools.cache
def positions(kind):
    """Random positions; of a fit's steps, each once: there are no others."""
    rng = np.random.default_rng(len(kind))
    if kind == "steps":
        return [[float(i)] for i in range(4)]
    if kind == "triangle":
        return rng.dirichlet([1, 1, 1], NUM_POSITIONS)[:, 1:].tolist()
    return rng.uniform(0, 1, (NUM_POSITIONS, 1 if kind == "line" else 2)).tolist()


@functools.cache
def by_jax(name, kind):
    """What is expected at these positions [positions, h, w, c]."""
    field, shape = FIELDS[name]
    control, nets = CHOICES[kind], corners(name)[: CONTROLS[kind]]
    coords = models.pixel_grid(*shape)
    mixed = (weights.barycentric(nets, control.coefficients(position)) for position in positions(kind))
    return np.stack([np.asarray(field.apply(params, coords)).reshape(*shape, -1) for params in mixed])


def to_levels(values):
    return np.round(255 * np.clip(values, 0, 1))


# All values of some positions at once, as the bytes of a Float32Array in base64.
VALUES = """
async (explorer, positions) => {
  const [height, width, channels] = explorer.scene.shape;
  const all = new Float32Array(positions.length * height * width * channels);
  for (const [i, position] of positions.entries()) {
    all.set(await explorer.engine.values(position, 0, height, width), i * height * width * channels);
  }
  let text = "";
  for (const byte of new Uint8Array(all.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}
"""

SMALL = ("siren 3x50, w0 30", "fourier 3x38, 31 of sigma 100")  # and of sizes that fill no tile
ALIKE = ("siren 5x256, w0 30", "siren 5x256, w0 100")  # as w0 200, which is harder


def case(name, engine, weights_type):
    """Every night all; else the small ones, the hardest as it is exported, and exact weights in WebGL2."""
    exact = weights_type == "float32" or name == "siren 5x256, w0 200"
    daily = name in SMALL or (engine == "webgl" and exact and name not in ALIKE)
    return pytest.param(name, engine, weights_type, marks=[] if daily else [pytest.mark.nightly])


CASES = [case(name, *how) for how in itertools.product(("webgl", "script"), ("float32", "float16")) for name in FIELDS]


# What WebGL2 promises is four; shaders write to as many as there are, up to eight.
FOUR_BUFFERS = """
const getParameter = WebGL2RenderingContext.prototype.getParameter;
WebGL2RenderingContext.prototype.getParameter = function (name) {
  return [this.MAX_DRAW_BUFFERS, this.MAX_COLOR_ATTACHMENTS].includes(name) ? 4 : getParameter.call(this, name);
};
"""
SHARED = """
() => {
  const ours = Object.getOwnPropertySymbols(globalThis).find((key) => key.description.startsWith("learnit.explorer"));
  return globalThis[ours].layers;
}
"""


@pytest.mark.parametrize("name", ["siren 4x64, w0 30", "fourier 4x64, 64 of sigma 10"])
def test_values_are_those_of_jax_with_four_draw_buffers(visit, tmp_path, name):
    file = made(name, "line", "float32").to_html(tmp_path / "page.html")
    widget = Widget(visit(file, script=FOUR_BUFFERS)).painted()
    assert widget.data("engine") == "webgl" and widget.page.evaluate(SHARED) == 4
    expected = by_jax(name, "line")
    assert np.abs(values(widget, "line", expected.shape) - expected).max() < TOLERANCE


def values(widget, kind, shape):
    """What the page computes at all positions of a control."""
    return np.frombuffer(base64.b64decode(widget.run(VALUES, positions(kind))), np.float32).reshape(shape)


@pytest.mark.parametrize("name, engine, weights_type", CASES)
def test_values_are_those_of_jax(visit, request, tmp_path, capsys, name, engine, weights_type):
    browser = request.getfixturevalue("chromium" if engine == "webgl" else "chromium_without_webgl")
    explorers = [made(name, kind, weights_type) for kind in CONTROLS]
    file = explorer.write_page(tmp_path / "page.html", name, [("", shown) for shown in explorers])
    page = visit(file, browser=browser)
    worst, worst_levels = 0.0, 0.0
    for index, kind in enumerate(CONTROLS):
        widget = Widget(page, index)
        assert widget.data("engine") == engine
        expected = by_jax(name, kind)
        assert expected.std() > 0.05, "an error would hardly be seen"
        found = values(widget, kind, expected.shape)
        worst = max(worst, np.abs(found - expected).max())
        worst_levels = max(worst_levels, np.abs(to_levels(found) - to_levels(expected)).max())
    with capsys.disabled():
        print(f"\n{name}, {engine}, {weights_type}: largest error {worst:.1e}, {worst_levels:.0f} levels", end=" ")
    if weights_type == "float32":
        assert worst < TOLERANCE
    assert worst_levels <= LEVELS


@pytest.mark.parametrize("name", ["image-text-64", "image-faces-25"])
def test_shipped_initialisations_fitted_for_some_steps(visit, tmp_path, capsys, name):
    field, start, _ = weights.pretrained(name)
    truth = image.large_test(name.split("-")[1], count=3)
    fits = interpolation.fit_to(field, start, truth, VARIANTS["MAML, SGD 3e-3"][1], max_steps=4)
    corners = [jax.tree.map(lambda leaf, i=i: leaf[i], fits.params) for i in range(3)]
    shown = explorer.networks(field, {"MAML": corners}, labels="abc", shape=truth.shape[1:3])
    widget = Widget(visit(shown.to_html(tmp_path / "page.html"))).painted()
    rng, off = np.random.default_rng(0), []
    for _ in range(4):
        a, b = rng.dirichlet([1, 1, 1])[1:]
        widget.page.mouse.click(*widget.on_area(a + b / 2, 1 - b))
        widget.page.wait_for_timeout(30)
        painted = widget.painted().picture().astype(int)
        off.append(np.abs(painted - shown.pictures(widget.position)[0]).max())
    with capsys.disabled():
        print(f"\n{name} after 4 steps: largest error {max(off)} levels", end=" ")
    assert max(off) <= LEVELS


PREVIEW = """
async (explorer, position) => {
  const { engine } = explorer;
  engine.msPerPixel = 1; // so slow that a preview is as small as previews are
  const pictures = [];
  for (const fine of [false, true]) {
    const drawn = await engine.draw(position, fine, () => false);
    const [{ width, height, data }] = drawn.pictures;
    pictures.push({ width, height, data: [...data], fine: drawn.fine });
  }
  return pictures;
}
"""


@pytest.mark.parametrize("webgl", [True, False])
@pytest.mark.parametrize("shape", [(48, 48), (53, 41)])
def test_a_preview_is_of_the_pictures_own_pixels(visit, chromium, chromium_without_webgl, tmp_path, shape, webgl):
    field = models.siren(2, 1, width=16, depth=3, w0=100.0)  # which bends between two pixels
    shown = explorer.networks(field, {"pane": networks(field, 2)}, labels="ab", shape=shape, engine="browser")
    file = shown.to_html(tmp_path / "page.html")
    widget = Widget(visit(file, browser=chromium if webgl else chromium_without_webgl)).painted()
    found = widget.run(PREVIEW, [0.3])
    small, fine = (np.array(one["data"]).reshape(one["height"], one["width"], 4) for one in found)
    assert [one["fine"] for one in found] == [False, True] and fine.shape[:2] == shape
    stride = -(-shape[0] // len(small))
    assert stride > 1
    assert np.abs(small - fine[::stride, ::stride]).max() <= LEVELS
