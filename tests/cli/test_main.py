"""The command line: verbs, exit codes, one line for every failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import click
import pytest

from converter import __version__, api
from converter.cli import main as cli
from testing.cli import IN_FOREGROUND
from testing.models import Node, dense_model, layer, sequential, write_h5

# What the module of a verb that waits, with a staging folder in its hands, looks like.
WAITING_VERB = """
import sys, time
from pathlib import Path
import click
from converter.publish import staging

@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder):
    with staging(folder):
        print("ready", flush=True)
        time.sleep(600)
"""
RUN_WITH_IT = """
import sys
from converter.cli import main
main.VERBS["wait"] = ("waiting_verb", "Wait.")
sys.exit(main.main())
"""


@pytest.fixture(autouse=True)
def _signals_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The handler that `main` sets is taken back; temporary files are the test's own."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    signal.signal(signal.SIGTERM, handler)


def _run(*arguments: str | Path, program: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, *(program or ("-m", "converter.cli.main")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _failing(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """(exit code, the one line that tells the failure) of a command without a result."""
    code = cli.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert out == ""
    *before, last = err.splitlines()
    assert not any(line.startswith("convert-h5:") for line in before), err
    return code, last


def _lambda_model() -> Node:
    code = ["4wEAAAABAAAAAQAAAEMAAABzBAAAAHwAUwApAU4=\n", None, None]
    return sequential(
        layer(
            "Lambda",
            "lambda_1",
            batch_input_shape=[None, 3],
            function=code,
            function_type="lambda",
            arguments={},
        )
    )


def test_help_names_every_verb_and_the_short_form() -> None:
    done = _run("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in cli.VERBS)
    assert "convert-h5 FILE DIR" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_help_of_each_verb_has_examples(verb: str) -> None:
    done = _run(verb, "--help")
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert f"convert-h5 {verb}" in done.stdout or verb == "convert"


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from converter.cli.main import main; main(['--help']);"
        "sys.exit(bool({'h5py', 'numpy', 'rich', 'tensorflow'} & set(sys.modules)))"
    )
    assert _run(program=["-c", program]).returncode == 0


def test_the_version_is_the_packages() -> None:
    assert _run("--version").stdout.split()[-1] == __version__


def test_a_file_and_a_folder_are_short_for_convert(tmp_path: Path) -> None:
    short = _run(tmp_path / "none.h5", tmp_path / "out", "--json")
    long = _run("convert", tmp_path / "none.h5", tmp_path / "out", "--json")
    said, wanted = json.loads(short.stdout), json.loads(long.stdout)
    del said["started"], wanted["started"]
    assert (short.returncode, said, short.stderr) == (3, wanted, long.stderr)
    assert json.loads(short.stdout)["error"]["id"] == "source-not-found"


def test_options_may_come_before_the_file(tmp_path: Path) -> None:
    assert _run("--json", tmp_path / "none.h5", tmp_path / "out").returncode == 3


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with sources of several kinds in it."""
    monkeypatch.chdir(tmp_path)
    write_h5(Path("model.h5"))
    write_h5(Path("lambda.h5"), _lambda_model())
    Path("text.h5").write_text("hello, world")
    Path("file").touch()
    Path("taken", "1").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "id_"),
    [
        (["model.h5", "out", "--strategy", "magic"], 2, "usage"),
        (["model.h5", "out", "--serving", "podman"], 2, "usage"),
        (["model.h5", "out", "--rename-input", "nothing=x"], 2, "usage"),
        (["model.h5", "file/out"], 2, "target-not-writable"),
        (["model.h5", "taken", "--model-version", "1"], 2, "version-exists"),
        (["none.h5", "out"], 3, "source-not-found"),
        (["text.h5", "out"], 3, "source-not-hdf5"),
        (["taken", "out"], 3, "source-not-readable"),
        (["inspect", "none.h5"], 3, "source-not-found"),
        (["lambda.h5", "out"], 4, "source-unsafe"),
        (["model.h5", "out", "--toolchain", "tf9.9"], 5, "toolchain-unknown"),
        (["model.h5", "out", "--serving", "local:9.9"], 5, "toolchain-unknown"),
    ],
)
def test_a_failure_is_one_line_with_its_id_and_exit_code(
    arguments: list[str], code: int, id_: str, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(models.rglob("*"))
    ended, line = _failing(capsys, *arguments)
    assert (ended, line.split()[0], line.split()[-1]) == (code, "convert-h5:", f"[{id_}]")
    assert sorted(models.rglob("*")) == before, "nothing is left behind"


@pytest.mark.parametrize(
    "arguments",
    [
        ["model.h5"],
        ["inspect"],
        ["inspect", "none.h5", "--check", "--json"],
        ["model.h5", "out", "--no-such-option"],
        ["model.h5", "out", "--rename-input", "x"],
        ["model.h5", "out", "--rename-input", "=x"],
        ["model.h5", "out", "--model-version", "one"],
        ["model.h5", "out", "--model-version", "-1"],
        ["model.h5", "out", "--samples", "1"],
        ["model.h5", "out", "--rtol", "-1"],
        ["toolchain", "explode"],
        ["toolchain", "install"],
    ],
    ids=" ".join,
)
def test_a_command_that_makes_no_sense_is_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Error" in err


def test_json_on_failure_is_one_document_with_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_h5(tmp_path / "lambda.h5", _lambda_model())
    assert cli.main([str(path), str(tmp_path / "out"), "--json"]) == 4
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["schema"], told["exit_code"]) == ("convert-h5/report/1", 4)
    assert told["error"]["id"] == "source-unsafe"
    assert err == ""


def test_a_report_folder_is_written_for_a_failure_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _failing(capsys, tmp_path / "none.h5", tmp_path / "out", "--report", tmp_path / "report")
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert told["error"]["id"] == "source-not-found"


def test_inspect_prints_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_h5(tmp_path / "model.h5", dense_model())
    assert cli.main(["inspect", str(path), "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert set(told) == {
        *("schema", "path", "size", "kind", "writer", "model", "layers", "inputs", "outputs"),
        *("weights", "optimizer", "compiled", "training_calls", "findings", "plan", "problem"),
    }
    assert told["schema"] == "convert-h5/inspect/1"
    assert told["writer"]["version"] == "2.3.1"
    assert told["weights"] == {"layers": 1, "arrays": 2, "bytes": 32}
    assert err == ""


def test_inspect_tells_people_the_plan_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_h5(tmp_path / "model.h5")
    assert cli.main(["inspect", str(path)]) == 0
    assert "plan:\n  written by keras 2.3.1 on tensorflow" in capsys.readouterr().out


def test_inspect_shows_what_convert_would_refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_h5(tmp_path / "lambda.h5", _lambda_model())
    assert cli.main(["inspect", str(path), "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert any(f["refuse"] and f["permit"].startswith("--allow-lambda sha256:") for f in findings)


def test_inspect_of_several_files_tells_all_and_ends_as_the_first_that_failed(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["inspect", "model.h5", "none.h5", "lambda.h5", "--json"]) == 3
    out, err = capsys.readouterr()
    first, second = out.split("\n}\n{\n")
    assert json.loads(first + "}")["path"] == "model.h5"
    assert json.loads("{" + second)["path"] == "lambda.h5"
    assert err.endswith("[source-not-found]\n")


def test_inspect_check_is_silent_of_what_is_right_and_has_a_line_for_what_is_not(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["inspect", "--check", "model.h5"]) == 0
    assert capsys.readouterr() == ("", "")
    assert cli.main(["inspect", "--check", "lambda.h5", "model.h5", "text.h5"]) == 4
    out, err = capsys.readouterr()
    refused, unreadable = err.splitlines()
    assert out == ""
    assert (refused.split()[1], refused.split()[-1]) == ("lambda.h5", "[source-unsafe]")
    assert (unreadable.split()[1], unreadable.split()[-1]) == ("text.h5", "[source-not-hdf5]")
    permit = next(word for word in refused.split() if word.startswith("sha256:"))
    digest = permit.rstrip(".")
    assert cli.main(["inspect", "--check", "lambda.h5", "--allow-lambda", digest]) == 0


@pytest.mark.parametrize("message", ["it broke", "it broke\nin two lines"])
def test_an_internal_error_is_one_line_and_a_log_file(
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def explode(_: Path) -> None:
        raise RuntimeError(message)

    monkeypatch.setattr(api, "inspect", explode)
    code, line = _failing(capsys, "inspect", tmp_path / "model.h5")
    assert code == 70
    assert line.startswith("convert-h5: internal error, RuntimeError: it broke")
    assert line.endswith("[internal]")
    logs = list(tmp_path.glob("convert-h5-error-*.md"))
    assert len(logs) == 1
    assert str(logs[0]) in line
    text = logs[0].read_text()
    assert f"convert-h5 {__version__}" in text
    assert "in explode" in text


def test_an_interrupted_verb_is_told_and_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    module = ModuleType("interrupted_verb")
    module.command = interrupted  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "interrupted_verb", module)
    monkeypatch.setitem(cli.VERBS, "stop", ("interrupted_verb", "Stop."))
    assert cli.main(["stop"]) == 130
    assert capsys.readouterr().err.strip().startswith("convert-h5: interrupted")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_cleaned_up(sent: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "waiting_verb.py").write_text(WAITING_VERB)
    export = tmp_path / "models"
    process = subprocess.Popen(
        [*IN_FOREGROUND, sys.executable, "-c", RUN_WITH_IT, "wait", str(export)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; everything was cleaned up" in err
    assert "Traceback" not in err
    assert list(export.iterdir()) == []
