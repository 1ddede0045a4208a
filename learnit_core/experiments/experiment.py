"""What a command, a test or a notebook needs to know of an experiment: the record that each experiment fills in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from learnit_core import training
from learnit_core.errors import LearnitError
from learnit_core.experiments.fits import Measures
from learnit_core.experiments.section import Section
from learnit_core.experiments.settings import Settings
from learnit_core.structures import Field, Params, Task


def added(default: Any) -> Any:
    """A profile's field that earlier versions did not have: at its ``default``, files do not say it.

    So checkpoints, kept results and drafts from before stand.
    """
    return field(default=default, metadata={"formerly": default})


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Everything that decides a meta-training and its test, for one size of machine; experiments add what they need.

    ``size`` is the side of a signal [pixels, samples]; ``width`` and ``depth`` are the network's; the outer optimiser
    is Adam at ``outer_rate``, falling along a cosine if ``decay``, for ``num_steps`` outer steps; ``precision`` is that
    of the network's matrix products.
    """

    name: str
    size: int
    width: int
    depth: int
    outer_rate: float
    num_steps: int
    decay: bool = True
    precision: str = added("highest")

    UNTRAINED: ClassVar[tuple[str, ...]] = ()
    """Fields that decide nothing of the meta-trained weights."""

    def values(self) -> dict[str, Any]:
        """All fields, for files; those that were :func:`added` only where they say something new."""
        found = {one.name: (getattr(self, one.name), one.metadata.get("formerly", MISSING)) for one in fields(self)}
        return {name: value for name, (value, formerly) in found.items() if value != formerly}

    def training(self) -> dict[str, Any]:
        """What decides the meta-trained weights: a checkpoint of other values is refused."""
        return {name: value for name, value in self.values().items() if name not in ("name", *self.UNTRAINED)}

    def at(self, precision: str) -> "Profile":
        """The profile with another precision of products."""
        return replace(self, precision=precision)

    def for_class(self, data: str) -> "Profile":
        """The profile as the class ``data`` needs it."""
        del data
        return self

    def for_algorithm(self, algorithm: str) -> "Profile":
        """The profile as ``algorithm`` needs it."""
        del algorithm
        return self

    def shortened(self, few: int) -> dict[str, Any]:
        """The fields that change where every loop has ``few`` steps at most: a trial shows that everything runs."""
        return {"num_steps": min(self.num_steps, few)}

    def capped(self, settings: Settings) -> "Profile":
        """The same with every loop cut to ``settings.max_steps`` (2 at least), and fewer and smaller signals."""
        if settings.max_steps is None:
            return self
        return replace(self, **self.shortened(max(2, settings.max_steps)))


class Recipe(NamedTuple):
    """One file that is shipped: what it is trained on, by which algorithm, and with which profile.

    ``make(settings, folder)``, where there is one, returns field, parameters and provenance in another way; ``folder``
    is where shipped files lie.
    """

    data: str
    algorithm: str
    profile: Profile
    make: Callable[[Settings, Path], tuple[Field, Params, dict[str, Any]]] | None = None


class Job(NamedTuple):
    """Cells of the tuned file that are chosen together: ``run()`` gives an entry for each of ``observations``."""

    init: str
    observations: tuple[str, ...]
    run: Callable[[], Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How ``make tune`` chooses optimisers, rates and steps on validation signals (:mod:`.tuned` runs it).

    ``grid`` are the rates tried by optimiser, ``rounds`` the sizes of the search's rounds (JSON), ``protocol`` says how
    in words. Every shipped initialisation is tuned, in the profile and on the class that it is shipped for (of some
    ``profiles``, if they are named: the others borrow their settings); ``profile(name, data, settings)`` is that
    profile, cut short if asked, where tuning takes another than that; ``jobs(profile, data)`` are groups of jobs, those
    of a group side by side, and what else the file says of this part. ``borrowed`` is the class whose settings other
    data take.
    """

    grid: Mapping[str, tuple[float, ...]]
    jobs: Callable[[Profile, str], tuple[Sequence[Sequence[Job]], dict[str, Any]]]
    borrowed: str
    protocol: str
    rounds: Any = None
    profile: Callable[[str, str, Settings], Profile] | None = None
    profiles: tuple[str, ...] = ()


class Paper(NamedTuple):
    """What ``make paper`` needs of an experiment of the paper's.

    ``meta_grad(profile, field, algorithm)`` is what an outer step averages. ``others(profile, field, splits, params, *,
    seed)`` gives what a learned initialisation, ``params``, is compared with, draws by row of the table, and how near
    those that are fitted come to their targets [dB], by row; ``aim`` is how near they should. ``scored(profile, field,
    splits, made, *, seed)`` gives rows of the table on ``splits.test``, from the draws ``made`` with the settings of
    the profile. ``algorithms(profile)`` is what trains which row, where that depends on the profile. ``watched`` says
    how validation signals are fitted for the curve of PSNR against outer steps.
    """

    meta_grad: Callable[[Any, Field, str], Callable]
    others: Callable[..., tuple[dict[str, Sequence[Params]], dict[str, float]]]
    scored: Callable[..., list[dict[str, Any]]]
    algorithms: Callable[[Any], Mapping[str, str]] | None = None
    aim: float = 0.0
    watched: str = "after the inner loop"


class Part(NamedTuple):
    """A part of the results that is kept under a name until something that it ``belongs_to`` (JSON) changes.

    ``make()`` returns {"rows": […], …}.
    """

    name: str
    belongs_to: Any
    make: Callable[[], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Results:
    """What ``make results`` makes of an experiment (:mod:`.report` runs it).

    ``profile`` is what is judged. ``parts(profile, settings, seeds)`` are groups of parts, those of a group side by
    side; ``controls(profile, seeds)`` are rows that no training changes; ``extra(profile, settings, seeds, found)`` is
    what the file says besides the rows of the parts ``found``. ``verdicts(rows)``, ``page(content)`` and
    ``summary(content)`` put the rows into words: one line a comparison, the Markdown page, README's table.
    """

    profile: Profile
    parts: Callable[[Profile, Settings, Sequence[int]], Sequence[Sequence[Part]]]
    controls: Callable[[Profile, Sequence[int]], list[dict[str, Any]]]
    verdicts: Callable[[Sequence[dict[str, Any]]], list[str]]
    page: Callable[[dict[str, Any]], str]
    summary: Callable[[dict[str, Any]], str]
    extra: Callable[..., dict[str, Any]] = lambda profile, settings, seeds, found: {}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One experiment. Commands and tests iterate over :data:`learnit_core.experiments.ALL`, and know no other list.

    ``name`` is what commands call it, ``row_name`` what its rows in metrics.json do (the same, unless given).
    ``profiles`` holds ``quick``, ``standard`` and ``paper``, and ``long`` where what is shipped and judged was trained
    for longer than the notebook trains. ``classes`` are the built-in classes, the notebook's first.

    ``load_signals(profile, data, *, seed)`` gives splits with ``train``, ``validation``, ``test``, ``name`` and
    ``note``; ``field_for(profile, splits)`` the network; ``measures_for(profile)`` what a fit at test time descends and
    is scored by; ``tasks(profile, signals, observation)`` the signals of a split as they are observed in a column of
    the table; ``sampler(profile, algorithm)`` the tasks of an outer step; ``meta_train(profile, splits, algorithm, *,
    seed, folder, **control)`` field, parameters and history.

    ``observations`` are the columns of the table, ``inits`` its rows in order and ``labels`` their names in words;
    ``algorithms`` says which of the rows are learned, and by what. ``shipped`` are the names of shipped initialisations
    by profile, class and row; ``recipes`` is how each of these files is made, to be given for those that do not follow
    from that. ``validated(signals)`` is how many of the validation signals are scored while training, ``sections``
    are the experiment's part of the gallery, and ``bench(settings, *, rounds, size)`` its part of ``make bench``;
    ``paper`` is there where the profile ``paper`` is the paper's.
    """

    name: str
    notebook: str
    profiles: Mapping[str, Profile]
    classes: tuple[str, ...]
    load_signals: Callable[..., Any]
    field_for: Callable[[Any, Any], Field]
    measures_for: Callable[[Any], Measures]
    tasks: Callable[[Any, Any, Any], Task]
    sampler: Callable[[Any, str], Callable]
    meta_train: Callable[..., tuple[Field, Params, training.History]]
    observations: tuple[Any, ...]
    inits: tuple[str, ...]
    labels: Mapping[str, str]
    algorithms: Mapping[str, str]
    shipped: Mapping[str, Mapping[str, Mapping[str, str]]]
    tuning: Tuning
    results: Results
    sections: tuple[Section, ...] = ()
    bench: Callable[..., dict[str, Any]] | None = None
    paper: Paper | None = None
    row_name: str = field(default="")
    validated: Callable[[Any], int] = len
    recipes: Mapping[str, Recipe] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "row_name", self.row_name or self.name)
        usual = {
            file: Recipe(data, self.algorithms[init], self.profiles[profile])
            for profile, classes in self.shipped.items()
            for data, files in classes.items()
            for init, file in files.items()
            if file not in self.recipes
        }
        object.__setattr__(self, "recipes", usual | self.recipes)

    def tuned(self) -> dict[str, tuple[str, ...]]:
        """The classes whose settings are tuned, by profile."""
        profiles = self.tuning.profiles
        return {name: tuple(classes) for name, classes in self.shipped.items() if not profiles or name in profiles}

    def profile(self, settings: Settings) -> Profile:
        """The profile that ``settings`` name, for the data they name (default: the first of ``classes``), cut short if
        they say so. Raises LearnitError if there is none."""
        if settings.profile not in self.profiles:
            names = ", ".join(self.profiles)
            raise LearnitError(f"{self.notebook} has no profile {settings.profile!r}: expected one of {names}")
        return self.profiles[settings.profile].for_class(settings.data or self.classes[0]).capped(settings)
