"""Every strategy of every toolchain, on a model by that toolchain's own Keras.

The SavedModel is asked in another process, by the toolchain standing for TensorFlow Serving; its
answers are held against `predict` of the Keras that wrote the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converter import rules
from converter.errors import WorkerRaised
from converter.toolchain import catalog
from converter.toolchain.facts import LoadOptions, Mode
from converter.toolchain.pool import Pool
from converter.toolchain.session import Array, Session
from testing import fixtures

CONTRACT: dict[str, Any] = {
    "inputs": ["image"],
    "outputs": ["scores"],
    "signatures": ["serving_default", "predict"],
    "tags": ["serve"],
}

CELLS = [
    pytest.param(
        toolchain.id,
        flavour.name,
        strategy,
        freeze,
        id=f"{toolchain.id}-{flavour.name}-{strategy}{'-frozen' * freeze}",
        marks=pytest.mark.toolchain(toolchain.id, "tf2.21"),
    )
    for toolchain in catalog.load().values()
    for flavour in toolchain.flavours
    for strategy in flavour.strategies
    for freeze in (False, True)
]


def _mode(strategy: str) -> Mode:
    return "graph" if rules.STRATEGY_MODES[strategy] == "graph" else "eager"


def _images(rows: int = 3) -> Array:
    return np.random.default_rng(0).random((rows, 28, 28, 1), np.float32)


@pytest.mark.parametrize(("toolchain", "flavour", "strategy", "freeze"), CELLS)
def test_the_saved_model_answers_like_the_keras_that_wrote_the_file(
    toolchain: str,
    flavour: str,
    strategy: str,
    freeze: bool,
    pool: Pool,
    fixtures_folder: Path,
    tmp_path: Path,
) -> None:
    worker = pool.session(catalog.get(toolchain), _mode(strategy))
    loaded = worker.load_h5(
        fixtures.digits_by(fixtures_folder, toolchain, flavour),
        LoadOptions(flavour, translate="never"),
    )
    assert loaded.via == "native"
    (expected,) = worker.predict([_images()])
    worker.convert(strategy, tmp_path / "model", CONTRACT, freeze)

    serving = pool.session(catalog.get("tf2.21"), "eager", "prove")
    signatures = serving.load_saved_model(tmp_path / "model", ["serve"])
    assert set(signatures) == {"serving_default", "predict"}
    for name in signatures:
        assert signatures[name]["inputs"] == {
            "image": {"dtype": "float32", "shape": [-1, 28, 28, 1]}
        }
        assert signatures[name]["outputs"] == {"scores": {"dtype": "float32", "shape": [-1, 10]}}
        answers = serving.run_signature(name, {"image": _images()})
        np.testing.assert_allclose(answers["scores"], expected, rtol=1e-4, atol=1e-5)
    again = serving.run_signature("serving_default", {"image": _images()})
    np.testing.assert_array_equal(again["scores"], answers["scores"])


@pytest.mark.parametrize(
    ("toolchain", "flavour"),
    [
        pytest.param(t.id, f.name, marks=pytest.mark.toolchain(t.id, "tf1.14-keras2.2"))
        for t in catalog.load().values()
        for f in t.flavours
        if t.tensorflow_series >= rules.FREEZE_FOR_OLDER_SERVING_SINCE
    ],
)
def test_frozen_models_of_new_toolchains_load_in_tensorflow_1_14(
    toolchain: str, flavour: str, pool: Pool, fixtures_folder: Path, tmp_path: Path
) -> None:
    found = catalog.get(toolchain).flavour(flavour)
    assert found is not None
    worker = pool.session(catalog.get(toolchain), _mode(found.strategies[0]))
    worker.load_h5(fixtures.digits_by(fixtures_folder, toolchain, flavour), LoadOptions(flavour))
    (expected,) = worker.predict([_images()])
    worker.convert(found.strategies[0], tmp_path / "model", CONTRACT, True)
    serving = pool.session(catalog.get("tf1.14-keras2.2"), "eager", "prove")
    serving.load_saved_model(tmp_path / "model", ["serve"])
    answers = serving.run_signature("serving_default", {"image": _images()})
    np.testing.assert_allclose(answers["scores"], expected, rtol=1e-4, atol=1e-5)


def _load_digits(pool: Pool, folder: Path, toolchain: str, flavour: str, mode: Mode) -> Session:
    worker = pool.session(catalog.get(toolchain), mode)
    worker.load_h5(fixtures.digits_by(folder, toolchain, flavour), LoadOptions(flavour))
    return worker


@pytest.mark.parametrize(
    ("toolchain", "flavour", "mode", "strategy", "sentence"),
    [
        pytest.param(*cell, marks=pytest.mark.toolchain(cell[0]))
        for cell in (
            ("tf1.4-keras1.2", "keras", "graph", "simple_save", "has no simple_save"),
            ("tf1.14-keras2.2", "keras", "graph", "contrib", "takes models of tf.keras only"),
            ("tf1.15-keras2.3", "tf.keras", "graph", "save_model", "from TensorFlow 2.0 on"),
            ("tf2.2", "tf.keras", "graph", "contrib", "has no tf.contrib"),
            ("tf2.2", "tf.keras", "eager", "builder", "needs a session"),
            ("tf2.3", "tf.keras", "eager", "export", "has no ExportArchive"),
            ("tf2.15", "tf.keras", "graph", "save_model", "needs a worker in eager mode"),
            ("tf2.21", "keras3", "eager", "save_model", "does not write SavedModels"),
            ("tf2.21", "keras3", "eager", "simple_save", "needs a session"),
        )
    ],
)
def test_a_strategy_that_cannot_says_so_in_one_sentence(
    toolchain: str,
    flavour: str,
    mode: Mode,
    strategy: str,
    sentence: str,
    pool: Pool,
    fixtures_folder: Path,
    tmp_path: Path,
) -> None:
    worker = _load_digits(pool, fixtures_folder, toolchain, flavour, mode)
    with pytest.raises(WorkerRaised, match=sentence) as caught:
        worker.convert(strategy, tmp_path / "model", CONTRACT, False)
    assert caught.value.kind == "unsupported"
    assert not (tmp_path / "model").exists()


@pytest.mark.toolchain("tf2.15", "tf1.15-keras2.3")
@pytest.mark.parametrize(
    ("toolchain", "strategy"), [("tf2.15", "save_model"), ("tf1.15-keras2.3", "builder")]
)
def test_keys_may_be_any_names(
    toolchain: str, strategy: str, pool: Pool, fixtures_folder: Path, tmp_path: Path
) -> None:
    worker = _load_digits(pool, fixtures_folder, toolchain, "tf.keras", _mode(strategy))
    for number, (key, output) in enumerate(
        [("in", "class"), ("a/b", "x:0"), ("ein Bild", "Zahl"), ("1", "2")]
    ):
        folder = tmp_path / str(number)
        contract = {**CONTRACT, "inputs": [key], "outputs": [output]}
        worker.convert(strategy, folder, contract, False)
        serving = pool.session(catalog.get(toolchain), "eager", "prove")
        serving.load_saved_model(folder, ["serve"])
        answers = serving.run_signature("predict", {key: _images()})
        assert list(answers) == [output]


@pytest.mark.toolchain("tf2.15", "tf2.21")
@pytest.mark.parametrize("strategy", ["save_model", "export", "builder", "simple_save"])
def test_no_variable_of_an_optimizer_is_saved(
    strategy: str, pool: Pool, fixtures_folder: Path, tmp_path: Path
) -> None:
    worker = _load_digits(pool, fixtures_folder, "tf2.15", "tf.keras", _mode(strategy))
    worker.convert(strategy, tmp_path / "model", CONTRACT, False)
    index = (tmp_path / "model" / "variables" / "variables.index").read_bytes()
    for word in (b"Adam", b"optimizer", b"iteration", b"momentum"):
        assert word not in index
