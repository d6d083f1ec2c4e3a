"""The table of layers, and links to a view, held against the event files."""

import re

import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import percent

pytestmark = pytest.mark.browser


class Table:
    """The table of layers in the tab."""

    def __init__(self, tab):
        self.tab, self.frame = tab, tab.frame
        self.rows = tab.frame.locator("tr[data-row]")

    def names(self):
        return self.rows.evaluate_all("rows => rows.map(row => row.dataset.row)")

    def cells(self, weight):
        row = self.frame.locator(f'tr[data-row="{weight}"]')
        heads = self.frame.locator(".layers thead th").all_inner_texts()
        texts = row.locator("th, td").all_inner_texts()
        return {head.strip(): text.strip() for head, text in zip(heads, texts, strict=True)}

    def sort_by(self, column):
        self.frame.get_by_role("columnheader", name=column).get_by_role("button").click()


@pytest.mark.parametrize("fast", [True, False], ids=["rust", "python"])
def test_a_row_says_what_the_files_and_the_schedule_say(open_tab, trained, fast):
    tab = open_tab(trained, fast=fast)
    tab.frame.get_by_role("tab", name="Layers").click()
    table = Table(tab)
    tab.frame.get_by_label("Run of the table").select_option("polynomial/sparsity")
    files = logs.read(trained / "polynomial" / "sparsity")
    schedule = tb_sparsity.PolynomialDecay(**logs.POLYNOMIAL)
    step, target = logs.due(schedule, logs.STEPS)
    shapes = {"hidden/kernel": "8\u2009×\u200916", "head/kernel": "16\u2009×\u20093"}
    for weight, size in logs.SIZES.items():
        measured = logs.at(files[f"sparsity/{weight}"], logs.STEPS)
        row = tab.frame.locator(f'tr[data-row="{weight}"]')
        expect(row).to_contain_text("done")
        expect(row.get_by_text("\u2013")).to_have_count(0)  # all has arrived
        cells = table.cells(weight)
        assert cells["Weight"] == weight
        assert (cells["Layer"], cells["Pattern"], cells["Shape"]) == ("Dense", "weights", shapes[weight])
        assert cells["Size"] == str(size)
        assert (cells["Target"], cells["Measured"]) == (percent(target), percent(measured))
        assert logs.number(cells["Diff"]) == pytest.approx(100 * (measured - target), abs=0.051)
        threshold = logs.at(files[f"threshold/{weight}"], logs.STEPS)
        assert float(cells["Threshold"]) == pytest.approx(threshold, rel=1e-3)
        assert cells["Updated at"] == str(step)
    zeros = sum(s * logs.at(files[f"sparsity/{w}"], logs.STEPS) for w, s in logs.SIZES.items())
    total = tab.frame.locator("tfoot").inner_text()
    assert str(sum(logs.SIZES.values())) in total
    assert percent(zeros / sum(logs.SIZES.values())) in total


def test_what_is_off_schedule_comes_first_and_says_so(open_tab, drifting):
    tab = open_tab(drifting, "&p.sparsity.view=layers")
    table = Table(tab)
    expect(tab.frame.locator('tr[data-row="dense/kernel"]')).to_contain_text(re.compile(r"[\d.]+ points below"))
    expect(table.rows.first).to_have_attribute("data-row", "dense/kernel")
    expect(tab.frame.locator('tr[data-row="conv/kernel"]')).to_contain_text("done")


@pytest.mark.parametrize("view", ["overview", "layers", "tradeoff"])
def test_a_weight_on_the_left_leads_to_its_chart(open_tab, trained, view):
    tab = open_tab(trained, f"&p.sparsity.view={view}")
    tab.frame.get_by_role("navigation", name="Weights").get_by_role("button", name="head/kernel").click()
    expect(tab.weight("head/kernel")).to_be_focused()
    expect(tab.weight("head/kernel")).to_be_in_viewport()
    shown = "layers" if view == "layers" else "overview"
    expect(tab.frame.get_by_role("tabpanel")).to_have_attribute("data-view", shown)


def test_a_thousand_rows_are_sorted_filtered_and_scrolled(open_tab, tmp_path):
    sizes = {f"block_{i}/dense/kernel": 1 + (i * 37) % 1000 for i in range(1000)}
    points = [(s, {f"sparsity/{name}": size / 2000 for name, size in sizes.items()}) for s in (1, 2, 3)]
    logs.write(tmp_path / "deep", sizes, points)
    tab = open_tab(tmp_path, "&p.sparsity.view=layers&p.sparsity.sort=-size")
    table = Table(tab)
    order = sorted(sizes, key=sizes.get, reverse=True)
    expect(table.rows.first).to_have_attribute("data-row", order[0])
    shown = table.names()
    assert shown == order[: len(shown)]
    assert len(shown) < 100  # the others are not there until they are looked for
    tab.frame.locator("tfoot").scroll_into_view_if_needed()
    expect(table.rows.last).to_have_attribute("data-row", order[-1])
    tab.frame.get_by_label("Filter weights").fill("/^block_1\\d?\\//")
    expect(table.rows).to_have_count(11)
    table.sort_by("Weight")
    assert table.names() == ["block_1/dense/kernel", *(f"block_{i}/dense/kernel" for i in range(10, 20))]
    table.sort_by("Weight")
    assert table.names()[-1] == "block_1/dense/kernel"


def test_a_link_gives_back_the_view_in_another_browser(browser, open_tab, tensorboard, trained):
    tab = open_tab(trained)
    tab.run("constant/sparsity").click()
    tab.frame.get_by_role("tab", name="Layers").click()
    tab.frame.get_by_label("Filter weights").fill("h")
    tab.frame.locator('tr[data-row="head/kernel"] button').click()
    tab.frame.get_by_role("columnheader", name="Size").get_by_role("button").click()
    expect(tab.weight("head/kernel")).to_have_attribute("data-points", str(logs.STEPS))
    tab.drag(tab.weight("head/kernel"), 20, 40, (0, logs.STEPS))
    expect(tab.frame.get_by_role("button", name="Reset zoom")).to_be_visible()
    expect(tab.page).to_have_url(re.compile("zoom=20-40"))
    link = tab.page.url

    other = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    other.goto(link)
    frame = other.frame_locator("iframe")
    expect(frame.locator('figure[data-weight="head/kernel"]')).to_have_attribute("data-points", str(logs.STEPS))
    expect(frame.locator('[data-run-toggle="constant/sparsity"]')).to_have_attribute("aria-pressed", "false")
    expect(frame.locator('[data-run-toggle="polynomial/sparsity"]')).to_have_attribute("aria-pressed", "true")
    expect(frame.get_by_role("tab", name="Layers")).to_have_attribute("aria-selected", "true")
    expect(frame.get_by_label("Filter weights")).to_have_value("h")
    expect(frame.get_by_role("columnheader", name="Size")).to_have_attribute("aria-sort", "descending")
    expect(frame.get_by_role("button", name="Reset zoom")).to_contain_text("20–40")
    assert other.url == link
    # what the user of the second window then chooses goes into its own address
    frame.get_by_role("tab", name="Overview").click()
    expect(other).not_to_have_url(link)
    other.context.close()
