"""The log of a training: what is in it, what a kill leaves, and that it is drawn while it grows."""

import threading
import time

import IPython.display
import numpy as np
import pytest
from test_training import small_training

from learnit_core import checkpoints, plots, runlog


def logged(folder, **settings):
    with pytest.MonkeyPatch.context() as patch:
        real = checkpoints.Checkpoint

        def with_log(*arguments):
            return real(*arguments, log=folder / "run.log.jsonl")

        patch.setattr("test_training.training.Checkpoint", with_log)
        _, history = small_training(folder / "c.safetensors", **settings)
    return history, runlog.read(folder / "run.log.jsonl")


def test_a_training_that_goes_on_has_one_log_whose_steps_ascend(tmp_path, monkeypatch):
    monkeypatch.setattr(runlog, "EVERY", 0.0)
    monkeypatch.setattr(runlog, "SHARE", 0.0)
    logged(tmp_path, num_steps=20)
    lines = (tmp_path / "run.log.jsonl").read_text()
    # Of a run that was killed, lines stand behind the last checkpoint, and the last of them is cut.
    (tmp_path / "run.log.jsonl").write_text(lines + '{"step": 900, "seconds": 9, "loss": 7.0}\n{"step": 90, "sec')
    history, log = logged(tmp_path, num_steps=40)
    steps, means = np.transpose(log.losses)
    assert history.resumed_from == 20 and steps[-1] == 40 and (np.diff(steps) > 0).all()
    bounds = [0, *steps.astype(int)]
    expected = [np.mean(history.losses[a:b]) for a, b in zip(bounds, bounds[1:], strict=False)]
    np.testing.assert_allclose(means, expected, rtol=1e-4)
    kept = (tmp_path / "run.log.jsonl").read_bytes()
    logged(tmp_path, num_steps=40)
    assert (tmp_path / "run.log.jsonl").read_bytes() == kept, "a run that is finished has nothing to say"


def test_no_step_is_missed_where_a_checkpoint_is_written(tmp_path):
    """However seldom lines are due."""
    log = runlog.Writer(tmp_path / "log", 0)
    log.losses(1, 0.0, [8.0])
    log.losses(2, 0.1, [4.0])
    log.flush(2, 0.2)
    log.flush(2, 0.3)
    assert runlog.read(tmp_path / "log").losses == [(1, 8.0), (2, 4.0)]
    history, found = logged(tmp_path, num_steps=20)
    assert found.losses[-1][0] == 20 == len(history.losses)


def test_a_run_that_begins_anew_begins_its_log_anew(tmp_path):
    logged(tmp_path, num_steps=10)
    (tmp_path / "c.safetensors").unlink()
    _, log = logged(tmp_path, num_steps=5)
    assert log.losses[-1][0] <= 5


def test_a_log_of_a_week_stays_small(tmp_path):
    log = runlog.Writer(tmp_path / "log", 0)
    for second in range(0, 7 * 86400, 30):
        log.losses(second, float(second), [1.0])
    assert 1000 < len((tmp_path / "log").read_text().splitlines()) < 10_000


def test_a_disk_that_refuses_is_one_warning(tmp_path):
    (tmp_path / "taken").write_text("a file, where a folder should be")
    log = runlog.Writer(tmp_path / "taken" / "log", 0)
    with pytest.warns(UserWarning, match="cannot be written") as told:
        log.losses(1, 0.0, [1.0])
        log.scored(1, 0.5, 20.0)
    assert len(told) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        '{"step": 1}',
        '{"step": "1", "seconds": 1, "loss": 1}',
        '{"step": true, "seconds": 1, "loss": 1}',
        '{"step": 1, "seconds": NaN, "loss": 1}',
        '{"step": 1, "seconds": 1, "loss": "x"}',
        '{"step": 1, "seconds": 1, "loss": 1e999}',
        "\x00\xff",
    ],
)
def test_lines_of_something_else_are_passed_over(tmp_path, text):
    file = tmp_path / "log"
    file.write_bytes(text.encode("latin-1") + b'\n{"step": 3, "seconds": 2.0, "loss": 0.5}\n')
    assert runlog.read(file).losses == [(3, 0.5)]


def test_it_is_drawn_while_it_grows(tmp_path, monkeypatch):
    """Also before it is there; what is drawn last is what it says last."""
    file, shown = tmp_path / "log", []
    monkeypatch.setattr(runlog, "EVERY", 0.1)

    class Handle:
        update = shown.append

    def display(content, display_id):
        shown.append(content)
        return Handle

    def write():
        while not shown:
            time.sleep(0.01)
        log = runlog.Writer(file, 0)
        log.losses(1, 0.0, [0.5])
        while len(shown) < 2:
            time.sleep(0.01)
        log.losses(2, 5.0, [0.25])
        log.scored(2, 5.0, 31.0)

    monkeypatch.setattr(IPython.display, "display", display)
    writer = threading.Thread(target=write)
    writer.start()
    plots.follow(file, every=0.01, patience=2.0)
    writer.join()
    assert len(shown) >= 3
    assert all('src="data:image/png;base64,iVBOR' in content._repr_html_() for content in shown)
    words = [content._repr_html_().partition('alt="')[2].partition('"')[0] for content in shown]
    assert "nothing yet" in words[0] and words[-1].endswith("step 2, loss 0.25, validation 31.0 dB")
    losses, scores = plots.run_log(file).axes
    np.testing.assert_allclose(losses.get_lines()[0].get_xydata(), [(1, 0.5), (2, 0.25)])
    np.testing.assert_allclose(scores.get_lines()[0].get_xydata(), [(2, 31.0)])
    plots.follow(file, every=0.01, patience=0.02, png=tmp_path / "log.png")
    assert (tmp_path / "log.png").read_bytes()[:4] == b"\x89PNG"


def test_who_looks_waits_for_lines_that_come_seldom(tmp_path, monkeypatch):
    """A run of a day has a line in one and a half minutes, and is not at rest in between."""
    file, clock = tmp_path / "log", [0.0]
    file.write_text('{"step": 1, "seconds": 86400, "loss": 1}\n')
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    plots.follow(file, every=10.0, patience=60.0, png=tmp_path / "log.png")
    assert clock[0] > 3 * 86.4
