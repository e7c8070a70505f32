"""What an HDF5 file leads to, declares or holds beyond a model's weights is found."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from converter.errors import SourceError
from converter.source import hdf5
from converter.source.model import Finding
from converter.source.read import read
from testing.hdf5 import put_names, write_model


def findings(path: Path) -> list[Finding]:
    with h5py.File(path, "r") as file:
        return list(hdf5.scan_structure(file, path.stat().st_size))


def kinds(path: Path) -> set[str]:
    return {f.kind for f in findings(path)}


def altered(path: Path, alter: Callable[[h5py.File], None]) -> Path:
    return write_model(path, alter=alter)


# Links and storage


def test_an_ordinary_file_has_no_findings(tmp_path: Path) -> None:
    assert findings(write_model(tmp_path / "model.h5")) == []


def _soft(file: h5py.File) -> None:
    file["model_weights/soft"] = h5py.SoftLink("/model_weights/dense_1")


def _dangling(file: h5py.File) -> None:
    file["model_weights/soft"] = h5py.SoftLink("/nowhere")


def _external(file: h5py.File) -> None:
    file["model_weights/other"] = h5py.ExternalLink("secret.h5", "/weights")


def _external_storage(file: h5py.File) -> None:
    file.create_dataset("w", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "w", (4,))
    file.create_virtual_dataset("w", layout)


@pytest.mark.parametrize(
    ("alter", "kind"),
    [
        (_soft, "soft-link"),
        (_dangling, "soft-link"),
        (_external, "external-link"),
        (_external_storage, "external-storage"),
        (_virtual, "virtual-dataset"),
    ],
)
def test_what_leads_out_of_the_file_is_found_and_refused(
    tmp_path: Path, alter: Callable[[h5py.File], None], kind: str
) -> None:
    path = altered(tmp_path / "model.h5", alter)
    assert kinds(path) == {kind}
    assert kind in {f.kind for f in read(path).refusals}


@pytest.mark.parametrize("name", ["model_weights", "optimizer_weights"])
def test_an_external_link_is_never_followed(tmp_path: Path, name: str) -> None:
    write_model(tmp_path / "secret.h5", alter=lambda f: f.attrs.update(keras_version=b"6.6.6"))

    def alter(file: h5py.File) -> None:
        del file["model_weights"], file.attrs["keras_version"]
        file[name] = h5py.ExternalLink("secret.h5", "/")

    source = read(altered(tmp_path / "model.h5", alter))
    assert "external-link" in {f.kind for f in source.refusals}
    assert source.writer.version is None
    assert not source.optimizer
    assert source.weights.arrays == 0


def test_links_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    def alter(file: h5py.File) -> None:
        file["model_weights/again"] = file["model_weights"]
        file["model_weights/dense_1/root"] = file["/"]

    assert findings(altered(tmp_path / "model.h5", alter)) == []


@pytest.mark.parametrize(("depth", "found"), [(20, set()), (100, {"hdf5-nesting"})])
def test_groups_nested_deeper_than_any_model_are_found(
    tmp_path: Path, depth: int, found: set[str]
) -> None:
    path = altered(tmp_path / "model.h5", lambda f: f.create_group("g/" * depth))
    assert kinds(path) == found


# Shape bombs


def _chunked(file: h5py.File) -> None:
    shape, chunks = (1_000_000, 10_000), (1000, 1000)
    file.create_dataset("w", shape, "f4", chunks=chunks, compression="gzip")


def _contiguous(file: h5py.File) -> None:
    file.create_dataset("w", (1 << 40,), "f4")


def _plain_chunks(file: h5py.File) -> None:
    file.create_dataset("w", (1 << 40,), "f4", chunks=(1 << 20,))


def _beyond_64_bits(file: h5py.File) -> None:
    file.create_dataset("w", (1 << 40, 1 << 23), "f8", chunks=(1, 1), compression="gzip")


def _many(file: h5py.File) -> None:
    for at in range(200):
        file.create_dataset(f"w{at}", (15_000_000,), "f4", chunks=(1000,), compression="gzip")


@pytest.mark.parametrize("alter", [_chunked, _contiguous, _plain_chunks, _beyond_64_bits, _many])
def test_declaring_far_more_than_is_stored_is_a_shape_bomb(
    tmp_path: Path, alter: Callable[[h5py.File], None]
) -> None:
    assert kinds(altered(tmp_path / "model.h5", alter)) == {"shape-bomb"}


def _zeros(file: h5py.File) -> None:
    file.create_dataset("w", data=np.zeros((1000, 2000), "f4"), compression="gzip")


def _random(file: h5py.File) -> None:
    values = np.random.default_rng(0).normal(size=(200, 300)).astype("f4")
    file.create_dataset("w", data=values, compression="gzip", shuffle=True, chunks=(50, 60))


def _small_shapes(file: h5py.File) -> None:
    file.create_dataset("scalar", data=3.0)
    file.create_dataset("none", (0, 5), "f4")
    file.create_dataset("null", data=h5py.Empty("f4"))
    file.create_dataset("text", data="words", dtype=h5py.string_dtype())


@pytest.mark.parametrize("alter", [_zeros, _random, _small_shapes])
def test_ordinary_weights_are_no_bomb(tmp_path: Path, alter: Callable[[h5py.File], None]) -> None:
    assert findings(altered(tmp_path / "model.h5", alter)) == []


# Structures that no Keras writes


def _time_type(file: h5py.File) -> None:
    space = h5py.h5s.create_simple((2,))
    h5py.h5d.create(file.id, b"when", h5py.h5t.UNIX_D32LE, space)


def _weights_are_a_dataset(file: h5py.File) -> None:
    del file["model_weights"]
    file["model_weights"] = np.zeros(3)
    put_names(file["model_weights"], "layer_names", ["dense_1"])


def _layer_is_a_dataset(file: h5py.File) -> None:
    del file["model_weights/dense_1"]
    file["model_weights/dense_1"] = np.zeros(3)
    put_names(file["model_weights/dense_1"], "weight_names", ["kernel"])


def _scalar_kernel(file: h5py.File) -> None:
    file.attrs["model_config"] = (
        '{"class_name": "Sequential", "config": [{"class_name": "Dense",'
        ' "config": {"name": "dense_1"}}]}'
    )
    del file["model_weights/dense_1/dense_1"]
    file["model_weights/dense_1/dense_1/kernel:0"] = 1.0


def _time_attribute(file: h5py.File) -> None:
    space = h5py.h5s.create(h5py.h5s.SCALAR)
    del file.attrs["keras_version"]
    h5py.h5a.create(file.id, b"keras_version", h5py.h5t.UNIX_D32LE, space)


def _odd_names(*names: str) -> Callable[[h5py.File], None]:
    def alter(file: h5py.File) -> None:
        put_names(file["model_weights"], "layer_names", names)

    return alter


def _names_of_other_bytes(file: h5py.File) -> None:
    file["model_weights"].attrs["layer_names"] = np.array([b"\xff\xfe", b"a\x00b"])


def _utf8_that_is_none(file: h5py.File) -> None:
    names = np.array([b"\xff\xfe"], dtype=h5py.string_dtype("utf-8"))
    file["model_weights"].attrs["layer_names"] = names


@pytest.mark.parametrize(
    "alter",
    [
        _time_type,
        _time_attribute,
        _weights_are_a_dataset,
        _layer_is_a_dataset,
        _scalar_kernel,
        _odd_names("", ".", "/", "//", "../x", "/model_weights", "dense_1/../dense_1"),
        _names_of_other_bytes,
        _utf8_that_is_none,
    ],
)
def test_a_structure_of_another_kind_is_no_internal_error(
    tmp_path: Path, alter: Callable[[h5py.File], None]
) -> None:
    path = altered(tmp_path / "model.h5", alter)
    with contextlib.suppress(SourceError):
        assert read(path).kind == "full"
