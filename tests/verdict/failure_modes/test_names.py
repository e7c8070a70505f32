"""Failure modes 22, 23 and 24: names, orders and types of a signature."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from testing.planting import Bed

pytestmark = pytest.mark.toolchain("tf2.15")

# A model of two inputs and outputs, and a signature of its own; {body} returns its answers.
SIGNED = """
keras = tf.keras
layers = keras.layers
left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
both = layers.Subtract(name="both")([left, layers.Dense(4, name="turn")(right)])
label = layers.Dense(3, activation="softmax", name="label")(both)
amount = layers.Dense(3, name="amount")(both)
model = keras.Model([left, right], [label, amount])
model.save(path("right.h5"))
spec = [tf.TensorSpec((None, 4), name=name) for name in {names}]
@tf.function(input_signature=spec)
def serve(left, right):
    label, amount = model([left, right])
    {body}
tf.saved_model.save(model, path("wrong"), signatures={signatures})
"""
RIGHT = 'return {"label": label, "amount": amount}'


def _plant(
    bed: Bed,
    body: str = RIGHT,
    signatures: str = "serve",
    names: tuple[str, str] = ("left", "right"),
) -> None:
    bed.plant("tf2.15", SIGNED.format(body=body, signatures=signatures, names=names))


def test_nothing_is_found_in_a_right_one(bed: Bed) -> None:
    """The plant itself does no harm: the SavedModel answers as the reference."""
    _plant(bed)
    found = bed.diagnose("right.h5", "tf2.15")
    assert (found.cause, found.layer) == ("server-differs", "")
    assert "tf2.15" in found.evidence[0]


def test_outputs_that_are_exchanged(bed: Bed) -> None:
    _plant(bed, 'return {"label": amount, "amount": label}')
    found = bed.diagnose("right.h5", "tf2.15")
    assert found.cause == "outputs-exchanged"
    assert "label holds amount" in found.evidence[0]
    assert found.layer == ""


def test_inputs_that_are_exchanged(bed: Bed) -> None:
    _plant(bed, f"label, amount = model([right, left])\n    {RIGHT}")
    found = bed.diagnose("right.h5", "tf2.15")
    assert found.cause == "inputs-exchanged"
    assert "left and right" in found.evidence[0]


def test_outputs_of_other_names(bed: Bed) -> None:
    _plant(bed, 'return {"output_0": label, "output_1": amount}')
    found = bed.diagnose("right.h5", "tf2.15")
    assert found.cause == "keys-renamed"
    assert "output_0, output_1" in found.evidence[0]


def test_inputs_of_other_names(bed: Bed) -> None:
    _plant(bed, names=("args_0", "args_0_1"))
    found = bed.diagnose("right.h5", "tf2.15")
    assert found.cause == "keys-renamed"
    assert "args_0, args_0_1" in found.evidence[0]


def test_a_signature_of_another_name(bed: Bed) -> None:
    _plant(bed, signatures='{"predict": serve}')
    found = bed.diagnose("right.h5", "tf2.15")
    assert found.cause == "keys-renamed"
    assert "its signatures are predict" in found.evidence[0]


def test_tags_that_are_missing(bed: Bed) -> None:
    _plant(bed)
    case = bed.case(bed.folder / "right.h5", "tf2.15")
    other = dataclasses.replace(case.contract, tags=("serve", "gpu"))
    found = bed.diagnose("right.h5", "tf2.15", contract=other)
    assert found.cause == "tags-missing"


def test_an_output_of_another_type(bed: Bed) -> None:
    """Failure mode 18, keras#20985."""
    _plant(bed, 'return {"label": tf.cast(label, tf.float64), "amount": amount}')
    found = bed.diagnose("right.h5", "tf2.15")
    assert found.cause == "dtype"
    assert "label is float64 instead of float32" in found.evidence[0]


def test_a_signature_that_prepares_its_inputs(bed: Bed) -> None:
    """Failure mode 18: preprocessing inside the SavedModel."""
    _plant(bed, f"label, amount = model([left / 255.0, right / 255.0])\n    {RIGHT}")
    found = bed.diagnose("right.h5", "tf2.15")
    assert (found.cause, found.layer) == ("preprocessed", "turn")


def test_a_signature_that_changes_the_answers(bed: Bed) -> None:
    """Failure mode 18: logits in place of probabilities, or the other way round."""
    _plant(bed, 'return {"label": label, "amount": tf.nn.softmax(amount)}')
    found = bed.diagnose("right.h5", "tf2.15")
    assert found.cause == "postprocessed"


def test_a_server_that_answers_otherwise_than_its_saved_model(bed: Bed) -> None:
    """Failure modes 18 and 33: another version is served."""
    _plant(bed)
    case = bed.case(bed.folder / "right.h5", "tf2.15")
    got = {key: values + 0.1 for key, values in case.expected.items()}
    found = bed.diagnose("right.h5", "tf2.15", got=got)
    assert found.cause == "server-differs"


def test_recorded_answers_that_are_not_the_files(bed: Bed) -> None:
    _plant(bed)
    case = bed.case(bed.folder / "right.h5", "tf2.15")
    recorded = {key: np.flip(values, 0) for key, values in case.expected.items()}
    found = bed.diagnose("right.h5", "tf2.15", expected=recorded)
    assert found.cause == "recorded-answers"
