"""What is stored survives a kill, and nothing else is believed."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from compat_matrix.cells import Cell
from compat_matrix.outcome import Outcome
from compat_matrix.store import NAME, Store

CELL = Cell("1" * 64, "tf1.14-keras2.2", "tf2.15", "tf.keras", "builder", "2.2")
OTHER = dataclasses.replace(CELL, serving="2.21")
PASSED = Outcome("pass", loaded="native", reference="keras", max_abs=1e-7, max_rel=0.0, seconds=0.5)
FAILED = Outcome("known issue", issue="frozen-loops", line="what, why", log="one\ntwo")


def test_what_is_added_is_there_in_the_next_run(tmp_path: Path) -> None:
    Store(tmp_path).add([(CELL, PASSED), (OTHER, FAILED)])
    again = Store(tmp_path)
    assert again.get(CELL) == PASSED
    assert again.get(OTHER) == FAILED


def test_what_is_no_number_comes_back(tmp_path: Path) -> None:
    Store(tmp_path).add([(CELL, dataclasses.replace(PASSED, max_abs=math.inf))])
    found = Store(tmp_path).get(CELL)
    assert found is not None
    assert found.max_abs == math.inf


def test_another_cell_is_not_known(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add([(CELL, PASSED)])
    assert store.get(OTHER) is None


def test_a_torn_line_is_left_out_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    Store(tmp_path).add([(CELL, PASSED), (OTHER, FAILED)])
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-10])
    after_kill = Store(tmp_path)
    assert after_kill.get(CELL) == PASSED
    assert after_kill.get(OTHER) is None
    after_kill.add([(OTHER, FAILED)])
    assert Store(tmp_path).get(OTHER) == FAILED


def test_the_last_word_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add([(CELL, FAILED)])
    store.add([(CELL, PASSED)])
    assert store.get(CELL) == Store(tmp_path).get(CELL) == PASSED
