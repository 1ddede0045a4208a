"""A landmark with nothing to download: a church on a square with fountain and statue, in the light of every hour.

Lengths are about five metres, y is up, the façade stands in the plane z = 0 and looks along +z, the square lies in
front of it at y = 0. The scene has no symmetry: one tower, a statue on the left, a fountain on the right. So a wrong
pose shows at once.

What is solid is one signed distance function, :func:`distances`, whose parts are told apart by colour. :func:`trace`
finds where rays meet it by sphere tracing and lights the place by sun (with shadows), by sky, and by what the ground
throws back. :class:`Light` says everything about an hour of the day; people are capsules with a head.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

FAR = 14.0
"""Distance beyond which a ray sees the sky."""
STEPS = 64
SHADOW_STEPS = 24
MOST_PEOPLE = 4


class Light(NamedTuple):
    """An hour of the day at the landmark. Colours are linear; 1 is about as bright as a white wall at noon."""

    to_sun: Float[Array, "3"]
    """Unit vector; at night a floodlight takes the sun's place."""
    sun: Float[Array, "3"]
    zenith: Float[Array, "3"]
    horizon: Float[Array, "3"]


class People(NamedTuple):
    """Passers-by: where their feet are [people, 2] (x, z), their clothes' colour [people, 3]."""

    feet: Float[Array, "people 2"]
    clothes: Float[Array, "people 3"]


def nobody() -> People:
    """One who is too far away to be seen. (A function: importing this begins nothing on a device.)"""
    return People(jnp.full((1, 2), 50.0), jnp.zeros((1, 3)))


# Linear colours of the parts, in the order in which `distances` gives them.
_COLOURS = np.array(
    [
        [0.42, 0.38, 0.34],  # paving
        [0.80, 0.70, 0.52],  # walls, of a sandy stone
        [0.92, 0.89, 0.82],  # columns, steps, mouldings and basin: marble
        [0.52, 0.17, 0.10],  # roofs: tiles
        [0.16, 0.10, 0.06],  # doors and windows
        [0.13, 0.32, 0.25],  # statue: green bronze
        [0.10, 0.34, 0.45],  # water
    ],
    np.float32,
)
_PAVING, _WALL = 0, 1


def distances(x: Array, y: Array, z: Array) -> list[Array]:
    """Signed distance (or less than it) from points to each part of the landmark, in the order of the colours."""
    # The body, with a gable; one large and two smaller arched niches cut into it; round windows above the small ones.
    beside = jnp.abs(jnp.abs(x) - 0.8)
    body = _box(x, y - 0.62, z + 0.55, 1.3, 0.62, 0.55)
    gable = _extruded(jnp.maximum(0.78 * jnp.abs(x) + 0.62 * (y - 1.62), 1.15 - y), z + 0.3, 0.3)
    niches = jnp.minimum(_arch(jnp.abs(x), y, z, 0.24, 0.62), _arch(beside, y, z, 0.15, 0.42))
    windows = jnp.minimum(_disc(beside, y - 0.93, z, 0.12, 0.06), _disc(x, y - 1.34, z, 0.13, 0.07))
    wall = jnp.maximum(jnp.minimum(body, gable), -jnp.minimum(niches, windows))
    # One tower, on the right, with openings around the bell that one can look through.
    tx, tz = x - 1.62, z + 0.45
    openings = jnp.minimum(_box(tx, y - 1.58, tz, 0.16, 0.19, 0.5), _box(tx, y - 1.58, tz, 0.5, 0.19, 0.16))
    wall = jnp.minimum(wall, jnp.maximum(_box(tx, y - 0.95, tz, 0.32, 0.95, 0.32), -openings))

    # Four columns on steps carry a beam; mouldings; the fountain's basin and stem; the statue's plinth.
    columns = _pillar(jnp.hypot(jnp.abs(jnp.abs(x) - 0.48) - 0.15, z - 0.2), y, 0.065, 0.08, 0.98)
    steps = jnp.minimum(_box(x, y - 0.03, z - 0.1, 0.95, 0.03, 0.42), _box(x, y - 0.08, z - 0.05, 0.82, 0.03, 0.32))
    beam = _box(x, y - 1.04, z - 0.12, 0.72, 0.07, 0.2)
    mouldings = jnp.minimum(_box(x, y - 1.2, z + 0.5, 1.34, 0.035, 0.56), _box(tx, y - 1.33, tz, 0.36, 0.03, 0.36))
    radius = jnp.hypot(x - 0.95, z - 1.15)
    basin = jnp.maximum(_pillar(radius, y, 0.42, 0.0, 0.2), -_pillar(radius, y, 0.35, 0.06, 0.4))
    stem = jnp.minimum(_pillar(radius, y, 0.05, 0.0, 0.55), _pillar(radius, y, 0.2, 0.5, 0.56))
    plinth = _box(x + 1.0, y - 0.18, z - 0.95, 0.2, 0.18, 0.2)
    marble = _union(columns, steps, beam, mouldings, basin, stem, plinth)

    # Roofs: the gable's two slopes, a pyramid on the tower, a dome at the back on the left.
    slopes = _extruded(jnp.abs(0.78 * jnp.abs(x) + 0.62 * (y - 1.66)) - 0.03, z + 0.3, 0.33)
    pyramid = jnp.maximum(0.86 * jnp.maximum(jnp.abs(tx), jnp.abs(tz)) + 0.5 * (y - 2.55), 1.9 - y)
    dome = jnp.maximum(_ball(x + 0.72, y - 1.2, z + 0.65, 0.42), 1.2 - y)
    roof = _union(jnp.maximum(slopes, 1.2 - y), pyramid, dome, _ball(x + 0.72, y - 1.66, z + 0.65, 0.08))

    # What is behind the openings; somebody of bronze who points the way, and a ball on the fountain; water.
    glass = jnp.minimum(_disc(beside, y - 0.93, z + 0.1, 0.13, 0.05), _disc(x, y - 1.34, z + 0.1, 0.14, 0.05))
    dark = jnp.minimum(_box(x, y - 0.6, z + 0.3, 1.1, 0.5, 0.12), glass)
    sx, sy, sz = x + 1.0, y - 0.7, z - 0.95
    along = jnp.clip((0.2 * sx + 0.18 * sy + 0.07 * sz) / 0.0773, 0, 1)
    arm = _ball(sx - 0.2 * along, sy - 0.18 * along, sz - 0.07 * along, 0.035)
    bronze = _union(
        _ball(sx, y - jnp.clip(y, 0.4, 0.66), sz, 0.085),
        _ball(sx, y - 0.83, sz, 0.065),
        arm,
        _ball(x - 0.95, y - 0.63, z - 1.15, 0.08),
    )
    return [y, wall, marble, roof, dark, bronze, _pillar(radius, y, 0.36, 0.0, 0.14)]


def _crowd(x, y, z, people: People) -> list[Array]:
    """Distance to each of the people."""
    found = []
    for feet in people.feet:
        flat = (x - feet[0]) ** 2 + (z - feet[1]) ** 2
        body = jnp.sqrt(flat + (y - jnp.clip(y, 0.07, 0.22)) ** 2) - 0.062
        found.append(jnp.minimum(body, jnp.sqrt(flat + (y - 0.335) ** 2) - 0.042))
    return found


def _nearest(p, people):
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    return _union(*distances(x, y, z), *_crowd(x, y, z, people))


def march(
    origins: Float[Array, "*batch 3"], directions: Float[Array, "*batch 3"], people: People | None = None
) -> tuple[Float[Array, "*batch"], Bool[Array, "*batch"]]:
    """How far unit ``directions`` go until they meet something, and whether they do within ``FAR``."""
    people = nobody() if people is None else people
    (ox, oy, oz), (dx, dy, dz) = jnp.moveaxis(origins, -1, 0), jnp.moveaxis(directions, -1, 0)

    def step(_, t):  # coordinate by coordinate, so that all of it becomes one loop over rays
        x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
        return jnp.minimum(t + _union(*distances(x, y, z), *_crowd(x, y, z, people)), FAR)

    t = jax.lax.fori_loop(0, STEPS, step, jnp.zeros(ox.shape))
    return t, t < 0.99 * FAR


def trace(
    origins: Float[Array, "*batch 3"], directions: Float[Array, "*batch 3"], light: Light, people: People | None = None
) -> Float[Array, "*batch 3"]:
    """Linear colour that comes along each ray; ``directions`` need not have length one."""
    people = nobody() if people is None else people
    directions = directions / jnp.linalg.norm(directions, axis=-1, keepdims=True)
    t, hit = march(origins, directions, people)
    p = origins + t[..., None] * directions
    normal = _normal(p, people)
    colour = _colour(p, people)
    shadow = _shadow(p + 0.012 * normal, light.to_sun, people)
    sun = jnp.maximum(jnp.sum(normal * light.to_sun, axis=-1), 0) * shadow
    # What is near in the direction of the normal hides a part of the sky; the ground throws some light back.
    open_sky = jnp.clip(_nearest(p + 0.16 * normal, people) / 0.16, 0.15, 1)
    up = 0.5 + 0.5 * normal[..., 1]
    skylight = (0.6 * light.zenith + 0.4 * light.horizon) * (open_sky * up)[..., None]
    bounced = 0.22 * light.sun * (open_sky * (1 - 0.8 * up) * jnp.maximum(light.to_sun[1], 0.15))[..., None]
    lit = colour * (light.sun * sun[..., None] + skylight + bounced)
    return jnp.where(hit[..., None], lit, sky(directions, light))


def sky(directions: Float[Array, "*batch 3"], light: Light) -> Float[Array, "*batch 3"]:
    """The sky in unit ``directions``: from horizon to zenith, brighter around the sun."""
    up = jnp.clip(directions[..., 1:2], 0, 1) ** 0.55
    glow = jnp.clip(jnp.sum(directions * light.to_sun, axis=-1, keepdims=True), 0, 1) ** 12
    return (1 - up) * light.horizon + up * light.zenith + 0.25 * glow * light.sun


def _normal(p, people):
    """The direction in which the distance grows, by differences: its derivative takes ten times as long to compile."""
    corners = jnp.array([[1.0, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]])

    def add(i, total):
        return total + corners[i] * _nearest(p + 1e-3 * corners[i], people)[..., None]

    total = jax.lax.fori_loop(0, 4, add, jnp.zeros_like(p))
    return total / jnp.maximum(jnp.linalg.norm(total, axis=-1, keepdims=True), 1e-9)


def _colour(p, people):
    """Colour of the nearest part, with paving in two greys and courses of two stones in the walls."""
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    d, crowd = jnp.stack(distances(x, y, z), axis=-1), jnp.stack(_crowd(x, y, z, people), axis=-1)
    part = jnp.argmin(d, axis=-1)
    far = jnp.maximum(jnp.abs(x), jnp.abs(z)) > 3.6  # beyond the square the tiles would be smaller than pixels
    tile = jnp.where(far, 0.5, (jnp.floor(x / 0.6) + jnp.floor(z / 0.6)) % 2)
    course = jnp.floor(y / 0.2) % 2
    shade = jnp.where(part == _PAVING, 0.82 + 0.36 * tile, jnp.where(part == _WALL, 1.06 - 0.22 * course, 1.0))
    colour = jnp.asarray(_COLOURS)[part] * shade[..., None]
    who = jnp.argmin(crowd, axis=-1)
    skin = jnp.array([0.55, 0.36, 0.27])
    dressed = jnp.where((y > 0.29)[..., None], skin, people.clothes[who])
    return jnp.where((jnp.min(crowd, axis=-1) < jnp.min(d, axis=-1))[..., None], dressed, colour)


def _shadow(p, to_sun, people):
    """How much of the sun arrives at p: 0 to 1, with a soft edge."""

    (px, py, pz), (sx, sy, sz) = jnp.moveaxis(p, -1, 0), to_sun

    def step(_, carry):
        t, lit = carry
        x, y, z = px + t * sx, py + t * sy, pz + t * sz
        d = _union(*distances(x, y, z), *_crowd(x, y, z, people))
        return t + jnp.clip(d, 0.02, 0.4), jnp.minimum(lit, 14 * d / t)

    start = jnp.full(px.shape, 0.02), jnp.ones(px.shape)
    return jnp.clip(jax.lax.fori_loop(0, SHADOW_STEPS, step, start)[1], 0, 1)


# Distances to simple bodies around the origin.


def _union(*distances):
    return functools.reduce(jnp.minimum, distances)


def _box(x, y, z, half_x, half_y, half_z):
    qx, qy, qz = jnp.abs(x) - half_x, jnp.abs(y) - half_y, jnp.abs(z) - half_z
    outside = jnp.sqrt(sum(jnp.maximum(q, 1e-9) ** 2 for q in (qx, qy, qz)))
    return outside + jnp.minimum(jnp.maximum(qx, jnp.maximum(qy, qz)), 0)


def _ball(x, y, z, radius):
    return jnp.sqrt(x**2 + y**2 + z**2 + 1e-12) - radius


def _pillar(r, y, radius, low, high):
    """A cylinder around the axis from which r is the distance."""
    return jnp.maximum(r - radius, jnp.abs(y - (low + high) / 2) - (high - low) / 2)


def _disc(x, y, z, radius, half):
    """A flat cylinder along z."""
    return jnp.maximum(jnp.hypot(x, y) - radius, jnp.abs(z) - half)


def _extruded(d, z, half):
    """The body that a plane shape with distance d sweeps along z."""
    return jnp.maximum(d, jnp.abs(z) - half)


def _arch(x, y, z, half, height):
    """A niche with a round top, from the ground up to ``height`` and half its width more."""
    return _extruded(jnp.where(y > height, jnp.hypot(x, y - height) - half, jnp.abs(x) - half), z, 0.2)
