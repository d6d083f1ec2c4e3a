"""Pages that are one HTML file: charts and all in it, no script, nothing to be fetched."""

from __future__ import annotations

from html import escape

from tb_sparsity import __version__
from tb_sparsity.charts import HUES, PALETTE, Chart, svg
from tb_sparsity.schedules.preview import Preview
from tb_sparsity.tables import printable

_COLOURS = {
    "light": "--page:#fff;--ink:#1c2026;--muted:#5d6672;--rule:#e4e7eb;--band:#0b62a40d;--tick:#8b939e",
    "dark": "--page:#1e1f21;--ink:#eceff3;--muted:#adb4be;--rule:#3d4045;--band:#7cc4ff12;--tick:#8d949d",
}
_STYLE = """
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:32px 24px 64px;background:var(--page);color:var(--ink);
font:14px/22px system-ui,"Segoe UI",Roboto,Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
h1{margin:0;font-size:20px;line-height:28px;font-weight:600}
h2{margin:48px 0 4px;padding-top:16px;border-top:1px solid var(--rule);font-size:16px;line-height:24px;font-weight:600}
h3{margin:24px 0 4px;font-size:14px;line-height:22px;font-weight:600}
p,ul,figure{margin:0 0 8px;padding:0}
.quiet{color:var(--muted)}
ul{list-style:none}
li{display:flex;gap:8px;align-items:baseline}
.key{flex:none;width:16px;height:3px;border-radius:2px;align-self:center}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));gap:0 32px}
.scroll{overflow-x:auto}
svg{display:block}
.side{display:flex;flex-wrap:wrap;gap:0 56px}
table{border-collapse:collapse;margin-bottom:16px}
h3 .quiet{font-weight:400}
th,td{padding:4px 24px 4px 0;border-bottom:1px solid var(--rule);white-space:nowrap}
th{color:var(--muted);font-weight:400}
@media print{body{max-width:none;padding:0}h2,h3{break-after:avoid}figure,tr{break-inside:avoid}}
"""


def schedule_page(preview: Preview) -> str:
    """A schedule before any training."""
    words = f'<p class="quiet">{escape(preview.name)}</p><p>{escape(preview.sentence())}</p>'
    return page("Sparsity schedule", f"{words}<figure>{svg(preview.chart(), 1032, 280)}</figure>")


def page(title: str, content: str) -> str:
    """A page of this content."""
    shades = {
        theme: ";".join([_COLOURS[theme], *(f"--hue-{i}:{PALETTE[theme][i]}" for i in range(HUES))])
        for theme in PALETTE
    }
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{shades['dark']}}}}}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>:root{{{shades['light']}}}{dark}{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{content}</main>"
        f'<footer class="quiet"><p>tb-sparsity {__version__}</p></footer></body></html>\n'
    )


def figure(chart: Chart, width: int, height: int, key: str = "") -> str:
    """A chart under its title, and what is to be known to read it."""
    title = f'<h3>{name_of(chart.title)} <span class="quiet">{key}</span></h3>'
    return f"<figure>{title}{svg(chart, width, height)}</figure>"


def scrolled(table: str) -> str:
    """A table that may be wider than the page."""
    return f'<div class="scroll">{table}</div>'


def name_of(text: str) -> str:
    """A name that came from a log."""
    return escape(printable(text))
