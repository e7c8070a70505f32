"""One running worker: requests out, replies in, and every way it can fail as a typed error.

The worker runs in a process group of its own with a private home and an environment of a few
harmless variables. Its prints and TensorFlow's logs go to a file; the tail of it travels with every
error. Starting returns at once: the first request waits for TensorFlow to import.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from converter import memory
from converter.errors import WorkerDied, WorkerProtocolError, WorkerRaised, WorkerTimeout
from converter.toolchain.arena import Arena
from converter.toolchain.facts import (
    Deadlines,
    Hello,
    LoadedModel,
    LoadOptions,
    Mode,
    TensorFacts,
)
from converter.worker import protocol

Array = NDArray[Any]

WORKER_FOLDER = Path(protocol.__file__).parent
LOG_TAIL_BYTES = 6000
# What an unprivileged process may ask for on Linux.
PIPE_BYTES = 1024 * 1024

# Handed on to workers; everything else, secrets above all, stays here.
HARMLESS_VARIABLES = (
    *("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH"),
    *("OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_ENABLE_ONEDNN_OPTS"),
)


@dataclass(frozen=True)
class Reply:
    """The JSON result of a request, and its tensors in the worker's order."""

    result: dict[str, Any]
    tensors: dict[str, Array]


@dataclass
class Session:
    """A worker process; a context manager that ends it.

    Its working folder is its own, so paths are sent as absolute ones.
    """

    name: str
    process: subprocess.Popen[bytes]
    folder: Path
    log: Path
    deadlines: Deadlines = field(default_factory=Deadlines)
    arena: Arena | None = None
    _hello: Hello | None = None

    @classmethod
    def start(
        cls,
        python: Path,
        *,
        name: str,
        mode: Mode = "eager",
        deadlines: Deadlines | None = None,
        log: Path | None = None,
        shared: bool = False,
    ) -> Session:
        """Start a worker under `python`. `log` is kept; without it a private one is removed.

        shared: give it an arena, for a Link.
        """
        folder = Path(tempfile.mkdtemp(prefix="convert-h5-worker-"))
        log = log or folder / "worker.log"
        arena = Arena() if shared else None
        sharing = ["--arena", str(arena.fd)] if arena else []
        with log.open("ab") as stream:
            try:
                process = subprocess.Popen(
                    [str(python), str(WORKER_FOLDER), "--mode", mode, *sharing],
                    pass_fds=[arena.fd] if arena else [],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stream,
                    cwd=folder,
                    env=worker_environment(folder),
                    start_new_session=True,
                )
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                if arena is not None:
                    arena.close()
                raise
        for pipe in (process.stdin, process.stdout):
            _widen(pipe)
        return cls(name, process, folder, log, deadlines or Deadlines(), arena)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the process is still running."""
        return self.process.poll() is None

    @property
    def hello(self) -> Hello:
        """Who this worker is, every Keras of its environment imported."""
        if self._hello is None:
            reply = self.request("hello", deadline=self.deadlines.start, flavours=True)
            self._hello = Hello(**reply.result)
        return self._hello

    def load_h5(self, path: Path, options: LoadOptions) -> LoadedModel:
        """Load the Keras HDF5 file at `path` in place of the model before it."""
        result = self.request("load_h5", path=str(path.absolute()), **options.fields()).result
        return LoadedModel(_facts(result["inputs"]), _facts(result["outputs"]), result["via"])

    def predict(self, inputs: Sequence[Array]) -> list[Array]:
        """Predictions of the loaded model; inputs and outputs in the model's own order."""
        reply = self.request("predict", _numbered(inputs))
        return [reply.tensors[str(i)] for i in range(len(reply.tensors))]

    def layer_outputs(self, inputs: Sequence[Array]) -> dict[str, Array]:
        """Each layer's output for `inputs`, by layer name."""
        return self.request("layer_outputs", _numbered(inputs)).tensors

    def source_layers(self, inputs: Sequence[Array]) -> list[tuple[list[str], Array]]:
        """(path, output) of each layer of the loaded model, nested models' layers included."""
        reply = self.request("source_layers", _numbered(inputs))
        return list(zip(reply.result["paths"], reply.tensors.values(), strict=True))

    def source_weights(self) -> list[dict[str, Any]]:
        """The weights of each layer of the loaded model; see the worker's source_layers."""
        found: list[dict[str, Any]] = self.request("source_weights").result["layers"]
        return found

    def graph_layers(
        self, folder: Path, inputs: dict[str, Array], outputs: Sequence[Array], **fields: Any
    ) -> Reply:
        """Hold a SavedModel's layers against `outputs`; see the worker's graph_layers."""
        tensors = [(f"input/{key}", value) for key, value in inputs.items()]
        tensors += [(f"layer/{number}", value) for number, value in enumerate(outputs)]
        return self.request("graph_layers", tensors, folder=str(folder.absolute()), **fields)

    def convert(self, strategy: str, folder: Path, contract: dict[str, Any], freeze: bool) -> None:
        """Write a SavedModel of the loaded model into `folder`, which must not exist."""
        absolute = str(folder.absolute())
        self.request("convert", strategy=strategy, folder=absolute, freeze=freeze, **contract)

    def load_saved_model(self, folder: Path, tags: Sequence[str]) -> dict[str, Any]:
        """Load a SavedModel into a fresh session; its signatures by name."""
        reply = self.request("load_saved_model", folder=str(folder.absolute()), tags=list(tags))
        signatures: dict[str, Any] = reply.result["signatures"]
        return signatures

    def run_signature(self, signature: str, inputs: dict[str, Array]) -> dict[str, Array]:
        """Ask a signature of the loaded SavedModel, by key."""
        return self.request("run_signature", inputs.items(), signature=signature).tensors

    def request(
        self,
        operation: str,
        tensors: Iterable[tuple[str, Array]] = (),
        *,
        deadline: float | None = None,
        **fields: Any,
    ) -> Reply:
        """Send one request and wait for its reply.

        Raises WorkerRaised for an exception inside the worker (which lives on), WorkerDied,
        WorkerTimeout (the worker is ended) or WorkerProtocolError.
        """
        seconds = self.deadlines.request if deadline is None else deadline
        timed_out = threading.Event()
        timer = threading.Timer(seconds, self._end_late, [timed_out])
        timer.daemon = True
        timer.start()
        try:
            header, arrays = self._exchange(operation, fields, tensors)
        except (OSError, EOFError, protocol.ProtocolError, ValueError) as failure:
            if timed_out.is_set():
                timer.join()  # until the worker is really gone
                raise WorkerTimeout(
                    f"The worker of {self.name} did not finish '{operation}'",
                    why=f"it took longer than {seconds:g} s and was ended",
                    fix="Raise the limit with --timeout, or see the log",
                    log_tail=self.log_tail(),
                ) from failure
            raise self._broken(operation, failure) from failure
        except BaseException:  # an interrupt: what the worker still writes would outlive the run
            self.kill()
            raise
        finally:
            timer.cancel()
        if header.get("ok") is True:
            return Reply(header.get("result", {}), arrays)
        raise raised(self, operation, header.get("error", {}))

    def log_tail(self) -> str:
        """The last lines of the worker's log."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(0, os.SEEK_END)
                stream.seek(max(0, stream.tell() - LOG_TAIL_BYTES))
                return stream.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def close(self) -> None:
        """End the worker, gently if it is idle, and remove its private folder."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()  # the end of its input ends the worker
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
        finally:
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
            if self.arena is not None:
                self.arena.close()
                self.arena = None

    def kill(self) -> None:
        """End the worker's whole process group now."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _exchange(
        self, operation: str, fields: dict[str, Any], tensors: Iterable[tuple[str, Array]]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        protocol.write(self.process.stdin, {"op": operation, **fields}, tensors)
        message: tuple[dict[str, Any], dict[str, Array]] | None
        message = protocol.read(self.process.stdout)
        if message is None:
            raise EOFError("the worker closed its output")
        return message

    def _end_late(self, timed_out: threading.Event) -> None:
        timed_out.set()
        self.kill()

    def _broken(self, operation: str, failure: Exception) -> Exception:
        """The right error for a stream that stopped making sense."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        tail = self.log_tail()
        if self.process.returncode is None:
            self.kill()
            return WorkerProtocolError(
                f"The worker of {self.name} answered '{operation}' with no message",
                why=str(failure),
                log_tail=tail,
            )
        return WorkerDied(
            f"The worker of {self.name} died during '{operation}'",
            why=_cause_of_death(self.process.returncode, tail),
            fix="The tail of its log tells more",
            log_tail=tail,
        )


def raised(session: Session, operation: str, described: dict[str, Any]) -> WorkerRaised:
    """The error for an exception that a worker described (see the worker's failures.describe)."""
    error = {"kind": "", "exception": "", "message": "", "code": None, **described}
    said = f"{error['exception']}: {error['message']}" if error["exception"] else error["message"]
    return WorkerRaised(
        f"'{operation}' failed in {session.name}",
        why=said,
        kind=error["kind"],
        exception=error["exception"],
        code=error["code"],
        message=error["message"],
        log_tail=session.log_tail(),
    )


def worker_environment(home: Path) -> dict[str, str]:
    """The environment of a worker: harmless variables, a private home, no accelerator.

    What it leaves behind, as TensorFlow's autograph leaves a file for every function it turned into
    a graph, goes with its home.
    """
    environment = {k: os.environ[k] for k in HARMLESS_VARIABLES if k in os.environ}
    environment.update(
        HOME=str(home),
        TMPDIR=str(home),
        KERAS_HOME=str(home / ".keras"),
        KERAS_BACKEND="tensorflow",
        CUDA_VISIBLE_DEVICES="-1",
        HDF5_USE_FILE_LOCKING="FALSE",
        PYTHONNOUSERSITE="1",
        **memory.ENVIRONMENT,
    )
    return environment


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more, so that large tensors take fewer turns; not every system does."""
    if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _cause_of_death(code: int, tail: str) -> str:
    last = next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "")
    if code == -signal.SIGKILL:
        return "it was killed (SIGKILL); most often the system ran out of memory"
    if code < 0:
        return f"it ended by {signal.Signals(-code).name}; its last line was: {last}"
    return f"it ended with code {code}; its last line was: {last}"


def _numbered(arrays: Sequence[Array]) -> list[tuple[str, Array]]:
    return [(str(i), np.asarray(a)) for i, a in enumerate(arrays)]


def _facts(described: list[dict[str, Any]]) -> tuple[TensorFacts, ...]:
    return tuple(
        TensorFacts(None if d["shape"] is None else tuple(d["shape"]), d["dtype"])
        for d in described
    )
