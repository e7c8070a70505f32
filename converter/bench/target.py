"""What is measured: an .h5 file, a SavedModel or a server that is there, as something to ask."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from converter import api, calling, plan
from converter.bench import separate
from converter.bench.asking import Served
from converter.errors import SourceNotFound, UsageError
from converter.options import Options
from converter.serving.client.errors import ServingError
from converter.serving.client.grpc import GrpcClient
from converter.serving.docker import runtime as docker
from converter.serving.docker.images import image_for
from converter.toolchain import catalog
from converter.toolchain.catalog import Toolchain
from converter.toolchain.pool import Pool
from converter.toolchain.provision import Progress
from converter.verdict import vocabulary
from converter.verdict.vocabulary import Demand

GRPC_PORT = 8500  # TensorFlow Serving's own
GUESSING_SECONDS = 5.0
NO_PORT = "no address of it is known: name it with --grpc or --rest"


@dataclass
class Target:
    """A served model. description: what serves it. toolchain: what stands for the server.

    folder: the SavedModel, where it is at hand. demands: of the inputs, by key. notes: what people
    should know.
    """

    served: Served
    description: str
    toolchain: Toolchain
    folder: Path | None = None
    demands: Mapping[str, Demand] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def at_url(url: str, *, rest: str | None, grpc: str | None) -> Target:
    """The model at `url`. rest, grpc: the other address, HOST:PORT; guessed for gRPC without.

    Raises UsageError.
    """
    at = calling.address_of(url)
    notes = []
    if at.is_grpc:
        over_rest = None if rest is None else f"http://{rest}"
        over_grpc: str | None = at.target
    else:
        over_rest, over_grpc = at.server, grpc
        if grpc is None:
            host = at.server.partition("://")[2].rpartition(":")[0] or at.server.partition("://")[2]
            guessed = f"{host}:{GRPC_PORT}"
            missing = _unreachable(guessed, at)
            if missing:
                notes.append(f"no gRPC at {guessed} (name it with --grpc): {missing}")
            else:
                over_grpc = guessed
    served = Served(over_rest, over_grpc, at.model, at.version, at.label)
    return Target(served, at.server, _newest(), notes=notes)


def _unreachable(address: str, at: calling.Address) -> str:
    try:
        with GrpcClient(
            address, at.model, version=at.version, label=at.label, timeout=GUESSING_SECONDS
        ) as client:
            client.metadata()
    except ServingError as error:
        return error.line()
    return ""


def open_target(
    given: str, options: Options, pool: Pool, progress: Progress, stack: contextlib.ExitStack
) -> Target:
    """Serve the SavedModel in the folder `given`, or what the .h5 file `given` is converted to.

    options: of the conversion; `serving` also says what serves the benchmark. stack: what ends it.
    Raises the ConvertH5Error that fits.
    """
    path = Path(given)
    if path.is_dir():
        return _serve(_version(path), options, progress, stack)
    if not path.exists():
        raise SourceNotFound(f"There is no {path}", fix="Give a file, a folder or a URL")
    into = stack.enter_context(tempfile.TemporaryDirectory(prefix="convert-h5-bench-"))
    report = api.convert(path, into, options, pool=pool, progress=progress)
    assert report.published is not None
    target = _serve(Path(report.published), options, progress, stack)
    renamed = options.rename_inputs
    found = vocabulary.demands(api.inspect(path))
    target.demands = {renamed.get(key, key): demand for key, demand in found.items()}
    return target


def _version(folder: Path) -> Path:
    """The folder itself, or its newest version. Raises UsageError."""
    versions = sorted(
        (p for p in folder.iterdir() if p.name.isdecimal()), key=lambda p: int(p.name)
    )
    for candidate in (folder, *versions[-1:]):
        if any((candidate / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
            return candidate
    raise UsageError(f"{folder} holds no SavedModel", fix="Give a folder such as models/m/3")


def _serve(
    folder: Path, options: Options, progress: Progress, stack: contextlib.ExitStack
) -> Target:
    wanted = plan.serving_of(options.serving, options.serving_image)
    if wanted.runtime == "none":
        raise UsageError("Nothing can be measured without a server", fix="See --serving")
    toolchain = catalog.for_serving(wanted.version) if wanted.version else _newest()
    image = image_for(wanted.version or toolchain.tensorflow, wanted.image)
    if wanted.runtime == "docker" or (wanted.runtime == "auto" and not docker.unavailable(image)):
        engine = docker.DockerServing.open(image, pull=True, progress=progress)
        endpoint = stack.enter_context(stack.enter_context(engine).serve(folder))
    else:
        progress(f"starting a server of {toolchain.id}")
        endpoint = stack.enter_context(separate.serving(folder, toolchain.id))
    served = Served(endpoint.rest, endpoint.grpc, "model")
    return Target(served, endpoint.description, toolchain, folder)


def _newest() -> Toolchain:
    return [t for t in catalog.load().values() if t.serving][-1]
