"""Sources, their configs and small .h5 files, made in memory for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np

from converter.contract import make as make_contract
from converter.isolation import Child
from converter.job import Job
from converter.options import Options
from converter.plan import make as make_plan
from converter.report.model import Report
from converter.source import config as configs
from converter.source.model import Finding, SourceModel, WeightFacts, Writer
from converter.toolchain.pool import Pool

Node = dict[str, Any]


def layer(
    class_name: str,
    name: str,
    inbound: Sequence[str] = (),
    *,
    calls: Sequence[Sequence[str]] | None = None,
    flags: Mapping[str, Any] | None = None,
    **config: Any,
) -> Node:
    """A layer's node: called with the layers of `inbound`, or once for each entry of `calls`."""
    every_call = calls if calls is not None else [inbound] if inbound else []
    return {
        "class_name": class_name,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": [[[n, 0, 0, dict(flags or {})] for n in call] for call in every_call],
    }


def entry(name: str, *shape: int | None, dtype: str = "float32") -> Node:
    """An InputLayer of rows with `shape`."""
    return layer("InputLayer", name, batch_input_shape=[None, *shape], dtype=dtype)


def wrapped(class_name: str, name: str, inner: Node, inbound: Sequence[str] = ()) -> Node:
    """A layer that holds another, such as TimeDistributed."""
    return layer(class_name, name, inbound, layer=inner)


def functional(
    layers: Sequence[Node],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    name: str = "model",
    inbound: Sequence[str] = (),
) -> Node:
    """A functional model; with `inbound`, one that is a layer of another."""
    return {
        "class_name": "Model",
        "name": name,
        "config": {
            "name": name,
            "layers": list(layers),
            "input_layers": [[n, 0, 0] for n in inputs],
            "output_layers": [[n, 0, 0] for n in outputs],
        },
        "inbound_nodes": [[[n, 0, 0, {}] for n in inbound]] if inbound else [],
    }


def sequential(*layers: Node, name: str = "model", inbound: Sequence[str] = ()) -> Node:
    """A Sequential model; with `inbound`, one that is a layer of another."""
    return {
        "class_name": "Sequential",
        "name": name,
        "config": {"name": name, "layers": list(layers)},
        "inbound_nodes": [[[n, 0, 0, {}] for n in inbound]] if inbound else [],
    }


def dense_model() -> Node:
    """The smallest model: one Dense layer."""
    return sequential(
        layer("Dense", "dense", batch_input_shape=[None, 3], units=2, activation="linear")
    )


def two_input_model() -> Node:
    """A functional model with inputs `left`, `right` and outputs `sum`, `product`."""
    return functional(
        [
            entry("left", 3),
            entry("right", 3),
            layer("Add", "sum", ["left", "right"]),
            layer("Multiply", "product", ["left", "right"]),
        ],
        ["left", "right"],
        ["sum", "product"],
    )


def source(
    flavour: str | None = "keras",
    version: str | None = "2.3.1",
    *,
    config: Node | None = None,
    backend: str | None = "tensorflow",
    backend_implied: bool = False,
    dialect: str = "keras2",
    findings: tuple[Finding, ...] = (),
    path: Path = Path("model.h5"),
) -> SourceModel:
    """A full source whose writer and config are as given."""
    node = config if config is not None else dense_model()
    inputs, outputs = configs.ports(node)
    return SourceModel(
        path=path,
        size=1000,
        kind="full",
        writer=Writer(flavour, version, backend, backend_implied),
        dialect=dialect,
        class_name=node["class_name"],
        name=configs.name_of(node),
        layers=tuple(configs.layers(node)),
        inputs=inputs,
        outputs=outputs,
        weights=WeightFacts(1, 2, 32, ("dense/kernel:0", "dense/bias:0")),
        optimizer=False,
        trained=False,
        findings=findings,
        training_calls=configs.training_calls(node),
        config=node,
    )


def job(of: SourceModel | None = None, options: Options | None = None) -> Job:
    """A job that is planned and has started no worker."""
    found = of or source()
    chosen = options or Options()
    return Job(
        copy=found.path,
        source=found,
        options=chosen,
        contract=make_contract(found, chosen),
        plan=make_plan(found, chosen),
        digest=lambda: "0" * 64,
        child=cast("Child", None),  # nothing is read
        pool=Pool(),
        report=Report(source=found.path, sha256="0" * 64, writer=str(found.writer)),
        progress=lambda _: None,
    )


def write_h5(
    path: Path, config: Node | None = None, *, version: str | None = "2.3.1", weights: bool = True
) -> Path:
    """A Keras .h5 file with `config`; its weights are those of `dense_model`."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config if config is not None else dense_model())
        if version is not None:
            file.attrs["keras_version"] = version
        file.attrs["backend"] = "tensorflow"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"dense"]
        dense = group.create_group("dense")
        dense.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"] if weights else []
        if weights:
            dense["dense/kernel:0"] = np.ones((3, 2), np.float32)
            dense["dense/bias:0"] = np.zeros(2, np.float32)
    return path
