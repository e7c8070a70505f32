"""Real cells: measured by real toolchains, served and asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compat_matrix import bench, measure
from compat_matrix.cells import Axes, Cell, File
from compat_matrix.outcome import Outcome
from converter import rules
from converter.toolchain import catalog
from converter.verdict.reference import Reference
from testing import models

EVERYTHING = (rules.DIRECT, *rules.STRATEGY_MODES)


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    """A seat's workers live as long as its process, which is not that of the tests."""
    yield
    bench.close()


def _measured(path: Path, toolchain: str, *servings: str) -> dict[Cell, Outcome]:
    file = measure.survey(path)
    reference = measure.establish(file)
    assert isinstance(reference, Reference)
    axes = Axes((catalog.get(toolchain),), EVERYTHING, servings)
    return {
        cell: outcome
        for unit in axes.units([file])
        for cell, outcome in measure.measure(unit, reference)
    }


@pytest.mark.toolchain("tf1.15-keras2.3", "tf2.21")
def test_what_is_right_passes_with_its_errors_and_its_reference(fixtures_folder: Path) -> None:
    found = _measured(fixtures_folder / "multi-keras-2.1.6.h5", "tf1.15-keras2.3", "1.15", "2.21")
    assert {cell.strategy for cell in found} == {"direct", "builder", "simple_save"}
    assert len(found) == 6
    for cell, outcome in found.items():
        assert outcome.kind == "pass", outcome
        assert outcome.reference == "keras in tf1.12-keras2.1"
        assert outcome.max_abs is not None
        assert outcome.max_abs < 1e-5
        assert outcome.loaded == ("as data" if cell.strategy == "direct" else "native")
        assert outcome.seconds > 0


@pytest.mark.toolchain("tf2.3", "tf1.15-keras2.3", "tf2.2")
def test_wrong_numbers_name_the_rule_that_foresaw_them(tmp_path: Path) -> None:
    config = models.sequential(
        models.layer(
            "Dense", "dense", batch_input_shape=[None, 2, 2, 3], units=2, activation="linear"
        ),
        models.layer("UpSampling2D", "up", size=[2, 2], interpolation="bilinear"),
    )
    found = _measured(models.write_h5(tmp_path / "bilinear.h5", config), "tf2.3", "2.2")
    kinds = {cell.strategy: (outcome.kind, outcome.issue) for cell, outcome in found.items()}
    assert kinds.pop("direct") == ("pass", "")
    assert set(kinds.values()) == {("wrong numbers", "bilinear-resize")}
    assert all(o.max_abs and o.max_abs > 0.1 for c, o in found.items() if c.strategy != "direct")


def test_a_toolchain_without_a_keras_for_the_file_refuses(fixtures_folder: Path) -> None:
    file = measure.survey(fixtures_folder / "multi-keras3-3.15.h5")
    axes = Axes((catalog.get("tf1.4-keras1.2"),), ("builder",), ("2.21",))
    (unit,) = axes.units([file])
    ((_, outcome),) = measure.measure(unit, Reference((), (), "none"))
    assert outcome.kind == "refused"
    assert "no Keras that loads files of keras3" in outcome.line


def test_a_file_that_is_none_is_surveyed_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "no.h5"
    path.write_text("not HDF5")
    assert "HDF5" in measure.survey(path).refusal
    assert measure.survey(tmp_path / "missing.h5").refusal


@pytest.mark.toolchain("tf2.15")
def test_a_file_that_changes_meanwhile_is_refused(fixtures_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes((fixtures_folder / "multi-tf.keras-2.4.0.h5").read_bytes())
    file = measure.survey(path)
    path.write_bytes((fixtures_folder / "multi-keras-2.1.6.h5").read_bytes())
    unit = next(Axes((), EVERYTHING, ("2.2",)).units([file]))
    ((_, outcome),) = measure.measure(unit, Reference((), (), "none"))
    assert outcome == Outcome("refused", line="The file was changed while the matrix ran.")


def test_a_mistake_of_ours_is_an_outcome_with_its_traceback(
    fixtures_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = measure.survey(fixtures_folder / "multi-keras-2.1.6.h5")
    unit = next(Axes((), EVERYTHING, ("2.2",)).units([file]))
    monkeypatch.setattr("converter.direct.process.convert", lambda *_, **__: 1 / 0)
    ((_, outcome),) = measure.measure(unit, Reference((), (), "none"))
    assert outcome.kind == "failed"
    assert outcome.line.startswith("internal: ZeroDivisionError")
    assert "Traceback" in outcome.log


def test_units_do_not_name_cells_of_other_files() -> None:
    one, two = File(Path("a.h5"), "1" * 64), File(Path("b.h5"), "2" * 64)
    units = list(Axes((), EVERYTHING, ("2.2",)).units([one, two]))
    assert [unit.cells[0].file for unit in units] == [one.sha256, two.sha256]
