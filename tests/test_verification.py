"""A SavedModel that is there already, held against the file it was made from."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest

from converter import pipeline, verification
from converter.options import Options
from converter.report.model import Report
from converter.toolchain.pool import Pool
from converter.toolchain.provision import quiet

pytestmark = pytest.mark.toolchain("tf2.15")


def _published(pool: Pool, source: Path, folder: Path, **options: object) -> Path:
    chosen = Options(verify=False, **options)  # type: ignore[arg-type]
    report = pipeline.run(source, folder, chosen, pool, quiet)
    assert report.published is not None
    return report.published


def _verify(pool: Pool, saved_model: Path, source: Path, **options: object) -> Report:
    chosen = Options(**options)  # type: ignore[arg-type]
    return verification.run(saved_model, source, chosen, pool, quiet)


@pytest.fixture
def digits(fixtures_folder: Path) -> Path:
    return fixtures_folder / "digits-tf.keras-2.15.h5"


def test_a_right_one_is_verified_over_every_protocol_and_left_as_it_is(
    digits: Path, pool: Pool, tmp_path: Path
) -> None:
    folder = _published(pool, digits, tmp_path / "m")
    before = sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    report = _verify(pool, folder, digits)
    assert report.exit_code == 0
    (attempt,) = report.attempts
    assert attempt.outcome == "proven"
    assert {v.protocol for v in attempt.verdicts} == {"rest row", "rest columnar", "grpc"}
    assert sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before
    assert report.published is None


def test_one_with_other_weights_differs_and_the_layer_is_named(
    digits: Path, pool: Pool, tmp_path: Path
) -> None:
    folder = _published(pool, digits, tmp_path / "m")
    changed = Path(shutil.copy(digits, tmp_path / "changed.h5"))
    with h5py.File(changed, "r+") as file:
        weights = file["model_weights"]
        layer = next(name for name in weights.attrs["layer_names"] if len(weights[name]))
        name = weights[layer].attrs["weight_names"][0]
        weights[layer][name][...] += 0.5
    report = _verify(pool, folder, changed)
    assert (report.exit_code, report.attempts[0].outcome) == (1, "differs")
    told = report.attempts[0].diagnosis
    assert told is not None
    assert told.layer == (layer if isinstance(layer, str) else layer.decode())


def test_every_signature_is_asked(digits: Path, pool: Pool, tmp_path: Path) -> None:
    folder = _published(pool, digits, tmp_path / "m", signatures=("predict",))
    report = _verify(pool, folder, digits)
    asked = {v.signature for v in report.attempts[0].verdicts}
    assert asked == {"serving_default", "predict"}


def test_a_single_input_and_output_fit_whatever_their_names(
    digits: Path, pool: Pool, tmp_path: Path
) -> None:
    renamed = {"rename_inputs": {"image": "x"}, "rename_outputs": {"scores": "y"}}
    folder = _published(pool, digits, tmp_path / "m", **renamed)
    report = _verify(pool, folder, digits)
    assert report.exit_code == 0
    assert {v.output for v in report.attempts[0].verdicts} == {"y"}


def test_several_that_do_not_fit_must_be_told(
    fixtures_folder: Path, pool: Pool, tmp_path: Path
) -> None:
    source = fixtures_folder / "multi-tf.keras-2.4.0.h5"
    told = pipeline.run(source, tmp_path / "as-is", Options(verify=False), pool, quiet)
    renamed = {told.inputs[0]: "other"}
    folder = _published(pool, source, tmp_path / "m", rename_inputs=renamed)
    report = _verify(pool, folder, source)
    assert report.error is not None
    assert (report.error.id, report.exit_code) == ("usage", 2)
    assert "--rename-input" in report.error.line()
    assert _verify(pool, folder, source, rename_inputs=renamed).exit_code == 0


def test_a_base_path_is_not_a_version_folder(digits: Path, pool: Pool, tmp_path: Path) -> None:
    _published(pool, digits, tmp_path / "m")
    report = _verify(pool, tmp_path / "m", digits)
    assert report.error is not None
    assert report.exit_code == 2
    assert "it has version folders: 1" in report.error.line()


def test_a_damaged_one_is_not_served(digits: Path, pool: Pool, tmp_path: Path) -> None:
    folder = shutil.copytree(_published(pool, digits, tmp_path / "m"), tmp_path / "damaged")
    definition = folder / "saved_model.pb"
    definition.write_bytes(definition.read_bytes()[:1000])
    report = _verify(pool, folder, digits)
    assert report.error is not None
    assert (report.error.id, report.exit_code) == ("serving-failed", 6)


def test_nothing_can_be_verified_without_a_server(digits: Path, pool: Pool, tmp_path: Path) -> None:
    folder = _published(pool, digits, tmp_path / "m")
    report = _verify(pool, folder, digits, serving="none")
    assert report.exit_code == 2
