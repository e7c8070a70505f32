"""Recurrent layers: cuDNN's weights, what masks mean by the writer, and what is refused.

That they compute what the writer computes is held by test_layers.py; cuDNN's layers, which need a
GPU to be built, are held here against Keras's own loader.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
import pytest

import converter.direct.layers  # noqa: F401 registers the layers
from converter.direct import ops
from converter.direct.architecture import layer_of
from converter.direct.compiler import Compiler
from converter.direct.graph import Graph, Tensor
from converter.direct.meanings import Meaning
from converter.direct.ops import loops
from converter.direct.protos import Shape
from converter.direct.registry import roles_of
from converter.direct.weights import Array, Stored
from converter.errors import NotDirect
from converter.source.model import Writer
from testing import toolchains

NATIVE_2_1 = Writer("keras", "2.1.6", "tensorflow")
NATIVE_2_2 = Writer("keras", "2.2.4", "tensorflow")
THEANO = Writer("keras", "2.1.6", "theano")
NATIVE_2_3 = Writer("keras", "2.3.1", "tensorflow")
TF_1_12 = Writer("tf.keras", "2.1.6-tf", "tensorflow")
TF_1_15 = Writer("tf.keras", "2.2.4-tf", "tensorflow")
TF_2_15 = Writer("tf.keras", "2.15.0", "tensorflow")
KERAS_3 = Writer("keras3", "3.15.1", "tensorflow")

UNITS, WIDTH = 3, 2
LSTM = {"units": UNITS, "activation": "tanh", "recurrent_activation": "sigmoid"}
GRU = {**LSTM, "reset_after": True}
LOADERS = (
    ("tf1.14-keras2.2", "keras.engine.saving", "keras.layers"),
    ("tf2.15", "keras.src.saving.legacy.hdf5_format", "keras.layers"),
)
LOAD = """
import importlib, sys
import numpy as np
saving, layers, kind, path = sys.argv[1:]
load = importlib.import_module(saving).preprocess_weights_for_loading
layer = getattr(importlib.import_module(layers), kind)
arguments = {"reset_after": True} if kind == "GRU" else {}
stored = np.load(path)
made = load(layer(3, **arguments), [stored[n] for n in "krb"], "2.2.4", "tensorflow")
np.savez(path, **dict(zip("krb", made)))
"""


def cudnn_weights(gates: int) -> dict[str, Array]:
    """Numbers in the shapes that cuDNN's layers store."""
    random = np.random.RandomState(4)
    shapes = {
        "kernel": (WIDTH, gates * UNITS),
        "recurrent_kernel": (UNITS, gates * UNITS),
        "bias": (2 * gates * UNITS,),
    }
    return {name: random.uniform(-1, 1, s).astype("f4") for name, s in shapes.items()}


def built(
    class_name: str,
    config: dict[str, Any],
    weights: Mapping[str, Array],
    shape: Shape = (None, 5, WIDTH),
    *,
    writer: Writer = TF_2_15,
    mask: Shape | None = None,
    **kwargs: Any,
) -> tuple[Compiler, list[Tensor]]:
    """A layer called on an input, and what it gives."""
    compiler = Compiler(Meaning(writer, ""))
    graph = compiler.graph
    x = graph.one("Placeholder", [], "float32", shape)
    if mask is not None:
        x = x.with_mask(graph.one("Placeholder", [], "bool", mask))
    known = layer_of({"class_name": class_name, "config": {"name": "it", **config}})
    keys = [(*role.owner, role.name) for role in roles_of(known)]
    held = {
        key: Stored(name, cast(h5py.Dataset, weights[name])) for key in keys for name in key[-1:]
    }
    return compiler, compiler.call(known, held, (x,), kwargs)


def contents(compiler: Compiler) -> dict[str, Array]:
    """The variables, by their roles."""
    return {
        variable.name.rsplit("/", 1)[-1]: np.concatenate([*variable.values()]).reshape(
            variable.shape
        )
        for variable in compiler.graph.variables
    }


class TestCudnn:
    @pytest.mark.parametrize(("toolchain", "saving", "layers"), LOADERS)
    @pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
    def test_weights_become_those_that_keras_loads(
        self, kind: str, gates: int, toolchain: str, saving: str, layers: str, tmp_path: Path
    ) -> None:
        (python,) = toolchains.require(toolchain)
        stored = cudnn_weights(gates)
        path = tmp_path / "weights.npz"
        by_letter: dict[str, Any] = {name[0]: array for name, array in stored.items()}
        np.savez(path, **by_letter)
        subprocess.run(
            [str(python), "-c", LOAD, saving, layers, kind, str(path)],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        compiler, _ = built(f"CuDNN{kind}", {"units": UNITS}, stored)
        with np.load(path) as loaded:
            for name, made in contents(compiler).items():
                np.testing.assert_array_equal(made, loaded[name[0]])

    @pytest.mark.parametrize(("kind", "gates", "config"), [("LSTM", 4, LSTM), ("GRU", 3, GRU)])
    def test_the_graph_is_that_of_the_plain_layer(
        self, kind: str, gates: int, config: dict[str, Any]
    ) -> None:
        ours, _ = built(f"CuDNN{kind}", {"units": UNITS}, cudnn_weights(gates))
        plain, _ = built(kind, config, contents(ours))
        assert sorted(n.op for n in ours.graph.nodes) == sorted(n.op for n in plain.graph.nodes)

    def test_a_mask_is_refused(self) -> None:
        with pytest.raises(NotDirect, match="CuDNNLSTM"):
            built("CuDNNLSTM", {"units": UNITS}, cudnn_weights(4), mask=(None, 5))


def plain_weights(gates: int) -> dict[str, Array]:
    """Numbers in the shapes of plain layers."""
    return {
        "kernel": np.ones((WIDTH, gates * UNITS), "f4"),
        "recurrent_kernel": np.ones((UNITS, gates * UNITS), "f4"),
        "bias": np.ones(gates * UNITS, "f4"),
    }


class TestRefusals:
    @pytest.mark.parametrize(
        ("config", "kwargs", "why"),
        [
            ({"time_major": True}, {}, "time_major"),
            ({"num_constants": 1}, {}, "constants"),
            ({}, {"constants": [1.0]}, "constants"),
            ({}, {"initial_state": [[0.0]]}, "initial state is no tensor"),
        ],
    )
    def test_what_is_not_made(
        self, config: dict[str, Any], kwargs: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(NotDirect) as caught:
            built("LSTM", {**LSTM, **config}, plain_weights(4), **kwargs)
        assert why in str(caught.value.why)

    def test_a_mask_of_single_numbers(self) -> None:
        with pytest.raises(NotDirect) as caught:
            built("LSTM", LSTM, plain_weights(4), mask=(None, 5, UNITS))
        assert "rank 3" in str(caught.value.why)

    def test_a_cell_that_nobody_knows(self) -> None:
        cell = {"class_name": "Mine", "config": {"name": "mine", "units": UNITS}}
        with pytest.raises(NotDirect) as caught:
            built("RNN", {"cell": cell}, plain_weights(4))
        assert "Mine" in str(caught.value.why)

    def test_a_backward_layer_of_no_class(self) -> None:
        """As TensorFlow 1.14 to 2.2 write it."""
        inner = {"class_name": "LSTM", "config": {"name": "lstm", **LSTM}}
        config = {"layer": inner, "backward_layer": {"name": "back", **LSTM}}
        with pytest.raises(NotDirect) as caught:
            built("Bidirectional", config, plain_weights(4))
        assert "backward_layer" in str(caught.value.why)


class TestCells:
    def test_cells_of_one_name_are_told_apart(self) -> None:
        cell = {"class_name": "LSTMCell", "config": {"name": "cell", **LSTM}}
        stack = {"class_name": "StackedRNNCells", "config": {"name": "stack", "cells": [cell] * 2}}
        roles = roles_of(layer_of({"class_name": "RNN", "config": {"name": "it", "cell": stack}}))
        assert len(set(roles)) == 6

    def test_weights_of_a_frozen_cell_come_last(self) -> None:
        cell = {"class_name": "GRUCell", "config": {"name": "cell", **GRU}}
        frozen = {"class_name": "GRUCell", "config": {"name": "cell", "trainable": False, **GRU}}
        stack = {"class_name": "StackedRNNCells", "config": {"cells": [frozen, cell]}}
        roles = roles_of(layer_of({"class_name": "RNN", "config": {"name": "it", "cell": stack}}))
        assert [role.trainable for role in roles] == [False] * 3 + [True] * 3

    def test_an_old_gru_is_told_by_its_bias(self) -> None:
        """Keras before 2.1.3 had one kind only, and its config says nothing of it."""
        before, _ = built("GRU", LSTM, plain_weights(3))
        after, _ = built("GRU", LSTM, {**plain_weights(3), "bias": np.ones((2, 3 * UNITS), "f4")})
        products = [[n.op for n in c.graph.nodes].count("MatMul") for c in (before, after)]
        assert products == [3, 2]


class TestMeanings:
    @pytest.mark.parametrize(
        ("rule", "answers"),
        [
            ("masked_step", "state state previous previous state previous previous previous"),
            ("bidirectional_mask", "same same same same same zeros zeros zeros"),
            (
                "convolutional_mask",
                "ignored ignored ignored ignored ignored ignored ignored heeded",
            ),
            ("mask_with_states", "heeded heeded heeded heeded heeded heeded heeded ignored"),
            ("distributed_mask", "hidden asked hidden asked asked asked asked kept"),
        ],
    )
    def test_by_writer(self, rule: str, answers: str) -> None:
        writers = (
            *(NATIVE_2_1, NATIVE_2_2, THEANO, NATIVE_2_3),
            *(TF_1_12, TF_1_15, TF_2_15, KERAS_3),
        )
        assert [Meaning(w, "").of(rule) for w in writers] == answers.split()

    @pytest.mark.parametrize(
        ("version", "order"), [("2.1.6", "reversed"), ("2.2.2", "reversed"), ("2.2.3", "in order")]
    )
    def test_states_of_stacked_cells(self, version: str, order: str) -> None:
        assert Meaning(Writer("keras", version, "tensorflow"), "").of("stacked_states") == order


class TestLoops:
    def test_what_comes_from_outside_enters_once(self) -> None:
        graph = Graph()
        x = graph.one("Placeholder", [], "float32", (None, 4))
        y = graph.one("Placeholder", [], "float32", (4, 4))
        (done,) = loops.loop(3, [x], lambda _, held: [ops.matmul(held[0], y) + ops.matmul(x, y)])
        constant = [n for n in graph.nodes if n.op == "Enter" and n.attr["is_constant"].b]
        # y, x, the bound and the step's 1.
        assert len(constant) == 4
        assert done.frame is None
        assert done.shape == (None, 4)

    def test_a_loop_within_a_loop(self) -> None:
        graph = Graph()
        x = graph.one("Placeholder", [], "float32", (2,))

        def body(_: Tensor, held: list[Tensor]) -> list[Tensor]:
            return loops.loop(2, held, lambda _, inner: [inner[0] + x])

        loops.loop(3, [x], body)
        frames = {n.attr["frame_name"].s for n in graph.nodes if n.op == "Enter"}
        assert len(frames) == 2

    def test_every_variable_comes_around(self) -> None:
        graph = Graph()
        x = graph.one("Placeholder", [], "float32", (2,))
        loops.loop(3, [x, x], lambda _, held: [held[1], held[0]])
        merges = [n for n in graph.nodes if n.op == "Merge"]
        by_name = {n.name: n for n in graph.nodes}
        assert [by_name[n.input[1]].op for n in merges] == ["NextIteration"] * 3
