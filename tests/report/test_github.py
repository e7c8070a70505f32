"""What GitHub Actions is told: a text can neither end its command nor begin another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from converter.report import github
from converter.report.model import Report, as_dict
from testing import reports

HOSTILE = "a.h5\n::set-output name=verdict::proven\r::error::x %0A:: , title=y"


def _told(report: Report) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(as_dict(report)))
    return told


def _read(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the runner reads it: its name, its properties and its message."""
    head, message = line.removeprefix("::").split("::", 1)
    name, _, rest = head.partition(" ")
    pairs = dict(pair.split("=", 1) for pair in rest.split(",") if pair)
    return name, {key: _unescaped(value) for key, value in pairs.items()}, _unescaped(message)


def _unescaped(text: str) -> str:
    for code, character in {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}.items():
        text = text.replace(code, character)
    return text.replace("%25", "%")


def test_a_command_is_one_line_whatever_it_tells() -> None:
    line = github.command("error", HOSTILE, file=HOSTILE, title=HOSTILE)
    assert len(line.splitlines()) == 1
    name, properties, message = _read(line)
    flat = HOSTILE.replace("\n", " ").replace("\r", " ")
    assert (name, set(properties)) == ("error", {"file", "title"})
    assert message == flat
    assert properties == {"file": flat, "title": flat}


def test_an_empty_property_is_left_out() -> None:
    assert github.command("warning", "words", file="", title="t") == "::warning title=t::words"
    assert github.command("token") == "::token::"


def test_a_right_run_has_nothing_to_annotate() -> None:
    assert list(github.failures(_told(reports.published()))) == []
    assert github.verdict(_told(reports.published())) == "proven"


def test_a_wrong_run_is_told_first_and_then_each_output_that_differs() -> None:
    told = [_read(line) for line in github.failures(_told(reports.differing()))]
    assert [name for name, _, _ in told] == ["error"] * 3
    assert all(properties["file"] == "digits-keras-2.1.6.h5" for _, properties, _ in told)
    titles = [properties["title"] for _, properties, _ in told]
    assert titles == [
        "convert-h5: not-proven",
        "convert-h5: output boxes",
        "convert-h5: output scores",
    ]
    assert told[1][2] == "shape [1, 5] instead of [1, 6] (answer, rest row)"
    assert github.verdict(_told(reports.differing())) == "not-proven"


def test_a_hostile_report_makes_only_our_commands() -> None:
    for line in github.failures(_told(reports.hostile())):
        assert len(line.splitlines()) == 1
        name, properties, _ = _read(line)
        assert (name, set(properties)) == ("error", {"file", "title"})


@pytest.mark.parametrize("value", ["models/m/1", "", HOSTILE])
def test_a_variable_is_read_as_one_value(value: str) -> None:
    first, told, last, rest = github.variable("published", value).split("\n")
    name, _, end = first.partition("<<")
    assert (name, last, rest) == ("published", end, "")
    assert told == " ".join(value.split())
    assert end not in github.variable("published", value)


def test_published_without_proof_is_told_as_that() -> None:
    report = reports.published()
    for attempt in report.attempts:
        attempt.verdicts.clear()
    assert github.verdict(_told(report)) == "unproven"
