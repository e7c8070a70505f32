"""Files in text form are read, or refused in the words of narrated.md, "Config file …"."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from converter.serving.server.files import file_error, read_message
from converter.serving.status import StatusError
from converter.wire.config_pb2 import ModelServerConfig


def _refused(folder: Path, text: str) -> str:
    """What is said of a file that should hold a ModelServerConfig, the folder left out."""
    path = folder / "file.config"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StatusError) as caught:
        read_message(str(path), ModelServerConfig())
    return str(caught.value).replace(str(folder), "DIR")


def test_a_message_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.config"
    path.write_text('# one\nmodel_config_list { config { name: "ünï" } }', encoding="utf-8")
    found = read_message(str(path), ModelServerConfig())
    assert [model.name for model in found.model_config_list.config] == ["ünï"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "nothing.config"
    with pytest.raises(StatusError) as caught:
        read_message(str(path), ModelServerConfig())
    assert str(caught.value) == f"NOT_FOUND: {path}; No such file or directory"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "PERMISSION_DENIED"),
        (errno.EISDIR, "FAILED_PRECONDITION"),
        (errno.EIO, "UNKNOWN"),
    ],
)
def test_errors_of_the_file_system_have_tensorflows_codes(number: int, code: str) -> None:
    told = file_error(OSError(number, os.strerror(number)), "/a")
    assert str(told) == f"{code}: /a; {os.strerror(number)}"


def test_an_empty_file_is_told_as_one_that_cannot_be_mapped(tmp_path: Path) -> None:
    assert _refused(tmp_path, "") == "INVALID_ARGUMENT: DIR/file.config; Invalid argument"


@pytest.mark.parametrize(
    "text",
    [
        "model_config_list {",
        "model_config_list { config { no_such_field: 1 } }",
        "model_config_list { } model_config_list { }",
        'model_config_list { config { name: "\\xff" } }',
        'model_config_list { config { version_labels { key: "a" value: 99999999999999999999 } } }',
        "custom_model_config {" + "[type.googleapis.com/google.protobuf.Any] {" * 5000,
        "\0",
    ],
    ids=["cut", "unknown field", "twice", "no UTF-8", "over int64", "deep", "NUL"],
)
def test_what_is_no_config_is_an_invalid_protobuf_file(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert _refused(tmp_path, text) == "INVALID_ARGUMENT: Invalid protobuf file: 'DIR/file.config'"
    assert caplog.messages[0].startswith("Error parsing text-format ModelServerConfig: ")


def test_bytes_that_are_no_text_are_an_invalid_protobuf_file(tmp_path: Path) -> None:
    path = tmp_path / "bytes.config"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(StatusError, match="Invalid protobuf file"):
        read_message(str(path), ModelServerConfig())
