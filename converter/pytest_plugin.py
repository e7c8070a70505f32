"""A pytest plugin: hold a SavedModel against the .h5 file it was made from, in your own tests.

It is there where this package is installed:

    def test_the_model_we_deploy(assert_served_equal):
        assert_served_equal("model.h5", "models/m/3")
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from converter.options import Options
    from converter.report.model import Report


class AssertServedEqual(Protocol):
    """What the fixture gives."""

    def __call__(
        self,
        h5: str | os.PathLike[str],
        saved_model: str | os.PathLike[str],
        options: Options | None = None,
    ) -> Report:
        """Serve the version folder `saved_model`, ask it over REST and gRPC, compare with `h5`.

        The report, where every answer is right. Raises AssertionError with the reason where one
        differs, and the ConvertH5Error that fits where nothing could be compared.
        """
        ...


@pytest.fixture(scope="session")
def assert_served_equal() -> Iterator[AssertServedEqual]:
    """A function (h5, saved_model, options=None); its workers are shared by all tests of a run."""
    # Here: pytest loads this module for every project in whose environment it is.
    from converter.api import verify
    from converter.errors import NotProven
    from converter.toolchain.pool import Pool

    with Pool() as pool:

        def check(
            h5: str | os.PathLike[str],
            saved_model: str | os.PathLike[str],
            options: Options | None = None,
        ) -> Report:
            __tracebackhide__ = True
            try:
                return verify(saved_model, h5, options, pool=pool)
            except NotProven as error:
                raise AssertionError(error.line()) from error

        yield check
