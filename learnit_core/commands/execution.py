"""Running a notebook from the command line with its progress in view."""

import asyncio
import contextlib
import io
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from traitlets import Unicode


class NotebookFailed(Exception):
    """A notebook that stopped early; the message is what to show to its user."""


class _OnePython(KernelSpecManager):
    """Offers the kernel of one Python, whatever kernels are registered on this machine."""

    python = Unicode()

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=40"]
        return KernelSpec(argv=argv, display_name="Python 3 (ipykernel)", language="python")


class Echo:
    """Writes what a notebook prints: as it comes to a terminal, line by line and with bars finished elsewhere."""

    def __init__(self, target: io.TextIOBase):
        self.target = target
        self.live = target.isatty()
        self.pending = ""
        self.source = self.cut_off = ""

    def write(self, text: str, source: str = "") -> None:
        """Show ``text`` of the stream ``source``. Of a bar drawn over and over ("\\r") a log gets the last state only.

        A line that another stream left unfinished is ended first; its own line end, which then comes late, is dropped.
        """
        if source == self.cut_off:
            text, self.cut_off = text.removeprefix("\n"), ""
        if self.pending and source != self.source:
            self._show("\n")
            self.cut_off = self.source
        self.source = source
        self._show(text)

    def _show(self, text: str) -> None:
        *lines, self.pending = (self.pending + text).split("\n")
        if not self.live:
            text = "".join(line.rstrip("\r").rpartition("\r")[2] + "\n" for line in lines)
        self.target.write(text)
        self.target.flush()

    def end(self) -> None:
        """End a line that stands unfinished."""
        if self.pending:
            self._show("\n")


class _Client(NotebookClient):
    """Echoes printed text, announces the notebook's sections, and stops its kernel on Ctrl-C."""

    def __init__(self, nb: nbformat.NotebookNode, echo: Echo, **options: Any):
        super().__init__(nb, on_notebook_start=self._watch_for_interrupt, on_cell_start=self._announce, **options)
        self.echo = echo
        self.started = time.monotonic()
        self.interrupted = False
        self.section = "the beginning"

    def process_message(self, msg: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int):
        if msg["msg_type"] == "stream":
            self.echo.write(msg["content"]["text"], msg["content"]["name"])
        return super().process_message(msg, cell, cell_index)

    def _announce(self, cell: nbformat.NotebookNode, cell_index: int) -> None:
        heading = re.search(r"^#{1,3} +(.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            self.section = heading[1]
            minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
            place = f"[{minutes}:{seconds:02d}, cell {cell_index + 1} of {len(self.nb.cells)}]"
            self.echo.write(f"{place} {self.section}\n")

    def _watch_for_interrupt(self, notebook: nbformat.NotebookNode) -> None:
        def interrupt() -> None:
            self.interrupted = True
            self.kill = asyncio.ensure_future(self.km.signal_kernel(signal.SIGKILL))

        with contextlib.suppress(NotImplementedError):  # on Windows
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, interrupt)


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook in a .py (py:percent) or .ipynb file."""
    return jupytext.read(path, fmt="py:percent" if path.suffix == ".py" else "ipynb")


def execute(
    path: Path,
    *,
    env: dict[str, str],
    python: str = sys.executable,
    target: io.TextIOBase | None = None,
    first: str = "",
) -> nbformat.NotebookNode:
    """Run the notebook at ``path`` in its own directory with the kernel of ``python``; returns it with its outputs.

    ``env`` is the kernel's environment, ``target`` where progress is shown (by default standard output), ``first`` code
    that the kernel runs before the notebook. Raises :class:`NotebookFailed` if a cell fails, the kernel dies or the
    user interrupts; no kernel stays behind.
    """
    echo = Echo(target or sys.stdout)
    notebook = read(path)
    if first:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(first))
    manager = AsyncKernelManager(kernel_spec_manager=_OnePython(python=python))
    client = _Client(
        notebook,
        echo,
        km=manager,
        timeout=None,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=True,  # for pages, where explorers go on working
        coalesce_streams=True,
    )
    try:
        executed = client.execute(env=env | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}, cleanup_kc=True)
        del executed.cells[: bool(first)]
        return executed
    except CellExecutionError as error:
        raise NotebookFailed(_explain(error, notebook, client.section)) from None
    except DeadKernelError:
        reason = "was interrupted" if client.interrupted else "lost its kernel (often: no memory left)"
        raise NotebookFailed(
            f"The notebook {reason} in the section {client.section!r}. "
            "Run the same command again to go on from the last checkpoint."
        ) from None
    finally:
        echo.end()


def _explain(error: CellExecutionError, notebook: nbformat.NotebookNode, section: str) -> str:
    """Our own errors are one sentence and need no more; of others the traceback is shown, once."""
    if error.ename == "LearnitError":
        return error.evalue
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    traceback = [line for output in outputs if output.output_type == "error" for line in output.traceback]
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback))
    return f"The notebook stopped in the section {section!r}:\n\n{text}"
