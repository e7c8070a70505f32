"""Warm-up files do what shared/golden/narrated.md, "Warm-up file", says they do."""

from __future__ import annotations

import logging
import re
import struct
from pathlib import Path

import google_crc32c
import pytest

from converter.serving.server import warmup
from converter.serving.status import StatusError
from converter.wire.apis_pb2 import PredictionLog

# Written by tf.io.TFRecordWriter of TensorFlow 2.15: b"\xff\xff", b"" and b"\n\x02\x08\x01".
BY_TENSORFLOW = bytes.fromhex(
    "020000000000000078270b34ffffd6ea84a2"
    "000000000000000029039807d8ea82a2"
    "0400000000000000424552040a020801802dafd4"
)


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _length(size: int) -> bytes:
    packed = struct.pack("<Q", size)
    return packed + _checksum(packed)


def _frame(record: bytes) -> bytes:
    return _length(len(record)) + record + _checksum(record)


def _log(name: str) -> PredictionLog:
    log = PredictionLog()
    log.predict_log.request.model_spec.name = name
    return log


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


def _warm_up(folder: Path, iterations: int = 0) -> list[PredictionLog]:
    """What was sent."""
    sent: list[PredictionLog] = []
    assert warmup.warm_up(folder, sent.append, iterations) is not None
    return sent


def _refused(folder: Path, content: bytes) -> str:
    """What is said of a file, its path left out."""
    path = _file(folder, content)
    with pytest.raises(StatusError) as caught:
        _warm_up(folder)
    return str(caught.value).replace(str(path), "FILE")


def test_framing_is_tensorflows() -> None:
    records = (b"\xff\xff", b"", b"\n\x02\x08\x01")
    assert b"".join(map(_frame, records)) == BY_TENSORFLOW


def test_a_good_request_is_sent_once(tmp_path: Path) -> None:
    _file(tmp_path, _frame(_log("m").SerializeToString()))
    assert _warm_up(tmp_path) == [_log("m")]


def test_requests_are_sent_in_order_each_as_often_as_asked(tmp_path: Path) -> None:
    _file(tmp_path, b"".join(_frame(_log(name).SerializeToString()) for name in "ab"))
    assert _warm_up(tmp_path, 2) == [_log("a"), _log("a"), _log("b"), _log("b")]


def test_the_log_tells_start_and_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = _file(tmp_path, _frame(_log("m").SerializeToString()))
    with caplog.at_level(logging.INFO):
        _warm_up(tmp_path)
    start, end = caplog.messages
    assert start == (f"Starting to read warmup data for model at {path} with model-warmup-options ")
    assert re.fullmatch(
        f"Finished reading warmup data for model at {re.escape(str(path))}. Number of warmup "
        r"records read: 1\. Elapsed time \(microseconds\): \d+\.",
        end,
    )


def test_the_log_tells_how_often_requests_are_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _file(tmp_path, b"")
    with caplog.at_level(logging.INFO):
        _warm_up(tmp_path, 3)
    assert caplog.messages[0].endswith("options num_request_iterations {\n  value: 3\n}\n")


def test_a_version_without_a_file_is_not_warmed_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[PredictionLog] = []
    with caplog.at_level(logging.INFO):
        assert warmup.warm_up(tmp_path, sent.append) is None
    assert caplog.messages == [f"No warmup data file found at {tmp_path / warmup.FILE}"]
    assert sent == []


def test_an_empty_file_is_fine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _file(tmp_path, b"")
    assert _warm_up(tmp_path) == []
    assert caplog.messages == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"x",
        b"garbage",
        b"this is no TFRecord at all, however long",
        struct.pack("<Q", 2**63) + b"\0" * 8,
        _length(2**62) + b"far less than that",
    ],
)
def test_garbage_is_no_record_and_does_no_harm(
    tmp_path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = _file(tmp_path, garbage)
    assert _warm_up(tmp_path) == []
    assert caplog.messages == [f"{path} is no TFRecord from byte 0 on; the rest is not read"]


@pytest.mark.parametrize("cut", [1, 4, 5, 17])
def test_records_before_the_damage_are_read(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    good = _frame(_log("m").SerializeToString())
    _file(tmp_path, good + _frame(b"\x0a\x02\x08\x01")[:-cut])
    assert _warm_up(tmp_path) == [_log("m")]
    assert f"from byte {len(good)} on" in caplog.messages[0]


@pytest.mark.parametrize("byte", [8, 12, -1], ids=["length", "record", "checksum"])
def test_a_checksum_that_is_wrong_is_damage(tmp_path: Path, byte: int) -> None:
    frame = bytearray(_frame(_log("m").SerializeToString()))
    frame[byte] ^= 1
    _file(tmp_path, bytes(frame))
    assert _warm_up(tmp_path) == []


def test_a_record_that_is_no_prediction_log_fails_the_load(tmp_path: Path) -> None:
    assert _refused(tmp_path, BY_TENSORFLOW) == (
        "INVALID_ARGUMENT: Failed to parse warmup record: ?? from FILE"
    )


def test_only_the_start_of_such_a_record_is_told(tmp_path: Path) -> None:
    told = _refused(tmp_path, _frame(b"\xff" + b"x" * 5000))
    assert told == f"INVALID_ARGUMENT: Failed to parse warmup record: ?{'x' * 199}… from FILE"


def test_a_log_of_no_kind_is_handed_on(tmp_path: Path) -> None:
    _file(tmp_path, _frame(b""))
    assert _warm_up(tmp_path) == [PredictionLog()]


def test_a_thousand_records_are_read(tmp_path: Path) -> None:
    _file(tmp_path, _frame(b"") * 1000)
    assert len(_warm_up(tmp_path)) == 1000


def test_one_more_fails_the_load(tmp_path: Path) -> None:
    assert _refused(tmp_path, _frame(b"") * 1001) == (
        "INVALID_ARGUMENT: Number of warmup records exceeds the maximum (1000) at FILE"
    )


def test_what_the_model_says_fails_the_load(tmp_path: Path) -> None:
    _file(tmp_path, _frame(b"") * 3)
    sent = []

    def send(log: PredictionLog) -> None:
        sent.append(log)
        raise ValueError("no such input")

    with pytest.raises(ValueError, match="no such input"):
        warmup.warm_up(tmp_path, send)
    assert len(sent) == 1


def test_a_file_that_cannot_be_read_fails_the_load(tmp_path: Path) -> None:
    (tmp_path / warmup.FILE).mkdir(parents=True)
    with pytest.raises(StatusError, match=r"FAILED_PRECONDITION: .*; Is a directory"):
        _warm_up(tmp_path)
