"""Seats on a Dask cluster: each of its workers is one.

The cluster is the user's. Its workers need this very version installed; they install toolchains as
they need them, into their own cache, and end what they started when the run is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from compat_matrix import bench
from compat_matrix.cells import code_version
from compat_matrix.executors.base import SeatLost
from converter.errors import UsageError

CONNECT_SECONDS = "20s"


class Dask:
    """A context manager that lets go of the cluster."""

    def __init__(self, address: str) -> None:
        """Raises UsageError where there is no such cluster, or other code on its workers."""
        try:
            from distributed import Client
        except ImportError as error:
            raise UsageError(
                "--dask needs the package distributed", fix="pip install 'convert-h5[matrix]'"
            ) from error
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"There is no Dask scheduler at {address}",
                why=str(error),
                fix="Give the address that it prints, such as tcp://10.0.0.1:8786",
            ) from error
        self._check(address)

    def __enter__(self) -> Dask:
        return self

    def __exit__(self, *_: object) -> None:
        # A worker that is lost right now has nothing left to end.
        self._client.run(bench.close, on_error="ignore")
        self._client.close()

    def seats(self) -> Sequence[str]:
        """See Executor; workers that come later are among them."""
        return list(self._client.nthreads())

    def submit(self, seat: str, work: Callable[..., Any], *arguments: Any) -> _Task:
        """See Executor."""
        return _Task(self._client.submit(work, *arguments, workers=[seat], pure=False))

    def _check(self, address: str) -> None:
        """Raise UsageError unless every worker has the code that is here."""
        found = self._client.run(code_version, on_error="return")
        for worker, version in found.items():
            if version != code_version():
                self._client.close()
                raise UsageError(
                    f"The Dask worker {worker} has another version of convert-h5, or none",
                    why=f"its code is {version}, and here it is {code_version()}",
                    fix="Install the same version for all workers",
                )


class _Task:
    def __init__(self, future: Any) -> None:
        self._future = future

    def add_done_callback(self, call: Callable[[Any], object], /) -> None:
        self._future.add_done_callback(call)

    def result(self) -> Any:
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        try:
            return self._future.result()
        except (CancelledError, KilledWorker) as error:
            raise SeatLost("its Dask worker is gone") from error

    def cancel(self) -> None:
        self._future.cancel(force=True)
