"""What a worker says of an exception."""

from __future__ import annotations

import pytest

from converter.worker import failures


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("one\n  two\n", "one two"),
        (
            "Error when deserializing class 'Dense' using config={'units': 5}.\n\n"
            "Exception encountered: <class 'Glorot'> could not be deserialized properly.\n"
            "Exception encountered: Glorot.__init__() got an unexpected keyword argument 'axes'",
            "Glorot.__init__() got an unexpected keyword argument 'axes'",
        ),
    ],
)
def test_an_exception_is_told_in_one_line_of_what_is_wrong(raised: str, told: str) -> None:
    assert failures.describe(TypeError(raised)) == {
        "kind": "keras",
        "exception": "TypeError",
        "message": told,
    }
