"""Each fault of a converted model gives a failing verdict that says which check found it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from converter.toolchain.session import Array
from converter.verdict import proof
from converter.verdict.proof import NotAsked, Proof, agree, prove, prove_random
from converter.verdict.reference import Answers, Reference
from converter.verdict.rule import Rule
from converter.verdict.samples import Batch

RULE = Rule(rtol=1e-4, atol=1e-5)
# Asked with the inputs and how many requests came before.
Model = Callable[[Batch, int], Answers]


class Responder:
    """A model in this process; it remembers how many rows each request had."""

    protocol = "fake"

    def __init__(self, model: Model) -> None:
        self._model = model
        self.asked: list[int] = []

    def ask(self, inputs: Batch) -> Answers:
        """The model's answers."""
        self.asked.append(len(inputs["x"]))
        return self._model(inputs, len(self.asked) - 1)


def _right(inputs: Batch, _: int = 0) -> Answers:
    x = inputs["x"]
    return {"double": 2 * x, "total": x.sum(axis=1)}


def _changed(change: Callable[[Array], Array], output: str = "double") -> Model:
    """The right model with one output changed."""

    def model(inputs: Batch, _: int) -> Answers:
        answers = _right(inputs)
        return {**answers, output: change(answers[output])}

    return model


def _reference(model: Model = _right, *, fixed_batch: bool = False) -> Reference:
    random = np.random.default_rng(0)
    batches = tuple({"x": random.uniform(-1, 1, (n, 3)).astype(np.float32)} for n in (1, 4))
    answers = tuple(model(batch, 0) for batch in batches)
    return Reference(batches, answers, "by the test", fixed_batch=fixed_batch)


def _failing(model: Model, reference: Reference | None = None) -> set[tuple[str, str]]:
    """(check, output) of every verdict that did not pass."""
    verdicts = prove(Responder(model), reference or _reference(), RULE).verdicts
    return {(v.check, v.output) for v in verdicts if not v.passed}


def test_a_right_model_passes_every_check_of_every_batch_and_output() -> None:
    verdicts = prove(Responder(_right), _reference(), RULE).verdicts
    assert all(v.passed for v in verdicts)
    found = {(v.check, v.batch, v.output) for v in verdicts}
    every = {(c, b, o) for c in ("answer", "repeat") for b in (0, 1) for o in ("double", "total")}
    assert found == every | {("rows", 1, "double"), ("rows", 1, "total")}
    assert {v.protocol for v in verdicts} == {"fake"}


def test_each_batch_is_asked_twice_and_larger_ones_row_by_row() -> None:
    responder = Responder(_right)
    prove(responder, _reference(), RULE)
    assert responder.asked == [1, 1, 4, 4, 1, 1, 1, 1]


def test_a_model_with_a_fixed_batch_is_not_asked_row_by_row() -> None:
    responder = Responder(_right)
    verdicts = prove(responder, _reference(fixed_batch=True), RULE).verdicts
    assert responder.asked == [1, 1, 4, 4]
    assert {v.check for v in verdicts} == {"answer", "repeat"}


def _put(value: float) -> Callable[[Array], Array]:
    def change(answer: Array) -> Array:
        changed: Array = answer.copy()
        changed[:, 0] = value
        return changed

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a + np.float32(0.01),
        lambda a: -a,
        _put(np.nan),
        _put(np.inf),
        lambda a: a.astype(np.float64),
        lambda a: a[:, :2],
        lambda a: a[..., np.newaxis],
        lambda a: a[:, :0],
        np.zeros_like,
    ],
    ids=[
        *("shifted", "negated", "NaN", "infinity", "dtype"),
        *("fewer columns", "a dimension more", "empty", "zeros"),
    ],
)
def test_wrong_answers_fail_as_answers_of_that_output(change: Callable[[Array], Array]) -> None:
    failing = _failing(_changed(change))
    assert ("answer", "double") in failing
    assert {output for _, output in failing} == {"double"}


def test_outputs_that_changed_places_fail() -> None:
    reference = _reference(lambda x, _: {"a": 2 * x["x"], "b": 3 * x["x"]})
    swapped: Model = lambda x, _: {"a": 3 * x["x"], "b": 2 * x["x"]}  # noqa: E731
    assert _failing(swapped, reference) == {("answer", "a"), ("answer", "b")}


def test_a_missing_output_fails_and_tells_what_there_is() -> None:
    verdicts = prove(Responder(lambda x, _: {"double": 2 * x["x"]}), _reference(), RULE).verdicts
    problems = {v.problem for v in verdicts if not v.passed}
    assert problems == {"no such output; it gives double"}
    assert {v.output for v in verdicts if not v.passed} == {"total"}


def test_an_output_that_goes_missing_later_fails_as_a_repetition() -> None:
    def model(inputs: Batch, turn: int) -> Answers:
        answers = _right(inputs)
        return answers if turn == 0 else {"double": answers["double"]}

    assert ("repeat", "total") in _failing(model)


def test_random_answers_fail_as_repetitions() -> None:
    random = np.random.default_rng(1)
    model: Model = lambda x, _: {"y": random.normal(size=x["x"].shape)}  # noqa: E731
    still: Model = lambda x, _: {"y": np.zeros(x["x"].shape)}  # noqa: E731
    assert ("repeat", "y") in _failing(model, _reference(still))


def test_a_state_that_drifts_from_request_to_request_fails_as_a_repetition_only() -> None:
    def model(inputs: Batch, turn: int) -> Answers:
        # Right on the first request of a batch, and asked row by row; not when asked again.
        drift = np.float32(0.5) if turn in (1, 3) else np.float32(0)
        return {key: value + drift for key, value in _right(inputs).items()}

    assert _failing(model) == {("repeat", "double"), ("repeat", "total")}


def test_answers_that_depend_on_the_other_rows_fail_as_rows_only() -> None:
    model: Model = lambda x, _: {"y": x["x"] - x["x"].mean(axis=0)}  # noqa: E731
    assert _failing(model, _reference(model)) == {("rows", "y")}


@pytest.mark.parametrize("output", [np.float32(7), np.ones((2, 2), np.float32)])
def test_an_output_without_rows_fails(output: Array) -> None:
    model: Model = lambda x, _: {"y": np.asarray(output)}  # noqa: E731
    reference = _reference(lambda x, _: {"y": np.full((len(x["x"]), 2), 7, np.float32)})
    assert ("answer", "y") in _failing(model, reference)


def test_a_single_row_that_lacks_an_output_fails_as_rows() -> None:
    def model(inputs: Batch, turn: int) -> Answers:
        answers = _right(inputs)
        return answers if turn < 6 else {"double": answers["double"]}

    assert ("rows", "total") in _failing(model)


def _noisy(seed: int, *, mean: float = 0.0, spread: float = 1.0) -> Model:
    random = np.random.default_rng(seed)
    return lambda x, _: {"y": random.normal(mean, spread, (len(x["x"]), 3)).astype(np.float32)}


def _asked(model: Model, sample: Batch) -> list[Answers]:
    return [model(sample, 0) for _ in range(proof.RANDOM_ASKS)]


SAMPLE: Batch = {"x": np.ones((4, 3), np.float32)}


def test_a_random_model_with_the_sources_mean_passes() -> None:
    verdicts = prove_random(Responder(_noisy(1)), SAMPLE, _asked(_noisy(2), SAMPLE), RULE)
    assert [(v.check, v.output, v.passed) for v in verdicts] == [("random", "y", True)]


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (_noisy(1, mean=3.0), "the mean of its answers is another"),
        (lambda x, _: {"y": np.zeros((4, 3))}, "it and the source do not vary alike"),
        (lambda x, _: {"y": np.full((4, 3), np.nan)}, "it and the source do not vary alike"),
    ],
    ids=["another mean", "no longer random", "NaN"],
)
def test_a_random_model_that_does_not_answer_like_the_source_fails(
    model: Model, problem: str
) -> None:
    verdicts = prove_random(Responder(model), SAMPLE, _asked(_noisy(2), SAMPLE), RULE)
    assert [v.problem.startswith(problem) for v in verdicts] == [True]


def test_a_random_model_that_answers_with_one_row_for_many_fails() -> None:
    one_row: Model = lambda x, turn: {"y": _noisy(turn)({"x": x["x"][:1]}, 0)["y"]}  # noqa: E731
    verdicts = prove_random(Responder(one_row), SAMPLE, _asked(_noisy(2), SAMPLE), RULE)
    assert [v.passed for v in verdicts] == [False]


def test_an_output_that_the_source_does_not_vary_must_not_vary_either() -> None:
    steady: Model = lambda x, _: {"y": np.ones((4, 3), np.float32)}  # noqa: E731
    asked = _asked(steady, SAMPLE)
    assert [v.passed for v in prove_random(Responder(steady), SAMPLE, asked, RULE)] == [True]
    shaky = _noisy(1, mean=1.0, spread=1e-7)
    assert [v.passed for v in prove_random(Responder(shaky), SAMPLE, asked, RULE)] == [False]


def test_a_random_model_that_lacks_an_output_fails() -> None:
    other: Model = lambda x, _: {"z": np.zeros((4, 3))}  # noqa: E731
    verdicts = prove_random(Responder(other), SAMPLE, _asked(_noisy(2), SAMPLE), RULE)
    assert [(v.output, v.passed) for v in verdicts] == [("y", False)]


class Mute:
    """A way to ask that cannot carry the question."""

    protocol = "mute"

    def ask(self, inputs: Batch) -> Answers:
        """Refuses."""
        raise NotAsked("it has no word for complex numbers")


def _said(protocol: str, value: float, *, exact: bool = True) -> Proof:
    return Proof(protocol, answers=({"y": np.array([value], np.float32)},), exact=exact)


def test_a_protocol_that_cannot_ask_says_why_and_gives_no_verdict() -> None:
    proof = prove(Mute(), _reference(), RULE)
    assert proof == Proof("mute", not_asked="it has no word for complex numbers")


def test_answers_are_exact_when_the_same_request_gets_the_same_bits() -> None:
    assert prove(Responder(_right), _reference(), RULE).exact
    drifting: Model = lambda x, turn: {k: v + 1e-7 * turn for k, v in _right(x).items()}  # noqa: E731
    assert not prove(Responder(drifting), _reference(), RULE).exact


def test_protocols_must_agree_to_the_last_bit() -> None:
    last_bit = float(np.nextafter(np.float32(1), np.float32(2)))
    verdicts = agree([_said("a", last_bit), _said("b", 1.0)], RULE)
    assert [(v.check, v.protocol, v.passed) for v in verdicts] == [("protocols", "a", False)]


def test_protocols_agree_by_the_rule_where_answers_do_not_repeat() -> None:
    last_bit = float(np.nextafter(np.float32(1), np.float32(2)))
    verdicts = agree([_said("a", last_bit), _said("b", 1.0, exact=False)], RULE)
    assert [v.passed for v in verdicts] == [True]


def test_a_protocol_that_was_not_asked_is_left_out_of_the_agreement() -> None:
    mute = Proof("mute", not_asked="no words")
    assert agree([mute, _said("b", 1.0)], RULE) == []
