"""Firefox over WebDriver BiDi, which it speaks itself: as much of it as the tests need, over one websocket."""

import json
import shutil
import subprocess
import time
from pathlib import Path

from websocket import create_connection


class Firefox:
    """A Firefox of its own with one page, offline; leaves nothing behind when it is closed."""

    def __init__(self, executable: str, profile: Path, *, width: int = 1000, height: int = 900):
        profile.mkdir(parents=True)
        # No proxy answers there: nothing but files can be opened.
        offline = {"network.proxy.type": 1, "network.proxy.http": "127.0.0.1", "network.proxy.http_port": 9,
                   "network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": 9}  # fmt: skip
        lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in offline.items()]
        (profile / "user.js").write_text("\n".join(lines))
        command = [executable, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
        self.process = subprocess.Popen(
            [*command, f"--width={width}", f"--height={height}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        address = next(
            line.split()[-1] for line in self.process.stderr if line.startswith("WebDriver BiDi listening on ")
        )
        self.socket = create_connection(f"{address}/session", timeout=120, suppress_origin=True)
        self.count, self.events = 0, []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.context = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **params):
        """Send a command and return its result; events that come meanwhile are kept."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.count:
                assert answer["type"] == "success", answer
                return answer["result"]
            self.events.append(answer)

    def open(self, file: Path) -> None:
        self.send("browsingContext.navigate", context=self.context, url=file.resolve().as_uri(), wait="complete")

    def run(self, expression: str):
        """What a JavaScript expression says, by way of JSON."""
        answer = self.send(
            "script.evaluate",
            expression=f"JSON.stringify(({expression}) ?? null)",
            target={"context": self.context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def wait(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.1)

    def drag(self, places: list[tuple[float, float]]) -> None:
        """Press the mouse at the first place [px of the window], move along the others, and let go."""
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 40} for x, y in places]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self.send("input.performActions", context=self.context, actions=[mouse])

    def complaints(self) -> list[str]:
        """Errors on the console, and whatever was asked of a network."""
        said = []
        for event in self.events:
            params = event.get("params", {})
            if event.get("method") == "log.entryAdded" and params["level"] == "error":
                said.append(str(params.get("text")))
            elif event.get("method") == "network.beforeRequestSent":
                url = params["request"]["url"]
                said += [f"fetched {url}"] if url.startswith(("http:", "https:", "ws:", "wss:")) else []
        return said

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=30)


def firefox_here() -> str | None:
    """Path of a Firefox, or None."""
    return shutil.which("firefox-esr") or shutil.which("firefox")
