"""Networks against plain numpy, their initial draws, and the fast sine against float64."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core import models, weights
from learnit_core.errors import LearnitError
from learnit_core.structures import Field

FREQUENCIES = np.random.default_rng(0).normal(0, 3, (7, 2)).astype(np.float32)
FIELDS = {
    "siren": models.siren(2, 3, width=16, depth=4, w0=12.0),
    "fourier_mlp": models.fourier_mlp(FREQUENCIES, 2, width=16, depth=3),
    "nerf_mlp": models.nerf_mlp(width=16, depth=3, num_frequencies=5, max_log2=4.0, density="softplus"),
}


@pytest.fixture
def float64():
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def drawn(field, key=0):
    """Parameters with biases that are not zero, so that a forgotten bias shows."""
    params = field.init(jax.random.key(key))
    rng = np.random.default_rng(key)
    return [{"w": p["w"], "b": jnp.asarray(rng.normal(0, 0.1, p["b"].shape), jnp.float32)} for p in params]


def in_numpy(params):
    return [{name: np.asarray(leaf, np.float64) for name, leaf in layer.items()} for layer in params]


def relu_mlp(params, x):
    for layer in params[:-1]:
        x = np.maximum(x @ layer["w"] + layer["b"], 0)
    return x @ params[-1]["w"] + params[-1]["b"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Sine and cosine


def arguments():
    """Everywhere up to 1000, densely around 0, and beside multiples of π/2, where the reduction changes branch."""
    rng = np.random.default_rng(1)
    corners = np.arange(-636, 637) * np.pi / 2
    beside = corners[:, None] + np.concatenate([[0], *np.outer([-1, 1], np.geomspace(1e-7, 1e-2, 12))])
    x = np.concatenate([rng.uniform(-1000, 1000, 400_000), rng.normal(0, 1, 50_000), beside.ravel()])
    return x[np.abs(x) <= 1000].astype(np.float32)


@pytest.mark.parametrize("compiled", [False, True])
def test_sine_and_cosine_against_float64(compiled):
    x = arguments()
    for ours, exact in ((models.sine, np.sin), (models.cosine, np.cos)):
        found = np.asarray((jax.jit(ours) if compiled else ours)(jnp.asarray(x)))
        assert found.dtype == np.float32
        assert np.abs(found - exact(x.astype(np.float64))).max() < 2e-7


def test_sine_is_odd_and_cosine_even():
    x = jnp.asarray(arguments()[::50])
    np.testing.assert_array_equal(models.sine(-x), -models.sine(x))
    np.testing.assert_allclose(models.cosine(-x), models.cosine(x), atol=2e-7)
    assert models.sine(jnp.float32(0)) == 0 and models.cosine(jnp.float32(0)) == 1


def test_derivatives_of_sine_and_cosine():
    x = jnp.asarray(np.random.default_rng(2).uniform(-300, 300, 2000), jnp.float32)
    exact = np.asarray(x, np.float64)
    cycle = [np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin]
    for function, start in ((models.sine, 0), (models.cosine, 1)):
        derivative = function
        for order in (1, 2, 3):
            derivative = jax.grad(derivative)
            error = np.abs(np.asarray(jax.vmap(derivative)(x)) - cycle[start + order](exact))
            assert error.max() < 2e-7, f"derivative {order}"
            if start + order == 4:
                break


def test_other_types_take_the_library_functions(float64):
    wide = jnp.asarray(np.random.default_rng(3).uniform(-1e6, 1e6, 500), jnp.float64)
    for x in (wide, wide.astype(jnp.bfloat16)):
        np.testing.assert_array_equal(models.sine(x), jnp.sin(x))
        np.testing.assert_array_equal(models.cosine(x), jnp.cos(x))
        assert models.sine(x).dtype == x.dtype


# Networks


def test_siren_against_numpy():
    field, w0 = FIELDS["siren"], 12.0
    params, coords = drawn(field), np.random.default_rng(0).uniform(0, 1, (5, 4, 2)).astype(np.float32)
    x = coords.astype(np.float64)
    *hidden, last = in_numpy(params)
    for layer in hidden:
        x = np.sin(w0 * (x @ layer["w"] + layer["b"]))
    expected = x @ last["w"] + last["b"] + 0.5
    found = field.apply(params, jnp.asarray(coords))
    assert found.shape == (5, 4, 3)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("offset", [0.0, 0.5, -7.25])
def test_the_offset_of_a_siren_is_added_to_what_it_gives(offset):
    half, moved = models.siren(2, 3, width=8, depth=3), models.siren(2, 3, width=8, depth=3, offset=offset)
    params, coords = drawn(half), jax.random.uniform(jax.random.key(1), (7, 2))
    np.testing.assert_allclose(moved.apply(params, coords), half.apply(params, coords) + (offset - 0.5), atol=1e-6)
    assert (moved == half) == (offset == 0.5) and models.from_spec(moved.spec) == moved
    assert ("offset" in moved.spec) == (offset != 0.5), "files of the default are not what they were"


@pytest.mark.parametrize("offset", [float("nan"), float("inf")])
def test_an_offset_that_is_no_number(offset):
    with pytest.raises(LearnitError, match=f"offset of a siren is {offset}: expected a number"):
        models.siren(2, 1, offset=offset)


@pytest.mark.parametrize("in_dim, width, depth, w0", [(2, 200, 4, 60.0), (3, 64, 2, 200.0)])
def test_siren_is_drawn_from_the_stated_ranges(in_dim, width, depth, w0):
    params = models.siren(in_dim, 2, width=width, depth=depth, w0=w0).init(jax.random.key(5))
    assert [p["w"].shape for p in params] == [(in_dim, width), *[(width, width)] * (depth - 2), (width, 2)]
    assert [p["b"].shape for p in params] == [(width,)] * (depth - 1) + [(2,)]
    for i, layer in enumerate(params):
        bound = 1 / in_dim if i == 0 else np.sqrt(6 / width) / w0
        w = np.asarray(layer["w"]) / bound
        assert np.abs(w).max() <= 1 + 1e-6
        assert np.abs(w).max() > 1 - 10 / w.size, "the range is not filled"
        assert abs(w.mean()) < 4 / np.sqrt(3 * w.size), "not centred"
        assert not layer["b"].any()
    assert not np.array_equal(params[0]["w"], models.siren(in_dim, 2, width=width).init(jax.random.key(6))[0]["w"])


@pytest.mark.parametrize("final", ["sigmoid", "identity"])
def test_fourier_mlp_against_numpy(final):
    field = models.fourier_mlp(FREQUENCIES, 2, width=16, depth=3, final=final)
    params, coords = drawn(field), np.random.default_rng(0).uniform(-1, 1, (6, 2)).astype(np.float32)
    phase = coords.astype(np.float64) @ FREQUENCIES.T.astype(np.float64)
    raw = relu_mlp(in_numpy(params), np.concatenate([np.cos(phase), np.sin(phase)], axis=-1))
    expected = raw if final == "identity" else sigmoid(raw)
    np.testing.assert_allclose(field.apply(params, jnp.asarray(coords)), expected, atol=1e-5)


@pytest.mark.parametrize("density", ["relu", "softplus"])
def test_nerf_mlp_against_numpy(density):
    field = models.nerf_mlp(width=16, depth=3, num_frequencies=5, max_log2=4.0, density=density)
    params, points = drawn(field), np.random.default_rng(0).uniform(-2, 2, (4, 6, 3)).astype(np.float32)
    angles = [[x * 2.0**f for f in range(5) for x in point] for point in points.reshape(-1, 3).astype(np.float64)]
    # The order of features is the layout of the first layer: frequency by frequency, sines and then cosines.
    raw = relu_mlp(in_numpy(params), np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)).reshape(4, 6, 4)
    dense = np.maximum(raw[..., 3:], 0) if density == "relu" else np.log1p(np.exp(raw[..., 3:]))
    found = field.apply(params, jnp.asarray(points))
    np.testing.assert_allclose(found, np.concatenate([sigmoid(raw[..., :3]), dense], axis=-1), atol=1e-5)
    assert (raw[..., 3] < 0).any() and (raw[..., 3] > 0).any(), "these points do not tell the activations apart"


# Cutting a normal at two deviations leaves 0.8796 of its deviation: √(1 − 2 · 2 φ(2) / (2 Φ(2) − 1)).
CUT = np.sqrt(1 - 4 * np.exp(-2) / np.sqrt(2 * np.pi) / math.erf(np.sqrt(2)))


@pytest.mark.parametrize(("init", "deviation"), [("lecun", 1), ("haiku", CUT)])
@pytest.mark.parametrize("name", ["fourier_mlp", "nerf_mlp"])
def test_relu_networks_are_drawn_as_truncated_normals(name, init, deviation):
    field = {
        "fourier_mlp": models.fourier_mlp(np.ones((50, 2), np.float32), 1, width=150, depth=3, init=init),
        "nerf_mlp": models.nerf_mlp(width=150, depth=3, init=init),
    }[name]
    for layer in field.init(jax.random.key(0)):
        w = np.asarray(layer["w"]) * np.sqrt(layer["w"].shape[0])
        assert np.abs(w).max() <= 2 * deviation / CUT + 1e-3
        assert w.size < 10_000 or np.abs(w).max() > 1.98 * deviation / CUT, "not cut where it should be"
        assert abs(w.std() / deviation - 1) < 4 / np.sqrt(2 * w.size) and abs(w.mean()) < 4 / np.sqrt(w.size)
        assert not layer["b"].any()


@pytest.mark.parametrize("make", [lambda **said: models.fourier_mlp(FREQUENCIES, 1, width=8, **said), models.nerf_mlp])
def test_a_spec_says_which_initial_weights_only_where_they_are_not_the_default(make, tmp_path):
    plain, haiku = make(), make(init="haiku")
    assert "init" not in plain.spec and make(init="lecun") == plain != haiku
    again = models.from_spec(haiku.spec)
    assert again == haiku and again.spec["init"] == "haiku"
    drawn = [field.init(jax.random.key(2)) for field in (haiku, again)]
    jax.tree.map(np.testing.assert_array_equal, *drawn)
    weights.save(tmp_path / "haiku.safetensors", haiku, drawn[0], {})
    assert weights.load(tmp_path / "haiku.safetensors")[0] == haiku
    with pytest.raises(LearnitError, match="unknown initial weights 'glorot' in .*: expected one of lecun, haiku"):
        make(init="glorot")


def test_frequencies_are_fixed_and_not_learned():
    frequencies = FREQUENCIES.copy()
    field = models.fourier_mlp(frequencies, 1, width=8, depth=2)
    params, coords = field.init(jax.random.key(0)), models.pixel_grid(3, 3)
    before = field.apply(params, coords)
    assert {leaf.shape for leaf in jax.tree.leaves(params)} == {(14, 8), (8,), (8, 1), (1,)}
    frequencies += 1
    np.testing.assert_array_equal(field.apply(params, coords), before)


# Specs, and the grid


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_rebuilt_from_its_spec(name):
    field = FIELDS[name]
    again = models.from_spec(field.spec)
    params = field.init(jax.random.key(1))
    jax.tree.map(np.testing.assert_array_equal, params, again.init(jax.random.key(1)))
    coords = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (5, 3 if name == "nerf_mlp" else 2)), jnp.float32)
    np.testing.assert_array_equal(field.apply(params, coords), again.apply(params, coords))
    assert again.spec.keys() == field.spec.keys() and again.spec["model"] == name
    assert field.spec["model"] == name, "rebuilding changed the spec"


def test_fields_are_equal_if_they_compute_the_same():
    assert models.siren(2, 1, width=8) == models.siren(2, 1, width=8, depth=5)
    assert hash(models.siren(2, 1, width=8)) == hash(models.siren(2, 1, width=8))
    assert models.siren(2, 1, width=8) != models.siren(2, 1, width=8, w0=30.0)
    assert models.fourier_mlp(FREQUENCIES, 1) == models.fourier_mlp(FREQUENCIES.copy(), 1)
    assert models.fourier_mlp(FREQUENCIES, 1) != models.fourier_mlp(FREQUENCIES + 1, 1)
    # Those made by hand say nothing of what they compute: each is equal to itself alone.
    double, triple = (Field(lambda key: key, lambda p, coords, k=k: k * coords, {}) for k in (2, 3))
    assert double == double and double != triple
    apply = jax.jit(lambda field, coords: field.apply(None, coords), static_argnums=0)
    assert (apply(double, jnp.ones(1)), apply(triple, jnp.ones(1))) == (2, 3)


@pytest.mark.parametrize(
    "spec, said",
    [
        ({}, "None"),
        ({"model": "unet"}, "'unet'.*siren, fourier_mlp, nerf_mlp"),
        ({"model": "siren", "in_dim": 2}, "siren.*out_dim"),
        ({"model": "siren", "in_dim": 2, "out_dim": 1, "colour": 3}, "siren.*colour"),
        ({"model": "fourier_mlp", "out_dim": 1}, "fourier_mlp.*frequencies"),
        ({"model": "fourier_mlp", "frequencies": FREQUENCIES, "out_dim": 1, "final": "tanh"}, "'tanh'.*sigmoid"),
        ({"model": "nerf_mlp", "density": "exp"}, "'exp'.*relu, softplus"),
    ],
)
def test_a_bad_spec_is_refused(spec, said):
    with pytest.raises(LearnitError, match=said):
        models.from_spec(spec)


def test_pixel_grid_is_in_reading_order():
    height, width = 3, 5
    grid = np.asarray(models.pixel_grid(height, width))
    expected = [(row / height, column / width) for row in range(height) for column in range(width)]
    np.testing.assert_allclose(grid, expected, atol=1e-7)
    assert grid.min() == 0 and grid.max() < 1
    picture = np.arange(height * width).reshape(height, width)
    np.testing.assert_array_equal(picture.reshape(-1), [picture[round(r * 3), round(c * 5)] for r, c in grid])
