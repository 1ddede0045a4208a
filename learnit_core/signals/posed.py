"""Posed pictures of one object, wherever they come from, made into :class:`learnit_core.structures.Views`.

Pictures are laid over white, and of one that is not square the middle counts.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops

from learnit_core.errors import LearnitError
from learnit_core.signals import cameras, files
from learnit_core.signals.cameras import Camera
from learnit_core.structures import Views

WHITE, FRAME = 250, 0.95
"""A picture has a white background if so large a share of its outermost pixels is at least so bright."""

Contents = Mapping[str, bytes]
Undistort = Callable[[Image.Image, Camera], tuple[Image.Image, Camera]]
"""Takes the distortion out of an RGB picture; returns it with the pinhole camera that would have taken it."""


class Shot(NamedTuple):
    """A picture's file, that of its mask, its pose, and its camera by the picture's width and height."""

    file: str
    mask: str | None
    pose: np.ndarray
    camera: Callable[[int, int], Camera]


def views(
    contents: Contents,
    shots: Sequence[Shot],
    size: int,
    bounds: tuple[float, float] | None,
    *,
    usual: tuple[float, float] | None = None,
    undistort: Undistort | None = None,
    cut_out: bool = False,
) -> Views:
    """The pictures in order, in ``size`` x ``size`` pixels.

    ``bounds`` are near and far; without them they are ``usual`` where these hold what the cameras look at, else the
    cameras'. With ``cut_out`` each picture has to tell what is background, by alpha, a mask or by white. Raises
    ``LearnitError`` that names the picture at fault.
    """
    if not shots:
        raise LearnitError("found no pictures; expected one or more.")
    if bounds is not None and not 0 <= bounds[0] < bounds[1]:
        raise LearnitError(f"near is {bounds[0]:g} and far {bounds[1]:g}; expected 0 <= near < far.")
    images, intrinsics, first, brightest = [], [], None, 0.0
    transparent, unclear = False, []  # whether any pixel of any picture is, and those of which it is not known
    for shot in shots:
        if shot.file not in contents:
            raise LearnitError(f"{shot.file} is missing.")
        picture = files.decode(contents[shot.file], shot.file, channels=3, upright=False)
        image, clear = Image.fromarray(picture.pixels), not picture.opaque
        brightest = max(brightest, picture.brightest)
        if shot.mask is not None:
            mask = _mask(contents[shot.mask], shot.mask, image.size)
            clear |= mask.getextrema()[0] < 255
            image.paste("white", mask=ImageChops.invert(mask))
        first = first or (shot.file, image.size)
        if image.size != first[1]:
            raise LearnitError(
                f"{shot.file} has a side of {image.width} pixels; expected {first[1][0]}, as {first[0]} has."
                if image.width == image.height
                else f"{shot.file} has {image.width} x {image.height} pixels; expected {first[1][0]} x {first[1][1]}, "
                f"as {first[0]} has."
            )
        transparent |= clear
        if not clear and cut_out and not _white_around(image):
            unclear.append((shot.file, picture.alpha or shot.mask is not None))
        camera = shot.camera(*image.size)
        if camera.distortion:
            if undistort is None:
                name, value = next(iter(camera.distortion.items()))
                raise LearnitError(
                    f"{shot.file} has a camera with distortion ({name} = {value:g}); expected none: "
                    "data_scripts/shapenet.py takes it out."
                )
            image, camera = undistort(image, camera)
        pixels, seen = _square(image, camera, size)
        images.append(pixels)
        intrinsics.append(seen)
    for file, alpha in unclear:  # without alpha the background is not known
        if not (alpha and transparent):
            what = "no transparent pixel, as all its pictures," if alpha else "no alpha"
            raise LearnitError(
                f"{file} has {what}; expected RGBA, an alpha channel with the background at 0, or a mask_path, or a "
                "white background."
            )
    if brightest < files.FAINT:
        warnings.warn(files.faint("an object"), stacklevel=3)  # the same words for all objects, so that they come once
    poses, count = np.array([shot.pose for shot in shots]), len(images)
    made = Views(
        images=np.stack(images),
        valid=np.tile(np.array([0, size, 0, size], np.int32), (count, 1)),
        intrinsics=np.array(intrinsics, np.float32),
        camera_to_world=poses.astype(np.float32),
        near=np.zeros(count, np.float32),
        far=np.ones(count, np.float32),
    )
    if bounds is None:
        bounds = cameras.aim_of(made).bounds
        if usual is not None and usual[0] <= bounds[0] and bounds[1] <= usual[1]:
            bounds = usual
    near, far = (np.full(count, value, np.float32) for value in bounds)
    return made._replace(near=near, far=far)


def _square(image: Image.Image, camera: Camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The middle of a picture, uint8 [size, size, 3], and its fx, fy, cx, cy."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    if image.width != image.height:
        image = image.crop((left, top, left + side, top + side))
    if side != size:
        image = image.resize((size, size), Image.Resampling.BOX)
    return np.asarray(image), (camera.intrinsics - [0, 0, left, top]) * (size / side)


def _mask(content: bytes, name: str, size: tuple[int, int]) -> Image.Image:
    """What is the object (255), in the size of its picture."""
    image = Image.fromarray(files.decode(content, name, channels=1, upright=False, behind="black").pixels[..., 0])
    w, h = image.size
    if abs(w * size[1] / (h * size[0]) - 1) > cameras.SAME_ASPECT:
        raise LearnitError(f"the mask {name} has {w} x {h} pixels; expected {size[0]} x {size[1]}, as its picture.")
    return image.resize(size, Image.Resampling.NEAREST)


def _white_around(image: Image.Image) -> bool:
    pixels = np.asarray(image).min(axis=-1)
    frame = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    return bool((frame >= WHITE).mean() >= FRAME)
