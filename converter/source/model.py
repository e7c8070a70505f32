"""What is known of a source after reading it as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Shape = tuple[int | None, ...]

RELEASE = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4}))?(?![0-9])")


@dataclass(frozen=True)
class Writer:
    """The Keras that wrote the file.

    flavour: `keras` (the multi-backend package up to 2.3.1), `tf.keras`, `tf_keras`, `keras3`, or
    None where nothing tells. version: as the file says it, without the `-tf` suffix stripped.
    backend: `tensorflow`, `theano`, ... ; backend_implied: the file does not say it, its weight
    names do. tensorflow: the TensorFlow releases that wrote this version, for tf.keras.
    """

    flavour: str | None
    version: str | None
    backend: str | None
    backend_implied: bool = False
    tensorflow: tuple[str, ...] = ()

    @property
    def release(self) -> tuple[int, int, int]:
        """The version as numbers; (0, 0, 0) when the file names none."""
        numbers = RELEASE.match(self.version or "")
        if numbers is None:
            return (0, 0, 0)
        return (int(numbers[1]), int(numbers[2]), int(numbers[3] or 0))

    def __str__(self) -> str:
        name = self.flavour or "an unknown Keras"
        text = f"{name} {self.version}" if self.version else name
        return f"{text} on {self.backend}" if self.backend else text


@dataclass(frozen=True)
class Layer:
    """One layer, wherever it sits.

    path: names from the outermost model inwards, joined by '/'; role: how its parent holds it
    (`layer` of a model, `wrapped`, `cell`). calls: how often it is called (more than 1: shared).
    """

    path: str
    name: str
    class_name: str
    config: dict[str, Any]
    role: str = "layer"
    calls: int = 1
    module: str | None = None
    registered_name: str | None = None


@dataclass(frozen=True)
class Port:
    """An input or output of the model.

    key: its name in signatures: the Keras name, made different where two are the same.
    layer: the layer it belongs to. shape: None for any size; the whole None when the file does not
    say. dtype: None when the file does not say.
    """

    key: str
    layer: str
    shape: Shape | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class Finding:
    """Something the safety scan, or a check of the file against itself, has to say.

    kind: a stable word, e.g. `lambda`, `custom-class`, `external-link`. refuse: whether the file is
    not converted unless this is permitted. permit: the option that permits exactly this, if one
    does. digest: `sha256:...` of bytecode.
    """

    kind: str
    where: str
    detail: str
    refuse: bool = True
    permit: str = ""
    digest: str = ""
    name: str = ""


@dataclass(frozen=True)
class WeightFacts:
    """What the file stores: layers with weights, arrays, their total bytes (uncompressed)."""

    layers: int = 0
    arrays: int = 0
    bytes: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """Texts of the attributes, facts about the weights, findings of the structure's scan.

    first_shapes: by layer, the shape of its first weight. trusted: whether the weights were looked
    at, which they are not where links lead elsewhere.
    """

    model_config: str | None
    training_config: str | None
    keras_version: str | None
    backend: str | None
    optimizer: bool
    weights: WeightFacts
    first_shapes: Mapping[str, tuple[int, ...]]
    findings: tuple[Finding, ...]
    trusted: bool


@dataclass(frozen=True)
class SourceModel:
    """A Keras HDF5 file, read as data."""

    path: Path
    size: int
    kind: Literal["full", "weights"]
    writer: Writer
    dialect: str
    class_name: str
    name: str
    layers: tuple[Layer, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    weights: WeightFacts
    optimizer: bool
    trained: bool
    findings: tuple[Finding, ...] = ()
    training_calls: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """The findings for which the file is refused unless permitted."""
        return tuple(f for f in self.findings if f.refuse)

    def layers_of(self, *class_names: str) -> tuple[Layer, ...]:
        """The layers of these classes, wherever they sit."""
        return tuple(layer for layer in self.layers if layer.class_name in class_names)
