"""Train from a prepared set that does not fit into the memory this process may take, and print what it took.

    python tests/train_large_set.py FOLDER LIMIT_GB SET_GB

The set's file has its full length but holes for most of its pictures, so that it takes no room on the disk; reading it
costs memory as if it were full. Run as a process of its own, because the limit holds for the whole process.
"""

import json
import os
import resource
import sys
from pathlib import Path

# Before JAX counts the cores: each would get threads, whose stacks count towards the limit.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402

from learnit_core import meta, signals, training  # noqa: E402
from learnit_core.experiments import image  # noqa: E402

SIDE = 178
CHUNK, BATCH = 50, 10  # the paper's Reptile


def make(folder: Path, num_bytes: int) -> int:
    """A prepared set of that many bytes to train on; returns how many pictures that are."""
    folder.mkdir()
    entries = {}
    for split, count in {"train": num_bytes // (3 * SIDE**2) + 1, "validation": 2, "test": 2}.items():
        with open(folder / f"{split}.npy", "wb") as file:
            about = {"descr": "|u1", "fortran_order": False, "shape": (count, SIDE, SIDE, 3)}
            np.lib.format.write_array_header_1_0(file, about)
            file.truncate(file.tell() + count * 3 * SIDE**2)
        entries[split] = {"count": count, "shape": [count, SIDE, SIDE, 3], "crc32": "0"}
    about = {"prepared": 1, "kind": "pictures", "name": "large", "note": "Holes.", "splits": entries}
    (folder / "prepared.json").write_text(json.dumps(about))
    return entries["train"]["count"]


def peak() -> int:
    """The most memory that this process has had resident so far, files that it mapped included [bytes]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(folder: str, limit_gb: str, set_gb: str) -> None:
    limit, set_bytes = int(float(limit_gb) * 1e9), int(float(set_gb) * 1e9)
    make(Path(folder), set_bytes)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    pictures = signals.load(folder, size=SIDE).train
    num_steps = int(1.2 * limit / (3 * SIDE**2) / BATCH) // CHUNK * CHUNK

    def meta_grad(params, task, key):  # no network: what is measured is the way of the pictures
        value = jnp.mean(task.support.values)
        return value, params - value

    peaks, key, optimizer = [], jax.random.key(0), optax.adam(1e-3)
    training.train(
        meta_grad,
        image.sampler(BATCH),
        image.source(pictures, BATCH, key),
        meta.init_state(jnp.zeros(()), optimizer),
        key,
        optimizer=optimizer,
        num_steps=num_steps,
        chunk=CHUNK,
        validate_every=1,
        validate=lambda params: peaks.append(peak()) or 0.0,
    )
    try:
        pictures.stored(slice(None))
        all_at_once = "fits"
    except MemoryError:
        all_at_once = "MemoryError"
    settled = peaks[len(peaks) // 3]  # by then every program is compiled and two chunks have been held
    print(
        json.dumps(
            {
                "limit_bytes": limit,
                "set_bytes": len(pictures) * 3 * SIDE**2,
                "read_bytes": num_steps * BATCH * 3 * SIDE**2,
                "peak_bytes": peaks[-1],
                "growth_bytes": peaks[-1] - settled,
                "chunks": len(peaks),
                "all_at_once": all_at_once,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
