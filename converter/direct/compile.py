"""From a Keras HDF5 file to a SavedModel, with no TensorFlow and no Keras.

read the weights' places → build the graph → write the bytes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from converter.direct import layers, saved_model, weights
from converter.direct.architecture import Layer, layer_of, model_of
from converter.direct.compiler import Compiler, weights_of
from converter.direct.graph import Graph, Tensor
from converter.direct.meanings import Meaning
from converter.direct.protos import Type
from converter.errors import NotDirect
from converter.source.model import Port, Writer

assert layers  # they register themselves


@dataclass(frozen=True)
class Request:
    """What to compile, and into what.

    config: the model's node. inputs, outputs: the ports of the model, in its order. input_keys,
    output_keys: what the signatures call them. folder: must not exist.
    """

    source: Path
    folder: Path
    config: Mapping[str, Any]
    writer: Writer
    dialect: str
    inputs: Sequence[Port]
    input_keys: Sequence[str]
    output_keys: Sequence[str]
    signatures: Sequence[str]
    tags: Sequence[str]
    freeze: bool


def compile_model(request: Request) -> None:
    """Write the SavedModel. Raises NotDirect, SourceTruncated, OSError."""
    with h5py.File(request.source, "r", locking=False) as file:
        compiler = Compiler(Meaning(request.writer, request.dialect), request.freeze)
        config, groups = dict(request.config), weights.by_layer(file)
        if request.dialect == "keras1":
            from converter.direct import keras1

            config, groups = keras1.translated(config), keras1.renamed(groups)
        outer = layer_of(config)
        known = model_of(outer, "")
        found = weights_of(known, groups)
        inputs = [
            _placeholder(compiler.graph, key, port, outer)
            for key, port in zip(request.input_keys, request.inputs, strict=True)
        ]
        answers = compiler.model(known, found, inputs)
        if len(answers) != len(request.output_keys):
            raise NotDirect(
                f"The model has {len(answers)} outputs, not {len(request.output_keys)}",
                why="its last layer gives more than the file says",
            )
        outputs = [_apart(answer, inputs) for answer in answers]
        signature = saved_model.Signature(
            inputs=dict(zip(request.input_keys, inputs, strict=True)),
            outputs=dict(zip(request.output_keys, outputs, strict=True)),
            names=request.signatures,
            tags=request.tags,
        )
        saved_model.write(request.folder, compiler.graph, signature)


def _placeholder(graph: Graph, key: str, port: Port, outer: Layer) -> Tensor:
    """Where an input of the model enters; its batch may be of any size."""
    if port.shape is None:
        raise outer.config.refuse(f"the file does not say the shape of the input '{port.key}'")
    shape = (None, *port.shape[1:])
    dtype = port.dtype or "float32"
    attrs = {"dtype": Type(dtype), "shape": shape}
    return graph.one("Placeholder", [], dtype, shape, attrs, name=key)


def _apart(answer: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """An output that is an input cannot be fetched while it is fed."""
    if any(answer.name == given.name for given in inputs):
        attrs = {"T": Type(answer.dtype)}
        return answer.graph.one("Identity", [answer], answer.dtype, answer.shape, attrs)
    return answer
