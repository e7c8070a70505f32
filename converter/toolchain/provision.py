"""Make an environment from its lock, once, whoever asks and however often they are killed.

The folder is built beside its final place and renamed when a worker in it has said hello with the
versions the catalog promises. A lock file, released by the kernel when its owner dies, lets one
process build while others wait; whatever partial folder is found under that lock is dead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from converter.errors import (
    InstallFailed,
    InterpreterMissing,
    ToolchainUnhealthy,
    WorkerError,
)
from converter.toolchain import cache, interpreters
from converter.toolchain.catalog import Toolchain

Progress = Callable[[str], None]


def quiet(_: str) -> None:
    """A Progress that says nothing."""


def uv_command() -> str:
    """The path of the uv program that was installed with this package."""
    from uv import find_uv_bin

    return os.fsdecode(find_uv_bin())


def provide(toolchain: Toolchain, progress: Progress = quiet) -> Path:
    """The Python of a healthy environment for `toolchain`, installing it when needed.

    Raises InterpreterMissing when no suitable Python can be had, InstallFailed when the packages
    cannot, ToolchainUnhealthy when the finished environment does not do what the catalog says.
    """
    folder = cache.folder_of(toolchain)
    if cache.unhealthy(folder, toolchain) is None:
        return cache.python_of(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _building(toolchain, progress):
            reason = cache.unhealthy(folder, toolchain)
            if reason is not None:
                if folder.exists():
                    progress(f"{toolchain.id}: reinstalling, {reason}")
                    cache.discard(folder)
                _build(toolchain, folder, progress)
    except OSError as error:
        raise InstallFailed(
            f"Toolchain {toolchain.id} could not be installed in {folder.parent}",
            why=str(error.strerror or error),
            fix="Free some space, or set CONVERT_H5_CACHE to a folder you can write to",
        ) from error
    return cache.python_of(folder)


def remove(toolchain: Toolchain) -> list[Path]:
    """Delete every environment of `toolchain`, those of older locks included; returns them."""
    folders = cache.installed(toolchain)
    if folders:
        with _building(toolchain, quiet):
            for folder in folders:
                cache.discard(folder)
    return folders


@contextlib.contextmanager
def _building(toolchain: Toolchain, progress: Progress) -> Iterator[None]:
    """Hold the right to change the environments of `toolchain`."""
    lock = filelock.FileLock(cache.toolchains_folder() / f".{toolchain.id}.lock")
    try:
        lock.acquire(timeout=0.2)
    except filelock.Timeout:
        progress(f"{toolchain.id}: another process is installing it, waiting")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build(toolchain: Toolchain, folder: Path, progress: Progress) -> None:
    for dead in folder.parent.glob(f"{cache.PARTIAL}{toolchain.id}-*"):
        shutil.rmtree(dead, ignore_errors=True)
    partial = folder.with_name(f"{cache.PARTIAL}{folder.name}-{os.getpid()}")
    try:
        interpreter = _create(toolchain, partial, progress)
        progress(f"{toolchain.id}: installing TensorFlow {toolchain.tensorflow}")
        _install(toolchain, partial)
        progress(f"{toolchain.id}: checking that it works")
        _check(toolchain, partial)
        cache.write_stamp(partial, toolchain, interpreter)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    progress(f"{toolchain.id}: ready")


def _create(toolchain: Toolchain, folder: Path, progress: Progress) -> Path:
    """Make an empty environment with a Python the toolchain accepts; returns that Python."""
    for version in toolchain.python:
        found = interpreters.find(version)
        if found is not None:
            progress(f"{toolchain.id}: using Python {version} at {found}")
            _uv("venv", "--quiet", "--no-project", "--python", str(found), str(folder))
            return found
    wanted = toolchain.python[0]
    progress(f"{toolchain.id}: no Python {wanted} on this machine, asking uv for one")
    try:
        _uv(
            *("venv", "--quiet", "--no-project", "--managed-python"),
            *("--python", f"cpython-{wanted}", str(folder)),
        )
    except InstallFailed as failure:
        first_words = failure.why.split(";")[0]
        raise InterpreterMissing(
            f"Toolchain {toolchain.id} needs Python {' or '.join(toolchain.python)}",
            why=f"none is on PATH or in pyenv, and uv could not fetch one ({first_words})",
            fix=f"Install Python {wanted}, for example with 'pyenv install {wanted}'",
        ) from failure
    return cache.python_of(folder)


def _install(toolchain: Toolchain, folder: Path) -> None:
    _uv(
        *("pip", "install", "--quiet", "--python", str(cache.python_of(folder))),
        *("--require-hashes", "--no-deps", "-r", str(toolchain.lock_path)),
    )


def _check(toolchain: Toolchain, folder: Path) -> None:
    """Start a worker in the new environment and hold its hello against the catalog."""
    from converter.toolchain.session import Session

    try:
        with Session.start(cache.python_of(folder), name=toolchain.id) as session:
            hello = session.hello
    except WorkerError as error:
        raise ToolchainUnhealthy(
            f"Toolchain {toolchain.id} does not run on this machine",
            why=error.why,
            fix="Its TensorFlow may need a processor with AVX; see the log",
        ) from error
    found = {"tensorflow": hello.tensorflow, **hello.flavours}
    promised = {"tensorflow": toolchain.tensorflow}
    promised.update((flavour.name, flavour.version) for flavour in toolchain.flavours)
    wrong = {
        name: (version, found.get(name))
        for name, version in promised.items()
        if found.get(name) != version
    }
    if wrong:
        told = ", ".join(f"{n} is {got}, not {want}" for n, (want, got) in sorted(wrong.items()))
        raise ToolchainUnhealthy(
            f"Toolchain {toolchain.id} does not hold what the catalog says",
            why=told,
            fix="Report this: the lock and the catalog disagree",
        )


def _uv(*arguments: str) -> None:
    """Run uv; raises InstallFailed with its last words."""
    done = subprocess.run(
        [uv_command(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        # Python's own variables would leak the caller's environment into the new one.
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))},
    )
    if done.returncode != 0:
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        raise InstallFailed(
            f"'uv {' '.join(arguments[:2])}' failed",
            why="; ".join(said[-4:]) or f"exit code {done.returncode}",
            fix="Check the network and the free disk space, then run the command again",
        )
