"""What a user takes out of the tab: tables and pictures."""

import csv

import numpy as np
import pytest
import tensorflow as tf
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.logs import TOTAL
from tests.browser.tab import Tab, rgb

pytestmark = pytest.mark.browser


def download(tab, name, folder):
    with tab.page.expect_download() as started:
        tab.frame.get_by_role("button", name=name, exact=True).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def test_a_table_has_every_point_and_nothing_that_a_spreadsheet_runs(page, tensorboard, tmp_path):
    schedule = tb_sparsity.ConstantSparsity(0.5, 1, frequency=1)
    for run, last in (("=cmd()", 30), ('a,"b"', 40)):
        points = [(step, {"sparsity/a/kernel": step / 80, TOTAL: step / 80}) for step in range(1, last + 1)]
        logs.write(tmp_path / run, {"a/kernel": 80}, points, schedule)
    tab = Tab(page, tensorboard(tmp_path).url).wait_until_drawn()
    path = download(tab, "CSV of Model sparsity", tmp_path)
    assert path.name == "Model-sparsity.csv"
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["step", "'=cmd()", 'a,"b"']
    assert len(rows) == 40
    for step, first, second in rows:
        assert (first == "") == (int(step) > 30)
        for text in filter(None, (first, second)):
            assert np.float32(text) == np.float32(int(step) / 80)


def test_a_picture_has_the_curves_and_says_whose_they_are(page, tensorboard, trained, tmp_path):
    tab = Tab(page, tensorboard(trained).url).wait_until_drawn()
    expect(tab.total).to_have_attribute("data-points", str(2 * logs.STEPS))
    picture = tf.io.decode_png(download(tab, "PNG of Model sparsity", tmp_path).read_bytes(), channels=3).numpy()
    height, width = picture.shape[:2]
    box = tab.total.locator("canvas").bounding_box()
    assert width >= box["width"]
    assert height >= box["height"] + 60  # its title and two names
    for run in ("polynomial/sparsity", "constant/sparsity"):
        inked = (np.abs(picture.astype(int) - rgb(tab.color(run))).max(axis=2) < 8).sum(axis=1)
        above = height - round(box["height"]) - 16
        assert inked[:above].sum() >= 16  # a line beside the name
        assert inked[above:].sum() > 100  # the curve
