"""The larger of the two shipped networks (profile ``long``) with what was tuned for it, ready to be fitted."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from learnit_core import evaluate, weights
from learnit_core.experiments import baselines, ct
from learnit_core.experiments.ct import table
from learnit_core.experiments.settings import Settings
from learnit_core.structures import Field, Params
from learnit_core.tuning import Chosen

STARTS = ("standard", "meta-reptile")


class Larger(NamedTuple):
    """The network, Standard and the start learned on phantoms by name, and tuned settings by start and projections."""

    profile: ct.Profile
    field: Field
    starts: Mapping[str, Params]
    tuned: table.TunedSettings

    def chosen(self, init: str, num_projections: int) -> Chosen:
        """The setting of one start, and its number of steps as far as the profile goes."""
        best = self.tuned.fits[init][num_projections]
        return best._replace(steps=min(best.steps, self.profile.limit(num_projections)))

    def fits(
        self, slices: Float[np.ndarray, "n size size 1"], asked: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], tuple[Float[np.ndarray, "n size size 1"], Params]]:
        """Pictures and weights (with a leading axis n) for each pair of a start and a number of projections."""

        def one(pair):
            init, n = pair
            setting, steps, _ = self.chosen(init, n)
            most = self.profile.limit(n)
            return ct.reconstruct(self.field, self.starts[init], slices, n, setting, steps, most=most)

        return dict(zip(asked, evaluate.side_by_side(one, asked), strict=True))


def larger(data: str = "phantoms", *, settings: Settings | None = None, seed: int = 0) -> Larger:
    """The larger network for slices of the class ``data``, which has the phantoms' settings and ``tuned_on`` says so.

    ``settings`` cut its fits short where they say so; ``seed`` draws Standard.
    """
    field, learned, _ = weights.pretrained(ct.SHIPPED["long"]["phantoms"]["meta-reptile"])
    profile = ct.PROFILES["long"] if settings is None else ct.PROFILES["long"].capped(settings)
    starts = dict(zip(STARTS, (baselines.standard(field, seed=seed), learned), strict=True))
    return Larger(profile, field, starts, table.tuned_settings("long", data))
