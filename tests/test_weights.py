"""Mixing weights, and weights files: round trips, damage, and files that are written whole or not at all."""

import json
import os
import struct
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from learnit_core import models, weights
from learnit_core.errors import LearnitError
from learnit_core.structures import Field

FREQUENCIES = np.random.default_rng(0).normal(0, 30, (6, 2)).astype(np.float32)
FIELDS = {
    "siren": models.siren(2, 3, width=8, depth=3, w0=7.5),
    "fourier_mlp": models.fourier_mlp(FREQUENCIES, 1, width=8, depth=3, final="identity"),
    "nerf_mlp": models.nerf_mlp(width=8, depth=3, num_frequencies=4, max_log2=3.0, density="softplus"),
}
PROVENANCE = {"command": "make something", "seed": 3, "steps": [1, 2], "nested": {"db": 31.5, "none": None}}


def drawn(seed, field=FIELDS["siren"]):
    return jax.tree.map(lambda p: p + 0.1, field.init(jax.random.key(seed)))


def assert_same(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def assert_close(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected)


# Mixing


def test_lerp():
    a, b = drawn(0), drawn(1)
    assert_same(weights.lerp(a, b, 0.0), a)
    assert_same(weights.lerp(a, b, 1.0), b)
    assert_close(weights.lerp(a, b, 0.5), jax.tree.map(lambda x, y: (x + y) / 2, a, b))
    assert_close(weights.lerp(a, b, 0.3), weights.lerp(b, a, 0.7))
    assert_close(weights.lerp(a, b, 2.0), jax.tree.map(lambda x, y: 2 * y - x, a, b))
    assert_close(weights.lerp(a, b, jnp.float32(0.25)), weights.lerp(a, b, 0.25))


def test_barycentric():
    corners = [drawn(i) for i in range(3)]
    for i in range(3):
        assert_same(weights.barycentric(corners, [float(i == j) for j in range(3)]), corners[i])
    assert_close(weights.barycentric(corners[:2], [0.7, 0.3]), weights.lerp(*corners[:2], 0.3))
    assert_close(
        weights.barycentric(corners, jnp.full(3, 1 / 3)), jax.tree.map(lambda x, y, z: (x + y + z) / 3, *corners)
    )
    assert_close(weights.barycentric(corners[:1] * 4, [0.25] * 4), corners[0])
    with pytest.raises(LearnitError, match="3 corners but 2 coefficients"):
        weights.barycentric(corners, [0.5, 0.5])


def test_path():
    a, b, ts = drawn(0), drawn(1), np.linspace(0, 1, 5, dtype=np.float32)
    line = weights.path(a, b, ts)
    for i, t in enumerate(ts):
        assert_close(jax.tree.map(lambda leaf, i=i: leaf[i], line), weights.lerp(a, b, float(t)))
    assert_same(weights.path(a, b, jnp.asarray(ts)), line)


# Files


@pytest.mark.parametrize("name", FIELDS)
def test_round_trip(tmp_path, name):
    field, params, file = FIELDS[name], drawn(0, FIELDS[name]), tmp_path / "deep" / "w.safetensors"
    weights.save(file, field, params, PROVENANCE)
    again, loaded, provenance = weights.load(str(file))
    assert jax.tree.structure(loaded) == jax.tree.structure(params)
    assert_same(loaded, params)
    assert provenance == PROVENANCE
    assert again.spec.keys() == field.spec.keys()
    for setting, value in field.spec.items():
        np.testing.assert_array_equal(again.spec[setting], value)
    coords = jax.random.uniform(jax.random.key(9), (11, 3 if name == "nerf_mlp" else 2))
    np.testing.assert_array_equal(again.apply(loaded, coords), field.apply(params, coords))


def test_frequencies_come_back_bit_for_bit(tmp_path):
    """They are no exact decimals, so this would fail had they gone through the header's JSON or been drawn again."""
    field = FIELDS["fourier_mlp"]
    weights.save(tmp_path / "w.safetensors", field, drawn(0, field), {})
    buffer = weights.load(tmp_path / "w.safetensors")[0].spec["frequencies"]
    assert buffer.dtype == np.float32 and buffer.tobytes() == FREQUENCIES.tobytes()
    header = weights.read_arrays(tmp_path / "w.safetensors")[1]
    assert "frequencies" not in header["spec"] and json.loads(json.dumps(header)) == header


def test_arrays_of_every_shape(tmp_path):
    arrays = {
        "scalar": np.int32(7),
        "empty": np.zeros((0, 3), np.float32),
        "strided": np.arange(12.0).reshape(3, 4).T,
        "flag": np.array([True, False]),
        "device": jnp.arange(3, dtype=jnp.uint8),
    }
    weights.write_arrays(tmp_path / "a.safetensors", arrays, {"number": 1, "text": "ü", "list": [None, 0.1]})
    found, header = weights.read_arrays(tmp_path / "a.safetensors")
    assert found.keys() == arrays.keys() and header == {"number": 1, "text": "ü", "list": [None, 0.1]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == np.shape(array) and found[name].dtype == np.asarray(array).dtype


@pytest.fixture
def saved(tmp_path):
    weights.save(tmp_path / "w.safetensors", FIELDS["siren"], drawn(0), PROVENANCE)
    return tmp_path / "w.safetensors"


def test_truncated_files(saved):
    whole = saved.read_bytes()
    for length in [0, 4, 8, 9, 100, len(whole) // 2, len(whole) - 4, len(whole) - 1]:
        saved.write_bytes(whole[:length])
        with pytest.raises(LearnitError, match="w.safetensors is not a whole safetensors file"):
            weights.load(saved)
    saved.write_bytes(whole)
    weights.load(saved)


@pytest.mark.parametrize("content", [b"not safetensors at all, but long enough for a header", b"\xff" * 200, b"{}"])
def test_files_of_another_kind(saved, content):
    saved.write_bytes(content)
    with pytest.raises(LearnitError, match="w.safetensors is not a whole safetensors file"):
        weights.load(saved)


def test_missing_files(tmp_path):
    with pytest.raises(LearnitError, match="no weights file at .*nothing.safetensors"):
        weights.load(tmp_path / "nothing.safetensors")
    with pytest.raises(LearnitError, match="no weights file at"):
        weights.load(tmp_path)


def test_safetensors_of_somebody_else(tmp_path):
    save_file({"a": np.zeros(3)}, tmp_path / "plain.safetensors")
    with pytest.raises(LearnitError, match="plain.safetensors holds no field spec"):
        weights.load(tmp_path / "plain.safetensors")
    save_file({"a": np.zeros(3)}, tmp_path / "tagged.safetensors", metadata={"format": "pt"})
    with pytest.raises(LearnitError, match="tagged.safetensors"):
        weights.load(tmp_path / "tagged.safetensors")


def changed(arrays, header, how):
    match how:
        case "another width":
            header["spec"]["width"] = 9
        case "another depth":
            header["spec"]["depth"] = 4
        case "unknown model":
            header["spec"]["model"] = "unet"
        case "unknown setting":
            header["spec"]["colour"] = 1
        case "another type":
            arrays["params/1/b"] = arrays["params/1/b"].astype(np.float16)
        case "an array short":
            del arrays["params/2/w"]
        case "an array too many":
            arrays["params/3/w"] = np.zeros(2, np.float32)


@pytest.mark.parametrize(
    "how, said",
    [
        ("another width", r"array 0/b in .*w.safetensors is float32\[8\]: expected float32\[9\]"),
        ("another depth", r"w.safetensors does not hold the arrays expected: 3/b, 3/w"),
        ("unknown model", "'unet'"),
        ("unknown setting", "colour"),
        ("another type", r"array 1/b in .*w.safetensors is float16\[8\]: expected float32\[8\]"),
        ("an array short", "w.safetensors does not hold the arrays expected: 2/w"),
        ("an array too many", "w.safetensors does not hold the arrays expected: 3/w"),
    ],
)
def test_arrays_that_do_not_fit_the_spec(saved, how, said):
    arrays, header = weights.read_arrays(saved)
    changed(arrays, header, how)
    weights.write_arrays(saved, arrays, header)
    with pytest.raises(LearnitError, match=said):
        weights.load(saved)


@pytest.mark.parametrize("failure", [OSError("no space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_file(saved, monkeypatch, failure):
    kept = saved.read_bytes()

    def half(arrays, file, metadata):
        file.write_bytes(kept[:100])
        raise failure

    monkeypatch.setattr(weights, "save_file", half)
    with pytest.raises(LearnitError if isinstance(failure, OSError) else type(failure)):
        weights.save(saved, FIELDS["siren"], drawn(1), {})
    assert saved.read_bytes() == kept
    assert list(saved.parent.iterdir()) == [saved], "something half-written is left"


def test_provenance_that_is_no_json_writes_nothing(saved):
    kept = saved.read_bytes()
    with pytest.raises(LearnitError, match="the provenance cannot be kept in the file: .*object is none of these"):
        weights.save(saved, FIELDS["siren"], drawn(1), {"where": object()})
    assert saved.read_bytes() == kept and list(saved.parent.iterdir()) == [saved]


SIREN = FIELDS["siren"]
_SPARSE = {name: value for name, value in SIREN.spec.items() if name != "precision"}
UNREADABLE = {
    "half precision": (
        SIREN,
        lambda p: _leaf(p, p[1]["b"].astype(jnp.bfloat16)),
        r"1/b .* bfloat16\[8\]: expected float32",
    ),
    "double precision": (SIREN, lambda p: _leaf(p, np.zeros(8)), r"float64\[8\]: expected float32\[8\]"),
    "bytes the other way round": (SIREN, lambda p: _leaf(p, np.zeros(8, ">f4")), "expected float32"),
    "complex": (SIREN, lambda p: _leaf(p, p[1]["b"] + 1j), r"complex64\[8\]: expected float32"),
    "integers": (SIREN, lambda p: _leaf(p, np.zeros(8, int)), r"int64\[8\]: expected float32"),
    "objects": (SIREN, lambda p: _leaf(p, np.array([None] * 8)), r"object\[8\]: expected float32"),
    "text": (SIREN, lambda p: _leaf(p, "weights"), "expected float32"),
    "a number": (SIREN, lambda p: _leaf(p, 1.0), r"float64\[\]: expected float32\[8\]"),
    "ragged": (SIREN, lambda p: _leaf(p, _Ragged()), "parameter 1/b is no array of numbers: found a _Ragged"),
    "a key": (SIREN, lambda p: _leaf(p, jax.random.key(0)), "1/b"),
    "another shape": (
        SIREN,
        lambda p: _leaf(p, np.zeros((8, 1), np.float32)),
        r"float32\[8, 1\]: expected float32\[8\]",
    ),
    "another width": (models.siren(2, 3, width=9, depth=3, w0=7.5), None, r"expected float32\[9\]"),
    "a layer short": (SIREN, lambda p: p[:-1], "does not hold the arrays expected: 2/b, 2/w"),
    "a layer too many": (SIREN, lambda p: [*p, p[-1]], "does not hold the arrays expected: 3/b, 3/w"),
    "one name too many": (SIREN, lambda p: [{**layer, "scale": layer["b"]} for layer in p], "0/scale"),
    "nothing": (SIREN, lambda p: [], "does not hold the arrays expected"),
    "pairs": (SIREN, lambda p: [(layer["w"], layer["b"]) for layer in p], "does not hold the arrays expected: 0/0"),
    "a tuple": (SIREN, tuple, "nested in another way"),
    "a dictionary of layers": (SIREN, lambda p: {str(i): layer for i, layer in enumerate(p)}, "nested in another way"),
    "None beside them": (SIREN, lambda p: [{**layer, "scale": None} for layer in p], "nested in another way"),
    "a stack of networks": (
        SIREN,
        lambda p: jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), p),
        r"\[2, 8\]: expected",
    ),
    "without what it says by default": (
        Field(SIREN.init, SIREN.apply, _SPARSE),
        None,
        "would come back with another pre",
    ),
    "made by hand": (Field(SIREN.init, SIREN.apply, {}), None, "the field's spec names no model"),
    "of an unknown model": (Field(SIREN.init, SIREN.apply, {"model": "unet"}), None, "'unet'"),
    "without its width": (Field(SIREN.init, SIREN.apply, {"model": "fourier_mlp"}), None, "does not fit the model"),
    "with too much": (Field(SIREN.init, SIREN.apply, SIREN.spec | {"colour": 1}), None, "colour"),
    "with a function": (
        Field(SIREN.init, SIREN.apply, SIREN.spec | {"w0": np.sin}),
        None,
        "spec cannot be kept in the file",
    ),
    "with sizes that are none": (Field(SIREN.init, SIREN.apply, SIREN.spec | {"width": -1}), None, "has the width -1"),
    "frequencies of another type": (
        Field(
            FIELDS["fourier_mlp"].init,
            SIREN.apply,
            FIELDS["fourier_mlp"].spec | {"frequencies": FREQUENCIES.astype(float)},
        ),
        None,
        "would come back with another type of array",
    ),
}


class _Ragged:
    def __array__(self, *_, **__):
        raise ValueError("rows of different lengths")


def _leaf(params, value):
    """The parameters with another bias in the second layer."""
    return [params[0], {**params[1], "b": value}, params[2]]


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_could_not_be_loaded_is_not_saved(saved, kind):
    field, change, said = UNREADABLE[kind]
    params = drawn(0, SIREN if "frequencies" not in field.spec else FIELDS["fourier_mlp"])
    kept = saved.read_bytes()
    with pytest.raises(LearnitError, match=said) as error:
        weights.save(saved, field, change(params) if change else params, {})
    assert "\n" not in str(error.value)
    assert saved.read_bytes() == kept and list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize("value", [np.float32(7.5), jnp.float32(7.5), np.array(7.5)])
def test_numbers_of_numpy_in_a_spec_or_a_provenance_are_numbers(tmp_path, value):
    field = Field(SIREN.init, SIREN.apply, SIREN.spec | {"width": np.int64(8), "w0": value})
    weights.save(tmp_path / "w.safetensors", field, drawn(0, field), {"score": value})
    again, _, said = weights.load(tmp_path / "w.safetensors")
    assert again.spec["w0"] == said["score"] == float(value) and again == field


def test_parameters_of_numpy_are_as_good(tmp_path):
    params = jax.tree.map(np.asarray, drawn(0))
    weights.save(tmp_path / "w.safetensors", SIREN, params, {})
    assert_same(weights.load(tmp_path / "w.safetensors")[1], params)


@pytest.mark.parametrize("offset", [0.5, 0.0, -2.5])
def test_a_siren_keeps_its_offset(tmp_path, offset):
    field = models.siren(2, 3, width=8, depth=3, w0=7.5, offset=offset)
    weights.save(tmp_path / "w.safetensors", field, drawn(0), {})
    again, params, _ = weights.load(tmp_path / "w.safetensors")
    coords = jax.random.uniform(jax.random.key(9), (11, 2))
    np.testing.assert_array_equal(again.apply(params, coords), field.apply(drawn(0), coords))
    header = weights.read_arrays(tmp_path / "w.safetensors")[1]
    assert ("offset" in header["spec"]) == (offset != 0.5), "a file of the default is not what it was"


def test_named_leaves_go_back_into_their_tree():
    tree = {"b": [jnp.zeros(2), (jnp.ones(3),)], "a": jnp.arange(4)}
    named = weights.named_leaves(tree)
    assert list(named) == ["a", "b/0", "b/1/0"]
    again = weights.unflatten_like(tree, {name: np.asarray(leaf) for name, leaf in named.items()}, "here")
    assert jax.tree.structure(again) == jax.tree.structure(tree)
    assert_same(again, tree)


@pytest.mark.parametrize("name", ["", "no-such", "../image"])
def test_an_unknown_shipped_name_lists_those_there_are(name):
    with pytest.raises(LearnitError, match="image-faces-25, .*image-text-quick-maml"):
        weights.pretrained(name)


# Files from strangers


def crafted(spec, provenance="{}", kind="F32", width=4, names=("params/0/b", "params/0/w", "params/1/b", "params/1/w")):
    """A safetensors file of zeros with the arrays of a small SIREN, and a spec as wanted."""
    shapes = dict(zip(names, ([width], [2, width], [1], [width, 1]), strict=True))
    size = {"F32": 4, "BF16": 2, "F8_E5M2": 1, "I32": 4}[kind]
    header = {"__metadata__": {"spec": spec if isinstance(spec, str) else json.dumps(spec), "provenance": provenance}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + size * int(np.prod(shape))
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


SOUND = {"model": "siren", "in_dim": 2, "out_dim": 1, "width": 4, "depth": 2, "w0": 5.0, "precision": "highest"}
RADIANCE = {"model": "nerf_mlp", "width": 4, "depth": 2, "num_frequencies": 3, "max_log2": 2.0, "density": "relu"}
STRANGE = {
    "a depth of 50 million": crafted(SOUND | {"depth": 50_000_000}),
    "a depth below zero": crafted(SOUND | {"depth": -1}),
    "a depth with a comma": crafted(SOUND | {"depth": 2.5}),
    "a depth of 4,000 digits": crafted(json.dumps(SOUND).replace('"depth": 2', f'"depth": {"9" * 4000}')),
    "a width beyond all memory": crafted(SOUND | {"width": 2**62}),
    "an input of many dimensions": crafted(SOUND | {"in_dim": 10**12}),
    "a width in words": crafted(SOUND | {"width": "4"}),
    "a width that is true": crafted(SOUND | {"width": True}),
    "a width that is a list": crafted(SOUND | {"width": [4]}),
    "w0 zero": crafted(SOUND | {"w0": 0}),
    "w0 in words": crafted(SOUND | {"w0": "five"}),
    "w0 that is none": crafted(json.dumps(SOUND | {"w0": float("nan")})),
    "a model that is a list": crafted(SOUND | {"model": ["siren"]}),
    "a model nobody knows": crafted(SOUND | {"model": "kan"}),
    "frequencies beyond all memory": crafted(RADIANCE | {"num_frequencies": 2**40}),
    "no frequencies": crafted(RADIANCE | {"num_frequencies": 0}),
    "the highest frequency in words": crafted(RADIANCE | {"max_log2": "8"}),
    "frequencies in the spec": crafted({"model": "fourier_mlp", "out_dim": 1, "frequencies": {"a": 1}}),
    "frequencies in words": crafted({"model": "fourier_mlp", "out_dim": 1, "frequencies": "many"}),
    "a precision that is a number": crafted(SOUND | {"precision": 3}),
    "frequencies of one axis": crafted(
        {"model": "fourier_mlp", "out_dim": 1, "width": 4, "depth": 1},
        names=("buffers/frequencies", "params/0/w", "params/1/b", "params/1/w"),
    ),
    "a spec that is a list": crafted("[1, 2]"),
    "a spec nested in names": crafted('{"a":' * 60_000 + "1" + "}" * 60_000),
    "a spec that is no JSON": crafted("{width: 4}"),
    "provenance that is a list": crafted(SOUND, "[]"),
    "provenance nested": crafted(SOUND, '{"a":' * 60_000 + "1" + "}" * 60_000),
    "numbers of 8 bits": crafted(SOUND, kind="F8_E5M2"),
    "whole numbers": crafted(SOUND, kind="I32"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strangers_file_is_refused_at_once(tmp_path, kind):
    (tmp_path / "w.safetensors").write_bytes(STRANGE[kind])
    began = time.monotonic()
    with pytest.raises(LearnitError):
        weights.load(tmp_path / "w.safetensors")
    assert time.monotonic() - began < 30  # most take milliseconds; the machine may be busy


def test_a_crafted_file_that_is_sound_loads(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(crafted(SOUND))
    field, params, _ = weights.load(tmp_path / "w.safetensors")
    assert field.spec["depth"] == 2 and all((np.asarray(leaf) == 0).all() for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o000])
def test_a_weights_file_has_the_rights_of_any_other(tmp_path, umask):
    before = os.umask(umask)
    try:
        weights.write_arrays(tmp_path / "a.safetensors", {"x": np.zeros(2)}, {})
        (tmp_path / "any").write_text("")
    finally:
        os.umask(before)
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_weights_of_32_bits_load_in_a_session_of_64(tmp_path):
    field = models.siren(2, 1, width=4, depth=2, w0=5.0)
    params = field.init(jax.random.key(0))
    weights.save(tmp_path / "w.safetensors", field, params, {})
    jax.config.update("jax_enable_x64", True)
    try:
        _, found, _ = weights.load(tmp_path / "w.safetensors")
    finally:
        jax.config.update("jax_enable_x64", False)
    for one, other in zip(jax.tree.leaves(params), jax.tree.leaves(found), strict=True):
        assert other.dtype == np.float32
        np.testing.assert_array_equal(one, other)


def test_the_same_content_is_the_same_bytes(tmp_path):
    """Also of a header with many entries and signs of other alphabets."""
    header = {f"entry {i} é ∂": [i, {"a": "ß"}] for i in range(12)}
    for i in range(6):
        weights.write_arrays(tmp_path / str(i), {"x": np.arange(5.0)}, header)
    assert len({(tmp_path / str(i)).read_bytes() for i in range(6)}) == 1
    found, again = weights.read_arrays(tmp_path / "0")
    assert again.items() >= header.items() and found["x"].tolist() == [0, 1, 2, 3, 4]
