"""Tables of text, for terminals and for notebooks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from unicodedata import category


def text_table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """Rows as lines, columns aligned.

    Args:
        rows: The heads, then the rows, all of one length.
        left: Columns whose cells stand at the left; the others are numbers.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def html_table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """The same as HTML."""
    heads, *body = rows

    def line(cells: Sequence[str], kind: str) -> str:
        aligned = ("left" if i in left else "right" for i in range(len(cells)))
        return "".join(
            f'<{kind} style="text-align:{side}">{escape(cell)}</{kind}>'
            for cell, side in zip(cells, aligned, strict=True)
        )

    lines = "".join(f"<tr>{line(row, 'td')}</tr>" for row in body)
    return f"<table><thead><tr>{line(heads, 'th')}</tr></thead><tbody>{lines}</tbody></table>"


def printable(text: str) -> str:
    """A name without what would steer a terminal, or turn the direction of what follows."""
    return "".join(c if c.isprintable() or category(c) == "Zs" else c.encode("unicode_escape").decode() for c in text)
