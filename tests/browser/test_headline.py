"""What the Overview says in words, held against the logs; and what helps to tell its curves apart."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import TOTAL, percent
from tests.browser.tab import is_inked, rgb

pytestmark = pytest.mark.browser

WEIGHTS = {"conv/kernel": 1000, "dense/kernel": 3000, "head/kernel": 200}
SCHEDULE = tb_sparsity.PolynomialDecay(0.0, 0.8, begin_step=100, end_step=800, frequency=50)
EXTREME = tb_sparsity.PolynomialDecay(0.0, 0.998, begin_step=100, end_step=800, frequency=50)
NAN = float("nan")


def target(step, schedule=SCHEDULE):
    return (logs.due(schedule, step) or (0, 0.0))[1]


def measured(step, change=None, schedule=SCHEDULE):
    """The values of a step: each weight is where its schedule wants it, unless `change` says otherwise."""
    due = target(step, schedule)
    each = {name: change(name, step, due) if change else due for name in WEIGHTS}
    total = np.average(list(each.values()), weights=list(WEIGHTS.values()))
    return {f"sparsity/{name}": value for name, value in each.items()} | {TOTAL: total}


def write(
    log_dir, change=None, metric=None, steps=range(10, 1001, 10), schedule=SCHEDULE, total_steps=1000, **manifest
):
    def describe(described):
        for name, value in manifest.items():
            setattr(described, name, value)

    points = [
        (s, measured(s, change, schedule) | ({"metrics/val_accuracy": metric(s)} if metric else {})) for s in steps
    ]
    logs.write(log_dir, WEIGHTS, points, schedule, total_steps=total_steps, change=describe)


def only(weight, since, factor, until=10**9):
    return lambda name, step, due: due * factor if name == weight and since <= step < until else due


def said(tab, run):
    return tab.frame.locator(f'[data-headline="{run}/sparsity"]')


FINE = (
    "80.0\u2009% of the prunable weights are zero, as configured. All 3 layers are on schedule, each 80.0\u2009% zero."
)


def test_each_problem_is_said_first_with_its_weight_and_step(open_tab, tmp_path):
    write(tmp_path / "nan", metric=lambda step: 0.9 if step < 570 else NAN)
    write(tmp_path / "dip", only("dense/kernel", 860, 0.25, until=900))
    write(tmp_path / "lost", only("head/kernel", 900, 0.5))
    write(tmp_path / "dead", lambda name, step, due: 0.996 if name == "conv/kernel" and step >= 500 else due)
    write(tmp_path / "extreme", schedule=EXTREME)
    write(tmp_path / "short", steps=range(10, 501, 10), total_steps=500)
    # The second session counts on, but forgot to load the weights.
    write(tmp_path / "resumed", steps=range(10, 501, 10))
    write(tmp_path / "resumed", lambda *_: 0.0, steps=range(510, 601, 10), total_steps=600, first_step=501)
    # Here it repeats what was trained already, and all is well.
    write(tmp_path / "repeated", steps=range(10, 901, 10))
    write(tmp_path / "repeated", steps=range(510, 1001, 10), first_step=501)
    tab = open_tab(tmp_path).wait_until_drawn()
    tab.frame.get_by_role("button", name="and 5 more, with problems").click()

    at = {step: percent(target(step)) for step in (500, 850, 890, 1000)}
    lost = percent((200 * 0.4 + 4000 * 0.8) / 4200)
    words = {
        "nan": f"val_accuracy is not a finite number (NaN or infinite) since step 570. {FINE}",
        "dip": f"Weights revived in dense/kernel, from {at[850]} sparsity at step 850 to {percent(target(860) / 4)} at "
        f"step 860; since then they were pruned again. {FINE}",
        "lost": "head/kernel is 40.0 points below its schedule since step 900: weights revived, "
        f"{at[890]} were zero at step 890. {lost} of the prunable weights are zero instead of 80.0\u2009%. "
        "The other 2 layers are on schedule. "
        "Layers range from 40.0\u2009% in head/kernel to 80.0\u2009% in conv/kernel.",
        "dead": "conv/kernel is 19.6 points above its schedule since step 500. "
        "conv/kernel is nearly dead: 4 of its 1,000 weights are left at step 1,000.",
        "extreme": "99.8\u2009% of the prunable weights are zero, as configured. All 3 layers are on schedule, each "
        "99.8\u2009% zero. conv/kernel and 2 more weights are nearly dead, as configured: more than 99.5\u2009% zero.",
        "short": f"Training stopped at step 500, before the schedule’s end at 800: {at[500]} instead of 80.0\u2009%. "
        f"All 3 layers are on schedule, each {at[500]} zero.",
        "resumed": f"conv/kernel is {100 * target(600):.1f} points below its schedule since step 510: weights revived, "
        f"{at[500]} were zero at step 500 (before training was resumed).",
        "repeated": FINE,
    }
    for run, text in words.items():
        expect(said(tab, run)).to_have_text(re.compile("^" + re.escape(f"{run}: {text}")))
    expect(tab.headline).to_contain_text("6 of 8 runs have problems.")
    order = tab.frame.locator("[data-headline]").evaluate_all("all => all.map(one => one.dataset.headline)")
    assert {run.split("/")[0] for run in order[-2:]} == {"extreme", "repeated"}


def test_a_problem_leads_to_its_curve_and_step(open_tab, tmp_path):
    write(tmp_path / "nan", only("head/kernel", 900, 0.5), metric=lambda step: 0.9 if step < 570 else NAN)
    tab = open_tab(tmp_path).wait_until_drawn()
    for name, figure, step in (
        ("head/kernel", tab.weight("head/kernel"), "900"),
        ("val_accuracy", tab.metric, "570"),
    ):
        said(tab, "nan").get_by_role("button", name=name).first.click()
        expect(figure).to_be_focused()
        expect(figure).to_be_in_viewport()
        expect(tab.readout(tab.total, "step")).to_have_text(step)
    tab.frame.get_by_label("Filter weights").fill("conv")
    expect(tab.weight("head/kernel")).to_have_count(0)
    said(tab, "nan").get_by_role("button", name="head/kernel").first.click()
    expect(tab.weight("head/kernel")).to_be_focused()


def test_comparing_tells_of_the_same_problems(open_tab, tmp_path):
    write(tmp_path / "dip", only("dense/kernel", 860, 0.25, until=900))
    write(tmp_path / "fine")
    nan = [(step, {"sparsity/conv/kernel": 0.0, "metrics/loss": NAN if step > 100 else 0.5}) for step in (100, 200)]
    logs.write(tmp_path / "dense", {"conv/kernel": 1000}, nan)
    tab = open_tab(tmp_path, "&p.sparsity.view=compare")
    for run, words in (("dip", "weights revived"), ("fine", "done"), ("dense", "loss not finite")):
        expect(tab.frame.locator(f'tr[data-compare="{run}/sparsity"]')).to_contain_text(words)


def test_many_problems_are_counted_until_asked_for(open_tab, tmp_path):
    write(tmp_path / "lost", lambda _, step, due: due if step < 900 else due / 2, metric=lambda step: NAN)
    tab = open_tab(tmp_path).wait_until_drawn()
    problems = tab.frame.locator("[data-problem]")
    expect(problems).to_have_count(2)
    expect(problems.first).to_contain_text("val_accuracy is not a finite number (NaN or infinite) since step 10.")
    tab.frame.get_by_role("button", name="and 2 more problems").click()
    expect(problems).to_have_count(4)
    for problem, weight in zip(problems.all()[1:], WEIGHTS, strict=True):
        expect(problem).to_contain_text(f"{weight} is 40.0 points below its schedule since step 900")


def test_a_training_that_was_killed_is_no_training_that_goes_on(open_tab, tmp_path):
    write(tmp_path / "killed", steps=range(10, 501, 10))
    tab = open_tab(tmp_path).wait_until_drawn()
    half = percent(target(500))
    expect(tab.headline).to_contain_text(
        f"{half} of the prunable weights are zero, of 80.0\u2009% at the schedule’s end"
    )
    (ended,) = (e.wall_time for e in events(tmp_path / "killed", TOTAL) if e.step == 500)
    tab.page.clock.set_fixed_time(ended + 5 * 3600)
    tab.page.reload()
    expect(tab.headline).to_contain_text(
        "Training seems to have stopped at step 500 (nothing was logged for 5 hours), "
        f"before the schedule’s end at 800: {half} instead of 80.0\u2009%."
    )


def events(log_dir, tag):
    return EventAccumulator(str(log_dir / "sparsity")).Reload().Scalars(tag)


def test_the_layers_range_is_named(open_tab, tmp_path):
    schedules = {name: tb_sparsity.ConstantSparsity(s, 10) for name, s in zip(WEIGHTS, (0.5, 0.9, 0.7), strict=True)}
    values = {"sparsity/conv/kernel": 0.5, "sparsity/dense/kernel": 0.9, "sparsity/head/kernel": 0.7}
    logs.write(tmp_path / "uneven", WEIGHTS, [(s, values | {TOTAL: 0.795238}) for s in (10, 20)], schedules, 20)
    tab = open_tab(tmp_path).wait_until_drawn()
    expect(tab.headline).to_contain_text(
        "All 3 layers are on schedule, from 50.0\u2009% in conv/kernel to 90.0\u2009% in dense/kernel."
    )


def test_epochs_are_a_grid_where_the_runs_share_them(open_tab, tmp_path):
    write(tmp_path / "one", steps_per_epoch=200)
    write(tmp_path / "other", steps_per_epoch=300)
    tab = open_tab(tmp_path).wait_until_drawn()
    epoch = tab.readout(tab.total, "epoch")
    expect(tab.total).to_have_attribute("data-points", "200")
    expect(epoch).to_have_count(0)
    tab.run("other/sparsity").click()
    expect(tab.total).to_have_attribute("data-points", "100")
    tab.leave()
    ground = tab.pixels()
    for step, number in ((200, 1), (210, 2), (1000, 5)):
        tab.hover(tab.total, step, (0, 1000))
        expect(tab.readout(tab.total, "step")).to_have_text(f"{step:,}")
        expect(epoch).to_have_text(f"epoch {number} · ")

    def has_line(step):
        x, y = tab.position(tab.total, step, 0.95, (0, 1000))
        row = ground[round(y), round(x) - 6 : round(x) + 7].sum(axis=1)
        return bool(row.min() < np.median(row))

    # The schedule's range ends at 100 and 800, which can be seen, too.
    assert [step for step in range(150, 800, 50) if has_line(step)] == [200, 400, 600]


def test_updates_of_two_schedules_are_told_apart(open_tab, tmp_path):
    other = tb_sparsity.ConstantSparsity(0.5, begin_step=30, frequency=170)
    write(tmp_path / "one")
    write(tmp_path / "other", schedule=other)
    tab = open_tab(tmp_path).wait_until_drawn()
    expect(tab.total).to_have_attribute("data-points", "200")
    pixels, page = tab.pixels(), np.array([255, 255, 255])

    def ticks(run, offset):
        color = rgb(tab.color(f"{run}/sparsity"))
        places = {step: tab.position(tab.total, step, 0, (0, 1000)) for step in range(10, 1000, 10)}
        return [
            s
            for s, (x, y) in places.items()
            if is_inked(pixels[round(y) + offset :][:1].repeat(5, 0), (x, 2), color, page)
        ]

    assert ticks("one", 1) == list(range(100, 801, 50))
    assert ticks("other", 5) == list(range(30, 1000, 170))


def test_runs_of_one_hue_carry_marks_and_any_run_may_have_another_colour(open_tab, tmp_path):
    names = [f"run-{i}" for i in range(16)]
    for name in names:
        write(tmp_path / name, steps=range(100, 1001, 100))
    tab = open_tab(tmp_path).wait_until_drawn()
    expect(tab.frame.locator("[data-run-toggle]")).to_have_count(16)

    def looks():
        return {
            name: (tab.color(f"{name}/sparsity"), tab.run(f"{name}/sparsity").locator(".swatch path").count())
            for name in names
        }

    before = looks()
    assert len(set(before.values())) == 16
    assert len({color for color, _ in before.values()}) == 8
    chosen = tab.frame.get_by_label("Colour of run-3", exact=True)
    chosen.fill("#ff00aa")
    expect(tab.run("run-3/sparsity").locator(".swatch")).to_have_css("color", "rgb(255, 0, 170)")
    tab.page.reload()
    tab.wait_until_drawn()
    expect(tab.run("run-3/sparsity").locator(".swatch")).to_have_css("color", "rgb(255, 0, 170)")
    tab.run("run-3/sparsity").hover()
    tab.frame.get_by_role("button", name="Give run-3 its own colour again").click()
    expect(tab.run("run-3/sparsity").locator(".swatch")).not_to_have_css("color", "rgb(255, 0, 170)")
    assert {name: look for name, look in looks().items() if name != "run-3"} == {
        name: look for name, look in before.items() if name != "run-3"
    }
    assert len(set(looks().values())) == 16


def test_an_outlier_does_not_press_the_comparison_flat(open_tab, tmp_path):
    write(tmp_path / "base", metric=lambda step: 0.9)
    write(tmp_path / "own", metric=lambda step: 0.1 if step <= 20 else 0.9 + (step % 40) / 2000)
    tab = open_tab(tmp_path, "&p.sparsity.view=compare&p.sparsity.baseline=base%2Fsparsity")
    figure = tab.frame.locator('figure[data-chart="difference"]')
    expect(figure).to_have_attribute("data-points", "200", timeout=20_000)
    expect(figure).to_contain_text("2 points lie outside, marked at the edge.")

    def height(step):
        tab.hover(figure, step, (0, 1000))
        expect(tab.readout(figure, "step")).to_have_text(str(step))
        (run,) = (dot.bounding_box()["y"] for dot in figure.locator(".dot:visible").all()[1:])
        return run

    high, low = height(510), height(520)  # 1.5 points, and none
    box = figure.locator(".u-over").bounding_box()
    assert abs(high - low) > box["height"] / 3
    figure.get_by_role("button", name="Show the whole range").click()
    expect(figure).not_to_contain_text("lie outside")
    assert abs(height(510) - height(520)) < box["height"] / 20
    figure.get_by_role("button", name="Show only where most points are").click()
    expect(figure).to_contain_text("2 points lie outside")
