"""Packages of the system that tests need, where CI lets us install them."""

from __future__ import annotations

import os
import subprocess

from filelock import FileLock

from converter.toolchain import cache
from testing.toolchains import under_ci


def may_install() -> bool:
    """Whether this run may add packages to the system: as root, under CI."""
    return under_ci() and os.getuid() == 0


def install(*packages: str) -> None:
    """Install Debian `packages`; one process at a time, as apt wants it."""
    cache.root().mkdir(parents=True, exist_ok=True)
    with FileLock(cache.root() / "apt.lock"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", "-qq", "--no-install-recommends", *packages],
            check=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
