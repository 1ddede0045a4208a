"""Measured sinograms: read with their angles' unit, binned to the network's rays, fitted and judged without a truth."""

import itertools
import re

import numpy as np
import pytest

from learnit_core import evaluate
from learnit_core.errors import LearnitError
from learnit_core.experiments import ct
from learnit_core.experiments.ct import measured, sections
from learnit_core.experiments.settings import Settings
from learnit_core.signals import phantoms, sinograms
from learnit_core.signals.sinograms import Measured

SIZE = 64


@pytest.fixture(scope="module")
def head():
    return phantoms.splits(SIZE, (1, 1, 1), 0)[2]


def scan_of(picture, degrees):
    """Sums of a picture [1, size, size, 1], [angles, size]."""
    return np.asarray(ct.tasks(picture, np.deg2rad(degrees).astype(np.float32)).support.values, np.float64)[0]


def save(file, head, degrees=None, **other):
    """A scan of half a turn; ``other`` replaces or (None) removes what is saved."""
    degrees = np.arange(0, 180, 3.0) if degrees is None else degrees
    about = {"sinogram": scan_of(head, degrees), "angles": degrees, "unit": "degrees"} | other
    np.savez(file, **{name: value for name, value in about.items() if value is not None})
    return file


# Reading


@pytest.mark.parametrize("unit", ["degrees", "radians"])
@pytest.mark.parametrize("turn", [180, 360])
def test_angles_are_in_the_unit_that_is_said(tmp_path, head, unit, turn):
    degrees = np.arange(0, turn, 4.0)
    angles = degrees if unit == "degrees" else np.deg2rad(degrees)
    found = sinograms.load(save(tmp_path / "a.npz", head, degrees, angles=angles, unit=unit))
    np.testing.assert_allclose(found.angles, np.deg2rad(degrees))
    np.testing.assert_array_equal(found.values, scan_of(head, degrees))
    assert found.axis == 32 and found.peak is None
    assert found.note == f"{len(degrees)} angles from 0° to {turn - 4}°, 64 bins."


def test_the_sum_of_all_is_kept_and_the_axis_meets_the_middle_ray():
    """Bins averaged over wider rays: a disc's projections, known in closed form, wherever the axis is."""
    radius = 0.3 * SIZE  # in rays

    def area(x):
        """Of the disc up to ``x``."""
        x = np.clip(x, -radius, radius)
        return x * np.sqrt(radius**2 - x**2) + radius**2 * np.arcsin(x / radius)

    for bins, axis in ((256, 128.0), (255, 127.0), (256, 100.25), (64, 32.0), (48, 24.0)):
        pixel = bins / SIZE
        edges = (np.arange(bins + 1) - 0.5 - axis) / pixel
        # The attenuation is 0.7 per ray's width, 0.7 / pixel per bin's; a bin holds the mean over its width.
        mean = np.diff(area(edges)) / np.diff(edges)
        scan = Measured(0.7 * np.tile(mean, (3, 1)), np.array([0.0, 1, 2]), axis, None, "")
        found = sinograms.binned(scan, SIZE) * pixel  # of attenuation per ray's width
        rays = np.arange(SIZE + 1) - SIZE // 2 - 0.5
        expected = 0.7 * np.diff(area(rays))
        np.testing.assert_allclose(found[1], expected, atol=0.02 * expected.max() if pixel >= 1 else expected.max() / 5)
        np.testing.assert_allclose(found.sum(axis=1), expected.sum(), rtol=1e-3)


def test_binning_at_the_same_size_changes_nothing(head):
    values = scan_of(head, np.arange(0, 180, 30.0))
    scan = Measured(values, np.zeros(6), 32.0, None, "")
    np.testing.assert_allclose(sinograms.binned(scan, SIZE), values, rtol=1e-5, atol=1e-5)


def test_a_projection_stands_for_the_way_to_its_neighbours():
    even = np.linspace(0, np.pi, 12, endpoint=False)
    np.testing.assert_allclose(sinograms.weights(even), np.pi / 12)
    np.testing.assert_allclose(sinograms.weights(even[::-1] - 1), np.pi / 12)
    full = np.linspace(0, 2 * np.pi, 24, endpoint=False)  # each line twice
    np.testing.assert_allclose(sinograms.weights(full).sum(), np.pi)
    uneven = np.deg2rad([0, 30, 60, 80, 100, 120, 150])
    np.testing.assert_allclose(np.rad2deg(sinograms.weights(uneven)), [30, 30, 25, 20, 20, 25, 30], atol=1e-9)
    wedge = np.deg2rad(np.arange(0, 120, 2.0))  # a third was not measured
    assert np.rad2deg(sinograms.weights(wedge)).max() < 4.1
    np.testing.assert_allclose(sinograms.weights(np.array([0.3])), np.pi)


def _with(values=None, **more):
    """What ``save`` is given; a function of the sinogram makes another one."""
    return {"change": values, **more}


BAD = {
    "no unit": (_with(unit=None), "no unit .whether angles are degrees or radians is never guessed.*unit='degrees'"),
    "an unknown unit": (_with(unit="gon"), "has the unit 'gon': expected 'degrees' or 'radians'"),
    "a unit that is a number": (_with(unit=1), "has the unit"),
    "no angles": (_with(angles=None), "has sinogram, unit, and no angles"),
    "degrees called radians": (_with(unit="radians"), "span 10,141 degrees by their unit.*the other unit"),
    "radians called degrees": (_with(angles=np.linspace(0, 3.1, 60)), r"span 3.1 degrees.*the other unit"),
    "turned": (_with(lambda s: s[:59].T, angles=np.arange(59.0)), r"expected \[angles, bins\].*sinogram=….T"),
    "too few angles": (_with(angles=np.arange(7.0)), r"angles \[7\]: expected"),
    "three axes": (_with(lambda s: s[None]), r"a sinogram \[1, 60, 64\]"),
    "few bins": (_with(lambda s: s[:, :4]), "60 angles and 4 bins: expected at least 8 bins"),
    "not a number": (_with(lambda s: np.where(s > s.max() - 1, np.nan, s)), "numbers that are not finite"),
    "infinite angles": (_with(angles=np.full(60, np.inf)), "angles in .* not finite"),
    "complex": (_with(lambda s: s + 0j), "is complex"),
    "objects": (_with(lambda s: s.astype(object)), "never unpickled"),
    "text": (_with(lambda s: s.astype("U8")), "expected integers or floats"),
    "intensities": (_with(lambda s: 1000 * np.exp(-s / 10)), r"largest at its edges.*−log\(I / I₀\)"),
    "negative": (_with(lambda s: -s), "expected line integrals"),
    "nothing": (_with(lambda s: 0 * s), "expected line integrals"),
    "the same everywhere": (_with(lambda s: 0 * s + 3), "is 3 everywhere"),
    "an axis outside": (_with(axis=80), "axis at the bin 80: expected 0 to 63"),
    "two axes of rotation": (_with(axis=np.ones(2)), r"axis in .* expected one number"),
    "a dark peak": (_with(peak=0.0), "the peak 0: expected more than 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_sinograms_are_one_sentence(tmp_path, head, case):
    options, said = dict(BAD[case][0]), BAD[case][1]
    if (change := options.pop("change")) is not None:
        options["sinogram"] = change(scan_of(head, np.arange(0, 180, 3.0)))
    file = save(tmp_path / "a.npz", head, **options)
    with pytest.raises(LearnitError, match=said) as found:
        sections.choose(Settings(test_data=str(file), max_steps=2))  # before anything is drawn or trained
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 and no more", b"\x93NUMPY"])
def test_files_that_are_none(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(LearnitError, match="cannot be read as .npz of numpy"):
        sinograms.load(tmp_path / "a.npz")
    with pytest.raises(LearnitError, match="there is no file .*nowhere.npz"):
        sinograms.load(tmp_path / "nowhere.npz")


def test_with_data_to_train_on_it_is_refused(tmp_path, head):
    file = save(tmp_path / "a.npz", head)
    with pytest.raises(LearnitError, match="expected LEARNIT_DATA to be empty"):
        sections.choose(Settings(data="phantoms", test_data=str(file)))


ODD = {
    "an axis elsewhere": (dict(degrees=np.arange(0, 360, 6.0), axis=27), "should be mirror images.*bin 27 .key `axis`"),
    "a wedge": (dict(degrees=np.arange(0, 120, 3.0)), "6[0-9]° of half a turn were not measured"),
    "cut off": (dict(cut=20), "outermost bins are not empty"),
    "drifting": (dict(drift=True), "add up to the same number; these differ by 1[0-9] %"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_is_said(tmp_path, head, case):
    options, said = dict(ODD[case][0]), ODD[case][1]
    degrees = options.pop("degrees", np.arange(0, 180, 3.0))
    values = scan_of(head, degrees)
    if cut := options.pop("cut", 0):
        values = values[:, cut:-cut]
    if options.pop("drift", False):
        values = values * np.linspace(0.8, 1.2, len(values))[:, None]
    assert re.search(said, sinograms.load(save(tmp_path / "a.npz", head, degrees, sinogram=values, **options)).note)


# Back-projection, scale and consistency


@pytest.mark.parametrize("degrees", [np.arange(0, 180, 3.0), np.arange(0, 360, 3.0), np.arange(0, 180, 1.5) ** 2 / 180])
def test_half_turns_full_ones_and_uneven_ones_are_projected_back_alike(head, degrees):
    values = scan_of(head, degrees)
    scan = measured.scaled(Measured(values, np.deg2rad(degrees), 32.0, 1.0, ""), SIZE)
    found = measured.back_projected(scan.values, scan.angles, "hann")
    assert evaluate.psnr(found, head[0]) > 19.5
    guessed = measured.scaled(Measured(7 * values, np.deg2rad(degrees), 32.0, None, ""), SIZE)
    assert 0.85 < guessed.peak / 7 < 1.1, "white is not the brightest of the head"


def unevenness(degrees):
    """Sum of squared distances between neighbours, over half a turn."""
    turned = np.sort(np.mod(degrees, 180))
    return np.sum(np.diff(turned, append=turned[0] + 180) ** 2)


SOME = {
    "half a turn": (np.arange(0, 180, 3.0), 4, [0, 45, 90, 135]),
    "a full turn": (np.arange(0, 360, 3.0), 4, [0, 45, 90, 135]),
    "a wedge": (np.arange(0, 120, 3.0), 4, [0, 39, 78, 117]),
    "a wedge across zero": (np.r_[np.arange(0, 51, 3.0), np.arange(111, 180, 3.0)], 4, [9, 48, 111, 150]),
    "two wedges": (np.r_[np.arange(0, 60, 1.0), np.arange(90, 150, 1.0)], 8, [0, 20, 39, 59, 90, 110, 130, 149]),
    "dense at one place": (np.r_[np.arange(0, 10, 0.1), np.arange(10, 180, 10.0)], 6, [0, 30, 60, 90, 120, 150]),
    "one far away": (np.r_[np.arange(0, 10, 1.0), 50], 3, [0, 9, 50]),
    "all": (np.array([3.0, 1, 2]), 3, [1, 2, 3]),
}


@pytest.mark.parametrize("case", SOME)
def test_some_angles_are_spread_as_far_as_they_were_measured(case):
    degrees, count, expected = SOME[case]
    for seed in range(3):
        turned = np.r_[degrees[0], np.random.default_rng(seed).permutation(degrees[1:])]
        chosen = sinograms.some(np.deg2rad(turned), count)
        np.testing.assert_allclose(np.sort(turned[chosen] % 180), expected, atol=1.5)


@pytest.mark.parametrize("seed", range(20))
def test_no_other_angles_are_spread_much_better(seed):
    rng = np.random.default_rng(seed)
    total = int(rng.integers(5, 11))
    count = int(rng.integers(2, total))
    degrees = [rng.uniform(0, 180, total), rng.uniform(0, 1, total) ** 3 * 120][seed % 2]
    best = min(unevenness(degrees[list(chosen)]) for chosen in itertools.combinations(range(total), count))
    assert unevenness(degrees[sinograms.some(np.deg2rad(degrees), count)]) < 1.2 * best


def test_no_angle_is_taken_twice_and_one_from_behind_only_when_all_others_are():
    assert len(set(sinograms.some(np.zeros(5), 4))) == 4
    both = np.deg2rad([0, 180, 10, 190, 20, 200])
    for count in range(1, 7):
        chosen = sinograms.some(both, count)
        assert len(set(chosen)) == count and len(set(chosen // 2)) == min(count, 3)


def test_consistency_is_none_for_the_truth_and_all_for_nothing(head):
    degrees = np.arange(0, 180, 20.0)
    scan = measured.Scan(scan_of(head, degrees), np.deg2rad(degrees), 1.0)
    np.testing.assert_allclose(measured.consistency(head[0], scan), 0, atol=1e-8)
    np.testing.assert_allclose(measured.consistency(0 * head[0], scan).mean(), 1, rtol=1e-5)
    behind = np.array([0.5, 0.5 + np.pi, 1.0, 2.0])
    found = measured.missed(np.array([0.01, 9, 0.04, 0.04]), behind, np.array([0]))
    np.testing.assert_allclose(found, (10, 20), err_msg="a line seen from behind counts as another one")
    assert measured.missed(np.ones(2), behind[:2], np.arange(2)) == (100, None)


@pytest.mark.nightly
def test_a_fit_is_the_one_that_a_slice_gets(head):
    """From the same angles a measured scan ends where the slice itself does, whose truth nobody used."""
    settings = Settings(max_steps=4)
    network = measured.shipped.larger("measured", settings=settings)
    degrees = np.rad2deg(ct.test_angles(4))
    scan = measured.Scan(scan_of(head, degrees).astype(np.float32), np.deg2rad(degrees), 1.0)
    init = "meta-reptile"
    found = measured.fitted(network.field, network.starts[init], scan, measured.setting(network, init, 4))
    np.testing.assert_allclose(found, network.fits(head, [(init, 4)])[init, 4][0][0], atol=1e-3)
    assert measured.setting(network, "standard", 7) == network.chosen("standard", 4)
    assert measured.setting(network, "standard", 60) == network.chosen("standard", 8)


def test_in_the_notebook_it_stands_beside_random_weights_and_back_projection(tmp_path, head, monkeypatch):
    """What is shown and said of pictures; here they are the truth, darker the fewer angles they were fitted to."""
    monkeypatch.setattr(measured, "fitted", lambda field, start, scan, chosen: head[0] * len(scan.angles) / 12)
    file = save(tmp_path / "scan.npz", head, np.arange(0, 180, 15.0), peak=1.0)
    settings = Settings(test_data=str(file), max_steps=2)
    assert not sections.choose(settings).train
    off = sections.off_class(settings)
    assert off.rows == [], "a score without a truth"
    assert off.slider.scene["titles"] == ["Standard", "Reptile", "Back-projection"]
    assert off.slider.scene["controls"][0]["labels"] == [f"{n} projections" for n in (2, 4, 8, 12)]
    for part in (
        "| scan.npz | Standard | Reptile | Back-projection |",
        "no ground truth, so no PSNR",
        "12 angles from 0°",
    ):
        assert part in off.said
    lines = re.findall(r"\| (\d+) of 12 angles \| (.*) \|", off.said)
    assert [int(n) for n, _ in lines] == [2, 4, 8, 12]
    assert all(cells.count("/") == 3 for _, cells in lines) and lines[-1][1].count("/ –") == 3
    off_by = [100 * (1 - n / 12) for n in (2, 4, 8)]
    standard = [cells.split(" | ")[0].split(" % / ") for _, cells in lines]
    np.testing.assert_allclose([float(at) for at, _ in standard[:3]], off_by, rtol=0.1)
    np.testing.assert_allclose([float(others.strip(" %")) for _, others in standard[:3]], off_by, rtol=0.1)
    outside = phantoms.scanner_circle(SIZE) == 0
    assert np.isfinite(off.slider.pictures([0.0])[2]).all() and not off.slider.pictures([0.0])[2][outside].any()


@pytest.mark.nightly
def test_the_learned_start_agrees_better_with_what_was_not_measured(tmp_path, head):
    """From four of 60 angles of a head: at the other 56, and by the truth that the notebook does not know."""
    file = save(tmp_path / "scan.npz", head, peak=1.0)
    off = sections.off_class(Settings(test_data=str(file)), numbers=(4,))
    (four,) = re.findall(r"\| 4 of 60 angles \| (.*) \|", off.said)
    others = [float(cell.split("/")[1].strip(" %")) for cell in four.split("|")]
    assert others[1] < 0.7 * others[0] and others[1] < others[2]
    standard, learned, _ = (np.asarray(shown) / 255 for shown in off.slider.pictures([0.0]))
    assert evaluate.psnr(learned, head[0]) > evaluate.psnr(standard, head[0]) + 2
