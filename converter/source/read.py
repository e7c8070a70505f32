"""Read a Keras HDF5 file as a SourceModel, without TensorFlow, Keras, or any of the file's code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py

from converter.errors import NoKerasModel
from converter.source import config as configs
from converter.source import hdf5, safety, writer
from converter.source.model import Finding, Layer, Port, SourceModel, WeightFacts

# The rank that a layer expects of its input, and where its kernel keeps the number of features,
# for files that state no input shape at all. Keras 1 and 2 agree on these.
KERNEL_IMPLIES = {"Dense": (2, 0), "LSTM": (3, 0), "GRU": (3, 0), "SimpleRNN": (3, 0)}


def read(path: Path) -> SourceModel:
    """Everything the file says. The file is opened for reading only and never loaded.

    Raises the SourceError that fits; a weights-only file is not an error here.
    """
    size = hdf5.check_signature(path)
    with hdf5.open_file(path) as file:
        findings = list(hdf5.scan_structure(file, size))
        if any(f.kind in ("external-link", "hdf5-nesting") for f in findings):
            group = None  # what hangs below cannot be trusted to be this file's
        else:
            group = _weight_group(file, path)
        config = hdf5.json_attribute(file, "model_config")
        training = hdf5.json_attribute(file, "training_config")
        weights = _weights(group) if group is not None else WeightFacts()
        version = hdf5.text_attribute(file, "keras_version")
        backend = hdf5.text_attribute(file, "backend")
        optimizer = "optimizer_weights" in file
        implied = _implied_shapes(group) if group is not None else {}
    written_by, dialect = writer.identify(version, backend, config, weights.names)
    findings += safety.scan(training, "training", loaded=False)
    source = SourceModel(
        path=path,
        size=size,
        kind="weights",
        writer=written_by,
        dialect=dialect,
        class_name="",
        name="",
        layers=(),
        inputs=(),
        outputs=(),
        weights=weights,
        optimizer=optimizer,
        trained=training is not None,
        findings=tuple(findings),
    )
    return source if config is None else _described(source, config, "model", implied)


def with_architecture(source: SourceModel, config: dict[str, Any]) -> SourceModel:
    """A weights-only source and the config that was given for it, as a full model.

    Raises ConfigUnreadable when `config` is no model's.
    """
    return _described(source, config, "architecture", {})


def _described(
    source: SourceModel, config: Any, place: str, implied: dict[str, tuple[int, ...]]
) -> SourceModel:
    """`source` with all that `config` says. implied: layer name -> shape of its first weight."""
    # The scan comes first: what is unsafe must be seen even where the rest cannot be understood.
    findings = [*source.findings, *safety.scan(config, place, loaded=True)]
    node = configs.check(config)
    layers = tuple(configs.layers(node))
    inputs, outputs = configs.ports(node)
    findings += _mismatches(layers, source.weights)
    return dataclasses.replace(
        source,
        kind="full",
        class_name=str(node["class_name"]),
        name=configs.name_of(node),
        layers=layers,
        inputs=tuple(_with_implied_shape(p, layers, implied) for p in inputs),
        outputs=outputs,
        findings=tuple(findings),
        training_calls=configs.training_calls(node),
        config=node,
    )


def _weight_group(file: h5py.File, path: Path) -> h5py.Group:
    """The group that lists layer_names. Raises NoKerasModel when the file has none."""
    group = file.get("model_weights", file)
    if not hdf5.name_list(group, "layer_names") and "model_config" not in file.attrs:
        raise NoKerasModel(
            f"{path} is HDF5, but holds no Keras model",
            why="it has neither a model_config nor layer_names",
            fix="Give a file written by model.save() or model.save_weights()",
        )
    return group


def _weights(group: h5py.Group) -> WeightFacts:
    names: list[str] = []
    total = 0
    layers = 0
    for layer in hdf5.name_list(group, "layer_names"):
        if layer not in group:
            continue
        found = hdf5.name_list(group[layer], "weight_names")
        layers += bool(found)
        for name in found:
            dataset = group[layer].get(name)
            names.append(name)
            if isinstance(dataset, h5py.Dataset):
                total += dataset.size * dataset.dtype.itemsize
    return WeightFacts(layers, len(names), total, tuple(names))


def _implied_shapes(group: h5py.Group) -> dict[str, tuple[int, ...]]:
    """Shape of each layer's first weight."""
    shapes = {}
    for layer in hdf5.name_list(group, "layer_names"):
        names = hdf5.name_list(group[layer], "weight_names") if layer in group else []
        if names and isinstance(group[layer].get(names[0]), h5py.Dataset):
            shapes[layer] = tuple(group[layer][names[0]].shape)
    return shapes


def _with_implied_shape(
    port: Port, layers: Sequence[Layer], implied: dict[str, tuple[int, ...]]
) -> Port:
    if port.shape is not None or port.layer not in implied:
        return port
    class_name = next((x.class_name for x in layers if x.name == port.layer), "")
    if class_name not in KERNEL_IMPLIES:
        return port
    rank, axis = KERNEL_IMPLIES[class_name]
    features = implied[port.layer][axis]
    return Port(port.key, port.layer, (*[None] * (rank - 1), features), port.dtype)


def _mismatches(layers: Sequence[Layer], weights: WeightFacts) -> Iterator[Finding]:
    if weights.arrays == 0 and any("kernel_initializer" in x.config for x in layers):
        yield Finding(
            "no-weights", "model_weights", "the architecture has weights, the file stores none"
        )
