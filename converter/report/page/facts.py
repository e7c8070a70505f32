"""What was converted, by what, and how the result was asked, for the page."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from converter.report import words
from converter.report.figures import protocols
from converter.report.markup import Child, node
from converter.report.model import AttemptReport, Report
from converter.report.page import blocks
from converter.report.page.blocks import code, figure

Facts = list[tuple[str, Sequence[Child]]]


def facts(report: Report, decided: AttemptReport | None) -> ET.Element:
    """Two cards. decided: the attempt that the run stands or falls by."""
    title = "What was converted" if report.saved_model is None else "What was verified"
    return node(
        "div",
        _card(title, [*_source(report), *_result(report, decided)]),
        _card("How it was asked", _asking(report, decided)),
        class_="pair",
    )


def _card(title: str, told: Facts) -> ET.Element:
    return node("div", node("h3", title), blocks.facts(told), class_="card")


def _source(report: Report) -> Facts:
    return [
        ("Source", [code(str(report.source))]),
        ("sha256", [code(report.sha256)] if report.sha256 else []),
        ("Written by", [report.writer]),
        ("Inputs", blocks.joined([code(name) for name in report.inputs])),
        ("Outputs", blocks.joined([code(name) for name in report.outputs])),
    ]


def _result(report: Report, decided: AttemptReport | None) -> Facts:
    if report.saved_model is not None:
        return [("SavedModel", [code(str(report.saved_model))])]
    if decided is None:
        return []
    return [
        ("Converted by", [decided.toolchain]),
        ("which loaded", [words.LOADED.get(decided.loaded, decided.loaded)]),
        ("Strategy", [code(decided.strategy)]),
        ("Variables", ["frozen into constants" if decided.frozen else "kept as variables"]),
        ("Published as", [code(str(report.published))] if report.published else []),
    ]


def _asking(report: Report, decided: AttemptReport | None) -> Facts:
    asked = protocols(decided.verdicts) if decided else []
    batches = [
        f"{number}: " + ", ".join(f"{key} {told}" for key, told in batch.items())
        for number, batch in enumerate(report.batches)
    ]
    moved: list[Child] = ["moves an answer by ", figure(report.sensitivity)]
    return [
        ("Served by", [report.serving]),
        ("Asked over", [", ".join(asked)]),
        ("Batches", blocks.joined(batches, node("br"))),
        ("Samples", [_samples(report)] if report.reference else []),
        ("Reference", [report.reference]),
        ("Rule", [report.rule]),
        ("Rounding alone", moved if report.sensitivity is not None else []),
    ]


def _samples(report: Report) -> str:
    if report.options.inputs is not None:
        return str(report.options.inputs)
    within = f" within ±{report.scale:g}" if report.scale else ""
    return f"random{within}, seed {report.options.seed}"
