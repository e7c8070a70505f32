"""Every failure: its id, its exit code, its message; and which one says why nothing came out."""

from __future__ import annotations

import inspect

import pytest

from converter import errors, outcome
from converter.errors import ConvertH5Error
from converter.report.model import AttemptReport
from testing.models import job

CLASSES = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, ConvertH5Error)
]

EXIT_CODES = {
    70: {"convert-h5"},
    1: {"not-proven"},
    2: {"usage", "target-not-writable", "target-full", "version-exists"},
    3: {
        *("source", "source-not-found", "source-not-readable", "source-not-hdf5"),
        *("source-keras-zip", "source-truncated", "source-changed", "source-weights-only"),
        *(
            "source-no-keras-model",
            "source-config-unreadable",
            "source-unknown-layer",
            "source-not-direct",
        ),
        *("samples-unusable", "source-empty-output"),
    },
    4: {"source-unsafe"},
    5: {
        *("toolchain", "toolchain-unknown", "toolchain-python-missing"),
        *("toolchain-install-failed", "toolchain-unhealthy", "toolchain-none"),
    },
    6: {"serving-failed"},
    7: {
        *("worker", "worker-died", "worker-timeout", "worker-protocol", "worker-raised"),
        "not-converted",
    },
}


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_an_error_has_a_stable_id_and_the_exit_code_that_is_documented(
    error: type[ConvertH5Error],
) -> None:
    assert error.id in EXIT_CODES[error.exit_code]
    assert error.__doc__


def test_every_id_is_used_once() -> None:
    ids = [error.id for error in CLASSES]
    assert len(set(ids)) == len(ids)
    assert set(ids) == set().union(*EXIT_CODES.values())


def test_the_overview_names_every_error() -> None:
    overview = errors.__doc__ or ""
    assert [e.__name__ for e in CLASSES if e.__name__ not in overview] == []


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("It broke", "", ""), "It broke."),
        (("It broke", "the disk is full", "Free some"), "It broke. the disk is full. Free some."),
        (("It broke.", "", "Try again."), "It broke. Try again."),
        (("It\nbroke", "because\n\n  of this", ""), "It broke. because of this."),
        (("It broke", "  ", "Try"), "It broke. Try."),
    ],
    ids=["what", "all parts", "full stops", "line breaks", "blank part"],
)
def test_the_message_is_one_line_of_what_why_and_how(
    parts: tuple[str, str, str], line: str
) -> None:
    what, why, fix = parts
    error = ConvertH5Error(what, why=why, fix=fix)
    assert error.line() == str(error) == line


def test_a_worker_error_carries_the_tail_of_the_log_outside_its_message() -> None:
    error = errors.WorkerDied("It died", log_tail="Segmentation fault")
    assert error.log_tail == "Segmentation fault"
    assert "Segmentation" not in error.line()


def test_what_a_worker_raised_keeps_its_kind_and_class() -> None:
    error = errors.WorkerRaised("It failed", kind="memory", exception="MemoryError", why="no room")
    assert (error.kind, error.exception) == ("memory", "MemoryError")
    assert error.line() == "It failed. no room."


def _attempt(name: str, result: str, error: str = "") -> AttemptReport:
    return AttemptReport(name, "a toolchain", False, outcome=result, error=error)


FAILED = _attempt("builder", "failed", "ValueError: bad shape")
UNKNOWN = _attempt("builder", "failed", "ValueError: Unknown layer: Attention2")
NOT_SERVED = _attempt("simple_save", "not served", "it did not load")
DIFFERS = _attempt("save_model", "differs", "y (answer): 3 of 6 elements beyond the rule")


@pytest.mark.parametrize(
    ("attempts", "id_"),
    [
        ([], "toolchain-none"),
        ([FAILED], "not-converted"),
        ([FAILED, UNKNOWN], "source-unknown-layer"),
        ([FAILED, NOT_SERVED], "serving-failed"),
        ([UNKNOWN, NOT_SERVED], "serving-failed"),
        ([NOT_SERVED, DIFFERS, FAILED], "not-proven"),
    ],
)
def test_the_attempt_that_came_farthest_tells_why_nothing_was_published(
    attempts: list[AttemptReport], id_: str
) -> None:
    run = job()
    run.report.attempts = attempts
    assert outcome.why_nothing(run, ["no Python 3.7"]).id == id_


def test_the_reason_tells_every_attempt() -> None:
    run = job()
    frozen = AttemptReport("export", "a toolchain", True, outcome="failed", error="no variables")
    run.report.attempts = [FAILED, frozen]
    error = outcome.why_nothing(run, [])
    assert error.why == "builder: ValueError: bad shape; export, frozen: no variables"


def test_missing_toolchains_are_told_where_none_could_be_had() -> None:
    assert outcome.why_nothing(job(), ["no Python 3.6", "no Python 3.7"]).why == (
        "no Python 3.6; no Python 3.7"
    )


def test_an_unknown_layer_is_explained_by_the_attempt_that_met_it() -> None:
    run = job()
    run.report.attempts = [FAILED, UNKNOWN]
    assert "Attention2" in outcome.why_nothing(run, []).why


def test_the_manifest_has_the_sources_name_and_no_path() -> None:
    run = job()
    run.report.reference = "keras in tf1.15-keras2.3"
    made = AttemptReport("builder", "keras in tf1.15-keras2.3", False, outcome="proven")
    written = outcome.manifest(run, run.plan.targets[0], made)
    assert written["schema"] == "convert-h5/manifest/1"
    assert written["source"] == {"name": "model.h5", "sha256": "0" * 64}
    assert written["toolchain"]["id"] == "tf1.15-keras2.3"
    assert len(written["toolchain"]["lock_sha256"]) == 64
    assert written["strategy"] == "builder"
    assert written["contract"]["signatures"] == ["serving_default"]
