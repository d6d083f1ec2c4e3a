"""The report as a file, opened from disk in Chromium with the network cut off."""

import json
import re
import shutil

import pytest

import tb_sparsity
from tb_sparsity import cli
from tb_sparsity.events.reports import write_report
from tb_sparsity.report.compression import CompressionReport, Variant
from tests.browser.logs import percent

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def logdir(trained, tmp_path_factory):
    """Two runs that were really trained; one has a compression report."""
    copied = tmp_path_factory.mktemp("reported") / "logs"
    shutil.copytree(trained, copied)
    variants = (
        Variant("dense", "Keras", 5000, 4000, 1.0, {"accuracy": 0.91}),
        Variant("pruned", "Keras", 5000, 1000, 4.0, {"accuracy": 0.905}),
    )
    write_report(copied / "constant", "compression", CompressionReport(variants, (), 123).to_json())
    return copied


@pytest.fixture
def page(browser):
    """A page without a network, that may log no error."""
    windows, wrong = [], []

    def opened(path, scheme):
        context = browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme=scheme, offline=True)
        window = context.new_page()
        window.on("pageerror", lambda error: wrong.append(str(error)))
        window.on("console", lambda said: wrong.append(said.text))
        window.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
        window.goto(path.as_uri())
        windows.append(context)
        return window

    yield opened
    for context in windows:
        context.close()
    assert not wrong


def table(window, run, title):
    rows = window.locator(f"section:has(h2:text-is('{run}')) div:has(> h3:text-is('{title}')) tbody tr").all()
    return {cells[0]: cells[1:] for cells in (row.locator("td").all_inner_texts() for row in rows)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_disk_and_shows_the_numbers_of_the_json(logdir, page, scheme, tmp_path, capsys):
    written = tmp_path / "report.html"
    assert cli.main(["report", str(logdir), "--html", str(written), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["runs"]
    assert [one["run"] for one in told] == ["constant", "polynomial"]
    window = page(written, scheme)
    for run in told:
        weights = table(window, run["run"], "Weights")
        assert list(weights) == [w["name"] for w in run["weights"]]
        for w in run["weights"]:
            assert weights[w["name"]] == [
                f"{w['size']:,}",
                percent(w["target"]),
                percent(w["measured"]),
                f"{w['threshold']:.5f}",
                f"step {w['changed']:,}",
            ]
        metrics = table(window, run["run"], "Metrics")
        best = {m["name"]: m["best_step"] for m in run["metrics"]}
        assert [name for name, step in best.items() if step is None] == ["learning_rate"]
        assert {name: cells[2] for name, cells in metrics.items()} == {
            name: "–" if step is None else f"step {step:,}" for name, step in best.items()
        }
        said = window.locator("li", has_text=run["run"]).inner_text()
        assert percent(run["total"]["measured"]) in said
        assert percent(run["total"]["target"]) in said
    bars = window.get_by_role("img", name="Bytes after gzip")
    assert bars.locator("rect").count() == 2
    assert "1,000 bytes · 4.00× · accuracy 90.50\u2009%" in bars.text_content()
    ink, paper = (window.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    light = [sum(map(int, re.findall(r"\d+", colour)[:3])) > 384 for colour in (ink, paper)]
    assert light == [scheme == "dark", scheme == "light"]
    assert not window.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_its_curves_lie_where_the_numbers_say(logdir, page, tmp_path, capsys):
    written = tmp_path / "report.html"
    assert cli.main(["report", str(logdir), "--run", "polynomial", "--html", str(written)]) == 0
    window = page(written, "light")
    chart = window.get_by_role("img", name="Model sparsity")
    paths = chart.locator("path").all()
    assert [("dash" in path.get_attribute("style")) for path in paths] == [True, False]
    total = tb_sparsity.read_logs(logdir)["polynomial"].series["sparsity_total/pruned"]
    (zero, full) = (chart.locator("text", has_text=re.compile(f"^{v}\u2009%$")).bounding_box() for v in (0, 100))
    last = "p => p.getPointAtLength(p.getTotalLength()).matrixTransform(p.getScreenCTM()).y"
    ends = [path.evaluate(last) for path in paths]
    measured = (zero["y"] + zero["height"] / 2 - ends[1]) / (zero["y"] - full["y"])
    assert measured == pytest.approx(total.value[-1], abs=0.02)
    assert ends[0] == pytest.approx(ends[1], abs=2)
