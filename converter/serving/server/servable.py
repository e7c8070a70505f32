"""What the server knows of a runtime: something with signatures that predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from converter.serving.tensors import Tensor
from converter.wire.tensorflow_pb2 import SignatureDef


class Servable(Protocol):
    """One loaded version of a model. Its methods may be called from several threads."""

    @property
    def signatures(self) -> Mapping[str, SignatureDef]:
        """The SignatureDefs of the SavedModel."""
        ...

    def run(
        self, feeds: Mapping[str, Tensor], fetches: Sequence[str], timeout: float | None
    ) -> list[Tensor]:
        """The tensors named `fetches`, with the tensors of `feeds` (by tensor name) given.

        timeout: seconds. Raises StatusError.
        """
        ...

    def close(self) -> None:
        """Let go of the model; nothing is asked of it after that."""
        ...


class Loader(Protocol):
    """Turns a version folder into a Servable."""

    def load(self, folder: Path, tags: Sequence[str]) -> Servable:
        """Raises StatusError, with the text the model's status is to show."""
        ...
