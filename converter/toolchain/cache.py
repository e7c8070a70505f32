"""Where toolchains live on disk, and whether one that is there can be trusted.

An environment's folder is `<cache>/toolchains/<id>-<first 12 hex of its lock's sha256>`; it appears
by one rename, when it is complete and has been seen to work. `toolchain.json` inside records what
was installed; `unhealthy` compares that with what is really there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from converter.toolchain.catalog import Toolchain

STAMP = "toolchain.json"
PARTIAL = ".partial-"
# Files of each package that are looked at on every use.
SAMPLED = 8


def root() -> Path:
    """The cache folder: $CONVERT_H5_CACHE, or the user's cache folder for convert-h5."""
    chosen = os.environ.get("CONVERT_H5_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("convert-h5")


def toolchains_folder() -> Path:
    """The folder that holds one folder for each installed environment."""
    return root() / "toolchains"


def folder_of(toolchain: Toolchain) -> Path:
    """Where the environment of `toolchain` is, or will be."""
    return toolchains_folder() / f"{toolchain.id}-{toolchain.lock_sha256[:12]}"


def python_of(folder: Path) -> Path:
    """The interpreter inside an environment's folder."""
    return folder / "bin" / "python"


def installed(toolchain: Toolchain) -> list[Path]:
    """Every finished environment of this id, those of older locks included."""
    pattern = re.compile(rf"{re.escape(toolchain.id)}-[0-9a-f]{{12}}")
    try:
        entries = list(toolchains_folder().iterdir())
    except FileNotFoundError:
        return []
    return sorted(p for p in entries if pattern.fullmatch(p.name))


def write_stamp(folder: Path, toolchain: Toolchain, python: Path) -> None:
    """Record what `folder` holds."""
    stamp = {
        "id": toolchain.id,
        "lock_sha256": toolchain.lock_sha256,
        "interpreter": str(python),
        "files": dict(_distributions(folder)),
    }
    (folder / STAMP).write_text(json.dumps(stamp, indent=1, sort_keys=True), encoding="utf-8")


def unhealthy(folder: Path, toolchain: Toolchain) -> str | None:
    """Why the environment cannot be trusted, as a sentence; None when it can.

    Cheap enough for every run: the stamp, the interpreter, each distribution's list of files and a
    sample of those.
    """
    try:
        stamp: dict[str, Any] = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        if not isinstance(stamp, dict):
            raise ValueError
    except (OSError, ValueError):
        return f"{STAMP} is missing or unreadable"
    if stamp.get("lock_sha256") != toolchain.lock_sha256:
        return "it was installed from another lock"
    if not os.access(python_of(folder), os.X_OK):
        return f"its interpreter {stamp.get('interpreter')} is gone"
    if stamp.get("files") != dict(_distributions(folder)):
        return "installed packages were added, changed or removed"
    return None


def discard(folder: Path) -> None:
    """Remove an environment so that a kill half way leaves nothing that looks finished."""
    doomed = folder.with_name(f"{PARTIAL}{folder.name}-{os.getpid()}")
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)


def _distributions(folder: Path) -> Iterator[tuple[str, int]]:
    """(name of each dist-info, bytes of its RECORD and of a sample of the files it lists)."""
    for packages in sorted(folder.glob("lib/python3*/site-packages")):
        for record in sorted(packages.glob("*.dist-info/RECORD")):
            lines = record.read_text(encoding="utf-8").splitlines()
            sampled = lines[:: max(1, len(lines) // SAMPLED)]
            files = [packages / line.split(",", 1)[0].strip('"') for line in sampled]
            sizes = [file.stat().st_size if file.exists() else -1 for file in files]
            yield record.parent.name, record.stat().st_size + sum(sizes)
