"""The `docker` runtime: TensorFlow Serving's own image around one version of a model.

    with DockerServing.open(image_for("2.2.0"), pull=True) as runtime:
        with runtime.serve(folder) as endpoint:
            ...  # ask endpoint.rest and endpoint.grpc

The container sees nothing but the model, read-only, and has no capability; its ports are on the
loopback only. It is removed whatever happens, and one that a killed run left behind is removed by
the next run.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tarfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from converter.errors import UsageError
from converter.serving.docker import owners
from converter.serving.docker.containers import GRPC, REST, Served
from converter.serving.docker.engines import QUICK, Engine, Facts, in_container
from converter.serving.docker.errors import (
    DockerError,
    EngineRefused,
    FolderUnseen,
    ImageMissing,
)
from converter.serving.docker.images import ImageRef
from converter.serving.endpoint import Endpoint
from converter.toolchain.provision import Progress, quiet

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.images import Image

T = TypeVar("T")

READY_WITHIN = 300.0  # seconds from the start of the container to the model being AVAILABLE
LOADS_AT_ONCE = "--max_num_load_retries=0"  # else a bad model is tried for five minutes

# A part of the machine's memory that a model may take, so that the machine outlives a huge one.
MEMORY_SHARE = 0.9
# TensorFlow Serving starts about eight threads a processor; past this it is a runaway.
MOST_PROCESSES = 4096
LOG_LIMIT = "10m"

MODEL_NAME = re.compile(r"[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*")


def unavailable(ref: ImageRef) -> str | None:
    """Why `ref` cannot be used right now, in a sentence; None when an engine has it.

    Quick: nothing is pulled or started.
    """
    try:
        with Engine.find(QUICK) as engine:
            engine.image(ref)
    except DockerError as error:
        return error.line()
    return None


@dataclass(frozen=True)
class DockerServing:
    """An engine and an image that it has; a context manager that hangs up."""

    engine: Engine
    ref: ImageRef
    image: Image
    ready_within: float = READY_WITHIN

    @classmethod
    def open(
        cls,
        ref: ImageRef,
        *,
        pull: bool = False,
        progress: Progress = quiet,
        ready_within: float = READY_WITHIN,
    ) -> DockerServing:
        """Find an engine, remove what killed runs left there, and make sure of the image.

        pull: fetch a missing image from its registry.
        Raises NoEngine, NoPermission, RemoteEngine, ImageMissing or WrongArchitecture.
        """
        engine = Engine.find()
        try:
            remove_leftovers(engine)
            try:
                image = engine.image(ref)
            except ImageMissing:
                if not pull:
                    raise
                engine.pull(ref, progress)
                image = engine.image(ref)
        except BaseException:
            engine.client.close()
            raise
        return cls(engine, ref, image, ready_within)

    def __enter__(self) -> DockerServing:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.client.close()

    @property
    def description(self) -> str:
        """The runtime in one line: what was asked for, and exactly which image that is here."""
        digests = [str(d).partition("@")[2] for d in self.image.attrs.get("RepoDigests") or ()]
        exact = f"@{digests[0]}" if digests else f", image {self.image.id}"
        named = replace(self.ref, digest="") if digests and self.ref.tag else self.ref
        return f"{self.ref.runtime} ({named if self.ref.tag else self.ref.repository}{exact})"

    @contextlib.contextmanager
    def serve(
        self, folder: Path, name: str = "model", version: int = 1, flags: Sequence[str] = ()
    ) -> Iterator[Endpoint]:
        """Serve the SavedModel in `folder` as `version` of the model `name`, while entered.

        flags: more of TensorFlow Serving's own. The container is removed on every way out, the
        interrupts of main.py included. When the body fails because the server or the engine is
        gone, that is what is raised.
        Raises ModelNotLoaded, ContainerDied, NotReady, FolderUnseen, PortsUnseen, EngineGone,
        EngineRefused, WrongArchitecture; UsageError for a folder or a name that cannot be.
        """
        folder = folder.resolve()
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}")
        if MODEL_NAME.fullmatch(name) is None:
            raise UsageError(
                f"'{name}' cannot be the name of a served model",
                fix="Use letters, digits, '-', '_' and '.'",
            )
        inside = f"/models/{name}/{version}"
        called = f"convert-h5-{uuid.uuid4().hex[:12]}"
        options = container_options(self.engine.facts, folder, inside, name)
        try:
            container = _to_its_end(lambda: self._create(called, options, flags))
            self._see_the_same(container, folder, inside)
            with self.engine.told("start the container"):
                container.start()
            served = Served(self.engine, container, name, version)
            endpoint = served.wait(self.description, self.ready_within)
            try:
                yield endpoint
            except Exception as error:
                served.blame(error)
                raise
        finally:
            _to_its_end(lambda: remove(self.engine, called))

    def _create(self, called: str, options: dict[str, Any], flags: Sequence[str]) -> Container:
        try:
            with self.engine.told("create the container"):
                return self.engine.client.containers.create(
                    str(self.image.id), [LOADS_AT_ONCE, *flags], name=called, **options
                )
        except EngineRefused as error:
            if re.search(r"bind source path does not exist|no such file", error.why):
                raise _unseen(self.engine, options["mounts"][0]["Source"]) from error
            raise

    def _see_the_same(self, container: Container, folder: Path, inside: str) -> None:
        """Compare a file as we see it with what the engine would mount.

        An engine on the other side of a container's wall, in a virtual machine or in a snap may
        have another folder of that name, or an empty one.
        """
        import docker

        files = [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()]
        if not files:
            return
        smallest = min(files, key=lambda path: path.stat().st_size)
        with self.engine.told("read the model's folder"):
            try:
                stream, _ = container.get_archive(f"{inside}/{smallest.relative_to(folder)}")
                packed = io.BytesIO(b"".join(stream))
            except docker.errors.NotFound as error:
                raise _unseen(self.engine, str(folder)) from error
        with tarfile.open(fileobj=packed) as archive:
            seen = archive.extractfile(archive.getmembers()[0])
            if seen is None or seen.read() != smallest.read_bytes():
                raise _unseen(self.engine, str(folder))


def container_options(facts: Facts, folder: Path, inside: str, name: str) -> dict[str, Any]:
    """What the container may see and do, in the SDK's words.

    folder: the model outside; inside: where it is mounted; name: the model's.
    """
    from docker.types import LogConfig, Mount

    options: dict[str, Any] = {
        "environment": {"MODEL_NAME": name, "MODEL_BASE_PATH": "/models"},
        "mounts": [Mount(inside, str(folder), type="bind", read_only=True)],
        "ports": dict.fromkeys((f"{GRPC}/tcp", f"{REST}/tcp"), ("127.0.0.1", None)),
        "user": _user(facts, folder),
        # tensorflow_model_server needs none, and not to be root: KServe runs it like this.
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        # Whatever the engine's own choice: a log that can be read back, and that has an end.
        "log_config": LogConfig(type="json-file", config={"max-size": LOG_LIMIT}),
        "labels": {owners.LABEL: owners.me()},
    }
    if facts.selinux:
        # The other way, relabelling, would change the user's files.
        options["security_opt"].append("label=disable")
    if facts.remaps_users:
        options["userns_mode"] = "host"
    if facts.memory:
        options["mem_limit"] = int(facts.memory * MEMORY_SHARE)
    if facts.limits_processes:
        options["pids_limit"] = MOST_PROCESSES
    if os.getuid() != 0 and not facts.rootless:
        options["group_add"] = [str(group) for group in os.getgroups()]
    return options


def remove_leftovers(engine: Engine) -> int:
    """Remove the containers whose owner was killed before it could; returns how many."""
    with engine.told("list its containers"):
        ours = engine.client.api.containers(all=True, filters={"label": owners.LABEL})
    dead = [c["Id"] for c in ours if owners.is_dead(str(c["Labels"].get(owners.LABEL)))]
    for container in dead:
        remove(engine, container)
    return len(dead)


def remove(engine: Engine, container: str) -> None:
    """Remove a container by id or name, running or not.

    An engine that is gone, or a container that another process just removed, is no failure here.
    """
    import docker

    with contextlib.suppress(docker.errors.DockerException, OSError):
        engine.client.api.remove_container(container, v=True, force=True)


def _to_its_end(call: Callable[[], T]) -> T:
    """`call()`; an interrupt that arrives meanwhile is raised after it, not in the middle.

    A request that is cut short would leave a container of which nobody knows.
    """
    with ThreadPoolExecutor(1) as thread:
        # The interrupt is raised in this thread; leaving waits for the other one, if that runs.
        thread.submit(int).result()
        return thread.submit(call).result()


def _user(facts: Facts, folder: Path) -> str:
    """Whom the server runs as, so that it can read the model without any capability."""
    if facts.rootless:
        return "0:0"  # which is this user, outside
    if os.getuid() == 0:
        owner = folder.stat()
        return f"{owner.st_uid}:{owner.st_gid}"
    return f"{os.getuid()}:{os.getgid()}"


def _unseen(engine: Engine, folder: str) -> FolderUnseen:
    why = "it looks at another file system, that of a virtual machine or a snap"
    fix = "Use a folder that it shares"
    if in_container():
        why = "convert-h5 runs inside a container, the engine outside of it"
        fix = "Mount the folder into this container under the path that it has outside"
    return FolderUnseen(
        f"{engine.facts.name} does not see the model's folder {folder}",
        why=why,
        fix=f"{fix}, or use --serving local",
    )
