"""The Sparsity tab as a user has it: in TensorBoard, in a browser."""

import re

import numpy as np
import tensorflow as tf
from playwright.sync_api import expect

from tests.browser.logs import number


class Tab:
    """Finds things on the page, and moves over it. Everything waits until it is there."""

    def __init__(self, page, url, link=""):
        self.page = page
        self.url = f"{url.rstrip('/')}/#sparsity"
        self.frame = page.frame_locator("iframe")
        page.goto(self.url + link)

    def wait_until_drawn(self):
        for figure in (self.total, self.weights.first):
            expect(figure).to_have_attribute("data-points", re.compile(r"\d+"), timeout=20_000)
        return self

    @property
    def main(self):
        return self.frame.locator("main")

    @property
    def headline(self):
        return self.frame.locator(".headline")

    @property
    def charts(self):
        return self.frame.locator("figure[data-chart]")

    @property
    def total(self):
        return self.frame.locator('figure[data-chart="total"]')

    @property
    def metric(self):
        return self.frame.locator('figure[data-chart="metric"]')

    @property
    def weights(self):
        return self.frame.locator('figure[data-chart="weight"]')

    def weight(self, name):
        return self.frame.locator(f'figure[data-weight="{name}"]')

    def run(self, run):
        """The run's row on the left, which switches it on and off."""
        return self.frame.locator(f'[data-run-toggle="{run}"]')

    def color(self, run):
        return self.run(run).locator(".swatch").evaluate("swatch => getComputedStyle(swatch).color")

    def readout(self, figure, kind, run=None):
        """The place where a figure says `kind`: step, measured, target, due or difference."""
        return figure.locator(f'[data-readout="{kind}"]' + (f'[data-run="{run}"]' if run else ""))

    def said(self, figure, kind, run):
        return number(self.readout(figure, kind, run).inner_text())

    def press(self, figure, *keys):
        figure.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def position(self, figure, step, share, steps):
        """Where in the window a point must lie, on axes over `steps` and from 0 to 1."""
        box = figure.locator(".u-over").bounding_box()
        x = box["x"] + box["width"] * (step - steps[0]) / (steps[1] - steps[0])
        return x, box["y"] + box["height"] * (1 - share)

    def hover(self, figure, step, steps, share=0.5):
        self.page.mouse.move(*self.position(figure, step, share, steps))

    def leave(self):
        self.page.mouse.move(700, 20)

    def drag(self, figure, first, last, steps):
        """Drags over a chart from one step to another."""
        self.hover(figure, first, steps)
        self.page.mouse.down()
        self.hover(figure, (first + last) / 2, steps)
        self.hover(figure, last, steps)
        self.page.mouse.up()

    def choose_theme(self, name):
        """In TensorBoard's own header."""
        self.page.get_by_label("Menu for changing light or dark theme").click()
        self.page.get_by_role("menuitem", name=name).click()
        expect(self.page.get_by_role("menuitem", name=name)).to_have_count(0)

    def reload_data(self):
        """With the button in TensorBoard's own header."""
        self.page.locator("app-header .reload-button").click()

    def pixels(self):
        """The window as it is drawn: height x width x RGB."""
        return tf.io.decode_png(self.page.screenshot(), channels=3).numpy().astype(int)

    def background(self):
        """The colour at the empty lower left corner of the tab."""
        return tuple(self.pixels()[-8, 8])


def rgb(css):
    return np.array([int(part) for part in re.findall(r"\d+", css)[:3]])


def is_inked(pixels, position, color, page, least=0.5):
    """Whether a colour, or what remains of it at the edge of a line, is within 2 pixels of a position."""
    x, y = (round(part) for part in position)
    near = pixels[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3) - page
    line = color - page
    cover = near @ line / (line @ line)
    rest = np.abs(near - cover[:, None] * line).max(axis=1)
    return bool(((cover > least) & (rest < 40)).any())
