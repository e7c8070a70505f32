"""The axes and what they span."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from compat_matrix import cells
from compat_matrix.cells import Axes, Cell, File, Unit
from converter import rules
from converter.evidence import NO_TOOLCHAIN
from converter.toolchain import catalog

EVERYTHING = (rules.DIRECT, *rules.STRATEGY_MODES)
OLD = File(Path("old.h5"), "1" * 64, "keras 2.2.4", "keras", "tf1.14-keras2.2")
NEW = File(Path("new.h5"), "2" * 64, "keras3 3.15.1", "keras3", "tf2.21")


def _units(
    *files: File, toolchains: str = "tf2.15", servings: tuple[str, ...] = ("2.2",)
) -> list[Unit]:
    chosen = tuple(catalog.matching(toolchains))
    return list(Axes(chosen, EVERYTHING, servings).units(files))


def test_direct_is_a_unit_without_a_toolchain() -> None:
    direct, other = _units(OLD)
    assert (direct.toolchain, [c.strategy for c in direct.cells]) == (NO_TOOLCHAIN, ["direct"])
    assert other.toolchain == "tf2.15"


def test_a_unit_has_every_strategy_of_the_keras_that_a_plan_would_choose() -> None:
    (_, unit) = _units(OLD, toolchains="tf1.15-keras2.3")
    assert {cell.keras for cell in unit.cells} == {"keras"}
    assert [cell.strategy for cell in unit.cells] == ["builder", "simple_save"]


def test_every_strategy_is_asked_at_every_release() -> None:
    unit = _units(OLD, servings=("1.14", "2.2", "2.21"))[1]
    asked = {(cell.strategy, cell.serving) for cell in unit.cells}
    assert len(asked) == len(unit.cells) == 4 * 3


def test_where_no_keras_loads_the_file_the_cells_say_so() -> None:
    unit = _units(NEW, toolchains="tf1.4-keras2.0")[1]
    assert {cell.keras for cell in unit.cells} == {""}


def test_toolchains_come_one_after_the_other_with_all_files() -> None:
    found = [unit.toolchain for unit in _units(OLD, NEW, toolchains="tf2.1[45]")]
    assert found == [NO_TOOLCHAIN] * 2 + ["tf2.14"] * 2 + ["tf2.15"] * 2


def _cell() -> Cell:
    return Cell("1" * 64, "tf1.14-keras2.2", "tf2.15", "tf.keras", "builder", "2.2")


@pytest.mark.parametrize(
    "other",
    [
        {"file": "2" * 64},
        {"referee": "tf2.2"},
        {"toolchain": "tf2.14"},
        {"keras": "keras"},
        {"strategy": "export"},
        {"serving": "2.21"},
    ],
)
def test_the_key_is_another_for_another_cell(other: dict[str, str]) -> None:
    assert dataclasses.replace(_cell(), **other).key != _cell().key
    assert _cell().key == _cell().key


def test_the_key_is_another_for_another_lock_or_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _cell().key
    known = catalog.load()
    for id_ in ("tf1.14-keras2.2", "tf2.15", "tf2.2"):
        changed = dataclasses.replace(known[id_])
        vars(changed)["lock_sha256"] = "another"
        monkeypatch.setattr(catalog, "load", lambda id_=id_, t=changed: {**known, id_: t})
        assert _cell().key != before
    monkeypatch.undo()
    monkeypatch.setattr(cells, "code_version", lambda: "another")
    assert _cell().key != before
