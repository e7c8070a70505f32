"""Recorded requests that a version is asked before it becomes available.

They lie in the version's folder as a TFRecord file of PredictionLog messages. What happens with
which file, and what is logged, is TensorFlow Serving's (servables/tensorflow/warmup and the
recordings).
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c
from google.protobuf.message import DecodeError

from converter.serving.server.files import file_error
from converter.serving.status import Code, StatusError
from converter.wire import apis_pb2

log = logging.getLogger(__name__)

FILE = Path("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000

# How much of a record that makes no sense is told.
_TOLD_BYTES = 200


def warm_up(
    folder: Path, send: Callable[[apis_pb2.PredictionLog], object], iterations: int = 1
) -> int | None:
    """Send the requests recorded in a version's folder, each `iterations` times.

    send: asks the version what a record holds, whatever kind of request that is; a record of no
    kind is to be passed over. iterations: --num_request_iterations_for_warmup; below 1 it is 1.

    Returns the time it took in microseconds, None where there is no file. Raises StatusError, and
    lets through what `send` raises: either fails the load.
    """
    path = folder / FILE
    if not path.exists():
        log.info("No warmup data file found at %s", path)
        return None
    options = f"num_request_iterations {{\n  value: {iterations}\n}}\n" if iterations > 0 else ""
    log.info(
        "Starting to read warmup data for model at %s with model-warmup-options %s", path, options
    )
    start = time.monotonic_ns()
    count = 0
    for record in records(path):
        count += 1
        for _ in range(max(iterations, 1)):
            send(record)
    elapsed = (time.monotonic_ns() - start) // 1000
    log.info(
        "Finished reading warmup data for model at %s. Number of warmup records read: %d. "
        "Elapsed time (microseconds): %d.",
        path,
        count,
        elapsed,
    )
    return elapsed


def records(path: Path) -> Iterator[apis_pb2.PredictionLog]:
    """The messages in a file of warm-up requests.

    The first bytes that are no TFRecord end them, with a warning. Raises StatusError
    (INVALID_ARGUMENT) for a record that is no PredictionLog, and for more than MAX_RECORDS.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise file_error(error, str(path)) from error
    with file:
        for number, record in enumerate(_frames(file, path)):
            if number == MAX_RECORDS:
                raise StatusError(
                    Code.INVALID_ARGUMENT,
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}",
                )
            try:
                yield apis_pb2.PredictionLog.FromString(record)
            except DecodeError as error:
                raise StatusError(
                    Code.INVALID_ARGUMENT,
                    f"Failed to parse warmup record: {_told(record)} from {path}",
                ) from error


def _frames(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file: length, its checksum, the bytes, their checksum."""
    size = path.stat().st_size
    while head := file.read(12):
        start = file.tell() - len(head)
        length, checksum = struct.unpack("<QI", head.ljust(12, b"\0"))
        sound = len(head) == 12 and checksum == _masked_crc(head[:8])
        if sound and length + 4 <= size - file.tell():
            record = file.read(length)
            if file.read(4) == struct.pack("<I", _masked_crc(record)):
                yield record
                continue
        log.warning("%s is no TFRecord from byte %d on; the rest is not read", path, start)
        return


def _masked_crc(data: bytes) -> int:
    """CRC32C, turned and shifted as TFRecord wants it."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _told(record: bytes) -> str:
    """The record as text, with a "?" for every byte that is none, and not at any length."""
    text = "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in record[:_TOLD_BYTES])
    return text + "…" * (len(record) > _TOLD_BYTES)
