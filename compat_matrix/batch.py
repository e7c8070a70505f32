"""Convert and prove many files, each into a folder of its own, at the seats of an executor.

One bad file stops nothing. What became of each is kept in a journal in the root folder, so that a
run that is stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compat_matrix import bench, matrix
from compat_matrix.cells import File, code_version
from compat_matrix.executors import grouped
from compat_matrix.executors.base import Executor, SeatLost
from compat_matrix.executors.grouped import Task
from converter import pipeline, publish
from converter.errors import ConvertH5Error, UsageError
from converter.options import Options
from converter.toolchain.provision import Progress, quiet

SCHEMA = "convert-h5/batch/1"
JOURNAL = ".convert-h5-batch.jsonl"
# Exit codes that tell of the file, not of the moment: such a file is not tried again.
FINAL = (0, 1, 3, 4, 7)


@dataclass(frozen=True)
class Item:
    """What became of one file.

    name: of its folder in the root. published: the version folder, as name/n; empty for none.
    exit_code and error: as `convert-h5` would have ended. seconds: what it took.
    """

    name: str
    file: str
    sha256: str
    exit_code: int
    error: str = ""
    published: str = ""
    writer: str = ""
    strategy: str = ""
    toolchain: str = ""
    reference: str = ""
    max_abs: float | None = None
    seconds: float = dataclasses.field(default=0.0, compare=False)


def run(
    paths: Sequence[Path],
    root: Path,
    options: Options,
    executor: Executor,
    progress: Progress,
    *,
    send: bool = False,
) -> list[Item]:
    """What became of every file, in the order given. root: where all seats can write."""
    names = named(paths)
    root.mkdir(parents=True, exist_ok=True)
    journal = _Journal(root, options)
    files = {file.path: file for file in matrix.survey(list(names), executor, send=send)}
    found = {path: journal.get(name, files[path]) for path, name in names.items()}
    tasks = [
        Task(
            path,
            files[path].referee,
            convert,
            (files[path], names[path], root, options),
            path if send and files[path].sha256 else None,
        )
        for path in names
        if found[path] is None
    ]
    progress(f"{len(names)} files, {len(tasks)} to convert")
    for number, (task, answer) in enumerate(grouped.run(tasks, executor), start=1):
        path = task.name
        if isinstance(answer, SeatLost):
            item = _lost(names[path], files[path], "its process died with every try")
        else:
            item = answer
        journal.add(item)
        found[path] = item
        progress(f"{number} of {len(tasks)}: {item.name}: {item.published or item.error}")
    return [item for item in found.values() if item is not None]


def named(paths: Sequence[Path]) -> dict[Path, str]:
    """The folder of each file: its name without suffix, with more of its path where two are alike.

    Raises UsageError where even the whole path of one reads like another's.
    """
    unique = list(dict.fromkeys(path.absolute() for path in paths))
    above = Path(os.path.commonpath([path.parent for path in unique]))
    found: dict[Path, str] = {}
    for name in (
        lambda path: path.stem,
        lambda path: "-".join(path.relative_to(above).with_suffix("").parts),
        lambda path: "-".join(path.relative_to(above).parts),
    ):
        left = [path for path in unique if path not in found]
        taken = Counter([*found.values(), *map(name, left)])
        found.update((path, name(path)) for path in left if taken[name(path)] == 1)
    alike = [str(path) for path in unique if path not in found]
    if alike:
        raise UsageError(f"{' and '.join(alike)} would have the same folder", fix="Rename one")
    return {path: found[path] for path in unique}


def convert(file: File, name: str, root: Path, options: Options, data: bytes | None = None) -> Item:
    """Convert one file. Runs in a seat."""
    started = time.monotonic()
    with bench.use() as hands, bench.here(file.path, data) as source:
        try:
            report = pipeline.run(
                source, root / name, options, hands.pool, quiet, child=hands.child
            )
        except Exception as error:  # a mistake of ours must not end a run of hours
            return _lost(name, file, f"internal: {error!r}")
    made = report.proof
    item = Item(
        name=name,
        file=file.path.name,
        sha256=file.sha256,
        exit_code=report.exit_code,
        error=report.error.line() if report.error else "",
        writer=report.writer,
        reference=report.reference or "",
        seconds=round(time.monotonic() - started, 3),
    )
    if made is None or report.published is None:
        return item
    errors = [v.max_abs for v in made.verdicts if v.check == "answer"]
    return dataclasses.replace(
        item,
        published=f"{name}/{report.published.name}",
        strategy=made.strategy,
        toolchain=made.toolchain,
        max_abs=max(errors, default=None),
    )


def _lost(name: str, file: File, why: str) -> Item:
    """A file that no fault of its own kept from being converted."""
    return Item(name, file.path.name, file.sha256, ConvertH5Error.exit_code, why)


def document(items: Sequence[Item]) -> dict[str, Any]:
    """The summary, schema `convert-h5/batch/1`; see docs/batch.md."""
    failed = [item for item in items if item.exit_code]
    return {
        "schema": SCHEMA,
        "published": len(items) - len(failed),
        "failed": len(failed),
        "files": [dataclasses.asdict(item) for item in items],
    }


class _Journal:
    """What became of files under the same options and code."""

    def __init__(self, root: Path, options: Options) -> None:
        self._root = root
        self._path = root / JOURNAL
        asked = json.dumps([repr(options), code_version()])
        self._inputs = hashlib.sha256(asked.encode()).hexdigest()[:16]
        self._began = time.time()
        self._known: dict[tuple[str, str], Item] = {}
        for told in self._lines():
            if told["inputs"] != self._inputs:
                continue
            self._began = min(self._began, told.get("began", self._began))
            if "item" in told:
                item = Item(**told["item"])
                self._known[item.name, item.sha256] = item
        self._write({"inputs": self._inputs, "began": self._began})

    def get(self, name: str, file: File) -> Item | None:
        """What is known of a file that need not be tried again."""
        known = self._known.get((name, file.sha256))
        if known is not None and known.exit_code in FINAL:
            return known if self._there(known) else None
        return self._published(name, file)

    def add(self, item: Item) -> None:
        """Keep this; on return it is on disk."""
        self._write({"inputs": self._inputs, "item": dataclasses.asdict(item)})

    def _there(self, item: Item) -> bool:
        return not item.published or (self._root / item.published).is_dir()

    def _published(self, name: str, file: File) -> Item | None:
        """What a run that was killed published without having told so."""
        folder = self._root / name
        versions = sorted(int(p.name) for p in folder.glob("[0-9]*") if p.name.isdecimal())
        for version in reversed(versions):
            path = folder / str(version) / publish.MANIFEST
            if not path.is_file() or path.stat().st_mtime < self._began:
                continue
            told = json.loads(path.read_text(encoding="utf-8"))
            if told["source"]["sha256"] == file.sha256:
                where = (told["toolchain"] or {}).get("id", "")
                return Item(
                    name,
                    file.path.name,
                    file.sha256,
                    exit_code=0,
                    published=f"{name}/{version}",
                    writer=told["writer"],
                    strategy=told["strategy"],
                    toolchain=where,
                    reference=told["reference"] or "",
                )
        return None

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().split(b"\n"):
            try:
                told = json.loads(line)
            except ValueError:  # torn by a kill
                continue
            yield told

    def _write(self, told: dict[str, Any]) -> None:
        with self._path.open("ab") as stream:
            # A line that was torn ends here.
            stream.write(b"\n" + json.dumps(told).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
