"""Read a file's contents in a child process, since the HDF5 library may not survive it."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from converter import isolation
from converter.errors import SourceError, SourceTruncated
from converter.source.model import Contents, Finding, WeightFacts

# No dataset is read, so that even the largest model takes a second or two.
DEADLINE = 60.0


def contents(path: Path, size: int, name: Path) -> Contents:
    """The Contents of the file at `path`, which is called `name` in messages.

    Raises the SourceError that fits; SourceTruncated when the HDF5 library crashes or hangs.
    """
    arguments = [str(path.absolute()), str(size)]
    try:
        return _rebuilt(isolation.ask(__name__, arguments, seconds=DEADLINE))
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


def main(arguments: list[str]) -> int:
    """The child: look at the file and print what it holds, or the error, as JSON."""
    from converter.source import contents as looking

    def look(_: object) -> dict[str, Any]:
        return dataclasses.asdict(looking.look(Path(arguments[0]), int(arguments[1])))

    return isolation.answer(look, seconds=DEADLINE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
