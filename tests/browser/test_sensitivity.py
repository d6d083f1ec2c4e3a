"""The sensitivity of weights: what is suggested on the page is what `SensitivityReport.suggest` suggests."""

import csv
import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tb_sparsity.events.reports import write_report
from tb_sparsity.report.sensitivity import Curve, SensitivityReport
from tests.browser.logs import number, percent
from tests.browser.tab import Tab
from tests.browser.test_export import download
from tests.browser.test_looks import AXE, CROWDING, RULES, WIDTHS, first_missing, inside, violations, walk

pytestmark = pytest.mark.browser

VIEW = "&p.sparsity.view=sensitivity"
HOSTILE = "<img src=x onerror=window.pwned=1>\u202e\"'\\"


class Sensitivity:
    def __init__(self, tab, run):
        self.tab, self.frame, self.run = tab, tab.frame, run
        self.figure = tab.frame.locator('figure[data-chart="sensitivity"]')
        self.tolerance = tab.frame.get_by_label("Tolerance")
        self.sentence = tab.frame.locator(f'[data-sentence="{run}/sparsity"]')
        self.rows = tab.frame.locator("[data-report-row]")

    def cell(self, weight, column):
        return self.frame.locator(f'[data-report-row="{weight}"] [data-column="{column}"]')

    def readout(self, kind):
        return self.figure.locator(f'[data-readout="{kind}"]')

    def table(self, folder):
        """The table as it is saved: all its rows, also those that aren't on the screen."""
        name = f"CSV of Sensitivity of the weights of {self.run}"
        with download(self.tab, name, folder).open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def open_view(page, tensorboard):
    def open_it(logdir, run, link=""):
        server = tensorboard(logdir)
        server.index(lambda found: "sensitivity" in found.get(f"{run}/sparsity", {"reports": {}})["reports"])
        tab = Tab(page, server.url, VIEW + link)
        expect(tab.frame.locator(".sensitivity[data-arrived]")).to_be_visible(timeout=20_000)
        return Sensitivity(tab, run)

    return open_it


def suggested(curve, sparsity):
    return percent(sparsity) if sparsity else "dense"


@pytest.fixture(scope="session")
def many():
    """Sixty weights in two patterns, with values that aren't finite, ties, and an accuracy as float32."""
    rng = np.random.default_rng(0)
    targets = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    curves = []
    for i in range(60):
        for pattern, asked in (("element", targets), ("2:4", (0.5,))):
            accuracy = np.float32(0.9 - np.round(rng.uniform(-0.01, 0.03, len(asked)).cumsum(), 3))
            loss = rng.uniform(0.3, 0.4, len(asked)).cumsum()
            loss[rng.random(len(asked)) < 0.1] = np.nan
            metrics = {"accuracy": tuple(map(float, accuracy)), "loss": tuple(map(float, loss))}
            name = f"block_{i}/dense"
            curves.append(Curve(f"{name}/kernel", name, 1000 + i, pattern, asked, asked, metrics))
    return SensitivityReport(tuple(curves), {"accuracy": float(np.float32(0.9)), "loss": 0.4}, 1000)


@pytest.fixture(scope="session")
def crowd(tmp_path_factory, many):
    logdir = tmp_path_factory.mktemp("crowd")
    write_report(logdir / "many", "sensitivity", many.to_json())
    return logdir


def test_every_number_is_the_reports(open_view, reported):
    logdir, _, report = reported
    view = open_view(logdir, "pruned", "&p.sparsity.tolerance=2")
    known = report.suggest(0.02, pattern="element")
    baseline = report.baseline["accuracy"]
    curves = [curve for curve in report.curves if curve.pattern == "element"]
    assert view.rows.evaluate_all("all => all.map((row) => row.dataset.reportRow)") == [c.weight for c in curves]
    for curve in curves:
        values = curve.metrics["accuracy"]
        expect(view.cell(curve.weight, "suggested")).to_have_text(suggested(curve, known[curve.weight]))
        expect(view.cell(curve.weight, "size")).to_have_text(f"{curve.size:,}")
        worst, by = view.cell(curve.weight, "worst").inner_text().split("\u2009%")
        assert float(worst) == pytest.approx(100 * min(values), abs=0.006)
        assert number(by.strip()) == pytest.approx(100 * (min(values) - baseline), abs=0.006)
        expect(view.cell(curve.weight, "worst_at")).to_have_text(percent(curve.target[int(np.argmin(values))]))
    size = sum(curve.size for curve in curves)
    together = sum(curve.size * known[curve.weight] for curve in curves) / size
    expect(view.sentence).to_contain_text(f"together {percent(together)} of the weights could go")
    expect(view.sentence).to_contain_text("At a tolerance of 2 points")
    expect(view.figure).to_have_attribute("data-points", str(sum(len(curve.target) for curve in curves)))


def test_the_suggestion_is_pythons_whatever_is_asked(open_view, crowd, many, tmp_path):
    view = open_view(crowd, "many")
    expect(view.figure).to_have_attribute("data-points", "360")

    def is_pythons(tolerance, metric, pattern):
        rows = view.table(tmp_path)
        known = many.suggest(tolerance, metric, pattern)
        assert {row["weight"]: float(row["suggested"]) for row in rows} == known
        fragility = [float(row["fragility"] or "inf") for row in rows]
        assert fragility == sorted(fragility, reverse=True)

    for points in ("0", "0.5", "1", "2.5", "10"):
        view.tolerance.fill(points)
        expect(view.sentence).to_contain_text(re.compile(f"tolerance of {points} points?,"))
        is_pythons(float(points) / 100, "accuracy", "element")
    view.frame.get_by_label("Pattern").select_option("2:4")
    expect(view.figure).to_have_attribute("data-points", "60")
    is_pythons(0.1, "accuracy", "2:4")
    view.frame.get_by_label("Metric").select_option("loss")
    expect(view.sentence).to_contain_text("tolerance of 10\u2009%")
    is_pythons(0.4 * 10 / 100, "loss", "2:4")
    view.frame.get_by_label("Pattern").select_option("element")
    expect(view.tab.page).to_have_url(re.compile(r"p\.sparsity\.pattern=element"))
    is_pythons(0.4 * 10 / 100, "loss", "element")


def test_the_python_that_is_copied_has_the_targets_of_the_schedules(open_view, crowd, many):
    view = open_view(crowd, "many", "&p.sparsity.tolerance=1")
    view.tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = view.frame.get_by_role("button", name="Copy as Python")
    button.click()
    expect(view.frame.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    variables = {}
    exec(view.tab.page.evaluate("navigator.clipboard.readText()"), variables)
    schedules = many.schedules(0, 100, 0.01, pattern="element")
    assert variables["sparsity"] == {layer: schedule.final_sparsity for layer, schedule in schedules.items()}


def test_keys_and_rows_lead_along_the_curves(open_view, reported, tmp_path):
    logdir, _, report = reported
    view = open_view(logdir, "pruned")
    first, second = [curve for curve in report.curves if curve.pattern == "element"]
    view.figure.focus()
    for key, curve, i in (("Home", first, 0), ("ArrowRight", first, 1), ("ArrowDown", second, 1), ("End", second, -1)):
        view.tab.page.keyboard.press(key)
        expect(view.readout("weight")).to_have_text(curve.weight)
        expect(view.readout("asked")).to_have_text(percent(curve.target[i]))
        expect(view.readout("sparsity")).to_have_text(percent(curve.sparsity[i]))
        assert float(view.readout("metric").inner_text().split("\u2009")[0]) == pytest.approx(
            100 * curve.metrics["accuracy"][i], abs=0.006
        )
    expect(view.figure).to_have_attribute("aria-label", re.compile(f"{second.weight} at {percent(curve.sparsity[-1])}"))
    view.tab.page.keyboard.press("Escape")
    expect(view.readout("asked")).to_have_text("\u2013")
    assert download(view.tab, "PNG of accuracy against the sparsity of each weight", tmp_path).stat().st_size > 5_000
    view.cell(first.weight, "size").hover()
    expect(view.readout("weight")).to_have_text(first.weight)


def test_names_are_only_text(open_view, tmp_path):
    metrics = {HOSTILE: (0.5, 0.9), "__proto__": (0.5, 0.5)}  # its name has an "error" in it: lower is better
    curve = Curve(f"{HOSTILE}/kernel", HOSTILE, 4, HOSTILE, (0.5, 0.9), (0.5, 0.9), metrics)
    other = Curve("constructor/kernel", "constructor", 4, "__proto__", (0.5,), (0.5,), dict.fromkeys(metrics, (0.5,)))
    report = SensitivityReport((curve, other), dict.fromkeys(metrics, 0.5), 10)
    write_report(tmp_path / "run", "sensitivity", report.to_json())
    view = open_view(tmp_path, "run", "&p.sparsity.pattern=nothing&p.sparsity.tolerance=nothing")
    expect(view.sentence).to_contain_text(f"{HOSTILE}/kernel")
    view.frame.get_by_label("Metric").select_option("__proto__")
    view.frame.get_by_label("Pattern").select_option("__proto__")
    expect(view.rows).to_have_count(1)
    expect(view.rows).to_contain_text("constructor/kernel")


def test_a_report_without_weights_or_that_is_damaged_says_so(open_view, tmp_path):
    empty = {"format": 1, "lower_is_better": [], "curves": [], "baseline": {"accuracy": None}, "samples": 0}
    write_report(tmp_path / "run", "sensitivity", json.dumps(empty))
    write_report(tmp_path / "broken", "sensitivity", json.dumps(empty | {"curves": 3}))
    view = open_view(tmp_path, "run", "&p.sparsity.run=run%2Fsparsity")
    expect(view.sentence).to_contain_text("The report holds no weight.")
    view.frame.get_by_label("Run of the report").select_option("broken/sparsity")
    expect(view.frame.get_by_text("The report of broken can\u2019t be shown: it is damaged.")).to_be_visible()


def test_nothing_overlaps_and_nobody_is_shut_out(open_view, crowd):
    view = open_view(crowd, "many")
    for width in WIDTHS:
        view.tab.page.set_viewport_size({"width": width, "height": 900})
        expect(view.rows.first).to_be_visible()
        assert inside(view.tab).evaluate(CROWDING) == [], width
    order = ["^Sensitivity$", "^Metric$", "Pattern", "Tolerance", "^accuracy against", "Show only", "Copy as Python"]
    names = walk(view.tab)
    assert first_missing(names, *order, "^Weight$", "^at$") is None, "\n".join(names)
    if AXE.exists():
        assert violations(view.tab, *RULES) == []
        view.tab.choose_theme("Dark")
        expect(view.frame.locator("html")).to_have_attribute("data-theme", "dark")
        assert violations(view.tab, "color-contrast") == []
