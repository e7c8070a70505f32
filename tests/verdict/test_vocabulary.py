"""What the layers behind an input demand of its values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from converter.verdict.vocabulary import Demand, demands
from testing.hdf5 import read_here
from testing.models import Node, entry, functional, layer, sequential, source, wrapped


def _demands(config: Node) -> dict[str, Demand]:
    return demands(source(config=config))


def _embedding(size: int, inbound: list[str] | None = None, name: str = "e", **more: Any) -> Node:
    return layer("Embedding", name, inbound or [], input_dim=size, output_dim=2, **more)


def _behind(*between: Node, size: int = 7) -> Node:
    """A functional model: input `x`, the layers `between` (each named for the next), Embedding."""
    last = between[-1]["name"] if between else "x"
    return functional([entry("x", 4), *between, _embedding(size, [last])], ["x"], ["e"])


@pytest.mark.parametrize(
    "between",
    [
        [],
        [layer("Reshape", "r", ["x"], target_shape=[2, 2])],
        [layer("Flatten", "f", ["x"]), layer("Dropout", "d", ["f"], rate=0.1)],
        [layer("RepeatVector", "v", ["x"], n=2)],
        [wrapped("TimeDistributed", "t", layer("Flatten", "inner"), ["x"])],
    ],
    ids=["nothing", "Reshape", "Flatten and Dropout", "RepeatVector", "TimeDistributed Flatten"],
)
def test_a_vocabulary_is_found_behind_layers_that_hand_values_on(between: list[Node]) -> None:
    assert _demands(_behind(*between)) == {"x": Demand(vocabulary=7)}


@pytest.mark.parametrize(
    "between",
    [
        layer("Dense", "d", ["x"], units=2),
        layer("Lambda", "l", ["x"]),
        wrapped("TimeDistributed", "t", layer("Dense", "inner", units=2), ["x"]),
    ],
    ids=["Dense", "Lambda", "TimeDistributed Dense"],
)
def test_a_layer_that_computes_hides_what_is_behind_it(between: Node) -> None:
    assert _demands(_behind(between)) == {}


def test_a_sequential_model_is_followed_to_its_first_computing_layer() -> None:
    first = layer("Reshape", "r", batch_input_shape=[None, 4], target_shape=[2, 2])
    rest = [_embedding(7), layer("Dense", "d", units=1), _embedding(3, name="later")]
    assert _demands(sequential(first, *rest)) == {"r_input": Demand(vocabulary=7)}


def test_an_embedding_inside_time_distributed_is_found() -> None:
    around = wrapped("TimeDistributed", "t", _embedding(5, name="inner"), ["x"])
    config = functional([entry("x", 4, 3), around], ["x"], ["t"])
    assert _demands(config) == {"x": Demand(vocabulary=5)}


@pytest.mark.parametrize(
    "nested",
    [
        sequential(_embedding(9, name="inner"), name="nest", inbound=["x"]),
        functional(
            [entry("in", 4), _embedding(9, ["in"], name="inner")],
            ["in"],
            ["inner"],
            name="nest",
            inbound=["x"],
        ),
    ],
    ids=["Sequential", "Model"],
)
def test_an_embedding_inside_a_nested_model_is_found(nested: Node) -> None:
    config = functional([entry("x", 4), nested], ["x"], ["nest"])
    assert _demands(config) == {"x": Demand(vocabulary=9)}


def test_inputs_of_a_nested_model_are_told_apart() -> None:
    inner = functional(
        [
            entry("a", 4),
            entry("b", 4),
            _embedding(3, ["a"], "ea"),
            _embedding(5, ["b"], "eb"),
        ],
        ["a", "b"],
        ["ea", "eb"],
        name="nest",
        inbound=["y", "x"],
    )
    config = functional([entry("x", 4), entry("y", 4), inner], ["x", "y"], ["nest"])
    assert _demands(config) == {"x": Demand(vocabulary=5), "y": Demand(vocabulary=3)}


def test_each_input_has_its_own_demand_and_some_have_none() -> None:
    config = functional(
        [entry("x", 4), entry("image", 8), _embedding(6, ["x"])], ["image", "x"], ["e"]
    )
    assert _demands(config) == {"x": Demand(vocabulary=6)}


def test_an_embedding_shared_by_two_inputs_bounds_both() -> None:
    shared = layer("Embedding", "e", calls=[["x"], ["y"]], input_dim=4, output_dim=2)
    config = functional([entry("x", 4), entry("y", 4), shared], ["x", "y"], ["e"])
    assert _demands(config) == {"x": Demand(vocabulary=4), "y": Demand(vocabulary=4)}


def test_of_two_embeddings_behind_one_input_the_smaller_counts() -> None:
    config = functional(
        [entry("x", 4), _embedding(30, ["x"], "big"), _embedding(4, ["x"], "small")],
        ["x"],
        ["big", "small"],
    )
    assert _demands(config) == {"x": Demand(vocabulary=4)}


@pytest.mark.parametrize(
    ("config", "demand"),
    [
        (_behind(size=7), Demand(vocabulary=7)),
        (
            functional([entry("x", 4), _embedding(7, ["x"], mask_zero=True)], ["x"], ["e"]),
            Demand(vocabulary=7, mask_value=0.0),
        ),
        (
            functional(
                [entry("x", 4, 2), layer("Masking", "m", ["x"], mask_value=-1.0)], ["x"], ["m"]
            ),
            Demand(mask_value=-1.0),
        ),
        (
            functional(
                [entry("x", 4), layer("CategoryEncoding", "c", ["x"], num_tokens=12)], ["x"], ["c"]
            ),
            Demand(vocabulary=12),
        ),
    ],
    ids=["Embedding", "mask_zero", "Masking", "CategoryEncoding"],
)
def test_masks_and_bounds_of_each_layer_that_has_them(config: Node, demand: Demand) -> None:
    assert _demands(config) == {"x": demand}


def test_inbound_nodes_in_the_words_of_keras_3_are_understood() -> None:
    embedding = _embedding(8)
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}
    embedding["inbound_nodes"] = [{"args": [tensor], "kwargs": {}}]
    assert _demands(functional([entry("x", 4), embedding], ["x"], ["e"])) == {
        "x": Demand(vocabulary=8)
    }


def test_layers_that_feed_each_other_in_a_circle_end() -> None:
    config = functional(
        [
            entry("x", 4),
            layer("Dropout", "a", ["x", "b"]),
            layer("Dropout", "b", ["a"]),
            _embedding(5, ["b"]),
        ],
        ["x"],
        ["e"],
    )
    assert _demands(config) == {"x": Demand(vocabulary=5)}


def _recorded_vocabularies(folder: Path) -> list[tuple[str, dict[str, int]]]:
    """(file, {input name: vocabulary}) for every file that was run with ids."""
    records = {r["sha256"]: r for r in json.loads((folder / "corpus.json").read_text())}
    found = []
    for reference in json.loads((folder / "refs.json").read_text()):
        entries = reference.get("inputs") or records[reference["sha256"]]["inputs"]
        vocabularies = reference.get("vocab") or {}
        named = {entries[int(i)]["name"]: size for i, size in vocabularies.items()}
        if reference["status"] == "ok":
            found.append((reference["file"], named))
    return found


def test_vocabularies_of_real_files_are_those_they_were_run_with(corpus_folder: Path) -> None:
    checked = 0
    for name, recorded in _recorded_vocabularies(corpus_folder):
        found = read_here(corpus_folder / name)
        demanded = demands(found)
        ours = {
            port.layer: demanded[port.key].vocabulary
            for port in found.inputs
            if port.key in demanded and demanded[port.key].vocabulary is not None
        }
        assert ours == recorded, name
        checked += bool(recorded)
    assert checked > 10
