"""What a user does in the tab, and what is then drawn, held against the event files and the schedules' formulas."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import TOTAL, percent
from tests.browser.tab import Tab, is_inked, rgb

pytestmark = pytest.mark.browser

RUN = {"polynomial": "polynomial/sparsity", "constant": "constant/sparsity"}
SCHEDULES = {
    "polynomial": tb_sparsity.PolynomialDecay(**logs.POLYNOMIAL),
    "constant": tb_sparsity.ConstantSparsity(**logs.CONSTANT),
}
ALL_STEPS = (0, logs.STEPS)


@pytest.fixture
def tab(page, tensorboard, trained):
    return Tab(page, tensorboard(trained).url).wait_until_drawn()


@pytest.fixture(scope="module")
def files(trained):
    return {name: logs.read(trained / run) for name, run in RUN.items()}


@pytest.fixture
def drift(page, tensorboard, drifting):
    return Tab(page, tensorboard(drifting).url).wait_until_drawn()


@pytest.mark.parametrize("fast", [True, False], ids=["rust", "python"])
def test_every_point_of_every_weight_is_drawn(page, tensorboard, trained, files, fast):
    tab = Tab(page, tensorboard(trained, fast=fast).url).wait_until_drawn()
    expect(tab.charts).to_have_count(1 + 1 + len(logs.SIZES))

    def points(tag):
        return str(sum(len(files[name][tag][0]) for name in RUN))

    assert points(TOTAL) == str(2 * logs.STEPS)
    expect(tab.total).to_have_attribute("data-points", points(TOTAL))
    expect(tab.total).to_have_attribute("data-schedules", "2")
    for name in logs.SIZES:
        expect(tab.weight(name)).to_have_attribute("data-points", points(f"sparsity/{name}"))
        expect(tab.weight(name)).to_have_attribute("data-schedules", "2")
    expect(tab.metric).to_have_attribute("data-points", points("metrics/val_accuracy"))
    expect(tab.metric).to_have_attribute("data-schedules", "0")


@pytest.mark.parametrize("fast", [True, False], ids=["rust", "python"])
def test_the_headline_says_that_it_worked(page, tensorboard, trained, files, fast):
    tab = Tab(page, tensorboard(trained, fast=fast).url).wait_until_drawn()
    expect(tab.headline).to_contain_text("Both runs are pruned as configured.")
    for name, run in RUN.items():
        line = tab.frame.locator(f'[data-headline="{run}"]')
        total = percent(logs.at(files[name][TOTAL], logs.STEPS))
        ends = sorted((logs.at(files[name][f"sparsity/{weight}"], logs.STEPS), weight) for weight in logs.SIZES)
        (least, low), (most, high) = ends
        spread = (
            f"from {percent(least)} in {low} to {percent(most)} in {high}" if least < most else f"each {total} zero"
        )
        expect(line).to_contain_text(
            f"{name}: {total} of the prunable weights are zero, as configured. "
            f"Both layers are on schedule, {spread}. val_accuracy "
        )
    costs = {run: tab.frame.locator(f'[data-cost="{run}"]').inner_text() for run in RUN.values()}
    tab.frame.get_by_role("tab", name="Trade-off").click()
    for run, cost in costs.items():  # which is held against the files in its own tests
        expect(tab.frame.locator(f'[data-sentence="{run}"]')).to_contain_text(cost.strip())


def test_the_readout_of_every_chart_follows_the_arrow_keys(tab, files):
    tab.press(tab.total, "Home")
    check_readouts(tab, files, step=1)  # before any update was due
    tab.press(tab.total, *["ArrowRight"] * 15)
    check_readouts(tab, files, step=16)  # between two updates
    tab.press(tab.total, "End", "ArrowLeft")
    check_readouts(tab, files, step=79)
    tab.press(tab.weight("head/kernel"), "End")  # any chart moves all of them
    check_readouts(tab, files, step=80)


def test_the_readout_of_every_chart_follows_the_mouse(tab, files):
    for step in (20, 34, 61):
        tab.hover(tab.total, step, ALL_STEPS)
        check_readouts(tab, files, step)
    tab.hover(tab.weight("hidden/kernel"), 48, ALL_STEPS)
    expect(tab.readout(tab.total, "step")).to_have_text(re.compile("47|48|49"))  # less than 4 pixels a step
    check_readouts(tab, files, int(tab.readout(tab.total, "step").inner_text()))
    tab.leave()
    check_readouts(tab, files, logs.STEPS)


def test_one_crosshair_goes_through_all_charts(tab, files):
    tab.hover(tab.total, 40, ALL_STEPS)
    for figure, tag in [(tab.total, TOTAL), *((tab.weight(w), f"sparsity/{w}") for w in logs.SIZES)]:
        expect(figure.locator(".dot:visible")).to_have_count(len(RUN))
        x, _ = tab.position(figure, 40, 0, ALL_STEPS)
        assert figure.locator(".crosshair").bounding_box()["x"] == pytest.approx(x, abs=1)
        dots = [dot.bounding_box() for dot in figure.locator(".dot").all()]
        heights = [tab.position(figure, 40, logs.at(files[name][tag], 40), ALL_STEPS)[1] for name in RUN]
        assert sorted(dot["y"] + dot["height"] / 2 for dot in dots) == pytest.approx(sorted(heights), abs=1)
    expect(tab.metric.locator(".crosshair")).to_be_visible()
    tab.leave()
    expect(tab.frame.locator(".crosshair:visible")).to_have_count(0)


def check_readouts(tab, files, step):
    expect(tab.readout(tab.total, "step")).to_have_text(str(step))
    for name in RUN:
        check_readout(tab, tab.total, name, files[name][TOTAL], step)
        for weight in logs.SIZES:
            check_readout(tab, tab.weight(weight), name, files[name][f"sparsity/{weight}"], step)


def check_readout(tab, figure, name, points, step):
    run, measured = RUN[name], logs.at(points, step)
    expect(tab.readout(figure, "measured", run)).to_have_text(percent(measured))
    update = logs.due(SCHEDULES[name], step)
    if update is None:
        expect(figure).to_contain_text(f"target from {SCHEDULES[name].begin_step}")
        expect(tab.readout(figure, "due", run)).to_have_text(str(SCHEDULES[name].begin_step))
        expect(tab.readout(figure, "difference", run)).to_have_text("\u2013")
        return
    due, target = update
    expect(tab.readout(figure, "due", run)).to_have_text(str(due))
    # Half a digit for rounding, and as much because the page draws straight lines between samples.
    assert tab.said(figure, "target", run) == pytest.approx(100 * target, abs=0.1)
    assert tab.said(figure, "difference", run) == pytest.approx(100 * (measured - target), abs=0.1)


def test_the_total_has_the_mean_of_the_schedules_as_its_target(page, tensorboard, tmp_path):
    sizes = {"a/kernel": 100, "b/kernel": 300, "c/bias": 50}
    early = tb_sparsity.ConstantSparsity(0.4, begin_step=2, frequency=3)
    late = tb_sparsity.PolynomialDecay(0.2, 0.8, begin_step=10, end_step=30, frequency=4)
    schedules = {"a/kernel": early, "b/kernel": late, "c/bias": None}
    points = [(step, {"sparsity/a/kernel": 0.4, "sparsity/b/kernel": 0.0, TOTAL: 0.1}) for step in range(1, 31)]
    logs.write(tmp_path / "two", sizes, points, schedules)
    tab = Tab(page, tensorboard(tmp_path).url).wait_until_drawn()
    expect(tab.weight("a/kernel")).to_have_attribute("data-schedules", "1")
    for step, due in [(9, 8), (16, 14), (30, 30)]:
        tab.hover(tab.total, step, (0, 30))
        expect(tab.readout(tab.total, "due", "two/sparsity")).to_have_text(str(due))
        each = [(logs.due(schedule, step) or (0, 0.0))[1] for schedule in (early, late)]
        target = 100 * np.average(each, weights=[100, 300])
        assert tab.said(tab.total, "target", "two/sparsity") == pytest.approx(target, abs=0.1)


def test_the_curves_are_where_the_numbers_say(tab, files):
    tab.page.set_viewport_size({"width": 1400, "height": 1100})  # all are in the picture
    for figure in (tab.total, tab.weight("hidden/kernel"), tab.weight("head/kernel")):
        expect(figure).to_have_attribute("data-points", str(2 * logs.STEPS))
    pixels = tab.pixels()
    page = rgb(tab.main.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    figures = [(tab.total, TOTAL), *((tab.weight(w), f"sparsity/{w}") for w in logs.SIZES)]
    for figure, tag in figures:
        for name, run in RUN.items():
            color = rgb(tab.color(run))
            for step in (18, 25, 53, 58, 66, 75):
                x, y = tab.position(figure, step, logs.at(files[name][tag], step), ALL_STEPS)
                assert is_inked(pixels, (x, y), color, page), (tag, name, step)
                # Where the curve is flat, nothing of its colour is beside it.
                assert step < 66 or not is_inked(pixels, (x, y - 12), color, page), (tag, name, step)


def test_the_schedule_is_a_dashed_line_where_its_formula_says(drift):
    schedule = tb_sparsity.PolynomialDecay(0.0, 0.8, begin_step=100, end_step=1000)
    color = rgb(drift.color("drift/sparsity"))
    figure = drift.weight("dense/kernel")
    expect(figure).to_have_attribute("data-points", "120")
    pixels = drift.pixels()
    page = rgb(drift.main.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    steps = range(600, 1200, 3)
    at = [drift.position(figure, step, float(schedule(step)[1]), (0, 1200)) for step in steps]
    inked = np.mean([is_inked(pixels, position, color, page) for position in at])
    assert 0.5 < inked <= 1  # 5 pixels of line, 4 of gap, looked at with a width of 5
    column = [is_inked(pixels[:, [round(x)] * 5], (2, y), color, page) for x, y in at]
    assert 0.3 < np.mean(column) < 0.9  # pixel by pixel there are gaps: it is no solid line
    measured = [drift.position(figure, step, float(schedule(400)[1]), (0, 1200)) for step in steps]
    assert all(is_inked(pixels, position, color, page) for position in measured)


def test_a_weight_that_left_its_schedule_is_named_first(drift):
    schedule = tb_sparsity.PolynomialDecay(0.0, 0.8, begin_step=100, end_step=1000, frequency=50)
    lost = 0.8 - float(schedule(400)[1])
    expect(drift.headline).to_have_text(
        re.compile(rf"^dense/kernel is {100 * lost:.1f} points below its schedule since step 450\.")
    )
    expect(drift.headline).to_contain_text("The other layer is on schedule.")
    off = drift.readout(drift.weight("dense/kernel"), "difference", "drift/sparsity")
    expect(off).to_have_text(f"\u2212{100 * lost:.1f}")
    # Not told by colour alone: it is heavier, too.
    fine = drift.readout(drift.weight("conv/kernel"), "difference", "drift/sparsity")
    assert [w.evaluate("e => getComputedStyle(e).fontWeight") for w in (off, fine)] == ["600", "400"]


def test_dragging_over_one_chart_zooms_all_and_reset_brings_back(drift):
    reset = drift.frame.get_by_role("button", name="Reset zoom")
    expect(reset).to_have_count(0)
    drift.drag(drift.total, 500, 900, (0, 1200))
    expect(reset).to_be_visible()
    first, last = (int(step) for step in re.findall(r"\d+", reset.inner_text().replace(",", "")))
    assert (first, last) == pytest.approx((500, 900), abs=2)

    # The step axes are the zoomed ones: the mouse finds steps where they now are, and so are the curves.
    for figure, step in [(drift.total, 700), (drift.weight("conv/kernel"), 800), (drift.weight("dense/kernel"), 600)]:
        drift.hover(figure, step, (first, last))
        expect(drift.readout(drift.total, "step")).to_have_text(re.compile(f"{step - 10}|{step}|{step + 10}"))
    drift.leave()
    color, page = rgb(drift.color("drift/sparsity")), np.array([255, 255, 255])
    schedule = tb_sparsity.PolynomialDecay(0.0, 0.8, begin_step=100, end_step=1000)
    flat = float(schedule(400)[1])
    expect(drift.frame.locator(".crosshair:visible")).to_have_count(0)
    assert is_inked(drift.pixels(), drift.position(drift.weight("dense/kernel"), 510, flat, (first, last)), color, page)
    drift.press(drift.total, "Home")
    expect(drift.readout(drift.total, "step")).to_have_text("500")
    expect(drift.weight("conv/kernel")).to_have_attribute("aria-label", re.compile("at step 500:"))

    reset.click()
    expect(reset).to_have_count(0)
    drift.press(drift.total, "Home")
    expect(drift.readout(drift.total, "step")).to_have_text("10")

    drift.drag(drift.weight("conv/kernel"), 200, 600, (0, 1200))
    expect(reset).to_be_visible()
    drift.total.locator(".u-over").dblclick()
    expect(reset).to_have_count(0)


def test_a_run_is_switched_off_and_on_again(tab):
    color = {name: tab.color(run) for name, run in RUN.items()}
    assert color["polynomial"] != color["constant"]
    tab.run(RUN["constant"]).click()
    expect(tab.run(RUN["constant"])).to_have_attribute("aria-pressed", "false")
    for figure in (tab.total, tab.weight("hidden/kernel"), tab.weight("head/kernel")):
        expect(figure).to_have_attribute("data-points", str(logs.STEPS))
        expect(figure).to_have_attribute("data-schedules", "1")
        expect(tab.readout(figure, "measured", RUN["constant"])).to_have_count(0)

    tab.page.reload()
    tab.wait_until_drawn()
    expect(tab.run(RUN["constant"])).to_have_attribute("aria-pressed", "false")
    assert {name: tab.color(run) for name, run in RUN.items()} == color

    tab.run(RUN["constant"]).click()
    for figure in (tab.total, tab.weight("hidden/kernel")):
        expect(figure).to_have_attribute("data-points", str(2 * logs.STEPS))
    assert {name: tab.color(run) for name, run in RUN.items()} == color


def test_another_metric_is_chosen(tab, files):
    choice = tab.frame.get_by_label("Metric")
    assert choice.locator("option").all_inner_texts() == [
        "accuracy",
        "learning_rate",
        "loss",
        "val_accuracy",
        "val_loss",
    ]
    choice.select_option("loss")
    expect(tab.metric).to_have_attribute("data-points", str(2 * logs.STEPS))
    tab.press(tab.metric, "Home", "ArrowRight")
    for name, run in RUN.items():
        value = logs.at(files[name]["metrics/loss"], 2)
        assert tab.said(tab.metric, "measured", run) == pytest.approx(value, rel=1e-3)
    tab.page.reload()
    tab.wait_until_drawn()
    expect(choice).to_have_value("loss")


def test_a_weight_among_hundreds_is_found(page, tensorboard, tmp_path):
    weights = {f"block_{i}/dense/kernel": 100 for i in range(200)}
    points = [(step, {f"sparsity/{name}": 0.5 for name in weights} | {TOTAL: 0.5}) for step in (1, 2, 3)]
    logs.write(tmp_path / "wide", weights, points, tb_sparsity.ConstantSparsity(0.5, 1, frequency=1))
    tab = Tab(page, tensorboard(tmp_path).url).wait_until_drawn()
    expect(tab.weights).to_have_count(200)
    last = tab.weight("block_199/dense/kernel")
    expect(last.locator("canvas")).to_have_count(0)  # charts exist only where they are seen
    tab.frame.get_by_role("navigation", name="Weights").get_by_title("block_199/dense/kernel").click()
    expect(last).to_have_attribute("data-points", "3")
    expect(last).to_be_in_viewport()
    tab.frame.get_by_label("Filter weights").fill("block_17 dense")
    expect(tab.weights).to_have_count(11)
    expect(tab.main).to_contain_text("11 of 200 weights")


@pytest.mark.parametrize("fast", [True, False], ids=["rust", "python"])
def test_a_long_log_is_thinned_to_true_points(page, tensorboard, tmp_path, fast):
    values = np.random.default_rng(0).random(5000)
    points = [(step, {"sparsity/a/kernel": v, TOTAL: v}) for step, v in enumerate(values, start=1)]
    logs.write(tmp_path / "long", {"a/kernel": 100}, points)
    tab = Tab(page, tensorboard(tmp_path, fast=fast).url).wait_until_drawn()
    expect(tab.weight("a/kernel")).to_have_attribute("data-points", "1000")
    written = logs.read(tmp_path / "long" / "sparsity")["sparsity/a/kernel"]
    for key in ("Home", "ArrowRight", "ArrowRight", "End"):
        tab.press(tab.total, key)
        step = int(tab.readout(tab.total, "step").inner_text().replace(",", ""))
        expect(tab.readout(tab.weight("a/kernel"), "measured")).to_have_text(percent(logs.at(written, step)))
    assert step == 5000


def test_a_dense_run_beside_a_pruned_one_is_no_problem(page, tensorboard, tmp_path):
    schedule = tb_sparsity.ConstantSparsity(0.5, begin_step=1, frequency=1)
    names = {"a/kernel": 10, "b/kernel": 10}
    logs.write(tmp_path / "dense", names, [(1, {f"sparsity/{name}": 0.0 for name in names})])
    logs.write(tmp_path / "pruned", names, [(1, {f"sparsity/{name}": 0.5 for name in names} | {TOTAL: 0.5})], schedule)
    tab = Tab(page, tensorboard(tmp_path).url).wait_until_drawn()
    expect(tab.headline).to_contain_text("The run with a schedule is pruned as configured.")
    expect(tab.frame.locator('[data-headline="dense/sparsity"]')).to_have_text(
        "dense: Not scheduled for pruning; 0.0\u2009% of each of its 2 weights is zero."
    )
    expect(tab.weight("a/kernel")).to_have_attribute("data-points", "2")
    expect(tab.weight("a/kernel")).to_have_attribute("data-schedules", "1")


def test_logs_of_tfmot_are_drawn_without_a_schedule(page, tensorboard, tmp_path):
    logs.write_tfmot(tmp_path / "old", {0: 0.0, 192: 0.5, 384: 0.75})
    tab = Tab(page, tensorboard(tmp_path).url)
    expect(tab.weights).to_have_count(2)
    for name in ("conv2d/kernel", "dense/kernel"):
        expect(tab.weight(name)).to_have_attribute("data-points", "3")
        expect(tab.weight(name)).to_have_attribute("data-schedules", "0")
        expect(tab.weight(name)).to_contain_text("no schedule")
        expect(tab.readout(tab.weight(name), "measured", "old/metrics")).to_have_text("75.0\u2009%")
    expect(tab.headline).to_have_text("75.0\u2009% of each of 2 weights is zero; no schedule in this log.")
