"""The package as a whole: what an import costs, what is public, and which room may know which."""

import ast
import doctest
import importlib
import re
import subprocess
import sys

import pytest

import tb_sparsity
from tests.conftest import ROOT

PACKAGE = ROOT / "tb_sparsity"


def test_importing_the_package_or_the_loader_loads_no_framework():
    script = (
        "import sys, tb_sparsity\n"
        "heavy = lambda *names: [n for n in names if n in sys.modules]\n"
        "assert not heavy('tensorflow', 'keras', 'tensorboard', 'numpy'), heavy('tensorflow', 'keras')\n"
        "import tb_sparsity.plugin.loader\n"
        "assert not heavy('tensorflow', 'keras', 'numpy', 'tb_sparsity.plugin.plugin')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd="/")


def test_every_public_name_resolves_and_nothing_else_does():
    assert sorted(tb_sparsity.__all__) == sorted(tb_sparsity._HOME)
    for name in tb_sparsity.__all__:
        assert getattr(tb_sparsity, name).__name__ == name
        assert name in dir(tb_sparsity)
    with pytest.raises(AttributeError, match="no attribute 'prune'"):
        _ = tb_sparsity.prune


def test_the_drop_in_has_tfmots_names():
    from tb_sparsity import tfmot
    from tb_sparsity.tfmot.sparsity import keras as sparsity

    assert tfmot.sparsity.keras is sparsity
    for name in set(sparsity.__all__) - {"prune_scope"}:
        assert getattr(sparsity, name) is getattr(tb_sparsity, name)


# schedules <- pruning <- callbacks -> measure -> events <- plugin; of report and cli they know nothing
FORBIDDEN = {
    "schedules/": {
        "keras",
        "tensorflow",
        "tensorboard",
        "tb_sparsity.pruning",
        "tb_sparsity.events",
        "tb_sparsity.report",
        "tb_sparsity.cli",
    },
    "pruning/": {
        "tensorflow",
        "tensorboard",
        "tb_sparsity.events",
        "tb_sparsity.callbacks",
        "tb_sparsity.measure",
        "tb_sparsity.report",
        "tb_sparsity.cli",
    },
    "measure.py": {
        "tensorboard",
        "tb_sparsity.callbacks",
        "tb_sparsity.plugin",
        "tb_sparsity.report",
        "tb_sparsity.cli",
    },
    "events/": {
        "keras",
        "tensorflow",
        "tb_sparsity.pruning",
        "tb_sparsity.callbacks",
        "tb_sparsity.schedules",
        "tb_sparsity.report",
        "tb_sparsity.cli",
    },
    "plugin/": {
        "keras",
        "tensorflow",
        "tb_sparsity.pruning",
        "tb_sparsity.callbacks",
        "tb_sparsity.measure",
        "tb_sparsity.report",
        "tb_sparsity.cli",
    },
    "callbacks/summaries.py": {"keras", "tf_keras", "tensorflow", "tb_sparsity.pruning", "tb_sparsity.measure"},
    "legacy.py": {"keras", "tensorboard", "tb_sparsity.pruning", "tb_sparsity.measure", "tb_sparsity.schedules"},
    "callbacks/": {
        "tensorflow",
        "tb_sparsity.plugin",
        "tb_sparsity.events.reader",
        "tb_sparsity.report",
        "tb_sparsity.cli",
    },
    "report/": {"tb_sparsity.cli", "tb_sparsity.plugin"},
    "charts.py": {"keras", "tensorflow", "tensorboard", "tb_sparsity.schedules", "tb_sparsity.report"},
    "tables.py": {"keras", "tensorflow", "tensorboard", "tb_sparsity"},
}
# schedules are handed tensors whose framework is loaded already, and serialised by Keras's own rules;
# masks are counted by the backend's own sum, in bytes, where TensorFlow is the backend
ALLOWED = {("schedules/", "keras"), ("pruning/", "tensorflow")}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_room_knows_a_room_behind_it(room):
    files = list((PACKAGE / room).glob("*.py")) if room.endswith("/") else [PACKAGE / room]
    assert files
    for file in files:
        for name in imported(file):
            for forbidden in FORBIDDEN[room]:
                is_it = name == forbidden or name.startswith(forbidden + ".")
                assert not is_it or (room, name) in ALLOWED, f"{file.name} imports {name}"


@pytest.mark.parametrize(
    "module",
    [
        "schedules.base",
        "schedules.composed",
        "schedules.shapes",
        "schedules.preview",
        "pruning.masks",
        "events.logs",
        "events.histogram",
        "events.manifest",
        "events.names",
        "events.records",
        "events.writer",
        "measure",
        "report.inspection",
    ],
)
def test_doctests_hold(module):
    module = importlib.import_module(f"tb_sparsity.{module}")
    assert doctest.testmod(module).failed == 0


def test_page_and_python_use_the_same_names():
    from tensorboard.plugins import base_plugin

    from tb_sparsity.events import names
    from tb_sparsity.plugin import plugin

    source = (ROOT / "frontend" / "src" / "names.ts").read_text()
    block = re.search(r"TAG_PREFIXES = \{(.*?)\}", source, re.DOTALL)[1]
    assert dict(re.findall(r'(\w+):\s*"([^"]+)"', block)) == names.TAG_PREFIXES
    for name in (names.TOTAL_PRUNED, names.TOTAL_MODEL):
        assert f'{name}: "{names.tag("sparsity_total", name)}"' in source
    routes = re.search(r"ROUTES = \{(.*?)\}", source)[1]
    served = plugin.SparsityPlugin(base_plugin.TBContext()).get_plugin_apps()
    assert {f"/{route}" for route in re.findall(r': "(\w+)"', routes)} == {r for r in served if "static" not in r}
    assert f"seriesPerRequest: {plugin.MAX_SERIES}" in source
    assert f"pointsPerSeries: {plugin.DEFAULT_POINTS}" in source
