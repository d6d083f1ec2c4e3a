"""Whatever a log holds, each view opens, says what NumPy says of it, and nothing goes wrong in the console."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import TOTAL, percent
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser

SHOWN = 8  # runs, to begin with
WEIGHTS = {"a/kernel": 1000, "b/kernel": 3000}
HALF = tb_sparsity.ConstantSparsity(0.5, begin_step=1, frequency=1)
LOSS = "metrics/loss"
NAN, INF = float("nan"), float("inf")


def row(step, rng, names=WEIGHTS):
    """A step's values, each exact in float32 and in few decimals."""
    shares = rng.integers(0, 1001, len(names) + 2) / 1000
    return step, dict(zip([*(f"sparsity/{name}" for name in names), TOTAL, LOSS], shares, strict=True))


def one_point(logdir, rng):
    return write(logdir, "one", [row(7, rng)])


def one_weight(logdir, rng):
    points = [(step, {"sparsity/a/kernel": zero, TOTAL: zero, LOSS: 1.5 - zero}) for step, zero in ((1, 0), (2, 1))]
    return write(logdir, "one", points, {"a/kernel": 1})


def a_thousand_weights(logdir, rng):
    names = {f"block_{i:03}/kernel": 10 + i for i in range(1000)}
    return write(logdir, "wide", [row(step, rng, names) for step in (1, 2, 3)], names)


def fifty_runs(logdir, rng):
    known = {}
    for i in range(50):
        known |= write(logdir, f"run_{i:02}", [row(step, rng) for step in range(1, 4 + i % 5)])
    return known


def steps_up_to_2_40(logdir, rng):
    steps = [1, 2**20, 2**32 - 1, 2**32, 2**40 - 1, 2**40]
    schedule = tb_sparsity.PolynomialDecay(0.0, 0.9, begin_step=2**30, end_step=2**40, frequency=1)
    return write(logdir, "long", [row(step, rng) for step in steps], schedule=schedule, total_steps=2**40)


def gaps(logdir, rng):
    points = [row(step, rng) for step in range(1, 31)]
    for step, values in points:
        for tag in list(values):
            if step > 1 and rng.random() < 0.5:
                del values[tag]
    return write(logdir, "gaps", [(step, values) for step, values in points if values])


def nan_and_infinities(logdir, rng):
    points = [row(step, rng) for step in range(1, 13)]
    for i, odd in ((2, NAN), (5, INF), (6, -INF), (11, NAN)):
        points[i][1].update({LOSS: odd, "sparsity/b/kernel": odd, TOTAL: odd})
    return write(logdir, "odd", points) | write(logdir, "nothing else", [(1, dict.fromkeys(points[0][1], NAN))])


def resumed_twice(logdir, rng):
    return write(logdir, "resumed", [row(step, rng) for step in (*range(1, 21), *range(11, 16), *range(3, 10))])


def logs_of_tfmot(logdir, rng):
    sparsity = {0: 0.0, 192: 0.5, 384: 0.75}
    logs.write_tfmot(logdir / "old", sparsity)
    steps, values = np.array(list(sparsity)), np.array(list(sparsity.values()), "float32")
    threshold = np.full(3, 0.01, "float32")
    names = ("conv2d/kernel", "dense/kernel")
    return {
        "old": {f"sparsity/{name}": (steps, values) for name in names}
        | {f"threshold/{name}": (steps, threshold) for name in names}
    }


def of_a_future_version(logdir, rng):
    def change(manifest):
        manifest.format_major = 99
        manifest.MergeFromString(b"\xfa\x7f\x03new")  # a field that isn't known here

    return write(logdir, "future", [row(step, rng) for step in (1, 2, 3)], change=change)


def a_manifest_without_points(logdir, rng):
    one_weight_only = {"sparsity/a/kernel": 0.5, TOTAL: 0.5, LOSS: 0.25}
    return write(logdir, "begun", []) | write(logdir, "other", [(1, one_weight_only)])


def points_without_a_manifest(logdir, rng):
    points = [row(step, rng) for step in (1, 2, 3)]
    logs.write_bare(logdir / "bare", points)
    return {"bare": logs.kept(points)}


def a_schedule_of_an_unknown_kind(logdir, rng):
    def change(manifest):  # as of one that can't be evaluated outside of a training
        manifest.schedules[0].class_name = "Tuned"
        del manifest.schedules[0].target_step[:], manifest.schedules[0].target_value[:]

    return write(logdir, "tuned", [row(step, rng) for step in (1, 2, 3)], change=change)


def write(logdir, run, points, weights=WEIGHTS, schedule=HALF, **more):
    logs.write(logdir / run, weights, points, schedule, **more)
    return {run: logs.kept(points)}


LOGS = [
    one_point,
    one_weight,
    a_thousand_weights,
    fifty_runs,
    steps_up_to_2_40,
    gaps,
    nan_and_infinities,
    resumed_twice,
    logs_of_tfmot,
    of_a_future_version,
    a_manifest_without_points,
    points_without_a_manifest,
    a_schedule_of_an_unknown_kind,
]


@pytest.fixture(params=LOGS, ids=lambda log: log.__name__)
def opened(request, page, tensorboard, tmp_path):
    """The tab with a log in it, and what is in the log: run -> tag -> (steps, values)."""
    known = request.param(tmp_path, np.random.default_rng(0))
    server = tensorboard(tmp_path)

    def is_read(runs):
        return len(runs) == len(known) and all(
            sum(map(len, run["tags"].values())) == len(known[run["name"]])
            and run["last_step"] == max((int(steps[-1]) for steps, _ in known[run["name"]].values()), default=0)
            for run in runs.values()
        )

    runs = server.index(is_read)
    tab = Tab(page, server.url)
    expect(tab.main).to_have_attribute("data-state", "ready", timeout=20_000)
    rows = tab.frame.locator("[data-run-toggle]")
    expect(rows).to_have_count(len(known))
    shown = tab.frame.locator('[data-run-toggle][aria-pressed="true"]')
    expect(shown).to_have_count(min(SHOWN, len(known)))
    names = [runs[run]["name"] for run in shown.evaluate_all("all => all.map(one => one.dataset.runToggle)")]
    return request.param, tab, {name: known[name] for name in names}, {one["name"]: one["run"] for one in runs.values()}


def finite(tags, tag):
    """Steps and values of a tag, without those that aren't finite."""
    steps, values = tags.get(tag, (np.array([], int), np.array([])))
    return steps[np.isfinite(values)], values[np.isfinite(values)]


def last(tags, tag, write=percent):
    values = finite(tags, tag)[1]
    return write(float(values[-1])) if len(values) else "\u2013"


def weights_of(shown):
    tags = dict.fromkeys(tag for tags in shown.values() for tag in tags)
    return [tag.removeprefix("sparsity/") for tag in tags if tag.startswith("sparsity/")]


def test_each_view_says_what_is_in_the_log(opened):
    log, tab, shown, run_of = opened
    check_overview(log, tab, shown)
    check_notice(log, tab)
    for view, check in (
        ("Layers", check_layers),
        ("Heat map", check_heat),
        ("Trade-off", check_tradeoff),
        ("Compare", check_compare),
    ):
        tab.frame.get_by_role("tab", name=view).click()
        check(log, tab, shown, run_of)
        check_notice(log, tab)
        assert tab.main.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    expect(tab.frame.get_by_role("alert")).to_have_count(0)


def check_overview(log, tab, shown):
    def has_points(figure, tag):
        count = sum(len(finite(tags, tag)[0]) for tags in shown.values())
        figure.scroll_into_view_if_needed()
        expect(figure).to_have_attribute("data-points", str(count), timeout=20_000)

    names = weights_of(shown)
    expect(tab.weights).to_have_count(len(names))
    for name in (names[:2] + names[-1:])[: len(names)]:
        has_points(tab.weight(name), f"sparsity/{name}")
    if any(TOTAL in tags for tags in shown.values()):
        has_points(tab.total, TOTAL)
        has_points(tab.metric, LOSS)
    words = SAID.get(log)
    if words:
        expect(tab.headline).to_contain_text(re.compile(words))


def check_notice(log, tab):
    notice = re.compile(r"future was written by a newer version of tb-sparsity \(format 99\.\d+\)")
    expect(tab.main.get_by_text(notice)).to_have_count(int(log is of_a_future_version))


SAID = {
    one_weight: "100.0\u2009% of the prunable weights are zero",
    a_manifest_without_points: r"begun: No step has been logged yet\..*Its one pruned layer is on schedule",
    points_without_a_manifest: "of the prunable weights are zero; no schedule in this log",
    a_schedule_of_an_unknown_kind: "of the prunable weights are zero; no schedule in this log",
}


def check_layers(log, tab, shown, run_of):
    run, tags = next(iter(shown.items()))
    rows = tab.frame.locator("tr[data-row]")
    names = weights_of({run: tags})
    expect(tab.frame.locator(".layers table")).to_have_attribute("aria-rowcount", str(len(names) + 2))
    column = [head.strip() for head in tab.frame.locator(".layers thead th").all_inner_texts()].index("Measured")
    expect(rows.get_by_text("…", exact=True)).to_have_count(0)
    shown_rows = rows.evaluate_all("all => all.map(one => one.dataset.row)")
    assert set(shown_rows) <= set(names)
    assert len(shown_rows) == len(names) or len(shown_rows) > 20
    for name in shown_rows[:3]:
        expect(tab.frame.locator(f'tr[data-row="{name}"]').locator("th, td").nth(column)).to_have_text(
            last(tags, f"sparsity/{name}")
        )


def check_heat(log, tab, shown, run_of):
    tags = next(iter(shown.values()))
    names = weights_of({"": tags})
    if not names:
        expect(tab.main).to_contain_text("This run has logged no sparsity of its weights.")
        return
    figure = tab.frame.locator('figure[data-chart="heat"]')
    cells = sum(len(finite(tags, f"sparsity/{name}")[0]) for name in names)
    expect(figure).to_have_attribute("data-rows", str(len(names)))
    expect(figure).to_have_attribute("data-points", str(cells), timeout=20_000)
    figure.focus()
    for key in ("ArrowDown", "End"):
        tab.page.keyboard.press(key)
    steps, values = tags[f"sparsity/{names[0]}"]
    expect(tab.readout(figure, "step")).to_have_text(f"{steps[-1]:,}")
    said = percent(float(values[-1])) if np.isfinite(values[-1]) else "no value"
    expect(tab.readout(figure, "measured")).to_have_text(said)


def check_tradeoff(log, tab, shown, run_of):
    if not any(LOSS in tags for tags in shown.values()):
        expect(tab.headline).to_contain_text("The shown runs log no metric")
        return
    joined = 0
    for tags in shown.values():
        totals = finite(tags, TOTAL)[0]
        joined += sum(len(totals) > 0 and step >= totals[0] for step in finite(tags, LOSS)[0])
    figure = tab.frame.locator('figure[data-chart="tradeoff"]')
    expect(figure).to_have_attribute("data-points", str(joined), timeout=20_000)
    name, tags = next((name, tags) for name, tags in shown.items() if LOSS in tags)
    ends = figure.locator(f'[data-final="{run_of[name]}"] .value')
    both = [last(tags, TOTAL), last(tags, LOSS, "{:.4g}".format)]
    is_finite = len(tags[LOSS][1]) and np.isfinite(tags[LOSS][1][-1])
    expect(ends).to_have_text(both if is_finite else ["\u2013", "\u2013"])


def check_compare(log, tab, shown, run_of):
    for name, tags in list(shown.items())[:3]:
        line = tab.frame.locator(f'tr[data-compare="{run_of[name]}"]')
        step = max((int(steps[-1]) for steps, _ in tags.values()), default=0)
        expect(line.locator('[data-column="step"] [data-value]')).to_have_text(f"{step:,}")
        if TOTAL in tags:
            expect(line.locator('[data-column="sparsity"] > :first-child')).to_have_text(last(tags, TOTAL))
            value = line.locator('[data-column="loss"] > :first-child')
            expect(value).to_have_text(last(tags, LOSS, "{:.4g}".format))


@pytest.mark.parametrize("view", ["overview", "layers", "heat", "tradeoff", "compare"])
def test_without_data_each_view_says_how_to_log(page, tensorboard, tmp_path_factory, view):
    tab = Tab(page, tensorboard(tmp_path_factory.getbasetemp() / "nothing").url, f"&p.sparsity.view={view}")
    expect(tab.main).to_have_attribute("data-state", "empty")
    expect(tab.main.locator("pre")).to_contain_text("PruningSummaries")
