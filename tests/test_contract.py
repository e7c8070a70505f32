"""The keys and signatures a converted model will have."""

from __future__ import annotations

import pytest

from converter import contract as contracts
from converter.errors import UsageError
from converter.options import Options
from testing.models import dense_model, entry, functional, layer, source, two_input_model


def _contract(options: Options) -> contracts.Contract:
    return contracts.make(source(config=two_input_model()), options)


def test_keys_are_the_keras_names_in_the_models_order() -> None:
    made = _contract(Options())
    assert made.inputs == ("left", "right")
    assert made.outputs == ("sum", "product")


def test_a_sequential_model_has_the_input_name_keras_gives_it() -> None:
    made = contracts.make(source(config=dense_model()), Options())
    assert (made.inputs, made.outputs) == (("dense_input",), ("dense",))


def test_renamed_keys_stay_in_their_place() -> None:
    made = _contract(Options(rename_inputs={"left": "x"}, rename_outputs={"product": "y"}))
    assert made.inputs == ("x", "right")
    assert made.outputs == ("sum", "y")


def test_two_keys_can_be_swapped() -> None:
    made = _contract(Options(rename_inputs={"left": "right", "right": "left"}))
    assert made.inputs == ("right", "left")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (Options(rename_inputs={"middle": "x"}), "no input 'middle'"),
        (Options(rename_outputs={"left": "x"}), "no output 'left'"),
    ],
)
def test_renaming_what_is_not_there_is_refused_with_what_is(options: Options, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        _contract(options)
    assert "left, right" in caught.value.fix or "sum, product" in caught.value.fix


@pytest.mark.parametrize(
    "options",
    [Options(rename_inputs={"left": "right"}), Options(rename_outputs={"sum": "product"})],
)
def test_two_keys_cannot_have_one_name(options: Options) -> None:
    with pytest.raises(UsageError, match="same name"):
        _contract(options)


def test_an_input_and_an_output_may_share_a_name() -> None:
    assert _contract(Options(rename_outputs={"sum": "left"})).outputs == ("left", "product")


def test_one_layer_that_is_an_output_twice_gets_two_keys() -> None:
    node = functional([entry("x", 3), layer("Dense", "y", ["x"])], ["x"], ["y", "y"])
    assert contracts.make(source(config=node), Options()).outputs == ("y", "y_1")


@pytest.mark.parametrize(
    ("asked", "signatures"),
    [
        ((), ("serving_default",)),
        (("predict", "classify"), ("serving_default", "predict", "classify")),
        (("predict", "serving_default", "predict"), ("serving_default", "predict")),
    ],
)
def test_serving_default_is_always_the_first_signature(
    asked: tuple[str, ...], signatures: tuple[str, ...]
) -> None:
    assert _contract(Options(signatures=asked)).signatures == signatures


def test_the_fields_of_a_request_are_plain_lists() -> None:
    assert _contract(Options(tags=("serve", "gpu"))).fields() == {
        "inputs": ["left", "right"],
        "outputs": ["sum", "product"],
        "signatures": ["serving_default"],
        "tags": ["serve", "gpu"],
    }
