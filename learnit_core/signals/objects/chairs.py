"""Chairs: seats on legs, pedestals, runners or slabs, with backs of panels, slats or rungs, with arms or without."""

from typing import Any

import numpy as np

from learnit_core.signals.objects.shapes import Part, Point, box, disc, folded, moved, repeated, rod, turned

FLOOR = -0.95

_WOODS = ((0.45, 0.27, 0.13), (0.62, 0.42, 0.22), (0.78, 0.6, 0.38), (0.3, 0.17, 0.1), (0.85, 0.72, 0.52))
_METALS = ((0.6, 0.62, 0.65), (0.2, 0.2, 0.22), (0.8, 0.8, 0.82))
_FABRICS = (
    (0.75, 0.15, 0.13), (0.13, 0.3, 0.6), (0.15, 0.45, 0.3), (0.85, 0.65, 0.15), (0.5, 0.48, 0.45), (0.2, 0.2, 0.24),
    (0.88, 0.86, 0.8), (0.55, 0.3, 0.5), (0.2, 0.55, 0.6), (0.85, 0.42, 0.2), (0.4, 0.45, 0.25),
)  # fmt: skip


def draw(rng: np.random.Generator) -> dict[str, Any]:
    """The numbers of a new chair."""
    legs = rng.choice(["four", "square", "pedestal", "slabs", "runners"], p=[0.36, 0.24, 0.16, 0.1, 0.14])
    back = rng.choice(["panel", "slats", "rungs", "cushion", "none"], p=[0.34, 0.2, 0.2, 0.2, 0.06])
    width, depth = rng.uniform(0.36, 0.55), rng.uniform(0.36, 0.5)
    seat = rng.uniform(-0.28, -0.05)
    soft = back == "cushion" or rng.random() < 0.25
    thick = rng.uniform(0.09, 0.16) if soft else rng.uniform(0.03, 0.06)
    wood, cloth = _tint(rng, _WOODS), _tint(rng, _FABRICS)
    frame = _tint(rng, _METALS) if legs in ("pedestal", "runners") or rng.random() < 0.25 else wood
    top = cloth if soft or rng.random() < 0.3 else wood
    height = rng.uniform(0.42, 0.62) if back != "none" else 0.1
    leg = rng.uniform(0.03, 0.06)
    arms = back != "none" and rng.random() < (0.7 if back == "cushion" else 0.35)
    solid = arms and back == "cushion" and rng.random() < 0.6
    return dict(
        legs=legs,
        back=back,
        arms=arms,
        solid=solid,
        star=rng.random() < 0.6,
        bar=rng.random() < 0.4,
        width=width,
        depth=depth,
        seat=seat,
        thick=thick,
        seat_edge=thick * rng.uniform(0.2, 0.95),
        leg=leg,
        foot=leg * rng.uniform(0.5, 1.0),
        splay=rng.uniform(0.0, 0.13),
        inset=rng.uniform(0.03, 0.1),
        bar_height=rng.uniform(0.3, 0.6),
        height=height,
        tilt=rng.uniform(0.05, 0.28),
        back_width=width * rng.uniform(0.82, 1.0),
        round_back=rng.uniform(0.2, 0.95),
        back_thick=rng.uniform(0.07, 0.13) if soft else rng.uniform(0.025, 0.045),
        lifted=(back == "panel") * rng.uniform(0, 0.25),
        count=int(rng.integers(3, 7)),
        rungs=int(rng.integers(2, 5)),
        arm_height=rng.uniform(0.2, 0.3),
        arm=rng.uniform(0.04, 0.06) + 0.03 * solid,
        frame_colour=frame,
        seat_colour=top,
        back_colour=top if back in ("panel", "cushion") else wood,
        arm_colour=top if solid else frame,
    )


def parts(o: dict, p: Point) -> list[Part]:
    """The parts of a chair; it looks along -y."""
    found = [Part(box(moved(p, z=o["seat"]), (o["width"], o["depth"], o["thick"]), o["seat_edge"]), o["seat_colour"])]
    found += [Part(distance, o["frame_colour"]) for distance in _legs(o, p)]
    if o["back"] != "none":
        found += _back(o, p)
    if o["arms"]:
        found += _arms(o, p)
    return found


def _legs(o: dict, p: Point) -> list[np.ndarray]:
    half = (o["seat"] - FLOOR) / 2
    middle = FLOOR + half
    corner = folded(p, 0, 1)
    x, y, out = o["width"] - o["inset"], o["depth"] - o["inset"], o["splay"]
    if o["legs"] == "pedestal":
        column = rod(p, (0, 0, o["seat"]), (0, 0, FLOOR + 0.1), 0.06, 0.05)
        if not o["star"]:
            return [column, disc(moved(p, z=FLOOR + 0.04), 0.4, 0.04, edge=0.03)]
        arms = np.maximum(corner[0], corner[1]), np.minimum(corner[0], corner[1]), p[2]  # four, folded into one
        return [column, rod(arms, (0, 0, FLOOR + 0.12), (0.42, 0, FLOOR + 0.05), 0.05, 0.04)]
    if o["legs"] == "slabs":
        return [box(moved(corner, o["width"] - 0.05, 0, middle), (0.04, o["depth"], half), 0.01)]
    if o["legs"] == "runners":
        low = FLOOR + 0.04
        upright = rod(corner, (x, y, o["seat"]), (x, y, low), 0.035, 0.035)
        return [upright, rod(corner, (x, 0, low), (x, y, low), 0.035, 0.035)]
    bar = box(moved(corner, x, 0, FLOOR + o["bar_height"] * 2 * half), (0.022, y, 0.022), 0.005)
    if o["legs"] == "square":
        legs = box(moved(corner, x, y, middle), (o["leg"], o["leg"], half), 0.01)
    else:
        legs = rod(corner, (x, y, o["seat"]), (x + out, y + out, FLOOR + o["foot"]), o["leg"], o["foot"])
    return [legs, bar] if o["bar"] else [legs]


def _back(o: dict, p: Point) -> list[Part]:
    lean = turned(moved(p, 0, o["depth"] - 0.04, o["seat"]), o["tilt"])  # the back's own frame: z along it
    rise, wide, colour = o["height"], o["back_width"], o["back_colour"]
    if o["back"] in ("panel", "cushion"):
        lifted = o["lifted"]
        flat = moved(lean, 0, 0, rise + lifted)
        found = [Part(box(flat, (wide, o["back_thick"], rise - lifted), o["back_thick"] * o["round_back"]), colour)]
        if lifted > 0.1:  # it stands on two bars
            found.append(
                Part(rod(folded(lean, 0), (wide * 0.6, 0, 0), (wide * 0.6, 0, 0.6), 0.03, 0.03), o["frame_colour"])
            )
        return found
    post = rod(folded(lean, 0), (wide - 0.04, 0, 0), (wide - 0.04, 0, 2 * rise), 0.04, 0.036)
    rail = box(moved(lean, 0, 0, 2 * rise - 0.02), (wide, 0.035, 0.07), 0.03)
    if o["back"] == "slats":
        gap = 2 * (wide - 0.04) / (o["count"] + 1)
        bars = box(moved(repeated(lean, 0, gap, o["count"]), z=rise), (0.03, 0.018, rise), 0.01)
    else:
        gap = 1.6 * rise / o["rungs"]
        bars = box(repeated(moved(lean, z=rise), 2, gap, o["rungs"]), (wide - 0.04, 0.02, 0.055), 0.015)
    return [Part(post, o["frame_colour"]), Part(rail, colour), Part(bars, colour)]


def _arms(o: dict, p: Point) -> list[Part]:
    side = folded(p, 0)
    z, x, front = o["seat"] + o["arm_height"], o["width"] + 0.01, 0.1 - o["depth"]
    if o["solid"]:
        return [Part(box(moved(side, x, 0, z - 0.22), (o["arm"], o["depth"], 0.25), 0.05), o["arm_colour"])]
    rest = box(moved(side, x, 0.02, z), (o["arm"], o["depth"] - 0.02, 0.032), 0.025)
    return [
        Part(rest, o["arm_colour"]),
        Part(rod(side, (x, front, o["seat"]), (x, front, z), 0.03, 0.03), o["frame_colour"]),
    ]


def _tint(rng: np.random.Generator, palette) -> np.ndarray:
    """A colour near one of the palette."""
    colour = np.array(palette[rng.integers(len(palette))])
    return np.clip(colour * rng.uniform(0.8, 1.15) + rng.uniform(-0.05, 0.05, 3), 0.04, 0.95)
