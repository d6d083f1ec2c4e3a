"""Starts a TensorBoard for each line on standard input, `[logdir, fast, *flags]`, and answers with its address.

In a process of its own: TensorBoard's threads can't be stopped, and may take down the process they are in when it
ends.
"""

import json
import os
import sys

from tests.conftest import Server

if __name__ == "__main__":
    for line in sys.stdin:
        logdir, fast, *flags = json.loads(line)
        sys.stdout.write(json.dumps(Server(logdir, fast, *flags).url) + "\n")
        sys.stdout.flush()
    os._exit(0)
