"""SavedModels run by a worker: the Loader and Servables of the embedded server.

One worker holds every model, as one TensorFlow Serving process does. When it dies, whatever was
under way is UNAVAILABLE, a new worker is started and everything is loaded again.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from converter.errors import ConvertH5Error, WorkerDied, WorkerRaised, WorkerTimeout
from converter.serving.status import Code, StatusError
from converter.serving.tensors import Tensor
from converter.toolchain.link import Link
from converter.toolchain.session import Reply
from converter.wire.tensorflow_pb2 import SignatureDef

log = logging.getLogger(__name__)

# A run is given up this long after the time limit that TensorFlow itself keeps.
GRACE_SECONDS = 5.0
# Pauses before a worker that died is started again: the last one repeats.
RESTART_PAUSES = (0.0, 1.0, 5.0, 30.0)
# How long a model that is to be loaded waits for a worker that is started again.
PATIENCE_SECONDS = 60.0
# What every numpy can hold that a worker may have; newer ones can hold more.
MAX_RANK = 32

# A worker may be shared, and tells its models apart by their handles.
_HANDLES = itertools.count(1)


@dataclass(frozen=True)
class Limits:
    """What may be run by the worker at once; more is RESOURCE_EXHAUSTED."""

    requests: int = 1024
    bytes: int = 2 * 1024**3


@dataclass
class WorkerServable:
    """A SavedModel in the worker."""

    workers: Workers
    handle: int
    folder: Path
    tags: tuple[str, ...]
    signatures: Mapping[str, SignatureDef] = field(default_factory=dict)

    def run(
        self, feeds: Mapping[str, Tensor], fetches: Sequence[str], timeout: float | None
    ) -> list[Tensor]:
        """See servable.Servable."""
        for name, tensor in feeds.items():
            if tensor.array.ndim > MAX_RANK:
                raise StatusError(
                    Code.INVALID_ARGUMENT,
                    f"{name} has {tensor.array.ndim} dimensions; at most {MAX_RANK} can be served",
                )
        reply = self.workers.run(
            feeds,
            seconds=None if timeout is None else timeout + GRACE_SECONDS,
            handle=self.handle,
            dtypes={name: tensor.dtype for name, tensor in feeds.items()},
            fetches=list(fetches),
            timeout_ms=0 if timeout is None else max(1, int(timeout * 1000)),
        )
        answers = reply.tensors.values()
        return [Tensor(d, a) for d, a in zip(reply.result["dtypes"], answers, strict=True)]

    def close(self) -> None:
        """See servable.Servable."""
        self.workers.unload(self)


class Workers:
    """A worker that is started again when it dies; a context manager that lets go of its models.

    start: gives a link to a worker, a new one when the last one died. Whoever started a worker ends
    it. parallelism: threads within an operation and operations at once; 0 lets TensorFlow choose.
    """

    def __init__(
        self,
        start: Callable[[], Link],
        parallelism: tuple[int, int] = (0, 0),
        limits: Limits | None = None,
    ) -> None:
        self._start = start
        self._parallelism = parallelism
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._held: dict[int, WorkerServable] = {}
        self._under_way = 0
        self._bytes = 0
        self._closed = threading.Event()
        self._link: Link | None = start()
        self._up = threading.Event()  # set while there is a link, and at the end
        self._up.set()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self, folder: Path, tags: Sequence[str]) -> WorkerServable:
        """See servable.Loader."""
        servable = WorkerServable(self, next(_HANDLES), folder.absolute(), tuple(tags))
        while True:
            self._up.wait(PATIENCE_SECONDS)
            link = self._link
            reply = self._ask(link, "servable_load", {}, **self._loading(servable))
            with self._lock:
                if self._link is link:  # else it is to be loaded into the next worker too
                    self._held[servable.handle] = servable
                    break
        told = reply.tensors.items()
        servable.signatures = {n: SignatureDef.FromString(a.tobytes()) for n, a in told}
        return servable

    def unload(self, servable: WorkerServable) -> None:
        """Let go of a model; nothing to do when the worker that held it is gone."""
        with self._lock:
            self._held.pop(servable.handle, None)
        try:
            self._ask(self._link, "servable_unload", {}, handle=servable.handle)
        except StatusError as error:
            log.info("A model was let go of together with its worker: %s", error.message)

    def run(
        self, feeds: Mapping[str, Tensor], *, seconds: float | None = None, **fields: Any
    ) -> Reply:
        """Run a model, within the limits. Raises StatusError."""
        size = sum(_bytes(tensor) for tensor in feeds.values())
        self._enter(size)
        try:
            return self._ask(self._link, "servable_run", feeds, seconds=seconds, **fields)
        finally:
            self._leave(size)

    def _ask(
        self,
        link: Link | None,
        operation: str,
        tensors: Mapping[str, Tensor],
        *,
        seconds: float | None = None,
        **fields: Any,
    ) -> Reply:
        """Ask the worker behind `link`. Raises StatusError."""
        try:
            if link is None:
                raise StatusError(Code.UNAVAILABLE, "The worker that runs the models is restarting")
            arrays = [(name, tensor.array) for name, tensor in tensors.items()]
            return link.call(operation, arrays, timeout=seconds, **fields)
        except WorkerRaised as error:
            raise _status(error) from error
        except WorkerTimeout as error:
            raise StatusError(Code.DEADLINE_EXCEEDED, error.line()) from error
        except WorkerDied as error:
            self._restart(link)
            raise StatusError(Code.UNAVAILABLE, error.line()) from error

    def log_tail(self) -> str:
        """The last lines of the worker's log."""
        link = self._link
        return "" if link is None else link.session.log_tail()

    def close(self) -> None:
        """Let go of every model."""
        with self._lock:
            held = list(self._held.values())
        for servable in held:
            self.unload(servable)
        self._closed.set()
        self._up.set()

    def _enter(self, size: int) -> None:
        with self._lock:
            waiting, held = self._under_way + 1, self._bytes + size
            # A single request is never too large for an idle server.
            if waiting > self._limits.requests or (self._bytes and held > self._limits.bytes):
                raise StatusError(
                    Code.RESOURCE_EXHAUSTED,
                    f"{self._under_way} requests of {self._bytes} bytes are under way already",
                )
            self._under_way, self._bytes = waiting, held

    def _leave(self, size: int) -> None:
        with self._lock:
            self._under_way -= 1
            self._bytes -= size

    def _loading(self, servable: WorkerServable) -> dict[str, Any]:
        """The fields of a request to load."""
        return {
            "handle": servable.handle,
            "folder": str(servable.folder),
            "tags": list(servable.tags),
            "parallelism": list(self._parallelism),
        }

    def _restart(self, dead: Link | None) -> None:
        """Start a new worker in place of `dead`, in the background; only once for each."""
        with self._lock:
            if dead is None or self._link is not dead or self._closed.is_set():
                return
            self._link = None
            self._up.clear()
        threading.Thread(target=self._start_again, args=(dead,), daemon=True).start()

    def _start_again(self, dead: Link) -> None:
        log.error("The worker died and is started again. %s", dead.session.log_tail()[-500:])
        for pause in itertools.chain(RESTART_PAUSES, itertools.repeat(RESTART_PAUSES[-1])):
            if self._closed.wait(pause):
                return
            try:
                self._take(self._start())
            except (ConvertH5Error, OSError) as error:
                log.error("The worker does not start: %s", error)
            else:
                return

    def _take(self, link: Link) -> None:
        """Use `link` from now on, every model loaded again. Raises WorkerDied."""
        with self._lock:
            held = list(self._held.values())
        for servable in held:
            try:
                link.call("servable_load", **self._loading(servable))
            except WorkerRaised as error:
                log.error("%s cannot be loaded again: %s", servable.folder, error.message)
        with self._lock:
            self._link = link
            self._up.set()
            let_go = [servable for servable in held if servable.handle not in self._held]
        for servable in let_go:  # in the meantime
            self.unload(servable)


def _bytes(tensor: Tensor) -> int:
    """The size of a tensor, strings included."""
    array = tensor.array
    return array.nbytes + (sum(map(len, array.flat)) if array.dtype.hasobject else 0)


def _status(error: WorkerRaised) -> StatusError:
    if error.kind == "status" and error.code is not None:
        return StatusError(Code(error.code), error.message)
    return StatusError(Code.INTERNAL, error.why)
