"""Distortion taken out of pictures by pycolmap (extra "data")."""

import importlib

import numpy as np
from PIL import Image

from learnit_core.errors import LearnitError
from learnit_core.signals.cameras import Camera


def pycolmap():
    """The package. Raises ``LearnitError`` if it is not installed."""
    try:
        return importlib.import_module("pycolmap")
    except ImportError:
        raise LearnitError("this needs the package pycolmap: pip install -e '.[data]'") from None


def undistorted(picture: Image.Image, camera: Camera) -> tuple[Image.Image, Camera]:
    """An RGB picture without its camera's distortion, and the pinhole camera that would have taken it.

    Pixels that no ray of the picture reaches are cut off, so that sides may come out shorter. ``camera`` is of the
    picture's size. Raises ``LearnitError`` if pycolmap cannot, or is not there.
    """
    if not camera.distortion:
        return picture, camera
    colmap = pycolmap()
    lens = colmap.Camera(
        camera_id=1, model=camera.model, width=camera.width, height=camera.height, params=list(camera.params)
    )
    try:
        bitmap, pinhole = colmap.undistort_image(
            colmap.UndistortCameraOptions(), colmap.Bitmap.from_array(np.ascontiguousarray(picture)), lens
        )
    except Exception as error:  # pycolmap throws what its C++ throws
        named = ", ".join(f"{name} = {value:g}" for name, value in camera.distortion.items())
        raise LearnitError(f"distortion ({named}) cannot be taken out ({str(error).splitlines()[0][:200]})") from None
    image = Image.fromarray(bitmap.to_array())
    return image, Camera(pinhole.model_name, pinhole.width, pinhole.height, tuple(map(float, pinhole.params)))
