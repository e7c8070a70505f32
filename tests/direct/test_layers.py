"""Every layer answers as the Keras that wrote the file, in TensorFlow 1.12 to 2.21.

The cases are in testing/layer_cases, one module for each family; what a Keras cannot build is
absent for that writer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from converter.toolchain.pool import Pool
from fixtures.make import WRITERS
from testing import direct, toolchains
from tests.direct.conftest import MEASURED

# Families of Keras 1, whose layers have other names and arguments, are for its one writer.
KERAS_1 = "keras-1.2.2"
# All cases of all writers take an hour.
STEP = 12


def _families(writer: str) -> list[str]:
    return [f for f in direct.families() if f.startswith("keras1") == (writer == KERAS_1)]


@pytest.mark.parametrize("writer", WRITERS)
def test_answers_as_the_writer_does(
    writer: str,
    pool: Pool,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    """A share of the cases, another one for each writer, in the oldest and the newest TensorFlow;
    every case, and those between too, where the page is written.
    """
    everything = pytestconfig.getoption("--write-layers")
    servers = direct.ALL_SERVERS if everything else direct.SERVERS
    toolchains.require(WRITERS[writer].toolchain, *servers)
    place = list(WRITERS).index(writer)
    share = direct.Share(_families(writer), *((0, 1) if everything else (place, STEP)))
    wrong, errors = direct.check(pool, writer, share, tmp_path, servers)
    record_property(MEASURED, json.dumps([writer, errors]))
    assert errors
    assert wrong == []


@pytest.mark.parametrize("family", direct.families())
def test_cases_are_told_apart_by_their_names(family: str) -> None:
    names = direct.names(family)
    assert names
    assert len(set(names)) == len(names)
