"""Workers kept alive from job to job: one TensorFlow import serves many models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from converter.errors import ToolchainError
from converter.toolchain import provision
from converter.toolchain.catalog import Toolchain
from converter.toolchain.facts import Deadlines, Mode

if TYPE_CHECKING:
    from converter.toolchain.link import Link
    from converter.toolchain.session import Session

# A worker is started anew after this many uses: graphs and caches of old TensorFlows only grow.
USES = 100
# The purpose of a worker that serves: its streams belong to a Link, so nobody else is given it.
SERVE = "serve"
# Workers alive at once; each holds a TensorFlow of about 300 MB. A job needs four at most: two
# modes, another toolchain for the reference, and the one that proves.
LIVE = 5


class Pool:
    """Sessions by (toolchain, mode, purpose); a context manager that ends them all.

    The purpose keeps a converting worker apart from the one that proves its result: a SavedModel
    is always loaded in another process than the one that wrote it.
    """

    def __init__(
        self,
        *,
        progress: provision.Progress = provision.quiet,
        deadlines: Deadlines | None = None,
        live: int = LIVE,
    ) -> None:
        """live: workers alive at once."""
        self._live = live
        self._progress = progress
        self._deadlines = deadlines or Deadlines()
        self._sessions: dict[tuple[str, Mode, str], Session] = {}
        self._uses: dict[tuple[str, Mode, str], int] = {}
        self._missing: dict[str, ToolchainError] = {}
        self._links: dict[int, Link] = {}

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def provide(self, toolchain: Toolchain) -> Path:
        """The Python of `toolchain`, installed if needed.

        Raises a ToolchainError, the same at once when it was asked for before.
        """
        if toolchain.own_python is not None:
            return toolchain.own_python
        if toolchain.id in self._missing:
            raise self._missing[toolchain.id]
        try:
            return provision.provide(toolchain, self._progress)
        except ToolchainError as error:
            self._missing[toolchain.id] = error
            raise

    def session(self, toolchain: Toolchain, mode: Mode, purpose: str = "convert") -> Session:
        """A live worker; starting returns at once. Raises a ToolchainError."""
        if purpose == SERVE:
            raise ValueError("a worker that serves is asked through its link")
        return self._session(toolchain, mode, purpose)

    def _session(self, toolchain: Toolchain, mode: Mode, purpose: str) -> Session:
        key = (toolchain.id, mode, purpose)
        found = self._sessions.get(key)
        if found is not None and found.alive and self._uses[key] < USES:
            self._uses[key] += 1
            self._sessions[key] = self._sessions.pop(key)  # the newest in the order of use
            return found
        if found is not None:
            self._sessions.pop(key).close()
        python = self.provide(toolchain)
        while len(self._sessions) >= self._live:
            self._sessions.pop(next(iter(self._sessions))).close()
        from converter.toolchain.session import Session

        started = Session.start(
            python,
            name=toolchain.id,
            mode=mode,
            deadlines=self._deadlines,
            shared=purpose == SERVE,
        )
        self._sessions[key] = started
        self._uses[key] = 1
        return started

    def link(self, toolchain: Toolchain) -> Link:
        """A live worker that serves, for many requests at once; a new one when the last one died.

        Raises a ToolchainError.
        """
        session = self._session(toolchain, "eager", SERVE)
        from converter.toolchain.link import Link

        link = self._links.get(session.process.pid)
        if link is not None and not link.alive:
            # It is still dying, or its streams make no sense any more.
            self._sessions.pop((toolchain.id, "eager", SERVE)).close()
            session = self._session(toolchain, "eager", SERVE)
            link = None
        if link is None:
            self._links = {p: known for p, known in self._links.items() if known.alive}
            link = self._links[session.process.pid] = Link(session)
        return link

    def close(self) -> None:
        """End every worker."""
        while self._sessions:
            _, session = self._sessions.popitem()
            session.close()
