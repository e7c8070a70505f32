"""Compile in a child process, since the HDF5 library may not survive reading the weights."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from converter import isolation
from converter.errors import NotDirect, SourceTruncated, TargetFull
from converter.source.model import Port, SourceModel, Writer


def convert(
    child: isolation.Child,
    source: SourceModel,
    copy: Path,
    folder: Path,
    contract: dict[str, Any],
    *,
    freeze: bool,
    seconds: float,
) -> None:
    """Compile the source, whose file is at `copy`, into a SavedModel in `folder`.

    contract: see Contract.fields. Raises NotDirect for what is not known, SourceTruncated,
    TargetFull.
    """
    given = {
        "source": str(copy.absolute()),
        "folder": str(folder.absolute()),
        "config": source.config,
        "writer": vars(source.writer),
        "dialect": source.dialect,
        "ports": [vars(port) for port in source.inputs],
        "contract": contract,
        "freeze": freeze,
    }
    try:
        child.ask(__name__, given, seconds=seconds)
    except isolation.ChildBroken as error:
        raise SourceTruncated(
            f"{source.path} could not be compiled",
            why=f"reading it failed: {error}",
            fix="Copy or download it again and compare the sizes",
        ) from error


def work(given: dict[str, Any]) -> None:
    """In the child: compile."""
    from converter.direct.compile import Request, compile_model

    contract = given["contract"]
    writer = dict(given["writer"], tensorflow=tuple(given["writer"]["tensorflow"]))
    request = Request(
        source=Path(given["source"]),
        folder=Path(given["folder"]),
        config=given["config"],
        writer=Writer(**writer),
        dialect=given["dialect"],
        inputs=[_port(port) for port in given["ports"]],
        input_keys=contract["inputs"],
        output_keys=contract["outputs"],
        signatures=contract["signatures"],
        tags=contract["tags"],
        freeze=given["freeze"],
    )
    try:
        compile_model(request)
    except (OverflowError, MemoryError, RecursionError) as error:
        raise NotDirect("The model is too large for the strategy direct", why=str(error)) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise TargetFull(
            f"There is no room left at {request.folder.parent.parent}",
            why=str(error.strerror),
            fix="Free some space and run again; nothing was published",
        ) from error


def _port(plain: dict[str, Any]) -> Port:
    shape = plain["shape"]
    return Port(**dict(plain, shape=None if shape is None else tuple(shape)))
