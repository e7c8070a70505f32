"""Hostile sources through the command line: an exit code, one line, nothing published."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import pytest

from converter.cli.main import main
from testing import cli
from testing.hdf5 import (
    Node,
    base64_of,
    dense,
    digest_of,
    first_dense,
    functional,
    lambda_layer,
    layer,
    marshalled,
    sequential,
    sha256,
    write_model,
    write_weights,
)

CODE = marshalled(lambda x: x * 2)
OTHER = marshalled(lambda x: x + 1)
UNSAFE, SOURCE, USAGE = 4, 3, 2

# A source that is let through ends at a strategy that does not exist, not in a download.
NO_STRATEGY = ("--strategy", "none-such")


class Outcome(NamedTuple):
    """What a run came to: its exit code and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Convert a file and check what holds for every source that is turned away."""

    def run(path: Path, *options: str) -> Outcome:
        target = tmp_path / "models"
        before = sha256(path) if path.is_file() else None
        files = set(tmp_path.rglob("*"))
        code = main([str(path), str(target), *NO_STRATEGY, *options])
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("convert-h5: ")
        assert printed.err.endswith("]\n")
        assert len(printed.err.splitlines()) == 1, printed.err
        assert set(tmp_path.rglob("*")) == files, "something was left behind"
        assert (sha256(path) if path.is_file() else None) == before
        return Outcome(code, printed.out, printed.err)

    return run


def saved(folder: Path, *layers: Node, **options: Any) -> Path:
    return write_model(folder / "model.h5", sequential(first_dense(), *layers), **options)


def test_a_clean_source_is_let_through(tmp_path: Path, convert: Run) -> None:
    ended = convert(saved(tmp_path))
    assert (ended.code, "none-such" in ended.err) == (USAGE, True)


# Code in the file


@pytest.mark.parametrize(
    "node",
    [
        lambda_layer(CODE),
        sequential(sequential(lambda_layer(CODE), as_list=True), name="nested"),
        layer("TimeDistributed", "td", layer=lambda_layer(CODE)),
        layer("Bidirectional", "bi", layer=lambda_layer(CODE)),
        functional([lambda_layer(CODE)], [["lambda_1", 0, 0]], [["lambda_1", 0, 0]]),
        layer("Lambda", "l", function=base64_of(CODE), function_type="lambda"),
        layer("Lambda", "l", function={"class_name": "__lambda__", "config": {"code": "4wE="}}),
        layer("Merge", "m", mode=[base64_of(CODE), None, None], mode_type="lambda"),
        layer("Evil", "evil"),
        layer("Pkg>Dense", "d"),
        {**dense("d"), "module": "os", "registered_name": "system"},
        dense("d", activation={"class_name": "function", "config": "system", "module": "os"}),
        layer("TFOpLambda", "op", function="io.write_file"),
        layer("TFOpLambda", "op", function="compat.v1.write_file"),
        layer("TensorFlowOpLayer", "op", node_def={"op": "ReadFile", "name": "n"}),
        layer("TFSMLayer", "t", filepath="/tmp/evil"),
        layer("StringLookup", "s", vocabulary="/etc/passwd"),
    ],
)
def test_code_in_the_file_is_refused(tmp_path: Path, convert: Run, node: Node) -> None:
    ended = convert(saved(tmp_path, node))
    assert (ended.code, "[source-unsafe]" in ended.err) == (UNSAFE, True)


def test_the_digest_of_one_lambda_does_not_let_another_through(
    tmp_path: Path, convert: Run
) -> None:
    path = saved(tmp_path, lambda_layer(CODE), lambda_layer(OTHER, "lambda_2"))
    first, second = digest_of(CODE), digest_of(OTHER)
    assert convert(path, "--allow-lambda", first).code == UNSAFE
    assert convert(path, "--allow-lambda", first, "--allow-lambda", second).code == USAGE


def test_custom_objects_are_not_run_to_see_what_they_permit(tmp_path: Path, convert: Run) -> None:
    canary = tmp_path / "canary"
    objects = tmp_path / "objects.py"
    objects.write_text(f"open({str(canary)!r}, 'w')\nclass Mine: ...\n")
    assert (
        convert(saved(tmp_path, layer("Mine", "m")), "--custom-objects", str(objects)).code == USAGE
    )
    path = saved(tmp_path, layer("Other", "o"))
    assert convert(path, "--custom-objects", str(objects)).code == UNSAFE
    assert not canary.exists()


def test_code_in_the_training_config_is_never_loaded_and_so_let_through(
    tmp_path: Path, convert: Run
) -> None:
    path = saved(tmp_path, training_config={"loss": lambda_layer(CODE)})
    assert convert(path).code == USAGE


def test_an_architecture_is_no_way_around_the_scan(tmp_path: Path, convert: Run) -> None:
    architecture = tmp_path / "model.json"
    architecture.write_text(json.dumps(sequential(lambda_layer(CODE))))
    path = write_weights(tmp_path / "weights.h5")
    assert convert(path, "--architecture", str(architecture)).code == UNSAFE


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", "\x00", '{"a":' * 100_000, "[" * 100_000])
def test_an_architecture_that_is_none_is_unreadable(
    tmp_path: Path, convert: Run, text: str
) -> None:
    architecture = tmp_path / "model.json"
    architecture.write_text(text)
    path = write_weights(tmp_path / "weights.h5")
    ended = convert(path, "--architecture", str(architecture))
    assert (ended.code, "config-unreadable" in ended.err) == (SOURCE, True)


# What reaches outside the file, or fills the memory


def _external_link(file: h5py.File) -> None:
    file["model_weights/secret"] = h5py.ExternalLink("/etc/secret.h5", "/w")


def _external_storage(file: h5py.File) -> None:
    file.create_dataset("w", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/secret.h5", "w", (4,))
    file.create_virtual_dataset("w", layout)


def _soft_link(file: h5py.File) -> None:
    file["model_weights/soft"] = h5py.SoftLink("/model_weights/dense_1")


def _bomb(file: h5py.File) -> None:
    file.create_dataset("w", (1 << 20, 1 << 20), "f4", chunks=(64, 64), compression="gzip")


def _deep(file: h5py.File) -> None:
    file.create_group("g/" * 200)


@pytest.mark.parametrize(
    "alter", [_external_link, _external_storage, _virtual, _soft_link, _bomb, _deep]
)
def test_what_reaches_outside_or_fills_the_memory_is_refused(
    tmp_path: Path, convert: Run, alter: Callable[[h5py.File], None]
) -> None:
    ended = convert(saved(tmp_path, alter=alter))
    assert (ended.code, "[source-unsafe]" in ended.err) == (UNSAFE, True)


def test_nothing_permits_a_file_that_reaches_outside(tmp_path: Path, convert: Run) -> None:
    objects = tmp_path / "objects.py"
    objects.write_text("w = secret = model_weights = None\n")
    path = saved(tmp_path, alter=_external_link)
    assert convert(path, "--custom-objects", str(objects), "--allow-lambda", "").code == UNSAFE


# What is no model


@pytest.mark.parametrize(
    ("content", "id_"),
    [
        (b"", "source-not-hdf5"),
        (b"text", "source-not-hdf5"),
        (b"PK\x03\x04zip", "source-keras-zip"),
        (b"\x89HDF\r\n\x1a\n" + b"\xff" * 500, "source-truncated"),
    ],
)
def test_a_file_that_is_no_model_is_named(
    tmp_path: Path, convert: Run, content: bytes, id_: str
) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    ended = convert(path)
    assert (ended.code, f"[{id_}]" in ended.err) == (SOURCE, True)


def test_a_missing_file_a_folder_and_weights_alone_are_named(tmp_path: Path, convert: Run) -> None:
    assert "[source-not-found]" in convert(tmp_path / "none.h5").err
    assert "[source-not-readable]" in convert(tmp_path).err
    assert "[source-weights-only]" in convert(write_weights(tmp_path / "weights.h5")).err


@pytest.mark.parametrize("text", ["{", '{"class_name": "MyModel", "config": {}}', "[" * 100_000])
def test_a_config_that_is_none_is_named(tmp_path: Path, convert: Run, text: str) -> None:
    ended = convert(write_model(tmp_path / "model.h5", text, text=str))
    assert (ended.code, "[source-config-unreadable]" in ended.err) == (SOURCE, True)


# What a file can make the command line print

# The streams of a real process, since the ones of a test take other text.
STEERING = ["a\nb", "a\r\nb", "\x1b[2J\x1b]0;title\x07", "a\x08\x7f", "\u2028", "\x9b31m"]
NO_TEXT = "\ud800"


@pytest.mark.parametrize("name", [*STEERING, NO_TEXT], ids=ascii)
def test_names_in_a_file_cannot_steer_the_terminal(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, layer(f"Evil{name}", name))
    done = cli.run(path, tmp_path / "models", *NO_STRATEGY)
    assert done.code == UNSAFE
    assert done.err.rstrip("\n").isprintable()


@pytest.mark.parametrize("name", ["\x1b[2J", NO_TEXT, "é"], ids=ascii)
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_inspect_prints_any_name(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    done = cli.run("inspect", saved(tmp_path, dense(name)), *options)
    assert (done.code, done.err) == (0, "")
    assert all(line.isprintable() for line in done.out.splitlines())


def test_a_refusal_of_very_many_findings_stays_readable(tmp_path: Path, convert: Run) -> None:
    ended = convert(saved(tmp_path, *[layer("Evil" * 1000, f"e{n}") for n in range(200)]))
    assert ended.code == UNSAFE
    assert len(ended.err) < 20_000


def test_a_source_whose_name_is_no_text_is_refused_as_any_other(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.h5"))
    saved(tmp_path, lambda_layer(CODE)).rename(path)
    assert cli.run(path, tmp_path / "models", *NO_STRATEGY).code == UNSAFE
