"""Finding a container engine, Docker's or Podman's, and asking it in words of our own errors."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from converter.serving.docker.errors import (
    DockerError,
    EngineGone,
    EngineRefused,
    ImageMissing,
    NoEngine,
    NoPermission,
    RemoteEngine,
    WrongArchitecture,
)
from converter.serving.docker.images import ImageRef
from converter.toolchain.provision import Progress, quiet

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.images import Image

# Seconds to wait for one answer of an engine: when looking for one, and when it is at work.
QUICK = 5
PATIENT = 60

LOOPBACK = ("localhost", "127.0.0.1", "::1")
START_ONE = "Start Docker or Podman, set DOCKER_HOST, or use --serving local"

# What the kernel calls a processor, in the words of images.
ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
}

PROGRESS_STEP = 25_000_000


def sockets() -> list[Path]:
    """Where an engine may listen, in the order they are tried: Docker's, then Podman's."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return [
        Path("/var/run/docker.sock"),
        runtime / "docker.sock",
        Path.home() / ".docker" / "run" / "docker.sock",
        runtime / "podman" / "podman.sock",
        Path("/run/podman/podman.sock"),
    ]


@dataclass(frozen=True)
class Facts:
    """What an engine says of itself.

    memory: bytes of its machine where it can limit a container's, else 0.
    """

    name: str
    architecture: str
    rootless: bool
    remaps_users: bool
    selinux: bool
    memory: int
    limits_processes: bool


@dataclass(frozen=True)
class Engine:
    """A container engine that answered; a context manager that hangs up."""

    url: str
    client: DockerClient
    facts: Facts

    @classmethod
    def find(cls, patience: int = PATIENT) -> Engine:
        """The engine at $DOCKER_HOST, or else the first that answers on a usual socket.

        Raises NoEngine, NoPermission or RemoteEngine.
        """
        chosen = os.environ.get("DOCKER_HOST")
        if chosen:
            return cls.at(chosen, patience)
        failures: list[DockerError] = []
        for path in sockets():
            try:
                return cls.at(f"unix://{path}", patience)
            except (NoEngine, NoPermission) as failure:
                failures.append(failure)
        # A socket without permission, or where nobody listens, is a better hint than none at all.
        for found in sorted(failures, key=lambda found: not isinstance(found, NoPermission)):
            if not isinstance(found.__cause__, FileNotFoundError | NotADirectoryError):
                raise found
        raise NoEngine(
            "No container engine was found",
            why=f"there is no socket {' or '.join(map(str, sockets()))}",
            fix=START_ONE,
        )

    @classmethod
    def at(cls, url: str, patience: int = PATIENT) -> Engine:
        """The engine at `url`, in the form of $DOCKER_HOST.

        Raises NoEngine, NoPermission or RemoteEngine.
        """
        import docker

        _knock(url)
        here = {**os.environ, "DOCKER_HOST": url}
        try:
            client = docker.DockerClient.from_env(timeout=patience, environment=here)
        except (docker.errors.DockerException, OSError) as error:
            raise _silent(url, error) from error
        try:
            return cls(url, client, facts_of(client.version(), client.info()))
        except (docker.errors.DockerException, OSError) as error:
            client.close()
            raise _silent(url, error) from error

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    @contextlib.contextmanager
    def told(self, deed: str) -> Iterator[None]:
        """Turn the SDK's exceptions into ours. deed: what is asked, after 'could not'.

        Raises EngineRefused when the engine says no, EngineGone when it says nothing.
        """
        import docker

        try:
            yield
        except docker.errors.APIError as error:
            raise EngineRefused(f"{self.facts.name} could not {deed}", why=reason(error)) from error
        except (docker.errors.DockerException, OSError) as error:
            raise EngineGone(
                f"{self.facts.name} at {self.url} stopped answering",
                why=f"it was asked to {deed}: {type(error).__name__}",
                fix="Start it again and repeat the command; its own log tells more",
            ) from error

    def image(self, ref: ImageRef) -> Image:
        """The image called `ref`. Raises ImageMissing, and WrongArchitecture for another kind."""
        import docker

        with self.told(f"look for {ref}"):
            try:
                image = self.client.images.get(str(ref))
            except docker.errors.ImageNotFound as error:
                raise ImageMissing(
                    f"{self.facts.name} has no image {ref}",
                    fix=f"Pull it: 'docker pull {ref}', or --serving {ref.runtime}",
                ) from error
        built_for = str(image.attrs.get("Architecture") or self.facts.architecture)
        if built_for != self.facts.architecture:
            raise WrongArchitecture(
                f"The image {ref} cannot run here",
                why=f"it is built for {built_for}, this machine is {self.facts.architecture}",
                fix=f"Name one for {self.facts.architecture} with --serving-image,"
                " or use --serving local",
            )
        return image

    def pull(self, ref: ImageRef, progress: Progress = quiet) -> None:
        """Fetch the image from its registry. Raises ImageMissing with the engine's reason."""
        import docker

        progress(f"{ref}: pulling")
        loaded: dict[str, int] = {}
        told = 0
        with self.told(f"pull {ref}"):
            try:
                for event in self.client.api.pull(
                    ref.repository, tag=ref.digest or ref.tag, stream=True, decode=True
                ):
                    if "error" in event:
                        raise _not_pulled(ref, str(event["error"]))
                    if event.get("status") == "Downloading":
                        detail = event.get("progressDetail") or {}
                        loaded[str(event.get("id"))] = int(detail.get("current") or 0)
                    if sum(loaded.values()) >= told + PROGRESS_STEP:
                        told = sum(loaded.values())
                        progress(f"{ref}: pulled {told // 1_000_000} MB so far")
            except docker.errors.APIError as error:
                raise _not_pulled(ref, reason(error)) from error
        progress(f"{ref}: ready")


def reason(error: Exception) -> str:
    """Why an engine refused, in its own words without the SDK's."""
    return str(getattr(error, "explanation", None) or error)


def in_container() -> bool:
    """Whether this process itself runs inside a container, as far as its files tell."""
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return True
    try:
        groups = Path("/proc/1/cgroup").read_text()
    except OSError:
        return False
    return any(word in groups for word in ("docker", "kubepods", "containerd", "libpod"))


def _knock(url: str) -> None:
    """See that somebody listens at a socket's path; other URLs must be of this machine.

    Done before the SDK tries, because its exceptions hide which of the failures it was.
    """
    scheme, _, path = url.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(QUICK)
            try:
                door.connect(path)
            except PermissionError as error:
                raise NoPermission(
                    f"The container engine's socket {path} cannot be opened",
                    why="this user has no permission",
                    fix="Add the user to the group 'docker', use a rootless engine,"
                    " or use --serving local",
                ) from error
            except OSError as error:
                raise _silent(url, error) from error
    elif (urlsplit(url).hostname or "localhost") not in LOOPBACK:
        raise RemoteEngine(
            f"The container engine at {url} is on another machine",
            why="it can neither mount the model's folder nor publish ports on this loopback",
            fix="Run convert-h5 on that machine, or use --serving local",
        )


def _silent(url: str, error: Exception) -> NoEngine:
    why = getattr(error, "strerror", None) or f"{type(error).__name__}"
    return NoEngine(f"No container engine answers at {url}", why=str(why), fix=START_ONE)


def _not_pulled(ref: ImageRef, why: str) -> ImageMissing:
    return ImageMissing(
        f"The image {ref} could not be pulled",
        why=why,
        fix="Check the tag and the network, name another registry with --serving-image,"
        " or use --serving local",
    )


def facts_of(version: dict[str, Any], info: dict[str, Any]) -> Facts:
    """What an engine's answers to /version and /info say of it."""
    components = version.get("Components") or [{}]
    maker = "Podman" if "Podman" in str(components[0].get("Name")) else "Docker"
    security = " ".join(str(option) for option in info.get("SecurityOptions") or [])
    machine = str(info.get("Architecture") or version.get("Arch"))
    rootless = bool(info.get("Rootless")) or "name=rootless" in security
    # Cgroups of version 1 are root's to change, whatever the engine promises.
    limits = not rootless or str(info.get("CgroupVersion")) == "2"
    return Facts(
        name=f"{maker} {version.get('Version')}",
        architecture=ARCHITECTURES.get(machine, machine),
        rootless=rootless,
        remaps_users="name=userns" in security,
        selinux="name=selinux" in security,
        memory=int(info.get("MemTotal") or 0) if limits and info.get("MemoryLimit") else 0,
        limits_processes=limits and bool(info.get("PidsLimit")),
    )
