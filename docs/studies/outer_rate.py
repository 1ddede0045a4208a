"""MAML on text with outer rates that fall or stay: the stored curves of notebook 00.

    python docs/studies/outer_rate.py

Every 50 of 600 outer steps, the PSNR [dB] of the validation pictures after two steps; pictures, network, batch and
inner loop are those of the profile ``quick`` of notebook 01. Writes ``docs/studies/outer_rate.json``.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import optax

from learnit_core import meta, metrics
from learnit_core.experiments import image, runs
from learnit_core.experiments.settings import keep_compiled
from learnit_core.losses import image_loss

STEPS, EVERY = 600, 50
SCHEDULES = {
    "constant 3e-4": optax.constant_schedule(3e-4),
    "constant 1e-4": optax.constant_schedule(1e-4),
    "falling from 3e-4": optax.cosine_decay_schedule(3e-4, STEPS),
}
TARGET = Path(__file__).with_suffix(".json")


def main() -> None:
    keep_compiled()
    profile = image.PROFILES["quick"]
    images = image.load_signals(profile, "text")
    field, train, seen = image.field_for(profile, 1), jnp.asarray(images.train), {}
    grad, sample = image.meta_grad_for(profile, field, "maml"), image.sampler(profile.maml_batch)
    init_key, train_key = runs.run_keys(0)
    unseen = image.tasks(images.validation)
    validate = runs.after_inner_steps(
        image_loss(field), image.score(field), unseen, optax.sgd(profile.inner_rate), profile.inner_steps, train_key
    )
    for name, schedule in SCHEDULES.items():
        optimizer = optax.adam(schedule)
        state, seen[name] = meta.init_state(field.init(init_key), optimizer), []
        advance = jax.jit(
            lambda state, train, optimizer=optimizer: meta.meta_steps(
                grad, sample, train, state, train_key, optimizer=optimizer, num_steps=EVERY
            )[0]
        )
        for _ in range(STEPS // EVERY):
            state = advance(state, train)
            seen[name].append(round(float(validate(state.params)), 1))
        print(name, seen[name], flush=True)
    about = {"command": "python docs/studies/outer_rate.py", "data": "text", "profile": "quick", "seed": 0}
    metrics.write_json(TARGET, {**about, "every": EVERY, "device": metrics.device(), "psnr_db": seen})


if __name__ == "__main__":
    main()
