"""How far the answers of one attempt are from the reference, output by output, for the page."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence

from converter.report import words
from converter.report.figures import (
    Group,
    against_reference,
    by_check,
    by_protocol,
    distributions,
    grouped,
    has_figures,
    outputs,
    protocols,
)
from converter.report.markup import Child, node
from converter.report.model import AttemptReport, Report
from converter.report.page import blocks
from converter.report.page.blocks import Column, badge, figure, share, tolerance
from converter.report.page.plot import plot
from converter.text import shortened
from converter.verdict import histogram
from converter.verdict.compare import Verdict

MOST_PROBLEMS = 8
OVERVIEW = (
    Column("Output", text=True),
    Column("Passed"),
    Column("Largest |a−b|"),
    Column("Largest |a−b|/|b|"),
    Column("Top-1"),
    Column("Smallest atol"),
)
CHECKS = (
    Column("Compared", text=True),
    Column("Over", text=True),
    Column("Passed"),
    Column("Largest |a−b|"),
    Column("Largest |a−b|/|b|"),
    Column("Top-1"),
)
VERDICTS = (
    Column("Check", text=True),
    Column("Over", text=True),
    Column("Batch"),
    Column("Elements"),
    Column("|a−b|"),
    Column("|a−b|/|b|"),
    Column("atol"),
    Column("rtol"),
    Column("Top-1"),
    Column("NaN"),
    Column("Result", text=True),
)


def answers(report: Report, attempt: AttemptReport) -> Iterator[ET.Element]:
    """One card for each output, after an overview where there are several."""
    found = outputs(attempt.verdicts)
    if len(found) > 1:
        rows = [_overview(f"output-{n}", *named) for n, named in enumerate(found, start=1)]
        table = blocks.table("All outputs, against the reference", OVERVIEW, rows)
        yield node("div", table, class_="card")
    for number, (name, group) in enumerate(found, start=1):
        yield _output(report, f"output-{number}", name, group)


def checks(title: str, group: Group) -> ET.Element:
    """What was compared, with the worst figures of each check."""
    rows = [
        [
            words.CHECKS.get(one.first.check, one.first.check),
            ", ".join(map(words.protocol, over)),
            _passed(one, len(over)),
            figure(one.worst("max_abs")),
            figure(one.worst("max_rel")),
            share(one.top1),
        ]
        for over, one in by_check(group.verdicts)
    ]
    return blocks.table(title, CHECKS, rows)


def problems(group: Group) -> ET.Element:
    """What did not pass, in words; the output is named where there are several."""
    names = outputs(group.verdicts)
    told = [
        f"{f'{name}: ' if len(names) > 1 else ''}{', '.join(protocols(alike.verdicts))}, "
        f"batch {alike.first.batch}, {words.CHECKS.get(alike.first.check, alike.first.check)}: "
        f"{alike.first.problem}"
        for name, one in names
        for alike in grouped(one.failures, lambda v: (v.check, str(v.batch), v.problem))
    ]
    if len(told) > MOST_PROBLEMS:
        told[MOST_PROBLEMS:] = [f"and {len(told) - MOST_PROBLEMS} more"]
    return node("ul", *(node("li", shortened(line)) for line in told))


def _overview(id_: str, name: str, group: Group) -> list[Child]:
    told = against_reference(group.verdicts)
    return [
        node("a", blocks.code(name), href=f"#{id_}"),
        _passed(group),
        figure(told.worst("max_abs")),
        figure(told.worst("max_rel")),
        share(told.top1),
        tolerance(told.worst("atol_needed")),
    ]


def _output(report: Report, id_: str, name: str, group: Group) -> ET.Element:
    passed = not group.failures
    result = badge("good", "passed") if passed else badge("bad", "differs")
    head = node("div", node("h3", "Output ", blocks.code(name)), result, class_="head")
    marks = {"atol": report.options.atol}
    if report.sensitivity:
        marks["rounding alone"] = report.sensitivity
    drawings = [
        _drawing(f"{id_}-plot-{n}", name, over, counts, marks)
        for n, (over, counts) in enumerate(distributions(group.verdicts), start=1)
    ]
    every = words.count(len(group.verdicts), "comparison")
    return node(
        "article",
        head,
        *([] if passed else [problems(group)]),
        node("div", *_worst(group), *drawings, class_="split"),
        checks("The worst of each check", group),
        blocks.fold(f"{every}, one by one", _every(group)),
        class_="card",
        id=id_,
    )


def _worst(group: Group) -> list[ET.Element]:
    """The figures that matter most; none where nothing could be compared."""
    told = against_reference(group.verdicts)
    apart = by_protocol(told.verdicts)
    if told.worst("max_abs") is None:
        return []
    pairs: list[tuple[str, Sequence[Child]]] = [
        ("Largest |a−b|", [figure(told.worst("max_abs"))]),
        ("Largest |a−b|/|b|", [figure(told.worst("max_rel"))]),
        ("Smallest atol that passes, rtol as it is", [tolerance(told.worst("atol_needed"))]),
        ("Smallest rtol that passes, atol as it is", [tolerance(told.worst("rtol_needed"))]),
        ("Rows with the same largest element (top-1)", [share(told.top1)]),
        ("NaN in the reference", [_nans(told, max(g.nans for g in apart))]),
        ("Elements, over each protocol", [f"{max(g.elements for g in apart):,}"]),
    ]
    return [blocks.facts(pairs, class_="facts wide")]


def _nans(told: Group, count: int) -> str:
    if any("NaN in different places" in v.problem for v in told.verdicts):
        return "not where the answer has it"
    return f"{count:,}, the answer's in the same places" if count else "none"


def _drawing(
    id_: str, output: str, asked: Sequence[str], counts: Sequence[int], marks: dict[str, float]
) -> ET.Element:
    over = ", ".join(map(words.protocol, asked))
    drawing = plot(counts, marks, name=id_, about=f"Differences of {output} over {over}")
    rows = [[label, f"{number:,}"] for label, number in histogram.told(counts).items()]
    columns = (Column("|a−b|", text=True), Column("Elements"))
    return node(
        "figure",
        node("figcaption", f"How many elements differ by how much, over {over}"),
        drawing,
        blocks.fold("The same as a table", blocks.table(f"Over {over}", columns, rows)),
    )


def _every(group: Group) -> ET.Element:
    return blocks.table("Each comparison", VERDICTS, [_row(v) for v in group.verdicts])


def _row(verdict: Verdict) -> list[Child]:
    told = has_figures(verdict)
    result: Child = node("span", verdict.problem, class_="failed") if verdict.problem else "passed"
    return [
        verdict.check,
        words.protocol(verdict.protocol),
        str(verdict.batch),
        f"{verdict.elements:,}",
        figure(verdict.max_abs if told else None),
        figure(verdict.max_rel if told else None),
        tolerance(verdict.atol_needed if told else None),
        tolerance(verdict.rtol_needed if told else None),
        share(verdict.top1),
        f"{verdict.nans:,}",
        result,
    ]


def _passed(group: Group, times: int = 1) -> Child:
    """How many passed; `times` where other groups had the same figures."""
    text = f"{group.passed * times} of {len(group.verdicts) * times}"
    return node("span", text, class_="failed") if group.failures else text
