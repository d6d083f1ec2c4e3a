"""Many read at once what a training writes: no error, no wrong number, nothing lost, no mixture of sessions."""

import os

from tests.plugin.load import read_while_written

ROUNDS = int(os.environ.get("READER_ROUNDS", "8"))  # of each of the readers; benchmarks/readers.py goes on for a minute


def test_fifty_readers_of_a_training_that_is_resumed(serve, tmp_path):
    server = serve(tmp_path)
    # Written until the readers are three quarters through, so that they see its end as well.
    read_while_written(server, tmp_path, lambda: (4 / 3 * (i + 1) / ROUNDS for i in range(ROUNDS)))
