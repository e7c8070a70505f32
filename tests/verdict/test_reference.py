"""The reference: samples that the model takes and that can tell right from wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import pytest

from converter.errors import EmptyOutput, NoUsableSamples, WorkerDied, WorkerRaised
from converter.toolchain.facts import TensorFacts
from converter.toolchain.session import Array, Session
from converter.verdict.reference import Reference, predict, predicted
from converter.verdict.rule import Rule
from converter.verdict.samples import LENGTHS, Recipe
from converter.verdict.vocabulary import Demand

RULE = Rule(rtol=1e-4, atol=1e-5)
Model = Callable[..., Array | list[Array]]


class FakeSession:
    """A worker whose model is a function in this process."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, inputs: Sequence[Array]) -> list[Array]:
        """The model's answers."""
        answers = self._model(*inputs)
        return answers if isinstance(answers, list) else [answers]


def _session(model: Model) -> Session:
    return cast("Session", FakeSession(model))


def _recipe(
    *shape: int | None, dtype: str = "float32", demands: Mapping[str, Demand] | None = None
) -> Recipe:
    facts = (TensorFacts((None, *shape), dtype),)
    return Recipe(("x",), facts, demands or {}, rows=4, seed=0)


def _predicted(model: Model, recipe: Recipe | None = None) -> Reference:
    return predicted(_session(model), recipe or _recipe(3), ["y"], RULE, "the test")


def test_the_answers_are_the_models_for_each_batch_by_output_key() -> None:
    found = _predicted(lambda x: 2 * x)
    assert found.origin == "the test"
    assert [len(b["x"]) for b in found.batches] == [1, 4]
    for batch, answers in zip(found.batches, found.answers, strict=True):
        assert np.array_equal(answers["y"], 2 * batch["x"])


def test_inputs_go_to_the_model_in_order_and_outputs_come_back_by_key() -> None:
    session = _session(lambda a, b: [a - b, a + b])
    batch = {"left": np.array([3.0]), "right": np.array([1.0])}
    assert predict(session, batch, ["less", "more"]) == {"less": [2.0], "more": [4.0]}


def test_more_or_fewer_outputs_than_keys_are_an_error_not_a_loss() -> None:
    with pytest.raises(ValueError, match="argument"):
        predict(_session(lambda x: [x, x]), {"x": np.ones(1)}, ["y"])


@pytest.mark.parametrize(
    ("model", "scale"),
    [
        (lambda x: x, 1.0),
        (lambda x: np.where(np.abs(x).max() > 0.5, np.zeros_like(x), x), 0.1),
        (lambda x: np.maximum(x, 3) + 0 * x, 10.0),
        (lambda x: np.where(np.abs(x) > 0.05, np.nan, x), 0.01),
        (lambda x: x * np.float32(1e6) * (np.abs(x).max() > 0.5), 1.0),
    ],
    ids=["any", "dead when large", "dead when small", "NaN when large", "large answers"],
)
def test_the_first_scale_at_which_answers_are_finite_and_differ_is_taken(
    model: Model, scale: float
) -> None:
    found = _predicted(model)
    assert found.scale == scale
    assert found.alive


def test_a_scale_at_which_rounding_alone_moves_the_answers_is_avoided() -> None:
    def shaky(x: Array) -> Array:
        fine = (x.view(np.int32) & 1).astype(np.float32)  # the last bit of each number
        return np.asarray(x + fine * (np.abs(x).max() > 0.5))

    found = _predicted(shaky)
    assert found.scale == 0.1
    assert found.sensitivity is not None
    assert found.sensitivity < RULE.atol


def test_where_no_scale_is_fit_the_nearest_is_taken_and_said_to_be_dead() -> None:
    found = _predicted(lambda x: np.ones((len(x), 2), np.float32))
    assert not found.alive
    assert found.scale == 1.0


def test_sensitivity_is_how_far_rounding_of_the_inputs_moves_an_answer() -> None:
    found = _predicted(lambda x: x * np.float32(1000))
    assert found.sensitivity is not None
    assert 0 < found.sensitivity < 1000 * 2e-7


@pytest.mark.parametrize(
    "recipe",
    [_recipe(3, dtype="int32"), _recipe(3, demands={"x": Demand(vocabulary=50)})],
    ids=["integers", "ids written as floats"],
)
def test_ids_have_no_scale_and_no_sensitivity(recipe: Recipe) -> None:
    found = _predicted(lambda x: x.astype(np.float32), recipe)
    assert found.scale is None
    assert found.sensitivity == 0
    assert found.alive


def test_infinite_answers_are_a_reference_like_any_other() -> None:
    """Numpy's warnings are errors here."""
    found = _predicted(lambda x: np.where(x > -2, np.float32(np.inf), x))
    assert np.isinf(found.answers[-1]["y"]).all()
    assert not found.alive


def test_a_model_of_one_row_is_alive_when_its_elements_differ() -> None:
    recipe = Recipe(("x",), (TensorFacts((1, 3), "float32"),), {}, rows=4, seed=0)
    assert _predicted(lambda x: x, recipe).alive
    assert _predicted(lambda x: x, recipe).fixed_batch
    assert not _predicted(np.ones_like, recipe).alive


def _refusal(words: str = "too short") -> WorkerRaised:
    return WorkerRaised("'predict' failed", kind="keras", exception="ValueError", why=words)


def _needing(length: int) -> Model:
    """A model that takes sequences of at least `length`."""

    def model(x: Array) -> Array:
        if x.shape[1] < length:
            raise _refusal(f"{x.shape[1]} is too short")
        return np.asarray(x.sum(axis=1))

    return model


@pytest.mark.parametrize(("needed", "taken"), [(1, 8), (8, 8), (9, 32), (100, 128), (224, 224)])
def test_longer_sequences_are_tried_until_the_model_takes_them(needed: int, taken: int) -> None:
    found = _predicted(_needing(needed), _recipe(None, 2))
    assert [b["x"].shape[1] for b in found.batches] == [taken, taken, taken + taken // 2]


def test_a_net_that_shrinks_short_sequences_to_nothing_gets_longer_ones() -> None:
    found = _predicted(lambda x: x[:, 20:], _recipe(None, 2))
    assert all(answers["y"].size for answers in found.answers)


def test_a_model_that_takes_no_length_is_refused_with_its_first_words() -> None:
    with pytest.raises(NoUsableSamples) as caught:
        _predicted(_needing(max(LENGTHS) + 1), _recipe(None, 2))
    assert caught.value.why == "8 is too short"
    assert "--inputs" in caught.value.fix


def test_a_model_with_fixed_lengths_is_tried_once() -> None:
    tries = []

    def model(x: Array) -> Array:
        tries.append(x.shape)
        raise _refusal()

    with pytest.raises(NoUsableSamples):
        _predicted(model)
    assert tries == [(1, 3)]


def test_a_worker_that_dies_is_not_taken_for_a_model_that_refuses() -> None:
    def model(x: Array) -> Array:
        raise WorkerDied("The worker died")

    with pytest.raises(WorkerDied):
        _predicted(model, _recipe(None, 2))


def test_an_output_that_is_always_empty_is_named() -> None:
    recipe = _recipe(3)
    with pytest.raises(EmptyOutput, match="'y' is empty") as caught:
        _predicted(lambda x: x[:, :0], recipe)
    assert "[4, 0]" in caught.value.why
