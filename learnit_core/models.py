"""Coordinate-based networks: small MLPs that map a position to a value.

Parameters are a list of ``{"w": [in, out], "b": [out]}``, one per linear layer, and nothing else. Frequencies and
``w0`` are not learned: they live in the closure and in ``spec``, so that averaging, shuffling or saving parameters
touches learned numbers only. ``depth`` counts linear layers, the last of which gives the output.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from learnit_core.errors import LearnitError
from learnit_core.structures import Field, Params, PRNGKey

Activation = Callable[[Array], Array]

_OUTPUTS: dict[str, Activation] = {"identity": lambda x: x, "sigmoid": jax.nn.sigmoid}
_DENSITIES: dict[str, Activation] = {"relu": jax.nn.relu, "softplus": jax.nn.softplus}


def pixel_grid(height: int, width: int) -> Float[Array, "pixels 2"]:
    """Positions (row, column) of all pixels in reading order, in [0, 1) with steps 1/height and 1/width."""
    rows, columns = jnp.meshgrid(jnp.arange(height) / height, jnp.arange(width) / width, indexing="ij")
    return jnp.stack([rows.ravel(), columns.ravel()], axis=-1)


def siren(
    in_dim: int,
    out_dim: int,
    *,
    width: int = 256,
    depth: int = 5,
    w0: float = 200.0,
    offset: float = 0.5,
    precision: str = "highest",
) -> Field:
    """SIREN (Sitzmann et al. 2020) as the paper uses it: sin(w0 (x W + b)), and ``offset`` added to the output.

    First layer U(±1/in), others U(±√(6/in)/w0), biases zero. The paper has ``w0`` 200 in all layers at 178²;
    smaller pictures have lower frequencies and need a smaller ``w0``. Random weights give values around ``offset``: the
    middle of the signals' range, 0.5 for values in [0, 1] and 0 for values around zero.
    """
    if not math.isfinite(offset):
        raise LearnitError(f"the offset of a siren is {offset}: expected a number, the middle of the signals' range")

    def init(key):
        params = _linear_layers(key, _sizes(in_dim, width, depth, out_dim), _uniform)
        scale = [1 / in_dim] + [math.sqrt(6 / width) / w0] * (depth - 1)
        return [{"w": s * layer["w"], "b": layer["b"]} for s, layer in zip(scale, params, strict=True)]

    def apply(params, coords):
        x = coords
        for layer in params[:-1]:
            x = sine(w0 * _linear(layer, x, precision))
        return _linear(params[-1], x, precision) + offset

    spec = dict(model="siren", in_dim=in_dim, out_dim=out_dim, width=width, depth=depth, w0=w0, precision=precision)
    return Field(init, apply, spec | _said("offset", offset, 0.5))


def fourier_mlp(
    frequencies: Float[Array | np.ndarray, "features in_dim"],
    out_dim: int,
    *,
    width: int = 256,
    depth: int = 5,
    final: str = "sigmoid",
    init: str = "lecun",
    precision: str = "highest",
) -> Field:
    """ReLU network on Fourier features [cos(x Bᵀ), sin(x Bᵀ)] (Tancik et al. 2020), without a factor 2π.

    ``frequencies`` is B, drawn once, N(0, σ²) with σ = 30 for the paper's CT; it stays fixed. ``final`` is
    ``"sigmoid"`` or ``"identity"``. Weights are normal, cut at two deviations, biases zero. With ``init`` ``"lecun"``
    their deviation is 1/√fan_in; with ``"haiku"``, the authors' library, it was so before the cut, and is 0.88/√fan_in.
    """
    buffer = np.array(frequencies, np.float32)  # a copy: the caller may change theirs
    if final not in _OUTPUTS:
        raise LearnitError(f"unknown final activation {final!r} in fourier_mlp: expected one of {', '.join(_OUTPUTS)}")

    draw = _weights(init, "fourier_mlp")

    def first(key):
        return _linear_layers(key, _sizes(2 * len(buffer), width, depth, out_dim), draw)

    def fix(coords):
        phase = coords @ jnp.asarray(buffer).T
        features = jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=-1)
        return lambda params: _OUTPUTS[final](_relu_mlp(params, features, precision))

    def apply(params, coords):
        return fix(coords)(params)

    spec = dict(
        model="fourier_mlp",
        frequencies=buffer,
        out_dim=out_dim,
        width=width,
        depth=depth,
        final=final,
        precision=precision,
    )
    return Field(first, apply, spec | _said("init", init, "lecun"), fix)


def nerf_mlp(
    *,
    width: int = 256,
    depth: int = 6,
    num_frequencies: int = 20,
    max_log2: float = 8.0,
    density: str = "relu",
    init: str = "lecun",
    precision: str = "highest",
) -> Field:
    """The paper's simplified NeRF: position [*, 3] to colour and density [*, 4], no view direction.

    Encoding sin and cos of 2^f x, f evenly spaced in [0, ``max_log2``]; ReLU layers; colour by sigmoid and density
    by ``"relu"`` (the paper) or ``"softplus"``, both already applied to the output. ``init`` is that of
    :func:`fourier_mlp`.
    """
    if density not in _DENSITIES:
        raise LearnitError(f"unknown density {density!r} in nerf_mlp: expected one of {', '.join(_DENSITIES)}")
    scales = 2.0 ** np.linspace(0.0, max_log2, num_frequencies, dtype=np.float32)

    draw = _weights(init, "nerf_mlp")

    def first(key):
        return _linear_layers(key, _sizes(6 * num_frequencies, width, depth, 4), draw)

    def apply(params, points):
        # Flattened to a list of points: one matrix product is some 15 % faster on a CPU than a batched one.
        flat = points.reshape(-1, 3)
        phase = (flat[:, None] * scales[:, None]).reshape(len(flat), 3 * num_frequencies)
        # On a CPU the library's sine takes longer than a small network's layers do.
        features = jnp.concatenate([sine(phase), cosine(phase)], axis=-1)
        raw = _relu_mlp(params, features, precision)
        values = jnp.concatenate([jax.nn.sigmoid(raw[:, :3]), _DENSITIES[density](raw[:, 3:])], axis=-1)
        return values.reshape(*points.shape[:-1], 4)

    spec = dict(
        model="nerf_mlp",
        width=width,
        depth=depth,
        num_frequencies=num_frequencies,
        max_log2=max_log2,
        density=density,
        precision=precision,
    )
    return Field(first, apply, spec | _said("init", init, "lecun"))


def from_spec(spec: dict[str, Any]) -> Field:
    """Rebuild a field from its ``spec``. Raises LearnitError for an unknown model or missing settings."""
    models = {"siren": siren, "fourier_mlp": fourier_mlp, "nerf_mlp": nerf_mlp}
    settings = dict(spec)
    name = settings.pop("model", None)
    if name not in models:
        raise LearnitError(f"unknown model {name!r} in a field's spec: expected one of {', '.join(models)}")
    try:
        return models[name](**settings)
    except TypeError as error:
        raise LearnitError(f"the spec of a {name} does not fit the model: {error}") from error


@jax.custom_jvp
def sine(x: Array) -> Array:
    """sin(x) to 1.5e-7 for |x| < 1000, and to 4e-7 at 10,000: two to three times as fast as ``jnp.sin`` on a CPU.

    On a CPU, sines dominate the run time of SIREN and of small radiance fields. The argument is reduced to [-π/2, π/2]
    by a multiple of π in three parts (Cody and Waite), then an odd polynomial of degree 11 follows. Derivatives of any
    order are sine and cosine again.
    """
    return _sine(x, 0.0)


@sine.defjvp
def _sine_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return sine(x), cosine(x) * dx


@jax.custom_jvp
def cosine(x: Array) -> Array:
    """cos(x), with the same method and error as :func:`sine`."""
    return _sine(x, 0.5)


@cosine.defjvp
def _cosine_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return cosine(x), -sine(x) * dx


def _sine(x, half_turns):
    """sin(x + π half_turns) for half_turns 0 or 1/2; other types than float32 take the library's functions."""
    if x.dtype != jnp.float32:
        return jnp.cos(x) if half_turns else jnp.sin(x)
    k = jnp.round(x * np.float32(1 / math.pi) + half_turns)
    m = k - half_turns
    r = ((x - m * _PI[0]) - m * _PI[1]) - m * _PI[2]
    r2 = r * r
    poly = _SINE[-1]
    for c in _SINE[-2::-1]:
        poly = poly * r2 + c
    value = r + r * r2 * poly
    odd = k - 2 * jnp.floor(k * 0.5)
    return value * (1 - 2 * odd)


# π in parts short enough for k times the first two to be exact in float32.
_PI = tuple(np.float32(c) for c in (3.140625, 0.0009670257568359375, 6.277114152908325e-07))
# Least-squares fit of (sin(r) - r) / r³ in r² over [-π/2, π/2], degree 11 in all.
_SINE = tuple(np.float32(c) for c in (-1.6666666e-01, 8.3333310e-03, -1.9840874e-04, 2.7525562e-06, -2.3889859e-08))


def _sizes(in_dim: int, width: int, depth: int, out_dim: int) -> Sequence[tuple[int, int]]:
    dims = [in_dim] + [width] * (depth - 1) + [out_dim]
    return list(zip(dims[:-1], dims[1:], strict=True))


def _linear_layers(key: PRNGKey, sizes, draw) -> Params:
    keys = jax.random.split(key, len(sizes))
    return [{"w": draw(k, size), "b": jnp.zeros(size[1])} for k, size in zip(keys, sizes, strict=True)]


def _uniform(key, shape):
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


_WEIGHTS = {
    "lecun": jax.nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal"),
    "haiku": lambda key, shape: jax.random.truncated_normal(key, -2.0, 2.0, shape) / math.sqrt(shape[0]),
}


def _weights(init: str, model: str) -> Callable:
    if init not in _WEIGHTS:
        raise LearnitError(f"unknown initial weights {init!r} in {model}: expected one of {', '.join(_WEIGHTS)}")
    return _WEIGHTS[init]


def _said(name: str, value: Any, default: Any) -> dict[str, Any]:
    """What a spec says of a choice: nothing of the default, as in files from before there was one."""
    return {} if value == default else {name: value}


def _linear(layer, x, precision):
    return jnp.matmul(x, layer["w"], precision=precision) + layer["b"]


def _relu_mlp(params, x, precision):
    for layer in params[:-1]:
        x = jax.nn.relu(_linear(layer, x, precision))
    return _linear(params[-1], x, precision)
