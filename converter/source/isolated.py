"""Read a file's contents in a child process, since the HDF5 library may not survive it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from converter import isolation
from converter.errors import SourceError, SourceTruncated
from converter.source.model import Contents, Finding, WeightFacts

# No dataset is read, so that even the largest model takes a second or two.
DEADLINE = 60.0


def contents(child: isolation.Child, path: Path, size: int, name: Path) -> Contents:
    """The Contents of the file at `path`, which is called `name` in messages.

    Raises the SourceError that fits; SourceTruncated when the HDF5 library crashes or hangs.
    """
    given = {"path": str(path.absolute()), "size": size}
    try:
        return _rebuilt(child.ask(__name__, given, seconds=DEADLINE))
    except isolation.ChildBroken as error:
        raise SourceTruncated(
            f"{name} is damaged beyond what the HDF5 library can read",
            why=f"reading it failed: {error}",
            fix="Copy or download it again and compare the sizes",
        ) from error
    except SourceError as error:
        what = error.what.replace(str(path.absolute()), str(name))
        raise type(error)(what, why=error.why, fix=error.fix) from error


def _rebuilt(plain: dict[str, Any]) -> Contents:
    weights = dict(plain["weights"], names=tuple(plain["weights"]["names"]))
    return Contents(
        **dict(
            plain,
            weights=WeightFacts(**weights),
            first_shapes={k: tuple(v) for k, v in plain["first_shapes"].items()},
            findings=tuple(Finding(**f) for f in plain["findings"]),
        )
    )


def work(given: dict[str, Any]) -> dict[str, Any]:
    """In the child: look at the file."""
    from converter.source import contents as looking

    return dataclasses.asdict(looking.look(Path(given["path"]), given["size"]))
