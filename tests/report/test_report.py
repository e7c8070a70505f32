"""One run and one source, told as JSON, as files and as lines for people."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from converter.errors import NotConverted, NotProven, UsageError, WorkerDied
from converter.report import files, inspection, terminal
from converter.report.model import AttemptReport, Report, as_dict
from converter.source.model import Finding
from converter.verdict.compare import Verdict
from testing.models import source, two_input_model

VERDICT = Verdict("answer", "y", "session", 0, "", 6, max_abs=2e-7, max_rel=1e-6, top1=1.0)
WRONG = Verdict("answer", "y", "session", 0, "3 of 6 elements beyond the rule", 6, max_abs=0.5)


def _published() -> Report:
    return Report(
        source=Path("model.h5"),
        sha256="ab" * 32,
        writer="keras 2.3.1",
        plan=["written by keras 2.3.1"],
        notes=["not proven in tf2.2: no Python 3.7"],
        reference="keras in tf1.15-keras2.3",
        scale=1.0,
        sensitivity=3e-8,
        serving="local:2.2.3",
        rule="|a-b| <= 1e-05 + 0.0001*|b|",
        inputs=["x"],
        outputs=["y"],
        attempts=[
            AttemptReport(
                "builder",
                "keras in tf1.15-keras2.3",
                False,
                outcome="published",
                verdicts=[VERDICT],
                seconds=1.23456,
            )
        ],
        published=Path("models/m/1"),
    )


def _failed(outcome: str = "differs", verdict: Verdict = WRONG) -> Report:
    attempt = AttemptReport(
        "save_model",
        "tf.keras in tf2.2",
        True,
        outcome=outcome,
        error="y (answer): 3 of 6 elements",
        log_tail="the log",
        verdicts=[verdict],
    )
    return dataclasses.replace(
        _published(), attempts=[attempt], published=None, error=NotProven("They differ")
    )


def _strict(text: str) -> Any:
    """Parsed as the standard says: NaN and Infinity are not JSON."""

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_published_run_as_one_document() -> None:
    told = as_dict(_published())
    assert told["schema"] == "convert-h5/report/1"
    assert told["source"]["sha256"] == "ab" * 32
    assert told["published"] == "models/m/1"
    assert (told["exit_code"], told["error"]) == (0, None)
    attempt = told["attempts"][0]
    assert (attempt["strategy"], attempt["outcome"], attempt["seconds"]) == (
        "builder",
        "published",
        1.235,
    )
    assert attempt["verdicts"][0]["passed"] is True
    assert attempt["verdicts"][0]["max_abs"] == 2e-7


def test_a_failed_run_has_the_errors_id_and_exit_code() -> None:
    told = as_dict(_failed())
    assert told["published"] is None
    assert told["exit_code"] == 1
    assert told["error"] == {"id": "not-proven", "message": "They differ."}
    assert told["attempts"][0]["verdicts"][0]["passed"] is False


def test_the_proof_is_the_attempt_that_was_published() -> None:
    report = _published()
    assert report.proof is report.attempts[0]
    assert _failed().proof is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_document_is_json_whatever_the_figures_are(tmp_path: Path, value: float) -> None:
    files.write(_failed(verdict=dataclasses.replace(WRONG, max_abs=value)), tmp_path)
    _strict((tmp_path / "report.json").read_text())


def test_the_folder_holds_the_document_and_the_log_of_each_failed_attempt(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    files.write(_failed(), folder)
    written = sorted(p.name for p in folder.iterdir())
    assert written == ["1-save_model.log", "report.html", "report.json", "report.md"]
    assert (folder / "1-save_model.log").read_text() == "the log"
    assert _strict((folder / "report.json").read_text()) == as_dict(_failed())


def test_the_log_of_a_worker_that_ended_the_run_is_kept(tmp_path: Path) -> None:
    error = WorkerDied("It died", log_tail="last words")
    files.write(dataclasses.replace(_published(), error=error), tmp_path)
    assert (tmp_path / "error.log").read_text() == "last words"


def test_a_report_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UsageError, match="cannot be written") as caught:
        files.write(_published(), file / "report")
    assert "--report" in caught.value.fix


def test_a_published_run_for_people() -> None:
    lines = list(terminal.lines(_published()))
    assert lines == [
        "written by keras 2.3.1",
        "note: not proven in tf2.2: no Python 3.7",
        "✓ builder in keras in tf1.15-keras2.3 (1.2 s): proven in local:2.2.3 against "
        "keras in tf1.15-keras2.3: 1 comparisons, largest difference 2e-07 "
        "(rule |a-b| <= 1e-05 + 0.0001*|b|, rounding alone 3e-08)",
        "inputs: x; outputs: y",
    ]


def test_a_failed_run_for_people_tells_each_attempt_and_its_reason() -> None:
    last = list(terminal.lines(_failed()))[-1]
    assert last == (
        "✗ save_model, frozen in tf.keras in tf2.2 (0.0 s): differs, y (answer): 3 of 6 elements"
    )


@pytest.mark.parametrize("outcome", ["differs", "failed", "not served"])
def test_only_what_succeeded_is_ticked(outcome: str) -> None:
    assert list(terminal.lines(_failed(outcome)))[-1].startswith("✗")


def test_what_was_published_without_proof_is_said_to_be_so() -> None:
    attempt = AttemptReport("builder", "a toolchain", False, outcome="published")
    lines = terminal.lines(dataclasses.replace(_published(), attempts=[attempt]))
    assert any(line.endswith("published without proof") for line in lines)


def test_what_was_converted_but_not_published_is_not_said_to_be() -> None:
    attempt = AttemptReport("builder", "a toolchain", False, outcome="converted")
    report = dataclasses.replace(
        _published(), attempts=[attempt], published=None, error=NotConverted("No room left")
    )
    assert not any("published" in line for line in terminal.lines(report))


def test_inspection_as_one_document() -> None:
    told = _strict(json.dumps(inspection.as_dict(source(config=two_input_model()))))
    assert told["schema"] == "convert-h5/inspect/1"
    assert (told["writer"]["flavour"], told["writer"]["version"]) == ("keras", "2.3.1")
    assert told["inputs"][0] == {
        "key": "left",
        "layer": "left",
        "shape": [None, 3],
        "dtype": "float32",
    }
    assert [port["key"] for port in told["outputs"]] == ["sum", "product"]
    assert [layer["class"] for layer in told["layers"]] == [
        *("InputLayer", "InputLayer", "Add", "Multiply")
    ]
    assert told["plan"]["targets"][0]["toolchain"] == "tf1.15-keras2.3"
    assert told["plan"]["strategies"] == ["direct", "builder", "simple_save"]
    assert told["plan"]["reasons"]
    assert told["problem"] is None


def test_inspection_for_people() -> None:
    lines = list(inspection.lines(source(config=two_input_model())))
    assert lines[0] == "model.h5: 1000 bytes, written by keras 2.3.1 on tensorflow"
    assert "  layers: 2 InputLayer, 1 Add, 1 Multiply" in lines
    assert "  input left: float32 [?, 3]" in lines
    assert "  strategies in order: direct, builder, simple_save" in lines
    assert any(line.startswith("  proven in: tf2.2") for line in lines)
    assert any(line.startswith("  if that toolchain cannot be had: tf.keras") for line in lines)


def test_a_file_with_weights_only_is_told_with_what_to_do() -> None:
    weights = dataclasses.replace(
        source(), kind="weights", class_name="", layers=(), inputs=(), outputs=(), config={}
    )
    assert any("--architecture" in line for line in inspection.lines(weights))
    assert inspection.as_dict(weights)["kind"] == "weights"


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (
            Finding("lambda", "lambda_1", "runs bytecode", True, "--allow-lambda sha256:12"),
            "  refused: lambda_1: runs bytecode (permit with --allow-lambda sha256:12)",
        ),
        (Finding("no-weights", "model_weights", "none", True), "  refused: model_weights: none"),
        (Finding("lambda", "loss", "not loaded", False), "  noted: loss: not loaded"),
    ],
)
def test_findings_are_told_with_how_to_permit_them(finding: Finding, line: str) -> None:
    found = source(findings=(finding,))
    assert line in list(inspection.lines(found))
    assert inspection.as_dict(found)["findings"][0]["kind"] == finding.kind
