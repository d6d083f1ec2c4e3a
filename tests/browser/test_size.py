"""The sizes that a report tells of, held against the report as Python has it."""

import csv
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from playwright.sync_api import expect

from tb_sparsity.events.reports import write_report
from tb_sparsity.report.compression import CompressionReport, Variant
from tb_sparsity.report.sizes import LayerSize
from tests.browser import logs
from tests.browser.logs import TOTAL, number, percent
from tests.browser.tab import Tab, rgb
from tests.browser.test_export import download
from tests.browser.test_looks import AXE, CROWDING, RULES, WIDTHS, first_missing, inside, violations, walk

pytestmark = pytest.mark.browser

VIEW = "&p.sparsity.view=size"
HOSTILE = "<img src=x onerror=window.pwned=1>"


class Size:
    def __init__(self, tab):
        self.tab, self.frame = tab, tab.frame
        self.files = tab.frame.get_by_role("table", name="Files")
        self.bodies = self.files.locator("tbody")

    def sentence(self, run):
        return self.frame.locator(f'[data-sentence="{run}/sparsity"]')

    def row(self, variant, run="pruned"):
        return self.frame.locator(f'[data-file="{variant.file}"] [data-variant="{variant.model} {run}/sparsity"]')

    def layer(self, name):
        return self.frame.locator(f'[data-report-row="{name}"]')


def cell(row, column):
    """What a cell says, and what it says beside it."""
    texts = row.locator(f'[data-column="{column}"]').inner_text().split()
    return texts[0], texts[-1] if len(texts) > 1 else None


@pytest.fixture
def open_view(page, tensorboard):
    def open_it(logdir, *runs, link=""):
        server = tensorboard(logdir)
        server.index(lambda found: all("compression" in found.get(f"{run}/sparsity", {})["reports"] for run in runs))
        tab = Tab(page, server.url, VIEW + link)
        expect(tab.frame.locator(".size[data-arrived]")).to_be_visible(timeout=20_000)
        return Size(tab)

    return open_it


def variant(model, file, gzip_bytes, accuracy, dense=100_000, **more):
    return Variant(model, file, 110_000, gzip_bytes, dense / gzip_bytes, {"accuracy": accuracy}, **more)


def write(log_dir, *variants, layers=(), samples=100):
    write_report(log_dir, "compression", CompressionReport(variants, layers, samples).to_json())


def test_every_number_is_the_reports(open_view, reported):
    logdir, report, _ = reported
    view = open_view(logdir, "pruned")
    expect(view.files.locator("tr[data-variant]")).to_have_count(len(report.variants))
    before = report.variant("dense", "Keras").metrics
    for variant in report.variants:
        row = view.row(variant)
        assert cell(row, "gzip_bytes") == (f"{variant.gzip_bytes:,}", None)
        assert cell(row, "bytes") == (f"{variant.bytes:,}", None)
        assert number(cell(row, "ratio")[0].rstrip("×")) == pytest.approx(variant.ratio, rel=5e-3)
        shown, difference = row.locator('[data-column="accuracy"]').inner_text().split("\u2009%")
        accuracy = variant.metrics["accuracy"]
        assert float(shown) == pytest.approx(100 * accuracy, abs=0.006)
        if (variant.model, variant.file) != ("dense", "Keras"):
            assert number(difference.strip()) == pytest.approx(100 * (accuracy - before["accuracy"]), abs=0.006)
        loss, _ = cell(row, "sparse_categorical_crossentropy")
        assert number(loss) == pytest.approx(variant.metrics["sparse_categorical_crossentropy"], rel=1e-3)
        latency = cell(row, "latency")[0]
        assert latency == ("\u2013" if variant.latency is None else f"{variant.latency:.2f}×")
    widths = [view.row(v).locator(".gzip").bounding_box()["width"] for v in report.variants]
    full = view.row(report.variants[0]).locator(".size-bar").bounding_box()["width"]
    most = max(v.bytes for v in report.variants)
    assert widths == pytest.approx([full * v.gzip_bytes / most for v in report.variants], abs=1)
    lines = view.files.locator(".base").evaluate_all("all => all.map((one) => one.getBoundingClientRect().left)")
    assert len({round(line) for line in lines[1:]}) == 1  # through all bars


def test_the_sentence_tells_of_the_smallest_file(open_view, reported):
    logdir, report, _ = reported
    best = min((v for v in report.variants if v.model == "pruned"), key=lambda v: v.gzip_bytes)
    sentence = open_view(logdir, "pruned").sentence("pruned")
    assert best.file == "TFLite int8"
    expect(sentence).to_contain_text("Pruned and quantised to int8, the file is")
    said = re.search(r"is ([\d.]+)× smaller", sentence.inner_text())
    assert float(said[1]) == pytest.approx(best.ratio, rel=5e-3)
    expect(sentence).to_contain_text(f"accuracy {100 * best.metrics['accuracy']:.2f}\u2009%")
    expect(sentence).not_to_contain_text("before the training went on")


def test_the_weights_are_in_a_table_that_sorts_and_leaves(open_view, reported, tmp_path):
    logdir, report, _ = reported
    view = open_view(logdir, "pruned")
    for layer in report.layers:
        row = view.layer(layer.name)
        expect(row.locator('[data-column="sparsity"]')).to_have_text(percent(layer.zeros / layer.size))
        assert cell(row, "dense_bytes") == (f"{layer.dense_bytes:,}", None)
        for name in ("csr_bytes", "bitmask_bytes"):
            shown, times = cell(row, name)
            assert shown == f"{getattr(layer, name):,}"
            assert float(times[:-1]) == pytest.approx(layer.dense_bytes / getattr(layer, name), rel=5e-3)
    total = sum(layer.csr_bytes for layer in report.layers)
    expect(view.frame.locator('[data-total="csr_bytes"]')).to_contain_text(f"{total:,}")
    rows = view.frame.locator("[data-report-row]")
    head = view.frame.get_by_role("columnheader", name="CSR, bytes")
    for order, down in (("descending", True), ("ascending", False)):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", order)
        ranked = [one.name for one in sorted(report.layers, key=lambda one: one.csr_bytes, reverse=down)]
        assert rows.evaluate_all("all => all.map((row) => row.dataset.reportRow)") == ranked
    with download(view.tab, "CSV of Sizes of the weights of pruned", tmp_path).open(newline="") as file:
        table = {row["weight"]: row for row in csv.DictReader(file)}
    assert {name: int(row["csr_bytes"]) for name, row in table.items()} == {
        one.name: one.csr_bytes for one in report.layers
    }
    picture = tf.io.decode_png(download(view.tab, "PNG of File sizes", tmp_path).read_bytes(), channels=3).numpy()
    inked = np.abs(picture.astype(int) - rgb(view.tab.color("pruned/sparsity"))).max(axis=2) < 8
    runs = sum(1 for line in inked.sum(axis=1) if line > 2)
    assert runs == 12 * sum(v.model == "pruned" for v in report.variants)  # a bar of 12 pixels for each
    with download(view.tab, "CSV of File sizes", tmp_path).open(newline="") as file:
        gzip_bytes = [int(row["gzip_bytes"]) for row in csv.DictReader(file)]
    assert sorted(gzip_bytes) == sorted(v.gzip_bytes for v in report.variants)


@pytest.fixture
def several(tmp_path):
    """Three runs: two of one dense model, one in which nothing went well, and whose names are not harmless."""
    dense = variant("dense", "Keras", 100_000, 0.99)
    for run, gzip_bytes in (("first", 20_000), ("second", 25_000)):
        write(tmp_path / run, dense, variant("pruned", "Keras", gzip_bytes, 0.98))
    layers = tuple(LayerSize(f"{HOSTILE}{i}/kernel", (3, 4), i % 12, 48, 30, 20) for i in range(60))
    failed = (
        Variant("pruned", "TFLite int8", problem=f"RuntimeError: {HOSTILE}"),
        variant("pruned", f"{HOSTILE}", 30_000, 0.5, problem=f"ValueError: {HOSTILE} {'long ' * 40}"),
    )
    write(tmp_path / HOSTILE, *failed, layers=layers)
    return tmp_path


def test_several_runs_share_what_they_share_and_failures_say_why(open_view, several):
    view = open_view(several, "first", "second", HOSTILE)
    expect(view.frame.locator(".summary")).to_have_text(
        "first has the smallest file: 20.0\u2009kB after gzip, as Keras."
    )
    keras = view.frame.locator('[data-file="Keras"] tr')
    expect(keras).to_have_count(3)
    expect(keras.first).to_contain_text("dense")
    for run, row in (("first", keras.nth(1)), ("second", keras.nth(2))):
        bar = row.locator(".gzip").evaluate("bar => getComputedStyle(bar).backgroundColor")
        assert bar == view.tab.color(f"{run}/sparsity")
    expect(view.files).to_contain_text(f"Could not be made. RuntimeError: {HOSTILE}")
    expect(view.files).to_contain_text(f"Could not be run. ValueError: {HOSTILE}")
    expect(view.sentence(HOSTILE)).to_contain_text("1 of 2 files could not be made.")
    view.frame.get_by_label("Run of the table").select_option(f"{HOSTILE}/sparsity")
    expect(view.frame.locator("[data-report-row]").first).to_contain_text(HOSTILE)


def test_nothing_overlaps_and_nobody_is_shut_out(open_view, several, reported):
    view = open_view(several, "first", "second", HOSTILE)
    for width in WIDTHS:
        view.tab.page.set_viewport_size({"width": width, "height": 900})
        expect(view.files).to_be_visible()
        assert inside(view.tab).evaluate(CROWDING) == [], width
    order = ["^Size$", "PNG of File sizes", "CSV of File sizes", "Run of the table", "CSV of Sizes", "^Weight$"]
    names = walk(view.tab)
    assert first_missing(names, *order, "^Bitmask") is None, "\n".join(names)
    if AXE.exists():
        assert violations(view.tab, *RULES) == []
        view.tab.choose_theme("Dark")
        expect(view.frame.locator("html")).to_have_attribute("data-theme", "dark")
        assert violations(view.tab, "color-contrast") == []


def test_without_reports_there_is_no_such_view(page, tensorboard, tmp_path):
    logs.write(tmp_path / "bare", {"a/kernel": 4}, [(1, {TOTAL: 0.5})])
    tab = Tab(page, tensorboard(tmp_path).url, VIEW)
    expect(tab.frame.get_by_role("tab", name="Overview")).to_have_attribute("aria-selected", "true", timeout=20_000)
    for name in ("Size", "Sensitivity"):
        expect(tab.frame.get_by_role("tab", name=name)).to_have_count(0)


def test_reports_alone_are_told_of_and_not_drawn(page, tensorboard, tmp_path):
    write(tmp_path / "run", variant("pruned", "Keras", 50_000, 0.5))
    tensorboard(tmp_path).index(lambda runs: "run/sparsity" in runs)
    tab = Tab(page, tensorboard(tmp_path).url)
    expect(tab.headline).to_contain_text("No sparsity over time in this log.", timeout=20_000)
    expect(tab.frame.get_by_text("Model sparsity")).to_have_count(0)


def test_a_report_is_fetched_when_seen_and_again_when_made_anew(page, tensorboard, tmp_path):
    logs.write(tmp_path / "bare", {"a/kernel": 4}, [(1, {TOTAL: 0.5})])
    for run in ("one", "two"):
        write(tmp_path / run, variant("pruned", "Keras", 50_000, 0.5))
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/sparsity/report?" in request.url else None)
    server = tensorboard(tmp_path)
    server.index(lambda runs: len(runs) == 3)
    view = Size(Tab(page, server.url))
    expect(view.frame.get_by_role("tab", name="Overview")).to_be_visible(timeout=20_000)
    assert not asked
    view.frame.get_by_role("tab", name="Size").click()
    expect(view.sentence("two")).to_contain_text("50.0\u2009kB")
    assert len(asked) == 2
    page.route("**/sparsity/report?**", lambda route: None)  # TensorBoard takes its time
    before = server.index()["two/sparsity"]["reports"]["compression"]
    write(tmp_path / "two", variant("pruned", "Keras", 25_000, 0.5))
    server.index(lambda runs: runs["two/sparsity"]["reports"]["compression"] > before)
    with page.expect_request("**/sparsity/report?**") as late:
        view.tab.reload_data()
    with page.expect_event("requestfailed", lambda request: request == late.value):
        view.frame.get_by_role("tab", name="Overview").click()  # nobody waits for it any more
    page.unroute_all(behavior="ignoreErrors")
    view.frame.get_by_role("tab", name="Size").click()
    expect(view.sentence("two")).to_contain_text("25.0\u2009kB")
    assert ["two" in url for url in asked[2:]] == [True, True]
    for run in ("one/sparsity", "two/sparsity"):
        view.tab.run(run).click()
    expect(view.tab.headline).to_contain_text("No shown run has a report of its sizes.")


def test_a_report_made_before_the_training_went_on_says_so(page, tensorboard, tmp_path):
    write(tmp_path / "run", variant("pruned", "Keras", 50_000, 0.5))
    logs.write(tmp_path / "run", {"a/kernel": 4}, [(1, {TOTAL: 0.5})])
    tensorboard(tmp_path).index(lambda runs: runs["run/sparsity"]["last_step"] == 1)
    view = Size(Tab(page, tensorboard(tmp_path).url, VIEW))
    expect(view.sentence("run")).to_contain_text("measured before the training went on", timeout=20_000)


def test_a_report_that_is_damaged_or_newer_is_no_end(page, tensorboard, tmp_path):
    write(tmp_path / "good", variant("pruned", "Keras", 50_000, 0.5))
    write_report(tmp_path / "bad", "compression", json.dumps({"format": 1, "variants": [{}]}))
    write_report(tmp_path / "newer", "compression", json.dumps({"format": 2}))
    tensorboard(tmp_path).index(lambda runs: len(runs) == 3)
    view = Size(Tab(page, tensorboard(tmp_path).url, VIEW))
    expect(view.sentence("good")).to_contain_text("50.0\u2009kB", timeout=20_000)
    expect(view.frame.get_by_text("The report of bad can\u2019t be shown: it is damaged.")).to_be_visible()
    expect(view.frame.get_by_text("The report of newer can\u2019t be shown: a later version")).to_be_visible()


def test_what_failed_to_load_is_asked_for_again(page, tensorboard, tmp_path):
    write(tmp_path / "run", variant("pruned", "Keras", 50_000, 0.5))
    tensorboard(tmp_path).index()
    page.route("**/sparsity/report?**", lambda route: route.fulfill(body="<html>", content_type="text/html"))
    view = Size(Tab(page, tensorboard(tmp_path).url, VIEW))
    expect(view.frame.get_by_role("alert")).to_contain_text(
        "Not everything could be loaded: TensorBoard's answer is not JSON.", timeout=20_000
    )
    page.unroute_all(behavior="ignoreErrors")
    view.frame.get_by_role("button", name="Retry").click()
    expect(view.sentence("run")).to_contain_text("50.0\u2009kB")
    expect(view.frame.get_by_role("alert")).to_have_count(0)
