"""What counts as equal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """|a - b| <= atol + rtol * |b|."""

    rtol: float
    atol: float

    def __str__(self) -> str:
        return f"|a-b| <= {self.atol:g} + {self.rtol:g}*|b|"
