"""Toolchains for tests: provided on first use, or a skip that says why; a failure under CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from converter import rules
from converter.errors import InterpreterMissing
from converter.toolchain import catalog, provision

# Those that a plan chooses by itself; what every run of the tests takes.
USUAL = {
    *(id_ for rule in rules.WRITER_RULES for id_, _ in rule.targets),
    *(catalog.for_serving(release).id for _, release in rules.SERVING_RULES),
}


def under_ci() -> bool:
    """Whether a missing interpreter or engine must fail the run."""
    return os.environ.get("CI") == "true"


def require(*ids: str) -> list[Path]:
    """The Pythons of these toolchains, installed if needed."""
    return [_require(id_) for id_ in ids]


def _require(id_: str) -> Path:
    try:
        return provision.provide(catalog.get(id_))
    except InterpreterMissing as error:
        if under_ci():
            raise
        pytest.skip(error.line())
