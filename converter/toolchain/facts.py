"""What is asked of a worker and what it tells, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Mode = Literal["eager", "graph"]


@dataclass(frozen=True)
class Deadlines:
    """How long, in seconds, a worker may take for one request before it is ended."""

    start: float = 300.0
    request: float = 900.0


@dataclass(frozen=True)
class Hello:
    """What a worker says of itself. `flavours` maps the names of its Kerases to their versions."""

    python: str
    tensorflow: str
    flavours: dict[str, str]
    pid: int


@dataclass(frozen=True)
class TensorFacts:
    """Shape (None: any size; the whole None: unknown rank) and dtype of an input or output."""

    shape: tuple[int | None, ...] | None
    dtype: str


@dataclass(frozen=True)
class LoadedModel:
    """What the worker's Keras says of the model it loaded, in the model's own order.

    `via` tells how: `native`, `architecture` (given by the user) or `translated`.
    """

    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    via: str


@dataclass
class LoadOptions:
    """How a worker is to load an .h5 file; see `Operations.load_h5` in the worker."""

    flavour: str
    translate: Literal["never", "fallback", "always"] = "fallback"
    architecture: dict[str, Any] | None = None
    drop_training_flags: bool = False
    flip_kernels: bool = False
    allow_lambda: bool = False
    custom_objects: Path | None = None

    def fields(self) -> dict[str, Any]:
        """As the fields of a request."""
        fields = dict(vars(self))
        if self.custom_objects is not None:
            fields["custom_objects"] = str(self.custom_objects.absolute())
        return fields
