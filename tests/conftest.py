"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.toolchain import catalog
from converter.toolchain.pool import Pool
from testing import toolchains

ROOT = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--toolchain ID` (repeatable, may be a pattern) keeps only the tests that need one of these.

    Without it, a run takes those that a plan would choose, which is 15 GB less to install.
    `--everything` takes every case where a run else takes a share of them, which are hours, and
    writes the pages of what was measured (see tests/direct/conftest.py).
    """
    parser.addoption("--toolchain", action="append", default=[], metavar="ID")
    parser.addoption("--everything", action="store_true")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests of other toolchains than those asked for, or the usual ones."""
    patterns = config.getoption("--toolchain")
    wanted = {found.id for pattern in patterns for found in catalog.matching(pattern)}
    if wanted:
        kept = [item for item in items if wanted & _needed(item)]
    else:
        kept = [item for item in items if _needed(item) <= toolchains.USUAL]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _needed(item: pytest.Item) -> set[str]:
    return {id_ for mark in item.iter_markers("toolchain") for id_ in mark.args}


@pytest.fixture(autouse=True)
def _toolchains(request: pytest.FixtureRequest) -> None:
    """Provide what the marker `toolchain` names, or skip with the reason."""
    toolchains.require(*sorted(_needed(request.node)))


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """Workers shared by all tests of this process."""
    with Pool() as shared:
        yield shared


@pytest.fixture(scope="session")
def fixtures_folder() -> Path:
    """The committed .h5 files."""
    return ROOT / "fixtures"


@pytest.fixture(scope="session")
def corpus_folder() -> Path:
    """Real files that strangers made, beside the checkout; skipped where they are not."""
    folder = ROOT.parent / "shared" / "corpus"
    if not folder.is_dir():
        pytest.skip(f"the corpus is not at {folder}")
    return folder
