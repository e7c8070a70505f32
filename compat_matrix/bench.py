"""What a seat works with: a pool of workers, the child that reads files, and a scratch folder.

A seat is a process that measures one unit after the other; whatever takes long to start lives here
and serves all of them.
"""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from converter import publish
from converter.isolation import COMPILES, Child
from converter.job import Hands, Job, prepare
from converter.options import Options
from converter.report.model import Report
from converter.source import snapshot
from converter.toolchain import cache
from converter.toolchain.pool import Pool
from converter.toolchain.provision import quiet

# Workers alive at once in a seat: one for each of four releases that serve, two modes of the
# toolchain that converts, and two that are on their way out or in.
LIVE = 8


class Bench:
    """See the module."""

    def __init__(self, stack: ExitStack) -> None:
        self.pool = stack.enter_context(Pool(live=LIVE))
        self.child = stack.enter_context(Child(*COMPILES))

    @contextmanager
    def job(self, path: Path, data: bytes | None = None) -> Iterator[tuple[Job, str, Path]]:
        """(the job of the file at `path`, its sha256, a scratch folder of its own).

        data: its bytes, where they were sent along. Raises the ConvertH5Error that says why it
        cannot be converted.
        """
        with publish.staging(cache.root() / "jobs") as scratch, here(path, data) as source:
            copy, digest = snapshot.take(source, scratch)
            hands = Hands(self.child, self.pool, Report(source=path), quiet)
            yield prepare(path, copy, lambda: digest, Options(), hands), digest, scratch


@contextmanager
def here(path: Path, data: bytes | None) -> Iterator[Path]:
    """Where the file is to be read: at `path`, or, where its bytes were sent, in a file of ours."""
    if data is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="convert-h5-sent-") as folder:
        sent = Path(folder, path.name)
        sent.write_bytes(data)
        yield sent


_LOCK = threading.Lock()  # a Dask worker may have several threads; a pool is for one


_STACK = ExitStack()


@functools.cache
def _bench() -> Bench:
    """The one of this process; its workers end with it."""
    return Bench(_STACK)


@contextmanager
def use() -> Iterator[Bench]:
    """The bench of this process, for as long as entered for this caller alone."""
    with _LOCK:
        yield _bench()


def close() -> None:
    """End what the bench of this process started, in a process that goes on."""
    with _LOCK:
        _STACK.close()
        _bench.cache_clear()
