"""Ask a converted model everything the reference was asked, and compare.

A responder is whatever answers: a server over HTTP or gRPC. It has a `protocol` for the report and
one method, by signature key on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from converter.toolchain.session import Array
from converter.verdict.compare import Verdict, compare
from converter.verdict.reference import Answers, Reference
from converter.verdict.rule import Rule
from converter.verdict.samples import Batch

# How often a model that is random by design is asked, and how many standard errors its mean may
# be off: beyond 6 a right model fails once in 10^9 comparisons.
RANDOM_ASKS = 64
RANDOM_STANDARD_ERRORS = 6.0


class Responder(Protocol):
    """Something with signatures that predicts."""

    protocol: str

    def ask(self, inputs: Batch) -> Answers:
        """The answers by output key. Raises NotAsked."""
        ...


class NotAsked(Exception):
    """A responder has no way to put the question: the protocol cannot carry it."""


@dataclass(frozen=True)
class Proof:
    """What was compared over one protocol.

    answers: by batch, as they came, for comparison with those over other protocols. exact: whether
    the same request twice gave the same bits. not_asked: why nothing could be asked, if so.
    """

    protocol: str
    verdicts: tuple[Verdict, ...] = ()
    answers: tuple[Answers, ...] = ()
    exact: bool = True
    not_asked: str = ""


def prove(
    responder: Responder, reference: Reference, rule: Rule, *, thorough: bool = True
) -> Proof:
    """Ask every batch of the reference: its answers, the same again, and row by row.

    thorough: else only the answers are compared, and what it repeats is not known.
    """
    verdicts: list[Verdict] = []
    answers = []
    exact = thorough
    try:
        for number, (inputs, expected) in enumerate(
            zip(reference.batches, reference.answers, strict=True)
        ):
            got = responder.ask(inputs)
            answers.append(got)
            verdicts += _answers(responder.protocol, "answer", number, expected, got, rule=rule)
            if not thorough:
                continue
            again = responder.ask(inputs)
            exact = exact and all(_same_bits(got[key], again.get(key)) for key in got)
            verdicts += _answers(responder.protocol, "repeat", number, got, again, rule=rule)
            count = len(next(iter(inputs.values())))
            if count > 1 and not reference.fixed_batch:
                rows = _by_rows(responder, inputs)
                verdicts += _answers(responder.protocol, "rows", number, got, rows, rule=rule)
    except NotAsked as why:
        return Proof(responder.protocol, not_asked=str(why))
    return Proof(responder.protocol, tuple(verdicts), tuple(answers), exact)


def agree(proofs: Sequence[Proof], rule: Rule) -> list[Verdict]:
    """Verdicts on the answers over each protocol against those over the last that could be asked.

    They must be the same to the last bit: every protocol carries numbers exactly. Only where a
    model does not repeat its own answers exactly, the rule decides.
    """
    asked = [proof for proof in proofs if not proof.not_asked]
    verdicts: list[Verdict] = []
    for proof in asked[:-1]:
        last = asked[-1]
        bound = Rule(0.0, 0.0) if proof.exact and last.exact else rule
        for number, (wanted, got) in enumerate(zip(last.answers, proof.answers, strict=True)):
            verdicts += _answers(proof.protocol, "protocols", number, wanted, got, rule=bound)
    return verdicts


def prove_random(
    responder: Responder, sample: Batch, asked: Sequence[Answers], rule: Rule
) -> list[Verdict]:
    """Verdicts on a model that is random by design: its mean against that of the source.

    asked: RANDOM_ASKS predictions of the source for `sample`. The means may differ by
    RANDOM_STANDARD_ERRORS standard errors of their difference beyond the rule; an output that
    varies in the source must vary here too, and one that does not must not.
    """
    given = [responder.ask(sample) for _ in range(len(asked))]
    verdicts = []
    for key in asked[0]:
        fault = next((f for f in (_unlike(asked[0][key], a.get(key)) for a in given) if f), "")
        if fault:
            verdicts.append(Verdict("random", key, responder.protocol, 0, fault, 0))
            continue
        ours = np.stack([answers[key] for answers in given]).astype(np.float64)
        theirs = np.stack([answers[key] for answers in asked]).astype(np.float64)
        error = np.sqrt((ours.var(axis=0) + theirs.var(axis=0)) / len(asked))
        allowed = rule.atol + rule.rtol * np.abs(theirs.mean(axis=0))
        bound = RANDOM_STANDARD_ERRORS * error + allowed
        off = np.abs(ours.mean(axis=0) - theirs.mean(axis=0))
        problem = "" if (off <= bound).all() else "the mean of its answers is another"
        if (ours.std(axis=0).max() > 0) != (theirs.std(axis=0).max() > 0):
            problem = "it and the source do not vary alike from request to request"
        size, worst = int(off.size), float(off.max())
        verdicts.append(Verdict("random", key, responder.protocol, 0, problem, size, worst))
    return verdicts


def _same_bits(a: Array, b: Array | None) -> bool:
    return b is not None and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _unlike(wanted: Array, got: Array | None) -> str:
    """Why the two have no means to compare."""
    if got is None:
        return "no such output"
    if got.shape != wanted.shape:
        return f"shape {list(got.shape)} instead of {list(wanted.shape)}"
    return "" if wanted.size else "nothing was compared: the output is empty"


def _by_rows(responder: Responder, inputs: Batch) -> Answers:
    """The answers to each row asked alone, put together; outputs that do not fit are left out."""
    count = len(next(iter(inputs.values())))
    rows = [responder.ask({k: v[i : i + 1] for k, v in inputs.items()}) for i in range(count)]
    parts = {
        key: [np.atleast_1d(row[key]) for row in rows] for key in set(rows[0]).intersection(*rows)
    }
    return {
        key: np.concatenate(arrays)
        for key, arrays in parts.items()
        if len({array.shape[1:] for array in arrays}) == 1
    }


def _answers(
    protocol: str, check: str, batch: int, expected: Answers, got: Answers, *, rule: Rule
) -> Iterator[Verdict]:
    for key, wanted in expected.items():
        if key not in got:
            problem = f"no such output; it gives {', '.join(got)}"
            yield Verdict(check, key, protocol, batch, problem, 0)
            continue
        yield compare(
            wanted, got[key], rule, output=key, check=check, protocol=protocol, batch=batch
        )
