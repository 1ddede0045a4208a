"""Explorers of phototourism: a square between four appearances, seen from a camera that moves on a path."""

import functools
from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Float

from learnit_core import explorer, weights
from learnit_core.experiments import baselines, tourism, tourism_table
from learnit_core.experiments.tourism import Camera, Profile
from learnit_core.signals import photographer
from learnit_core.types import Field, Params

SHAPE = (48, 72)
"""Height and width of a frame [pixels]."""
FRAMES = (5, 7)
"""Frames along each side of the square, and along the path."""

PATH = explorer.camera("Place on the path", low=0.0, high=1.0, step=0.01)


def path(t: float, *, height: int = SHAPE[0], width: int = SHAPE[1]) -> Camera:
    """A camera on an arc around the landmark, from the left (t = 0) to the right (t = 1); the units are the scene's.

    Collections are scaled so that cameras are about 3 from the origin, and the landmark's façade looks along +z.
    """
    angle = np.radians(-30 + 60 * t)
    eye = np.array([0.1 + 3.1 * np.sin(angle), 0.2, 3.1 * np.cos(angle)])
    focal = 0.84 * width
    pose = photographer.pose_at(eye, np.array([0.12, 0.12, 0.0]))
    # Nearer to a camera than most photographers stood from what they saw, the network was never told what is there.
    return Camera(np.array([focal, focal, width / 2, height / 2]), pose, 1.4, 6.0, height, width)


def renderer(profile: Profile, field: Field):
    """``render(params, t, height, width)`` for the explorers: what is seen from a place on the path."""

    def render(params, t, *, height, width):
        return tourism.picture(profile, field, params, path(t), height=height, width=width)

    return render


def between_appearances(
    profile: Profile,
    field: Field,
    panes: Mapping[str, Sequence[Params]],
    *,
    labels: Sequence[str] = tuple(tourism.APPEARANCES),
    engine: str = "auto",
    frames: tuple[int, int] = FRAMES,
    side: int = 300,
) -> explorer.Explorer:
    """Four networks in the corners of a square, and a slider that moves the camera. Begins in the middle of both."""
    return explorer.networks(
        field, panes, labels=labels, shape=SHAPE, title="One landmark, four appearances", cameras=[PATH],
        render=renderer(profile, field), engine=engine, frame_counts=frames, side=side, position=[0.5, 0.5, 0.5],
    )  # fmt: skip


def shipped_corners() -> tuple[Field, list[Params]]:
    """The field of the shipped fits, and the four of them."""
    loaded = [weights.pretrained(tourism.appearance_name(label)) for label in tourism.APPEARANCES]
    return loaded[0][0], [params for _, params, _ in loaded]


@functools.cache
def standard_corners(*, seed: int = 0) -> list[Params]:
    """The same four photographs, fitted from random weights with the setting that was tuned for them."""
    field, profile = tourism.field_for(tourism.LONG), tourism.LONG
    views = tourism.load_signals(profile, "landmark").test
    four = views._replace(**{n: a[list(tourism.APPEARANCES.values())] for n, a in views._asdict().items()})
    chosen = tourism_table.tuned_settings("quick", "landmark")["standard"]
    start = baselines.standard(field, seed=seed)
    fitted = tourism.fit_photographs(profile, field, start, four, chosen.setting, chosen.steps)
    return [jax.tree.map(lambda leaf, i=i: leaf[i], fitted) for i in range(4)]


def grid(
    profile: Profile, field: Field, corners: Sequence[Params], camera: Camera, *, side: int = 5,
    centre: Params | None = None,
) -> list[list[Float[np.ndarray, "h w 3"]]]:  # fmt: skip
    """Figure 2 of the supplement: pictures of bilinear mixtures of four networks from one camera.

    ``centre``, if it is given, stands in the middle in place of the mixture.
    """
    square = explorer.square("a", "b", "c", "d")
    ticks = np.linspace(0, 1, side)
    rows = []
    for v in ticks:
        mixed = [weights.barycentric(corners, square.coefficients([u, v])) for u in ticks]
        if centre is not None and side % 2 and v == 0.5:
            mixed[side // 2] = centre
        rows.append(
            [tourism.picture(profile, field, p, camera, height=camera.height, width=camera.width) for p in mixed]
        )  # fmt: skip
    return rows


APPEARANCES = """
<h2>Phototourism: one landmark, four appearances</h2>
<p>Four photographs of one landmark, each the light of another hour, fitted by networks of 4 × 64 from weights that were
learned on 125 other photographs (Reptile). The square mixes the four networks' <em>weights</em>; the slider moves the
camera. All pictures were computed beforehand.</p>
"""


def sections() -> list[tuple[str, explorer.Explorer]]:
    """The gallery's part of phototourism: HTML, and the explorer that belongs below it."""
    field, corners = shipped_corners()
    return [(APPEARANCES, between_appearances(tourism.LONG, field, {"Reptile": corners}, engine="frames"))]
