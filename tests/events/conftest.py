import os
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def logdir():
    """One log directory for the runs that something happens to, which any user may look at."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture(scope="session")
def servers(logdir, tensorboard):
    """Both of TensorBoard's data servers, which look at that directory all the time."""
    return [tensorboard(logdir, fast=fast) for fast in (True, False)]
