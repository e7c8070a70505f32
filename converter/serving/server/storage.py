"""Version folders: what a base path holds, and which of it the policy wants served.

Rules and log lines are TensorFlow Serving's (sources/storage_path/, and the recordings). Nothing
here keeps state, and the file system is only ever listed.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from converter.serving.server.config import All, Latest, ModelConfig, Specific
from converter.serving.server.files import file_error
from converter.serving.status import Code, StatusError

log = logging.getLogger(__name__)

Aspired = tuple[tuple[int, Path], ...]

# What absl::SimpleAtoi reads: ASCII digits, a sign, white space around.
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*")
_INT64 = range(-(2**63), 2**63)


def poll(configs: Iterable[ModelConfig]) -> dict[str, Aspired] | None:
    """The versions that each model should serve now, by model name, or None.

    None means that some base path could not be read, which is logged: nothing is to change then,
    for no model, as in TensorFlow Serving. A model with an empty tuple is to be unloaded.
    """
    try:
        return {config.name: aspired(config, versions(config)) for config in configs}
    except StatusError as error:
        log.error(
            "FileSystemStoragePathSource encountered a filesystem access error: %s", error.message
        )
        return None


def versions(config: ModelConfig) -> dict[int, Path]:
    """Everything under the base path whose name is a number, by number, ascending.

    Plain files count. Of two names for one number the later one in byte order wins, with a
    warning. Raises StatusError when the base path is missing or cannot be listed.
    """
    base = _local(config.base_path)
    try:
        names = sorted((path.name for path in base.iterdir()), key=os.fsencode)
    except (FileNotFoundError, ValueError):  # the latter for a path with a NUL
        raise StatusError(
            Code.NOT_FOUND,
            f"Could not find base path {config.base_path} for servable {config.name} "
            f"with error NOT_FOUND: {config.base_path} not found",
        ) from None
    except OSError as error:
        raise file_error(error, config.base_path) from error
    found: dict[int, str] = {}
    for name in names:
        number = version_number(name)
        if number is None:
            continue
        if number in found:
            log.warning(
                "Duplicate version directories detected. Version %d will be loaded from %s, "
                "%s will be ignored.",
                number,
                name,
                found[number],
            )
        found[number] = name
    return {number: base / found[number] for number in sorted(found)}


def version_number(name: str) -> int | None:
    """The version that a folder of this name holds, or None where the name is no int64."""
    match = _NUMBER.fullmatch(name)
    if match is None:
        return None
    number = int(match[1])
    return number if number in _INT64 else None


def aspired(config: ModelConfig, found: Mapping[int, Path]) -> Aspired:
    """Those of `found` that the policy wants: (version, folder), highest version first.

    Warns of specific versions that are missing, and when nothing is left to serve.
    """
    match config.policy:
        case Latest(count):
            wanted = sorted(found)[-count:]
        case All():
            wanted = sorted(found)
        case Specific(numbers):
            wanted = sorted(numbers & found.keys())
            for missing in sorted(numbers - found.keys()):
                log.warning(
                    "Version %d of servable %s, which was requested to be served as a 'specific' "
                    "version in the servable's version policy, was not found in the file system",
                    missing,
                    config.name,
                )
    if not wanted:
        log.warning(
            "No versions of servable %s found under base path %s. Did you forget to name your "
            "leaf directory as a number (eg. '/1/')?",
            config.name,
            config.base_path,
        )
    return tuple((number, found[number]) for number in reversed(wanted))


def _local(base_path: str) -> Path:
    """The folder that a base path means; TensorFlow's `file://` is a local path too."""
    return Path(base_path.removeprefix("file://"))
