"""What a Keras HDF5 file holds, as plain data: the part of reading that needs the HDF5 library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from converter.errors import ConvertH5Error, NoKerasModel, SourceTruncated
from converter.source import hdf5
from converter.source.model import Contents, WeightFacts

# With one of these, what hangs below the root may belong to another file, and is not looked at.
UNTRUSTED = {"external-link", "soft-link", "hdf5-nesting"}


def look(path: Path, size: int) -> Contents:
    """The contents of the file of `size` bytes at `path`, which is opened for reading only.

    Raises SourceTruncated for whatever the HDF5 library cannot make sense of, ConfigUnreadable,
    NoKerasModel.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            return _look(file, path, size)
    except ConvertH5Error:
        raise
    except Exception as error:
        # h5py has no base class for what a damaged file can make it raise.
        raise SourceTruncated(
            f"{path} is damaged or cut short",
            why=f"{type(error).__name__}: {hdf5.first_line(error)}",
            fix="Copy or download it again and compare the sizes",
        ) from error


def _look(file: h5py.File, path: Path, size: int) -> Contents:
    findings = tuple(hdf5.scan_structure(file, size))
    trusted = not any(f.kind in UNTRUSTED for f in findings)
    group = _weight_group(file, path) if trusted else None
    # Weights files written within a full one keep their version beside the weights.
    holders = [file] if group is None else [file, group]
    texts = {name: _first_text(holders, name) for name in ("keras_version", "backend")}
    weights, shapes = _weights(group) if group is not None else (WeightFacts(), {})
    return Contents(
        model_config=hdf5.text_attribute(file, "model_config"),
        training_config=hdf5.text_attribute(file, "training_config"),
        keras_version=texts["keras_version"],
        backend=texts["backend"],
        optimizer=trusted and "optimizer_weights" in file,
        weights=weights,
        first_shapes=shapes,
        findings=findings,
        trusted=trusted,
    )


def _first_text(holders: list[Any], name: str) -> str | None:
    texts = (hdf5.text_attribute(holder, name) for holder in holders)
    return next((text for text in texts if text is not None), None)


def _weight_group(file: h5py.File, path: Path) -> h5py.Group:
    """The group that lists layer_names. Raises NoKerasModel when the file has none."""
    group = file.get("model_weights", file)
    if not isinstance(group, h5py.Group):
        raise SourceTruncated(f"{path} has a dataset where its weights should be")
    if not hdf5.name_list(group, "layer_names") and "model_config" not in file.attrs:
        raise NoKerasModel(
            f"{path} is HDF5, but holds no Keras model",
            why="it has neither a model_config nor layer_names",
            fix="Give a file written by model.save() or model.save_weights()",
        )
    return group


def _weights(group: h5py.Group) -> tuple[WeightFacts, dict[str, tuple[int, ...]]]:
    """What is stored, and the shape of each layer's first weight."""
    names: list[str] = []
    shapes: dict[str, tuple[int, ...]] = {}
    total = layers = 0
    for layer in hdf5.name_list(group, "layer_names"):
        inside = group.get(layer)
        if not isinstance(inside, h5py.Group):
            continue
        found = hdf5.name_list(inside, "weight_names")
        layers += bool(found)
        for name in found:
            dataset = inside.get(name)
            names.append(name)
            if isinstance(dataset, h5py.Dataset):
                total += dataset.size * dataset.dtype.itemsize
                shapes.setdefault(layer, tuple(int(d) for d in dataset.shape))
    return WeightFacts(layers, len(names), total, tuple(names)), shapes
