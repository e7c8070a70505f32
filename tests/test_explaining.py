"""A run that fails says why, in its report."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from converter import pipeline, verification
from converter.options import Options
from converter.report import terminal
from converter.report.model import as_dict
from converter.toolchain.pool import Pool
from converter.toolchain.provision import quiet
from testing.planting import TWINS, Bed

pytestmark = pytest.mark.toolchain("tf2.15")

OTHER = """
def build(right):
    x = layers.Input((6,), name="x")
    y = layers.LeakyReLU(0.3 if right else 0.2, name="leaky")(layers.Dense(8, name="hidden")(x))
    return keras.Model(x, layers.Dense(3, name="y")(y))
save(build)
"""


@pytest.fixture
def bed(pool: Pool, tmp_path: Path, fixtures_folder: Path) -> Bed:
    """`right.h5`, and the SavedModel `wrong`, in which `leaky` has another slope."""
    found = Bed(pool, tmp_path, fixtures_folder)
    found.plant("tf2.15", TWINS + OTHER)
    return found


def test_verifying_a_saved_model_that_differs_names_the_layer(bed: Bed) -> None:
    report = verification.run(
        bed.folder / "wrong", bed.folder / "right.h5", Options(), bed.pool, quiet
    )
    assert report.exit_code == 1
    (attempt,) = report.attempts
    assert attempt.diagnosis is not None
    assert (attempt.diagnosis.cause, attempt.diagnosis.layer) == ("another-meaning", "leaky")
    assert as_dict(report)["attempts"][0]["diagnosis"]["layer"] == "leaky"
    assert any("leaky (LeakyReLU), off by" in line for line in terminal.lines(report))


def test_a_single_output_may_have_another_name(bed: Bed) -> None:
    bed.plant("tf2.15", TWINS + OTHER + 'build(False).export(path("renamed"))\n')
    report = verification.run(
        bed.folder / "renamed", bed.folder / "right.h5", Options(), bed.pool, quiet
    )
    assert report.exit_code == 1
    (attempt,) = report.attempts
    assert {verdict.output for verdict in attempt.verdicts} == {"output_0"}
    assert attempt.diagnosis is not None
    assert attempt.diagnosis.layer == "hidden"


def test_verifying_a_saved_model_that_is_not_served_names_the_cause(bed: Bed) -> None:
    shutil.rmtree(bed.folder / "wrong" / "variables")
    report = verification.run(
        bed.folder / "wrong", bed.folder / "right.h5", Options(), bed.pool, quiet
    )
    assert report.exit_code == 6
    (attempt,) = report.attempts
    assert attempt.diagnosis is not None
    assert attempt.diagnosis.cause == "variables-damaged"


def test_converting_against_recorded_answers_that_differ_explains_the_first_attempt(
    bed: Bed,
) -> None:
    np.savez(bed.folder / "in.npz", x=np.ones((2, 6), np.float32))
    np.savez(bed.folder / "out.npz", y=np.ones((2, 3), np.float32))
    options = Options(inputs=bed.folder / "in.npz", expected=bed.folder / "out.npz")
    report = pipeline.run(bed.folder / "right.h5", bed.folder / "m", options, bed.pool, quiet)
    assert report.exit_code == 1
    found = [attempt.diagnosis for attempt in report.attempts]
    assert found[0] is not None
    assert found[0].cause == "recorded-answers"
    assert found[1:] == [None] * (len(found) - 1)
