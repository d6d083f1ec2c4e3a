"""How the page looks at any width, and how it serves those who don't see it or go by keys."""

import re

import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.loaded import wait_until_loaded
from tests.browser.logs import TOTAL
from tests.browser.tab import Tab
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]

WEIGHTS = {f"encoder/block_{i}/attention_output/kernel": 1000 * (i + 1) for i in range(12)}
RUNS = [f"bert-base-polynomial-0.{i}-lr-0.001-seed-{i}" for i in range(1, 10)]
FIRST = f"{RUNS[0]}/sparsity"
NAMES = {
    "overview": "Overview",
    "layers": "Layers",
    "heat": "Heat map",
    "tradeoff": "Trade-off",
    "compare": "Compare",
}
LINKS = {
    "overview": "",
    "layers": "&p.sparsity.view=layers&p.sparsity.weight=encoder/block_1/attention_output/kernel",
    "heat": "&p.sparsity.view=heat",
    "tradeoff": "&p.sparsity.view=tradeoff",
    "compare": f"&p.sparsity.view=compare&p.sparsity.baseline={FIRST}",
}


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """Nine runs with long names, each with twelve weights, one of which is off its schedule."""
    logdir = tmp_path_factory.mktemp("crowded")
    for i, run in enumerate(RUNS, start=1):
        schedule = tb_sparsity.PolynomialDecay(0.0, i / 10, begin_step=100, end_step=900, frequency=50)
        points = []
        for step in range(20, 1001, 20):
            due = (logs.due(schedule, step) or (0, 0.0))[1]
            values = {f"sparsity/{name}": due for name in WEIGHTS} | {TOTAL: due}
            values["sparsity/encoder/block_1/attention_output/kernel"] = due / 2
            values |= {"metrics/val_accuracy": 0.9 - due / 50, "metrics/val_sparse_categorical_crossentropy": 0.1 + due}
            points.append((step, values))
        logs.write(logdir / run, WEIGHTS, points, schedule, total_steps=1000)
    return logdir


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module", params=LINKS)
def tab(request, browser, tensorboard, crowded):
    """A view that several tests look at: at what it is, they change nothing."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, color_scheme="light")
    opened = Tab(context.new_page(), wait_until_loaded(tensorboard(crowded), crowded).url, LINKS[request.param])
    opened.view = request.param
    settle(opened)
    yield opened
    context.close()


def settle(tab):
    """Until all that is on the screen is drawn."""
    expect(tab.main).to_have_attribute("data-state", "ready", timeout=20_000)
    expect(tab.frame.get_by_text(re.compile("reading the log|Reading"))).to_have_count(0)
    expect(tab.frame.locator("figure:not([data-points]) canvas")).to_have_count(0)


def inside(tab):
    """The page within TensorBoard's."""
    return next(frame for frame in tab.page.frames if frame.parent_frame)


# Half a screen of 1366 pixels, where the lists lie above and a bit more, half of 1920, and whole ones.
WIDTHS = (683, 730, 960, 1366, 1920, 2560)

# Boxes of the controls that can be seen, less what a scrolled list cuts off.
CROWDING = """() => {
    const seen = [...document.querySelectorAll("button, input, select, figure h2, h3")].flatMap((element) => {
        if ("skip" in element.dataset) return []; // there with the focus only
        if (!element.checkVisibility({ contentVisibilityAuto: true, opacityProperty: true })) return [];
        let { left, right, top, bottom } = element.getBoundingClientRect();
        for (let around = element.parentElement; around; around = around.parentElement) {
            if (getComputedStyle(around).overflowY === "visible") continue;
            const box = around.getBoundingClientRect();
            [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
            [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
        }
        return right - left > 1 && bottom - top > 1 ? [{ element, left, right, top, bottom }] : [];
    });
    const said = ({ element, left, top }) =>
        `${element.tagName} "${element.getAttribute("aria-label") ?? element.textContent}" at ${left}, ${top}`;
    const wrong = [];
    const sizes = new Set([...document.querySelectorAll("body *")].map((one) => getComputedStyle(one).fontSize));
    if (sizes.size > 3) wrong.push(`${[...sizes]} are more than three sizes of type`);
    if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page scrolls to the side");
    seen.forEach((one, i) => {
        if (one.left < 0 || one.right > innerWidth) wrong.push(`${said(one)} is cut off`);
        if (one.element.matches("button") && one.element.scrollHeight > one.element.clientHeight + 1)
            wrong.push(`${said(one)} is too small for its words`);
        for (const other of seen.slice(i + 1)) {
            if (one.element.contains(other.element)) continue;
            const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
            const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
            if (wide > 1 && high > 1) wrong.push(`${said(one)} covers ${said(other)}`);
        }
    });
    return wrong;
}"""


def test_nothing_overlaps_or_sticks_out_at_any_width(tab):
    for width in WIDTHS:
        tab.page.set_viewport_size({"width": width, "height": 900})
        settle(tab)
        assert inside(tab).evaluate(CROWDING) == [], width


def violations(tab, *rules):
    frame = inside(tab)
    if not frame.evaluate("'axe' in window"):
        frame.evaluate(AXE.read_text())
    found = frame.evaluate("rules => axe.run(document, { runOnly: rules })", rules)["violations"]
    return [f"{v['id']}: {node['html'][:200]}: {node['failureSummary']}" for v in found for node in v["nodes"]]


@pytest.fixture
def axe():
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run 'make frontend-test'")
    return violations


def test_no_view_shuts_anybody_out(axe, tab):
    assert axe(tab, *RULES) == []
    html = tab.frame.locator("html")
    for theme in ("dark", "light"):
        tab.page.evaluate("dark => document.body.classList.toggle('dark-mode', dark)", theme == "dark")
        expect(html).to_have_attribute("data-theme", theme)
        assert theme == "light" or axe(tab, "color-contrast") == []


BROKEN = {"body": "{}", "content_type": "application/json"}
STATES = {"empty": None, "loading": lambda route: None, "error": lambda route: route.fulfill(**BROKEN)}


@pytest.mark.parametrize("state", STATES)
def test_a_page_without_runs_shuts_nobody_out(axe, page, tensorboard, empty, state):
    if STATES[state]:
        page.route("**/plugin/sparsity/index", STATES[state])
    tab = Tab(page, tensorboard(empty).url)
    expect(tab.main).to_have_attribute("data-state", state)
    for width in (683, 2560):
        page.set_viewport_size({"width": width, "height": 768})
        assert inside(tab).evaluate(CROWDING) == []
        assert axe(tab, *RULES) == []


# Where the tab key has come to: null beyond the last control.
STOP = """() => {
    const one = document.activeElement;
    if (one === document.body) return null;
    one.dataset.walked = "";
    const { left, right, top, bottom } = one.getBoundingClientRect();
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return {
        name: one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent,
        isSeen: left < innerWidth && right > 0 && top < innerHeight && bottom > 0,
        isMarked: outlineStyle === "solid" && parseFloat(outlineWidth) >= 2,
    };
}"""
LEFT_OUT = """() => [...document.querySelectorAll("button, input, select, [tabindex='0']")].filter(
    (one) => one.tabIndex >= 0 && one.checkVisibility() && !("walked" in one.dataset)
).map((one) => one.outerHTML)"""


def walk(tab):
    """The names of all that the tab key comes by."""
    tab.frame.locator("[data-skip]").focus()
    names = []
    while stop := inside(tab).evaluate(STOP):
        assert stop["isSeen"], stop
        assert stop["isMarked"], stop
        names.append(stop["name"])
        assert len(names) < 300
        tab.page.keyboard.press("Tab")
    assert inside(tab).evaluate(LEFT_OUT) == []
    return names


def first_missing(names, *patterns):
    """The first that no name matches among those after the one before it."""
    rest = iter(names)
    return next((pattern for pattern in patterns if not any(re.search(pattern, name) for name in rest)), None)


WALKS = {
    "overview": ["^Model sparsity, 8 runs.*; at step 1,000: bert.*20.0\u2009%", "PNG of Model sparsity", "^Metric$"],
    "layers": ["Run of the table", "Sparsity of encoder/block_1/", "^Close$", "^Weight$", "^Status", "block_11/"],
    "heat": ["Sparsity of 12 weights over steps; ", "Run of the heat map", "^Sparsity$", "^Difference"],
    "tradeoff": ["^Metric$", "Tolerance", "^val_accuracy against total sparsity, 8 runs"],
    "compare": ["^Baseline$", "^Metric$", "^val_accuracy minus that of bert.*; at step 1,000: bert", "^Run", "^Status"],
}


def test_the_tab_key_comes_by_every_control_in_order(tab):
    names = walk(tab)
    order = ["^Skip to the views", RUNS[0], RUNS[-1], "Filter weights", "block_0/", "block_11/", f"^{NAMES[tab.view]}$"]
    assert first_missing(names, *order, "Reload", *WALKS[tab.view]) is None, "\n".join(names)


def test_the_lists_are_skipped_and_rows_opened_by_keys(page, tensorboard, crowded):
    tab = Tab(page, tensorboard(crowded).url, LINKS["layers"])
    settle(tab)
    tab.frame.locator("[data-skip]").focus()
    tab.page.keyboard.press("Enter")
    expect(tab.frame.get_by_role("tab", name="Layers")).to_be_focused()
    tab.page.keyboard.press("ArrowLeft")
    expect(tab.frame.get_by_role("tab", name="Overview")).to_be_focused()
    tab.page.keyboard.press("ArrowRight")
    row = tab.frame.get_by_role("row").filter(has_text="block_5/")
    row.get_by_role("button").focus()
    tab.page.keyboard.press("Enter")
    expect(tab.weight("encoder/block_5/attention_output/kernel")).to_be_visible()
    expect(row.get_by_role("button", expanded=True)).to_be_focused()
    tab.frame.get_by_role("button", name="Close").focus()
    tab.page.keyboard.press("Enter")
    expect(row.get_by_role("button", expanded=False)).to_be_focused()
    tab.page.keyboard.press("Enter")
    head = tab.frame.get_by_role("columnheader", name="Size")
    head.get_by_role("button").focus()
    tab.page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    # What changes with every move of the cursor is not read out.
    tab.press(tab.weight("encoder/block_5/attention_output/kernel"), "Home", "ArrowRight")
    live = tab.frame.locator("[aria-live], [role=status], [role=alert], [role=log]")
    assert live.all_inner_texts() == [""] * live.count()
