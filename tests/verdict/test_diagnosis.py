"""A diagnosis is always given: in time, in words and as data, even of what cannot be told.

What each row of the table detects is planted in tests/verdict/failure_modes.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from converter.toolchain import catalog
from converter.toolchain.pool import Pool
from converter.toolchain.session import Session
from converter.verdict.causes import CAUSES
from converter.verdict.diagnosis import UNKNOWN, Diagnosis, diagnose
from converter.verdict.messages import MESSAGES
from testing import fixtures
from testing.planting import TWINS, Bed

ROOT = Path(__file__).parents[2]
IDS = [row.id for row in (*CAUSES, *MESSAGES)]

OTHER = """
def build(right):
    x = layers.Input((6,), name="x")
    y = layers.Dense(8, name="hidden")(x)
    y = layers.ELU(1.0 if right else 2.0, name="bend")(y)
    return keras.Model(x, layers.Dense(3, name="y")(y))
save(build)
"""


@pytest.fixture
def bed(pool: Pool, tmp_path: Path, fixtures_folder: Path) -> Bed:
    return Bed(pool, tmp_path, fixtures_folder)


@pytest.fixture
def planted(bed: Bed) -> Bed:
    """`right.h5`, and a SavedModel whose layer `bend` means something else."""
    bed.plant("tf2.15", TWINS + OTHER)
    return bed


@pytest.mark.toolchain("tf2.15")
class TestWithTensorFlow215:
    """Everything that does not depend on the version."""

    def test_it_tells_where_by_how_much_why_and_what_to_try(self, planted: Bed) -> None:
        found = planted.diagnose("right.h5", "tf2.15")
        line = found.line()
        assert line.startswith(f"bend (ELU), off by {found.max_abs:.2g}. This layer means ")
        assert "[another-meaning]" in line
        assert found.advice in line
        assert "\n" not in line
        assert "bend reads hidden, which agree" in found.evidence
        assert found.as_dict() == json.loads(json.dumps(found.as_dict()))
        assert found.as_dict()["layer"] == "bend"

    def test_the_workers_live_on_and_keep_their_deadlines(self, planted: Bed) -> None:
        case = planted.case(planted.folder / "right.h5", "tf2.15")
        before = [session.deadlines for session in (case.keras, case.runtime)]
        diagnose(case)
        assert [session.deadlines for session in (case.keras, case.runtime)] == before
        assert case.keras.alive
        assert case.runtime.alive

    def test_a_large_batch_is_looked_at_by_its_worst_rows(self, planted: Bed) -> None:
        case = planted.case(planted.folder / "right.h5", "tf2.15")
        batch = {key: values.repeat(20, axis=0) for key, values in case.batch.items()}
        expected = {key: values.repeat(20, axis=0) for key, values in case.expected.items()}
        found = diagnose(dataclasses.replace(case, batch=batch, expected=expected))
        assert (found.cause, found.layer) == ("another-meaning", "bend")

    def test_without_time_it_says_that_there_was_none(self, planted: Bed) -> None:
        found = diagnose(planted.case(planted.folder / "right.h5", "tf2.15"), seconds=0)
        assert found.cause == UNKNOWN
        assert any("no time left" in line for line in found.evidence)

    def test_a_worker_that_is_dead_is_said_to_be_so(self, planted: Bed) -> None:
        python = planted.pool.provide(catalog.get("tf2.15"))
        dead = Session.start(python, name="dead")
        dead.close()
        case = planted.case(planted.folder / "right.h5", "tf2.15")
        found = diagnose(dataclasses.replace(case, runtime=dead))
        assert found.cause == UNKNOWN
        assert any("dead" in line for line in found.evidence)
        found = diagnose(dataclasses.replace(case, keras=dead))
        assert found.cause == UNKNOWN
        assert any("the reference: " in line for line in found.evidence)

    def test_a_refusal_that_is_not_known_is_told_to_the_letter(self, planted: Bed) -> None:
        case = planted.case(planted.folder / "right.h5", "tf2.15")
        found = diagnose(dataclasses.replace(case, batch={"x": np.zeros((1, 9), np.float32)}))
        assert found.cause == UNKNOWN
        assert "cannot be loaded or asked" in found.explanation
        assert "Cannot feed value of shape (1, 9)" in found.evidence[0]

    def test_an_error_of_its_own_is_no_reason_to_fail(
        self, planted: Bed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        case = planted.case(planted.folder / "right.h5", "tf2.15")
        monkeypatch.setattr(Session, "source_layers", lambda *_: 1 / 0)
        found = diagnose(case)
        assert found.cause == UNKNOWN
        assert "ZeroDivisionError" in found.explanation

    def test_a_source_that_is_gone_is_told(self, planted: Bed) -> None:
        case = planted.case(planted.folder / "right.h5", "tf2.15")
        shutil.move(case.path, planted.folder / "elsewhere.h5")
        found = diagnose(case)
        assert found.cause == UNKNOWN
        assert any("the reference: " in line for line in found.evidence)


@pytest.mark.toolchain("tf1.4-keras1.2", "tf1.14-keras2.2")
def test_keras_1_names_no_scopes_so_a_layer_is_told_by_its_values_only(bed: Bed) -> None:
    """Layers up to the first wrong one agree; behind it their values are nowhere in the graph."""
    entry = fixtures.written_by(bed.fixtures, "digits", "tf1.4-keras1.2", "keras")
    shutil.copy(bed.fixtures / entry["file"], bed.folder / "right.h5")
    bed.plant(
        "tf1.4-keras1.2",
        f"""
import keras
from keras import backend as K
tf.reset_default_graph()
K.clear_session()
K.set_learning_phase(0)
model = keras.models.load_model({str(bed.folder / "right.h5")!r})
layer = [l for l in model.layers if l.name == "hidden"][0]
layer.set_weights([w + 0.1 for w in layer.get_weights()])
signature = tf.saved_model.signature_def_utils.predict_signature_def(
    {{"image": model.inputs[0]}}, {{"scores": model.outputs[0]}})
builder = tf.saved_model.builder.SavedModelBuilder(path("wrong"))
builder.add_meta_graph_and_variables(
    K.get_session(), ["serve"], {{"serving_default": signature}})
builder.save()
""",
        flavour="keras",
        mode="graph",
    )
    found = bed.diagnose(
        "right.h5", "tf1.4-keras1.2", flavour="keras", mode="graph", serving="tf1.14-keras2.2"
    )
    assert found.cause == UNKNOWN
    assert "not found in the graph: hidden, dropout, scores" in found.evidence


def test_every_row_has_an_id_of_its_own_words_and_a_source() -> None:
    assert len(set(IDS)) == len(set(CAUSES)) + len(set(MESSAGES)) - len({"keys-renamed"})
    for row in (*CAUSES, *MESSAGES):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row.id)
        assert row.explanation
        assert not row.explanation.endswith(".")
        assert row.advice
        assert not row.advice.endswith(".")
        assert "#" in row.source or row.source.startswith(("read: ", "measured: ", "docs/"))


@pytest.mark.parametrize("id_", sorted(set(IDS)))
def test_every_row_is_planted_somewhere(id_: str) -> None:
    tests = sorted((ROOT / "tests" / "verdict" / "failure_modes").glob("test_*.py"))
    assert any(f'"{id_}"' in path.read_text() for path in tests)


def test_every_row_is_explained_in_the_document() -> None:
    text = (ROOT / "docs" / "diagnosis.md").read_text()
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.M)) == set(IDS)


def test_a_diagnosis_of_no_layer_is_a_sentence_too() -> None:
    found = Diagnosis("outputs-exchanged", "The outputs are exchanged", "Convert it again")
    assert found.line() == "The outputs are exchanged [outputs-exchanged]. Convert it again."
