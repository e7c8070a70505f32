"""The floor: the bare run of the model's session, timed where it runs.

In a worker of its own, of the toolchain that stands for the server, so that neither the server nor
the pipe to the worker is in the figure.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from converter.bench.asking import Turn
from converter.serving.client import casting
from converter.serving.client.contract import ModelMetadata
from converter.toolchain.link import Link
from converter.verdict.samples import Batch
from converter.wire.tensorflow_pb2 import SignatureDef

_HANDLES = itertools.count(1)


class Floor:
    """A SavedModel in a worker. link: the caller's to end. Raises WorkerRaised."""

    def __init__(self, link: Link, folder: Path, metadata: ModelMetadata, signature: str) -> None:
        self._link = link
        self._handle = next(_HANDLES)
        self._known = metadata.signatures[signature]
        reply = link.call(
            "servable_load",
            handle=self._handle,
            folder=str(folder.absolute()),
            tags=["serve"],
            parallelism=[0, 0],
        )
        self._signature = SignatureDef.FromString(reply.tensors[signature].tobytes())

    def turn(self, inputs: Batch, runs: int, concurrency: int) -> Turn:
        """`runs` runs in each of `concurrency` threads; encode and decode are nothing."""
        tensors = casting.tensors_for(self._known, inputs)
        named = {self._signature.inputs[key].name: tensor for key, tensor in tensors.items()}
        reply = self._link.call(
            "servable_time",
            [(name, tensor.array) for name, tensor in named.items()],
            handle=self._handle,
            dtypes={name: tensor.dtype for name, tensor in named.items()},
            fetches=[info.name for info in self._signature.outputs.values()],
            timeout_ms=0,
            runs=runs,
            concurrency=concurrency,
        )
        return Turn([(0, int(t), 0) for t in reply.result["times"]], [], int(reply.result["wall"]))

    def close(self) -> None:
        """Let go of the model."""
        self._link.call("servable_unload", handle=self._handle)


class BareAsking:
    """A floor for one number of callers."""

    def __init__(self, floor: Floor, concurrency: int) -> None:
        self._floor = floor
        self._concurrency = concurrency

    def turn(self, inputs: Batch, calls: int) -> Turn:
        """See Asking. There are no answers to check: the floor is a time."""
        return self._floor.turn(inputs, calls, self._concurrency)

    def close(self) -> None:
        """The floor is shared."""
