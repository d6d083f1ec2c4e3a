"""Charts, pages and what notebooks show: well-formed, harmless, in the tab's colours."""

import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import tb_sparsity
from tb_sparsity.charts import PALETTE, Bar, Chart, Curve, frame_of, hues, percent, svg, svg_bars, thinned
from tb_sparsity.report.html import schedule_page
from tb_sparsity.report.page import report_page
from tb_sparsity.schedules import PruningSchedule
from tb_sparsity.schedules.preview import preview
from tests.browser import logs
from tests.conftest import ROOT

SVG = "{http://www.w3.org/2000/svg}"
BAD = '</title><script>window.pwned=1</script><img src=x onerror="pwned=1">\u202e'


def parsed(picture):
    return ElementTree.fromstring(picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def corners(path):
    return [tuple(map(float, pair.split())) for pair in re.split("[ML]", path.get("d"))[1:]]


def test_the_palette_is_the_tabs_and_so_is_who_gets_which_hue():
    source = (ROOT / "frontend" / "src" / "data" / "colors.ts").read_text()
    rows = re.findall(r"(light|dark): \[(.*?)\]", source)
    assert {theme: tuple(re.findall("#[0-9a-f]{6}", row)) for theme, row in rows} == PALETTE
    # What the page's own `assignHues` makes of these names.
    expected = {"constant-0.875": 3, "dense": 5, "polynomial-0.875": 7, "run 0": 4, "run 1": 6, "run 2": 0, "run 3": 1}
    expected |= {"run 4": 2, "run 5": 0, "run 6": 1, "run 7": 2, "run 8": 3, "ünïcode 🙂": 6}
    assert hues(reversed(expected)) == expected


def test_a_curve_goes_through_its_points_with_gaps_where_it_has_none():
    chart = Chart("t", "d", [Curve([0, 10, 20, 30], [0.0, 0.5, math.nan, 1.0])], percent_y=True, y_range=(0, 1))
    picture = parsed(svg(chart, 400, 200))
    frame = frame_of(chart, 400, 200)
    (path,) = picture.findall(f"{SVG}path")
    assert corners(path) == [(56.0, 172.0), (pytest.approx(56 + 324 / 3, abs=0.1), 91.0), (380.0, 10.0)]
    assert path.get("d").count("M") == 2
    assert (frame.x(30), frame.y(1)) == (380, 10)
    labels = [text.text for text in picture.findall(f"{SVG}text")]
    assert {"0\u2009%", "100\u2009%", "0", "30"} <= set(labels)
    assert picture.find(f"{SVG}title").text == "t"


@pytest.mark.parametrize(
    ("x", "y"),
    [([], []), ([5], [0.5]), ([1, 2], [math.nan, math.inf]), ([0, 1], [3.0, 3.0]), ([0, 1], [-1e-12, 1e30])],
)
def test_odd_curves_are_drawn_too(x, y):
    text = svg(Chart("t", "d", [Curve(x, y, dots=True)]))
    parsed(text)
    assert not re.search("nan|inf", text)


def test_a_long_curve_keeps_its_peaks_and_ends():
    y = np.sin(np.arange(20_000) / 3000)
    y[777], y[15_003] = 9.0, -9.0
    x, kept = thinned(Curve(np.arange(20_000), y))
    assert len(x) < 1000
    assert {0, 777, 15_003, 19_999} <= set(x.astype(int))
    assert np.array_equal(kept, y[x.astype(int)])


def test_bars_are_as_long_as_what_they_stand_for():
    picture = parsed(svg_bars("t", "d", [Bar("a", 400, "400", 0), Bar(BAD, 100, BAD, 1)]))
    long, short = (float(bar.get("width")) for bar in picture.findall(f"{SVG}rect"))
    assert long == pytest.approx(4 * short, abs=0.2)


@pytest.mark.parametrize(("share", "text"), [(0.875, "87.5"), (0.3125, "31.3"), (-1e-9, "0.0"), (-0.5, "\u221250.0")])
def test_percent_is_written_as_the_tab_does(share, text):
    assert percent(share) == f"{text}\u2009%"


class Jumping(PruningSchedule):
    """Of a user, for single steps only."""

    def __call__(self, step):
        return step % 10 == 0, 0.5 if step > 50 else 0.0


@pytest.mark.parametrize(
    "schedule",
    [
        tb_sparsity.ConstantSparsity(0.5, 0),
        tb_sparsity.PolynomialDecay(0.1, 0.8, 13, 61, frequency=7),
        tb_sparsity.OneShot(0.5, 100),
        PruningSchedule.join(tb_sparsity.OneShot(0.5, 10), tb_sparsity.CosineSparsity(0.5, 0.9, 20, 50, frequency=4)),
        tb_sparsity.FunctionSchedule(lambda step: 0.9 * step / (step + 100), end_step=500),
        Jumping(),
    ],
)
def test_a_notebook_shows_a_schedules_curve(schedule):
    shown = schedule._repr_html_()
    picture = parsed(shown[shown.index("<svg") : shown.index("</svg>") + 6])
    found = preview(schedule)
    asked = corners(picture.findall(f"{SVG}path")[0])
    frame = frame_of(found.chart(), 720, 220)
    steps = found.step[np.isfinite(found.target)]
    assert asked[0] == (
        pytest.approx(frame.x(steps[0]), abs=0.06),
        pytest.approx(frame.y(schedule(int(steps[0]))[1]), abs=0.06),
    )
    assert asked[-1][1] == pytest.approx(frame.y(schedule(found.steps)[1]), abs=0.06)
    if found.updates is not None:
        due, sparsity = (
            np.array(column) for column in zip(*(schedule(s) for s in range(1, found.steps + 1)), strict=True)
        )
        assert found.updates == due.sum()
        assert found.reached == pytest.approx(sparsity[due][-1])
        for step, mask in zip(found.step, found.masks, strict=True):
            before = np.flatnonzero(due[:step])
            assert mask == pytest.approx(sparsity[before[-1]] if before.size else 0.0)


def test_a_schedule_that_can_not_be_evaluated_is_shown_as_text():
    class ForTensors(PruningSchedule):
        def __call__(self, step):
            raise TypeError(BAD)

        def get_config(self):
            return {"what": "<b>"}

    assert ForTensors()._repr_html_() == "ForTensors(what=&#x27;&lt;b&gt;&#x27;)"


def test_a_learning_rate_has_no_chart(tmp_path):
    values = {logs.TOTAL: 0.5, "metrics/learning_rate": 0.25, "metrics/val_loss": 1.0}
    logs.write(tmp_path / "run", {"a": 100}, [(1, values), (2, values)], tb_sparsity.OneShot(0.5, 1))
    page = report_page(tb_sparsity.read_logs(tmp_path).values())
    assert {"val_loss", "val_loss over sparsity"} <= set(re.findall("<title>(.*?)</title>", page))
    assert "<title>learning_rate" not in page
    assert re.search("<td[^>]*>learning_rate</td>", page)


class Elements(HTMLParser):
    """Which elements and attributes a browser would find."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_names_in_a_page_are_text_and_nothing_is_fetched(tmp_path):
    values = {f"sparsity/{BAD}": 0.5, logs.TOTAL: 0.5, f"metrics/{BAD}": 1.0}
    logs.write(tmp_path / "a<b>&'\"", {BAD: 100}, [(1, values)], tb_sparsity.OneShot(0.5, 1))
    page = report_page(tb_sparsity.read_logs(tmp_path).values())
    found = Elements()
    found.feed(page)
    assert found.tags <= {
        *("html", "head", "meta", "title", "style", "body", "main", "footer", "section", "div", "figure"),
        *("h1", "h2", "h3", "p", "ul", "li", "span", "table", "thead", "tbody", "tr", "th", "td"),
        *("svg", "desc", "rect", "line", "text", "path", "circle"),
    }
    assert not found.attributes & {"src", "href", "onerror", "srcset", "action"}
    assert not re.search(r"\u202e|@import|url\(", page)
    assert "a&lt;b&gt;&amp;&#x27;&quot;" in page
    assert "default-src 'none'" in page
    assert not re.search(r"<script|https?://", schedule_page(preview(tb_sparsity.OneShot(0.5, 10))))
