"""The catalog: which toolchains exist, as data.

The entries live in catalog.toml, the resolved requirements in locks/<id>.txt. This module only
reads and checks them.
"""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converter.errors import UnknownToolchain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Flavour:
    """One Keras inside a toolchain."""

    name: str
    version: str
    strategies: tuple[str, ...]


@dataclass(frozen=True)
class Toolchain:
    """One pinned environment: a Python, a TensorFlow and its Kerases.

    own_python: the interpreter of an environment of the user's own; it has no lock.
    """

    id: str
    python: tuple[str, ...]
    tensorflow: str
    serving: str | None
    requires: tuple[str, ...]
    requires_no_deps: tuple[str, ...]
    known_issues: tuple[str, ...]
    flavours: tuple[Flavour, ...]
    own_python: Path | None = None

    @property
    def lock_path(self) -> Path:
        """The hash-checked requirements file."""
        return HERE / "locks" / f"{self.id}.txt"

    @functools.cached_property
    def lock_sha256(self) -> str:
        """Digest of the lock: what the environment's cache folder is keyed by; empty without."""
        if self.own_python is not None:
            return ""
        return hashlib.sha256(self.lock_path.read_bytes()).hexdigest()

    @property
    def tensorflow_series(self) -> tuple[int, int]:
        """(major, minor) of TensorFlow."""
        return version_tuple(self.tensorflow)

    def flavour(self, name: str) -> Flavour | None:
        """The Keras called `name` in this toolchain, if there is one."""
        return next((f for f in self.flavours if f.name == name), None)


def version_tuple(text: str) -> tuple[int, int]:
    """(major, minor) of a version text such as '2.15.1'."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def _toolchain(entry: Mapping[str, Any]) -> Toolchain:
    flavours = tuple(
        Flavour(f["name"], f["version"], tuple(f["strategies"])) for f in entry["flavour"]
    )
    return Toolchain(
        id=entry["id"],
        python=tuple(entry["python"]),
        tensorflow=entry["tensorflow"],
        serving=entry.get("serving"),
        requires=tuple(entry["requires"]),
        requires_no_deps=tuple(entry["requires_no_deps"]),
        known_issues=tuple(entry["known_issues"]),
        flavours=flavours,
    )


@functools.cache
def load() -> dict[str, Toolchain]:
    """Every toolchain by id, in the catalog's order (oldest TensorFlow first)."""
    data = tomllib.loads((HERE / "catalog.toml").read_text(encoding="utf-8"))
    return {t.id: t for t in map(_toolchain, data["toolchain"])}


def get(id_: str) -> Toolchain:
    """The toolchain called `id_`. Raises UnknownToolchain with the ids that exist."""
    known = load()
    if id_ not in known:
        raise UnknownToolchain(
            f"There is no toolchain '{id_}'",
            fix=f"Choose one of: {', '.join(known)}",
        )
    return known[id_]


def matching(pattern: str) -> list[Toolchain]:
    """The toolchains whose id fits the glob `pattern` ('tf1.12-*'), in the catalog's order.

    Raises UnknownToolchain where there is none.
    """
    found = [t for id_, t in load().items() if fnmatch.fnmatchcase(id_, pattern)]
    return found or [get(pattern)]


def for_serving(version: str) -> Toolchain:
    """The toolchain that stands for TensorFlow Serving `version` ('2.2', '2.2.0', '1.14').

    Raises UnknownToolchain naming the releases that have one.
    """
    wanted: tuple[int, int] | None
    try:
        wanted = version_tuple(version if "." in version else version + ".0")
    except ValueError:
        wanted = None
    standing = {t.tensorflow_series: t for t in load().values() if t.serving}
    if wanted not in standing:
        offered = ", ".join(f"{major}.{minor}" for major, minor in sorted(standing))
        raise UnknownToolchain(
            f"No toolchain stands for TensorFlow Serving {version}",
            fix=f"Choose one of: {offered}",
        )
    return standing[wanted]
