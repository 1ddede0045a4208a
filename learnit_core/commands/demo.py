"""``make demo``: run one notebook, show its progress, keep it as a page, and print its main table.

python -m learnit_core.commands.demo [NOTEBOOK]     the name of a notebook or its beginning; 01 if none is given
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from learnit_core.commands.execution import NotebookFailed, execute
from learnit_core.commands.pages import write_page
from learnit_core.commands.repository import absolute_environment, find_notebook
from learnit_core.errors import LearnitError

COLUMNS = {
    "experiment": "experiment",
    "data": "data",
    "init": "initialisation",
    "observations": "observed",
    "steps": "steps",
    "psnr_db": "PSNR [dB]",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 1 if the notebook failed, 2 if there is no such notebook."""
    parser = argparse.ArgumentParser(prog="demo", description="Run a notebook and keep its results.")
    parser.add_argument("notebook", nargs="?", default="01", help="its name or the beginning of it (default: 01)")
    try:
        notebook = find_notebook(parser.parse_args(arguments).notebook)
    except LearnitError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    env = absolute_environment(dict(os.environ))
    env["LEARNIT_PROFILE"] = env.get("LEARNIT_PROFILE", "").strip() or "quick"
    out = Path(env["LEARNIT_OUT"]) / notebook.stem
    print(f"Running {notebook.stem} with profile {env['LEARNIT_PROFILE']}; results go to {out}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"demo: nothing can be written to {out} ({error.strerror}): name another LEARNIT_OUT", file=sys.stderr)
        return 2
    started = time.monotonic()
    try:
        executed = execute(notebook, env=env)
    except NotebookFailed as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    write_page(executed, out / "index.html")
    print(f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes.\n")
    if (out / "metrics.json").exists():
        print(main_table(json.loads((out / "metrics.json").read_text(encoding="utf-8"))["results"]))
    print(f"\nThe page with all figures: {out / 'index.html'}")
    return 0


def main_table(rows: list[dict]) -> str:
    """The rows of metrics.json that stand in the notebook's main table, as aligned text."""
    lines = [list(COLUMNS.values())]
    for row in rows:
        if row.get("in_table"):
            deviation = "" if row.get("psnr_std") is None else f" ± {row['psnr_std']:.1f}"
            lines.append([*(str(row[name]) for name in list(COLUMNS)[:-1]), f"{row['psnr_db']:.1f}{deviation}"])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
