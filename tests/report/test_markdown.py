"""The report as Markdown, seen through a renderer: text of a stranger is text, whatever it says."""

from __future__ import annotations

import dataclasses
import html.parser

import pytest
from markdown_it import MarkdownIt

from converter.report import markdown
from converter.report.model import Report
from converter.text import printable
from testing import reports

OURS = {
    *("h3", "p", "ul", "li", "code", "strong", "pre", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
HOSTILE = (
    *reports.HOSTILE,
    "`code` **bold** _slanted_ ~~gone~~ [link](https://example.org) ![x](y.png) <https://a.b>",
    "cell | another\n| row | --- |\n\n# heading",
    "- list",
    "1. list",
    "--- \n```\nfence",
    "</pre></details>",
    "&#60;b&#62; \\",
    "https://example.org www.example.org someone@example.org :smile:",
)


class Rendered(html.parser.HTMLParser):
    """What a reader sees: tags, links and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        self.feed(renderer.render(text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("told", HOSTILE)
@pytest.mark.parametrize("place", ["{}", "- {}", "| {} |\n| --- |\n| {} |", "<code>{}</code>"])
def test_text_never_becomes_markup(told: str, place: str) -> None:
    plain, seen = (
        Rendered(place.replace("{}", filled)) for filled in ("word", markdown.text(told))
    )
    assert seen.tags == plain.tags
    assert seen.attributes == plain.attributes
    assert printable(told).strip() in seen.text
    assert "www." not in markdown.text(told)
    assert "://" not in markdown.text(told)


def test_a_hostile_report_has_no_elements_but_ours() -> None:
    seen = Rendered(markdown.document(reports.hostile()))
    assert seen.tags <= OURS
    assert seen.attributes == []
    for told in reports.HOSTILE:
        assert printable(told) in seen.text


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (reports.published(), "✅ Proven and published: digits-keras-2.1.6.h5"),
        (reports.verified(), "models/digits/3 answers as digits-keras-2.1.6.h5."),
        (reports.differing(), "❌ The answers differ: digits-keras-2.1.6.h5"),
        (reports.differing(), "shape [1, 5] instead of [1, 6]"),
        (reports.not_served(), "NOT_FOUND: Op type not registered"),
    ],
)
def test_it_tells_how_the_run_ended_and_why(report: Report, words: str) -> None:
    assert words in Rendered(markdown.document(report)).text


def test_each_output_has_a_row_for_each_protocol() -> None:
    rows = [line for line in markdown.document(reports.differing()).splitlines() if "|" in line]
    assert sum("<code>boxes</code> | REST row | 5 of 7" in row for row in rows) == 1
    assert sum("<code>kept</code>" in row for row in rows) == 3


def test_what_does_not_fit_a_page_is_counted() -> None:
    report = reports.published()
    (verdict,) = report.attempts[1].verdicts[:1]
    many = [dataclasses.replace(verdict, output=f"out{i}") for i in range(markdown.MOST + 7)]
    report.attempts[1].verdicts[:] = many
    assert "| and 7 more |" in markdown.document(report)
