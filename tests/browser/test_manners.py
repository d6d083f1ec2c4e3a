"""What a chart owes its user: axes of time, zooming, legends, links, and a page that stays as it was left."""

import csv
import re
from datetime import datetime

import numpy as np
import pytest
from playwright.sync_api import expect
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event

import tb_sparsity
from tb_sparsity.events.records import frame
from tests.browser import logs
from tests.browser.logs import TOTAL, percent
from tests.browser.tab import Tab
from tests.browser.test_export import download
from tests.plugin.damage import payloads

pytestmark = pytest.mark.browser

START = 1_795_201_103.25
SCHEDULE = {"initial_sparsity": 0.0, "final_sparsity": 0.8, "begin_step": 10, "end_step": 70, "frequency": 5}


def steady(step):
    return START + (step - 1) / 2


def paused(step):
    return START + 100 + (step - 1) / 5 + 10 * (step > 40)


CLOCKS = {"paused": paused, "steady": steady}


def write(log_dir, clock, last=80):
    """A run of a step each moment that `clock` names."""
    schedule = tb_sparsity.PolynomialDecay(**SCHEDULE)
    points = []
    for step in range(1, last + 1):
        due = logs.due(schedule, step)
        sparsity = due[1] if due else 0.0
        points.append((step, {"sparsity/a/kernel": sparsity, TOTAL: sparsity, "metrics/loss": 1 / step}))
    logs.write(log_dir, {"a/kernel": 1000}, points, schedule)
    (file,) = (log_dir / "sparsity").iterdir()
    events = [Event.FromString(payload) for payload in payloads(file.read_bytes())]
    for event in events:
        event.wall_time = clock(max(event.step, 1))
    file.write_bytes(b"".join(frame(event.SerializeToString()) for event in events))


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("timed")
    for name, clock in CLOCKS.items():
        write(logdir / name, clock)
    return logdir


class Curve:
    """What a run's files say of a tag: its points over the time that they were written at."""

    def __init__(self, logdir, run, tag=TOTAL):
        files = EventAccumulator(str(logdir / run / "sparsity"), size_guidance={"scalars": 0}).Reload()
        self.step, self.time, self.value = np.array([(e.step, e.wall_time, e.value) for e in files.Scalars(tag)]).T

    def at(self, time):
        """`(step, value)` of the last point that was there at a time; None before the first."""
        i = np.searchsorted(self.time, time, side="right") - 1
        return (int(self.step[i]), float(self.value[i])) if i >= 0 else None


@pytest.fixture(scope="module")
def curves(timed):
    return {name: Curve(timed, name) for name in CLOCKS}


def choose_axis(tab, name):
    tab.frame.get_by_label("Horizontal axis").select_option(name)


def stamp(time):
    """A time as the page writes it, in the zone of this machine."""
    return f"{datetime.fromtimestamp(time):%Y-%m-%d %H:%M:%S}"


def says_time(figure):
    return figure.locator('[data-readout="time"]')


def reset(tab):
    return tab.frame.get_by_role("button", name="Reset zoom")


def zoom_of(tab):
    """The steps that the charts show, which the address says, too."""
    steps = re.findall(r"\d+", reset(tab).inner_text())
    expect(tab.page).to_have_url(re.compile(rf"p\.sparsity\.zoom={steps[0]}-{steps[1]}(&|$)"))
    return int(steps[0]), int(steps[1])


def zoom_in(tab, times, action):
    """What an action makes of the zoom, each time another one."""
    before = re.compile("^$")
    for _ in range(times):
        action()
        expect(reset(tab)).to_be_visible()
        expect(reset(tab)).not_to_have_text(before)
        before = reset(tab).inner_text()
    return zoom_of(tab)


@pytest.mark.parametrize("fast", [True, False], ids=["rust", "python"])
def test_on_an_axis_of_time_each_run_is_where_it_was_then(open_tab, timed, curves, fast):
    tab = open_tab(timed, fast=fast).wait_until_drawn()
    choose_axis(tab, "Relative time")
    expect(tab.total).to_have_attribute("data-points", "160")
    starts = {name: curve.time.min() for name, curve in curves.items()}
    places = np.unique([t for name, curve in curves.items() for t in curve.time - starts[name]])
    tab.press(tab.total, "Home", *["ArrowRight"] * 60)
    for place in places[60:64]:
        expect(says_time(tab.total)).to_have_text(f"{place:.1f} s")
        for name, curve in curves.items():
            step, value = curve.at(starts[name] + place)
            for figure in (tab.total, tab.weight("a/kernel")):
                expect(tab.readout(figure, "measured", f"{name}/sparsity")).to_have_text(percent(value))
            due, _ = logs.due(tb_sparsity.PolynomialDecay(**SCHEDULE), step)
            expect(tab.readout(tab.total, "step", f"{name}/sparsity")).to_have_text(str(step))
            expect(tab.readout(tab.total, "due", f"{name}/sparsity")).to_have_text(str(due))
        tab.press(tab.total, "ArrowRight")

    choose_axis(tab, "Wall time")
    tab.press(tab.total, "Home")
    expect(says_time(tab.total)).to_have_text(stamp(starts["steady"]))
    expect(tab.readout(tab.total, "measured", "paused/sparsity")).to_have_text("\u2013")  # not begun
    tab.press(tab.total, "End")
    end = curves["paused"].time.max()
    expect(says_time(tab.total)).to_have_text(stamp(end))
    expect(tab.total).to_have_attribute("aria-label", re.compile(f"; at {stamp(end)}: "))


def test_curves_and_crosshair_are_drawn_at_their_times(open_tab, timed, curves):
    tab = open_tab(timed, "&p.sparsity.axis=relative").wait_until_drawn()
    whole = (0, max(np.ptp(curve.time) for curve in curves.values()))
    for place in (15.5, 27.0):
        tab.hover(tab.total, place, whole)
        expect(says_time(tab.total)).to_have_text(f"{place:.1f} s")
        x, _ = tab.position(tab.total, place, 0, whole)
        assert tab.total.locator(".crosshair").bounding_box()["x"] == pytest.approx(x, abs=1)
        heights = [
            tab.position(tab.total, 0, curve.at(curve.time.min() + place)[1], whole)[1] for curve in curves.values()
        ]
        dots = [dot.bounding_box() for dot in tab.total.locator(".dot").all()]
        assert sorted(d["y"] + d["height"] / 2 for d in dots) == pytest.approx(sorted(heights), abs=1)
    # An open chart of the table has the same axis.
    tab.frame.get_by_role("tab", name="Layers").click()
    tab.frame.locator('tr[data-row="a/kernel"] button').click()
    tab.hover(tab.weight("a/kernel"), 15.5, whole)
    expect(says_time(tab.weight("a/kernel"))).to_have_text("15.5 s")
    # And so has a difference: of what both runs logged at the same step.
    tab.frame.get_by_role("tab", name="Compare").click()
    tab.frame.get_by_label("Baseline").select_option("steady/sparsity")
    difference = tab.frame.locator('figure[data-chart="difference"]')
    tab.hover(difference, 15.5, whole)
    expect(says_time(difference)).to_have_text("15.5 s")
    step, _ = curves["paused"].at(curves["paused"].time.min() + 15.5)
    expect(tab.readout(difference, "step", "paused/sparsity")).to_have_text(str(step))


def test_a_zoom_belongs_to_the_axis_that_it_was_made_on(open_tab, timed, curves, tmp_path):
    tab = open_tab(timed, "&p.sparsity.axis=relative").wait_until_drawn()
    whole = (0, max(np.ptp(curve.time) for curve in curves.values()))
    tab.drag(tab.total, 10, 20, whole)
    expect(reset(tab)).to_be_visible()
    expect(tab.page).to_have_url(re.compile("zoom=relative"))
    first, last = map(float, re.search(r"zoom=relative%3A([\d.]+)-([\d.]+)", tab.page.url).groups())
    assert (first, last) == pytest.approx((10, 20), abs=0.2)
    tab.press(tab.total, "Home")
    places = np.concatenate([curve.time - curve.time.min() for curve in curves.values()])
    expect(says_time(tab.total)).to_have_text(f"{places[places >= first].min():.1f} s")
    choose_axis(tab, "Step")
    expect(reset(tab)).to_have_count(0)
    tab.press(tab.total, "Home")
    expect(tab.readout(tab.total, "step")).to_have_text("1")
    choose_axis(tab, "Relative time")
    expect(reset(tab)).to_contain_text(f"{first:.1f} s")
    with download(tab, "CSV of Model sparsity", tmp_path).open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["step", "paused", "steady", "paused seconds", "steady seconds"]
    table = np.array(rows, float)
    for i, name in enumerate(("paused", "steady")):
        np.testing.assert_allclose(table[:, 3 + i], curves[name].time - curves[name].time.min(), atol=1e-5)

    # Opened anew, without a link, the tab is as it was left.
    tab.frame.get_by_role("tab", name="Layers").click()
    tab.page.goto("about:blank")
    tab.page.goto(tab.url)
    expect(tab.frame.get_by_role("tab", name="Layers")).to_have_attribute("aria-selected", "true")
    expect(tab.frame.get_by_label("Horizontal axis")).to_have_value("relative")
    expect(reset(tab)).to_contain_text(f"{first:.1f} s")


def test_a_clock_that_was_put_back_breaks_nothing(open_tab, tmp_path):
    write(tmp_path / "back", lambda step: START + step - 30 * (step > 40))
    tab = open_tab(tmp_path, "&p.sparsity.axis=relative").wait_until_drawn()
    expect(tab.total).to_have_attribute("data-points", "80")
    tab.press(tab.total, "Home", *["ArrowRight"] * 45)
    expect(tab.readout(tab.total, "step", "back/sparsity")).to_have_text("46")
    expect(says_time(tab.total)).to_have_text("39.0 s")  # it stands still until it is caught up
    tab.press(tab.total, "End")
    expect(tab.readout(tab.total, "step", "back/sparsity")).to_have_text("80")


def test_a_chart_that_comes_onto_the_screen_has_the_zoom_of_the_others(open_tab, timed):
    tab = open_tab(timed).wait_until_drawn()
    height = 640
    tab.page.set_viewport_size({"width": 1400, "height": height})
    weight = tab.weight("a/kernel")
    expect(weight).to_have_attribute("data-points", re.compile(r"\d+"))  # drawn ahead
    assert height < weight.bounding_box()["y"] < height + 240
    first, last = zoom_in(tab, 1, lambda: tab.drag(tab.total, 20, 40, (0, 80)))
    weight.scroll_into_view_if_needed()
    tab.hover(weight, (first + last) / 2, (first, last))
    expect(weight).to_have_attribute("aria-label", re.compile("at step (29|30|31):"))
    expect(weight.locator(".crosshair")).to_be_visible()


def test_the_wheel_scrolls_and_with_a_modifier_zooms_all_charts(open_tab, timed):
    tab = open_tab(timed).wait_until_drawn()
    tab.hover(tab.total, 40, (0, 80))
    top = tab.main.evaluate("() => window.scrollY")
    tab.page.mouse.wheel(0, 120)
    tab.main.page.wait_for_function("top => document.querySelector('iframe').contentWindow.scrollY > top", arg=top)
    expect(reset(tab)).to_have_count(0)
    for key in ("Control", "Alt", "Meta"):
        tab.hover(tab.total, 20, (0, 80))
        scrolled = tab.main.evaluate("() => window.scrollY")
        tab.page.keyboard.down(key)
        first, last = zoom_in(tab, 3, lambda: tab.page.mouse.wheel(0, -100))
        tab.page.keyboard.up(key)
        assert last - first < 60
        # The step under the pointer stays there, in all charts.
        assert (20 - first) / (last - first) == pytest.approx(20 / 80, abs=0.04)
        assert tab.main.evaluate("() => window.scrollY") == scrolled
        tab.hover(tab.weight("a/kernel"), 20, (first, last))
        expect(tab.readout(tab.total, "step")).to_have_text(re.compile("19|20|21"))
        tab.total.locator(".u-over").dblclick()
        expect(reset(tab)).to_have_count(0)
    tab.frame.get_by_role("tab", name="Heat map").click()
    tab.frame.locator(".heat-plot").hover()
    tab.page.keyboard.down("Control")
    first, last = zoom_in(tab, 3, lambda: tab.page.mouse.wheel(0, -100))
    tab.page.keyboard.up("Control")
    assert (first + last) / 2 == pytest.approx(40, abs=2)


def test_a_zoomed_chart_is_moved_along_and_zoomed_by_keys(open_tab, timed):
    tab = open_tab(timed).wait_until_drawn()
    tab.drag(tab.total, 20, 40, (0, 80))
    assert zoom_of(tab) == (20, 40)
    tab.page.keyboard.down("Shift")
    tab.drag(tab.total, 35, 25, (20, 40))
    tab.page.keyboard.up("Shift")
    expect(reset(tab)).to_contain_text("30–50")
    tab.page.keyboard.press("Escape")
    tab.press(tab.total, "Home", *["ArrowRight"] * 29)  # step 30
    first, last = zoom_in(tab, 3, lambda: tab.page.keyboard.press("+"))
    assert last - first < 40
    assert (30 - first) / (last - first) == pytest.approx(30 / 80, abs=0.05)
    expect(tab.readout(tab.total, "step")).to_have_text("30")
    for _ in range(4):
        tab.page.keyboard.press("-")
    expect(reset(tab)).to_have_count(0)


def test_the_crosshair_leaves_with_the_focus(open_tab, timed):
    tab = open_tab(timed).wait_until_drawn()
    crosshair = tab.total.locator(".crosshair")
    tab.press(tab.total, "ArrowLeft", "Tab", "ArrowLeft")  # its first button has the focus, and the chart its keys
    expect(crosshair).to_be_visible()
    for _ in range(tab.total.get_by_role("button").count()):
        expect(tab.total.locator(":focus")).to_have_count(1)
        tab.page.keyboard.press("Tab")
    expect(tab.total.locator(":focus")).to_have_count(0)
    expect(crosshair).to_be_hidden()


def test_a_name_in_the_legend_hides_its_run_or_shows_it_alone(open_tab, timed):
    tab = open_tab(timed).wait_until_drawn()

    def shown():
        return [tab.run(f"{name}/sparsity").get_attribute("aria-pressed") for name in ("paused", "steady")]

    def name(run):
        return tab.total.get_by_role("button", name=run, exact=True)

    name("steady").click()
    expect(tab.total).to_have_attribute("data-points", "80")
    expect(tab.total).to_be_focused()
    assert shown() == ["true", "false"]
    tab.run("steady/sparsity").click()
    expect(tab.total).to_have_attribute("data-points", "160")
    name("steady").click(modifiers=["Alt"])
    expect(tab.total).to_have_attribute("data-points", "80")
    assert shown() == ["false", "true"]
    tab.run("steady/sparsity").click(modifiers=["Alt"])  # on the left, too: now all are back
    expect(tab.total).to_have_attribute("data-points", "160")
    name("paused").focus()
    tab.page.keyboard.press("Alt+Enter")
    expect(tab.total).to_have_attribute("data-points", "80")
    assert shown() == ["true", "false"]


def test_a_copied_link_shows_the_same_whatever_its_reader_had(browser, open_tab, timed):
    tab = open_tab(timed).wait_until_drawn()
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.frame.get_by_role("button", name="Copy link").click()
    said = tab.frame.locator(".copy-link").get_by_role("status")
    expect(said).to_have_text("Copied")
    plain = tab.page.evaluate("() => navigator.clipboard.readText()")
    expect(said).to_have_text("")

    reader = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    other = Tab(reader, tab.url.split("#")[0], "&p.sparsity.axis=wall&p.sparsity.view=layers&p.sparsity.zoom=3-9")
    expect(other.frame.get_by_label("Horizontal axis")).to_have_value("wall")
    other.run("steady/sparsity").click()
    expect(other.run("steady/sparsity")).to_have_attribute("aria-pressed", "false")
    reader.goto("about:blank")
    reader.goto(plain)
    expect(other.run("steady/sparsity")).to_have_attribute("aria-pressed", "true")
    expect(other.frame.get_by_role("tab", name="Overview")).to_have_attribute("aria-selected", "true")
    expect(other.frame.get_by_label("Horizontal axis")).to_have_value("step")
    expect(reset(other)).to_have_count(0)
    reader.context.close()


def test_a_link_that_may_not_be_copied_is_there_to_be_copied(page, open_tab, timed):
    # As on a page without TLS that isn't on this machine.
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    tab = open_tab(timed, "&p.sparsity.axis=wall")
    tab.frame.get_by_role("button", name="Copy link").click()
    field = tab.frame.get_by_label("Link to this view")
    expect(field).to_be_focused()
    link = field.input_value()
    assert re.fullmatch(re.escape(tab.url) + r"&p\.sparsity\.axis=wall&p\.sparsity\.view=overview", link)
    assert field.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)") == link
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    expect(tab.frame.get_by_role("button", name="Copy link")).to_be_focused()


def test_new_data_leaves_view_scroll_and_zoom_as_they_are(page, tensorboard, tmp_path):
    write(tmp_path / "one", steady)
    server = tensorboard(tmp_path)
    server.index(lambda runs: runs.get("one/sparsity", {}).get("last_step") == 80)
    tab = Tab(page, server.url).wait_until_drawn()
    tab.drag(tab.total, 20, 40, (0, 80))
    assert zoom_of(tab) == (20, 40)
    tab.main.evaluate("() => window.scrollTo(0, 150)")
    scrolled = tab.main.evaluate("() => window.scrollY")
    assert scrolled > 0

    write(tmp_path / "two", steady)
    server.index(lambda runs: runs.get("two/sparsity", {}).get("last_step") == 80)
    tab.reload_data()
    expect(tab.total).to_have_attribute("data-points", "160")
    expect(tab.weight("a/kernel")).to_have_attribute("data-points", "160")
    expect(reset(tab)).to_contain_text("20–40")
    assert tab.main.evaluate("() => window.scrollY") == scrolled
