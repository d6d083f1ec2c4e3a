"""Runs, weights, layers, metrics and schedules may have any name: each is only text, in whatever place it stands."""

import csv
import json
import re
import unicodedata

import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import TOTAL
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser

FORMULAS = ["=cmd()", "+1", "@x", "-1+1"]
FILES = [
    "<img src=x onerror=window.pwned=1>",
    "<script>window.pwned=1<|script>",
    "a b'\"`${window.pwned=1}",
    *FORMULAS,
    "🧠" * 15 + "x",
    "\u202eהיפוך של סדר",
    "line\nbreak\tand tab " + "y" * 20 + "\nend",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
]
RUNS = [*FILES, "/".join(["r" * 200] * 5)]
# What no file can be called, a tag can.
NAMES = [*FILES, '<img src=x onerror="window.pwned=1"/>', "../../etc/passwd", "nul\0nul", "/both ends/", "x" * 10_000]
VIEWS = ["Overview", "Layers", "Heat map", "Trade-off", "Compare"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A log directory in which everything that has a name has one of these."""
    logdir = tmp_path_factory.mktemp("hostile")
    values = {TOTAL: 0.5} | {f"sparsity/{name}": 0.5 for name in NAMES} | {f"metrics/{name}": 0.5 for name in NAMES}
    schedule = tb_sparsity.ConstantSparsity(0.9, begin_step=1, frequency=1)

    def change(manifest):
        for name, weight in zip(NAMES, manifest.weights, strict=True):
            weight.layer = weight.layer_class = weight.dtype = name
        manifest.schedules[0].class_name = NAMES[0]
        manifest.schedules[0].config = json.dumps({name: name for name in NAMES})
        manifest.writer_version = manifest.keras_version = manifest.keras_backend = NAMES[0]

    for run in RUNS:
        logs.write(logdir / run, dict.fromkeys(NAMES, 10), [(1, values), (2, values)], schedule, change=change)
    return logdir


@pytest.fixture
def open_tab(tensorboard, hostile, page):
    def open_it(link=""):
        server = tensorboard(hostile)
        server.index(lambda runs: len(runs) == len(RUNS) and all(run["last_step"] == 2 for run in runs.values()))
        tab = Tab(page, server.url, link)
        expect(tab.main).to_have_attribute("data-state", "ready", timeout=20_000)
        return tab

    return open_it


def texts(locator):
    return sorted(locator.evaluate_all("all => all.map(one => one.textContent)"))


def on_one_line(names):
    return sorted(re.sub(r"\s", " ", name) for name in names)


def open_view(tab, view):
    tab.frame.get_by_role("tab", name=view).click()
    expect(tab.frame.locator(f'[aria-labelledby="tab-{tab_id(view)}"]')).to_be_visible()


def tab_id(view):
    return {"Heat map": "heat", "Trade-off": "tradeoff"}.get(view, view.lower())


def test_every_view_shows_them_as_text_and_keeps_its_shape(open_tab):
    tab = open_tab()
    shown = tab.frame.locator('[data-run-toggle][aria-pressed="true"]')
    expect(shown).to_have_count(8)
    for run in tab.frame.locator("[data-run-toggle]").all():
        if run.get_attribute("aria-pressed") == "false":
            run.click()
    expect(shown).to_have_count(len(RUNS))
    assert texts(tab.frame.get_by_role("navigation", name="Runs").locator(".cut-name")) == on_one_line(RUNS)
    for view in VIEWS:
        open_view(tab, view)
        check = CHECKS[view]
        check(tab)
        assert tab.main.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), view
        assert tab.frame.locator("img, main script, iframe, object").count() == 0
    heights = tab.frame.locator("nav .row").evaluate_all("rows => rows.map(row => row.scrollHeight)")
    assert max(heights) <= 28  # no name takes a second line


def check_overview(tab):
    expect(tab.weights).to_have_count(len(NAMES))
    assert texts(tab.frame.get_by_role("navigation", name="Weights").locator(".cut-name")) == on_one_line(NAMES)
    assert sorted(weight.get_attribute("data-weight") for weight in tab.weights.all()) == sorted(NAMES)
    for weight in tab.weights.all():
        name = weight.get_attribute("data-weight")
        weight.scroll_into_view_if_needed()
        title = weight.locator(".title .name")
        expect(title).to_have_attribute("title", name)
        assert texts(title) == on_one_line([name])
    tab.metric.scroll_into_view_if_needed()
    assert texts(tab.frame.get_by_label("Metric").locator("option")) == sorted(NAMES)
    expect(tab.headline).to_contain_text("is 40.0 points below its schedule")
    ink = tab.main.evaluate("main => getComputedStyle(main).color")
    colors = tab.frame.locator("nav .swatch").evaluate_all("all => all.map(one => getComputedStyle(one).color)")
    assert ink not in colors  # each run has one of its own
    parts = tab.frame.locator(".cut-name > span")
    assert parts.evaluate_all("all => all.every(one => one.textContent.isWellFormed())")
    assert tab.headline.evaluate("headline => headline.offsetHeight") < 900
    for name in NAMES:
        tab.frame.get_by_label("Metric").select_option(name)
        expect(tab.metric).to_have_attribute("data-points", str(2 * len(RUNS)))


def check_layers(tab):
    rows = tab.frame.locator("tr[data-row]")
    expect(rows).to_have_count(len(NAMES))
    assert texts(rows.locator("th .cut-name")) == on_one_line(NAMES)
    assert texts(rows.locator("td:nth-child(2)")) == sorted(NAMES)
    heights = rows.evaluate_all("rows => rows.map(row => row.offsetHeight)")
    assert set(heights) == {32}  # the table's window counts on it
    widths = tab.frame.locator(".layers table").evaluate("table => [table.offsetWidth, table.parentNode.offsetWidth]")
    assert widths[0] < 2 * widths[1]
    assert texts(tab.frame.get_by_label("Run of the table").locator("option")) == sorted(RUNS)
    for i in (0, len(NAMES) - 1):
        rows.nth(i).locator("button").click()
        expect(tab.weights).to_have_attribute("data-points", str(2 * len(RUNS)))


def check_heat(tab):
    figure = tab.frame.locator('figure[data-chart="heat"]')
    expect(figure).to_have_attribute("data-points", str(2 * len(NAMES)), timeout=20_000)
    buttons = figure.locator(".heat-names button")
    assert texts(buttons) == on_one_line(NAMES)
    assert sorted(buttons.evaluate_all("all => all.map(one => one.title)")) == sorted(NAMES)
    tab.frame.get_by_role("button", name="Difference to schedule").click()
    expect(figure.locator(".heat-readout")).to_contain_text("Furthest from its schedule")
    figure.focus()
    for _ in NAMES:
        tab.page.keyboard.press("ArrowDown")
        name = tab.readout(figure, "weight")
        title = name.get_attribute("title")
        assert title in NAMES
        assert [name.text_content()] == on_one_line([title])
        assert figure.locator(".heat-readout").evaluate("one => one.offsetHeight") == 28


def check_tradeoff(tab):
    figure = tab.frame.locator('figure[data-chart="tradeoff"]')
    for name in (NAMES[0], "__proto__", "constructor", NAMES[-1]):
        tab.frame.get_by_label("Metric").select_option(name)
        expect(figure).to_have_attribute("data-points", str(2 * len(RUNS)), timeout=20_000)
        expect(figure.locator("[data-final]")).to_have_count(len(RUNS))
        expect(figure.locator('[data-final="__proto__/sparsity"] .value').first).to_have_text(logs.percent(0.5))
        assert figure.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert texts(figure.locator("[data-final] .cut-name")) == on_one_line(RUNS)
    figure.focus()
    for _ in RUNS:
        tab.page.keyboard.press("ArrowDown")
        assert figure.locator('[data-readout="run"]').get_attribute("title") in RUNS


def check_compare(tab):
    rows = tab.frame.locator("tr[data-compare]")
    for base in ("__proto__/sparsity", f"{RUNS[0]}/sparsity"):
        tab.frame.get_by_label("Baseline").select_option(base)
        expect(rows).to_have_count(len(RUNS))
        expect(tab.frame.get_by_text("reading the log")).to_have_count(0)
    assert texts(rows.locator("th .cut-name")) == on_one_line(RUNS)
    heads = tab.frame.locator(".compare thead th").evaluate_all("all => all.map(one => one.textContent.trim())")
    assert set(heads) >= {name.strip() for name in NAMES}
    expect(rows.get_by_text("…", exact=True)).to_have_count(0)
    for name in ("__proto__", "constructor", "hasOwnProperty"):
        place = heads.index(name)
        for i in range(len(RUNS)):
            assert rows.nth(i).locator("th, td").nth(place).inner_text().strip().startswith("0.5")
    widths = tab.frame.locator(".compare thead th").evaluate_all("all => all.map(one => one.offsetWidth)")
    assert max(widths) <= 400


CHECKS = dict(zip(VIEWS, [check_overview, check_layers, check_heat, check_tradeoff, check_compare], strict=True))


@pytest.mark.parametrize("metric", ["=cmd()", '<img src=x onerror="window.pwned=1"/>', "x" * 10_000, "nul\0nul"])
def test_what_is_taken_out_has_the_names_as_text(open_tab, tmp_path, metric):
    tab = open_tab()
    tab.frame.get_by_label("Metric").select_option(metric)
    tab.metric.scroll_into_view_if_needed()
    expect(tab.metric).to_have_attribute("data-points", "16")
    with tab.page.expect_download() as table:
        tab.metric.get_by_role("button", name="CSV").click()
    assert set(table.value.suggested_filename) & set('<>:"/\\|?*\n\0=') == set()
    assert len(table.value.suggested_filename) < 100
    path = tmp_path / "table.csv"
    table.value.save_as(path)
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert len(head) == 9
    assert [row[0] for row in rows] == ["1", "2"]
    for cell in head:
        assert cell[0] not in "=+-@\t\r\n"
        assert cell == "step" or cell.removeprefix("'") in RUNS
    picture = tmp_path / "picture.png"
    with tab.page.expect_download() as download:
        tab.metric.get_by_role("button", name="PNG").click()
    download.value.save_as(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


LINKED = [
    "__proto__",
    "constructor",
    "nul\0nul",
    "/both ends/",
    "../../etc/passwd",
    "+1",
    FILES[9],
    *FILES[-2:],
    NAMES[-1],
]


def test_a_link_gives_back_every_name(open_tab, browser):
    tab = open_tab("&p.sparsity.view=layers")
    toggles = tab.frame.locator("[data-run-toggle]")
    rows = tab.frame.locator("tr[data-row]")
    expect(rows).to_have_count(len(NAMES))
    runs = toggles.evaluate_all("all => all.map(one => one.dataset.runToggle)")
    for i, name in enumerate(LINKED):
        run = f"{FILES[-1 - i]}/sparsity"
        toggles.nth(runs.index(run)).dblclick()
        expect(tab.frame.get_by_label("Run of the table")).to_have_value(run)
        at = rows.evaluate_all("all => all.map(one => one.dataset.row)").index(name)
        rows.nth(at).locator("button").click()
        expect(tab.weights).to_have_attribute("data-points", "2")

        context = browser.new_context()
        other = Tab(context.new_page(), tab.page.url.split("#")[0], tab.page.url.split("#sparsity")[1])
        expect(other.weights).to_have_attribute("data-points", "2", timeout=20_000)
        assert other.weights.get_attribute("data-weight") == name
        expect(other.frame.locator('[data-run-toggle][aria-pressed="true"]')).to_have_count(1)
        expect(other.frame.get_by_label("Run of the table")).to_have_value(run)
        context.close()
        rows.nth(at).locator("button").click()
