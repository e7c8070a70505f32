"""Hold the strategy direct against the Kerases that wrote the files."""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from converter import contract as contracts
from converter.direct.compile import Request, compile_model
from converter.options import Options
from converter.source import contents as looking
from converter.source import read as sources
from converter.toolchain import catalog
from converter.toolchain.pool import Pool
from converter.toolchain.session import worker_environment
from fixtures.make import WRITERS, Writer
from testing import toolchains

Array = np.ndarray[Any, Any]

CASES = Path(__file__).parent / "layer_cases"
# The TensorFlows that run what direct wrote, and the two between which all lie.
ALL_SERVERS = (
    "tf1.12-keras2.1",
    "tf1.14-keras2.2",
    "tf1.15-keras2.3",
    "tf2.2",
    "tf2.15",
    "tf2.21",
)
SERVERS = (ALL_SERVERS[0], ALL_SERVERS[-1])
RTOL, ATOL = 1e-5, 1e-6

# Names of cases by family.
Cases = Mapping[str, Sequence[str]]
# What a toolchain answers: its id, a SavedModel, the keys, the inputs; the outputs by the keys.
Answer = Callable[[str, Path, contracts.Contract, list[Array]], list[Array]]


@dataclass(frozen=True)
class Written:
    """A case as a Keras wrote it, its questions and that Keras's answers."""

    name: str
    path: Path
    inputs: list[Array]
    outputs: list[Array]


def families() -> list[str]:
    """The modules of cases that every writer is held to."""
    others = ("__init__", "__main__", "answering", "build", "case", "kit", "meanings")
    return sorted(path.stem for path in CASES.glob("*.py") if path.stem not in others)


def names(family: str) -> list[str]:
    """The cases of a family."""
    sys.path.insert(0, str(CASES))
    try:
        return [case.name for case in importlib.import_module(family).CASES]
    finally:
        sys.path.remove(str(CASES))


def share(families: Sequence[str], first: int = 0, step: int = 1) -> Cases:
    """Every `step`-th case of some families, from number `first` on."""
    known = [(family, name) for family in families for name in names(family)]
    chosen: dict[str, list[str]] = {family: [] for family in families}
    for family, name in known[first::step]:
        chosen[family].append(name)
    return chosen


def write(writer: Writer, cases: Cases, folder: Path) -> list[Written]:
    """The `cases` that `writer` can build, saved below `folder`."""
    (python,) = toolchains.require(writer.toolchain)
    done = subprocess.run(
        [str(python), str(CASES), writer.flavour, str(folder)],
        input=json.dumps(cases),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=worker_environment(folder) | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stdout[-4000:]
    found = []
    for family in cases:
        told: dict[str, int | str] = json.loads((folder / family / "told.json").read_text())
        found += [
            read_case(name, folder / family / str(number))
            for name, number in told.items()
            if isinstance(number, int)
        ]
    return found


def read_case(name: str, path: Path) -> Written:
    """A case that was saved as `path`.h5 and `path`.npz."""
    with np.load(f"{path}.npz") as stored:
        arrays = dict(stored)
    inputs = [arrays[f"x{i}"] for i in range(sum(key[0] == "x" for key in arrays))]
    outputs = [arrays[f"y{i}"] for i in range(sum(key[0] == "y" for key in arrays))]
    return Written(name, path.with_name(f"{path.name}.h5"), inputs, outputs)


def convert(path: Path, folder: Path, *, freeze: bool = False) -> contracts.Contract:
    """The file at `path` as a SavedModel in `folder`, by direct; the keys of its signature."""
    # As read() does, without a process of its own: thousands of files are read here.
    size = path.stat().st_size
    source = sources.interpreted(path, size, looking.look(path, size))
    contract = contracts.make(source, Options())
    compile_model(
        Request(
            source=path,
            folder=folder,
            config=source.config,
            writer=source.writer,
            dialect=source.dialect,
            inputs=source.inputs,
            input_keys=contract.inputs,
            output_keys=contract.outputs,
            signatures=contract.signatures,
            tags=contract.tags,
            freeze=freeze,
        )
    )
    return contract


def answers(
    pool: Pool, server: str, folder: Path, contract: contracts.Contract, inputs: list[Array]
) -> list[Array]:
    """What the SavedModel answers in a TensorFlow, in the order of the contract's outputs."""
    session = pool.session(catalog.get(server), "graph", "prove")
    session.load_saved_model(folder, contract.tags)
    got = session.run_signature("serving_default", dict(zip(contract.inputs, inputs, strict=True)))
    return [got[key] for key in contract.outputs]


def remembered(answer: Answer, folder: Path) -> Answer:
    """answer(), which keeps in `folder` what it was told.

    Of files by several Kerases direct makes the same SavedModel, to the byte; a TensorFlow is asked
    the same questions of it once.
    """

    def recall(
        server: str, saved: Path, contract: contracts.Contract, inputs: list[Array]
    ) -> list[Array]:
        files = (path for path in sorted(saved.rglob("*")) if path.is_file())
        parts = [server.encode(), *(path.read_bytes() for path in files)]
        parts += [f"{x.dtype}{x.shape}".encode() + x.tobytes() for x in inputs]
        joined = b"".join(hashlib.sha256(part).digest() for part in parts)
        place = folder / f"{hashlib.sha256(joined).hexdigest()}.npz"
        if not place.exists():
            got = answer(server, saved, contract, inputs)
            np.savez(place, *got)
            return got
        with np.load(place) as stored:
            return [stored[f"arr_{number}"] for number in range(len(stored.files))]

    return recall


def apart(expected: list[Array], got: list[Array]) -> Iterator[str]:
    """What is wrong with answers, a line each."""
    for number, (want, have) in enumerate(zip(expected, got, strict=True)):
        if want.shape != have.shape:
            yield f"output {number}: shape {have.shape}, not {want.shape}"
        elif want.dtype != have.dtype:
            yield f"output {number}: {have.dtype}, not {want.dtype}"
        elif not np.allclose(have, want, rtol=RTOL, atol=ATOL, equal_nan=True):
            worst = np.nanmax(np.abs(have.astype("f8") - want.astype("f8")))
            yield f"output {number}: off by up to {worst:.3g}"


def check(
    answer: Answer, writer: str, cases: Cases, folder: Path, servers: Sequence[str]
) -> tuple[list[str], dict[str, float]]:
    """Cases by one writer in servers: (what is wrong, largest errors)."""
    written = write(WRITERS[writer], cases, folder)
    wrong: list[str] = []
    errors: dict[str, float] = {}
    contracts_of: dict[str, contracts.Contract] = {}
    for case in written:
        try:
            contracts_of[case.name] = convert(case.path, case.path.with_suffix(""))
        except Exception as error:
            wrong.append(f"{case.name}: {type(error).__name__}: {error}")
    # Server by server: more of them than the pool keeps alive.
    for server in servers:
        for case in [c for c in written if c.name in contracts_of]:
            contract, saved = contracts_of[case.name], case.path.with_suffix("")
            try:
                got = answer(server, saved, contract, case.inputs)
            except Exception as error:
                wrong.append(f"{case.name} in {server}: {type(error).__name__}: {error}")
                continue
            wrong += [f"{case.name} in {server}: {w}" for w in apart(case.outputs, got)]
            errors[case.name] = max(errors.get(case.name, 0.0), _largest(case.outputs, got))
    return wrong, errors


def _largest(expected: list[Array], got: list[Array]) -> float:
    """The largest absolute difference."""
    pairs = [(w, h) for w, h in zip(expected, got, strict=True) if w.shape == h.shape and w.size]
    return max(
        (float(np.nanmax(np.abs(h.astype("f8") - w.astype("f8")))) for w, h in pairs), default=0.0
    )
