"""The commands that repeat what a report tells, step by step."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from converter.options import Options
from converter.report import words
from converter.report.model import AttemptReport, Report

# Field of Options -> how the command line calls it. `verify` is the other way round there.
FLAGS = {
    "strategy": "--strategy",
    "toolchain": "--toolchain",
    "python": "--python",
    "model_version": "--model-version",
    "signatures": "--signature",
    "tags": "--tag",
    "rename_inputs": "--rename-input",
    "rename_outputs": "--rename-output",
    "freeze": "--freeze",
    "serving": "--serving",
    "serving_image": "--serving-image",
    "inputs": "--inputs",
    "expected": "--expected",
    "samples": "--samples",
    "rtol": "--rtol",
    "atol": "--atol",
    "seed": "--seed",
    "custom_objects": "--custom-objects",
    "allow_lambda": "--allow-lambda",
    "architecture": "--architecture",
    "timeout": "--timeout",
}
# Those that say how to convert or publish, which a verification does not.
NOT_OF_VERIFY = ("strategy", "model_version", "signatures", "freeze")
REST_PORT, GRPC_PORT = 8501, 8500


class Command(NamedTuple):
    """What a command is for, and its words, each as it is typed in a shell."""

    what: str
    words: list[str]


def commands(report: Report) -> list[Command]:
    """To be run where the report was made, in this order."""
    return [
        Command(what, ["convert-h5", *map(quote, arguments)]) for what, arguments in _steps(report)
    ]


def quote(word: str) -> str:
    """One word of a line; characters that cannot be seen are written as escapes (bash, zsh)."""
    return shlex.quote(word) if word.isprintable() else f"$'{re.sub(_UNPLAIN, _escape, word)}'"


def _steps(report: Report) -> Iterator[tuple[str, list[str]]]:
    source, options = _path(report.source), report.options
    yield "See what the source is, and what would be done with it", ["inspect", source]
    if report.saved_model is not None:
        yield "Verify it again", ["verify", _path(report.saved_model), source, *_verifying(options)]
        yield from _serving(report.saved_model)
    if report.export_folder is None:
        return
    convert = ["convert", source, _path(report.export_folder)]
    yield "Do all of it again", [*convert, *_flags(options)]
    for number, attempt in enumerate(report.attempts, start=1):
        what = f"Repeat attempt {number} alone: {words.attempt_name(report, attempt)}"
        yield what, [*convert, *_flags(_pinned(report, attempt))]
    if report.published is not None:
        pinned = dataclasses.replace(options, serving=_runtime(report) or options.serving)
        verify = ["verify", _path(report.published), source, *_verifying(pinned)]
        yield "Verify what was published", verify
        yield from _serving(report.published)


def _serving(version: Path) -> Iterator[tuple[str, list[str]]]:
    base = version.absolute().parent
    ports = [f"--rest_api_port={REST_PORT}", f"--port={GRPC_PORT}"]
    flags = [f"--model_name={base.name}", f"--model_base_path={base}", *ports]
    yield "Serve it, without Docker", ["serve", *flags]
    url = f"http://127.0.0.1:{REST_PORT}/v1/models/{base.name}"
    yield "Ask what is served", ["call", url]


def _pinned(report: Report, attempt: AttemptReport) -> Options:
    """The options that leave nothing to choose."""
    options = dataclasses.replace(report.options, strategy=attempt.strategy, freeze=attempt.frozen)
    if options.python is None:
        # As a Target tells itself: FLAVOUR in TOOLCHAIN.
        toolchain = attempt.toolchain.rpartition(" in ")[2]
        options = dataclasses.replace(options, toolchain=toolchain)
    return dataclasses.replace(options, serving=_runtime(report) or options.serving)


def _runtime(report: Report) -> str:
    """`docker:2.2.0` of a description such as `docker:2.2.0 (exactly which image)`."""
    return "" if report.serving == "none" else report.serving.partition(" ")[0]


def _verifying(options: Options) -> list[str]:
    default = Options()
    kept = {name: getattr(default, name) for name in NOT_OF_VERIFY}
    return _flags(dataclasses.replace(options, **kept, verify=True))


def _flags(options: Options) -> list[str]:
    """What differs from the defaults, as arguments."""
    default = Options()
    found = []
    for name, flag in FLAGS.items():
        value = getattr(options, name)
        if value != getattr(default, name):
            found += [flag] if value is True else [w for v in _values(value) for w in (flag, v)]
    return found if options.verify else [*found, "--no-verify"]


def _values(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{old}={new}" for old, new in value.items()]
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return [_path(value) if isinstance(value, Path) else str(value)]


def _path(path: Path) -> str:
    """A path that is not taken for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


_UNPLAIN = re.compile(r"[^ -&(-\[\]-~]")  # all but printable ASCII, and of that ' and \


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\U{code:08x}"
