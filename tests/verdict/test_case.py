"""Which of many differing layers is the first to blame."""

from __future__ import annotations

import numpy as np
import pytest

from converter.verdict.case import LayerFacts, Look, Read

VALUES = np.zeros((1, 2), np.float32)


def _layer(name: str, agrees: bool | None, *reads: Read) -> LayerFacts:
    return LayerFacts((name,), VALUES, agrees, reads=reads)


@pytest.mark.parametrize(
    ("layers", "first"),
    [
        ([_layer("a", True, "input/x"), _layer("b", True, ("a",))], None),
        ([_layer("a", True, "input/x"), _layer("b", False, ("a",))], "b"),
        ([_layer("a", False, "input/x"), _layer("b", False, ("a",))], "a"),
        # The order of the layers need not be that of the computation.
        ([_layer("b", False, ("a",)), _layer("a", False, "input/x")], "a"),
        # Two branches: the one that differs.
        (
            [
                _layer("left", True, "input/x"),
                _layer("right", False, "input/x"),
                _layer("sum", False, ("left",), ("right",)),
            ],
            "right",
        ),
        # What reads it agrees, so its tensor was mistaken.
        (
            [
                _layer("a", False, "input/x"),
                _layer("b", True, ("a",)),
                _layer("c", False, ("b",)),
            ],
            "c",
        ),
        # A layer that is not found hides nothing.
        ([_layer("a", None), _layer("b", False, "input/x")], "b"),
        ([], None),
    ],
    ids=[
        "none differs",
        "one differs",
        "all behind one differ",
        "listed the other way round",
        "one branch differs",
        "mistaken",
        "not found",
        "nothing known",
    ],
)
def test_the_first_layer_that_differs(layers: list[LayerFacts], first: str | None) -> None:
    found = Look(tuple(layers)).first
    assert (found.name if found else None) == first


def test_what_a_layer_reads_is_told_where_it_is_one_known_array() -> None:
    layer = LayerFacts(("a",), VALUES, False, reads=("input/x", "input/x"))
    look = Look((layer,), {"x": VALUES + 1})
    read = look.read_by(layer)
    assert read is not None
    np.testing.assert_array_equal(read, VALUES + 1)
    assert look.read_by(LayerFacts(("b",), VALUES, False, reads=("input/x", ("a",)))) is None
    assert look.read_by(LayerFacts(("b",), VALUES, False, reads=(("unknown",),))) is None
