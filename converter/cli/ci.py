"""`convert-h5 ci`: what action.yml and templates/convert-h5.yml run, told by environment variables.

GitHub's runner takes lines that begin with `::` for commands, whoever wrote them; so it is told to
stop that while a model's own words are printed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from converter.cli import console
from converter.errors import UsageError
from converter.report import github
from converter.text import printable

# Exit code -> the verdict on a run that wrote no report.
WITHOUT_REPORT = {UsageError.exit_code: UsageError.id, 130: "interrupted"}


@click.command(
    "ci",
    epilog="""Examples:

    \b
    CONVERT_H5_MODEL=model.h5 CONVERT_H5_EXPORT_DIR=models/m convert-h5 ci
    CONVERT_H5_MODEL=model.h5 CONVERT_H5_SAVED_MODEL=models/m/3 convert-h5 ci

    Exit codes: of the first command that failed, see convert and verify.
    """,
)
def command() -> int:
    """Convert, verify or both, as environment variables say, and tell the pipeline.

    Read are CONVERT_H5_MODEL, _EXPORT_DIR (convert), _SAVED_MODEL (verify), _SERVING, _ARGS (more
    options, as a shell splits them) and _REPORT, the folder for the reports (convert-h5-report).
    What came of it is in outputs.env there. In GitHub Actions there are annotations, a summary and
    outputs too.
    """
    try:
        asked = Asked.of(os.environ)
    except UsageError as error:
        console.fail(error)
        _say(_error(error.line()))
        _tell({"verdict": error.id, "exit-code": str(error.exit_code)})
        return error.exit_code
    ended = [_run(asked, verb, targets) for verb, targets in asked.runs().items()]
    _say(*(line for each in ended for line in each.annotations))
    _append("GITHUB_STEP_SUMMARY", "".join(each.summary for each in ended))
    decisive = next((each for each in ended if each.code), ended[-1])
    told = {
        "published": next((each.published for each in ended if each.published), ""),
        "verdict": decisive.verdict,
        "exit-code": str(decisive.code),
    }
    _tell({**told, "report": str(asked.report)})
    _write(asked.report / "outputs.env", told)
    return decisive.code


@dataclass(frozen=True)
class Asked:
    """The inputs of the action; an empty one is one that was not given."""

    model: str
    export_dir: str
    saved_model: str
    options: tuple[str, ...]
    report: Path

    @staticmethod
    def of(environment: Mapping[str, str]) -> Asked:
        """Raises UsageError."""

        def given(name: str) -> str:
            return environment.get(f"CONVERT_H5_{name}", "").strip()

        try:
            options = shlex.split(given("ARGS"))
        except ValueError as error:
            raise UsageError("The input args cannot be split", why=str(error)) from error
        if given("SERVING"):
            options = ["--serving", given("SERVING"), *options]
        report = Path(given("REPORT") or "convert-h5-report")
        asked = Asked(
            given("MODEL"), given("EXPORT_DIR"), given("SAVED_MODEL"), tuple(options), report
        )
        if not asked.model or not asked.runs():
            raise UsageError(
                "Nothing to do", fix="Give the input model, and export-dir, saved-model or both"
            )
        return asked

    def runs(self) -> dict[str, list[str]]:
        """The verbs to run, each with its arguments."""
        found = {}
        if self.export_dir:
            found["convert"] = [self.model, self.export_dir]
        if self.saved_model:
            found["verify"] = [self.saved_model, self.model]
        return found


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    verdict: str
    annotations: list[str]
    published: str = ""
    summary: str = ""


def _run(asked: Asked, verb: str, targets: list[str]) -> Ended:
    """Run a verb in this process, its report in a folder of its own."""
    from converter.cli.main import main

    folder = asked.report / verb
    files = ["--report", str(folder), "--junit", str(folder / "junit.xml")]
    written = folder / "report.json"
    written.unlink(missing_ok=True)  # of another run
    with _commands_stopped(), _heard() as heard:
        code = main([verb, *asked.options, *files, "--", *targets])
    if not written.exists():
        return Ended(
            code, WITHOUT_REPORT.get(code, "internal"), [_error(heard.last_line, asked.model)]
        )
    told: dict[str, Any] = json.loads(written.read_text())
    return Ended(
        code,
        github.verdict(told),
        list(github.failures(told)),
        told["published"] or "",
        (folder / "report.md").read_text(encoding="utf-8"),
    )


def _error(line: str, file: str = "") -> str:
    return github.command("error", line, file=file, title="convert-h5")


@contextlib.contextmanager
def _commands_stopped() -> Iterator[None]:
    """No line that is printed meanwhile is a command."""
    token = secrets.token_hex(16)
    _say(github.command("stop-commands", token))
    try:
        yield
    finally:
        _say(github.command(token))


class Heard(io.TextIOBase):
    """Standard error, passed on and remembered."""

    def __init__(self, onward: TextIO) -> None:
        self._onward = onward
        self._said = ""

    @property
    def last_line(self) -> str:
        """The last line that is not empty."""
        return (self._said.strip().splitlines() or [""])[-1]

    def write(self, text: str) -> int:
        """Of what was said, the end is kept."""
        self._said = (self._said + text)[-10_000:]
        return self._onward.write(text)

    def flush(self) -> None:
        """As the one behind."""
        self._onward.flush()


@contextlib.contextmanager
def _heard() -> Iterator[Heard]:
    heard = Heard(sys.stderr)
    with contextlib.redirect_stderr(heard):
        yield heard


def _say(*commands: str) -> None:
    """To GitHub's runner, where it listens."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in commands:
            print(line, flush=True)


def _tell(outputs: Mapping[str, str]) -> None:
    _append("GITHUB_OUTPUT", "".join(github.variable(*pair) for pair in outputs.items()))


def _write(path: Path, outputs: Mapping[str, str]) -> None:
    """As GitLab and others read variables from a file. Raises UsageError."""
    names = {name: f"CONVERT_H5_{name.replace('-', '_').upper()}" for name in outputs}
    lines = [f"{names[name]}={printable(value)}\n" for name, value in outputs.items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written", why=str(error.strerror)) from error


def _append(variable: str, text: str) -> None:
    """To the file that the runner names in `variable`, if it does."""
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
