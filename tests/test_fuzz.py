"""Files from strangers, nearly right: no reader crashes, hangs, takes all memory or writes elsewhere."""

import functools
import json
import os
import subprocess
import sys

import pytest
from fuzzing import READERS, ROOT

SEED, INPUTS = 2020, 2000
EVERY = pytest.mark.parametrize("reader", READERS)


@functools.cache
def fuzz(reader, count, *more):
    command = [sys.executable, str(ROOT / "tests" / "fuzzing.py"), reader, str(SEED), str(count), *more]
    child = subprocess.run(command, capture_output=True, timeout=3600, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert child.returncode == 0, f"it ends with {child.returncode}: {child.stderr.decode()[-2000:]}"
    return json.loads(child.stdout)


@pytest.mark.nightly
@pytest.mark.slow
@EVERY
def test_only_learnit_errors_come_of_strange_files(reader, record_property):
    found = fuzz(reader, -(-INPUTS // len(READERS)))
    record_property("reached", found["reached"])
    for module, (branches, lines, of) in found["reached"].items():
        print(f"{reader}: {branches} branches and {lines} of {of} lines of {module}")
    assert not found["faults"], "\n".join(f"seed {seed}: {fault}" for fault, seed in found["faults"].items())
    assert all(branches for branches, _, _ in found["reached"].values()), found["reached"]


@pytest.mark.nightly
@pytest.mark.slow
@EVERY
def test_a_planted_fault_is_found(reader):
    """What one function refuses becomes an error that nobody expects: some of the inputs get there."""
    found = fuzz(reader, 1000, "--plant")
    assert any("planted" in fault for fault in found["faults"]), f"not among {found['inputs']} inputs"
