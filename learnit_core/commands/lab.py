"""``make lab``: JupyterLab on the notebooks, with LEARNIT_* paths counted from where the command was given."""

import os
import subprocess
import sys

from learnit_core.commands.repository import ROOT, absolute_environment
from learnit_core.signals import files


def arguments() -> list[str]:
    """JupyterLab's: uploads arrive up to the size of a picture that would be read, and not of 10 MB only."""
    settings = {"websocket_max_message_size": files.MOST_BYTES + (1 << 20)}
    return [f"--ServerApp.tornado_settings={settings}", *sys.argv[1:]]


def main() -> None:
    """Become JupyterLab; further arguments are passed on to it."""
    if not (ROOT / "notebooks").is_dir():
        sys.exit(f"lab: there are no notebooks in {ROOT}: expected a checkout of the project, not its package alone")
    command = [sys.executable, "-m", "jupyterlab", str(ROOT / "notebooks"), *arguments()]
    environment = absolute_environment(dict(os.environ))
    if sys.platform == "win32":  # its execve comes back at once, and does not quote
        sys.exit(subprocess.run(command, env=environment).returncode)
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main()
