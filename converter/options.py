"""What a user can ask of a conversion; every default is the one of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SERVING_DEFAULT = "serving_default"


@dataclass(frozen=True)
class Options:
    """Options of one conversion.

    strategy, toolchain, serving: `auto` or a name. serving_image: a Docker image of TensorFlow
    Serving to use in place of the public one. python: an environment of the user's own in
    place of a toolchain. model_version: a number, or None for the next free one. signatures: names
    beside `serving_default`. rename_inputs, rename_outputs: {Keras name: wanted key}. verify: prove
    before publishing. inputs, expected: .npz files by signature key. samples: rows of the largest
    batch. rtol, atol: the rule |a - b| <= atol + rtol * |b|. allow_lambda: digests. architecture:
    a model's JSON for weights-only files. timeout: seconds a worker may take for one step.
    """

    strategy: str = "auto"
    toolchain: str = "auto"
    python: Path | None = None
    model_version: int | None = None
    signatures: tuple[str, ...] = ()
    tags: tuple[str, ...] = ("serve",)
    rename_inputs: Mapping[str, str] = field(default_factory=dict)
    rename_outputs: Mapping[str, str] = field(default_factory=dict)
    freeze: bool = False
    serving: str = "auto"
    serving_image: str | None = None
    verify: bool = True
    inputs: Path | None = None
    expected: Path | None = None
    samples: int = 4
    rtol: float = 1e-4
    atol: float = 1e-5
    seed: int = 0
    custom_objects: Path | None = None
    allow_lambda: tuple[str, ...] = ()
    architecture: Path | None = None
    timeout: float = 900.0

    @property
    def proves(self) -> bool:
        """Whether the result is to be served and asked."""
        return self.verify and self.serving != "none"
