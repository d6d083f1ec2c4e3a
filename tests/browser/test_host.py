"""The tab in its TensorBoard: themes, reloads, empty and hostile logs, either data server, a path prefix."""

import ast
import re

import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import TOTAL
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(page, tensorboard, drifting):
    return Tab(page, tensorboard(drifting).url).wait_until_drawn()


def test_the_tab_follows_tensorboards_dark_mode(tab):
    html = tab.frame.locator("html")
    expect(html).to_have_attribute("data-theme", "light")
    color = tab.color("drift/sparsity")
    assert min(tab.background()) > 240
    tab.choose_theme("Dark")
    expect(html).to_have_attribute("data-theme", "dark")
    assert max(tab.background()) < 80
    assert tab.color("drift/sparsity") != color
    tab.choose_theme("Light")
    expect(html).to_have_attribute("data-theme", "light")
    assert min(tab.background()) > 240
    assert tab.color("drift/sparsity") == color


def test_an_empty_log_directory_shows_code_that_is_python(page, tensorboard, tmp_path):
    tab = Tab(page, tensorboard(tmp_path).url)
    expect(tab.main).to_have_attribute("data-state", "empty")
    code = tab.main.locator("pre").inner_text()
    tree = ast.parse(code)
    names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "tb_sparsity"}
    assert names >= {"prune_low_magnitude", "UpdatePruningStep", "PruningSummaries"}
    assert names <= set(tb_sparsity.__all__)
    schedule = re.search(r"tb_sparsity\.PolynomialDecay\([^)]*\)", code).group()
    eval(schedule, {"tb_sparsity": tb_sparsity})


@pytest.mark.parametrize("fast", [True, False], ids=["rust", "python"])
def test_what_is_logged_later_comes_with_tensorboards_reload(page, tensorboard, tmp_path, fast):
    server = tensorboard(tmp_path, fast=fast)
    tab = Tab(page, server.url)
    expect(tab.main).to_have_attribute("data-state", "empty")

    logs.write(tmp_path / "new", {"a/kernel": 10}, [(1, {"sparsity/a/kernel": 0.1, TOTAL: 0.1})])
    server.index(lambda runs: "new/sparsity" in runs and runs["new/sparsity"]["last_step"] == 1)
    tab.reload_data()
    expect(tab.weight("a/kernel")).to_have_attribute("data-points", "1")

    points = [(step, {"sparsity/a/kernel": 0.1, TOTAL: 0.1}) for step in (1, 2, 3)]
    logs.write(tmp_path / "newer", {"a/kernel": 10}, points)
    server.index(lambda runs: "newer/sparsity" in runs and runs["newer/sparsity"]["last_step"] == 3)
    tab.reload_data()
    expect(tab.total).to_have_attribute("data-points", "4")


def test_runs_keep_their_colours_when_others_come(page, tensorboard, tmp_path):
    def add(*names):
        for name in names:
            logs.write(tmp_path / name, {"a/kernel": 10}, [(1, {"sparsity/a/kernel": 0.1, TOTAL: 0.1})])

    first, later = [f"m{i}" for i in range(4)], [f"a{i}" for i in range(6)]
    add(*first)
    server = tensorboard(tmp_path)
    server.index(lambda runs: len(runs) == 4)
    tab = Tab(page, server.url).wait_until_drawn()
    colors = [tab.color(f"{name}/sparsity") for name in first]
    assert len(set(colors)) == 4
    add(*later)
    server.index(lambda runs: len(runs) == 10)
    page.reload()
    expect(tab.frame.locator("[data-run-toggle]")).to_have_count(10)
    assert [tab.color(f"{name}/sparsity") for name in first] == colors


def test_the_tab_works_under_a_path_prefix(page, tensorboard, drifting):
    server = tensorboard(drifting, "--path_prefix=/foo")
    tab = Tab(page, server.url)
    assert "/foo/" in tab.url
    tab.wait_until_drawn()
    expect(tab.total).to_have_attribute("data-points", "120")
    expect(tab.weights).to_have_count(2)
