"""Time cases in turn: warmed up, interleaved, every answer checked.

A round gives every case one turn of a few calls, in an order drawn anew each time, so that a
machine that slows down slows all cases alike. Within a turn the garbage collector is off; before it
everything is collected. Answers are compared after the turn, not between its calls.
"""

from __future__ import annotations

import contextlib
import gc
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from converter.bench.asking import Asking
from converter.bench.cases import Case
from converter.errors import ConvertH5Error, WorkerRaised
from converter.report import words
from converter.serving.client.contract import Outputs
from converter.serving.client.errors import NotCarried
from converter.toolchain.provision import Progress, quiet
from converter.toolchain.session import Array
from converter.verdict.compare import compare
from converter.verdict.rule import Rule
from converter.verdict.samples import Batch

Open = Callable[[Case], Asking]


class WrongAnswer(ConvertH5Error):
    """A way of asking got another answer than the first one to the same inputs."""

    id = "bench-wrong-answer"
    exit_code = 1


@dataclass(frozen=True)
class Settings:
    """rounds: turns of each case. calls: of each caller in a turn. warmup: calls before it all."""

    rounds: int = 10
    calls: int = 5
    warmup: int = 3
    seed: int = 0
    rule: Rule = field(default_factory=lambda: Rule(1e-4, 1e-5))


@dataclass
class Samples:
    """times: nanoseconds of encode, wire and decode of every call; walls: of every turn."""

    times: list[tuple[int, int, int]] = field(default_factory=list)
    walls: list[int] = field(default_factory=list)


@dataclass
class Measured:
    """What every case gave, and why some were left out."""

    samples: dict[Case, Samples] = field(default_factory=dict)
    skipped: dict[Case, str] = field(default_factory=dict)


class Checker:
    """Holds every answer against the first one to the same inputs."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._first: dict[int, tuple[Case, Outputs]] = {}

    def __call__(self, case: Case, answers: Sequence[Outputs]) -> None:
        """Raises WrongAnswer."""
        for got in answers:
            asked, expected = self._first.setdefault(case.batch, (case, got))
            problem = self._problem(expected, got)
            if problem:
                raise WrongAnswer(
                    f"The answer to '{case}' is not that to '{asked}'",
                    why=problem,
                    fix="Times of wrong answers are worth nothing; see convert-h5 verify",
                )

    def _problem(self, expected: Outputs, got: Outputs) -> str:
        if not expected or expected.keys() != got.keys():
            return f"it has the outputs {sorted(got)} instead of {sorted(expected)}"
        for name, first in expected.items():
            problem = _difference(first, got[name], self._rule, name)
            if problem:
                return f"output '{name}': {problem}"
        return ""


def _difference(expected: Array, got: Array, rule: Rule, name: str) -> str:
    """Why the two are not equal; lists read through Python have wider dtypes of the same kind."""
    if expected.dtype.hasobject or got.dtype.hasobject:
        return "" if np.array_equal(expected, got) else "its texts differ"
    if expected.shape == got.shape and expected.size == 0:
        return ""
    if expected.dtype.kind == got.dtype.kind:
        got = got.astype(expected.dtype)
    if expected.dtype.kind == "f" and np.isnan(expected).all() and np.isnan(got).all():
        return ""
    return compare(expected, got, rule, output=name).problem


def measure(
    cases: Sequence[Case],
    opened: Open,
    inputs: Callable[[int], Batch],
    check: Checker,
    settings: Settings,
    *,
    progress: Progress = quiet,
) -> Measured:
    """Time every case. inputs: gives those of a number of rows.

    A case whose way cannot say the request, or which its worker cannot make, is skipped. Raises
    WrongAnswer, ServingError and WorkerError.
    """
    found = Measured()
    with contextlib.ExitStack() as stack:
        ready: dict[Case, Asking] = {}
        progress(f"warming up {words.count(len(cases), 'case')}")
        for case in cases:
            try:
                asking = opened(case)
                stack.callback(asking.close)
                check(case, asking.turn(inputs(case.batch), settings.warmup).answers)
            except (NotCarried, WorkerRaised) as error:
                if isinstance(error, WorkerRaised) and error.kind != "unsupported":
                    raise
                found.skipped[case] = error.why
            else:
                ready[case] = asking
                found.samples[case] = Samples()
        for number, order in enumerate(orders(list(ready), settings), 1):
            progress(f"round {number} of {settings.rounds}")
            for case in order:
                with collected():
                    turn = ready[case].turn(inputs(case.batch), settings.calls)
                check(case, turn.answers)
                found.samples[case].times += turn.times
                found.samples[case].walls.append(turn.wall)
    return found


def orders(cases: list[Case], settings: Settings) -> Iterator[list[Case]]:
    """The cases in another order for each round; the same for the same seed."""
    drawn = random.Random(settings.seed)  # noqa: S311
    for _ in range(settings.rounds):
        yield drawn.sample(cases, len(cases))


@contextlib.contextmanager
def collected() -> Iterator[None]:
    """Without the garbage collector, which has nothing to do at the start."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
