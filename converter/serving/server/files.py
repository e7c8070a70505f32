"""Files that flags name or models bring: read, or refused in TensorFlow's words."""

from __future__ import annotations

import errno
import logging
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from converter.serving.status import Code, StatusError

log = logging.getLogger(__name__)

AnyMessage = TypeVar("AnyMessage", bound=Message)

# TensorFlow's codes for the errors of a file system; the rest is UNKNOWN.
_ERRNO_CODES = {
    errno.ENOENT: Code.NOT_FOUND,
    errno.EACCES: Code.PERMISSION_DENIED,
    errno.EPERM: Code.PERMISSION_DENIED,
    errno.ENOTDIR: Code.FAILED_PRECONDITION,
    errno.EISDIR: Code.FAILED_PRECONDITION,
    errno.EINVAL: Code.INVALID_ARGUMENT,
    errno.ENAMETOOLONG: Code.INVALID_ARGUMENT,
    errno.EMFILE: Code.RESOURCE_EXHAUSTED,
    errno.ENFILE: Code.RESOURCE_EXHAUSTED,
}


def file_error(error: OSError, path: str) -> StatusError:
    """`error` as TensorFlow tells it: "<path>; No such file or directory"."""
    code = _ERRNO_CODES.get(error.errno or 0, Code.UNKNOWN)
    return StatusError(code, f"{path}; {error.strerror}")


def read_message(path: str, message: AnyMessage) -> AnyMessage:
    """`message`, filled from the file at `path`, which holds it in text form.

    Raises StatusError: NOT_FOUND for a missing file, INVALID_ARGUMENT for an empty or malformed
    one, other codes for other errors of the file system.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise file_error(error, path) from error
    if not content:
        # TensorFlow maps the file into memory, which cannot be done with none.
        raise StatusError(Code.INVALID_ARGUMENT, f"{path}; Invalid argument")
    try:
        return text_format.Parse(content.decode(), message)
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        log.error("Error parsing text-format %s: %s", type(message).__name__, error)
        raise StatusError(Code.INVALID_ARGUMENT, f"Invalid protobuf file: '{path}'") from error
