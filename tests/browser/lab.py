"""A JupyterLab of one's own for the tests: nobody's settings, a free port, and a way to ask its kernel."""

import ast
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import nbformat
import numpy as np

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are on the page, seen or not
}
NOT_RUNNING = """
() => {
  const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.status === "idle" && document.querySelectorAll(".jp-CodeCell").length > 0;
}
"""


def notebook_of(cells):
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def shows(lab, widget, name):
    """Whether the widget shows what Python draws at the position that it says it shows."""
    expected = lab.ask(f"[p.tolist() for p in {name}.pictures({widget.position})]")
    off = [np.abs(widget.picture(i).astype(int) - np.array(picture)).max() for i, picture in enumerate(expected)]
    return max(off) <= 2


def reached(lab, page, name, position):
    """Wait until Python's position is this one."""
    for _ in range(50):
        if lab.ask(f"{name}.position") == position:
            return True
        page.wait_for_timeout(100)
    return False


class Lab:
    """A running server with one notebook. ``open(page)`` opens and runs it; ``ask`` evaluates in its kernel."""

    def __init__(self, folder):
        self.folder, self.token, self.client = folder, secrets.token_hex(16), None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        # The kernel's client runs an event loop of its own, as Playwright does: each in its thread.
        self.thread = ThreadPoolExecutor(1)

    @contextlib.contextmanager
    def serving(self, notebook, **variables):
        """The server, while it runs, with this notebook; its environment has these ``variables`` besides."""
        root, settings = self.folder / "root", self.folder / "settings"
        root.mkdir()
        nbformat.write(notebook, root / "explorers.ipynb")
        for name, content in SETTINGS.items():
            file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content))
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            f"--ServerApp.root_dir={root}",
            f"--ServerApp.port={self.url.rpartition(':')[2]}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly",
        ]
        environment = os.environ | {name: str(self.folder / path) for name, path in own.items()} | variables
        with open(self.folder / "server.log", "wb") as log:
            server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            self._wait_for(server)
            yield self
        finally:
            if self.client:
                self.thread.submit(self.client.stop_channels).result()
            self.thread.shutdown()
            server.terminate()
            server.wait(timeout=30)

    def _wait_for(self, server, seconds=90):
        for _ in range(2 * seconds):
            assert server.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.url}/api/status?token={self.token}", timeout=5).close()
                return
            time.sleep(0.5)
        raise TimeoutError((self.folder / "server.log").read_text()[-2000:])

    def open(self, page):
        """Open the notebook, and start all its cells."""
        page.goto(f"{self.url}/lab/tree/explorers.ipynb?token={self.token}&reset", timeout=90_000)
        page.wait_for_function(NOT_RUNNING, timeout=90_000)
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def ask(self, expression):
        """What a Python expression (a literal, when printed) is in the notebook's kernel."""
        return self.thread.submit(self._ask, "", {"asked": expression}).result()

    def tell(self, code):
        """Run code in the notebook's kernel."""
        return self.thread.submit(self._ask, code, {"asked": "None"}).result()

    def _ask(self, code, expressions):
        from jupyter_client import BlockingKernelClient

        if self.client is None:
            (file,) = (self.folder / "runtime").glob("kernel-*.json")
            self.client = BlockingKernelClient(connection_file=str(file))
            self.client.load_connection_file()
            self.client.start_channels()
            self.client.wait_for_ready(timeout=180)
        reply = self.client.execute(code, user_expressions=expressions, reply=True, timeout=120)["content"]
        assert reply["status"] == "ok", reply
        answer = reply["user_expressions"]["asked"]
        assert answer["status"] == "ok", answer
        return ast.literal_eval(answer["data"]["text/plain"])
