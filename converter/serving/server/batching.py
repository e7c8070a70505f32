"""Requests put together: a servable that runs several of them as one batch (--enable_batching).

Requests are joined along dimension 0 when they ask the same tensors with the same dtypes and, but
for padding, the same inner dimensions. The texts are TensorFlow's (kernels/batching_util and
TensorFlow Serving's batching_session.cc, and the recordings).
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field

import numpy as np

from converter.serving.server.config import Batching
from converter.serving.server.metrics import Metrics
from converter.serving.server.servable import Servable
from converter.serving.status import Code, StatusError
from converter.serving.tensors import Tensor
from converter.wire.tensorflow_pb2 import SignatureDef

Key = tuple[object, ...]


@dataclass
class _Task:
    """One request that waits: its inputs, its rows, and where the answer goes."""

    feeds: Mapping[str, Tensor]
    rows: int
    timeout: float | None
    came: float = field(default_factory=time.monotonic)
    answer: Future[list[Tensor]] = field(default_factory=Future)


@dataclass
class _Queue:
    """Requests that can go into one batch, oldest first."""

    fetches: Sequence[str]
    tasks: collections.deque[_Task] = field(default_factory=collections.deque)

    @property
    def rows(self) -> int:
        return sum(task.rows for task in self.tasks)


class Batched:
    """A Servable in front of another that batches what it is asked.

    Raises StatusError when the parameters make no sense.
    """

    def __init__(self, inner: Servable, parameters: Batching, metrics: Metrics) -> None:
        parameters.check()
        self._metrics = metrics
        self._inner = inner
        self._parameters = parameters
        self._changed = threading.Condition()
        self._queues: dict[Key, _Queue] = {}
        self._closed = False
        for _ in range(parameters.num_batch_threads):
            threading.Thread(target=self._work, name="batch", daemon=True).start()

    @property
    def signatures(self) -> Mapping[str, SignatureDef]:
        """See servable.Servable."""
        return self._inner.signatures

    def run(
        self, feeds: Mapping[str, Tensor], fetches: Sequence[str], timeout: float | None
    ) -> list[Tensor]:
        """See servable.Servable."""
        rows = _rows(feeds)
        largest = self._parameters.largest_batch
        if rows > largest and self._parameters.enable_large_batch_splitting:
            pieces = [
                self._wait(_piece(feeds, slice(at, at + largest)), fetches, timeout)
                for at in range(0, rows, largest)
            ]
            return [_joined(parts, pad=False) for parts in zip(*pieces, strict=True)]
        if rows > self._parameters.max_batch_size:
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f"Task size {rows} is larger than maximum input batch size"
                f" {self._parameters.max_batch_size}",
            )
        return self._wait(feeds, fetches, timeout)

    def close(self) -> None:
        """See servable.Servable."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._inner.close()

    def _wait(
        self, feeds: Mapping[str, Tensor], fetches: Sequence[str], timeout: float | None
    ) -> list[Tensor]:
        task = _Task(feeds, _rows(feeds), timeout)
        key = self._key(feeds, fetches)
        with self._changed:
            queue = self._queues.setdefault(key, _Queue(tuple(fetches)))
            full = self._parameters.max_enqueued_batches * self._parameters.largest_batch
            if queue.tasks and queue.rows + task.rows > full:
                raise StatusError(
                    Code.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is full",
                )
            queue.tasks.append(task)
            self._changed.notify()
        try:
            return task.answer.result(timeout)
        except FutureTimeout:
            raise StatusError(
                Code.DEADLINE_EXCEEDED, "Run() timeout exceeded while waiting in batching queue"
            ) from None

    def _key(self, feeds: Mapping[str, Tensor], fetches: Sequence[str]) -> Key:
        padded = self._parameters.pad_variable_length_inputs
        shapes = (t.array.ndim if padded else t.array.shape[1:] for t in feeds.values())
        dtypes = (tensor.dtype for tensor in feeds.values())
        return (tuple(fetches), *zip(feeds, dtypes, shapes, strict=True))

    def _work(self) -> None:
        """Run batch after batch; each thread has one under way."""
        while True:
            with self._changed:
                found = self._next()
                while found is None:
                    if self._closed:
                        return
                    self._changed.wait(self._pause())
                    found = self._next()
            self._run(*found)

    def _next(self) -> tuple[Sequence[str], list[_Task]] | None:
        """The batch that is due, taken off its queue: a full one, or the one that waits longest.

        Holds the lock.
        """
        now = time.monotonic()
        patience = self._parameters.batch_timeout_micros / 1e6
        due = [
            (queue.tasks[0].came, key)
            for key, queue in self._queues.items()
            if queue.rows >= self._parameters.largest_batch
            or now - queue.tasks[0].came >= patience
            or self._closed
        ]
        if not due:
            return None
        key = min(due, key=lambda item: item[0])[1]
        queue = self._queues[key]
        batch = [queue.tasks.popleft()]
        rows = batch[0].rows
        while queue.tasks and rows + queue.tasks[0].rows <= self._parameters.largest_batch:
            batch.append(queue.tasks.popleft())
            rows += batch[-1].rows
        if not queue.tasks:
            del self._queues[key]
        return queue.fetches, batch

    def _pause(self) -> float | None:
        """Seconds until the oldest request has waited long enough. Holds the lock."""
        oldest = min((queue.tasks[0].came for queue in self._queues.values()), default=None)
        if oldest is None:
            return None
        patience = self._parameters.batch_timeout_micros / 1e6
        return max(0.0, oldest + patience - time.monotonic())

    def _run(self, fetches: Sequence[str], batch: Sequence[_Task]) -> None:
        """Run a batch and hand out its rows; whatever fails, fails for all of it."""
        try:
            answers = self._answers(fetches, batch)
        except Exception as error:
            for task in batch:
                task.answer.set_exception(error)
            return
        at = 0
        for task in batch:
            rows = slice(at, at + task.rows)
            task.answer.set_result([Tensor(a.dtype, a.array[rows]) for a in answers])
            at += task.rows

    def _answers(self, fetches: Sequence[str], batch: Sequence[_Task]) -> list[Tensor]:
        pad = self._parameters.pad_variable_length_inputs
        joined = {
            name: _joined([task.feeds[name] for task in batch], pad=pad) for name in batch[0].feeds
        }
        rows = sum(task.rows for task in batch)
        allowed = self._parameters.allowed_batch_sizes
        size = next((size for size in allowed if size >= rows), rows)
        feeds = {name: _filled(tensor, size) for name, tensor in joined.items()}
        for task in batch:
            waited = int((time.monotonic() - task.came) * 1e6)
            self._metrics.queuing_latency.observe(waited, self._parameters.thread_pool_name)
        self._metrics.wrapped_run_count.add()
        limits = [task.timeout for task in batch]
        timeout = None if None in limits else max(limit for limit in limits if limit is not None)
        answers = self._inner.run(feeds, fetches, timeout)
        for answer in answers:
            _check_rows(answer, size)
        return answers


def _rows(feeds: Mapping[str, Tensor]) -> int:
    """The size of dimension 0. Raises StatusError when it is not one and the same, or 0."""
    arrays = [tensor.array for tensor in feeds.values()]
    if any(array.ndim == 0 for array in arrays):
        raise _refused("Batching Run() input tensors must have at least one dimension")
    sizes = {len(array) for array in arrays}
    if len(sizes) != 1:
        raise _refused("Batching Run() input tensors must have equal 0th-dimension size")
    (rows,) = sizes
    if not rows:
        raise _refused("Batching Run() input tensors must have at least one row")
    return rows


def _piece(feeds: Mapping[str, Tensor], rows: slice) -> dict[str, Tensor]:
    return {name: Tensor(t.dtype, t.array[rows]) for name, t in feeds.items()}


def _joined(parts: Sequence[Tensor], *, pad: bool) -> Tensor:
    """The tensors one behind the other; with `pad` the smaller ones are grown first.

    What is added has the value of the tensor's first element, as in TensorFlow.
    """
    arrays = [part.array for part in parts]
    if pad:
        shape = np.max([array.shape[1:] for array in arrays], axis=0)
        grown = []
        for array in arrays:
            wider = np.full((len(array), *shape), array.flat[0] if array.size else 0, array.dtype)
            wider[tuple(slice(size) for size in array.shape)] = array
            grown.append(wider)
        arrays = grown
    return Tensor(parts[0].dtype, arrays[0] if len(arrays) == 1 else np.concatenate(arrays))


def _filled(tensor: Tensor, size: int) -> Tensor:
    """The tensor with copies of its first row behind it, up to `size` rows."""
    missing = size - len(tensor.array)
    if not missing:
        return tensor
    return Tensor(
        tensor.dtype, np.concatenate([tensor.array, np.repeat(tensor.array[:1], missing, axis=0)])
    )


def _check_rows(answer: Tensor, size: int) -> None:
    if answer.array.ndim == 0:
        raise StatusError(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
    if len(answer.array) != size:
        raise StatusError(
            Code.FAILED_PRECONDITION,
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension"
            " sizes of the input tensors",
        )


def _refused(message: str) -> StatusError:
    return StatusError(Code.INVALID_ARGUMENT, message)
