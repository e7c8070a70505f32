"""What is advised follows from what was measured."""

from __future__ import annotations

from typing import Any

from compat_matrix.advice import advise


def _cell(strategy: str, kind: str = "pass", **changed: str) -> dict[str, Any]:
    toolchain = "none" if strategy == "direct" else "tf2.2"
    told = {"writer": "keras 2.2.4", "serving": "2.2", "toolchain": toolchain}
    return {"file": "a.h5", "strategy": strategy, "kind": kind, **told, **changed}


def _advice(*cells: dict[str, Any]) -> list[str]:
    return [entry["do"] for entry in advise(cells)]


def test_direct_comes_first_then_what_else_was_always_right() -> None:
    told = _advice(_cell("builder"), _cell("direct"), _cell("direct", file="b.h5"))
    assert told == ["direct (2 of 2 right); or builder in tf2.2 (1 of 1 right)"]


def test_what_failed_once_is_not_advised() -> None:
    told = _advice(_cell("direct"), _cell("direct", "wrong numbers"), _cell("builder"))
    assert told == ["builder in tf2.2 (1 of 1 right)"]


def test_where_nothing_is_right_it_says_so() -> None:
    assert _advice(_cell("direct", "failed")) == ["nothing that was measured answers right"]


def test_each_writer_and_release_has_its_own() -> None:
    cells = (
        _cell("direct"),
        _cell("direct", serving="2.21"),
        _cell("direct", writer="keras 1.2.2"),
    )
    told = [(entry["writer"], entry["serving"]) for entry in advise(cells)]
    assert told == [("keras 2.2.4", "2.2"), ("keras 2.2.4", "2.21"), ("keras 1.2.2", "2.2")]


def test_a_file_whose_writer_is_not_known_gives_no_advice() -> None:
    assert advise([_cell("direct", "refused", writer="")]) == []
