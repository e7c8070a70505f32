"""The parts that pages are made of: lists of facts, tables, figures, logs."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from copy import copy
from typing import NamedTuple

from converter.report import words
from converter.report.markup import Child, multiline, node


class Column(NamedTuple):
    """The head of a column; `text` columns are aligned as words are."""

    head: str
    text: bool = False


def code(text: str) -> ET.Element:
    """A name or a path, letter for letter."""
    return node("code", text)


def badge(tone: str, text: str) -> ET.Element:
    """How something ended, in a word."""
    return node("span", text, class_=f"badge {tone}")


def figure(value: float | None) -> Child:
    """A figure, its every digit kept for programs."""
    return "–" if value is None else node("data", words.figure(value), value=repr(value))


def tolerance(value: float | None) -> Child:
    """A tolerance, told so that it passes."""
    return "–" if value is None else node("data", words.tolerance(value), value=repr(value))


def share(value: float | None) -> Child:
    """A part of 1."""
    return "–" if value is None else node("data", words.share(value), value=repr(value))


def facts(pairs: Iterable[tuple[str, Sequence[Child]]], class_: str = "facts") -> ET.Element:
    """Names and what they are; without those of which nothing is known."""
    parts = [
        part
        for name, told in pairs
        if told and told != [""]
        for part in (node("dt", name), node("dd", *told))
    ]
    return node("dl", *parts, class_=class_)


def joined(parts: Iterable[Child], between: Child = ", ") -> list[Child]:
    """`parts` with the same between each two of them."""
    told: list[Child] = []
    for part in parts:
        told += [copy(between), part] if told else [part]
    return told


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Child]]) -> ET.Element:
    """A table that scrolls by itself where it is too wide; the first cell of a row names it."""
    head = [node("th", column.head, scope="col", **_align(column)) for column in columns]
    body = [
        node(
            "tr",
            *(
                node("td", cell, **_align(column))
                if place
                else node("th", cell, scope="row", **_align(column))
                for place, (cell, column) in enumerate(zip(row, columns, strict=True))
            ),
        )
        for row in rows
    ]
    made = node(
        "table",
        node("caption", caption),
        node("thead", node("tr", *head)),
        node("tbody", *body),
    )
    return node("div", made, class_="scroll", role="region", aria_label=caption, tabindex="0")


def fold(summary: str, *children: Child) -> ET.Element:
    """What is shown when it is asked for."""
    return node("details", node("summary", summary), *children)


def log(title: str, text: str) -> ET.Element:
    """The end of a log, folded."""
    told = f"{title}: the last {words.count(len(text.splitlines()), 'line')}"
    return fold(
        told, multiline("pre", text, class_="log", role="region", aria_label=title, tabindex="0")
    )


def _align(column: Column) -> dict[str, str]:
    return {"class_": "words"} if column.text else {}
