"""Runs beside a baseline, held against NumPy and the event files."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import TOTAL, number, percent

pytestmark = pytest.mark.browser

VIEW = "&p.sparsity.view=compare"


class Comparison:
    def __init__(self, tab):
        self.tab, self.frame = tab, tab.frame
        self.figure = tab.frame.locator('figure[data-chart="difference"]')
        self.baseline = tab.frame.get_by_label("Baseline")
        self.rows = tab.frame.locator("tr[data-compare]")
        self.weights = tab.frame.locator("[data-weight-difference]")

    def row(self, run):
        return self.frame.locator(f'tr[data-compare="{run}/sparsity"]')

    def cell(self, run, column, part="value"):
        return self.row(run).locator(f'[data-column="{column}"] [data-{part}]')

    def has_arrived(self):
        expect(self.frame.get_by_text("reading the log")).to_have_count(0)
        expect(self.rows.get_by_text("…", exact=True)).to_have_count(0)

    def order(self):
        return [run.split("/")[0] for run in self.rows.evaluate_all("rows => rows.map(row => row.dataset.compare)")]


@pytest.fixture
def open_view(open_tab):
    return lambda logdir, link="", **kwargs: Comparison(open_tab(logdir, VIEW + link, **kwargs))


BASELINE = "&p.sparsity.baseline=constant%2Fsparsity"


@pytest.mark.parametrize("fast", [True, False], ids=["rust", "python"])
def test_the_table_says_what_the_files_say(open_view, trained, fast):
    view = open_view(trained, fast=fast)
    expect(view.frame.get_by_text("Choose the run that the others are held against.")).to_be_visible()
    view.baseline.select_option("constant/sparsity")
    view.has_arrived()
    files = {run: logs.read(trained / run / "sparsity") for run in ("polynomial", "constant")}
    last = {run: {tag: logs.at(points, logs.STEPS) for tag, points in tags.items()} for run, tags in files.items()}
    assert view.order() == ["constant", "polynomial"]
    heads = [head.strip() for head in view.frame.locator(".compare thead th").all_inner_texts()]
    metrics = ["val_accuracy", "val_loss", "accuracy", "learning_rate", "loss"]
    assert heads == ["Run", "Sparsity", "Target", *metrics, "Last step", "Status"]
    for run, values in last.items():
        expect(view.cell(run, "sparsity")).to_have_text(percent(values[TOTAL]))
        expect(view.cell(run, "step")).to_have_text(str(logs.STEPS))
        for metric, scale in (("val_accuracy", 100), ("accuracy", 100), ("val_loss", 1), ("loss", 1)):
            value = values[f"metrics/{metric}"] * scale
            assert number(view.cell(run, metric).inner_text()) == pytest.approx(value, rel=1e-3)
    for column, tag, scale in (
        ("sparsity", TOTAL, 100),
        ("val_accuracy", "metrics/val_accuracy", 100),
        ("loss", "metrics/loss", 1),
    ):
        difference = scale * (last["polynomial"][tag] - last["constant"][tag])
        assert number(view.cell("polynomial", column, "difference").inner_text()) == pytest.approx(
            difference, abs=0.051
        )
        expect(view.cell("constant", column, "difference")).to_have_count(0)
    expect(view.row("constant")).to_contain_text("baseline")
    expect(view.row("polynomial")).to_contain_text("done")


def test_the_chart_shows_the_difference_at_the_same_step(open_view, trained):
    view = open_view(trained, f"{BASELINE}&p.sparsity.metric=loss")
    expect(view.figure).to_have_attribute("data-points", str(2 * logs.STEPS), timeout=20_000)
    loss = {run: logs.read(trained / run / "sparsity")["metrics/loss"] for run in ("polynomial", "constant")}
    view.figure.focus()
    for key, step in (("Home", 1), ("ArrowRight", 2), ("End", logs.STEPS), ("ArrowLeft", logs.STEPS - 1)):
        view.tab.page.keyboard.press(key)
        expect(view.tab.readout(view.figure, "step")).to_have_text(str(step))
        said = view.tab.said(view.figure, "measured", "polynomial/sparsity")
        assert said == pytest.approx(logs.at(loss["polynomial"], step) - logs.at(loss["constant"], step), abs=1e-4)


def test_weights_are_listed_by_their_difference(open_view, tmp_path):
    sizes = {f"block_{i:02}/kernel": 100 for i in range(30)}
    rng = np.random.default_rng(0)
    runs = {run: dict(zip(sizes, rng.uniform(size=30).round(3), strict=True)) for run in ("one", "two")}
    for run, sparsities in runs.items():
        logs.write(tmp_path / run, sizes, [(1, {f"sparsity/{name}": value for name, value in sparsities.items()})])
    view = open_view(tmp_path, "&p.sparsity.baseline=one%2Fsparsity")
    differences = {name: runs["two"][name] - runs["one"][name] for name in sizes}
    largest = sorted(differences, key=lambda name: -abs(differences[name]))[:20]
    expect(view.weights).to_have_count(20)
    assert view.weights.evaluate_all("all => all.map(one => one.dataset.weightDifference)") == largest
    for item, name in zip(view.weights.locator("[data-difference]").all_inner_texts(), largest, strict=True):
        assert number(item) == pytest.approx(100 * differences[name], abs=0.051)
    expect(view.frame.get_by_text("the 20 largest of")).to_be_visible()


def test_rows_are_sorted_by_any_column(open_view, tmp_path):
    for run, sparsity, loss in (("a", 0.5, 3.0), ("b", 0.9, 1.0), ("c", 0.7, 2.0)):
        logs.write(
            tmp_path / run,
            {"x/kernel": 10},
            [(1, {TOTAL: sparsity, "sparsity/x/kernel": sparsity, "metrics/loss": loss})],
        )
    view = open_view(tmp_path, "&p.sparsity.baseline=c%2Fsparsity")
    view.has_arrived()
    expect(view.cell("b", "loss", "difference")).to_have_text("\u22121")
    assert view.order() == ["c", "a", "b"]
    for column, order in (("Sparsity", "bca"), ("Sparsity", "acb"), ("loss", "acb"), ("Run", "abc")):
        head = view.frame.get_by_role("columnheader", name=column, exact=True)
        view.frame.locator("thead").get_by_role("button", name=column, exact=True).click()
        expect(view.rows.first).to_have_attribute("data-compare", f"{order[0]}/sparsity")
        assert "".join(view.order()) == order
        expect(head).not_to_have_attribute("aria-sort", "none")


def test_what_cannot_be_compared_is_said(open_view, tmp_path):
    hostile = "<img src=x onerror=window.pwned=1>"
    nan = float("nan")
    weights = {"x/kernel": 10}
    logs.write(
        tmp_path / hostile,
        weights,
        [(s, {"sparsity/x/kernel": 0.5, "metrics/loss": v}) for s, v in ((1, 0.5), (2, nan))],
    )
    logs.write(tmp_path / "other", {"y/kernel": 10}, [(2, {"sparsity/y/kernel": 0.5, "metrics/mae": 0.5})])
    view = open_view(tmp_path, "&p.sparsity.baseline=other%2Fsparsity&p.sparsity.metric=loss")
    expect(view.frame.get_by_text("The baseline does not log loss")).to_be_visible()
    expect(view.row(hostile)).to_contain_text("not finite after step 1")
    expect(view.row(hostile)).to_contain_text(hostile)
    expect(view.frame.get_by_text("the runs have none in common")).to_be_visible()
    view.baseline.select_option("")
    view.tab.run("other/sparsity").click()
    expect(view.frame.get_by_text("There is only one run to compare")).to_be_visible()
    view.tab.run(f"{hostile}/sparsity").click()
    expect(view.frame.locator(".headline")).to_have_text("Choose a run on the left.")


def test_a_link_gives_back_the_baseline(open_view, trained):
    view = open_view(trained, BASELINE)
    expect(view.baseline).to_have_value("constant/sparsity")
    expect(view.figure).to_be_visible()
    # the baseline stays one while its run is switched off
    view.tab.run("constant/sparsity").click()
    expect(view.row("constant")).to_contain_text("baseline")
    view.baseline.select_option("polynomial/sparsity")
    expect(view.tab.page).to_have_url(re.compile(r"p\.sparsity\.baseline=polynomial%2Fsparsity(&|$)"))
    gone = open_view(trained, "&p.sparsity.baseline=gone")
    expect(gone.baseline).to_have_value("")


def test_a_run_beside_a_dense_one(open_view, tmp_path):
    schedule = tb_sparsity.ConstantSparsity(0.5, 10, frequency=10)
    logs.write(
        tmp_path / "dense",
        {"x/kernel": 10},
        [(s, {"sparsity/x/kernel": 0.0, "metrics/accuracy": 0.9}) for s in (10, 20)],
    )
    points = [(s, {"sparsity/x/kernel": 0.5, TOTAL: 0.5, "metrics/accuracy": 0.875}) for s in (10, 20, 30)]
    logs.write(tmp_path / "half", {"x/kernel": 10}, points, schedule, total_steps=30)
    view = open_view(tmp_path, "&p.sparsity.baseline=dense%2Fsparsity")
    sentence = view.frame.locator('[data-sentence="half/sparsity"]')
    expect(sentence).to_have_text("half: 50.0 points sparser, and accuracy worse by 2.50 points (87.50\u2009%).")
    expect(view.cell("dense", "sparsity")).to_have_text(percent(0))
    expect(view.cell("half", "sparsity", "difference")).to_have_text("+50.0")
    expect(view.cell("half", "step", "difference")).to_have_text("+10")
    expect(view.row("dense")).to_contain_text("not pruned")
    # beyond its end the baseline stays as it was, and the page says so
    expect(view.frame.get_by_text("from step 20 on, minus the baseline’s last value")).to_be_visible()
