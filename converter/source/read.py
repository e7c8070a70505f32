"""Read a Keras HDF5 file as a SourceModel, without TensorFlow, Keras, or any of the file's code."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from converter.errors import ConfigUnreadable
from converter.isolation import READS, Child
from converter.source import config as configs
from converter.source import isolated, safety, signature, writer
from converter.source.model import Contents, Finding, Layer, Port, SourceModel, WeightFacts

# The rank that a layer expects of its input, and where its kernel keeps the number of features,
# for files that state no input shape at all. Keras 1 and 2 agree on these.
KERNEL_IMPLIES = {"Dense": (2, 0), "LSTM": (3, 0), "GRU": (3, 0), "SimpleRNN": (3, 0)}

MAX_JSON_CHARACTERS = 256 * 1024 * 1024
# A model inside a model adds five levels of JSON.
MAX_JSON_DEPTH = 500


def read(path: Path) -> SourceModel:
    """Everything the file says. The file is opened for reading only and never loaded.

    Raises the SourceError that fits; a weights-only file is not an error here.
    """
    with Child(*READS) as child:
        return read_copy(path, path, child)


def read_copy(path: Path, name: Path, child: Child) -> SourceModel:
    """read() of a copy at `path`, by `child`. name: what messages and the result call the file."""
    size = signature.check(path)
    return interpreted(name, size, isolated.contents(child, path, size, name))


def interpreted(path: Path, size: int, contents: Contents) -> SourceModel:
    """What the contents of the file of `size` bytes at `path` mean. Raises ConfigUnreadable."""
    config = parse(contents.model_config, "model_config")
    training = parse(contents.training_config, "training_config")
    written_by, dialect = writer.identify(
        contents.keras_version, contents.backend, config, contents.weights.names
    )
    findings = [*contents.findings, *safety.scan(training, "training", loaded=False)]
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
        weights=contents.weights,
        optimizer=contents.optimizer,
        trained=training is not None,
        findings=tuple(findings),
    )
    if config is None:
        return source
    return _described(source, config, "model", contents.first_shapes, contents.trusted)


def parse(text: str | None, name: str) -> Any | None:
    """The JSON of an attribute or file called `name`; NaN and Infinity as Keras writes them.

    Raises ConfigUnreadable when it is not JSON, or too large or too deep to be a model's.
    """
    if text is None:
        return None
    too_deep = ConfigUnreadable(f"The JSON of '{name}' is nested too deeply to be a model's")
    if len(text) > MAX_JSON_CHARACTERS:
        raise ConfigUnreadable(f"The JSON of '{name}' has {len(text)} characters")
    try:
        parsed = json.loads(text)
    except RecursionError:
        raise too_deep from None
    except ValueError as error:
        raise ConfigUnreadable(
            f"'{name}' is not JSON",
            why=str(error),
            fix="Save the model again with the Keras that made it",
        ) from error
    if _deeper_than(parsed, MAX_JSON_DEPTH):
        raise too_deep
    return parsed


def _deeper_than(parsed: Any, limit: int) -> bool:
    level = [parsed]
    for _ in range(limit):
        level = [
            inner
            for node in level
            if isinstance(node, dict | list)
            for inner in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def with_architecture(source: SourceModel, config: Any) -> SourceModel:
    """A weights-only source and the config that was given for it, as a full model.

    What the weights do not say of their writer is taken from the config, where to_json() puts it.
    Raises ConfigUnreadable when `config` is no model's.
    """
    told = config if isinstance(config, dict) else {}
    version, backend = (_text(told.get(key)) for key in ("keras_version", "backend"))
    written_by, dialect = writer.identify(
        source.writer.version or version,
        source.writer.backend or backend,
        config,
        source.weights.names,
    )
    known = dataclasses.replace(source, writer=written_by, dialect=dialect)
    return _described(known, config, "architecture", {}, trusted=True)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _described(
    source: SourceModel,
    config: Any,
    place: str,
    first_shapes: Mapping[str, tuple[int, ...]],
    trusted: bool,
) -> SourceModel:
    """`source` with all that `config` says."""
    # The scan comes first: what is unsafe must be seen even where the rest cannot be understood.
    findings = [*source.findings, *safety.scan(config, place, loaded=True)]
    node = configs.check(config)
    layers = tuple(configs.layers(node))
    inputs, outputs = configs.ports(node)
    if trusted:
        findings += _mismatches(layers, source.weights)
    return dataclasses.replace(
        source,
        kind="full",
        class_name=str(node["class_name"]),
        name=configs.name_of(node),
        layers=layers,
        inputs=tuple(_with_implied_shape(p, layers, first_shapes) for p in inputs),
        outputs=outputs,
        findings=tuple(findings),
        training_calls=configs.training_calls(node),
        config=node,
    )


def _with_implied_shape(
    port: Port, layers: Sequence[Layer], first_shapes: Mapping[str, tuple[int, ...]]
) -> Port:
    """`port`, its shape taken from the first weight of its layer where the config is mute."""
    class_name = next((x.class_name for x in layers if x.name == port.layer), "")
    if port.shape is not None or class_name not in KERNEL_IMPLIES:
        return port
    rank, axis = KERNEL_IMPLIES[class_name]
    shape = first_shapes.get(port.layer, ())
    if len(shape) <= axis:
        return port
    return Port(port.key, port.layer, (*[None] * (rank - 1), shape[axis]), port.dtype)


def _mismatches(layers: Sequence[Layer], weights: WeightFacts) -> Iterator[Finding]:
    if weights.arrays == 0 and any("kernel_initializer" in x.config for x in layers):
        detail = "the architecture has weights, the file stores none"
        yield Finding("no-weights", "model_weights", detail, refuse=False)
