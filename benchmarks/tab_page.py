"""The tab in a real Chromium, on 10 runs of 200 weights and 1,000 points: how soon it shows curves, and how smoothly.

    python benchmarks/tab_page.py [ROUNDS]

Frame work is what the page's main thread does from one frame to the next, out of Chromium's own trace: handlers,
layout, painting and garbage collection. The memory is that of the page with TensorBoard's own around it.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tab_logs import EVERY, serve, write_logs

from tests.browser.conftest import ARGUMENTS, CHROMIUM

WEIGHTS = 200
VIEWS = ("overview", "layers", "heat", "tradeoff", "compare")
SIZE = {"width": 1400, "height": 900}
# What tells that the first curves of a view are there.
FIRST_CURVES = {"layers": "svg.sparkline path:not(.goal)"}
OTHER_VIEWS = "figure[data-points]"
# The chart that the pointer sweeps over, and zooms in.
SWEPT = {
    "overview": 'figure[data-chart="total"] .u-over',
    "layers": "tbody",
    "heat": ".heat-plot",
    "tradeoff": ".xy-area",
    "compare": 'figure[data-chart="difference"] .u-over',
}
TRACED = ["devtools.timeline", "disabled-by-default-devtools.timeline"]
MAIN_THREAD = "CrRendererMain"

# In the tab's frame: when the first curves were on the screen.
WATCH = """
window.watchFor = (selector) => {
  window.drawnAt = null;
  const look = () => {
    if (window.drawnAt !== null || !document.querySelector(selector)) return;
    window.drawnAt = 0;
    requestAnimationFrame(() => setTimeout(() => {
      window.drawnAt = performance.timeOrigin + performance.now();
    }));
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
};
if (window !== window.top) window.watchFor(window.top.firstCurves);
"""


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """TensorBoard in a fresh window, on another of its tabs."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(f"{url}#text")
    page.locator("app-header").wait_for()
    page.wait_for_load_state("networkidle")
    yield page
    context.close()


def tab_frame(page: Page) -> Any:
    """The tab's own frame."""
    return next(frame for frame in page.frames if frame.parent_frame)


def show(page: Page, view: str) -> float:
    """Goes to the tab; milliseconds from there to the first curves on the screen."""
    selector = FIRST_CURVES.get(view, OTHER_VIEWS)
    began = page.evaluate(
        """([selector, view]) => {
          window.firstCurves = selector;
          location.hash = `sparsity&p.sparsity.view=${view}&p.sparsity.baseline=run_0%2Fsparsity`;
          return performance.timeOrigin + performance.now();
        }""",
        [selector, view],
    )
    page.frame_locator("iframe").locator(selector).first.wait_for(state="attached", timeout=60_000)
    drawn = tab_frame(page).wait_for_function("window.drawnAt", timeout=60_000).json_value()
    return drawn - began


def settle(page: Page) -> None:
    """Waits until nothing is on its way any more."""
    page.wait_for_load_state("networkidle")
    expect(page.frame_locator("iframe").locator("main")).to_have_attribute("data-state", "ready")


def frame_work(browser: Browser, page: Page, act: Callable[[], None]) -> list[float]:
    """Milliseconds of the main thread's work from each frame to the next, while something is done."""
    browser.start_tracing(page=page, categories=TRACED)
    act()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    mains = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name" and e["args"]["name"] == MAIN_THREAD}
    here = [e for e in events if (e["pid"], e["tid"]) in mains]
    ends = sorted(e["ts"] for e in here if e["name"] == "BeginCommitCompositorFrame")
    work = np.zeros(len(ends) + 1)
    for task in (e for e in here if e["name"] == "RunTask" and "dur" in e):
        # Of the thread's own time, where it is known: other processes must not count.
        work[np.searchsorted(ends, task["ts"])] += task.get("tdur", task["dur"]) / 1000
    return work[:-1].tolist()


def sweep(page: Page, view: str) -> None:
    """Moves the pointer over a chart and back."""
    box = page.frame_locator("iframe").locator(SWEPT[view]).first.bounding_box()
    across = np.concatenate([np.linspace(0.02, 0.98, 60), np.linspace(0.98, 0.02, 60)])
    height = min(box["height"], SIZE["height"] - box["y"])
    for i, x in enumerate(across):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + height * (0.3 + 0.4 * (i % 20) / 20))


def zoom(page: Page, view: str) -> None:
    """Zooms in and out with the wheel, at the middle of a chart."""
    box = page.frame_locator("iframe").locator(SWEPT[view]).first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + min(box["height"], 300) / 2)
    page.keyboard.down("Control")
    for delta in [-60] * 30 + [60] * 30:
        page.mouse.wheel(0, delta)
    page.keyboard.up("Control")


def scroll(page: Page, _: str) -> None:
    """Scrolls the page down and up, ten notches of a wheel a second: a brisk hand."""
    page.mouse.move(800, 500)
    for delta in [120] * 30 + [-120] * 30:
        page.mouse.wheel(0, delta)
        page.wait_for_timeout(100)


def fling(page: Page, _: str) -> None:
    """Scrolls the page down and up as fast as it goes."""
    page.mouse.move(800, 500)
    for delta in [120] * 40 + [-120] * 40:
        page.mouse.wheel(0, delta)


def memory(browser: Browser, page: Page) -> tuple[float, float]:
    """MB of the page's JavaScript heap, and of its whole process, after collecting garbage."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [p["id"] for p in processes if p["type"] == "renderer"]
    return metrics["JSHeapUsedSize"] / 1e6, max(map(resident, renderers))


def resident(process: int) -> float:
    """MB that a process has in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024 / 1e6


def canvases(page: Page) -> int:
    """Canvases that there are."""
    return tab_frame(page).evaluate("document.querySelectorAll('canvas').length")


def p95(work: list[float]) -> str:
    """The 95th percentile, and how many frames there were."""
    return f"{np.percentile(work, 95):.1f} ms of {len(work)}"


def measure(browser: Browser, url: str, view: str, rounds: int) -> None:
    """Prints a row of the table."""
    opening = []
    for _ in range(rounds):
        with opened(browser, url) as page:
            opening.append(show(page, view))
    with opened(browser, url) as page:
        alone = memory(browser, page)
        show(page, view)
        settle(page)
        acts = (sweep, zoom, scroll, fling)
        work = {act.__name__: frame_work(browser, page, lambda act=act: act(page, view)) for act in acts}
        page.mouse.move(800, 20)
        alive = canvases(page)
        settle(page)
        heap, whole = memory(browser, page)
    print(
        f"  {view:<10}first curves {statistics.median(opening):.0f} ms ({min(opening):.0f}–{max(opening):.0f})"
        + "".join(f"; {name} p95 {p95(one)}" for name, one in work.items())
        + f"; {alive} canvases; heap {heap:.0f} MB, process {whole:.0f} MB (before: {alone[0]:.0f}, {alone[1]:.0f})"
    )


def main(rounds: int = 5) -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_logs(Path(folder), WEIGHTS, EVERY)
        with serve(Path(folder)) as server:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for view in VIEWS:
                measure(browser, server.url, view, rounds)
            browser.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
