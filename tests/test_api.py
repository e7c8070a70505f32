"""The public API: what it names, that it is light, and that it raises what it promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import converter
from converter import errors
from testing.models import write_h5

PUBLIC = ["ConvertH5Error", "Options", "__version__", "convert", "inspect", "verify"]
HEAVY = ("tensorflow", "keras", "h5py", "numpy", "rich", "click")


def test_the_public_names_are_these() -> None:
    assert sorted(converter.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(converter, name) is not None


def test_the_public_names_are_the_things_themselves() -> None:
    assert converter.ConvertH5Error is errors.ConvertH5Error
    assert converter.Options().strategy == "auto"
    assert callable(converter.convert)
    assert callable(converter.inspect)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'explode'"):
        converter.explode  # noqa: B018


def _modules_after(statement: str) -> set[str]:
    """Names of the modules that a fresh Python has loaded after `statement`."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert _modules_after("import converter").isdisjoint(HEAVY)


def test_the_whole_orchestrator_never_imports_tensorflow_or_keras() -> None:
    loaded = _modules_after("import converter.api, converter.pipeline, converter.cli.convert")
    assert "converter.pipeline" in loaded
    assert loaded.isdisjoint({"tensorflow", "keras", "tf_keras"})


def test_what_needs_no_toolchain_needs_no_arrays_here_either() -> None:
    """They would take longer to import than the model takes to convert."""
    loaded = _modules_after("import converter.cli.convert, converter.pipeline")
    assert loaded.isdisjoint({"numpy", "h5py", "grpc", "requests"})


def test_inspect_reads_a_file_by_path_or_text(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "model.h5")
    assert converter.inspect(str(path)) == converter.inspect(path)
    assert converter.inspect(path).writer.version == "2.3.1"


def test_convert_raises_the_typed_error_with_the_report_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(errors.SourceNotFound) as caught:
        converter.convert(tmp_path / "none.h5", tmp_path / "out")
    report = caught.value.report
    assert isinstance(report, converter.report.model.Report)
    assert report.error is caught.value
    assert report.published is None
    assert not (tmp_path / "out").exists()
