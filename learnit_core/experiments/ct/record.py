"""What commands and tests need to know of computed tomography."""

from learnit_core.experiments import baselines, ct
from learnit_core.experiments.ct import bench, explorers, results, table, tune
from learnit_core.experiments.experiment import Experiment, Paper

CT = Experiment(
    name="ct",
    notebook="02_ct_reconstruction",
    profiles=ct.PROFILES,
    classes=("phantoms",),
    load_signals=ct.load_signals,
    field_for=lambda profile, images: ct.field_for(profile),
    measures_for=lambda profile: ct.measures,
    tasks=lambda profile, slices, observation: ct.tasks(slices, ct.test_angles(ct.OBSERVATIONS[observation])),
    sampler=lambda profile, algorithm: ct.sampler(profile),
    meta_train=ct.meta_train,
    observations=tuple(ct.OBSERVATIONS),
    inits=table.INITS,
    labels=table.LABELS,
    algorithms={"meta-reptile": "reptile"},
    shipped=ct.SHIPPED,
    tuning=tune.TUNING,
    results=results.RESULTS,
    sections=explorers.SECTIONS,
    bench=bench.run,
    paper=Paper(ct.meta_grad_for, baselines.of_pictures, table.scored, aim=baselines.FIT_DB),
)
