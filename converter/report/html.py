"""The report as one page that needs nothing else: no network, no script, no font of its own."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence

import converter
from converter.errors import ConvertH5Error, ServingFailed, WorkerError
from converter.report import words
from converter.report.commands import Command, commands
from converter.report.figures import Group, against_reference, deciding, protocols
from converter.report.markup import Child, node
from converter.report.model import AttemptReport, Report
from converter.report.page import blocks, frame
from converter.report.page.answers import answers
from converter.report.page.attempts import attempts
from converter.report.page.blocks import code
from converter.report.page.facts import facts
from converter.text import shortened

MARKS = {"good": "✓", "fair": "!", "bad": "✗"}


def document(report: Report) -> str:
    """The whole page."""
    decided = deciding(report)
    return frame.render(
        f"{words.headline(report).words}: {report.source.name}",
        _masthead(report, decided),
        node("main", *_sections(report, decided)),
        _footer(report),
    )


def _masthead(report: Report, decided: AttemptReport | None) -> ET.Element:
    ending = words.headline(report)
    made = f"convert-h5 {converter.__version__}"
    if report.started is not None:
        made += f" · {report.started:%Y-%m-%d %H:%M:%S %Z}"
    mark = node("span", MARKS[ending.tone], class_="mark", aria_hidden="true")
    return node(
        "header",
        node("p", made, class_="kicker"),
        node("h1", mark, ending.words),
        node("p", *_lead(report, decided), class_="lead"),
        class_=f"masthead {ending.tone}",
    )


def _lead(report: Report, decided: AttemptReport | None) -> list[Child]:
    """The run in a sentence."""
    source = code(str(report.source))
    if report.error is not None:
        if report.saved_model is not None:
            return [code(str(report.saved_model)), " is not proven to answer as ", source, "."]
        return ["Nothing was published of ", source, "."]
    proof = f"in all of {words.count(len(decided.verdicts), 'comparison')}" if decided else ""
    if report.saved_model is not None:
        return [code(str(report.saved_model)), " answers as ", source, f", {proof}."]
    told: list[Child] = [source, f", written by {report.writer}, is now "]
    told.append(code(str(report.published)))
    return [*told, f", and answers as before, {proof}." if proof else ", not compared with it."]


def _sections(report: Report, decided: AttemptReport | None) -> Iterator[ET.Element]:
    if report.error is not None:
        yield _section("What went wrong", _error(report.error))
    if decided is not None:
        yield _tiles(report, decided)
        yield _section("The answers", *answers(report, decided))
    if report.attempts:
        title = "The attempts" if report.saved_model is None else "The verification"
        yield _section(title, *attempts(report, decided))
    last = report.attempts[-1] if report.attempts else None
    yield _section("What was done", facts(report, decided or last))
    reasons = {"Plan": report.plan, "Notes": report.notes}
    told = [_list(title, found) for title, found in reasons.items() if found]
    if told:
        yield _section("Plan and notes", *told)
    yield _section("Reproduce it", _steps(commands(report)))


def _footer(report: Report) -> ET.Element:
    told = (
        f"a is an element of the answer and b of the reference. It passes when {report.rule}; "
        "NaN equals NaN, and an infinity equals the same infinity."
    )
    return node("footer", node("p", told))


def _section(title: str, *children: ET.Element) -> ET.Element:
    return node("section", node("h2", title), *children)


def _error(error: ConvertH5Error) -> ET.Element:
    card = node("div", class_="card alarm bad")
    for part in (error.what, error.why):
        if part:
            card.append(node("p", _sentence(part)))
    if error.fix:
        card.append(node("p", node("strong", "What to do: "), _sentence(error.fix)))
    known: list[Child] = ["Error ", code(error.id), f", exit code {error.exit_code}"]
    card.append(node("p", *known, class_="soft small"))
    if isinstance(error, (WorkerError, ServingFailed)) and error.log_tail:
        card.append(blocks.log("Log", error.log_tail))
    return card


def _sentence(text: str) -> str:
    return shortened(text).rstrip(".") + "."


def _tiles(report: Report, decided: AttemptReport) -> ET.Element:
    """The figures that say most, at one glance."""
    every = Group(tuple(decided.verdicts))
    told = against_reference(decided.verdicts)
    compared = words.count(len({v.output for v in decided.verdicts}), "output")
    if (signatures := len({v.signature for v in decided.verdicts})) > 1:
        compared += f" of {signatures} signatures"
    moved: list[Child] = ["rounding alone: ", blocks.figure(report.sensitivity)]
    tiles = [
        _tile("Comparisons passed", f"{every.passed} of {len(every.verdicts)}", compared),
        _tile(
            "Largest difference",
            blocks.figure(told.worst("max_abs")),
            *(moved if report.sensitivity is not None else []),
        ),
        _tile("Served by", report.serving.partition(" ")[0], ", ".join(protocols(every.verdicts))),
    ]
    if told.top1 is not None:
        same = "of rows have the same largest element"
        tiles.insert(2, _tile("Top-1 agreement", blocks.share(told.top1), same))
    return node("dl", *tiles, class_="tiles")


def _tile(name: str, value: Child, *note: Child) -> ET.Element:
    told = [node("dt", name), node("dd", value, class_="value")]
    if note:
        told.append(node("dd", *note, class_="note"))
    return node("div", *told, class_="tile")


def _list(title: str, told: Sequence[str]) -> ET.Element:
    items = node("ul", *(node("li", line) for line in told))
    return node("div", node("h3", title), items, class_="card")


def _steps(steps: Sequence[Command]) -> ET.Element:
    """A list of commands; their words are told apart, so that lines break between them."""
    items = [
        node(
            "li",
            node("p", step.what),
            node(
                "pre", *blocks.joined([node("span", w) for w in step.words], " "), class_="command"
            ),
        )
        for step in steps
    ]
    return node("div", node("ol", *items, class_="steps"), class_="card")
