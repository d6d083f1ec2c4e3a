"""The wheel, installed into a virtual environment that knows nothing of the checkout, serves the tab."""

import json
import os
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile

import pytest

import tb_sparsity
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, cwd=folder)
    (found,) = folder.glob("tb_sparsity-*.whl")
    return found


def test_it_holds_the_page_the_types_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "py.typed",
        "plugin/static/index.js",
        "plugin/static/THIRD_PARTY_LICENSES.txt",
        "events/manifest.proto",
    ):
        assert f"tb_sparsity/{name}" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"tb_sparsity"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_installed_alone_it_serves_the_tab(wheel, tmp_path):
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
    # The dependencies come from the environment of the tests; its own link to the checkout doesn't come along.
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    where = subprocess.run(
        [str(python), "-c", "import tb_sparsity; print(tb_sparsity.__file__)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    ).stdout
    assert str(environment) in where

    told = subprocess.run([str(environment / "bin" / "tb-sparsity"), "--version"], check=True, capture_output=True)
    assert told.stdout.decode() == f"tb-sparsity {tb_sparsity.__version__}\n"

    (tmp_path / "logs").mkdir()
    command = [str(python), "-m", "tensorboard.main", "--logdir", "logs", "--port", "0", "--host", "localhost"]
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=clean) as server:
        try:
            line = next(text for text in server.stderr if "http://" in text)
            url = "http://" + line.split("http://")[1].split()[0]
            listing = json.loads(urllib.request.urlopen(f"{url}data/plugins_listing").read())
            assert listing["sparsity"]["loading_mechanism"]["module_path"].endswith("/static/index.js")
            page = urllib.request.urlopen(f"{url}data/plugin/sparsity/static/index.js").read()
            assert page == (ROOT / "tb_sparsity" / "plugin" / "static" / "index.js").read_bytes()
            assert json.loads(urllib.request.urlopen(f"{url}data/plugin/sparsity/index").read()) == {"runs": []}
        finally:
            server.terminate()
