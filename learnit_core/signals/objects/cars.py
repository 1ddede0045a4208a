"""Cars: saloons, estates, off-roaders, sports cars, vans, pick-ups and lorries, made of a body, a cabin and wheels."""

from typing import Any

import numpy as np

from learnit_core.signals.objects.shapes import Part, Point, box, disc, folded, moved, rod, without

GROUND = -0.42
SCALE = 1.1

_PAINTS = (
    (0.75, 0.1, 0.1), (0.1, 0.25, 0.6), (0.85, 0.85, 0.85), (0.12, 0.12, 0.14), (0.6, 0.62, 0.64), (0.1, 0.4, 0.25),
    (0.9, 0.7, 0.1), (0.9, 0.42, 0.1), (0.35, 0.6, 0.75), (0.45, 0.12, 0.25), (0.65, 0.55, 0.4), (0.35, 0.4, 0.3),
)  # fmt: skip

_KINDS = {
    #          length,       width,        hood height,  cabin height, front, rear (of the length), rear slope
    "saloon": ((0.86, 0.98), (0.36, 0.42), (0.30, 0.36), (0.22, 0.27), (-0.42, -0.28), (0.5, 0.68), (0.2, 0.34)),
    "estate": ((0.82, 0.96), (0.36, 0.42), (0.31, 0.37), (0.23, 0.28), (-0.45, -0.32), (0.92, 0.97), (0.04, 0.16)),
    "rover": ((0.76, 0.9), (0.38, 0.45), (0.40, 0.48), (0.26, 0.34), (-0.5, -0.38), (0.93, 0.97), (0.02, 0.07)),
    "sports": ((0.86, 0.98), (0.4, 0.45), (0.29, 0.33), (0.16, 0.21), (-0.3, -0.12), (0.55, 0.8), (0.3, 0.5)),
    "van": ((0.84, 1.0), (0.38, 0.46), (0.36, 0.46), (0.36, 0.5), (-0.95, -0.72), (0.95, 0.98), (0.0, 0.04)),
    "pickup": ((0.92, 1.04), (0.38, 0.45), (0.36, 0.42), (0.25, 0.3), (-0.5, -0.38), (0.1, 0.22), (0.02, 0.1)),
    "lorry": ((0.95, 1.08), (0.36, 0.43), (0.34, 0.4), (0.36, 0.46), (-0.97, -0.93), (-0.42, -0.3), (0.0, 0.03)),
}


def draw(rng: np.random.Generator) -> dict[str, Any]:
    """The numbers of a new car."""
    kind = str(rng.choice(list(_KINDS), p=[0.2, 0.17, 0.17, 0.14, 0.12, 0.1, 0.1]))
    length, width, hood, cabin, front, rear, slope = (rng.uniform(*bounds) for bounds in _KINDS[kind])
    wheel = rng.uniform(0.135, 0.165) + 0.035 * (kind in ("rover", "pickup", "lorry"))
    paint = _tint(rng)
    second = _tint(rng) if rng.random() < 0.2 else paint
    return dict(
        length=length,
        width=width,
        hood=hood,
        cabin=cabin,
        front=front * length,
        rear=rear * length,
        front_slope=rng.uniform(0.02, 0.1) if kind in ("van", "lorry") else rng.uniform(0.14, 0.3),
        rear_slope=slope,
        lean=rng.uniform(0.03, 0.07),
        clear=wheel * rng.uniform(0.6, 0.85),
        round=rng.uniform(0.04, 0.1),
        wheel=wheel,
        tyre=rng.uniform(0.055, 0.08),
        axle=length * rng.uniform(0.58, 0.66),
        rim=rng.uniform(0.5, 0.7),
        kind=kind,
        cargo=rng.uniform(-0.05, 0.12),
        sign_wide=rng.uniform(0.08, 0.25),
        pillar=rng.uniform(-0.05, 0.1),
        sign=kind not in ("lorry", "pickup", "sports") and rng.random() < 0.15,
        glass=rng.uniform(0.12, 0.3),
        spoiler=kind == "sports" and rng.random() < 0.6,
        paint=paint,
        second=second,
        cargo_colour=_tint(rng),
        trim=np.full(3, rng.uniform(0.12, 0.4)),
        rim_colour=np.full(3, rng.uniform(0.4, 0.85)),
        sign_colour=_tint(rng),
    )


def parts(o: dict, p: Point) -> list[Part]:
    """The parts of a car; it drives towards -y."""
    found = _parts(o, tuple(c / SCALE for c in p))
    return [Part(SCALE * distance, colour) for distance, colour in found]


def _parts(o: dict, p: Point) -> list[Part]:
    low, hood = GROUND + o["clear"], GROUND + o["hood"]
    middle, half = (low + hood) / 2, (hood - low) / 2
    corner, side = folded(p, 0, 1), folded(p, 0)
    hull = box(moved(p, z=middle), (o["width"], o["length"], half), min(o["round"], 0.9 * half))
    arch = min(o["wheel"] + 0.035, o["hood"] - o["wheel"] - 0.02)  # it ends below the hood
    arches = disc(moved(corner, o["width"], o["axle"], GROUND + o["wheel"]), arch, 0.14, axis=0)
    body = without(hull, arches)
    load_y, load_half = (o["rear"] + o["length"]) / 2 + 0.02, (o["length"] - o["rear"]) / 2 - 0.04
    if o["kind"] == "pickup":
        body = without(body, box(moved(p, 0, load_y, hood + 0.02), (o["width"] - 0.05, load_half, 0.16)))

    roof = hood + o["cabin"]
    cabin = _cabin(o, side, hood - 0.06, roof)
    up = (p[2] - hood) / o["cabin"]  # 0 at the belt, 1 at the roof
    pillar = (np.abs(p[1] - o["pillar"]) < 0.03) & (side[0] > o["width"] - 0.12)
    back = o["front"] + 0.36 * (o["rear"] - o["front"])
    blind = (o["kind"] == "van") & (p[1] > back) & (side[0] > o["width"] - 0.12)  # vans have no windows there
    glass = (up > 0.1) & (up < 0.84) & ~pillar & ~blind
    cabin_colour = tuple(
        np.where(glass, o["glass"] * tint, c) for tint, c in zip((0.9, 1, 1.2), o["paint"], strict=True)
    )
    lower = p[2] < middle
    body_colour = tuple(np.where(lower, b, a) for a, b in zip(o["paint"], o["second"], strict=True))

    at_wheel = moved(corner, o["width"] - o["tyre"] + 0.02, o["axle"], GROUND + o["wheel"])
    wheel = disc(at_wheel, o["wheel"], o["tyre"], axis=0, edge=0.02)
    inner = np.square(at_wheel[1]) + np.square(at_wheel[2]) < np.square(o["rim"] * o["wheel"])
    wheel_colour = tuple(np.where(inner, c, 0.07) for c in o["rim_colour"])
    bumper = box(moved(corner, 0, o["length"] - 0.02, low + 0.06), (o["width"] - 0.02, 0.05, 0.05), 0.03)
    light = box(moved(corner, o["width"] - 0.1, o["length"] - 0.01, hood - 0.11), (0.075, 0.025, 0.035), 0.02)
    ahead = p[1] < 0
    light_colour = tuple(np.where(ahead, a, b) for a, b in zip((1.0, 0.97, 0.8), (0.8, 0.05, 0.05), strict=True))
    mirror = box(moved(side, o["width"] + 0.03, o["front"] + 0.16, hood + 0.05), (0.045, 0.03, 0.03), 0.02)

    found = [
        Part(body, body_colour),
        Part(cabin, cabin_colour),
        Part(wheel, wheel_colour),
        Part(bumper, o["trim"]),
        Part(light, light_colour),
        Part(mirror, o["paint"]),
    ]
    if o["kind"] == "lorry":
        half = (roof + o["cargo"] - low - 0.1) / 2
        cargo = box(moved(p, 0, load_y, low + 0.1 + half), (o["width"] + 0.02, load_half, half), 0.02)
        found.append(Part(cargo, o["cargo_colour"]))
    if o["sign"]:
        sign = box(moved(p, 0, o["front"] + 0.45, roof + 0.03), (o["sign_wide"], 0.06, 0.045), 0.02)
        found.append(Part(sign, o["sign_colour"]))
    if o["spoiler"]:
        z, y, x = hood + 0.1, o["length"] - 0.1, o["width"] - 0.12
        found.append(Part(box(moved(p, 0, y, z), (o["width"] - 0.03, 0.07, 0.018), 0.01), o["paint"]))
        found.append(Part(rod(side, (x, y, hood - 0.05), (x, y, z), 0.02, 0.02), o["paint"]))
    return found


def _cabin(o: dict, side: Point, low: float, roof: float) -> np.ndarray:
    """The room above the belt line: planes that lean inwards, with edges that are rounded a little."""
    x, y, z = side
    height, r = roof - low, 0.035

    def plane(across, along, run):
        """The distance to a plane that meets (across 0, low) and leans in by ``run`` towards the roof."""
        return (across + run * (along - low) / height) / np.hypot(1, run / height)

    sides = [
        plane(x - (o["width"] - 0.01), z, o["lean"]),
        plane(o["front"] - y, z, o["front_slope"]),
        plane(y - o["rear"], z, o["rear_slope"]),
        z - roof,
        low - z,
    ]
    q = [d + r for d in sides]
    outside = np.sqrt(sum(np.square(np.maximum(d, 0)) for d in q))
    inside = np.minimum(np.maximum(np.maximum(np.maximum(q[0], q[1]), np.maximum(q[2], q[3])), q[4]), 0)
    return 0.8 * (outside + inside - r)  # two leaning planes that meet: the root overstates the distance


def _tint(rng: np.random.Generator) -> np.ndarray:
    """A colour near one that cars have."""
    colour = np.array(_PAINTS[rng.integers(len(_PAINTS))])
    return np.clip(colour * rng.uniform(0.85, 1.15) + rng.uniform(-0.04, 0.04, 3), 0.04, 0.95)
