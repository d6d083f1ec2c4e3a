"""The heat map: what it says of a cell and how it draws it, held against the event files and the schedules."""

import math
import re

import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import number, percent

pytestmark = pytest.mark.browser

LINK = "&p.sparsity.view=heat"
DRIFTING_END = 1200


class Heat:
    """The heat map in the tab: rows by their place, columns by their steps."""

    def __init__(self, tab):
        self.tab, self.page, self.frame = tab, tab.page, tab.frame
        self.figure = tab.frame.locator('figure[data-chart="heat"]')
        self.plot = tab.frame.locator(".heat-plot")

    def wait_until_drawn(self, points=re.compile(r"\d+")):
        expect(self.figure).to_have_attribute("data-points", points, timeout=20_000)
        return self

    def said(self, kind):
        return self.figure.locator(f'[data-readout="{kind}"]')

    def position(self, row, step, steps):
        box = self.plot.bounding_box()
        x = (step - steps[0]) / (steps[1] - steps[0]) * box["width"]
        height = box["height"] / int(self.figure.get_attribute("data-rows"))
        return box["x"] + min(max(x, 0.5), box["width"] - 0.5), box["y"] + (row + 0.5) * height

    def point(self, row, step, steps):
        self.page.mouse.move(*self.position(row, step, steps))

    def pixel(self, row, step, steps):
        """The colour of a cell on the canvas, with its opacity; the canvas has one pixel for the height of a row."""
        share = (step - steps[0]) / (steps[1] - steps[0])
        script = """(plot, [row, share]) => {
            const canvas = plot.querySelector("canvas");
            const x = Math.min(Math.floor(share * canvas.width), canvas.width - 1);
            return [...canvas.getContext("2d").getImageData(x, row, 1, 1).data];
        }"""
        return tuple(self.plot.evaluate(script, [row, share]))

    def color_by(self, name):
        self.frame.get_by_role("button", name=name).click()


@pytest.fixture
def open_heat(open_tab):
    return lambda logdir, link=LINK, **kwargs: Heat(open_tab(logdir, link, **kwargs))


@pytest.mark.parametrize("fast", [True, False], ids=["rust", "python"])
def test_the_readout_of_a_cell_says_what_the_files_and_the_schedule_say(open_heat, trained, fast):
    heat = open_heat(trained, fast=fast)
    heat.frame.get_by_label("Run of the heat map").select_option("polynomial/sparsity")
    heat.wait_until_drawn(str(len(logs.SIZES) * logs.STEPS))
    files = logs.read(trained / "polynomial" / "sparsity")
    schedule = tb_sparsity.PolynomialDecay(**logs.POLYNOMIAL)
    for row, weight in enumerate(logs.SIZES):
        for step in (1, 12, 13, 34, 61, logs.STEPS):
            heat.point(row, step, (0, logs.STEPS))
            expect(heat.said("step")).to_have_text(str(step))
            expect(heat.said("weight")).to_have_text(weight)
            measured, due = logs.at(files[f"sparsity/{weight}"], step), logs.due(schedule, step)
            expect(heat.said("measured")).to_have_text(percent(measured))
            if due is None:
                expect(heat.figure.get_by_text("target from 13")).to_be_visible()
                continue
            expect(heat.figure.get_by_text(f"target at {due[0]}", exact=True)).to_be_visible()
            expect(heat.said("target")).to_have_text(percent(due[1]))
            difference = number(heat.said("difference").inner_text().removesuffix(" points"))
            assert difference == pytest.approx(100 * (measured - due[1]), abs=0.051)
    heat.tab.leave()
    expect(heat.said("step")).to_have_count(0)
    expect(heat.figure.get_by_text("Last values:")).to_be_visible()


def test_differences_show_the_weight_that_is_off_and_only_that(open_heat, drifting):
    heat = open_heat(drifting, f"{LINK}&p.sparsity.heat=difference").wait_until_drawn()
    steps = (0, DRIFTING_END)
    files = logs.read(drifting / "drift" / "sparsity")
    measured = logs.at(files["sparsity/dense/kernel"], DRIFTING_END)
    below = f"{100 * (0.8 - measured):.1f} points below at step 1,000"
    expect(heat.figure).to_contain_text(f"Furthest from its schedule: dense/kernel, {below}.")
    expect(heat.figure.get_by_text("50 points below")).to_be_visible()  # the legend
    conv, dense = 0, 1
    on = heat.pixel(conv, 700, steps)
    assert heat.pixel(conv, 1150, steps) == on  # nothing happens in the row that is on schedule
    assert heat.pixel(dense, 300, steps) == on
    red, _, blue, opacity = heat.pixel(dense, 1150, steps)
    assert red > blue + 40  # orange is below
    assert opacity == on[3] == 255
    assert heat.pixel(conv, 50, steps)[3] == 0  # nothing is due yet
    heat.figure.get_by_role("button", name="dense/kernel").first.click()
    expect(heat.tab.weight("dense/kernel")).to_be_visible()


def test_what_the_colours_show_is_in_the_link(open_heat, drifting):
    heat = open_heat(drifting, f"{LINK}&p.sparsity.heat=difference").wait_until_drawn()
    difference = heat.frame.get_by_role("button", name="Difference to schedule")
    expect(difference).to_have_attribute("aria-pressed", "true")
    heat.color_by("Sparsity")
    expect(heat.page).not_to_have_url(re.compile(r"p\.sparsity\.heat="))
    expect(heat.figure).to_contain_text("to 80.0\u2009% in conv/kernel")
    heat.color_by("Difference to schedule")
    expect(heat.page).to_have_url(re.compile(r"p\.sparsity\.heat=difference"))
    heat.page.reload()
    expect(difference).to_have_attribute("aria-pressed", "true")


def deep(logdir):
    """300 weights of 50 steps: the sparsity of each is its place, and grows by a tenth on the way."""
    names = {f"encoder/block_{i // 4}/dense_{i % 4}/kernel": 100 for i in range(300)}
    values = {name: {s: i / 400 + 0.1 * s / 50 for s in range(1, 51)} for i, name in enumerate(names)}
    points = [(s, {f"sparsity/{name}": values[name][s] for name in names}) for s in range(1, 51)]
    logs.write(logdir / "deep", names, points)
    return list(names)


def test_hundreds_of_rows_are_drawn_found_and_filtered(open_heat, tmp_path):
    names = deep(tmp_path)
    heat = open_heat(tmp_path).wait_until_drawn(str(300 * 50))
    files = logs.read(tmp_path / "deep" / "sparsity")
    expect(heat.figure).to_have_attribute("data-rows", "300")
    assert heat.plot.bounding_box()["height"] == 900  # three pixels each
    steps = (0, 50)
    for row in (0, 101, 150):
        for step in (1, 30, 50):
            heat.point(row, step, steps)
            expect(heat.said("weight")).to_have_text(names[row])
            expect(heat.said("step")).to_have_text(str(step))
            measured = logs.at(files[f"sparsity/{names[row]}"], step)
            assert number(heat.said("measured").inner_text()) == pytest.approx(100 * measured, abs=0.0501)
            expect(heat.figure.get_by_text("no schedule")).to_be_visible()
    # the sparser, the darker
    shades = [sum(heat.pixel(row, 50, steps)[:3]) for row in range(0, 300, 20)]
    assert shades == sorted(shades, reverse=True)
    assert len(set(shades)) == len(shades)

    heat.frame.get_by_label("Filter weights").fill("block_7/")
    expect(heat.figure).to_have_attribute("data-rows", "4")
    expect(heat.figure).to_contain_text("4 of 300 weights")
    heat.point(3, 50, steps)
    expect(heat.said("weight")).to_have_text("encoder/block_7/dense_3/kernel")
    heat.page.mouse.click(*heat.position(2, 20, steps))
    expect(heat.frame.get_by_role("tab", name="Layers")).to_have_attribute("aria-selected", "true")
    expect(heat.tab.weight("encoder/block_7/dense_2/kernel")).to_be_visible()
    heat.frame.get_by_role("tab", name="Heat map").click()
    heat.frame.get_by_label("Filter weights").fill("nothing like it")
    expect(heat.figure).to_contain_text("No weight matches.")
    heat.frame.get_by_label("Filter weights").fill("")
    expect(heat.figure).to_have_attribute("data-rows", "300")


def test_the_keyboard_reaches_every_cell(open_heat, tmp_path):
    names = deep(tmp_path)
    heat = open_heat(tmp_path).wait_until_drawn()

    def at(row, step):
        expect(heat.said("weight")).to_have_text(names[row])
        expect(heat.said("step")).to_have_text(str(step))
        said = re.compile(re.escape(f"{names[row]} at step {step}: {heat.said('measured').inner_text()}"))
        expect(heat.figure).to_have_attribute("aria-label", said)

    press = heat.tab.press
    press(heat.figure, "ArrowDown")
    at(0, 50)
    press(heat.figure, "ArrowDown", "ArrowDown", "ArrowLeft")
    at(2, 49)
    press(heat.figure, "Home", "ArrowRight", "ArrowUp")
    at(1, 2)
    press(heat.figure, *["PageDown"] * 40)
    at(299, 2)
    expect(heat.figure.locator(".heat-row-mark")).to_be_in_viewport()
    press(heat.figure, "Escape")
    expect(heat.said("weight")).to_have_count(0)
    press(heat.figure, "ArrowDown", "ArrowDown", "Enter")
    expect(heat.tab.weight(names[1])).to_be_visible()


def test_dragging_zooms_and_a_double_click_shows_all_again(open_heat, tmp_path):
    names = deep(tmp_path)
    heat = open_heat(tmp_path).wait_until_drawn()
    mouse = heat.page.mouse
    mouse.move(*heat.position(10, 20, (0, 50)))
    mouse.down()
    mouse.move(*heat.position(10, 30, (0, 50)))
    mouse.move(*heat.position(10, 40, (0, 50)))
    mouse.up()
    reset = heat.frame.get_by_role("button", name="Reset zoom")
    expect(reset).to_contain_text(re.compile("(19|20)\u2013(40|41)"))
    zoomed = [int(step) for step in re.findall(r"\d+", reset.inner_text())]
    heat.point(5, 25, zoomed)
    expect(heat.said("step")).to_have_text("25")
    heat.point(5, 38, zoomed)
    expect(heat.said("step")).to_have_text("38")
    mouse.dblclick(*heat.position(5, 30, zoomed))
    expect(reset).to_have_count(0)
    expect(heat.plot).to_be_visible()  # neither click has opened a weight
    heat.point(5, 25, (0, 50))
    expect(heat.said("step")).to_have_text("25")
    expect(heat.said("weight")).to_have_text(names[5])


def test_gaps_and_weights_that_are_not_scheduled_have_no_colour(open_heat, tmp_path):
    schedule = tb_sparsity.ConstantSparsity(0.5, begin_step=1, frequency=1)
    hostile = '<img src=x onerror="window.pwned=1">/kernel'
    points = [
        (step, {"sparsity/a/kernel": math.nan if 4 <= step <= 6 else 0.5, f"sparsity/{hostile}": 0.25})
        for step in range(1, 11)
    ]
    sizes = {"a/kernel": 100, hostile: 100}
    logs.write(tmp_path / "gaps", sizes, points, {"a/kernel": schedule, hostile: None}, total_steps=20)
    heat = open_heat(tmp_path).wait_until_drawn(str(7 + 10))
    steps = (0, 20)
    assert [heat.pixel(0, step, steps)[3] for step in (2, 5, 8, 15)] == [255, 0, 255, 0]
    heat.point(0, 5, steps)
    expect(heat.said("measured")).to_have_text("no value")
    heat.point(1, 5, steps)
    expect(heat.said("weight")).to_have_text(hostile)
    heat.color_by("Difference to schedule")
    assert [heat.pixel(row, 8, steps)[3] for row in (0, 1)] == [255, 0]
    expect(heat.figure).to_contain_text("On schedule at all steps.")


def test_a_page_without_a_shown_run_says_what_to_do(open_heat, drifting):
    heat = open_heat(drifting).wait_until_drawn()
    heat.tab.run("drift/sparsity").click()
    expect(heat.tab.main).to_contain_text("Choose a run on the left.")
    heat.tab.run("drift/sparsity").click()
    heat.wait_until_drawn()
