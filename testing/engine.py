"""A real container engine for tests: the one that answers, or one of our own while tests run.

Our own is a `dockerd` that needs root and Debian's package docker.io. One serves all test
processes of the machine. Each holds a shared lock as long as it lives, and the keeper (this module
run as a program) stops the engine as soon as it gets that lock for itself: however the processes
ended, the kernel released theirs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker import DockerClient
from filelock import FileLock

from converter.serving.docker.engines import Engine
from converter.serving.docker.errors import DockerError
from converter.serving.docker.images import REPOSITORY as SERVING
from converter.serving.docker.images import ImageRef
from converter.toolchain import cache
from converter.toolchain.catalog import Toolchain
from testing.serving_image import REPOSITORY as TEST_REPOSITORY
from testing.serving_image import embedded_image, stand_in_image
from testing.toolchains import under_ci

ROOT = Path(__file__).parents[1]
STARTS_WITHIN = 60  # seconds
# Where the kernel lets nobody set up packet filters, ports are still published, by a proxy.
ATTEMPTS: tuple[tuple[str, ...], ...] = ((), ("--iptables=false", "--ip6tables=false"))


@dataclass(frozen=True)
class RealEngine:
    """An engine that tests may use. own: it was started for them, and holds nobody's images.

    Its test images are called as users call them, `tensorflow/serving:<tag>`. In an engine of
    somebody else that would be a trap, so there they keep a repository of their own.
    """

    url: str
    own: bool

    @property
    def repository(self) -> str:
        """The repository of the test images."""
        return SERVING if self.own else TEST_REPOSITORY

    def stand_in(self) -> ImageRef:
        """The server that can be made to fail, as version 0.0.0."""
        return self._called("0.0.0", stand_in_image)

    def embedded(self, toolchain: Toolchain) -> ImageRef:
        """`convert-h5 serve` over an installed toolchain, as the version that it stands for."""
        tag = toolchain.serving or toolchain.tensorflow
        return self._called(tag, lambda client: embedded_image(client, toolchain))

    def _called(self, tag: str, build: Callable[[DockerClient], ImageRef]) -> ImageRef:
        name = ImageRef(self.repository, tag)
        with Engine.at(self.url) as engine:
            image = engine.client.images.get(str(build(engine.client)))
            image.tag(name.repository, name.tag)
        return name


@contextlib.contextmanager
def running() -> Iterator[RealEngine]:
    """An engine for as long as entered; where none can be had, a skip, or a failure under CI."""
    found = _found()
    if found is not None:
        yield RealEngine(found, own=False)
        return
    folder = cache.root() / "test-engine"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "start.lock"):
        reason = _cannot_start()
    if reason is not None:
        if under_ci():
            pytest.fail(reason)
        pytest.skip(reason)
    url = f"unix://{folder}/docker.sock"
    with (folder / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with FileLock(folder / "start.lock"):
            if not _answers(url):
                _start(folder, url)
        yield RealEngine(url, own=True)


def _found() -> str | None:
    """Where an engine answers that was there before us."""
    with contextlib.suppress(DockerError), Engine.find() as engine:
        return engine.url
    return None


def _cannot_start() -> str | None:
    """Why no engine of our own can be started; installs it where CI lets us."""
    if os.getuid() != 0:
        return "no container engine answers, and only root can start one"
    if shutil.which("dockerd") is None and under_ci():
        for step in ("update", "install --no-install-recommends docker.io"):
            subprocess.run(
                ["apt-get", "-qq", "-y", *step.split()],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                check=True,
            )
    if shutil.which("dockerd") is None:
        return "no container engine answers, and docker.io is not installed"
    return None


def _answers(url: str) -> bool:
    with contextlib.suppress(DockerError), Engine.at(url):
        return True
    return False


def _start(folder: Path, url: str) -> None:
    """Start the keeper, which starts the engine, and wait until that answers."""
    keeper = [sys.executable, "-m", "testing.engine", str(folder)]
    # A child of nobody here, because it outlives whoever starts it.
    subprocess.run(["setsid", "--fork", *keeper], cwd=ROOT, stdin=subprocess.DEVNULL, check=True)
    deadline = time.monotonic() + STARTS_WITHIN
    while not _answers(url):
        if time.monotonic() > deadline:
            raise RuntimeError(f"dockerd does not start, see {folder}/dockerd.log")
        time.sleep(0.1)


def keep(folder: Path) -> int:
    """Run the engine of `folder` until nobody uses it any more; returns an exit code."""
    # The paths of containerd's sockets have to be short.
    with (
        tempfile.TemporaryDirectory(prefix="dockerd-") as state,
        (folder / "users").open() as users,
        (folder / "dockerd.log").open("w") as log,
    ):
        for options in ATTEMPTS:
            dockerd = subprocess.Popen(
                [
                    "dockerd",
                    *("--host", f"unix://{folder}/docker.sock"),
                    *("--data-root", str(folder / "data")),
                    *("--exec-root", state),
                    *("--pidfile", f"{state}/pid"),
                    *options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            while dockerd.poll() is None:
                time.sleep(0.3)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    dockerd.terminate()
                    return dockerd.wait()
    return 1


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1])))
