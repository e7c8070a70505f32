"""The files that are meant by what is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat_matrix.cli import seats
from converter.errors import UsageError


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_stands_for_every_file_in_it_and_below(tmp_path: Path) -> None:
    _touch(tmp_path / "b.h5", tmp_path / "below" / "a.hdf5", tmp_path / "notes.txt")
    (tmp_path / "folder.h5").mkdir()
    assert seats.files([tmp_path]) == [tmp_path / "b.h5", tmp_path / "below" / "a.hdf5"]


def test_a_file_may_be_called_anything_and_comes_where_it_is_named(tmp_path: Path) -> None:
    _touch(tmp_path / "model.bin", tmp_path / "more" / "a.h5")
    named = [tmp_path / "model.bin", tmp_path / "more"]
    assert seats.files(named) == [tmp_path / "model.bin", tmp_path / "more" / "a.h5"]


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no file .*missing\.h5"):
        seats.files([tmp_path / "missing.h5"])
    with pytest.raises(UsageError, match=r"There is no \.h5 file"):
        seats.files([tmp_path])
