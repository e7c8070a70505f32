"""Why a cell failed, as a table: the first row that fits tells the id in docs/known-issues.md."""

from __future__ import annotations

import re
from dataclasses import dataclass

from compat_matrix.cells import Cell
from converter import rules
from converter.evidence import NO_TOOLCHAIN
from converter.source.model import SourceModel
from converter.toolchain import catalog


@dataclass(frozen=True)
class Cause:
    """A failure whose cause is known.

    words: what its line has (a regular expression). served: whether the server failed, else loading
    or converting.
    """

    issue: str
    words: str
    served: bool = False


CAUSES = (
    Cause(
        "newer-ops-in-old-servers",
        "DisableCopyOnRead|debug_name|validate_shape|StatelessRandomGetKeyCounter"
        "|exponential_avg_factor|StatelessIf|StatelessWhile",
        served=True,
    ),
    Cause("keras-1-stands-alone", "translated to Keras 2 only, not to keras 1"),
    Cause("keras-1-config", "cannot say input_dtype="),
    Cause(
        "older-keras-lacks-argument",
        r"cannot say \w+=|__init__\(\) got an unexpected keyword"
        "|Unrecognized keyword arguments passed",
    ),
    Cause("native-recurrent-in-tf-2", "Attempting to capture an EagerTensor"),
    Cause("contrib-input-layer", "You must provide an `input_shape` argument"),
    Cause("save-model-bidirectional", "unsupported callable"),
)


def of_failure(line: str, *, served: bool) -> str:
    """The id of the cause for which a cell failed; empty where it is not known."""
    fitting = (c.issue for c in CAUSES if c.served == served and re.search(c.words, line))
    return next(fitting, "")


def of_numbers(cell: Cell, source: SourceModel) -> str:
    """The id of the rule that foresaw wrong numbers; empty where none did."""
    if cell.toolchain == NO_TOOLCHAIN:
        return ""
    series = catalog.get(cell.toolchain).tensorflow_series
    vetoes = (v for v in rules.VETOES if v.applies(source) and v.forbids(cell.keras, series))
    return next((veto.id for veto in vetoes), "")
