"""What is scanned is what is loaded or compiled, and the source stays as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from converter.errors import NotHDF5, SourceChanged, SourceNotFound, UsageError
from converter.source import snapshot
from testing.hdf5 import sha256, write_model


def test_the_copy_has_the_bytes_and_the_digest_of_the_source(tmp_path: Path) -> None:
    path = write_model(tmp_path / "any name.hdf5")
    before = path.read_bytes(), path.stat().st_mtime_ns
    (tmp_path / "job").mkdir()
    copy, digest = snapshot.take(path, tmp_path / "job")
    assert copy.read_bytes() == path.read_bytes()
    assert digest == sha256(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_the_copy_is_read_only_and_named_as_keras_wants_it(tmp_path: Path) -> None:
    path = write_model(tmp_path / "weights.hdf5")
    (tmp_path / "job").mkdir()
    copy, _ = snapshot.take(path, tmp_path / "job")
    assert copy.name == "model.h5"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o400


def test_a_source_larger_than_one_chunk_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_model(tmp_path / "source.h5")
    monkeypatch.setattr(snapshot, "CHUNK", 1000)
    (tmp_path / "job").mkdir()
    copy, digest = snapshot.take(path, tmp_path / "job")
    assert copy.stat().st_size > 1000
    assert digest == sha256(path) == sha256(copy)


def test_a_change_after_the_copy_does_not_reach_it(tmp_path: Path) -> None:
    path = write_model(tmp_path / "source.h5")
    (tmp_path / "job").mkdir()
    copy, digest = snapshot.take(path, tmp_path / "job")
    path.write_bytes(b"something else")
    assert sha256(copy) == digest


def test_what_is_no_source_is_not_copied(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    with pytest.raises(SourceNotFound):
        snapshot.take(tmp_path / "none.h5", folder)
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(NotHDF5):
        snapshot.take(tmp_path / "text.h5", folder)
    assert list(folder.iterdir()) == []


def test_a_folder_that_takes_no_copy_is_a_usage_error(tmp_path: Path) -> None:
    path = write_model(tmp_path / "source.h5")
    with pytest.raises(UsageError, match="could not be copied"):
        snapshot.take(path, tmp_path / "missing")


def test_what_is_watched_stays_where_it_is_and_has_its_digest(tmp_path: Path) -> None:
    path = write_model(tmp_path / "source.h5")
    with snapshot.watch(path) as digest:
        assert digest() == sha256(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_change_of_what_is_watched_is_told(tmp_path: Path) -> None:
    """Even where whoever wrote sets the time back."""
    path = write_model(tmp_path / "source.h5")
    before = path.stat()
    with snapshot.watch(path) as digest:
        with path.open("r+b") as file:
            file.seek(2000)
            file.write(b"other")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(SourceChanged, match=r"source\.h5 was changed"):
            digest()


def test_what_is_no_source_is_not_watched(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound), snapshot.watch(tmp_path / "none.h5"):
        pass
