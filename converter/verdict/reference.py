"""The reference: what the Keras that wrote the file predicts, on samples chosen with its help."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from converter.errors import EmptyOutput, NoUsableSamples, WorkerRaised
from converter.toolchain.session import Array, Session
from converter.verdict.rule import Rule
from converter.verdict.samples import LENGTHS, SCALES, Batch, Recipe, nudged

Answers = dict[str, Array]

SAMPLED_DTYPES = frozenset(
    "bool float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
)


@dataclass(frozen=True)
class Reference:
    """Batches of inputs and the answers to hold others against, by signature key.

    origin: the toolchain that gave the answers, or that they were recorded. scale: bound of the
    random values. sensitivity: how far rounding of the inputs alone moves an answer. alive: whether
    the answers differ from row to row. fixed_batch: whether the model takes one batch size only.
    """

    batches: tuple[Batch, ...]
    answers: tuple[Answers, ...]
    origin: str
    scale: float | None = None
    sensitivity: float | None = None
    alive: bool = True
    fixed_batch: bool = False


def predicted(
    session: Session, recipe: Recipe, outputs: Sequence[str], rule: Rule, origin: str
) -> Reference:
    """Predictions of the model that `session` has loaded.

    The first scale of SCALES at which the answers are alive, finite and stable against rounding is
    taken; where none is, the one that comes nearest. Raises NoUsableSamples when the model takes no
    sample that could be made, EmptyOutput when there is nothing to compare.
    """
    for key, fact in zip(recipe.keys, recipe.facts, strict=True):
        if fact.dtype not in SAMPLED_DTYPES:
            raise NoUsableSamples(
                f"The input '{key}' takes {fact.dtype}",
                why="samples are made of numbers only",
                fix="Use --no-verify to convert without proof",
            )
    if recipe.too_large is not None:
        raise NoUsableSamples(
            f"The input '{recipe.too_large}' is too large to make samples of",
            why="one row has more than 2^28 elements",
            fix="Give real ones with --inputs FILE.npz",
        )
    recipe, first = _with_fitting_length(session, recipe, outputs, origin)
    for key, answer in first.answers[-1].items():
        if answer.size == 0:
            raise EmptyOutput(
                f"The output '{key}' is empty for every input",
                why=f"its shape is {list(answer.shape)}, so that there is nothing to compare",
                fix="Check the model; --no-verify converts it without proof",
            )
    best: tuple[float, Reference] | None = None
    for scale in SCALES if recipe.has_floats else (1.0,):
        scaled = dataclasses.replace(recipe, scale=scale)
        found = first if first.scale == scale else _ask(session, scaled, outputs, origin)
        unfit = _unfitness(found, rule)
        if best is None or unfit < best[0]:
            best = (unfit, found)
        if unfit == 0:
            break
    assert best is not None
    return best[1]


def _with_fitting_length(
    session: Session, recipe: Recipe, outputs: Sequence[str], origin: str
) -> tuple[Recipe, Reference]:
    """The recipe with the first of LENGTHS at which the model answers something, and its answers.

    Where every answer is empty, those to the first length that was accepted.
    """
    lengths = LENGTHS if recipe.free_lengths else LENGTHS[:1]
    refusal: WorkerRaised | None = None
    empty: tuple[Recipe, Reference] | None = None
    for length in lengths:
        tried = dataclasses.replace(recipe, length=length)
        try:
            found = _ask(session, tried, outputs, origin)
        except WorkerRaised as error:
            refusal = refusal or error
        else:
            empty = empty or (tried, found)
            if all(answer.size for answers in found.answers for answer in answers.values()):
                return tried, found
    if empty is not None:
        return empty
    assert refusal is not None
    raise NoUsableSamples(
        "No inputs could be made that the model accepts",
        why=refusal.why,
        fix="Give real ones with --inputs FILE.npz",
    ) from refusal


def _ask(session: Session, recipe: Recipe, outputs: Sequence[str], origin: str) -> Reference:
    batches = recipe.batches()
    answers = [predict(session, batch, outputs) for batch in batches]
    sensitivity = 0.0
    if recipe.has_floats:
        moved = predict(session, nudged(batches[-1]), outputs)
        sensitivity = max(_distance(moved[key], answers[-1][key]) for key in outputs)
    return Reference(
        batches=tuple(batches),
        answers=tuple(answers),
        origin=origin,
        scale=recipe.scale if recipe.has_floats else None,
        sensitivity=sensitivity,
        alive=any(_alive(a) for a in answers[-1].values()),
        fixed_batch=recipe.fixed_batch is not None,
    )


def predict(session: Session, batch: Batch, outputs: Sequence[str]) -> Answers:
    """Predictions of the loaded model by output key."""
    answers = session.predict(list(batch.values()))
    return dict(zip(outputs, answers, strict=True))


def _unfitness(reference: Reference, rule: Rule) -> float:
    """0 for samples that can tell right from wrong; larger is worse."""
    last = reference.answers[-1].values()
    if not all(np.isfinite(a).all() for a in last):
        return 4.0
    size = max((float(np.abs(a).max()) for a in last if a.size), default=0.0)
    allowed = rule.atol + rule.rtol * size
    shaky = min(2.0, (reference.sensitivity or 0.0) / allowed) if allowed else 0.0
    # A fifth of the tolerance leaves room for what is to be found.
    return (0.0 if shaky < 0.2 else shaky) + (0.0 if reference.alive else 1.0)


def _alive(answer: Array) -> bool:
    """Whether the answer depends on the input: rows differ, or, in a single row, elements do."""
    if not np.isfinite(answer).all():
        return False
    rows = answer.astype(np.float64).reshape(answer.shape[0], -1) if answer.ndim else answer
    return bool(rows.size and np.ptp(rows, axis=0 if len(rows) > 1 else None).max() > 0)


def _distance(a: Array, b: Array) -> float:
    finite = np.isfinite(a) & np.isfinite(b)
    off = np.abs(a[finite].astype(np.float64) - b[finite].astype(np.float64))
    return float(off.max()) if off.size else 0.0
