"""Write small .h5 files as the Kerases of history did, and as attackers do."""

from __future__ import annotations

import base64
import hashlib
import json
import marshal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from converter.source import contents, signature
from converter.source.model import SourceModel
from converter.source.read import interpreted

Node = dict[str, Any]
Weights = Mapping[str, Mapping[str, np.ndarray[Any, Any]]]

# Names are kept in object headers, which hold 64 KiB; Keras stays below. Source: HDF5_OBJECT_HEADER
# _LIMIT of keras/engine/saving.py.
HEADER_LIMIT = 64512


def layer(class_name: str, name: str, **config: Any) -> Node:
    """The node of one layer, as Keras 2 writes it."""
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}}


def dense(name: str = "dense_1", **config: Any) -> Node:
    """A Dense layer of two units."""
    return layer("Dense", name, **{"units": 2, "kernel_initializer": "zeros", **config})


def first_dense(name: str = "dense_1", **config: Any) -> Node:
    """A Dense layer that says the input shape (None, 3)."""
    return dense(name, batch_input_shape=[None, 3], dtype="float32", **config)


def input_layer(name: str, shape: Sequence[int | None] = (None, 3), dtype: str = "float32") -> Node:
    """An InputLayer as Keras 2 writes it."""
    return layer("InputLayer", name, batch_input_shape=list(shape), dtype=dtype)


def called(node: Node, *sources: str, **arguments: Any) -> Node:
    """`node`, called once on the layers `sources` with these call arguments."""
    return {**node, "inbound_nodes": [[[source, 0, 0, arguments] for source in sources]]}


def sequential(*layers: Node, as_list: bool = False, name: str = "sequential") -> Node:
    """A Sequential model. as_list: the config up to Keras 2.2.2."""
    config: Any = list(layers) if as_list else {"name": name, "layers": list(layers)}
    return {"class_name": "Sequential", "name": name, "config": config}


def functional(
    layers: Sequence[Node],
    inputs: Any,
    outputs: Any,
    class_name: str = "Model",
    name: str = "model",
) -> Node:
    """A functional model; inputs and outputs as `input_layers` and `output_layers` say them."""
    config = {
        "name": name,
        "layers": list(layers),
        "input_layers": inputs,
        "output_layers": outputs,
    }
    return {"class_name": class_name, "name": name, "config": config}


def put_names(holder: Any, name: str, names: Sequence[str], chunks: int = 1) -> None:
    """A list-of-names attribute; in `chunks` numbered parts when there are more than one."""
    if chunks == 1:
        holder.attrs[name] = [n.encode() for n in names]
        return
    for at, part in enumerate(np.array_split(np.array(names), chunks)):
        holder.attrs[f"{name}{at}"] = [str(n).encode() for n in part]


def put_weights(holder: Any, weights: Weights) -> None:
    """Groups of weights and the attributes that list them, below `holder`."""
    put_names(holder, "layer_names", list(weights))
    for name, arrays in weights.items():
        group = holder.create_group(name)
        put_names(group, "weight_names", list(arrays))
        for weight, array in arrays.items():
            group.create_dataset(weight, data=array)


DENSE_WEIGHTS: Weights = {
    "dense_1": {
        "dense_1/kernel:0": np.ones((3, 2), "float32"),
        "dense_1/bias:0": np.zeros(2, "float32"),
    }
}
SMALL = sequential(first_dense())


def write_model(
    path: Path,
    config: Any = SMALL,
    *,
    keras_version: Any = "2.2.4",
    backend: Any = "tensorflow",
    weights: Weights = DENSE_WEIGHTS,
    training_config: Any = None,
    optimizer: bool = False,
    text: Callable[[str], Any] = str.encode,
    alter: Callable[[h5py.File], None] | None = None,
) -> Path:
    """A file as model.save() writes it.

    config: the model_config; a string is written as it is, None not at all. text: how a text
    attribute is stored. alter: called with the open file at the end.
    """
    with h5py.File(path, "w") as file:
        values = {
            "keras_version": keras_version,
            "backend": backend,
            "model_config": config,
            "training_config": training_config,
        }
        for name, value in values.items():
            if value is not None:
                file.attrs[name] = text(value if isinstance(value, str) else json.dumps(value))
        put_weights(file.create_group("model_weights"), weights)
        if optimizer:
            file.create_group("optimizer_weights")
        if alter is not None:
            alter(file)
    return path


def write_weights(path: Path, weights: Weights = DENSE_WEIGHTS) -> Path:
    """A file as model.save_weights() writes it."""
    with h5py.File(path, "w") as file:
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        put_weights(file, weights)
    return path


def marshalled(function: Callable[..., Any]) -> bytes:
    """The bytecode of `function`, as the Keras of this Python would store it."""
    return marshal.dumps(function.__code__)


def base64_of(code: bytes) -> str:
    """`code` as Keras 2.0.9 and later write it."""
    return base64.encodebytes(code).decode("ascii")


def raw_of(code: bytes) -> str:
    """`code` as Keras 1 wrote it."""
    return code.decode("raw_unicode_escape")


def digest_of(code: bytes) -> str:
    """The name under which `code` is permitted."""
    return "sha256:" + hashlib.sha256(code).hexdigest()


def lambda_layer(code: bytes, name: str = "lambda_1", **config: Any) -> Node:
    """A Lambda layer as Keras 2 writes it."""
    function = [base64_of(code), None, None]
    return layer("Lambda", name, **{"function": function, "function_type": "lambda", **config})


def sha256(path: Path) -> str:
    """The digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_here(path: Path) -> SourceModel:
    """`read` without its child process, for tests that read hundreds of harmless files."""
    size = signature.check(path)
    return interpreted(path, size, contents.look(path, size))
