"""What README.md prints as Python runs as it is printed, and reaches the score that the text claims."""

import re

import pytest

from learnit_core.commands.repository import ROOT

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def run(monkeypatch, tmp_path, **changes):
    """Run all blocks one after the other, as a reader would; returns the names that they leave."""
    monkeypatch.chdir(tmp_path)
    names = {}
    for i, block in enumerate(BLOCKS):
        for old, new in changes.items():
            block = re.sub(rf"^{old} = \d+$", f"{old} = {new}", block, flags=re.MULTILINE)
        exec(compile(block, f"README.md, block {i}", "exec"), names)
    return names


def test_every_block_of_python_is_found():
    assert len(BLOCKS) == len(re.findall(r"^ *(?:```|~~~)\s*py", README, re.MULTILINE)) >= 4


@pytest.mark.slow
def test_what_is_printed_runs(monkeypatch, tmp_path, capsys):
    names = run(monkeypatch, tmp_path, STEPS=2)
    assert int(names["state"].step) == 2, "the number of steps stands elsewhere"
    assert {"walk.html", "mine.safetensors"} <= {path.name for path in tmp_path.iterdir()}
    assert "dB after two steps" in capsys.readouterr().out
    assert names["metres"].shape == (32 * 32, 1) and names["metres"].max() > 100
    assert names["unseen"].support.values.shape == (40, 32 * 32, 1) and names["provenance"]


@pytest.mark.nightly
@pytest.mark.slow
def test_what_is_printed_reaches_what_the_text_claims(monkeypatch, tmp_path, capsys):
    """README: "As it stands here it reaches at least … dB after two steps"."""
    (claimed,) = re.findall(r"it reaches at least (\d+) dB after two steps", README)
    names = run(monkeypatch, tmp_path)
    assert int(names["state"].step) == len(names["history"].losses) > 100
    assert names["psnr"].shape == (32, 3) and names["psnr"][:, 2].mean() >= int(claimed)
    printed = float(re.search(r"([\d.]+) dB after two steps", capsys.readouterr().out)[1])
    assert printed >= int(claimed)
