"""Every layer of a source is found again in the SavedModel, whatever TensorFlow wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converter import rules
from converter.contract import make as make_contract
from converter.errors import WorkerRaised
from converter.options import Options
from converter.source import read as sources
from converter.toolchain import catalog
from converter.toolchain.facts import LoadOptions, Mode
from converter.toolchain.pool import Pool
from converter.toolchain.session import Array, Session
from testing import fixtures
from testing.planting import Bed

RULE = {"rtol": 1e-4, "atol": 1e-5}
ROOT = Path(__file__).parents[2]
FILES = fixtures.entries(ROOT / "fixtures")


def _mode(strategy: str) -> Mode:
    return "graph" if rules.STRATEGY_MODES[strategy] == "graph" else "eager"


def _inputs(session: Session, path: Path, flavour: str) -> dict[str, Array]:
    """Load `path`; two rows for each input, ids for the embedding."""
    model = session.load_h5(path, LoadOptions(flavour))
    keys = make_contract(sources.read(path), Options()).inputs
    random = np.random.default_rng(0)
    found = {}
    for key, fact in zip(keys, model.inputs, strict=True):
        shape = [2 if place == 0 else d or 5 for place, d in enumerate(fact.shape or ())]
        whole = "ids" in key
        values = random.integers(1, 50, shape) if whole else random.normal(size=shape)
        found[key] = values.astype(fact.dtype)
    return found


def _serving(toolchain: str) -> str:
    series = catalog.get(toolchain).tensorflow_series
    release = next(release for below, release in rules.SERVING_RULES if series < below)
    return catalog.for_serving(release).id


RECURRENT = ("lstm", "gru", "embedding", "bidirectional")
ALL_WAYS = (
    *("digits-tf.keras-2.2.4-tf.h5", "digits-tf.keras-2.15.h5", "digits-tf_keras-2.21.h5"),
    "lstm-tf.keras-2.15.h5",
)


def _strategies(entry: dict[str, str]) -> tuple[str, ...]:
    """All for three of the files, the first for others; the quick one for recurrent ones."""
    flavour = catalog.get(entry["toolchain"]).flavour(entry["flavour"])
    assert flavour is not None
    offered = flavour.strategies
    if entry["file"] in ALL_WAYS:
        return offered
    quick = rules.QUICK_WITH_RECURRENT
    return (quick,) if entry["model"] in RECURRENT and quick in offered else offered[:1]


CELLS = [
    pytest.param(
        entry,
        strategy,
        id=f"{entry['file']}-{strategy}",
        marks=pytest.mark.toolchain(entry["toolchain"], _serving(entry["toolchain"])),
    )
    for entry in FILES
    for strategy in _strategies(entry)
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every other cell in a usual run."""
    if "entry" in metafunc.fixturenames:
        step = 1 if metafunc.config.getoption("--everything") else 2
        metafunc.parametrize(("entry", "strategy"), CELLS[::step])


def test_every_layer_of_a_right_conversion_is_found_and_agrees(
    entry: dict[str, str], strategy: str, pool: Pool, fixtures_folder: Path, tmp_path: Path
) -> None:
    path = fixtures_folder / entry["file"]
    worker = pool.session(catalog.get(entry["toolchain"]), _mode(strategy))
    inputs = _inputs(worker, path, entry["flavour"])
    layers = worker.source_layers(list(inputs.values()))
    assert len(layers) > 1
    contract = make_contract(sources.read(path), Options())
    worker.convert(strategy, tmp_path / "m", contract.fields(), False)
    serving = pool.session(catalog.get(_serving(entry["toolchain"])), "eager", "serve here")
    told = _compare(serving, tmp_path / "m", inputs, layers)
    assert [(path, layer["agrees"]) for (path, _), layer in zip(layers, told, strict=True)] == [
        (path, True) for path, _ in layers
    ]


def _compare(
    serving: Session,
    folder: Path,
    inputs: dict[str, Array],
    layers: list[tuple[list[str], Array]],
    **more: Any,
) -> list[dict[str, Any]]:
    fields = {"tags": ["serve"], "signature": "serving_default", **RULE, **more}
    paths = [path for path, _ in layers]
    reply = serving.graph_layers(folder, inputs, [a for _, a in layers], layers=paths, **fields)
    found: list[dict[str, Any]] = reply.result["layers"]
    return found


# Names that are like each other, or like scopes; a layer that only has a longer name than another;
# models in models. {model} is written with its own Keras.
AWKWARD = """
x = layers.Input((6,), name="x")
y = layers.Dense(5, name="dense_1")(x)
y = layers.Dense(5, activation="tanh", name="dense")(y)
y = layers.Dense(5, activation="tanh", name="dense_2_1")(y)
raw = layers.Input((5,), name="raw")
z = layers.Dense(5, activation="tanh", name="dense")(raw)
z = layers.Dense(4, activation="relu", name="dense_1")(z)
inner = keras.models.Model(raw, z, name="inner")
y = inner(y)
y = layers.Dropout(0.5, name="dropout")(y)
model = keras.models.Model(x, layers.Dense(3, name="y")(y), name="outer")
model.save(path("right.h5"))
"""


@pytest.mark.parametrize(
    ("toolchain", "flavour", "strategy", "head", "inside"),
    [
        pytest.param(*cell, marks=pytest.mark.toolchain(cell[0]), id=f"{cell[1]} in {cell[0]}")
        for cell in (
            ("tf1.15-keras2.3", "keras", "builder", "import keras", False),
            ("tf1.15-keras2.3", "tf.keras", "builder", "keras = tf.keras", True),
            ("tf2.2", "tf.keras", "save_model", "keras = tf.keras", True),
            ("tf2.15", "tf.keras", "export", "keras = tf.keras", True),
            ("tf2.21", "keras3", "export", "import keras", True),
        )
    ],
)
def test_awkward_names_are_not_mistaken(
    toolchain: str,
    flavour: str,
    strategy: str,
    head: str,
    inside: bool,
    pool: Pool,
    fixtures_folder: Path,
    tmp_path: Path,
) -> None:
    """`inside`: whether this Keras gives the layers of a nested model scopes of their own."""
    bed = Bed(pool, tmp_path, fixtures_folder)
    bed.plant(
        toolchain,
        f"{head}\nlayers = keras.layers\n{AWKWARD}",
        flavour=flavour,
        mode=_mode(strategy),
    )
    worker = pool.session(catalog.get(toolchain), _mode(strategy))
    inputs = _inputs(worker, tmp_path / "right.h5", flavour)
    layers = worker.source_layers(list(inputs.values()))
    names = ["/".join(path) for path, _ in layers]
    assert names == [
        *("dense_1", "dense", "dense_2_1", "inner/dense", "inner/dense_1", "inner", "dropout", "y")
    ]
    contract = {"inputs": ["x"], "outputs": ["y"], "signatures": ["serving_default"]}
    worker.convert(strategy, tmp_path / "m", {**contract, "tags": ["serve"]}, False)
    serving = pool.session(catalog.get(toolchain), "eager", "serve here")
    told = dict(zip(names, _compare(serving, tmp_path / "m", inputs, layers), strict=True))
    assert [name for name in names if not told[name]["agrees"]] == []
    if inside:
        assert "/inner" in "/" + told["inner/dense"]["tensor"]
    # What a layer reads is told by the numbers of the layers.
    reads = {
        name: {read if isinstance(read, str) else names[read] for read in told[name]["reads"]}
        for name in names
    }
    assert reads["dense_1"] == {"input/x"}
    assert reads["dense"] == {"dense_1"}
    assert "dense_2_1" in reads["y"] or reads["y"] & {"inner", "inner/dense_1", "dropout"}


@pytest.mark.toolchain("tf2.15")
class TestWithTensorFlow215:
    """Everything that does not depend on the version."""

    @pytest.fixture
    def served(self, pool: Pool, fixtures_folder: Path, tmp_path: Path) -> Path:
        worker = pool.session(catalog.get("tf2.15"), "eager")
        worker.load_h5(fixtures_folder / "digits-tf.keras-2.15.h5", LoadOptions("tf.keras"))
        contract = {"inputs": ["image"], "outputs": ["scores"], "signatures": ["serving_default"]}
        worker.convert("export", tmp_path / "m", {**contract, "tags": ["serve"]}, False)
        return tmp_path / "m"

    def _session(self, pool: Pool) -> Session:
        return pool.session(catalog.get("tf2.15"), "eager", "serve here")

    def _layers(self, pool: Pool) -> tuple[dict[str, Array], list[tuple[list[str], Array]]]:
        images = np.random.default_rng(0).random((2, 28, 28, 1), np.float32)
        worker = pool.session(catalog.get("tf2.15"), "eager")
        return {"image": images}, worker.source_layers([images])

    def test_a_layer_of_another_value_differs_by_how_much_it_is_told(
        self, served: Path, pool: Pool
    ) -> None:
        inputs, layers = self._layers(pool)
        at = [path for path, _ in layers].index(["hidden"])
        layers[at] = (["hidden"], layers[at][1] + np.float32(0.25))
        told = _compare(self._session(pool), served, inputs, layers)
        assert told[at]["agrees"] is False
        assert told[at]["max_abs"] == pytest.approx(0.25, abs=1e-4)
        assert told[at]["operations"] >= ["BiasAdd", "MatMul"]
        assert sorted(weight["shape"] for weight in told[at]["weights"]) == [[32], [432, 32]]
        assert all(layer["agrees"] for place, layer in enumerate(told) if place != at)

    def test_a_layer_that_the_graph_does_not_have_is_told_as_not_found(
        self, served: Path, pool: Pool
    ) -> None:
        inputs, layers = self._layers(pool)
        layers.append((["nowhere"], np.full((2, 7), 3.0, np.float32)))
        told = _compare(self._session(pool), served, inputs, layers)
        assert (told[-1]["tensor"], told[-1]["agrees"]) == (None, None)

    def test_weights_are_told_by_their_digests_on_both_sides(
        self, served: Path, pool: Pool
    ) -> None:
        inputs, layers = self._layers(pool)
        ours = pool.session(catalog.get("tf2.15"), "eager").source_weights()
        at = [path for path, _ in layers].index(["conv1"])
        layers[at] = (["conv1"], layers[at][1] + 1)
        theirs = _compare(self._session(pool), served, inputs, layers)[at]["weights"]
        (mine,) = [layer["weights"] for layer in ours if layer["path"] == ["conv1"]]
        assert {w["sha256"] for w in mine} == {w["sha256"] for w in theirs}

    def test_a_signature_that_is_missing_is_a_saved_models_fault(
        self, served: Path, pool: Pool
    ) -> None:
        inputs, layers = self._layers(pool)
        with pytest.raises(WorkerRaised, match="no signature") as caught:
            _compare(self._session(pool), served, inputs, layers, signature="other")
        assert caught.value.kind == "saved-model"
