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


HOSTILE = [
    "<img src=x onerror=window.pwned=1>",
    "<script>window.pwned=1<|script>",
    "🧠 ünï",
    "\u202eהיפוך של סדר",
    "a b'\"`${window.pwned=1}",
    "x" * 300,
]


def test_hostile_names_are_only_text(page, tensorboard, tmp_path):
    values = {TOTAL: 0.5}
    values |= {f"sparsity/{name}/kernel": 0.5 for name in HOSTILE}
    values |= {f"metrics/{name}": 0.5 for name in HOSTILE}
    for name in HOSTILE:
        path = tmp_path / name if len(name) < 200 else tmp_path / name[:150] / name[150:]
        schedule = tb_sparsity.ConstantSparsity(0.9, begin_step=1, frequency=1)
        logs.write(path, {f"{name}/kernel": 10 for name in HOSTILE}, [(1, values), (2, values)], schedule)
    tab = Tab(page, tensorboard(tmp_path).url).wait_until_drawn()

    def shown(locator):
        return sorted(locator.evaluate_all("all => all.map(one => one.textContent)"))

    runs = sorted(name if len(name) < 200 else f"{name[:150]}/{name[150:]}" for name in HOSTILE)
    weights = sorted(f"{name}/kernel" for name in HOSTILE)
    expect(tab.weights).to_have_count(len(HOSTILE))
    assert shown(tab.frame.get_by_role("navigation", name="Runs").locator(".cut-name")) == runs
    assert shown(tab.frame.get_by_role("navigation", name="Weights").locator(".cut-name")) == weights
    assert shown(tab.weights.locator(".title .cut-name")) == weights
    assert shown(tab.frame.locator("select option")) == sorted(HOSTILE)
    expect(tab.headline).to_contain_text("is 40.0 points below its schedule")
    for name in HOSTILE:
        tab.frame.get_by_label("Metric").select_option(name)
        expect(tab.metric).to_have_attribute("data-points", str(2 * len(HOSTILE)))
    # Nothing is pushed out of the window, and nothing became an element.
    assert tab.main.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.frame.locator("img, main script").count() == 0


def test_the_tab_works_under_a_path_prefix(page, tensorboard, drifting):
    server = tensorboard(drifting, "--path_prefix=/foo")
    tab = Tab(page, server.url)
    assert "/foo/" in tab.url
    tab.wait_until_drawn()
    expect(tab.total).to_have_attribute("data-points", "120")
    expect(tab.weights).to_have_count(2)
