"""Choose what serves a staged model: Docker where asked for or at hand, else this machine."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from converter.errors import ToolchainError
from converter.plan import Plan, Target
from converter.serving.docker import runtime as docker
from converter.serving.docker.errors import EngineUnfit
from converter.serving.docker.images import image_for
from converter.serving.endpoint import Endpoint
from converter.toolchain.catalog import version_tuple
from converter.toolchain.pool import Pool
from converter.toolchain.provision import Progress


class Runtime(Protocol):
    """Something that serves SavedModels."""

    @property
    def description(self) -> str:
        """The runtime in one line for reports."""
        ...

    def serve(
        self, folder: Path, name: str = "model", version: int = 1, flags: Sequence[str] = ()
    ) -> AbstractContextManager[Endpoint]:
        """Serve the SavedModel in `folder`, while entered. Raises ServingFailed."""
        ...


@dataclass(frozen=True)
class Chosen:
    """A runtime, and the (major, minor) of its TensorFlow where that can be told."""

    runtime: Runtime
    series: tuple[int, int] | None


class Runtimes:
    """The runtimes of one job, opened when they are first needed; a context manager."""

    def __init__(self, plan: Plan, pool: Pool, note: Callable[[str], None], progress: Progress):
        self._plan = plan
        self._pool = pool
        self._note = note
        self._progress = progress
        self._open = ExitStack()
        self._docker: dict[str, docker.DockerServing] = {}

    def __enter__(self) -> Runtimes:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def choose(self, target: Target) -> Chosen | None:
        """What is to prove what `target` converts; None where nothing is to be proven.

        Raises ServingFailed when Docker was asked for and cannot be used, a ToolchainError when no
        toolchain that could stand for the server can be had.
        """
        wanted = self._plan.serving
        if wanted.runtime == "none":
            return None
        if wanted.runtime == "docker":
            return self._in_docker(target, pull=True)
        if wanted.runtime == "local":
            return self._local(target)
        why = docker.unavailable(image_for(self._plan.release(target), wanted.image))
        if why is None:
            return self._docker_or_local(target)
        if wanted.image is not None:
            self._note(f"not proven in {wanted.image}: {why}")
        return self._local(target)

    def _in_docker(self, target: Target, *, pull: bool) -> Chosen:
        release = self._plan.release(target)
        ref = image_for(release, self._plan.serving.image)
        if str(ref) not in self._docker:
            opened = docker.DockerServing.open(ref, pull=pull, progress=self._progress)
            self._docker[str(ref)] = self._open.enter_context(opened)
        return Chosen(self._docker[str(ref)], _series(ref.tag or release))

    def _docker_or_local(self, target: Target) -> Chosen:
        chosen = self._in_docker(target, pull=False)
        other = functools.partial(self._local, target)
        return Chosen(DockerElseLocal(chosen.runtime, other, self._note), chosen.series)

    def _local(self, target: Target) -> Chosen:
        """The first toolchain that can stand for the server; its worker starts now."""
        # A whole server takes long to import, and a run that proves nothing does without it.
        from converter.serving.local import LocalServing

        failure: ToolchainError | None = None
        for toolchain in self._plan.servers(target):
            try:
                self._pool.link(toolchain)
            except ToolchainError as error:
                failure = failure or error
                self._note(f"not proven in {toolchain.id}: {error.line()}")
            else:
                return Chosen(LocalServing(self._pool, toolchain), toolchain.tensorflow_series)
        assert failure is not None
        raise failure


class DockerElseLocal:
    """Docker, until it turns out that it cannot be used here; the local runtime from then on."""

    def __init__(
        self, in_docker: Runtime, local: Callable[[], Chosen], note: Callable[[str], None]
    ) -> None:
        self._runtime = in_docker
        self._local: Callable[[], Chosen] | None = local
        self._note = note

    @property
    def description(self) -> str:
        """The runtime in use, in one line for reports."""
        return self._runtime.description

    @contextmanager
    def serve(
        self, folder: Path, name: str = "model", version: int = 1, flags: Sequence[str] = ()
    ) -> Iterator[Endpoint]:
        """See Runtime."""
        with ExitStack() as stack:
            serving = self._runtime.serve(folder, name, version, flags)
            try:
                endpoint = stack.enter_context(serving)
            except EngineUnfit as error:
                if self._local is None:
                    raise
                self._note(f"not proven in Docker: {error.line()}")
                self._runtime, self._local = self._local().runtime, None
                endpoint = stack.enter_context(self._runtime.serve(folder, name, version, flags))
            yield endpoint


def _series(release: str) -> tuple[int, int] | None:
    """(major, minor) of a release or a tag; None for one such as `latest`."""
    try:
        return version_tuple(release)
    except ValueError:
        return None
