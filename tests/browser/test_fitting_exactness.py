"""Fitting in the page against JAX: the same gradients, and the same weights after ten steps of every optimiser."""

import base64
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from browsing import networks

from learnit_core import losses, models
from learnit_core.evaluate import Setting
from learnit_core.explorer import assets, export
from learnit_core.structures import Pixels, Rated, plain

pytestmark = pytest.mark.browser

GRADIENT, WEIGHTS = 1e-4, 1e-3
"""Largest relative errors of a gradient, and of weights after ten steps, array by array."""


def fourier(sigma, features, out_dim, **options):
    frequencies = sigma * jax.random.normal(jax.random.key(features), (features, 2))
    return models.fourier_mlp(frequencies, out_dim, **options)


# Architecture, picture (less than a block of 64 pixels, whole blocks, and a part of one), optimisers. Five networks and
# targets of each, the optimisers in turns: few programs for JAX to compile.
LEARNED = (Setting("learned", 1.0), Setting("rmsprop", 1e-3))
CASES = [
    (models.siren(2, 1, width=64, depth=4, w0=60.0), (16, 16), (Setting("sgd", 1e-3), Setting("adam", 1e-3))),
    (models.siren(2, 3, width=33, depth=3, w0=30.0, offset=0.2), (9, 7), LEARNED),
    (fourier(30.0, 31, 3, width=38, depth=4), (9, 13), (Setting("sgd", 1e-1), Setting("adam", 1e-3))),
    (fourier(10.0, 16, 1, width=17, depth=2, final="identity"), (5, 64), LEARNED),
]  # fmt: skip
EACH, STEPS = 5, 10

RUN = """
async ([code, cases]) => {
  const program = new Function(`${code}; return fittingProgram();`)();
  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const letters = (values) => Array.from(new Uint8Array(values.buffer), (byte) => String.fromCharCode(byte));
  const text = (values) => btoa(letters(values).join(""));
  return cases.map(({ network, height, width, frequencies, weights, target, setting, rates, steps }) => {
    const pairs = floats(frequencies);
    network.buffer = Array.from({ length: pairs.length / 2 }, (_, i) => pairs.slice(2 * i, 2 * i + 2));
    const net = new program.Network(network, height, width);
    const [params, wanted, gradient] = [floats(weights), floats(target), new Float32Array(net.size)];
    const picture = new Float32Array(wanted.length);
    const pass = () => { for (const _ of net.pass(params, picture, wanted, gradient)); };
    pass();
    const found = { gradient: text(gradient), picture: text(picture), db: program.psnr(picture, wanted) };
    const step = program.optimiser({ ...setting, rates: rates && floats(rates) }, net.size);
    for (let i = 0; i < steps; i++) {
      if (i) pass();
      step(params, gradient);
    }
    return { ...found, weights: text(params) };
  });
}
"""


def text(values):
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def flat(params):
    """All weights in the page's order: layer by layer, w and then b."""
    return np.concatenate([np.ravel(layer[name]) for layer in params for name in ("w", "b")])


@functools.partial(jax.jit, static_argnames=("field", "setting"))
def step(field, setting, params, state, batch):
    """One step of the fit, and the gradient before it."""
    loss = losses.regression_loss(dataclasses.replace(field, apply=lambda p, coords: field.apply(plain(p), coords)))
    gradient = jax.grad(loss)(params, batch, jax.random.key(0))
    updates, state = setting.build().update(gradient, state, params)
    return optax.apply_updates(params, updates), state, plain(gradient)


def case(field, shape, setting, seed):
    """What the page is given of a random network and target, and what JAX makes of them."""
    (params,) = networks(field, 1, seed=seed)
    rng = np.random.default_rng(seed)
    target = rng.random((shape[0] * shape[1], field.spec["out_dim"]), np.float32)
    batch = Pixels(models.pixel_grid(*shape), jnp.asarray(target))
    rates = jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(0, 1e-3, leaf.shape), jnp.float32), params)
    fitted = Rated(params, rates) if setting.optimizer == "learned" else params
    state, gradients = setting.build().init(fitted), []
    for _ in range(STEPS):
        fitted, state, gradient = step(field, setting, fitted, state, batch)
        gradients.append(gradient)
    # The page's networks all add 0.5: another offset is in their last biases.
    network, data = export.network_bytes(field, [[params]], weights_type="float32")
    frequencies = 8 * network["frequencies"]
    given = {
        "network": network,
        "height": shape[0],
        "width": shape[1],
        "frequencies": base64.b64encode(data[:frequencies]).decode(),
        "weights": base64.b64encode(data[frequencies:]).decode(),
        "target": text(target),
        "setting": {"optimizer": setting.optimizer, "rate": setting.learning_rate},
        "rates": text(flat(rates)) if setting.optimizer == "learned" else None,
        "steps": STEPS,
    }
    expected = jax.tree.map(np.asarray, plain(fitted))
    expected[-1]["b"] = expected[-1]["b"] + field.spec.get("offset", 0.5) - 0.5
    picture = np.asarray(field.apply(params, batch.coords)).ravel()
    return given, flat(gradients[0]), flat(expected), picture, target.ravel()


def arrays(values, shapes):
    """The flat weights as one array each."""
    at, parts = 0, []
    for inputs, outputs in shapes:
        for size in (inputs * outputs, outputs):
            parts.append(values[at : at + size])
            at += size
    assert at == len(values)
    return parts


def error(found, expected, shapes):
    """The largest relative error of an array."""
    pairs = zip(arrays(found, shapes), arrays(expected, shapes), strict=True)
    return max(np.linalg.norm(f - e) / np.linalg.norm(e) for f, e in pairs)


def test_gradients_and_ten_steps_are_those_of_jax(chromium, capsys):
    runs = [
        (field, shape, settings[i % 2], EACH * n + i)
        for n, (field, shape, settings) in enumerate(CASES)
        for i in range(EACH)
    ]
    cases = [case(*run) for run in runs]
    page = chromium.new_page()
    found = page.evaluate(RUN, [assets.files()["f1_gradients.js"], [given for given, *_ in cases]])
    page.close()
    worst = []
    for run, result, (given, gradient, fitted, picture, target) in zip(runs, found, cases, strict=True):
        own = {key: np.frombuffer(base64.b64decode(result[key]), "<f4") for key in ("gradient", "weights", "picture")}
        assert np.isfinite(fitted).all()
        shapes = given["network"]["layers"]
        worst.append((error(own["gradient"], gradient, shapes), error(own["weights"], fitted, shapes)))
        assert worst[-1][0] <= GRADIENT and worst[-1][1] <= WEIGHTS, (run, worst[-1])
        moved = error(fitted, np.frombuffer(base64.b64decode(given["weights"]), "<f4"), shapes)
        assert moved > 3 * WEIGHTS, "steps too small to tell right from wrong"
        np.testing.assert_allclose(own["picture"], picture, atol=1e-4)
        db = -10 * np.log10(np.mean((picture.clip(0, 1) - target) ** 2))
        assert result["db"] == pytest.approx(db, abs=1e-3)
    with capsys.disabled():
        print("\nlargest relative error of gradients {:.1e}, of weights {:.1e}".format(*np.max(worst, axis=0)), end=" ")
