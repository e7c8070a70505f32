"""Version folders are found and chosen as in shared/golden/narrated.md, "Versions over time"."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from converter.serving.server import storage
from converter.serving.server.config import All, Latest, ModelConfig, Policy, Specific
from converter.serving.status import Code, StatusError


def _model(folder: Path, policy: Policy | None = None, name: str = "m") -> ModelConfig:
    return ModelConfig(name, str(folder), policy or Latest())


def _folder(parent: Path, *names: str) -> Path:
    for name in names:
        (parent / name).mkdir()
    return parent


def _found(folder: Path) -> dict[int, str]:
    return {number: path.name for number, path in storage.versions(_model(folder)).items()}


def _aspired(folder: Path, policy: Policy) -> list[int]:
    model = _model(folder, policy)
    return [number for number, _ in storage.aspired(model, storage.versions(model))]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("7", 7),
        ("00000123", 123),
        ("0", 0),
        ("-3", -3),
        ("+5", 5),
        (" 8", 8),
        ("8\t ", 8),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", None),
        ("99999999999999999999", None),
        ("2.0", None),
        ("v3", None),
        ("1e3", None),
        ("1_0", None),
        ("- 3", None),
        ("--3", None),
        ("-", None),
        ("", None),
        ("٣", None),
        ("abc", None),
    ],
)
def test_a_name_is_read_as_an_int64_or_not_at_all(name: str, number: int | None) -> None:
    assert storage.version_number(name) == number


def test_names_that_are_no_numbers_are_passed_over(tmp_path: Path) -> None:
    assert _found(_folder(tmp_path, "1", "2.0", "v3", "1e3", "9" * 20)) == {1: "1"}


def test_versions_lie_in_the_base_path_under_their_names(tmp_path: Path) -> None:
    found = storage.versions(_model(_folder(tmp_path, "00000007", "5", "11")))
    assert list(found.items()) == [
        (5, tmp_path / "5"),
        (7, tmp_path / "00000007"),
        (11, tmp_path / "11"),
    ]


def test_a_plain_file_counts(tmp_path: Path) -> None:
    (tmp_path / "7").touch()
    assert _found(_folder(tmp_path, "1")) == {1: "1", 7: "7"}


@pytest.mark.parametrize(("ignored", "loaded"), [("001", "1"), ("1", "1 ")])
def test_of_two_names_for_a_number_the_later_one_wins(
    tmp_path: Path, ignored: str, loaded: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert _found(_folder(tmp_path, loaded, ignored)) == {1: loaded}
    assert caplog.messages == [
        f"Duplicate version directories detected. Version 1 will be loaded from {loaded}, "
        f"{ignored} will be ignored."
    ]


def test_a_name_that_is_no_text_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "\udcff").mkdir()
    assert _found(_folder(tmp_path, "1")) == {1: "1"}


def test_a_file_uri_is_a_local_path(tmp_path: Path) -> None:
    model = ModelConfig("m", f"file://{_folder(tmp_path, '1')}")
    assert storage.versions(model) == {1: tmp_path / "1"}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Latest(), [3]),
        (Latest(2), [3, 2]),
        (Latest(9), [3, 2, 1, 0, -3]),
        (All(), [3, 2, 1, 0, -3]),
        (Specific(frozenset({1, -3})), [1, -3]),
    ],
)
def test_the_policy_chooses_by_number(
    tmp_path: Path, policy: Policy, expected: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    assert _aspired(_folder(tmp_path, "1", "2", "3", "0", "-3"), policy) == expected
    assert caplog.messages == []


def test_a_negative_version_is_served_when_there_is_no_other(tmp_path: Path) -> None:
    assert _aspired(_folder(tmp_path, "-3"), Latest()) == [-3]


def test_missing_specific_versions_are_warned_of_and_the_others_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert _aspired(_folder(tmp_path, "1", "2"), Specific(frozenset({1, 9}))) == [1]
    assert caplog.messages == [
        "Version 9 of servable m, which was requested to be served as a 'specific' version in "
        "the servable's version policy, was not found in the file system"
    ]


@pytest.mark.parametrize("policy", [Latest(), All(), Specific(frozenset())])
def test_nothing_to_serve_is_warned_of(
    tmp_path: Path, policy: Policy, caplog: pytest.LogCaptureFixture
) -> None:
    assert _aspired(_folder(tmp_path, "abc"), policy) == []
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (
            logging.WARNING,
            f"No versions of servable m found under base path {tmp_path}. "
            "Did you forget to name your leaf directory as a number (eg. '/1/')?",
        )
    ]


def test_a_missing_base_path_is_told_with_the_recorded_text(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(StatusError) as caught:
        storage.versions(_model(gone))
    assert caught.value.code == Code.NOT_FOUND
    assert caught.value.message == (
        f"Could not find base path {gone} for servable m with error NOT_FOUND: {gone} not found"
    )


def test_a_base_path_that_cannot_exist_is_missing() -> None:
    with pytest.raises(StatusError, match="NOT_FOUND: Could not find base path"):
        storage.versions(ModelConfig("m", "/a\0b"))


def test_a_base_path_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StatusError) as caught:
        storage.versions(_model(tmp_path / "file"))
    assert str(caught.value) == f"FAILED_PRECONDITION: {tmp_path / 'file'}; Not a directory"


def test_polling_gives_every_model_its_versions(tmp_path: Path) -> None:
    _folder(tmp_path, "a", "b")
    models = [_model(_folder(tmp_path / name, number), name=name) for name, number in ("a1", "b2")]
    assert storage.poll(models) == {
        "a": ((1, tmp_path / "a" / "1"),),
        "b": ((2, tmp_path / "b" / "2"),),
    }


def test_polling_says_which_models_have_nothing_left(tmp_path: Path) -> None:
    assert storage.poll([_model(tmp_path)]) == {"m": ()}


def test_one_base_path_that_is_gone_leaves_all_models_as_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Recorded as grpc.reload.missing.4 to 6."""
    gone = tmp_path / "gone"
    models = [_model(_folder(tmp_path, "1")), _model(gone, name="other")]
    assert storage.poll(models) is None
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (
            logging.ERROR,
            "FileSystemStoragePathSource encountered a filesystem access error: "
            f"Could not find base path {gone} for servable other "
            f"with error NOT_FOUND: {gone} not found",
        )
    ]
