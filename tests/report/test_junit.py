"""The report as JUnit XML: valid for those who read it, failed exactly when the run failed."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from converter.errors import SourceNotFound, WorkerDied
from converter.report import junit
from converter.report.model import AttemptReport, Report
from converter.text import escaped
from testing import reports

# Element -> its attributes (True: must be there) and its children in the order they must have.
# Source: what junit-10.xsd of Jenkins' xUnit plugin allows, with the order and the obligations of
# the older schema for Ant's JUnit task where that asks for more.
SCHEMA: dict[str, tuple[dict[str, bool], tuple[str, ...]]] = {
    "testsuites": (
        {"name": False, "time": False, "tests": False, "failures": False, "errors": False},
        ("testsuite",),
    ),
    "testsuite": (
        {
            **dict.fromkeys(("name", "tests", "failures", "errors", "time"), True),
            **dict.fromkeys(("skipped", "timestamp"), False),
        },
        ("properties", "testcase"),
    ),
    "properties": ({}, ("property",)),
    "property": ({"name": True, "value": True}, ()),
    "testcase": (
        {"classname": True, "name": True, "time": True},
        ("skipped", "error", "failure", "system-out"),
    ),
    "skipped": ({"type": True, "message": True}, ()),
    "error": ({"type": True, "message": True}, ()),
    "failure": ({"type": True, "message": True}, ()),
    "system-out": ({}, ()),
}
WITH_TEXT = ("error", "failure", "system-out")
SECONDS = re.compile(r"\d+\.\d{3}")
# XML 1.0, production [2].
FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

REPORTS: dict[str, Callable[[], Report]] = {
    function.__name__: function
    for function in (
        reports.published,
        reports.differing,
        reports.verified,
        reports.not_served,
        reports.hostile,
    )
}
FAILED = ("differing", "not_served", "hostile")


@pytest.fixture(params=REPORTS)
def report(request: pytest.FixtureRequest) -> Report:
    """A run of each kind."""
    return REPORTS[request.param]()


def _root(report: Report) -> ET.Element:
    return ET.fromstring(junit.document(report).encode())


def _cases(root: ET.Element, suite: str) -> dict[str, ET.Element]:
    """The cases of one suite, by name."""
    (found,) = (s for s in root if s.get("name") == suite)
    return {case.get("name", ""): case for case in found.findall("testcase")}


def _check(element: ET.Element) -> None:
    attributes, children = SCHEMA[element.tag]
    assert set(element.attrib) <= set(attributes), element.tag
    assert {name for name, needed in attributes.items() if needed} <= set(element.attrib)
    places = [children.index(child.tag) for child in element]
    assert places == sorted(places), [child.tag for child in element]
    if element.tag not in WITH_TEXT:
        assert not (element.text or "").strip()
    if "time" in element.attrib:
        assert SECONDS.fullmatch(element.attrib["time"])
    for child in element:
        assert not (child.tail or "").strip()
        _check(child)


def test_it_keeps_to_the_schema(report: Report) -> None:
    root = _root(report)
    assert root.tag == "testsuites"
    _check(root)
    for case in root.iter("testcase"):
        results = [child.tag for child in case if child.tag != "system-out"]
        assert len(results) <= 1


def test_it_says_that_it_is_utf_8_and_is() -> None:
    report = dataclasses.replace(reports.published(), writer="Kéras 模型")
    text = junit.document(report)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
    assert "Kéras 模型" in text


def test_the_numbers_are_those_of_the_cases(report: Report) -> None:
    root = _root(report)
    for holder in (root, *root.findall("testsuite")):
        cases = list(holder.iter("testcase"))
        assert holder.get("tests") == str(len(cases))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if name in holder.attrib:
                assert holder.get(name) == str(sum(c.find(tag) is not None for c in cases))
        total = sum(float(case.get("time", "")) for case in cases)
        assert float(holder.get("time", "")) == pytest.approx(total)


def test_cases_can_be_told_apart(report: Report) -> None:
    root = _root(report)
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", REPORTS)
def test_something_failed_exactly_when_the_run_did(name: str) -> None:
    report = REPORTS[name]()
    root = _root(report)
    failed = int(root.get("failures", "")) + int(root.get("errors", "")) > 0
    assert failed == (report.exit_code != 0) == (name in FAILED)


def test_every_comparison_is_a_case() -> None:
    report = reports.differing()
    root = _root(report)
    over = {
        protocol: _cases(root, f"1 save_model, frozen over {name}")
        for protocol, name in (
            ("rest row", "REST row"),
            ("rest columnar", "REST columnar"),
            ("grpc", "gRPC"),
        )
    }
    (attempt,) = report.attempts
    assert sum(map(len, over.values())) == len(attempt.verdicts)
    for verdict in attempt.verdicts:
        name = f"{verdict.output}: {verdict.check}, batch {verdict.batch}"
        assert (over[verdict.protocol][name].find("failure") is None) == verdict.passed


def test_a_failure_has_the_figures_in_its_text_which_is_all_that_some_viewers_show() -> None:
    report = reports.differing()
    (wrong,) = (
        v
        for v in report.attempts[0].verdicts
        if (v.output, v.check, v.batch, v.protocol) == ("scores", "answer", 1, "grpc")
    )
    case = _cases(_root(report), "1 save_model, frozen over gRPC")["scores: answer, batch 1"]
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "answer"
    assert failure.get("message") == wrong.problem
    assert (failure.text or "").splitlines() == [
        wrong.problem,
        "20 elements",
        f"largest |a-b|: {wrong.max_abs:.6g}",
        f"largest |a-b|/|b|: {wrong.max_rel:.6g}",
        "smallest atol that passes: 0.209",
        "smallest rtol that passes: 0.328",
        "top-1 agreement: 75 %",
    ]


def test_what_could_not_be_compared_has_no_figures() -> None:
    case = _cases(_root(reports.differing()), "1 save_model, frozen over gRPC")[
        "boxes: answer, batch 0"
    ]
    text = case.findtext("failure") or ""
    assert text.splitlines() == [
        "shape [1, 5] instead of [1, 6]",
        "6 elements, none of them compared",
    ]


def test_a_comparison_that_passed_tells_its_figures_too() -> None:
    case = _cases(_root(reports.published()), "2 builder over gRPC")["dense_2: answer, batch 1"]
    assert [child.tag for child in case] == ["system-out"]
    assert "largest |a-b|: 5.96046e-08" in (case.findtext("system-out") or "")


def test_an_attempt_that_another_made_up_for_is_skipped_with_its_reason() -> None:
    root = _root(reports.published())
    case = _cases(root, "1 contrib")["converts"]
    skipped = case.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == reports.published().attempts[0].error
    assert "Traceback" in (case.findtext("system-out") or "")


def test_the_same_goes_for_answers_of_another_attempt_that_differed() -> None:
    report = reports.published()
    report.attempts[0] = reports.differing().attempts[0]
    root = _root(report)
    case = _cases(root, "1 save_model, frozen over gRPC")["scores: answer, batch 1"]
    assert case.find("skipped") is not None
    assert (root.get("failures"), root.get("errors")) == ("0", "0")


def test_a_protocol_that_could_not_be_asked_is_skipped_with_the_reason() -> None:
    (case,) = _cases(_root(reports.published()), "2 builder over REST row").values()
    skipped = case.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "the outputs have different numbers of rows"


def test_a_protocol_that_carries_one_signature_only_has_one_suite() -> None:
    report = reports.published()
    report.attempts[1].not_asked.append(("grpc", "too large"))
    cases = _cases(_root(report), "2 builder over gRPC")
    assert cases["not asked: too large"].find("skipped") is not None
    assert cases["dense_2: answer, batch 1"].find("skipped") is None


def test_a_model_that_is_not_served_is_an_error_with_the_log() -> None:
    cases = _cases(_root(reports.not_served()), "1 contrib")
    assert [child.tag for child in cases["converts"]] == []
    error = cases["is served"].find("error")
    assert error is not None
    assert error.get("type") == "not served"
    assert error.text == error.get("message") == "NOT_FOUND: Op type not registered"
    assert (cases["is served"].findtext("system-out") or "") == reports.LOG.rstrip("\n")


def test_an_error_that_ended_the_run_has_its_id_its_message_and_its_log() -> None:
    error = WorkerDied("It died", why="out of memory", log_tail="last words")
    (case,) = _cases(_root(Report(Path("m.h5"), error=error)), "run").values()
    found = case.find("error")
    assert found is not None
    assert (found.get("type"), found.get("message")) == ("worker-died", "It died. out of memory.")
    assert case.findtext("system-out") == "last words"


def test_a_run_that_ended_before_any_attempt_is_one_error() -> None:
    root = _root(Report(Path("m.h5"), error=SourceNotFound("There is no m.h5")))
    assert (root.get("tests"), root.get("errors"), root.get("failures")) == ("1", "1", "0")


def test_answers_that_differ_are_a_failure_of_the_run_and_not_an_error() -> None:
    (case,) = _cases(_root(reports.differing()), "run").values()
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "not-proven"


def test_a_conversion_without_proof_is_said_to_be_so() -> None:
    attempt = AttemptReport("builder", "keras in tf2.15", frozen=False, outcome="published")
    report = dataclasses.replace(reports.published(), attempts=[attempt])
    skipped = _cases(_root(report), "1 builder")["is served"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "no proof was asked for"


def test_a_verification_converts_nothing() -> None:
    root = _root(reports.verified())
    cases = _cases(root, "1 the SavedModel as it is")
    assert list(cases) == ["is served"]
    assert cases["is served"].get("time") == "12.345"
    assert list(_cases(root, "run")) == ["the SavedModel answers as the source"]


def test_an_attempt_takes_the_time_it_took() -> None:
    root = _root(reports.published())
    assert _cases(root, "2 builder")["converts"].get("time") == "12.345"
    assert root.get("time") == f"{3.21 + 12.345:.3f}"


def test_every_suite_tells_of_what_it_is() -> None:
    report = reports.published()
    for suite in _root(report):
        told = {p.get("name"): p.get("value") for p in suite.iter("property")}
        assert told["sha256"] == report.sha256
        assert told["writer"] == "keras 2.1.6 on tensorflow"
        assert (told["serving"], told["rule"]) == ("local:1.14.0", report.rule)
        assert "saved_model" not in told  # nothing is known of it
        if (suite.get("name") or "").startswith("2 "):
            assert told["toolchain"] == "keras in tf1.12-keras2.1"
            assert (told["strategy"], told["frozen"]) == ("builder", "false")


def test_the_start_is_told_in_the_schemas_own_form() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    started = datetime(2024, 5, 1, 12, 0, 5, 999, tzinfo=zone)
    root = _root(dataclasses.replace(reports.published(), started=started))
    assert {suite.get("timestamp") for suite in root} == {"2024-05-01T12:00:05"}
    without = _root(dataclasses.replace(reports.published(), started=None))
    assert {suite.get("timestamp") for suite in without} == {None}


def test_names_of_several_signatures_are_told_apart() -> None:
    report = reports.verified()
    (attempt,) = report.attempts
    attempt.verdicts += [dataclasses.replace(v, signature="predict") for v in attempt.verdicts]
    cases = _cases(_root(report), "1 the SavedModel as it is over gRPC")
    assert "serving_default: dense_2: answer, batch 0" in cases
    assert "predict: dense_2: answer, batch 0" in cases


def test_dots_in_names_make_no_packages() -> None:
    case = _cases(_root(reports.published()), "2 builder over gRPC")["dense_2: answer, batch 0"]
    assert case.get("classname") == "convert-h5.digits-keras-2_1_6_h5.2 builder.grpc"


def test_hostile_texts_stay_texts() -> None:
    document = junit.document(reports.hostile())
    assert FORBIDDEN.search(document) is None
    document.encode("utf-8", "strict")
    root = ET.fromstring(document.encode())
    assert {element.tag for element in root.iter()} <= set(SCHEMA)
    texts = [text for element in root.iter() for text in (element.text, *element.attrib.values())]
    told = "\n".join(text for text in texts if text)
    for name in reports.HOSTILE:
        assert escaped(name) in told


def test_a_log_keeps_its_lines_and_shows_its_control_characters() -> None:
    error = WorkerDied("It died", log_tail="one\r\ntwo\x00\n\x1b[31mred\n\ttab\x0bend\n")
    (case,) = _cases(_root(Report(Path("m.h5"), error=error)), "run").values()
    assert case.findtext("system-out") == "one\ntwo\\x00\n\\x1b[31mred\n        tab\nend"
