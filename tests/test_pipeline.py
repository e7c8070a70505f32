"""From a file to a published version, or to the reason why there is none."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

from converter import pipeline
from converter.errors import InstallFailed
from converter.options import Options
from converter.report.model import Report
from converter.toolchain import catalog, interpreters, provision
from converter.toolchain.pool import Pool
from converter.toolchain.provision import quiet
from testing import cli, fixtures, toolchains

ROOT = Path(__file__).parents[1]
FILES = fixtures.entries(ROOT / "fixtures")


def _run(pool: Pool, source: Path, target: Path, options: Options | None = None) -> Report:
    return pipeline.run(source, target, options or Options(), pool, quiet)


@pytest.mark.parametrize("entry", [pytest.param(e, id=e["file"]) for e in FILES])
def test_every_fixture_is_published_by_the_first_strategy(
    entry: dict[str, str], pool: Pool, fixtures_folder: Path, tmp_path: Path
) -> None:
    toolchains.require(entry["toolchain"])
    report = _run(pool, fixtures_folder / entry["file"], tmp_path / "m")
    assert report.error is None
    assert report.published == tmp_path / "m" / "1"
    (attempt,) = report.attempts
    assert (attempt.strategy, attempt.toolchain) == ("direct", "no toolchain")
    assert attempt.loaded == "as data"
    assert all(v.passed for v in attempt.verdicts)
    assert {v.check for v in attempt.verdicts} == {"answer", "repeat", "rows", "protocols"}
    assert {v.protocol for v in attempt.verdicts} == {"rest row", "rest columnar", "grpc"}
    assert attempt.not_asked == []


@pytest.mark.toolchain("tf2.15")
class TestWithTensorFlow215:
    """Everything that does not depend on the version."""

    @pytest.fixture
    def digits(self, fixtures_folder: Path) -> Path:
        return fixtures_folder / "digits-tf.keras-2.15.h5"

    def test_the_manifest_tells_where_the_model_comes_from(
        self, digits: Path, pool: Pool, tmp_path: Path
    ) -> None:
        report = _run(pool, digits, tmp_path / "m", Options(strategy="save_model"))
        assert report.published is not None
        text = (report.published / "assets.extra" / "convert-h5.json").read_text()
        manifest = json.loads(text)
        assert manifest["source"]["sha256"] == hashlib.sha256(digits.read_bytes()).hexdigest()
        assert manifest["writer"] == "tf.keras 2.15.0 on tensorflow"
        assert manifest["toolchain"]["lock_sha256"] == catalog.get("tf2.15").lock_sha256
        assert manifest["strategy"] == "save_model"
        assert all(v["passed"] for v in manifest["verdicts"])
        assert str(tmp_path) not in text

    def test_the_source_is_not_touched(self, digits: Path, pool: Pool, tmp_path: Path) -> None:
        before = (digits.read_bytes(), digits.stat().st_mtime_ns)
        _run(pool, digits, tmp_path / "m")
        assert (digits.read_bytes(), digits.stat().st_mtime_ns) == before

    def test_versions_count_up_and_an_asked_one_is_taken(
        self, digits: Path, pool: Pool, tmp_path: Path
    ) -> None:
        for version in (None, 7, None):
            options = Options(model_version=version, verify=False)
            assert _run(pool, digits, tmp_path / "m", options).error is None
        assert cli.versions(tmp_path / "m") == ["1", "7", "8"]
        again = _run(pool, digits, tmp_path / "m", Options(model_version=7, verify=False))
        assert again.error is not None
        assert again.error.id == "version-exists"

    def test_recorded_answers_are_the_reference_when_given(
        self, digits: Path, fixtures_folder: Path, pool: Pool, tmp_path: Path
    ) -> None:
        options = Options(
            inputs=fixtures_folder / "digits_input.npz",
            expected=fixtures_folder / "digits_expected.npz",
        )
        report = _run(pool, digits, tmp_path / "m", options)
        assert report.error is None
        assert report.reference == "recorded by the user"

    def test_answers_that_differ_from_the_reference_are_not_published(
        self, digits: Path, fixtures_folder: Path, pool: Pool, tmp_path: Path
    ) -> None:
        with np.load(fixtures_folder / "digits_expected.npz") as stored:
            scores = stored["scores"].copy()
        scores[0, 3] += 0.01
        np.savez(tmp_path / "expected.npz", scores=scores)
        options = Options(
            inputs=fixtures_folder / "digits_input.npz", expected=tmp_path / "expected.npz"
        )
        report = _run(pool, digits, tmp_path / "m", options)
        assert report.error is not None
        assert (report.error.id, report.exit_code) == ("not-proven", 1)
        assert cli.versions(tmp_path / "m") == []
        wrong = [v for v in report.attempts[0].verdicts if not v.passed]
        assert wrong[0].problem.startswith("1 of ")
        assert wrong[0].max_abs == pytest.approx(0.01, rel=1e-3)
        # Every strategy that the plan has was tried before giving up; the first was looked into.
        assert len(report.attempts) == 5
        told = report.attempts[0].diagnosis
        assert told is not None
        assert told.cause == "recorded-answers"

    def test_names_of_signatures_inputs_and_outputs_are_the_users_choice(
        self, digits: Path, pool: Pool, tmp_path: Path
    ) -> None:
        options = Options(
            signatures=("predict",),
            rename_inputs={"image": "images"},
            rename_outputs={"scores": "probabilities"},
        )
        report = _run(pool, digits, tmp_path / "m", options)
        assert report.published is not None
        session = pool.session(catalog.get("tf2.15"), "eager", "check")
        signatures = session.load_saved_model(report.published, ["serve"])
        for name in ("serving_default", "predict"):
            assert list(signatures[name]["inputs"]) == ["images"]
            assert list(signatures[name]["outputs"]) == ["probabilities"]

    def test_the_users_own_environment_is_a_toolchain_too(
        self, digits: Path, pool: Pool, tmp_path: Path
    ) -> None:
        python = provision.provide(catalog.get("tf2.15"))
        report = _run(pool, digits, tmp_path / "m", Options(python=python))
        assert report.error is None
        assert str(python) in report.attempts[0].toolchain

    def test_an_environment_without_tensorflow_is_refused(
        self, digits: Path, pool: Pool, tmp_path: Path
    ) -> None:
        report = _run(pool, digits, tmp_path / "m", Options(python=tmp_path / "python"))
        assert report.error is not None
        assert (report.error.id, report.exit_code) == ("toolchain-unhealthy", 5)

    def test_weights_alone_are_converted_with_their_architecture(
        self, digits: Path, pool: Pool, tmp_path: Path
    ) -> None:
        weights = tmp_path / "weights.hdf5"
        with h5py.File(digits) as full, h5py.File(weights, "w") as file:
            for name in full["model_weights"]:
                full.copy(f"model_weights/{name}", file)
            file.attrs.update(full["model_weights"].attrs)
            (tmp_path / "model.json").write_text(full.attrs["model_config"])
        refused = _run(pool, weights, tmp_path / "m")
        assert refused.error is not None
        assert (refused.error.id, refused.exit_code) == ("source-weights-only", 3)
        report = _run(pool, weights, tmp_path / "m", Options(architecture=tmp_path / "model.json"))
        assert report.error is None
        assert report.attempts[0].outcome == "published"
        # By a strategy that loads it too.
        asked = Options(architecture=tmp_path / "model.json", strategy="builder")
        assert _run(pool, weights, tmp_path / "m", asked).attempts[0].loaded == "architecture"

    def test_a_lambda_runs_only_by_its_digest_and_custom_code_only_when_given(
        self, pool: Pool, tmp_path: Path
    ) -> None:
        source = tmp_path / "lambda.h5"
        _build(
            "tf2.15",
            "x = keras.Input((3,), name='x')\n"
            "y = keras.layers.Lambda(lambda t: t * 2.0, name='double')(x)\n"
            "keras.Model(x, keras.layers.Dense(2, name='y')(y)).save(PATH)\n",
            source,
        )
        refused = _run(pool, source, tmp_path / "m")
        assert refused.error is not None
        assert refused.exit_code == 4
        (digest,) = [w for w in refused.error.fix.split() if w.startswith("sha256:")]
        wrong = Options(allow_lambda=("sha256:" + "0" * 64,))
        assert _run(pool, source, tmp_path / "m", wrong).exit_code == 4
        assert _run(pool, source, tmp_path / "m", Options(allow_lambda=(digest,))).error is None

    def test_a_stateful_model_is_served_from_its_zero_state(
        self, pool: Pool, tmp_path: Path
    ) -> None:
        source = tmp_path / "stateful.h5"
        _build(
            "tf2.15",
            "x = keras.Input(batch_shape=(2, 5, 3), name='x')\n"
            "y = keras.layers.LSTM(4, stateful=True, name='y')(x)\n"
            "keras.Model(x, y).save(PATH)\n",
            source,
        )
        report = _run(pool, source, tmp_path / "m")
        assert report.error is None
        assert {v.check for v in report.attempts[-1].verdicts} == {"answer", "repeat", "protocols"}

    def test_outputs_that_are_a_dict_keep_their_names(self, pool: Pool, tmp_path: Path) -> None:
        source = tmp_path / "dict.h5"
        _build(
            "tf2.15",
            "x = keras.Input((3,), name='x')\n"
            "b = keras.layers.Dense(2, name='b', bias_initializer='ones')(x)\n"
            "a = keras.layers.Dense(2, name='a')(x)\n"
            "keras.Model(x, {'second': b, 'first': a}).save(PATH)\n",
            source,
        )
        report = _run(pool, source, tmp_path / "m")
        assert report.published is not None
        session = pool.session(catalog.get("tf2.15"), "eager", "check")
        session.load_saved_model(report.published, ["serve"])
        zero = np.zeros((1, 3), np.float32)
        answers = session.run_signature("serving_default", {"x": zero})
        np.testing.assert_array_equal(answers["b"], [[1.0, 1.0]])
        np.testing.assert_array_equal(answers["a"], [[0.0, 0.0]])

    def test_a_custom_layer_is_loaded_from_the_file_that_the_user_gives(
        self, pool: Pool, tmp_path: Path
    ) -> None:
        code = tmp_path / "layers.py"
        code.write_text(
            "import tensorflow as tf\n"
            "class Twice(tf.keras.layers.Layer):\n"
            "    def call(self, inputs):\n"
            "        return inputs * 2.0\n"
        )
        source = tmp_path / "custom.h5"
        _build(
            "tf2.15",
            code.read_text()
            + "x = keras.Input((3,), name='x')\n"
            + "keras.Model(x, keras.layers.Dense(2, name='y')(Twice()(x))).save(PATH)\n",
            source,
        )
        assert _run(pool, source, tmp_path / "m").exit_code == 4
        report = _run(pool, source, tmp_path / "m", Options(custom_objects=code))
        assert report.error is None

    def test_a_model_that_is_random_by_design_stays_so_and_is_proven(
        self, pool: Pool, tmp_path: Path
    ) -> None:
        source = tmp_path / "random.h5"
        _build(
            "tf2.15",
            "x = keras.Input((8,), name='x')\n"
            "y = keras.layers.Dropout(0.5, name='drop')(x, training=True)\n"
            "keras.Model(x, keras.layers.Dense(2, name='y')(y)).save(PATH)\n",
            source,
        )
        report = _run(pool, source, tmp_path / "m")
        assert report.published is not None
        assert any("random by design" in line for line in report.plan)
        assert {v.check for v in report.attempts[0].verdicts} >= {"answer", "random"}
        session = pool.session(catalog.get("tf2.15"), "eager", "check")
        session.load_saved_model(report.published, ["serve"])
        x = np.ones((1, 8), np.float32)
        answers = [session.run_signature("serving_default", {"x": x})["y"] for _ in range(4)]
        assert not all(np.array_equal(answers[0], a) for a in answers)


@pytest.mark.toolchain("tf2.15")
@pytest.mark.parametrize(
    ("name", "loaded"),
    [("digits-keras-2.2.4.h5", "native"), ("digits-keras3-3.15.h5", "translated")],
)
def test_where_the_writers_python_cannot_be_had_the_next_toolchain_does_it_and_says_so(
    name: str,
    loaded: str,
    fixtures_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ready = provision.provide(catalog.get("tf2.15"))
    monkeypatch.setattr(interpreters, "find", lambda version: None)

    def only_tf215(toolchain: catalog.Toolchain, progress: provision.Progress) -> Path:
        if toolchain.id == "tf2.15":
            return ready
        return provide(toolchain, progress)

    def no_network(*_: object) -> None:
        raise InstallFailed("'uv venv' failed", why="no network")

    provide = provision.provide
    monkeypatch.setenv("CONVERT_H5_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(provision, "provide", only_tf215)
    monkeypatch.setattr(provision, "_uv", no_network)
    with Pool() as pool:
        options = Options(strategy="builder")
        report = _run(pool, fixtures_folder / name, tmp_path / "m", options)
    assert report.error is None
    assert report.attempts[0].loaded == loaded
    assert "tf2.15" in report.reference
    assert ("translated" in report.reference) == (loaded == "translated")
    assert any("needs Python" in note for note in report.notes)


@pytest.mark.toolchain("tf1.15-keras2.3", "tf2.2", "tf2.15")
def test_gpu_only_layers_are_loaded_as_plain_ones_and_answer_the_same_everywhere(
    pool: Pool, tmp_path: Path
) -> None:
    source = tmp_path / "cudnn.h5"
    _build(
        "tf2.15",
        "from tensorflow.compat.v1.keras.layers import CuDNNGRU, CuDNNLSTM\n"
        "x = keras.Input((6, 3), name='x')\n"
        "y = CuDNNLSTM(4, return_sequences=True, name='lstm')(x)\n"
        "keras.Model(x, CuDNNGRU(5, name='gru')(y)).save(PATH)\n",
        source,
    )
    assert _run(pool, source, tmp_path / "m").attempts[0].outcome == "published"
    report = _run(pool, source, tmp_path / "m", Options(strategy="builder"))
    assert report.error is None
    assert report.attempts[0].loaded == "translated"
    assert any("CuDNN layers need a GPU" in line for line in report.plan)
    # Keras rearranges the weights; those of 2019 and of 2023 do it the same way.
    other = _run(pool, source, tmp_path / "m", Options(toolchain="tf1.15-keras2.3"))
    assert other.error is None
    assert "tf2.15" in other.reference


def _build(toolchain: str, code: str, path: Path) -> None:
    """Write a model with a toolchain's tf.keras; `code` saves it to PATH."""
    head = f"from tensorflow import keras\nPATH = {str(path)!r}\n"
    python = provision.provide(catalog.get(toolchain))
    subprocess.run([str(python), "-c", head + code], check=True, capture_output=True)
