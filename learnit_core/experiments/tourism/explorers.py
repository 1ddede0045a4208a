"""Explorers of phototourism: a square between four appearances, seen from a camera that moves on a path."""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from learnit_core import explorer, weights
from learnit_core.evaluate import Setting
from learnit_core.experiments import tourism
from learnit_core.experiments.section import Section
from learnit_core.experiments.tourism import Profile, pictures, table
from learnit_core.experiments.tourism.pictures import Camera
from learnit_core.signals import photographer
from learnit_core.signals.tourism import Collection
from learnit_core.structures import Field, Params, Views

APPEARANCES = {"overcast": 0, "morning": 7, "evening": 19, "night": 16}
"""Test photographs of the landmark whose light stands in the four corners, by what one sees of it."""

APPEARANCE_FIT = Setting("sgd", 1.0), 150
"""How they are fitted: by SGD, which stays where mixing weights mixes pictures, and for as long as the paper says. The
profile ``paper`` has the paper's rate, too (:func:`appearance_fit`)."""

SHAPE = (48, 72)
"""Height and width of a frame [pixels]."""
FRAMES = (5, 7)
"""Frames along each side of the square, and along the path."""

PATH = explorer.camera("Place on the path", low=0.0, high=1.0, step=0.01)

Path = Callable[[float], Camera]
"""``path(t)``: the camera at a place from 0 to 1 on its way."""


def appearance_fit(profile: Profile) -> tuple[Setting, int]:
    """Setting and number of steps by which ``profile`` fits whole photographs."""
    return table.PAPER[:2] if profile.name == "paper" else APPEARANCE_FIT


def path_for(collection: Collection, *, height: int = SHAPE[0], width: int = SHAPE[1]) -> Path:
    """A way before the place of a collection: for the landmark an arc, else along its cameras from side to side."""
    if collection.name != "landmark":
        return _between_cameras(collection.train, height, width)
    return functools.partial(landmark_path, height=height, width=width)


def landmark_path(t: float, *, height: int = SHAPE[0], width: int = SHAPE[1]) -> Camera:
    """A camera on an arc around the landmark, from the left (t = 0) to the right (t = 1).

    Collections are scaled so that cameras are about 3 from the origin; the landmark's façade looks along +z.
    """
    angle = np.radians(-30 + 60 * t)
    eye = np.array([0.1 + 3.1 * np.sin(angle), 0.2, 3.1 * np.cos(angle)])
    focal = 0.84 * width
    pose = photographer.pose_at(eye, np.array([0.12, 0.12, 0.0]))
    # Nearer to a camera than most photographers stood from what they saw, the network was never told what is there.
    return Camera(np.array([focal, focal, width / 2, height / 2]), pose, 1.4, 6.0, height, width)


def _between_cameras(views: Views, height: int, width: int) -> Path:
    """Along the direction in which the cameras differ most, between the fifths at both ends, looking at the origin."""
    poses, valid = views.camera_to_world[:, 0], views.valid[:, 0]
    eyes = poses[:, :, 3]
    middle = np.median(eyes, axis=0)
    along = np.linalg.svd(eyes - middle)[2][0]
    along = along * (1 if along @ poses[:, :, 0].mean(axis=0) > 0 else -1)
    low, high = np.quantile((eyes - middle) @ along, [0.2, 0.8])
    up = poses[:, :, 1].mean(axis=0)
    longer = np.maximum(valid[:, 1] - valid[:, 0], valid[:, 3] - valid[:, 2])
    focal = float(np.median(views.intrinsics[:, 0, 0] / longer)) * width
    near, far = float(np.median(views.near)), float(np.median(views.far))

    def place(t):
        pose = photographer.pose_at(middle + (low + t * (high - low)) * along, np.zeros(3), up=up)
        return Camera(np.array([focal, focal, width / 2, height / 2]), pose, near, far, height, width)

    return place


def renderer(profile: Profile, field: Field, path: Path) -> Callable[..., np.ndarray]:
    """``render(params, t, height, width)`` for the explorers: what is seen from a place on the path."""

    def render(params, t, *, height, width):
        camera = path(float(t))
        return pictures.picture(field, params, camera, **profile.rendering, height=height, width=width)

    return render


def between_appearances(
    profile: Profile,
    field: Field,
    panes: Mapping[str, Sequence[Params]],
    *,
    path: Path = landmark_path,
    labels: Sequence[str] = tuple(APPEARANCES),
    engine: str = "auto",
    frames: tuple[int, int] = FRAMES,
    side: int = 300,
) -> explorer.Explorer:
    """Four networks in the corners of a square, and a slider that moves the camera. Begins in the middle of both."""
    shape = path(0.5).height, path(0.5).width
    return explorer.networks(
        field,
        panes,
        labels=labels,
        shape=shape,
        title="One landmark, four appearances",
        cameras=[PATH],
        render=renderer(profile, field, path),
        engine=engine,
        frame_counts=frames,
        side=side,
        position=[0.5, 0.5, 0.5],
    )


def appearance_name(label: str) -> str:
    """The name of a shipped network that was fitted to one of the ``APPEARANCES``."""
    return f"tourism-landmark-quick-{label}"


def shipped_corners() -> tuple[Field, list[Params]]:
    """The field of the shipped fits, and the four of them."""
    loaded = [weights.pretrained(appearance_name(label)) for label in APPEARANCES]
    return loaded[0][0], [params for _, params, _ in loaded]


def montage(rows: Sequence[Sequence[np.ndarray]], *, gap: int = 2) -> Float[np.ndarray, "h w 3"]:
    """Pictures of one size in rows and columns, as one picture, with white lines between them."""
    framed = [[np.pad(picture, ((0, gap), (0, gap), (0, 0)), constant_values=1) for picture in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in framed])[:-gap, :-gap]


def shipped_square() -> explorer.Explorer:
    """Between the shipped networks of four photographs, in pictures made beforehand."""
    field, corners = shipped_corners()
    return between_appearances(tourism.PROFILES["quick"], field, {"Reptile": corners}, engine="frames")


SQUARE = Section(
    title="One place, many lights",
    paragraph="Four photographs of one landmark, each in the light of another hour, fitted by networks of 4 × 64 "
    "from weights that were learned on 125 other photographs (Reptile). The square mixes the four "
    "networks' <em>weights</em>, and the place stays where it is; the slider moves the camera. All "
    "pictures were computed beforehand.",
    notebook="04_phototourism",
    make=shipped_square,
)

SECTIONS = (SQUARE,)
