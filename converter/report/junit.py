"""The report as JUnit XML, as Jenkins, GitLab and others read it.

One suite says how the run ended; then there is one for each attempt, and one for each protocol over
which an attempt was asked. A document has a failure or an error exactly when the run has: an
attempt in whose place a later one was published is told as skipped. Failures are answers that
differ, errors are everything else.

Written to the schema `junit-10.xsd` of Jenkins' xUnit plugin, in the order of elements that the
older schema of Ant's JUnit task wants too. GitLab shows the text of a failure and not its message,
so the text has both.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import converter
from converter.errors import NotProven, ServingFailed, WorkerError
from converter.report import words
from converter.report.figures import Group, by_protocol, has_figures
from converter.report.markup import multiline, node
from converter.report.model import AttemptReport, Report

if TYPE_CHECKING:
    from converter.verdict.compare import Verdict


@dataclass(frozen=True)
class Case:
    """One test case. kind: `failure`, `error`, `skipped`, or empty when it passed.

    type_: the machine's word for what went wrong. text: the figures, or the end of a log.
    """

    name: str
    kind: str = ""
    type_: str = ""
    message: str = ""
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Suite:
    """Cases that belong together. class_: what a viewer groups them by."""

    name: str
    class_: str
    cases: list[Case]
    properties: dict[str, str]


def document(report: Report) -> str:
    """The whole file."""
    suites = _suites(report)
    counts = _counts([case for suite in suites for case in suite.cases])
    del counts["skipped"]  # which the schema has for suites only
    started = {"timestamp": f"{report.started:%Y-%m-%dT%H:%M:%S}"} if report.started else {}
    root = node(
        "testsuites", *(_suite(suite, started) for suite in suites), name="convert-h5", **counts
    )
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suites(report: Report) -> list[Suite]:
    run = {
        "convert-h5": converter.__version__,
        "source": str(report.source),
        "sha256": report.sha256,
        "writer": report.writer,
        "serving": report.serving,
        "rule": report.rule,
        "reference": report.reference,
        "sensitivity": "" if report.sensitivity is None else f"{report.sensitivity:g}",
        "saved_model": str(report.saved_model or ""),
        "published": str(report.published or ""),
    }
    name = report.source.name
    suites = [Suite("run", _class(name), [_run(report)], run)]
    for number, attempt in enumerate(report.attempts, start=1):
        title = f"{number} {words.attempt_name(report, attempt)}"
        made = {
            "toolchain": attempt.toolchain,
            "strategy": attempt.strategy,
            "frozen": str(attempt.frozen).lower(),
            "loaded": attempt.loaded,
        }
        suites.append(Suite(title, _class(name, title), list(_stages(report, attempt)), run | made))
        for protocol, cases in _protocols(report, attempt).items():
            over = f"{title} over {words.protocol(protocol)}"
            suites.append(Suite(over, _class(name, title, protocol), cases, run | made))
    return suites


def _run(report: Report) -> Case:
    """How the run ended."""
    verify = report.saved_model is not None
    name = "the SavedModel answers as the source" if verify else "converted and published"
    error = report.error
    if error is None:
        return Case(name)
    kind = "failure" if isinstance(error, NotProven) else "error"
    log = error.log_tail if isinstance(error, (WorkerError, ServingFailed)) else ""
    return Case(name, kind, error.id, error.line(), log)


def _stages(report: Report, attempt: AttemptReport) -> Iterator[Case]:
    """Conversion and serving, up to what went wrong."""
    wrong = {"type_": attempt.outcome, "message": attempt.error, "text": attempt.log_tail}
    wrong["kind"] = "error" if report.error else "skipped"
    if attempt.outcome == "failed":
        yield Case("converts", seconds=attempt.seconds, **wrong)
        return
    seconds = attempt.seconds
    if report.saved_model is None:
        yield Case("converts", seconds=seconds)
        seconds = 0.0
    if attempt.outcome == "not served":
        yield Case("is served", seconds=seconds, **wrong)
    elif attempt.verdicts or attempt.not_asked:
        yield Case("is served", seconds=seconds)
    else:
        yield Case("is served", "skipped", "no proof", "no proof was asked for")


def _protocols(report: Report, attempt: AttemptReport) -> dict[str, list[Case]]:
    """The cases by protocol."""
    kind = "failure" if report.error else "skipped"
    groups = by_protocol(attempt.verdicts)
    found = {group.first.protocol: list(_comparisons(group, kind)) for group in groups}
    for protocol, why in attempt.not_asked:
        case = Case(f"not asked: {why}", "skipped", "not asked", why)
        found.setdefault(protocol, []).append(case)
    return found


def _comparisons(group: Group, kind: str) -> Iterator[Case]:
    """Those that did not pass are of this kind."""
    several = len({v.signature for v in group.verdicts}) > 1
    for verdict in group.verdicts:
        name = f"{verdict.output}: {verdict.check}, batch {verdict.batch}"
        name = f"{verdict.signature}: {name}" if several else name
        if verdict.passed:
            yield Case(name, text=_figures(verdict))
        else:
            yield Case(name, kind, verdict.check, verdict.problem, _figures(verdict))


def _figures(verdict: Verdict) -> str:
    if not has_figures(verdict):
        return f"{words.count(verdict.elements, 'element')}, none of them compared"
    lines = [
        words.count(verdict.elements, "element"),
        f"largest |a-b|: {verdict.max_abs:.6g}",
        f"largest |a-b|/|b|: {verdict.max_rel:.6g}",
        f"smallest atol that passes: {words.tolerance(verdict.atol_needed)}",
        f"smallest rtol that passes: {words.tolerance(verdict.rtol_needed)}",
    ]
    if verdict.top1 is not None:
        lines.append(f"top-1 agreement: {words.share(verdict.top1)}")
    return "\n".join(lines)


def _suite(suite: Suite, started: dict[str, str]) -> ET.Element:
    told = {name: value for name, value in suite.properties.items() if value}
    properties = node(
        "properties", *(node("property", name=name, value=value) for name, value in told.items())
    )
    cases = [_case(case, suite.class_) for case in suite.cases]
    return node("testsuite", properties, *cases, name=suite.name, **_counts(suite.cases), **started)


def _case(case: Case, class_: str) -> ET.Element:
    element = node("testcase", classname=class_, name=case.name, time=f"{case.seconds:.3f}")
    if case.kind == "failure":
        text = f"{case.message}\n{case.text}"
        element.append(multiline("failure", text, type=case.type_, message=case.message))
        return element
    if case.kind == "error":
        element.append(node("error", case.message, type=case.type_, message=case.message))
    elif case.kind == "skipped":
        element.append(node("skipped", type=case.type_, message=case.message))
    if case.text:
        element.append(multiline("system-out", case.text))
    return element


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    kinds = [case.kind for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }


def _class(*parts: str) -> str:
    """Parts with a dot between; viewers take what is before the last one for a package."""
    return ".".join(part.replace(".", "_") for part in ("convert-h5", *parts))
