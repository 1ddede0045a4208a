"""What commands and tests need to know of view synthesis."""

from learnit_core.experiments import views
from learnit_core.experiments.experiment import Experiment, Paper
from learnit_core.experiments.views import baselines, bench, explorers, results, table, tune

WATCHED = f"{views.VALIDATED} objects from one view each, after the inner loop"


def _others(*arguments, **seed):
    made, reached = baselines.make(*arguments, **seed)
    return made, {"matched": reached}


VIEWS = Experiment(
    name="views",
    notebook="03_view_synthesis",
    profiles=views.PROFILES,
    classes=tuple(views.SHIPPED["long"]),
    load_signals=views.load_signals,
    field_for=lambda profile, scenes: views.field_for(profile),
    measures_for=views.Measures,
    tasks=lambda profile, scenes, observation: views.tasks(scenes, observation),
    sampler=lambda profile, algorithm: views.sample_tasks,
    meta_train=views.meta_train,
    observations=(1,),
    inits=table.INITS,
    labels=table.LABELS,
    algorithms=views.ALGORITHMS,
    shipped=views.SHIPPED,
    tuning=tune.TUNING,
    results=results.RESULTS,
    sections=explorers.SECTIONS,
    bench=bench.run,
    paper=Paper(views.meta_grad_for, _others, table.scored, aim=baselines.RENDERED_DB, watched=WATCHED),
    validated=lambda images: min(len(images), views.VALIDATED),
)
