"""The official client of TensorFlow Serving, in the Python of the toolchain tf2.15.

Its packages are not put into the toolchain: they lie in a folder of their own in the cache, which
`environment` names on PYTHONPATH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import filelock

from converter.toolchain import cache, catalog, provision

TOOLCHAIN = "tf2.15"
LOCK = Path(__file__).with_name("official.txt")


def python() -> Path:
    """The interpreter to run the client with."""
    return provision.provide(catalog.get(TOOLCHAIN))


def environment() -> dict[str, str]:
    """The environment variables under which `python()` finds the client."""
    return {
        **os.environ,
        "PYTHONPATH": str(packages()),
        "PYTHONWARNINGS": "ignore",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def packages() -> Path:
    """The folder with the packages of official.txt, installed on first use."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = cache.root() / "official" / digest
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.parent / f".{digest}.lock"):
        if not folder.is_dir():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    subprocess.run(
        [
            *(provision.uv_command(), "pip", "install", "--quiet", "--require-hashes"),
            *("--python", str(python()), "--no-deps", "--target", str(partial), "-r", str(LOCK)),
        ],
        check=True,
    )
    partial.rename(folder)
