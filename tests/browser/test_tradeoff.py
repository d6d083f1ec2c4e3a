"""The trade-off between sparsity and a metric, held against NumPy and the event files."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import TOTAL, number, percent

pytestmark = pytest.mark.browser

VIEW = "&p.sparsity.view=tradeoff"
WEIGHTS = {"conv/kernel": 1000, "dense/kernel": 3000}


class TradeOff:
    def __init__(self, tab):
        self.tab, self.frame = tab, tab.frame
        self.figure = tab.frame.locator('figure[data-chart="tradeoff"]')
        self.tolerance = tab.frame.get_by_label("Tolerance")
        self.area = self.figure.locator(".xy-area")
        self.front = tab.frame.locator("[data-front]")

    def sentence(self, run):
        return self.frame.locator(f'[data-sentence="{run}/sparsity"]')

    def readout(self, kind):
        return self.figure.locator(f'[data-readout="{kind}"]')

    def final(self, run):
        values = self.figure.locator(f'[data-final="{run}/sparsity"] .value').all_inner_texts()
        return [number(value) for value in values]

    def has_drawn(self, points):
        expect(self.figure).to_have_attribute("data-points", str(points), timeout=20_000)


@pytest.fixture
def open_view(open_tab):
    return lambda logdir, link="", **kwargs: TradeOff(open_tab(logdir, VIEW + link, **kwargs))


@pytest.fixture(scope="session")
def breaking(tmp_path_factory):
    """A run that loses its accuracy above 60 % sparsity, after step 600, and one that never does.

    The breaking run is sparser by one point for every ten steps.
    """
    logdir = tmp_path_factory.mktemp("breaking")
    schedule = tb_sparsity.PolynomialDecay(0.0, 0.9, begin_step=0, end_step=900, power=1, frequency=10)
    points, steady = [], []
    for step in range(10, 901, 10):
        accuracy = 0.96 - (0.004 if step <= 600 else 0.02 + (step - 600) / 2000) * (step > 100)
        points.append((step, {TOTAL: step / 1000, "metrics/val_accuracy": accuracy, "metrics/loss": 1 - accuracy}))
        steady.append((step, {TOTAL: step / 2000, "metrics/val_accuracy": 0.95, "metrics/loss": 0.05}))
    logs.write(logdir / "breaks", WEIGHTS, points, schedule, total_steps=900)
    logs.write(logdir / "steady", WEIGHTS, steady, schedule, total_steps=900)
    return logdir


def joined(run_dir, metric):
    """`steps, sparsities, values` of a run where its metric is finite."""
    files = logs.read(run_dir)
    steps, values = files[f"metrics/{metric}"]
    sparsities = np.array([logs.at(files[TOTAL], step) for step in steps])
    return steps, sparsities, values


@pytest.mark.parametrize(("metric", "fast"), [("val_accuracy", True), ("accuracy", True), ("accuracy", False)])
def test_sentences_and_ends_say_what_the_files_say(open_view, trained, metric, fast):
    view = open_view(trained, f"&p.sparsity.metric={metric}", fast=fast)
    known = {run: joined(trained / run / "sparsity", metric) for run in ("polynomial", "constant")}
    view.has_drawn(sum(len(steps) for steps, _, _ in known.values()))
    for run, (steps, sparsities, values) in known.items():
        best = values.max()
        last = np.flatnonzero(values >= best - 0.005 - 1e-6)[-1]
        sentence = view.sentence(run)
        expect(sentence).to_contain_text(f"{100 * best:.2f}\u2009%")
        expect(sentence).to_contain_text(f"step {steps[last]}")
        if sparsities[last] > 0:
            expect(sentence).to_contain_text(percent(sparsities[last]))
        if last < len(steps) - 1:
            expect(sentence).to_contain_text(f"it ended {100 * (best - values[-1]):.2f} points below")
        assert view.final(run) == pytest.approx([100 * sparsities[-1], 100 * values[-1]], abs=0.051)


def test_the_readout_follows_the_keys_along_a_run(open_view, trained):
    view = open_view(trained, "&p.sparsity.metric=loss&p.sparsity.runs=polynomial%2Fsparsity")
    steps, sparsities, values = joined(trained / "polynomial" / "sparsity", "loss")
    view.has_drawn(len(steps))
    view.figure.focus()
    for keys, i in ((["End"], -1), (["ArrowLeft"], -2), (["Home"], 0), (["ArrowRight"] * 40, 40)):
        for key in keys:
            view.tab.page.keyboard.press(key)
        expect(view.readout("step")).to_have_text(str(steps[i]))
        expect(view.readout("run")).to_have_text("polynomial")
        expect(view.readout("sparsity")).to_have_text(percent(sparsities[i]))
        assert number(view.readout("metric").inner_text()) == pytest.approx(values[i], rel=1e-3)
        reached = values[sparsities >= sparsities[i]].min()
        assert number(view.readout("envelope").inner_text()) == pytest.approx(reached, rel=1e-3)
        assert number(view.readout("to-best").inner_text()) == pytest.approx(values[i] - values.min(), rel=2e-3)
    expect(view.figure).to_have_attribute("aria-label", re.compile(f"polynomial at step {steps[40]}: sparsity"))
    view.tab.page.keyboard.press("Escape")
    expect(view.readout("step")).to_have_text("\u2013")


def test_the_pointer_finds_the_nearest_point(open_view, breaking):
    view = open_view(breaking)
    view.has_drawn(180)
    box = view.area.bounding_box()
    view.tab.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 1)
    expect(view.readout("run")).to_have_text("breaks")
    expect(view.readout("sparsity")).to_have_text(percent(0.3))
    expect(view.readout("step")).to_have_text("300")
    expect(view.readout("metric")).to_have_text("95.60\u2009%")
    view.tab.leave()
    expect(view.readout("step")).to_have_text("\u2013")


def test_the_tolerance_decides_where_the_metric_broke(open_view, breaking):
    view = open_view(breaking)
    broken = view.sentence("breaks")
    expect(broken).to_contain_text("val_accuracy stayed within 0.5 points of its best 96.00\u2009%")
    expect(broken).to_contain_text(f"up to {percent(0.6)} sparsity (step 600)")
    expect(broken).to_contain_text(f"it ended 17.00 points below, at {percent(0.9)}")
    view.tolerance.fill("0.1")
    expect(broken).to_contain_text(
        f"within 0.1 points of its best 96.00\u2009% up to {percent(0.1)} sparsity (step 100)"
    )
    view.tolerance.fill("10")
    expect(broken).to_contain_text(f"up to {percent(0.76)} sparsity (step 760)")
    # an empty field stands for the usual tolerance
    view.tolerance.fill("")
    expect(broken).to_contain_text("within 0.5 points")
    view.tolerance.blur()
    expect(view.tolerance).to_have_value("0.5")
    # losses are held against percent of the best
    view.frame.get_by_label("Metric").select_option("loss")
    expect(broken).to_contain_text(
        f"loss stayed within 5\u2009% of its best 0.04 up to {percent(0.1)} sparsity (step 100)"
    )


def test_the_pareto_front_is_said(open_view, breaking):
    view = open_view(breaking)
    expect(view.front).to_contain_text("Both runs are on the Pareto front")
    for run, expected in (("breaks", [90, 79]), ("steady", [45, 95])):
        assert view.final(run) == pytest.approx(expected)


def test_a_beaten_run_is_said_to_be_beaten(open_view, tmp_path):
    for run, sparsity, accuracy in (("good", 0.8, 0.95), ("bad", 0.7, 0.9), ("dense", 0.1, 0.96)):
        values = {TOTAL: sparsity, "metrics/accuracy": accuracy}
        logs.write(tmp_path / run, WEIGHTS, [(step, values) for step in (1, 2)])
    view = open_view(tmp_path)
    expect(view.front).to_have_text("dense and good are on the Pareto front: no run ended both sparser and better.")
    expect(view.sentence("bad")).to_contain_text("good is 10.0 points sparser and 5.00 points better")


def test_gaps_names_and_missing_metrics(open_view, tmp_path):
    hostile = "<img src=x onerror=window.pwned=1>"
    nan = float("nan")
    points = [(s, {TOTAL: s / 10, "metrics/loss": nan if s in (2, 5) else 1.0 + s}) for s in range(1, 6)]
    logs.write(tmp_path / hostile, WEIGHTS, points)
    logs.write(tmp_path / "silent", WEIGHTS, [(1, {TOTAL: 0.5})])
    view = open_view(tmp_path)
    view.has_drawn(3)
    expect(view.frame.locator(".headline")).to_contain_text(f"{hostile}: loss")
    expect(view.frame.locator(".headline")).to_contain_text("Its last value is not finite.")
    expect(view.frame.locator(".headline")).to_contain_text("silent does not log loss")
    view.figure.focus()
    for step in (4, 3, 1, 1):
        view.tab.page.keyboard.press("ArrowLeft")
        expect(view.readout("step")).to_have_text(str(step))
    for run in (f"{hostile}/sparsity", "silent/sparsity"):
        view.tab.run(run).click()
    expect(view.frame.locator(".headline")).to_have_text("Choose a run on the left.")
    view.tab.run("silent/sparsity").click()
    expect(view.frame.locator(".headline")).to_contain_text("log no metric")


def test_a_link_gives_back_metric_and_tolerance(open_view, breaking):
    view = open_view(breaking, "&p.sparsity.metric=val_accuracy&p.sparsity.tolerance=10")
    expect(view.tolerance).to_have_value("10")
    expect(view.sentence("breaks")).to_contain_text("(step 760)")
    view.tolerance.fill("0.1")
    expect(view.tab.page).to_have_url(re.compile(r"p\.sparsity\.tolerance=0\.1(&|$)"))
