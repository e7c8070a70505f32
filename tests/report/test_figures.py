"""Verdicts put together: nothing that differs may be hidden by what does not."""

from __future__ import annotations

import dataclasses
import math

from converter.report import figures
from converter.report.figures import Group
from converter.report.model import AttemptReport
from converter.verdict.compare import Verdict
from testing import reports

PASSED = Verdict("answer", "y", "grpc", 0, "", 4, max_abs=1e-7, top1=1.0, histogram=(3, 1))
WRONG = dataclasses.replace(PASSED, problem="1 of 4 elements", max_abs=0.5, top1=0.5)
UNLIKE = Verdict("answer", "y", "grpc", 1, "shape [4] instead of [2, 2]", 4)


def test_the_figures_of_a_group_are_its_worst() -> None:
    group = Group((PASSED, WRONG, UNLIKE))
    assert (group.passed, group.failures) == (1, (WRONG, UNLIKE))
    assert (group.worst("max_abs"), group.top1) == (0.5, 0.5)
    assert group.elements == 12
    assert group.histogram == (6, 2)


def test_what_could_not_be_compared_is_no_difference_of_zero() -> None:
    unknown = dataclasses.replace(UNLIKE, check="random", max_abs=math.nan)
    group = Group((UNLIKE, unknown))
    assert not figures.has_figures(UNLIKE)
    assert (group.worst("max_abs"), group.top1, group.histogram) == (None, None, ())


def test_the_published_attempt_decides_even_if_others_had_answers_too() -> None:
    report = reports.published()
    report.attempts.append(dataclasses.replace(report.attempts[1], outcome="differs"))
    assert figures.deciding(report) is report.attempts[1]


def test_without_a_published_one_the_last_with_answers_decides() -> None:
    report = reports.differing()
    report.attempts.append(AttemptReport("export", "keras3 in tf2.21", frozen=False))
    assert figures.deciding(report) is report.attempts[0]
    report.attempts.append(dataclasses.replace(report.attempts[0]))
    assert figures.deciding(report) is report.attempts[2]


def test_nothing_decides_where_nothing_was_compared() -> None:
    assert figures.deciding(reports.not_served()) is None
    report = reports.published()
    report.attempts[1].verdicts.clear()
    assert figures.deciding(report) is None


def test_outputs_of_one_name_in_two_signatures_are_two() -> None:
    other = dataclasses.replace(PASSED, signature="predict")
    assert [name for name, _ in figures.outputs([PASSED, WRONG])] == ["y"]
    names = [name for name, _ in figures.outputs([PASSED, other, WRONG])]
    assert names == ["serving_default: y", "predict: y"]


def test_protocols_are_told_together_only_where_all_figures_are_the_same() -> None:
    row = dataclasses.replace(PASSED, protocol="rest row")
    columnar = dataclasses.replace(WRONG, protocol="rest columnar")
    told = [(over, g.first) for over, g in figures.by_check([row, columnar, PASSED])]
    assert told == [(["rest row", "grpc"], row), (["rest columnar"], columnar)]


def test_checks_come_in_the_same_order_whatever_was_asked_first() -> None:
    names = ("rows", "something new", "repeat", "protocols", "random", "answer")
    verdicts = [dataclasses.replace(PASSED, check=name) for name in names]
    checks = [group.first.check for _, group in figures.by_check(verdicts)]
    assert checks == ["answer", "random", "protocols", "repeat", "rows", "something new"]


def test_only_differences_from_the_reference_are_drawn() -> None:
    again = dataclasses.replace(PASSED, check="repeat", histogram=(4, 0))
    unlike = dataclasses.replace(UNLIKE, protocol="rest row")
    assert figures.distributions([PASSED, again, unlike]) == [(["grpc"], (3, 1))]
