"""HDF5 as data: what cannot be read is named, what reaches outside the file is found."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from converter.errors import (
    ConfigUnreadable,
    ConvertH5Error,
    KerasArchive,
    NotHDF5,
    SourceNotFound,
    SourceNotReadable,
    SourceTruncated,
)
from converter.source import hdf5, signature
from converter.source.read import read
from testing.hdf5 import dense, put_names, read_here, sequential, write_model


def altered(path: Path, alter: Callable[[h5py.File], None]) -> Path:
    return write_model(path, alter=alter)


# Files that are no HDF5


@pytest.mark.parametrize(
    ("content", "error", "why"),
    [
        (b"", NotHDF5, "empty"),
        (b"just some text\n", NotHDF5, "just som"),
        (b"\x89HDF", NotHDF5, "HDF"),
        (b"\0" * 4096, NotHDF5, "starts with"),
        (b"PK\x03\x04 and so on", KerasArchive, ".keras"),
    ],
)
def test_a_file_that_is_no_hdf5_is_named_for_what_it_is(
    tmp_path: Path, content: bytes, error: type[ConvertH5Error], why: str
) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    with pytest.raises(error) as raised:
        signature.check(path)
    assert why in raised.value.line()


def test_a_real_zip_is_taken_for_the_keras_format(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(KerasArchive):
        signature.check(path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound):
        signature.check(tmp_path / "none.h5")


def test_a_directory_is_not_readable(tmp_path: Path) -> None:
    with pytest.raises(SourceNotReadable, match="directory"):
        signature.check(tmp_path)


def test_a_path_below_a_file_or_in_a_circle_is_not_readable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for path in (tmp_path / "file" / "model.h5", tmp_path / "circle"):
        with pytest.raises(SourceNotReadable):
            signature.check(path)


def test_a_file_without_permission_is_not_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_model(tmp_path / "model.h5")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything

        def refuse(*_: Any, **__: Any) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceNotReadable, match="Permission denied"):
        signature.check(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_not_a_source(tmp_path: Path) -> None:
    path = tmp_path / "pipe.h5"
    os.mkfifo(path)
    # Both ends are held and some bytes wait, so that no reader of the pipe blocks for ever.
    pipe = os.open(path, os.O_RDWR)
    try:
        os.write(pipe, signature.HDF5 * 2)
        with pytest.raises(SourceNotReadable):
            signature.check(path)
    finally:
        os.close(pipe)


def test_the_size_of_a_good_file_is_told(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.h5")
    assert signature.check(path) == path.stat().st_size


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999])
def test_a_file_cut_short_anywhere_is_truncated(tmp_path: Path, share: float) -> None:
    whole = write_model(tmp_path / "model.h5").read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(whole[: max(8, int(len(whole) * share))])
    with pytest.raises(SourceTruncated) as raised:
        read(path)
    assert "Copy or download" in raised.value.line()


# Attributes


@pytest.mark.parametrize(
    "stored",
    [
        lambda text: text,
        lambda text: text.encode(),
        np.bytes_,
        lambda text: np.array([text.encode()]),
        lambda text: np.array([[text.encode()]]),
        lambda text: np.array([text], dtype=h5py.string_dtype()),
    ],
    ids=["str", "bytes", "fixed bytes", "array of one", "array of 1x1", "array of str"],
)
def test_text_is_read_however_it_was_stored(tmp_path: Path, stored: Callable[[str], Any]) -> None:
    path = write_model(tmp_path / "model.h5", text=stored)
    with h5py.File(path, "r") as file:
        assert hdf5.text_attribute(file, "keras_version") == "2.2.4"
    assert read(path).class_name == "Sequential"


def test_an_empty_attribute_is_empty_text_and_no_config(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.h5", text=lambda _: h5py.Empty("S1"))
    with h5py.File(path, "r") as file:
        assert hdf5.text_attribute(file, "keras_version") == ""
        assert hdf5.text_attribute(file, "absent") is None
    with pytest.raises(ConfigUnreadable):
        read(path)


@pytest.mark.parametrize("value", [7, 1.5, [b"a", b"b"], np.zeros((0,)), np.void(b"\x00\x01")])
def test_an_attribute_that_is_no_text_is_unreadable(tmp_path: Path, value: Any) -> None:
    path = write_model(tmp_path / "model.h5", text=lambda _: value)
    with pytest.raises(ConfigUnreadable, match="is not text"):
        read(path)


def test_a_version_kept_beside_the_weights_is_found(tmp_path: Path) -> None:
    def move(file: h5py.File) -> None:
        file["model_weights"].attrs["keras_version"] = file.attrs.pop("keras_version")

    assert read(altered(tmp_path / "model.h5", move)).writer.version == "2.2.4"


@pytest.mark.parametrize("chunks", [1, 2, 7])
def test_a_list_of_names_is_whole_in_any_number_of_chunks(tmp_path: Path, chunks: int) -> None:
    names = [f"layer_{n}" for n in range(50)]
    with h5py.File(tmp_path / "names.h5", "w") as file:
        put_names(file, "layer_names", names, chunks)
        assert hdf5.name_list(file, "layer_names") == names


@pytest.mark.parametrize(
    "value", [np.zeros((0,)), h5py.Empty("S1"), np.array([], "S1")], ids=["float", "null", "S1"]
)
def test_a_list_without_names_is_empty(tmp_path: Path, value: Any) -> None:
    with h5py.File(tmp_path / "names.h5", "w") as file:
        file.attrs["weight_names"] = value
        assert hdf5.name_list(file, "weight_names") == []


def test_weights_that_the_lists_leave_out_are_not_counted(tmp_path: Path) -> None:
    def alter(file: h5py.File) -> None:
        file["model_weights/dense_1"].attrs["weight_names"] = h5py.Empty("S1")

    assert read(altered(tmp_path / "model.h5", alter)).weights.arrays == 0


# JSON


@pytest.mark.parametrize("config", ["", "{", "not json", "[1, 2", "\x00", "1" * 5000])
def test_a_config_that_is_no_json_is_unreadable(tmp_path: Path, config: str) -> None:
    with pytest.raises(ConfigUnreadable):
        read(write_model(tmp_path / "model.h5", config, text=np.bytes_ if config else str))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_nested_without_end_is_unreadable(tmp_path: Path, opening: str, closing: str) -> None:
    text = opening * 100_000 + "1" + closing * 100_000
    with pytest.raises(ConfigUnreadable, match="nested too deeply"):
        read(write_model(tmp_path / "model.h5", text, text=str))


def test_json_at_the_edge_of_what_python_nests_is_read_or_refused(tmp_path: Path) -> None:
    """Between what the parser and what the rest of the code can nest, nothing may give way."""
    for depth in (*range(300, 900, 60), *range(900, 1010, 5)):
        deep = "[" * depth + "]" * depth
        config = json.dumps(sequential({**dense(), "inbound_nodes": "DEEP"}))
        text = config.replace('"DEEP"', deep)
        path = write_model(tmp_path / "model.h5", text, text=str)
        try:
            read_here(path)
        except ConfigUnreadable:
            continue


def test_nan_and_infinity_are_read_as_keras_writes_them(tmp_path: Path) -> None:
    text = (
        '{"class_name": "Sequential", "config": {"layers": [{"class_name": "ReLU", "config":'
        ' {"name": "r", "max_value": Infinity, "a": NaN, "b": -Infinity}}]}}'
    )
    (relu,) = read(write_model(tmp_path / "model.h5", text)).layers
    assert relu.config["max_value"] == float("inf")
    assert relu.config["a"] != relu.config["a"]
