"""The report as Markdown: the page of a CI job, a comment on a merge request.

Everything that is told may come from a file of a stranger. Such text is on one line, and of its
characters all that Markdown or HTML could take for markup are written as character references,
which never are.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from converter.report import words
from converter.report.commands import commands
from converter.report.figures import Group, by_protocol, deciding, outputs
from converter.report.model import AttemptReport, Report
from converter.text import printable, shortened

MARKS = {"good": "✅", "fair": "⚠️", "bad": "❌"}
# How many outputs are told; a job's page has room for 1 MiB.
MOST = 50
# All of ASCII that is not plain, what makes a link of a bare `www.`, and what begins a list.
_MARKUP = re.compile(r"[^\w ,./\x80-\U0010ffff-]|_|(?i:(?<=www)\.)|^[-\d]")


def document(report: Report) -> str:
    """The whole text."""
    return "\n\n".join(_parts(report)) + "\n"


def text(told: str) -> str:
    """`told` as nothing but text."""
    plain = shortened(printable(told))
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", plain)


def code(told: object) -> str:
    """The same in the letters of a program."""
    return f"<code>{text(str(told))}</code>"


def _parts(report: Report) -> Iterator[str]:
    ended, decided = words.headline(report), deciding(report)
    yield f"### {MARKS[ended.tone]} {ended.words}: {code(report.source.name)}"
    yield _lead(report)
    if report.error is not None:
        yield f"{text(report.error.line())} {code(report.error.id)}"
    if decided is not None:
        yield _table(decided)
        if decided.diagnosis is not None:
            yield f"**Diagnosis**: {text(decided.diagnosis.line())}"
    yield "\n".join(f"- {line}" for line in _facts(report, decided))
    yield from _steps(report)


def _lead(report: Report) -> str:
    source = code(report.source)
    if report.saved_model is not None:
        verb = "is not proven to answer as" if report.error else "answers as"
        return f"{code(report.saved_model)} {verb} {source}."
    if report.published is None:
        return f"Nothing was published of {source}."
    return f"{source} is now {code(report.published)}."


def _table(decided: AttemptReport) -> str:
    """A row for each output and protocol."""
    lines = [
        "| output | over | right | largest \\|a-b\\| | largest \\|a-b\\|/\\|b\\| | what is wrong |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows = [
        _row(name, group)
        for name, output in outputs(decided.verdicts)
        for group in by_protocol(output.verdicts)
    ]
    lines += rows[:MOST]
    if len(rows) > MOST:
        lines.append(f"| and {len(rows) - MOST} more | | | | | |")
    return "\n".join(lines)


def _row(name: str, group: Group) -> str:
    wrong = group.failures[0].problem if group.failures else ""
    cells = [
        code(name),
        text(words.protocol(group.first.protocol)),
        f"{group.passed} of {len(group.verdicts)}",
        *(_figure(group.worst(figure)) for figure in ("max_abs", "max_rel")),
        text(wrong),
    ]
    return "| " + " | ".join(cells) + " |"


def _figure(value: float | None) -> str:
    return "" if value is None else words.figure(value)


def _facts(report: Report, decided: AttemptReport | None) -> Iterator[str]:
    if report.writer:
        yield f"written by {text(report.writer)}"
    for attempt in report.attempts:
        told = f"{code(words.attempt_name(report, attempt))} in {text(attempt.toolchain)}"
        yield f"{told}: {words.OUTCOMES[attempt.outcome].words}" + _why(attempt)
    if decided is not None:
        yield f"served by {text(report.serving)}, held against {text(report.reference)}"
        yield f"a number is right when {text(report.rule)}"
    yield from (text(note) for note in report.notes)


def _why(attempt: AttemptReport) -> str:
    return f", {text(attempt.error)}" if attempt.error else ""


def _steps(report: Report) -> Iterator[str]:
    """The commands that repeat it, as they are typed."""
    lines: Sequence[str] = [" ".join(step.words) for step in commands(report)]
    typed = "\n".join(html.escape(line) for line in lines)
    yield f"<details><summary>Reproduce it</summary>\n\n<pre>\n{typed}\n</pre>\n\n</details>"
