"""Real TensorBoards for the tests, and what asks them.

Run as a program it starts a TensorBoard for each line on standard input, `[logdir, fast, *flags]`, and answers with
its address. It is a process of its own: TensorBoard's threads can't be stopped, and may take down the process they are
in when it ends.
"""

import json
import os
import sys
import threading
import urllib.error
import urllib.request


def wait_until(condition, tries=600):
    """Asks until the answer is truthy, and gives it."""
    pause = threading.Event()
    for _ in range(tries):
        answer = condition()
        if answer:
            return answer
        pause.wait(0.1)
    raise AssertionError(f"never true: {condition}")


class Server:
    """A real TensorBoard, asked over HTTP."""

    def __init__(self, url):
        self.url = url

    def request(self, path, body=None, method=None):
        """`(status, JSON or text)` of a route of the plugin."""
        url = f"{self.url}data/plugin/sparsity/{path}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method)) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else text.decode()

    def get(self, path):
        """The JSON that another plugin's route gives."""
        with urllib.request.urlopen(self.url + path) as answer:
            return json.loads(answer.read())

    def index(self, when=lambda runs: runs):
        """Runs by name, as soon as `when` holds for them."""

        def ask():
            runs = {run["run"]: run for run in self.request("index")[1]["runs"]}
            return runs if when(runs) else None

        return wait_until(ask)

    def series(self, *wanted, points=1000):
        return self.request("series", {"series": [{"run": r, "tag": t} for r, t in wanted], "points": points})[1]


def launch(logdir, fast, *flags):
    """Starts a TensorBoard in this process and gives its address."""
    from tensorboard import program

    tensorboard = program.TensorBoard()
    load = f"--load_fast={'true' if fast else 'false'}"
    tensorboard.configure(argv=["tensorboard", "--logdir", logdir, load, "--port=0", "--reload_interval=1", *flags])
    return tensorboard.launch()


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(launch(*json.loads(line))) + "\n")
        sys.stdout.flush()
    os._exit(0)
