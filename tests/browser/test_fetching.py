"""What the tab asks of TensorBoard: the curves that are seen, once, and only as long as someone wants them."""

import gzip
import re

import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.loaded import wait_until_loaded
from tests.browser.tab import Tab
from tests.conftest import ROOT

RUNS = ("one", "two")
WEIGHTS = {f"layer_{i:03}/kernel": 1000 for i in range(150)}
SCHEDULE = tb_sparsity.PolynomialDecay(0.0, 0.8, begin_step=10, end_step=90, frequency=10)
AHEAD = 240  # pixels beyond the screen within which a chart is made ready


def points(first, last):
    for step in range(first, last + 1, 10):
        share = (logs.due(SCHEDULE, step) or (0, 0.0))[1]
        values = {f"sparsity/{name}": share for name in WEIGHTS} | {logs.TOTAL: share, "metrics/loss": 1 / step}
        yield step, values


@pytest.fixture
def logdir(tmp_path):
    for run in RUNS:
        logs.write(tmp_path / run, WEIGHTS, points(10, 100), SCHEDULE, total_steps=200)
    return tmp_path


class Asked:
    """The curves that the page asks for: those with all their points, not the last values."""

    def __init__(self, page):
        self.requests = []
        page.on("request", self._see)

    def _see(self, request):
        if request.url.endswith("/plugin/sparsity/series") and request.post_data_json["points"] > 1:
            self.requests.append(request)

    def series(self):
        return [(one["run"], one["tag"]) for request in self.requests for one in request.post_data_json["series"]]


@pytest.fixture
def asked(page):
    return Asked(page)


@pytest.fixture
def tab(page, asked, tensorboard, logdir):
    server = wait_until_loaded(tensorboard(logdir), logdir)
    return Tab(page, server.url).wait_until_drawn()


def near(tab):
    """The weights whose charts are on the screen, or nearly."""
    found = tab.weights.evaluate_all(
        """(figures, ahead) => figures
          .filter((figure) => {
            const { top, bottom } = figure.getBoundingClientRect();
            return bottom > -ahead && top < innerHeight + ahead;
          })
          .map((figure) => figure.dataset.weight)""",
        AHEAD,
    )
    assert 0 < len(found) < len(WEIGHTS) / 2
    return set(found)


def wait_until_all_drawn(tab, names):
    for name in names:
        expect(tab.weight(name)).to_have_attribute("data-points", str(10 * len(RUNS)))


def curves(names):
    return {(f"{run}/sparsity", f"sparsity/{name}") for run in RUNS for name in names}


def test_only_charts_on_the_screen_are_fetched_and_only_once(tab, asked):
    first = near(tab)
    wait_until_all_drawn(tab, first)
    others = {(f"{run}/sparsity", tag) for run in RUNS for tag in (logs.TOTAL, "metrics/loss")}
    assert sorted(asked.series()) == sorted(curves(first) | others)
    tab.weights.last.scroll_into_view_if_needed()
    expect(tab.weights.last).to_have_attribute("data-points", str(10 * len(RUNS)))
    tab.weights.first.scroll_into_view_if_needed()
    wait_until_all_drawn(tab, first)
    series = asked.series()
    assert len(series) == len(set(series)) < len(curves(WEIGHTS))  # what was there is still there
    canvases = tab.frame.locator("canvas").count()
    assert canvases <= len(near(tab)) + 2


def test_a_chart_looks_as_before_after_others_were_drawn_in_its_place(page, tensorboard, tmp_path):
    """Charts that leave the screen are used for those that come: nothing of them may be left."""
    names = {f"layer_{i:02}/kernel": 1000 for i in range(60)}
    # Each weight has a level of its own, half of them in one run only.
    for run, shown in (("one", list(names)), ("two", list(names)[::2])):
        levels = {f"sparsity/{name}": 1 - i / 80 for i, name in enumerate(shown)} | {logs.TOTAL: 0.5}
        rows = ((step, {tag: level * step / 100 for tag, level in levels.items()}) for step in (10, 100))
        logs.write(tmp_path / run, dict.fromkeys(shown, 1000), rows, SCHEDULE, total_steps=100)
    tab = Tab(page, wait_until_loaded(tensorboard(tmp_path), tmp_path).url).wait_until_drawn()

    def picture(weight):
        weight.scroll_into_view_if_needed()
        expect(weight).to_have_attribute("data-points", re.compile(r"[24]"))
        page.mouse.move(5, 5)
        return weight.locator("canvas").evaluate("canvas => canvas.toDataURL()")

    first = [picture(weight) for weight in tab.weights.all()]
    assert len(set(first)) == len(names)
    again = [picture(weight) for weight in reversed(tab.weights.all())]
    assert again[::-1] == first


def test_what_nobody_waits_for_any_more_is_aborted(page, tab, asked):
    wait_until_all_drawn(tab, near(tab))
    page.route("**/plugin/sparsity/series", lambda route: None)  # TensorBoard takes its time
    with page.expect_request("**/plugin/sparsity/series", timeout=10_000) as late:
        tab.weights.last.scroll_into_view_if_needed()
    with page.expect_event("requestfailed", lambda request: request == late.value):
        tab.frame.get_by_label("Filter weights").fill("layer_000")
    assert "ABORTED" in late.value.failure
    page.unroute_all(behavior="ignoreErrors")
    tab.frame.get_by_label("Filter weights").fill("layer_14")
    wait_until_all_drawn(tab, [name for name in WEIGHTS if "layer_14" in name])


def test_after_a_reload_only_the_run_that_went_on_is_fetched_again(page, tab, asked, tensorboard, logdir):
    shown = near(tab)
    wait_until_all_drawn(tab, shown)
    before = len(asked.requests)
    logs.write(logdir / "two", WEIGHTS, points(110, 200), SCHEDULE, total_steps=200)
    server = tensorboard(logdir)
    server.index(lambda runs: runs["two/sparsity"]["last_step"] == 200)
    tab.reload_data()
    for name in shown:
        expect(tab.weight(name)).to_have_attribute("aria-label", re.compile("at step 200"))
    again = {(one["run"], one["tag"]) for r in asked.requests[before:] for one in r.post_data_json["series"]}
    assert {run for run, _ in again} == {"two/sparsity"}
    assert again >= {series for series in curves(near(tab)) if series[0] == "two/sparsity"}
    assert len(again) < len(WEIGHTS) / 2


def test_the_page_is_small():
    script = (ROOT / "tb_sparsity" / "plugin" / "static" / "index.js").read_bytes()
    assert len(gzip.compress(script, mtime=0)) <= 90_000
