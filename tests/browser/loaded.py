"""TensorBoard reads a log bit by bit: what is counted on a page has to wait until it has read all of it."""

from tests.browser import logs


def wait_until_loaded(server, logdir):
    """Until the index has every run of a log directory with all its tags and its last step."""
    known = {f"{one.name}/sparsity": logs.read(one / "sparsity") for one in logdir.iterdir()}
    tags = {run: len(series) for run, series in known.items()}
    ends = {run: max(int(steps[-1]) for steps, _ in series.values()) for run, series in known.items()}

    def is_all_there(runs):
        return all(
            run in runs
            and sum(map(len, runs[run]["tags"].values())) == tags[run]
            and runs[run]["last_step"] == ends[run]
            for run in known
        )

    server.index(is_all_there)
    return server
