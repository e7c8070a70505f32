"""A permit opens exactly what it names, and nothing is run to find out what it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from converter.errors import UnsafeSource, UsageError
from converter.source import permits
from converter.source.model import SourceModel
from converter.source.read import read
from testing.hdf5 import (
    Node,
    dense,
    digest_of,
    lambda_layer,
    layer,
    marshalled,
    sequential,
    write_model,
)

FIRST = marshalled(lambda x: x * 2)
SECOND = marshalled(lambda x: x + 1)


def source(folder: Path, *layers: Node) -> SourceModel:
    return read(write_model(folder / "model.h5", sequential(*layers)))


def objects(folder: Path, text: str) -> Path:
    path = folder / "objects.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_clean_source_needs_no_permit(tmp_path: Path) -> None:
    permits.check(source(tmp_path, dense()), (), None)


def test_a_digest_permits_that_lambda_and_no_other(tmp_path: Path) -> None:
    both = source(tmp_path, lambda_layer(FIRST), lambda_layer(SECOND, "lambda_2"))
    with pytest.raises(UnsafeSource) as refused:
        permits.check(both, [digest_of(FIRST)], None)
    assert digest_of(SECOND) in refused.value.line()
    assert digest_of(FIRST) not in refused.value.line()
    permits.check(both, [digest_of(FIRST), digest_of(SECOND)], None)


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "all", "*", digest_of(FIRST)[:-1], digest_of(FIRST)[7:]]
)
def test_nothing_short_of_the_whole_digest_permits(tmp_path: Path, digest: str) -> None:
    with pytest.raises(UnsafeSource):
        permits.check(source(tmp_path, lambda_layer(FIRST)), [digest], None)


def test_the_refusal_says_where_what_and_how_to_permit(tmp_path: Path) -> None:
    with pytest.raises(UnsafeSource) as refused:
        permits.check(source(tmp_path, lambda_layer(FIRST)), (), None)
    line = refused.value.line()
    assert "lambda_1" in line
    assert f"--allow-lambda {digest_of(FIRST)}" in line
    assert str(tmp_path / "model.h5") in line


def test_custom_objects_permit_the_names_they_define_and_no_others(tmp_path: Path) -> None:
    custom = source(tmp_path, layer("MyLayer", "a"), dense(activation="mine"))
    with pytest.raises(UnsafeSource, match="mine"):
        permits.check(custom, (), objects(tmp_path, "class MyLayer: ...\n"))
    permits.check(custom, (), objects(tmp_path, "class MyLayer: ...\ndef mine(x): ...\n"))


def test_custom_objects_do_not_permit_bytecode(tmp_path: Path) -> None:
    names = objects(tmp_path, "def Lambda(): ...\ndef lambda_1(): ...\n")
    with pytest.raises(UnsafeSource):
        permits.check(source(tmp_path, lambda_layer(FIRST)), (), names)


def test_a_digest_does_not_permit_a_custom_class(tmp_path: Path) -> None:
    with pytest.raises(UnsafeSource):
        permits.check(source(tmp_path, layer("MyLayer", "a")), ["", digest_of(b"")], None)


def test_what_no_permit_fits_stays_refused(tmp_path: Path) -> None:
    reader = source(tmp_path, layer("TFOpLambda", "op", function="io.read_file"))
    with pytest.raises(UnsafeSource, match="Do not load"):
        permits.check(reader, [""], objects(tmp_path, "read_file = TFOpLambda = None\n"))


def test_custom_objects_are_read_without_being_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    text = f"open({str(canary)!r}, 'w')\nraise SystemExit\nclass Mine: ...\n"
    assert permits.defined_names(objects(tmp_path, text)) == {"Mine"}
    assert not canary.exists()


def test_only_names_of_the_top_level_count(tmp_path: Path) -> None:
    text = "class A:\n  class B: ...\n  def c(self): ...\ndef d():\n  e = 1\nf = g = len\nh.i = 1\n"
    assert permits.defined_names(objects(tmp_path, text)) == {"A", "d", "f", "g"}


@pytest.mark.parametrize("text", ["class", "\x00", "def f(:", "(" * 1000])
def test_a_file_that_is_no_python_is_a_usage_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="custom-objects"):
        permits.defined_names(objects(tmp_path, text))


def test_a_missing_file_of_custom_objects_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        permits.defined_names(tmp_path / "none.py")
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9\n")
    with pytest.raises(UsageError):
        permits.defined_names(tmp_path / "latin.py")
