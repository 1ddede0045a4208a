"""Every claim of the paper's introduction and supplement as a record: what it says, and what our results say to it.

``docs/paper.md`` is made of these records and grows by adding some. Figures and verdicts are computed
(:mod:`.evidence`); what is typed here are sentences, which name no number of ours.
"""

from typing import NamedTuple

from learnit_core.experiments import evidence
from learnit_core.experiments.evidence import RANDOM, Evidence
from learnit_core.experiments.image.rivals import CHOSEN_BY_MATCHING, NOT_SEARCHED
from learnit_core.experiments.supplement import FIGURES, SUPPLEMENT, TEXT, of_class
from learnit_core.experiments.tourism import PROFILES as TOURISM
from learnit_core.experiments.views import PROFILES
from learnit_core.experiments.views.table import MANY_STEPS
from learnit_core.experiments.views.tune import LIMITS
from learnit_core.plots import LABELS

INTRODUCTION, OURS = "introduction", "ours"

SOURCES = {
    INTRODUCTION: "certain",
    SUPPLEMENT: "certain",
    TEXT: "not in the supplement; from notes on the main text, less sure",
    OURS: "no claim of the paper",
}
"""Where a claim stands, and how sure that is."""

DATA = {"image": "celeba", "views": "chairs"}
"""The class that the paper's figures are of, where none is named."""

UNCOMPARED = "No comparison was made here."
_SV = dict(PROFILES["long"].sv)
LOOP = (
    "MV's inner loop is not the paper's: RMSProp and more steps, chosen on validation chairs after earlier trainings "
    f"had been scored on these test chairs. SV's is not, either: {_SV['inner_optimizer'].upper()} "
    f"{_SV['inner_rate']:g} and fewer steps, by a smaller search of its own."
)
BUDGETS_OF_MANY = f"Tuned, MV's rate is the one for {LIMITS['meta-mv']} steps, the others' that for {MANY_STEPS}."
BUDGETS = "Rows of the table that the paper does not have: its Basic NeRF has other numbers of steps and rays."
RIVALS = "Rows of the table that the paper does not have."
BETTER_OF_BOTH = f"{RIVALS} {CHOSEN_BY_MATCHING} So MAML is held against the better of these two. {NOT_SEARCHED}"
LASTING = (
    "Ours are the steps, from the table's on, at which MAML is behind, seed by seed (–: at none; not named: with no "
    "seed), by the results page's intervals, each number of steps with the setting tuned for it. It holds where MAML "
    "is ahead at all of these steps; the reverse is seen where it is behind at any."
)
NO_DATA = "No such data here."
PICTURES = "Seen in the notebook's pictures; nothing that could fail is kept of it."
STEPS = "How many steps sooner; not paired."
MIXING = (
    "Picture of the mean weights against mean picture, from one shipped start each, minus Standard's, by whichever "
    "optimiser it mixes better. Each at the rate at which it mixes best, of those of the results page with which all "
    "fits reach the same PSNR: mostly the smallest. At larger rates MAML's weights go further from the start, and can "
    "mix worse than Standard's. It says that mixing is nearly linear, not that a mixture is a plausible picture. Not "
    "paired."
)
CHOSEN = (
    "How often tuning on validation signals chose it, in all tables: each search counts once, a schedule of settings "
    "along the steps only if it has no other. It holds where that was every time."
)
TABLES, STARTS = "`tuned.json` of all experiments", "shipped starts"
"""Where figures are from that are not those of a table's profile and seeds."""


class Claim(NamedTuple):
    """``source`` is where the claim stands, ``experiment`` whose notebook and results it has, ``figure`` the paper's.

    Without ``evidence``, or without rows for it, a claim is not tested; ``why`` says why, or qualifies the verdict.
    ``kept`` says where our figure is from, if not from the results of the experiment's profile and seeds.
    """

    says: str
    source: str
    experiment: str
    evidence: Evidence | None = None
    figure: str = ""
    why: str = ""
    kept: str = ""


def ahead(says: str, experiment: str, of: str, *over: str, source: str, why: str = "") -> Claim:
    """Row ``of`` has a higher PSNR than all rows ``over``."""
    return Claim(says, source, experiment, evidence.gap(experiment, of, *over), figures(experiment, of, *over), why)


def sooner(says: str, of: str, *over: str, why: str = STEPS) -> Claim:
    """On pictures, row ``of`` matches MAML's two steps before all rows ``over``."""
    figure = figures("image", of, *over, measure="steps_to_match")
    return Claim(says, SUPPLEMENT, "image", evidence.sooner("image", of, *over), figure, why)


def untested(says: str, experiment: str, why: str, *, source: str, data: str = "") -> Claim:
    """A claim without a result; ``data`` is what the command for the paper's size would be given."""
    command = f"python -m learnit_core.commands.paper --experiment {experiment} --data {data} --all-rows"
    command = f" `{command}` would, given the time." if data else ""
    return Claim(says, source, experiment, None, figures(experiment, data=data) if data else "", why + command)


def figures(experiment: str, *inits: str, measure: str = "psnr_db", data: str = "") -> str:
    """The paper's figures for these rows (or all) of a class, those that there are, and where they are from."""
    data = data or DATA.get(experiment, "")
    found = (of_class(FIGURES.get(experiment, {}), data) or {}).get(measure, {})
    mine = {name: found[name] for name in inits or found if name in found}
    said = [
        f"{LABELS[k]} {f.value:.2f}" + ("" if f.deviation is None else f" ± {f.deviation:.2f}") for k, f in mine.items()
    ]
    about = f"{'dB' if measure == 'psnr_db' else 'steps'} ({data.removeprefix('data/')}, "
    return f"{', '.join(said)} {about}{next(iter(mine.values())).source})" if mine else ""


FASTER = ahead(
    "Faster: MAML is ahead of Standard after two steps.", "image", "meta-maml", "standard", source=SUPPLEMENT
)

CLAIMS: dict[str, list[Claim]] = {
    "Introduction": [
        FASTER._replace(evidence=evidence.until_overtaken(FASTER.evidence)),
        sooner("Standard needs more than two steps to get there.", "meta-maml", "standard", why="How many more."),
        Claim(
            "With more steps MAML stays ahead of the paper's other rows.",
            OURS,
            "image",
            evidence.lasting(papers=True),
            why=LASTING,
        ),
        ahead("A prior for slices from few projections.", "ct", "meta-reptile", "standard", source=INTRODUCTION),
        ahead("A prior for objects from one view.", "views", "meta-mv", "standard", source=INTRODUCTION),
        ahead("A prior for a photograph's other half.", "tourism", "meta-reptile", "standard", source=INTRODUCTION),
        Claim(
            "Mixing weights stays meaningful, SGD.",
            INTRODUCTION,
            "image",
            evidence.agreement("SGD"),
            why=MIXING,
            kept=STARTS,
        ),
        Claim(
            "Mixing weights stays meaningful, Adam.", OURS, "image", evidence.agreement("Adam"), why=MIXING, kept=STARTS
        ),
        untested("Latent concatenation is another way to a prior.", "image", UNCOMPARED, source=INTRODUCTION),
        untested("Hypernetworks are another way to a prior.", "image", UNCOMPARED, source=INTRODUCTION),
        untested("The number of training signals matters.", "image", UNCOMPARED, source=OURS),
    ],
    "Baselines": [
        ahead("Mean shows the class's mean, and is behind.", "image", "meta-maml", "mean", source=TEXT),
        ahead("Matched shows what MAML's start shows, and is behind.", "image", "meta-maml", "matched", source=TEXT),
        ahead("Shuffled has MAML's distribution, and is behind.", "image", "meta-maml", "shuffled", source=TEXT),
        ahead("On slices, too, the best of the four is behind.", "ct", "meta-reptile", *RANDOM, source=TEXT),
        Claim(
            "SGD suits learned weights.",
            SUPPLEMENT,
            "image",
            evidence.optimisers(learned=True),
            why=CHOSEN,
            kept=TABLES,
        ),
        Claim(
            "Adam suits the other four.",
            SUPPLEMENT,
            "image",
            evidence.optimisers(learned=False),
            why=CHOSEN,
            kept=TABLES,
        ),
    ],
    "1 Image regression": [
        ahead("MAML is ahead of Reptile after two steps.", "image", "meta-maml", "meta-reptile", source=SUPPLEMENT),
        ahead("Reptile is ahead of Shuffled.", "image", "meta-reptile", "shuffled", source=SUPPLEMENT),
        ahead("Reptile is ahead of Mean and Matched.", "image", "meta-reptile", "mean", "matched", source=SUPPLEMENT),
        ahead("Shuffled is ahead of Mean.", "image", "shuffled", "mean", source=SUPPLEMENT),
        ahead("Mean is ahead of Matched.", "image", "mean", "matched", source=SUPPLEMENT),
        ahead("Matched is ahead of Standard.", "image", "matched", "standard", source=SUPPLEMENT),
        sooner("Reptile is the first to match MAML.", "meta-reptile", "mean", "matched", "shuffled"),
        sooner("Shuffled matches MAML before Standard.", "shuffled", "standard"),
        untested("Table 1 on CelebA itself.", "image", NO_DATA, source=SUPPLEMENT, data="data/celeba"),
        untested("Imagenette itself.", "image", NO_DATA, source=TEXT, data="data/imagenette"),
        untested(
            "Trained on one class, fitted to another: the diagonal is best, Text transfers poorly.",
            "image",
            "The notebook has the table for the built-in classes; no results file keeps it.",
            source=TEXT,
        ),
    ],
    "2 Computed tomography": [
        Claim(
            "Reptile is better than Standard with twice as many views.",
            TEXT,
            "ct",
            evidence.half_the_views("ct", "meta-reptile", "standard"),
        ),
        untested("The same at the paper's size.", "ct", "Not trained to the end here.", source=TEXT, data="phantoms"),
    ],
    "3 View synthesis": [
        ahead("From one view MV is ahead of SV.", "views", "meta-mv", "meta-sv", source=TEXT, why=LOOP),
        ahead("SV is ahead of Matched.", "views", "meta-sv", "matched", source=TEXT),
        ahead("Matched is ahead of Standard.", "views", "matched", "standard", source=TEXT),
        ahead("Standard is ahead of Shuffled.", "views", "standard", "shuffled", source=TEXT),
        ahead("Standard is behind the mean object, which saw no view.", "views", "class-mean", "standard", source=OURS),
        Claim(
            "With 25 views MV is ahead of Standard after as many steps.",
            OURS,
            "views",
            evidence.along("views", "views=25", "meta-mv", "standard", later=False),
            why=BUDGETS_OF_MANY,
        ),
        Claim(
            "With 25 views MV after its first steps is ahead of Standard after all.",
            OURS,
            "views",
            evidence.along("views", "views=25", "meta-mv", "standard", later=True),
            why=BUDGETS_OF_MANY,
        ),
        untested(
            "ShapeNet's chairs (cars and lamps likewise).",
            "views",
            NO_DATA,
            source=SUPPLEMENT,
            data="data/shapenet-chairs",
        ),
    ],
    "4 Phototourism": [
        ahead("Reptile is ahead of Basic NeRF at as many rays.", "tourism", "meta-reptile", "basic", source=OURS),
        ahead("A fit to the left half helps the right.", "tourism", "meta-reptile", source=TEXT, why="Against no fit."),
        untested(
            "Trevi (Sacre Coeur, Brandenburg Gate likewise).",
            "tourism",
            NO_DATA,
            source=SUPPLEMENT,
            data="data/phototourism-trevi",
        ),
    ],
    "5 Interpolation of weights": [
        untested("Figure 1: pictures of the class between fitted pictures.", "image", PICTURES, source=SUPPLEMENT),
        untested(
            "Figure 2: between four appearances the place stays, whatever the camera.",
            "tourism",
            PICTURES,
            source=SUPPLEMENT,
        ),
    ],
    "Rivals that the paper does not have": [
        Claim("MAML is ahead of other rows.", OURS, "image", evidence.rivals("image", "meta-maml"), why=BETTER_OF_BOTH),
        Claim("With more steps MAML stays ahead of them.", OURS, "image", evidence.lasting(papers=False), why=LASTING),
        Claim("Reptile is ahead of other rows.", OURS, "ct", evidence.rivals("ct", "meta-reptile"), why=RIVALS),
        Claim("MV is ahead of other rows.", OURS, "views", evidence.rivals("views", "meta-mv"), why=RIVALS),
        Claim(
            "Reptile is ahead of other rows.", OURS, "tourism", evidence.rivals("tourism", "meta-reptile"), why=BUDGETS
        ),
    ],
}
"""Claims by section of the page."""


class Difference(NamedTuple):
    """Where the protocol is not the authors': theirs, ours, how much it is, and the test that holds it."""

    what: str
    theirs: str
    ours: str
    size: str
    test: str


DIFFERENCES = [
    Difference(
        "PSNR of pictures",
        "of the network's values",
        "of these clipped to [0, 1]",
        "never lower; on text less than a decibel; none for renderings, which the authors clip, too",
        "test_oracle.py::test_clipping_adds_less_than_a_decibel_to_text",
    ),
    Difference(
        "rays",
        "through the upper left corners of pixels",
        "through their centres",
        "half a pixel",
        "test_oracle.py::test_rays_are_the_authors_but_for_half_a_pixel",
    ),
    Difference(
        "depths in training",
        "points from near to far, each plus a random part of a segment; the last may pass far",
        "one at random in each segment",
        "none at near, a segment at far",
        "test_oracle.py::test_depths_in_training_end_a_segment_earlier",
    ),
    Difference(
        "depths at test time",
        "points from near to far",
        "the middles of segments",
        "half a segment at most",
        "test_oracle.py::test_depths_at_test_time_differ_by_half_a_segment_at_most",
    ),
    Difference(
        "distance between samples",
        "in depth",
        "in length",
        "the direction's length: 1 in the middle of a picture, √(1 + 2 tan²(α/2)) in a corner, for a field of view α",
        "test_oracle.py::test_rendering_is_the_authors_but_for_the_length_of_directions",
    ),
    Difference(
        "projections",
        "the nearest pixel, at minus the angle",
        "linear interpolation, as scikit-image has it",
        "about a hundredth of the mean projection, in the mean over rays of phantoms of the paper's size",
        "test_tomography.py::test_the_authors_projections_of_phantoms_are_about_a_hundredth_from_ours",
    ),
    Difference(
        "phantoms",
        "not known to be cut",
        "cut to the scanner's circle, as slices of one's own are",
        "about a fifth of them reach beyond it",
        "test_phantoms.py::test_phantoms_lie_in_the_circle_and_in_range",
    ),
    Difference(
        "photographs and faces to train on",
        "ten thousand of a class (main text); which ones is not said",
        "as many of a prepared set (or all, if there are fewer), evenly spread; of a plain folder all",
        "not known",
        "test_prepared.py::test_the_profile_paper_trains_on_as_many_pictures_as_the_paper",
    ),
    Difference(
        "steps of fits to 25 views",
        "not said",
        f"{MANY_STEPS}",
        "not known",
        "test_supplement.py::test_objects_are_fitted_by_the_papers_settings_of_their_class",
    ),
    Difference(
        "scale of a place",
        "positions of cameras times a twentieth, in the reconstruction's own unit",
        "the points' median is the origin, and half of the cameras are nearer to it than three units; near and "
        "far scale alike",
        "a factor that differs from place to place, and with it what a frequency of the encoding resolves",
        "test_landmark.py::test_collections_have_one_scale",
    ),
    Difference(
        "rate for photographs, inside and at test time",
        "10 and 150 steps in the supplement; 1 and 64 to 256 steps in their code",
        "the supplement's",
        "ten times the code's",
        "test_supplement.py::test_photographs_are_fitted_by_the_papers_setting_and_rivals_by_what_is_said",
    ),
    Difference(
        "size of photographs",
        "not known",
        f"{TOURISM['paper'].size} pixels on the longer side",
        "not known",
        "test_phototourism.py::test_prepared_photographs_are_scaled_with_their_cameras",
    ),
]
"""Differences that no profile removes. What `quick`, `standard` and `long` have otherwise stands in docs/design.md."""
