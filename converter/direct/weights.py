"""The weights of a Keras HDF5 file, and which layer each belongs to.

A layer of the outermost model has a group of its own. What a nested model or a wrapper holds is one
flat list there: first everything trainable, then the rest, layer by layer. Source:
keras/engine/saving.py, save_weights_to_hdf5_group and preprocess_weights_for_loading (Keras 2.2.4);
the same in Keras 2.15 and 3.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from converter.errors import SourceTruncated
from converter.source import hdf5

Array = np.ndarray[Any, Any]

# Read at once; larger weights go in pieces along their first dimension.
PIECE_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class Stored:
    """A weight in the file. name: as Keras wrote it, as in "dense/kernel:0"."""

    name: str
    dataset: h5py.Dataset

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape in the file."""
        return tuple(int(d) for d in self.dataset.shape)

    @property
    def dtype(self) -> str:
        """Its dtype in the file; bfloat16 is stored as raw pairs of bytes."""
        return "bfloat16" if self.dataset.dtype.kind == "V" else str(self.dataset.dtype.name)

    @property
    def parts(self) -> tuple[str, ...]:
        """Its name in parts, without number and ':0', as in ("dense", "kernel")."""
        path = self.name.split(":")[0].split("/")
        return (*path[:-1], re.sub(r"_\d+$", "", path[-1]))

    def read(self) -> Array:
        """All of it."""
        return np.asarray(self.dataset[()])

    def pieces(self, dtype: str) -> Iterator[Array]:
        """Its contents in C order, as `dtype`, a piece at a time."""
        rows = self.shape[0] if self.shape else 0
        row_bytes = max(1, self.dataset.size * self.dataset.dtype.itemsize // max(rows, 1))
        step = max(1, PIECE_BYTES // row_bytes)
        if rows <= step:
            yield as_dtype(self.read(), dtype)
            return
        for start in range(0, rows, step):
            yield as_dtype(np.asarray(self.dataset[start : start + step]), dtype)


def as_dtype(array: Array, dtype: str) -> Array:
    """`array` as a variable of `dtype` holds it."""
    if array.dtype.kind == "V":
        return array.view(np.uint16)  # bfloat16, whose bits stay as they are
    if dtype == "bfloat16":
        bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
        # To the nearest, ties to even, as TensorFlow rounds.
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return array.astype(dtype, copy=False)


def by_layer(file: h5py.File) -> dict[str, list[Stored]]:
    """The weights in `file` by the layers of the outermost model, in the file's order.

    Raises SourceTruncated where the file lacks what it lists.
    """
    group = file.get("model_weights", file)
    found: dict[str, list[Stored]] = {}
    for layer in hdf5.name_list(group, "layer_names"):
        inside = group.get(layer)
        if not isinstance(inside, h5py.Group):
            raise SourceTruncated(f"The file lists the layer '{layer}' but has no weights for it")
        found[layer] = [_stored(inside, name) for name in hdf5.name_list(inside, "weight_names")]
    return found


def _stored(group: h5py.Group, name: str) -> Stored:
    dataset = group.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise SourceTruncated(f"The file lists the weight '{name}' but does not hold it")
    return Stored(name, dataset)


@dataclass(frozen=True)
class Role:
    """A weight that a layer has. owner: the path of the layer below the outermost one.

    stored: what the file calls it, where it is no more than a part of the weight or another name of
    it. place: of this part along the last dimension. change: from how the part is stored.
    """

    name: str
    owner: tuple[str, ...] = ()
    trainable: bool = True
    stored: str = ""
    place: int = 0
    change: Callable[[Array], Array] | None = None

    @property
    def label(self) -> str:
        """What it is called in the file."""
        return self.stored or self.name


@dataclass(frozen=True)
class Joined(Stored):
    """A weight that is made of stored ones. parts: with what changes them, in their order."""

    made_of: tuple[tuple[Stored, Callable[[Array], Array] | None], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape once it is made. Raises ValueError where the parts do not fit."""
        shapes = [_changed(_hollow(part.shape), change).shape for part, change in self.made_of]
        if len({shape[:-1] for shape in shapes}) > 1 or not all(shapes):
            raise ValueError(f"its parts have the shapes {shapes}")
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def read(self) -> Array:
        """All of it."""
        parts = [_changed(part.read(), change) for part, change in self.made_of]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def pieces(self, dtype: str) -> Iterator[Array]:
        """Its contents in C order, as `dtype`, in one piece."""
        yield as_dtype(np.ascontiguousarray(self.read()), dtype)


def _changed(array: Array, change: Callable[[Array], Array] | None) -> Array:
    return array if change is None else change(array)


def _hollow(shape: tuple[int, ...]) -> Array:
    """An array of this shape that takes no memory."""
    return np.broadcast_to(np.float32(0), shape)


def assign(roles: Sequence[Role], stored: Sequence[Stored]) -> dict[Role, Stored] | None:
    """Which stored weight has which role; None where they do not fit.

    Names decide where every weight is called after its role and its layers, since no file says that
    a nested model was frozen, which changes the order. Else, of the orders in which Keras has
    written the weights of nested models, the one in which most names agree is taken.
    """
    named = _by_name(roles, stored)
    if named is not None or len(roles) != len(stored):
        return named
    state_last = sorted(roles, key=lambda role: role.name in STATE)
    frozen_last = sorted(roles, key=lambda role: not role.trainable)
    orders = [frozen_last, state_last, list(roles)]
    best = max(orders, key=lambda order: _agreement(order, stored))  # the first of the best
    return dict(zip(best, stored, strict=True))


def _by_name(roles: Sequence[Role], stored: Sequence[Stored]) -> dict[Role, Stored] | None:
    """The assignment in which all names agree, if there is one and every weight has its role.

    A weight has several roles where models share a layer: some Kerases write it once.
    """
    holders: dict[tuple[str, str], list[int]] = {}
    for place, weight in enumerate(stored):
        *path, label = weight.parts
        for holder in {"", *path}:
            holders.setdefault((holder, label), []).append(place)
    found = {}
    for role in roles:
        votes = Counter(
            place
            for holder in set(role.owner) or {""}
            for place in holders.get((holder, role.label), ())
        ).most_common(2)
        if not votes or (len(votes) > 1 and votes[0][1] == votes[1][1]):
            return None
        found[role] = votes[0][0]
    alike: dict[int, set[tuple[str, ...]]] = {}
    for role, place in found.items():
        alike.setdefault(place, set()).add((*role.owner[-1:], role.label))
    if len(alike) != len(stored) or any(len(names) > 1 for names in alike.values()):
        return None
    return {role: stored[place] for role, place in found.items()}


def _agreement(roles: Sequence[Role], stored: Sequence[Stored]) -> int:
    """How many weights are called after their role and their layers."""
    return sum(
        (role.label == weight.parts[-1]) + sum(name in weight.parts[:-1] for name in role.owner)
        for role, weight in zip(roles, stored, strict=True)
    )


def by_role(assigned: Mapping[Role, Stored]) -> dict[tuple[str, ...], Stored]:
    """Weights by their owners and names, those that are stored in parts put together."""
    parts: dict[tuple[str, ...], list[Role]] = {}
    for role in assigned:
        parts.setdefault((*role.owner, role.name), []).append(role)
    return {key: _together(sorted(roles, key=_place), assigned) for key, roles in parts.items()}


def _together(roles: Sequence[Role], assigned: Mapping[Role, Stored]) -> Stored:
    first = assigned[roles[0]]
    if len(roles) == 1 and roles[0].change is None:
        return first
    made_of = tuple((assigned[role], role.change) for role in roles)
    return Joined(first.name, first.dataset, made_of)


def _place(role: Role) -> int:
    return role.place


# Weights that are not trained: kept after the others.
STATE = frozenset({"moving_mean", "moving_variance", "mean", "variance", "count"})
# Where a translated config keeps its Roles: a tuple, which no file can hold.
STORED = "stored weights"
