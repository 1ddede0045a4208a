"""Run a script that kills itself, as the system may at any moment: at the N-th call of a function, which does nothing.

python tests/killed_at.py FUNCTION N SCRIPT ARGUMENTS…
"""

import os
import pkgutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "data_scripts"))
moment, number, script, *arguments = sys.argv[1:]
owner, _, name = moment.rpartition(".")
owner = pkgutil.resolve_name(owner)
function, calls = getattr(owner, name), 0


def deadly(*positional, **named):
    global calls
    calls += 1
    if calls == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*positional, **named)


setattr(owner, name, deadly)
sys.exit(pkgutil.resolve_name("getting.commandline").run(pkgutil.resolve_name(script).main, arguments))
