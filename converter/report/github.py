"""What GitHub Actions is told: commands on standard output, and files that name variables.

Texts of a stranger's file go through here, escaped as the runner reads them, so that none can end
its own command and begin another.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from converter.text import printable

# GitHub shows ten annotations of a step; the first is for the run itself.
MOST = 9


def command(name: str, message: str = "", **properties: str) -> str:
    """A line such as `::error file=model.h5::what went wrong`."""
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{name}{' ' if told else ''}{told}::{_data(message)}"


def failures(told: Mapping[str, Any]) -> Iterator[str]:
    """Commands for what failed. told: a report as JSON, schema `convert-h5/report/1`."""
    error = told["error"]
    if error is None:
        return
    file = told["source"]["path"]
    yield command("error", error["message"], file=file, title=f"convert-h5: {error['id']}")
    for output, problem in list(_wrong(told["attempts"]).items())[:MOST]:
        yield command("error", problem, file=file, title=f"convert-h5: output {output}")


def verdict(told: Mapping[str, Any]) -> str:
    """`proven`, `unproven` where no proof was asked for, or the id of the error."""
    if told["error"] is not None:
        return str(told["error"]["id"])
    return "proven" if any(attempt["verdicts"] for attempt in told["attempts"]) else "unproven"


def variable(name: str, value: str) -> str:
    """Lines for the file $GITHUB_OUTPUT; the line that ends a value cannot be guessed."""
    end = secrets.token_hex(16)
    return f"{name}<<{end}\n{printable(value)}\n{end}\n"


def _wrong(attempts: list[dict[str, Any]]) -> dict[str, str]:
    """What is wrong with each output, in the last attempt with answers."""
    answered = [attempt["verdicts"] for attempt in attempts if attempt["verdicts"]]
    found: dict[str, str] = {}
    for each in answered[-1] if answered else []:
        if not each["passed"]:
            why = f"{each['problem']} ({each['check']}, {each['protocol']})"
            found.setdefault(str(each["output"]), why)
    return found


def _data(text: str) -> str:
    """The message of a command; `printable` leaves no line breaks, and `%` begins an escape."""
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
