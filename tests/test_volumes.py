"""data_scripts/slices.py: volumes as scanners give them become a prepared set, and bad ones are one sentence."""

import importlib
import json
import re
import shutil
import sys
import zipfile

import jax
import numpy as np
import pytest
from PIL import Image
from test_ct import TINY

import slices as script
from getting import commandline, stack, volumes
from learnit_core import meta
from learnit_core.commands import demo
from learnit_core.errors import LearnitError
from learnit_core.experiments import ct
from learnit_core.experiments.ct import sections
from learnit_core.experiments.settings import Settings
from learnit_core.signals import Pictures, phantoms, prepared

pydicom = pytest.importorskip("pydicom", reason="the extra ct is not installed")
nibabel = pytest.importorskip("nibabel", reason="the extra ct is not installed")

COUNT, SIDE = 40, 24


def body(count=COUNT, rows=SIDE, columns=SIDE, seed=0):
    """A volume in Hounsfield units, int16 [count, rows, columns]: tissue that differs from slice to slice, a bone on
    the right and in front, so that no slice looks like its mirror image, and another one for each seed; air around."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    volume = np.full((count, rows, columns), -1000, np.int16)
    for k in range(count):
        volume[k][x**2 + y**2 < 0.7] = 40 + 10 * k
        volume[k][(x + 0.4) ** 2 + (y + 0.2) ** 2 < 0.05] = 500 - 5 * k + 13 * (seed % 30)
    return volume


def write_dicom(folder, volume, *, suffix=".dcm", series="1.2.3", patient="one", spacing=2.0, **tags):
    """A series, its files named in another order than they lie in; ``tags`` replace or (None) remove others.

    Numbers are stored as HU = 0.5 × stored − 1000.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    folder.mkdir(parents=True, exist_ok=True)
    names = np.random.default_rng(1).permutation(len(volume))
    for k, values in enumerate(volume):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = f"{series}.{k + 1}"
        about = {
            "SOPClassUID": CTImageStorage, "SOPInstanceUID": f"{series}.{k + 1}", "SeriesInstanceUID": series,
            "StudyInstanceUID": "1.9", "PatientID": patient, "PatientName": "Doe^Jane", "Modality": "CT",
            "Rows": volume.shape[1], "Columns": volume.shape[2], "SamplesPerPixel": 1, "BitsAllocated": 16,
            "PhotometricInterpretation": "MONOCHROME2", "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1,
            "ImagePositionPatient": [-10, -10, k * spacing - 100], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [0.8, 0.8], "RescaleSlope": 0.5, "RescaleIntercept": -1000,
        }  # fmt: skip
        about |= {name: value(k) if callable(value) else value for name, value in tags.items()}
        data = Dataset()
        data.file_meta = meta
        for name, value in about.items():
            if value is not None:
                setattr(data, name, value)
        data.PixelData = (2 * (values.astype(np.int32) + 1000)).astype(np.int16).tobytes()
        data.save_as(folder / f"IM{names[k]:04d}{suffix}", enforce_file_format=True)


def write_nifti(file, volume, axes="RAS", dtype=np.int16, **head):
    """The same body in NIfTI, stored along other axes; slices are 2 mm apart, pixels 0.8 mm."""
    upright = np.transpose(volume, (2, 1, 0))[::-1, ::-1].astype(dtype)  # to the right, to the front, upwards
    image = nibabel.Nifti1Image(upright, np.diag([0.8, 0.8, 2.0, 1.0]))
    to = nibabel.orientations.axcodes2ornt(axes)
    image = image.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(image.affine), to))
    for name, value in head.items():
        image.header[name] = value
    nibabel.save(image, file)


def write_tiff(file, volume):
    pages = [Image.fromarray(page) for page in volume]
    pages[0].save(file, save_all=True, append_images=pages[1:])


def call(*arguments):
    return commandline.run(script.main, [*map(str, arguments)])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored(folder):
    return {split: np.load(folder / f"{split}.npy")[..., 0] for split in prepared.SPLITS}


SHOWN = np.round(255 * np.clip((body() + 1000) / 2000, 0, 1)).astype(np.uint8)
"""The body in the default window."""
EXPECTED = {"train": SHOWN[:26], "validation": SHOWN[30:33], "test": SHOWN[37:]}
"""A tenth each for validation and test, four slices of 2 mm left out between blocks: 10 mm apart."""
UNKNOWN = {"train": SHOWN[:28], "validation": SHOWN[31:34], "test": SHOWN[37:]}
"""The same where the distance is not known: three left out."""


def in_dicom(place):
    write_dicom(place / "in", body())


def without_suffix(place):
    write_dicom(place / "in" / "DICOM" / "PA0" / "SE1", body(), suffix="")
    (place / "in" / "README").write_text("from the hospital")


def compressed(place):
    write_dicom(place / "in", body())
    for file in (place / "in").iterdir():
        data = pydicom.dcmread(file)
        data.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        data.save_as(file)


def padded_pixels(place):
    """Where the body has air, the scanner's mark for "nothing was measured", which would be white."""
    volume = body()
    write_dicom(place / "in", np.where(volume == -1000, 15_000, volume), PixelPaddingValue=32_000)


WAYS = {
    "dicom": (in_dicom, EXPECTED),
    "dicom without suffix": (without_suffix, EXPECTED),
    "dicom, compressed": (compressed, EXPECTED),
    "dicom, padded": (padded_pixels, EXPECTED),
    "nifti": (lambda place: write_nifti(place / "in.nii", body()), EXPECTED),
    "nifti, packed, sagittal": (lambda place: write_nifti(place / "in.nii.gz", body(), axes="PSL"), EXPECTED),
    "npy": (lambda place: np.save(place / "in.npy", body()), UNKNOWN),
    "npz": (lambda place: np.savez_compressed(place / "in.npz", volume=body().astype(np.float64)), UNKNOWN),
    "tiff": (lambda place: write_tiff(place / "in.tif", body().astype(np.float32)), UNKNOWN),
    "tiff of 12 bits": (lambda place: write_tiff(place / "in.tiff", (body() + 1024).astype(np.uint16)), UNKNOWN),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_volume_becomes_a_prepared_set(place, way, capsys):
    make, expected = WAYS[way]
    make(place)
    (source,) = place.iterdir()
    more = ["--rescale", 1, -1024] if "12 bits" in way else []
    assert call(source.name, "--size", SIDE, *more) == 0
    found = stored(place / "data" / "slices-in")
    for split in prepared.SPLITS:
        np.testing.assert_array_equal(found[split], expected[split])
    about = prepared.describe(place / "data" / "slices-in")
    assert "Contiguous blocks of one body" in about["note"] and about["options"]["window"] == [0.0, 2000.0]
    assert "LEARNIT_DATA=data/slices-in make demo NOTEBOOK=02" in capsys.readouterr().out
    assert importlib.import_module("prepare").main(["--check", "data/slices-in"]) is None
    everything = "".join(p.read_bytes().decode("latin1") for p in (place / "data").rglob("*") if p.is_file())
    assert "Doe" not in everything and "Jane" not in everything, "the patient's name is kept"
    assert call(source.name, "--size", SIDE, "--window", 40, 400, *more) == 1
    assert "window is [0.0, 2000.0] there, [40.0, 400.0] here" in capsys.readouterr().err


def test_of_several_series_the_largest_and_what_was_left_is_said(place, capsys):
    write_dicom(place / "in", body())
    write_dicom(place / "in", body(9), series="1.2.9", suffix="")
    write_dicom(place / "in", body(45), series="1.2.7", suffix=".pt", Modality="PT")
    write_dicom(place / "in", body(1), series="1.2.8", suffix=".sc", ImagePositionPatient=None)
    shutil.copy(next((place / "in").glob("*.dcm")), place / "in" / "copy")
    assert call("in", "--size", SIDE) == 0
    np.testing.assert_array_equal(stored(place / "data" / "slices-in")["train"], EXPECTED["train"])
    said = capsys.readouterr().out
    for part in (
        "another series, 9 of CT",
        "another series, 45 of PT",
        "1 DICOM files without a slice",
        "1 slices twice",
    ):
        assert part in said


def test_whole_bodies_are_dealt_out(place, capsys):
    """Two series of one patient are never in two splits, whatever the seed; a volume that is no use is left out."""
    for patient in "abcd":
        for series in "12":
            seed = ord(patient) + 10 * int(series)
            write_dicom(place / "in" / patient / series, body(6, seed=seed), series=f"1.{seed}", patient=patient)
    np.save(place / "in" / "bad.npy", np.zeros((3, 3), np.float32))
    for seed in range(4):
        assert call("in", "--size", SIDE, "--seed", seed, "--to", f"out{seed}") == 0, capsys.readouterr().err
        folder = place / f"out{seed}"
        whose = {
            split: {line[0] for line in (folder / f"{split}.txt").read_text().split()} for split in prepared.SPLITS
        }
        assert sum(map(len, whose.values())) == 4 == len(set().union(*whose.values()))
        assert "Split by body (2 for train, 1 for validation, 1 for test)" in prepared.describe(folder)["note"]
    assert "Left out: bad.npy is float32[3, 3]" in capsys.readouterr().out


def test_of_one_body_the_largest_volume(place, capsys):
    write_dicom(place / "in" / "thin", body(), series="1.2")
    write_dicom(place / "in" / "thick", body(13, seed=3), series="1.3")
    assert call("in", "--size", SIDE) == 0
    np.testing.assert_array_equal(stored(place / "data" / "slices-in")["test"], EXPECTED["test"])
    assert "Left out: thick, of the same body as thin." in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["cut", "pixels"])
def test_a_broken_slice_is_named_and_a_gap_is_said(place, capsys, damage):
    write_dicom(place / "in", body())
    ordered = sorted((place / "in").iterdir(), key=lambda file: pydicom.dcmread(file).ImagePositionPatient[2])
    if damage == "cut":
        ordered[20].write_bytes(ordered[20].read_bytes()[:-100])
    else:
        data = pydicom.dcmread(ordered[20])
        data.PixelData = data.PixelData[:-100]
        data.save_as(ordered[20])
    ordered[10].unlink()
    assert call("in", "--size", SIDE) == 0
    said = capsys.readouterr().out
    assert f"{ordered[20].name} is damaged or cut short" in said and "1 gaps, the largest 4.0 mm where 2.0 mm" in said
    about = prepared.describe(place / "data" / "slices-in")
    assert about["skipped"] == [ordered[20].name] and sum(s["count"] for s in about["splits"].values()) == 39 - 8 - 1


def test_shape_window_and_padding():
    """The middle stays in the middle; what is padded is air; pixels become square; areas are averaged."""
    values = np.full((20, 40), 0.0, np.float32)
    values[:, 20:] = 500
    found = stack.drawn(values, size=40, window=(0, 2000))[..., 0]
    assert (found[:10] == 0).all() and (found[30:] == 0).all()
    assert (found[10:30, :20] == 128).all() and (found[10:30, 20:] == 191).all()
    bright_air = stack.drawn(values, size=40, window=(-1000, 400))[..., 0]
    assert (bright_air[:10] == 128).all(), "padded with black and not with air"
    stretched = stack.drawn(values, size=40, window=(0, 2000), pixel=(1.6, 0.8))[..., 0]
    assert (stretched[:, :19] == 128).all() and (stretched[:, 21:] == 191).all()
    rng = np.random.default_rng(0).uniform(-900, 900, (64, 64)).astype(np.float32)
    halved = stack.drawn(rng, size=32, window=(0, 2000))[..., 0]
    means = rng.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(halved, 255 * (means + 1000) / 2000, atol=0.51)


# Bad input: a maker of it, arguments, and a part of the sentence


def with_tags(**tags):
    return lambda place: write_dicom(place / "in", body(12), **tags)


def file_of(name, content):
    def make(place):
        (place / "in").mkdir()
        (place / "in" / name).write_bytes(content)

    return make


def array(values, name="in.npy"):
    def make(place):
        np.save(place / name, values, allow_pickle=True)

    return make


def arrays(**values):
    return lambda place: np.savez(place / "in.npz", **values)


def head_only(shape, dtype="<f4"):
    """A `.npy` that says it is large, and is not."""

    def make(place):
        with open(place / "in.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
            file.write(bytes(100))

    return make


def bomb(place):
    """A `.npz` whose member says it is small to the zip, and large in its head."""
    head_only((1000, 4000, 4000))(place)
    with zipfile.ZipFile(place / "in.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(place / "in.npy", "volume.npy")
    (place / "in.npy").unlink()


def cut(make, name, keep):
    def made(place):
        make(place)
        (place / name).write_bytes((place / name).read_bytes()[:keep])

    return made


def nifti(volume, name="in.nii", **options):
    return lambda place: write_nifti(place / name, volume, **options)


def four_dimensional(place):
    values = np.zeros((8, 8, 12, 3), np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), place / "in.nii.gz")


def nifti_with(start, values, dtype):
    """A file with other numbers from byte ``start`` of its head on."""

    def make(place):
        write_nifti(place / "in.nii", body(12))
        content, new = bytearray((place / "in.nii").read_bytes()), np.array(values, dtype).tobytes()
        content[start : start + len(new)] = new
        (place / "in.nii").write_bytes(content)

    return make


def pages_that_differ(place):
    pages = [Image.fromarray(np.full((8 + i // 20, 8), -900.0, np.float32)) for i in range(22)]
    pages[0].save(place / "in.tif", save_all=True, append_images=pages[1:])


def of_objects(place):
    np.savez(place / "in.npz", volume=np.array([{}, {}], object))


def jpeg_ls(place):
    write_dicom(place / "in", body(12))
    for file in (place / "in").iterdir():
        data = pydicom.dcmread(file)
        data.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xf7rest"])
        data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLSLossless
        data["PixelData"].is_undefined_length = True
        data.save_as(file)


def in_one_place(place):
    write_dicom(place / "in", body(12), ImagePositionPatient=lambda k: [0, 0, k // 2])


def with_nan(value=np.nan):
    volume = body(12).astype(np.float32)
    volume[0, 5, 5] = value
    return volume


BAD = {
    "no volumes": (file_of("notes.txt", b"hello"), [], "holds 1 other files, such as notes.txt: expected volumes"),
    "an archive": (lambda place: (place / "in.zip").write_bytes(b"PK"), [], "unpack the archive first"),
    "no slope": (with_tags(RescaleSlope=None), [], "has no RescaleSlope .* --rescale SLOPE INTERCEPT"),
    "a slope of nan": (with_tags(RescaleSlope="nan"), [], "is rescaled by nan"),
    "another unit": (with_tags(RescaleType="MGML"), [], "to MGML: expected Hounsfield units"),
    "magnetic resonance": (with_tags(Modality="MR"), [], "has the modality MR: expected CT"),
    "inverted": (with_tags(PhotometricInterpretation="MONOCHROME1"), [], "is MONOCHROME1: expected MONOCHROME2"),
    "in colour": (with_tags(PhotometricInterpretation="RGB", SamplesPerPixel=3), [], "is RGB: expected MONOCHROME2"),
    "in one place": (in_one_place, [], "several slices at one place.*expected a folder for each time"),
    "one slice": (lambda place: write_dicom(place / "in", body(1)), [], "is a single slice: expected a volume"),
    "few slices": (lambda place: write_dicom(place / "in", body(8)), [], "expected at least 18 slices"),
    "many frames": (with_tags(NumberOfFrames=12), [], "several frames in one file: dcm2niix makes"),
    "no place": (with_tags(ImagePositionPatient=None), [], "does not say where it lies in the body"),
    "an impossible place": (with_tags(ImageOrientationPatient=[0] * 6), [], "says of its place what cannot be"),
    "absurd sides": (with_tags(Rows=60_000, Columns=60_000), [], "60000 x 60000 with 16 bits: expected sides up"),
    "larger than it is": (with_tags(Rows=2000, Columns=2000), [], "there are .*: expected at least 10 in all"),
    "no decoder": (jpeg_ls, [], r"compressed \(JPEG-LS.*no plug-in: pip install pylibjpeg"),
    "dicom at first": (file_of("x", bytes(128) + b"DICM" + b"\xff" * 99), [], "cannot be read|holds no picture"),
    "a directory of dicom": (file_of("DICOMDIR", bytes(128) + b"DICM"), [], "holds no picture|cannot be read"),
    "nifti, four axes": (four_dimensional, [], r"has 4 axes \(8 x 8 x 12 x 3\).*image.slicer\[..., 0\]"),
    "nifti, complex": (nifti(body(12), dtype=np.complex64), [], "is complex .*: expected real numbers"),
    "nifti, cut short": (cut(nifti(body(12)), "in.nii", 3000), [], "more than its file can hold|cut short"),
    "nifti, packed, cut short": (cut(nifti(body(12), "in.nii.gz"), "in.nii.gz", 900), [], "damaged or cut short"),
    "nifti, absurd": (nifti_with(42, [4000] * 3, "<i2"), [], "more than its file can hold: it is cut short"),
    "nifti, not a number": (nifti(with_nan(), dtype=np.float32), [], "not finite: .*np.nan_to_num"),
    "nifti, nowhere": (nifti_with(280, [np.nan] * 12, "<f4"), [], "does not say how it lies|cannot be read"),
    "no nifti": (lambda place: (place / "in.nii").write_bytes(b"\0" * 400), [], "cannot be read as NIfTI"),
    "positive numbers": (array((body(12) + 1024).astype(np.uint16)), [], "no air .*--rescale SLOPE INTERCEPT"),
    "a unit of its own": (array(np.random.default_rng(0).uniform(0, 1, (12, 9, 9))), [], "run from .* with no air"),
    "not a number": (array(with_nan()), [], "not finite"),
    "infinite": (array(with_nan(np.inf)), ["--rescale", 1, 0], "not finite"),
    "complex": (array(body(12) + 0j), [], "is complex .*real"),
    "yes and no": (array(body(12) > 0), [], "is bool.*: expected integers or floats"),
    "objects": (array(np.array([{}] * 12, object)), [], "never unpickled: save an array of numbers"),
    "objects in npz": (of_objects, [], "never unpickled"),
    "records": (array(np.zeros((9, 9, 9), [("a", "f4")])), [], "objects or records"),
    "two axes": (array(body()[0]), [], r"expected one volume, \[slices, rows, columns\]"),
    "four axes": (array(body(12)[None]), [], r"expected one volume, \[slices, rows, columns\]"),
    "slices last": (array(np.moveaxis(body(4), 0, 2)), [], "np.moveaxis"),
    "empty": (array(np.zeros((0, 9, 9))), [], "is empty"),
    "cut short": (cut(array(body(12)), "in.npy", 5000), [], "it is cut short"),
    "said to be large": (head_only((1000, 4000, 4000)), [], "it is cut short"),
    "a bomb": (bomb, [], "it is cut short|damaged"),
    "several arrays": (arrays(a=body(12), b=body(12)), [], r"has 2 arrays \(a, b\)"),
    "no zip": (lambda place: (place / "in.npz").write_bytes(b"PK\3\4nothing"), [], "cannot be read as .npz"),
    "a sinogram": (arrays(sinogram=np.ones((9, 9)), angles=np.ones(9)), [], "name it in LEARNIT_TEST_DATA"),
    "tiff, in colour": (lambda place: write_tiff(place / "in.tif", np.zeros((12, 9, 9, 3), np.uint8)), [], "in colour"),
    "tiff, pages differ": (pages_that_differ, [], "of another size or type: expected one for all pages"),
    "tiff, one page": (lambda place: write_tiff(place / "in.tif", body(1)), [], "is a single slice"),
    "tiff, cut short": (cut(lambda p: write_tiff(p / "in.tif", body(12)), "in.tif", 900), [], "damaged|cannot be read"),
    "all the same": (array(np.full((30, 9, 9), -1000)), ["--rescale", 1, 0], "slices with something in them"),
    "a window without width": (array(body()), ["--window", 40, 0], "--window is .*a width above 0"),
    "a rescale to nothing": (array(body()), ["--rescale", 0, 5], "--rescale is .*a slope other than 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_volumes_are_one_sentence(place, case, capsys):
    make, arguments, said = BAD[case]
    make(place)
    (source,) = place.iterdir()
    assert call(source.name, "--size", SIDE, *arguments) == 1
    error = re.split(r"[\r\n]+", capsys.readouterr().err.strip())[-1]  # behind the bar of progress
    assert re.match(rf"\S+: .*({said})", error), error
    assert not (place / "data").exists() or not list((place / "data").iterdir()), "something was left behind"


@pytest.mark.parametrize(
    "name, make, as_a_whole",
    [
        ("in.npy", array(body(12)), False),
        ("in.tif", lambda place: write_tiff(place / "in.tif", body(12)), False),
        ("in.npz", arrays(volume=body(12)), True),
        ("in.nii", nifti(body(12)), True),
        ("in.nii.gz", nifti(body(12), "in.nii.gz"), True),
    ],
)
def test_large_volumes_are_read_slice_by_slice_or_said_to_be_large(place, monkeypatch, name, make, as_a_whole):
    """With a limit of a few kilobytes in the place of 2 GiB."""
    make(place)
    monkeypatch.setattr(volumes.stored, "MOST_BYTES", body(12).nbytes - 1)
    if as_a_whole:
        said = f"^{name} is said to have {body(12).nbytes:,} bytes .*read as a whole: expected .*save it as .npy"
        with pytest.raises(LearnitError, match=said):
            volumes.find(place / name)
    else:
        ((volume,), _) = volumes.find(place / name)
        np.testing.assert_array_equal([volume.read(k) for k in range(12)], body(12))


@pytest.mark.parametrize("package, make", [("pydicom", in_dicom), ("nibabel", WAYS["nifti"][0])])
def test_without_the_extra_it_is_named(place, package, make, capsys, monkeypatch):
    make(place)
    (source,) = place.iterdir()
    monkeypatch.setitem(sys.modules, package, None)
    assert call(source.name) == 1
    assert f"needs the package {package}: pip install -e '.[ct]' brings it" in capsys.readouterr().err


def test_a_terminal_is_not_moved(place, capsys):
    (place / "in").mkdir()
    (place / "in" / "a\x1b[31m.npy").write_bytes(b"x")
    assert call("in") == 1
    assert "\x1b" not in capsys.readouterr().err


# The data path of notebook 02


@pytest.mark.parametrize("way", ["dicom", "nifti"])
def test_from_a_folder_to_the_notebooks_data_in_two_steps(place, way):
    WAYS[way][0](place)
    (source,) = place.iterdir()
    assert call(source.name, "--size", 32) == 0
    settings = Settings(data=str(place / "data" / "slices-in"), max_steps=2)
    chosen = sections.choose(settings)
    assert isinstance(chosen.images.train, Pictures) and chosen.images.train.shape == (26, 64, 64, 1)
    assert "Stored at 32 x 32 and scaled to 64 x 64" in chosen.images.note and chosen.shipped is None and chosen.train
    outside = phantoms.scanner_circle(64) == 0
    for part in (chosen.images.train[:], chosen.images.validation, chosen.images.test):
        assert not part[:, outside].any() and part[:, ~outside].any()


@pytest.fixture
def small(place):
    """What was made, at a tiny size; training slices on disk."""
    in_dicom(place)
    assert call("in", "--size", 32) == 0
    return ct.load_signals(TINY, str(place / "data" / "slices-in"))


def test_from_disk_a_step_draws_what_it_draws_from_memory(small, monkeypatch):
    monkeypatch.setattr(ct, "measure", lambda slices, angles: (slices, angles))
    sample_tasks, key = ct.sampler(TINY), jax.random.key(5)
    excerpt = ct.source(small.train, TINY, key)(3, 4)
    assert len(excerpt) == len(small.train) == 26 and excerpt.rows.dtype == np.uint8
    for step in range(3, 7):
        sample_key = meta.step_keys(key, jax.numpy.int32(step))[0]
        pairs = zip(
            *(sample_tasks(sample_key, data).support for data in (excerpt, jax.numpy.asarray(small.train[:]))),
            strict=True,
        )
        for one, other in pairs:
            np.testing.assert_array_equal(one, other)


@pytest.mark.nightly
def test_from_disk_it_learns_what_it_learns_from_memory(small):
    _, params, _ = ct.meta_train(TINY, small)
    _, expected, _ = ct.meta_train(TINY, small._replace(train=small.train[:]))
    for one, other in zip(params, expected, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def demonstrated(place, **settings):
    """What notebook 02 leaves, run as `make demo` does; :func:`call` has made the set before."""
    environment = {f"LEARNIT_{name}": str(value) for name, value in settings.items()}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"LEARNIT_OUT": str(place / "out"), **environment}.items():
            patch.setenv(name, value)
        assert demo.main(["02"]) == 0
    (folder,) = (place / "out").iterdir()
    return folder, json.loads((folder / "metrics.json").read_text())["results"]


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("way", ["dicom", "nifti"])
def test_the_notebook_runs_on_what_was_made(place, way):
    WAYS[way][0](place)
    (source,) = place.iterdir()
    assert call(source.name, "--size", 64) == 0
    folder, rows = demonstrated(place, DATA=place / "data" / "slices-in", MAX_STEPS=2)
    table = [row for row in rows if row["in_table"]]
    assert {row["data"] for row in table} == {"slices-in"} and {row["num_signals"] for row in table} == {3}
    assert (folder / "figures" / "reconstructions.png").is_file()


@pytest.mark.nightly
@pytest.mark.slow
def test_the_notebook_runs_on_a_measured_sinogram(place):
    degrees = np.arange(0, 180, 6.0)
    head = phantoms.splits(64, (1, 1, 1), 0)[2]
    measured = np.asarray(ct.tasks(head, np.deg2rad(degrees).astype(np.float32)).support.values)[0]
    np.savez(place / "scan.npz", sinogram=measured, angles=degrees, unit="degrees")
    folder, rows = demonstrated(place, TEST_DATA=place / "scan.npz", MAX_STEPS=2)
    assert "ct-off-class" not in {row["experiment"] for row in rows}, "a score without a truth"
    page = (folder / "index.html").read_text()
    assert "no ground truth, so no PSNR" in page and "4 of 30 angles" in page


def test_a_prepared_set_of_photographs_is_no_set_of_slices(place):
    from test_prepared import write

    write(place / "set")
    with pytest.raises(LearnitError, match="a prepared set of photographs: expected slices, of data_scripts/slices.py"):
        ct.load_signals(ct.PROFILES["quick"], str(place / "set"))
