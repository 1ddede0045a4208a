"""Lamps: on tables, on the floor, on a desk with a joint, or hanging; with shades of several kinds."""

from typing import Any

import numpy as np

from learnit_core.signals.objects.shapes import (
    Part,
    Point,
    ball,
    box,
    cone,
    disc,
    folded,
    moved,
    repeated,
    rod,
    shell,
    turned,
    without,
)

_METALS = ((0.72, 0.58, 0.25), (0.6, 0.62, 0.65), (0.15, 0.15, 0.17), (0.55, 0.3, 0.18), (0.85, 0.85, 0.85))
_BODIES = (
    (0.2, 0.35, 0.6),
    (0.8, 0.78, 0.72),
    (0.15, 0.4, 0.35),
    (0.6, 0.2, 0.18),
    (0.5, 0.33, 0.18),
    (0.3, 0.3, 0.33),
)
_SHADES = (
    (0.93, 0.86, 0.68), (0.88, 0.45, 0.2), (0.7, 0.12, 0.15), (0.25, 0.45, 0.6), (0.2, 0.5, 0.3), (0.85, 0.75, 0.3),
    (0.9, 0.88, 0.85), (0.45, 0.3, 0.5), (0.2, 0.2, 0.22),
)  # fmt: skip


def draw(rng: np.random.Generator) -> dict[str, Any]:
    """The numbers of a new lamp."""
    kind = str(rng.choice(["table", "floor", "desk", "hanging"], p=[0.36, 0.27, 0.17, 0.2]))
    shade = str(rng.choice(["cone", "square", "globe", "dome"], p=[0.5, 0.14, 0.18, 0.18]))
    metal, tone = _tint(rng, _METALS), _tint(rng, _SHADES)
    low, half = rng.uniform(0.34, 0.52), rng.uniform(0.2, 0.32)
    bend = end = np.zeros(3)
    vase, pear, tripod, count, tilt = False, False, False, 1, 0.0
    base_z, base_low, pole = -0.92, rng.uniform(0.22, 0.36), rng.uniform(0.022, 0.045)
    if kind == "table":
        end = bend = np.array([0, 0, rng.uniform(0.35, 0.6)])
        vase, pear = rng.random() < 0.7, rng.random() < 0.5
        low *= 1.1
    elif kind == "floor":
        end = bend = np.array([0, 0, rng.uniform(0.55, 0.72)])
        low, half, tripod = low * 0.85, half * 0.8, rng.random() < 0.4
    elif kind == "desk":
        shade, low, half, tilt = "cone", rng.uniform(0.2, 0.3), rng.uniform(0.14, 0.2), rng.uniform(0.3, 0.9)
        bend = np.array([0, rng.uniform(0.15, 0.4), rng.uniform(0.1, 0.35)])
        end = np.array([0, -rng.uniform(0.3, 0.55), rng.uniform(0.5, 0.72)])
    else:
        end = bend = np.array([0, 0, rng.uniform(-0.65, -0.2)])
        base_z, base_low, pole = 0.93, rng.uniform(0.12, 0.2), 0.022
        if rng.random() < 0.35 and shade != "square":
            count, low, half = int(rng.integers(2, 4)), min(0.28, low * 0.6), half * 0.8
    return dict(
        kind=kind,
        shade=shade,
        vase=vase,
        pear=pear,
        tripod=tripod,
        count=count,
        tilt=tilt,
        base_z=base_z,
        base_low=base_low,
        base_half=rng.uniform(0.025, 0.05),
        base_square=rng.random() < 0.3,
        pole=pole,
        bend=bend,
        end=end,
        low=low,
        high=low * (0.45 if kind == "desk" else 1) * rng.uniform(0.35, 1),
        half=half,
        vase_x=rng.uniform(0.16, 0.34),
        vase_z=rng.uniform(0.3, 0.5),
        metal_colour=metal,
        shade_colour=tone,
        body_colour=_tint(rng, _BODIES) if rng.random() < 0.7 else metal,
    )


def parts(o: dict, p: Point) -> list[Part]:
    """The parts of a lamp."""
    found = []
    if o["tripod"]:
        found.append(rod(folded(p, 0, 1), (0, 0, 0.1), (0.34, 0.34, -0.93), 0.03, 0.022))
    elif o["count"] > 1:
        found.append(box(moved(p, z=o["base_z"]), (0.75, 0.06, 0.035), 0.01))  # several lamps hang from it
    else:
        base = moved(p, z=o["base_z"])
        found.append(cone(base, o["base_low"], o["base_low"] * 0.9, o["base_half"], square=o["base_square"]))
    each = repeated(p, 0, 0.62, o["count"]) if o["count"] > 1 else p
    found.append(rod(each, (0, 0, o["base_z"]), o["bend"], o["pole"], o["pole"]))
    if o["kind"] == "desk":
        found.append(rod(each, o["bend"], o["end"], o["pole"], o["pole"]))
    found = [Part(distance, o["metal_colour"]) for distance in found]
    if o["vase"]:
        wide, high = o["vase_x"], o["vase_z"]
        found.append(Part(ball(moved(p, z=o["base_z"] + high), (wide, wide, high)), o["body_colour"]))
        if o["pear"]:
            neck = moved(p, z=o["base_z"] + 1.75 * high)
            found.append(Part(ball(neck, (0.55 * wide, 0.55 * wide, 0.6 * high)), o["body_colour"]))
    return found + _shade(o, turned(moved(each, *o["end"]), -o["tilt"]))


def _shade(o: dict, head: Point) -> list[Part]:
    """The shade and what is in it, from where the pole ends."""
    low, high, half = o["low"], o["high"], o["half"]
    if o["shade"] == "globe":
        return [Part(ball(head, (low * 0.75,) * 3), o["shade_colour"])]
    bulb = Part(ball(head, (0.085, 0.085, 0.11)), (1.0, 0.95, 0.75))
    if o["shade"] == "dome":
        bowl = shell(ball(moved(head, z=-0.6 * half), (low, low, 1.5 * half)), 0.015)
        return [bulb, Part(without(bowl, head[2] + 0.6 * half), o["shade_colour"])]
    found = [bulb, Part(cone(head, low, high, half, square=o["shade"] == "square", hollow=0.015), o["shade_colour"])]
    if o["kind"] == "desk":
        return [*found, Part(disc(moved(head, z=half), high, 0.03), o["shade_colour"])]
    return [*found, Part(disc(moved(head, z=0.6 * half), 0.4 * (low + high), 0.012), o["metal_colour"])]


def _tint(rng: np.random.Generator, palette) -> np.ndarray:
    """A colour near one of the palette."""
    colour = np.array(palette[rng.integers(len(palette))])
    return np.clip(colour * rng.uniform(0.85, 1.12) + rng.uniform(-0.05, 0.05, 3), 0.04, 0.97)
