"""What was measured of a cell, as a value that goes to and fro as JSON."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["pass", "wrong numbers", "refused", "known issue", "failed"]
KINDS: tuple[Kind, ...] = ("pass", "wrong numbers", "refused", "known issue", "failed")


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    kind: `pass`: served, and equal to the reference over REST rows, REST columns and gRPC; `wrong
    numbers`: served, and different; `refused`: not tried, for the reason in `line`; `known issue`:
    failed for the cause in `issue`; `failed`: for a cause that is not known. issue: id in
    docs/known-issues.md, where it explains a failure or wrong numbers. line: the one line that
    matters. log: the tail of the worker's, for failures. loaded: how the file was loaded (native,
    translated, as data). reference: which Keras gave the answers. max_abs, max_rel: the largest
    differences from it. seconds: what the cell took; not part of the result.
    """

    kind: Kind
    issue: str = ""
    line: str = ""
    log: str = ""
    loaded: str = ""
    reference: str = ""
    max_abs: float | None = None
    max_rel: float | None = None
    seconds: float = dataclasses.field(default=0.0, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, which has no word for NaN and infinity: those are texts. Empty is left out."""
        fields = dataclasses.asdict(self)
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in fields.items()
            if value not in ("", None)
        }

    @classmethod
    def of(cls, told: dict[str, Any]) -> Outcome:
        """The inverse of as_dict."""
        read = dict(told)
        read.update((name, float(told[name])) for name in ("max_abs", "max_rel") if name in told)
        return cls(**read)
