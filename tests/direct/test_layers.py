"""Every layer answers as the Keras that wrote the file, in TensorFlow 1.12 to 2.21.

The cases are in testing/layer_cases, one module for each family; what a Keras cannot build is
absent for that writer.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from converter.toolchain.pool import Pool
from fixtures.make import WRITERS
from testing import direct, toolchains
from tests.direct import pages
from tests.direct.conftest import LAYERS

# Families of Keras 1, whose layers have other names and arguments, are for its one writer.
KERAS_1 = "keras-1.2.2"
# All cases of all writers take two hours of two cores.
STEP = 45


def _families(writer: str) -> list[str]:
    return [f for f in direct.families() if f.startswith("keras1") == (writer == KERAS_1)]


@pytest.mark.parametrize("writer", WRITERS)
def test_answers_as_the_writer_does(
    writer: str,
    pool: Pool,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    """A share of the cases, another one for each writer, in the oldest and the newest TensorFlow;
    every case, and those between too, where the page is written.
    """
    everything = pytestconfig.getoption("--everything")
    servers = direct.ALL_SERVERS if everything else direct.SERVERS
    toolchains.require(WRITERS[writer].toolchain, *servers)
    place = list(WRITERS).index(writer)
    cases = direct.share(_families(writer), *((0, 1) if everything else (place, STEP)))
    answer: direct.Answer = functools.partial(direct.answers, pool)
    if everything:
        answer = direct.remembered(answer, _of_this_run(tmp_path_factory))
    wrong, errors = direct.check(answer, writer, cases, tmp_path, servers)
    record_property(LAYERS, json.dumps([writer, errors]))
    assert errors
    assert wrong == []


def _of_this_run(factory: pytest.TempPathFactory) -> Path:
    """A folder of this run, whichever of its processes this is."""
    here = factory.getbasetemp()
    folder = (here.parent if "PYTEST_XDIST_WORKER" in os.environ else here) / "answers"
    folder.mkdir(exist_ok=True)
    return folder


def test_the_page_shows_the_figures_of_every_writer() -> None:
    known = pages.LAYERS.read()
    assert list(known) == list(WRITERS)
    assert pages.LAYERS.path.read_text(encoding="utf-8") == pages.LAYERS.shown(known)


def test_the_page_shows_the_layers_of_the_cases_and_no_others() -> None:
    on_the_page = {layer for column in pages.LAYERS.read().values() for layer in column}
    names = [name for family in direct.families() for name in direct.names(family)]
    assert on_the_page == {name.split(":")[0] for name in names}


@pytest.mark.parametrize("family", direct.families())
def test_cases_are_told_apart_by_their_names(family: str) -> None:
    names = direct.names(family)
    assert names
    assert len(set(names)) == len(names)
