"""Verdicts put together: by output, by check, by protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from converter.report.model import AttemptReport, Report
from converter.report.words import AGAINST_THE_REFERENCE, CHECKS, protocol

if TYPE_CHECKING:
    from converter.verdict.compare import Verdict


@dataclass(frozen=True)
class Group:
    """Verdicts that belong together; the figures are the worst of them."""

    verdicts: tuple[Verdict, ...]

    @property
    def first(self) -> Verdict:
        """For what they have in common."""
        return self.verdicts[0]

    @property
    def passed(self) -> int:
        """How many passed."""
        return sum(v.passed for v in self.verdicts)

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """Those that did not pass."""
        return tuple(v for v in self.verdicts if not v.passed)

    def worst(self, name: str) -> float | None:
        """The largest figure of this name; None where none could be told."""
        return max((getattr(v, name) for v in self.verdicts if has_figures(v)), default=None)

    @property
    def top1(self) -> float | None:
        """The smallest agreement on the largest element; None for an output without classes."""
        return min((v.top1 for v in self.verdicts if v.top1 is not None), default=None)

    @property
    def elements(self) -> int:
        """How many elements there were to compare."""
        return sum(v.elements for v in self.verdicts)

    @property
    def nans(self) -> int:
        """How many elements of the reference are NaN."""
        return sum(v.nans for v in self.verdicts)

    @property
    def told(self) -> tuple[object, ...]:
        """What the table of checks tells of them."""
        worst = self.worst("max_abs"), self.worst("max_rel")
        return len(self.verdicts), self.passed, *worst, self.top1

    @property
    def histogram(self) -> tuple[int, ...]:
        """The differences of all of them together; empty where there are none to tell."""
        told = [v.histogram for v in self.verdicts if v.histogram]
        return tuple(map(sum, zip(*told, strict=True)))


def has_figures(verdict: Verdict) -> bool:
    """Whether its elements were compared: a wrong shape, say, has no largest difference."""
    return verdict.passed or verdict.max_abs > 0


def deciding(report: Report) -> AttemptReport | None:
    """The attempt the run stands or falls by: the published one, else the last with answers.

    None where no answers were compared.
    """
    attempts = report.attempts if report.proof is None else [report.proof]
    return next((attempt for attempt in reversed(attempts) if attempt.verdicts), None)


def outputs(verdicts: Sequence[Verdict]) -> list[tuple[str, Group]]:
    """By output, each with its name; the signature is told where there are several."""
    several = len({v.signature for v in verdicts}) > 1
    groups = grouped(verdicts, lambda v: (v.signature, v.output))
    return [
        (f"{g.first.signature}: {g.first.output}" if several else g.first.output, g) for g in groups
    ]


def by_check(verdicts: Iterable[Verdict]) -> list[tuple[list[str], Group]]:
    """By check, each with the protocols over which it gave these figures."""
    order = list(CHECKS)
    groups = by_protocol(verdicts, lambda v: (v.check,))
    groups.sort(key=lambda g: order.index(g.first.check) if g.first.check in order else len(order))
    found: dict[tuple[object, ...], tuple[list[str], Group]] = {}
    for group in groups:
        same = found.setdefault((group.first.check, *group.told), ([], group))
        same[0].append(group.first.protocol)
    return list(found.values())


def against_reference(verdicts: Iterable[Verdict]) -> Group:
    """Those that say how far the answers are from the reference."""
    return Group(tuple(v for v in verdicts if v.check in AGAINST_THE_REFERENCE))


def distributions(verdicts: Iterable[Verdict]) -> list[tuple[list[str], tuple[int, ...]]]:
    """Protocols and the distribution of differences from the reference that they have in common."""
    found: dict[tuple[int, ...], list[str]] = {}
    for group in by_protocol(against_reference(verdicts).verdicts):
        if any(group.histogram):
            found.setdefault(group.histogram, []).append(group.first.protocol)
    return [(protocols, counts) for counts, protocols in found.items()]


def protocols(verdicts: Iterable[Verdict]) -> list[str]:
    """Over what was asked, in words."""
    return [protocol(name) for name in dict.fromkeys(v.protocol for v in verdicts)]


def by_protocol(
    verdicts: Iterable[Verdict], key: Callable[[Verdict], tuple[str, ...]] = lambda _: ()
) -> list[Group]:
    """By protocol, and by what else is asked for."""
    return grouped(verdicts, lambda v: (*key(v), v.protocol))


def grouped(verdicts: Iterable[Verdict], key: Callable[[Verdict], tuple[str, ...]]) -> list[Group]:
    """Groups of the same key, in the order in which they first come."""
    found: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault(key(verdict), []).append(verdict)
    return [Group(tuple(together)) for together in found.values()]
