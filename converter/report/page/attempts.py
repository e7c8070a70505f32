"""What was tried, in order, and what came of it, for the page."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from converter.report import words
from converter.report.figures import Group
from converter.report.markup import Child, node
from converter.report.model import AttemptReport, Report
from converter.report.page import blocks
from converter.report.page.answers import checks, problems
from converter.text import shortened


def attempts(report: Report, decided: AttemptReport | None) -> list[ET.Element]:
    """One card for each. decided: the one whose answers the page tells elsewhere."""
    return [
        _attempt(report, number, attempt, told=attempt is decided)
        for number, attempt in enumerate(report.attempts, start=1)
    ]


def _attempt(report: Report, number: int, attempt: AttemptReport, *, told: bool) -> ET.Element:
    outcome = words.OUTCOMES.get(attempt.outcome, words.Outcome("bad", attempt.outcome))
    name = words.attempt_name(report, attempt)
    parts: list[Child] = [
        node(
            "div",
            node("h3", name if report.saved_model else f"{number}. {name}"),
            blocks.badge(outcome.tone, outcome.words),
            node("span", f"{attempt.seconds:.1f} s", class_="soft small"),
            class_="head",
        ),
        node("p", _by_what(report, attempt), class_="soft small"),
    ]
    if attempt.error:
        parts.append(node("p", shortened(attempt.error)))
    if attempt.not_asked:
        parts.append(_not_asked(attempt))
    if attempt.verdicts and not told:
        parts.append(_comparisons(attempt))
    if attempt.log_tail:
        parts.append(blocks.log(f"Log of attempt {number}", attempt.log_tail))
    return node("article", *parts, class_="card")


def _by_what(report: Report, attempt: AttemptReport) -> str:
    if report.saved_model is not None:
        return f"Its source was loaded by {attempt.toolchain}."
    frozen = ", frozen" if attempt.frozen else ""
    loaded = words.LOADED.get(attempt.loaded, attempt.loaded)
    return f"By {attempt.toolchain}{frozen}" + (f", which loaded {loaded}." if loaded else ".")


def _not_asked(attempt: AttemptReport) -> ET.Element:
    told = [
        f"Not asked over {words.protocol(protocol)}: {why}" for protocol, why in attempt.not_asked
    ]
    return node("ul", *(node("li", line) for line in told))


def _comparisons(attempt: AttemptReport) -> ET.Element:
    group = Group(tuple(attempt.verdicts))
    told = words.count(len(attempt.verdicts), "comparison")
    table = checks("The worst of each check", group)
    return blocks.fold(f"{told}, {group.passed} passed", problems(group), table)
