"""The log of a training, drawn while it runs."""

import os
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from learnit_core import runlog
from learnit_core.names import shown
from learnit_core.plots.gallery import as_html, as_png
from learnit_core.plots.style import axes_of


def run_log(file: str | os.PathLike, *, title: str | None = None) -> Figure:
    """Loss, on a logarithmic axis, and validation PSNR against outer steps, as far as the log in ``file`` goes.

    What a log is says :mod:`learnit_core.runlog`; one that is empty or not there yet gives empty axes.
    """
    found, name = runlog.read(file), shown(Path(file).name)
    figure, axis = axes_of((7.0, 3.2))
    if found.losses:
        steps, losses = np.transpose(found.losses)
        axis.plot(steps, losses, color="#7f7f7f", linewidth=1, label="loss")
        if losses.min() > 0:
            axis.set_yscale("log")
    axis.set(xlabel="outer steps", ylabel="loss, mean of some steps", title=title or f"{name}: {found.seconds:,.0f} s")
    if found.validation:
        scores = axis.twinx()
        scores.spines["top"].set_visible(False)
        scores.plot(*np.transpose(found.validation), "o-", color="#d55e00", markersize=3, label="validation")
        scores.set_ylabel("validation PSNR [dB]", color="#d55e00")
    return figure


def follow(
    file: str | os.PathLike, *, every: float = 2.0, patience: float = 60.0, png: str | os.PathLike | None = None
) -> None:
    """Draw the log again and again, in the notebook or to the file ``png``, until it is at rest.

    It is looked at ``every`` some seconds, and ends after ``patience`` seconds without a new line (of a long training,
    whose lines come more seldom, three times what lies between two of them), or with Ctrl-C (Kernel, Interrupt): the
    training goes on.
    """
    from IPython.display import HTML, display

    handle, last, since, rest = None, None, time.monotonic(), patience
    try:
        while last is None or time.monotonic() - since <= rest:
            content = runlog.read(file)
            if content != last:
                last, since, picture = content, time.monotonic(), as_png(run_log(file))
                rest = max(patience, 3 * runlog.between(content.seconds))
                if png is not None:
                    Path(png).expanduser().write_bytes(picture)
                elif handle is None:
                    handle = display(HTML(as_html(picture, _in_words(content))), display_id=True)
                else:
                    handle.update(HTML(as_html(picture, _in_words(content))))
            time.sleep(min(every, patience))
    except KeyboardInterrupt:
        pass


def _in_words(log: runlog.Log) -> str:
    said = ["A training's loss and validation against outer steps"]
    if log.losses:
        said.append("step {}, loss {:.3g}".format(*log.losses[-1]))
    if log.validation:
        said.append(f"validation {log.validation[-1][1]:.1f} dB")
    return ": ".join([said[0], ", ".join(said[1:]) or "nothing yet"])
