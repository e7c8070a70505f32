"""A layer that means something else in the SavedModel is named, with what it means there."""

from __future__ import annotations

import pytest

from converter.toolchain import catalog
from converter.toolchain.facts import LoadOptions
from testing.planting import TWINS, Bed

GATE = """
def gate(x):
    return tf.nn.relu6(x + 3.0) / 6.0
"""


@pytest.mark.toolchain("tf2.15")
class TestHardSigmoid:
    """Failure mode 1: another slope in Keras 3."""

    def test_of_a_dense_layer(self, bed: Bed) -> None:
        bed.plant(
            "tf2.15",
            TWINS
            + GATE
            + """
def build(right):
    x = layers.Input((6,), name="x")
    y = layers.Dense(8, name="hidden")(x)
    y = layers.Dense(5, activation="hard_sigmoid" if right else gate, name="gate")(y)
    return keras.Model(x, layers.Dense(3, name="y")(y))
save(build)
""",
        )
        found = bed.diagnose("right.h5", "tf2.15")
        assert (found.cause, found.layer, found.class_name) == ("hard-sigmoid", "gate", "Dense")
        assert found.max_abs is not None
        assert 0 < found.max_abs < 1 / 12

    def test_inside_the_cell_of_a_wrapped_layer(self, bed: Bed) -> None:
        bed.plant(
            "tf2.15",
            TWINS
            + GATE
            + """
def build(right):
    x = layers.Input((5, 3), name="x")
    gates = "hard_sigmoid" if right else gate
    lstm = layers.LSTM(4, recurrent_activation=gates, name="lstm")
    y = layers.Bidirectional(lstm, name="both")(x)
    return keras.Model(x, layers.Dense(3, name="y")(y))
with keras.utils.custom_object_scope({"gate": gate}):
    save(build)
""",
        )
        found = bed.diagnose("right.h5", "tf2.15")
        assert (found.cause, found.layer) == ("hard-sigmoid", "both")


@pytest.mark.toolchain("tf2.15", "tf2.21")
def test_hard_sigmoid_of_an_older_keras_where_keras_3_wrote_the_file(bed: Bed) -> None:
    """Failure mode 1, the other way round: the file is converted by a Keras 2."""
    bed.plant(
        "tf2.21",
        """
import keras
x = keras.Input((6,), name="x")
y = keras.layers.Dense(5, activation="hard_sigmoid", name="gate")(x)
keras.Model(x, keras.layers.Dense(3, name="y")(y)).save(path("right.h5"))
""",
        flavour="keras3",
    )
    worker = bed.keras("tf2.15")
    worker.load_h5(bed.folder / "right.h5", LoadOptions("tf.keras"))
    contract = {"inputs": ["x"], "outputs": ["y"], "signatures": ["serving_default"]}
    worker.convert("export", bed.folder / "wrong", {**contract, "tags": ["serve"]}, False)
    found = bed.diagnose("right.h5", "tf2.21", flavour="keras3", serving="tf2.15")
    assert (found.cause, found.layer) == ("hard-sigmoid", "gate")


@pytest.mark.toolchain("tf1.15-keras2.3")
def test_the_resize_rule_of_another_keras(bed: Bed) -> None:
    """Failure mode 3: native Keras and tf.keras place the pixels otherwise."""
    bed.plant(
        "tf1.15-keras2.3",
        """
import keras
layers = keras.layers
x = layers.Input((5, 4, 2), name="x")
y = layers.Conv2D(3, 2, name="conv")(x)
y = layers.UpSampling2D(3, interpolation="bilinear", name="up")(y)
keras.models.Model(x, layers.Conv2D(2, 3, name="y")(y)).save(path("right.h5"))
""",
        flavour="keras",
        mode="graph",
    )
    worker = bed.pool.session(catalog.get("tf1.15-keras2.3"), "graph", "plant")
    worker.load_h5(bed.folder / "right.h5", LoadOptions("tf.keras"))
    contract = {"inputs": ["x"], "outputs": ["y"], "signatures": ["serving_default"]}
    worker.convert("builder", bed.folder / "wrong", {**contract, "tags": ["serve"]}, False)
    found = bed.diagnose("right.h5", "tf1.15-keras2.3", flavour="keras", mode="graph")
    assert (found.cause, found.layer, found.class_name) == ("resize-rule", "up", "UpSampling2D")
    assert "half-pixel, the reference by asymmetric" in found.evidence[0]


@pytest.mark.toolchain("tf2.15")
class TestInTensorFlow215:
    """What can go wrong in any version."""

    def test_a_resize_that_the_file_could_not_tell(self, bed: Bed) -> None:
        """Failure mode 3: the model resized bilinearly, the SavedModel takes the nearest pixel."""
        bed.plant(
            "tf2.15",
            TWINS
            + """
def build(right):
    x = layers.Input((4, 4, 2), name="x")
    rule = "bilinear" if right else "nearest"
    y = layers.UpSampling2D(2, interpolation=rule, name="up")(x)
    return keras.Model(x, layers.Conv2D(2, 3, name="y")(y))
save(build)
""",
        )
        found = bed.diagnose("right.h5", "tf2.15")
        assert (found.cause, found.layer) == ("resize-rule", "up")
        assert "nearest, the reference by half-pixel" in found.evidence[0]

    def test_a_layer_with_other_arguments(self, bed: Bed) -> None:
        bed.plant(
            "tf2.15",
            TWINS
            + """
def build(right):
    x = layers.Input((6,), name="x")
    y = layers.Dense(8, name="hidden")(x)
    y = layers.LeakyReLU(0.3 if right else 0.2, name="leaky")(y)
    return keras.Model(x, layers.Dense(3, name="y")(y))
save(build)
""",
        )
        found = bed.diagnose("right.h5", "tf2.15")
        assert (found.cause, found.layer) == ("another-meaning", "leaky")

    def test_an_activation_too_much_is_found_though_the_right_values_come_before_it(
        self, bed: Bed
    ) -> None:
        bed.plant(
            "tf2.15",
            TWINS
            + """
def build(right):
    x = layers.Input((6,), name="x")
    y = layers.Dense(8, activation=None if right else "relu", name="hidden")(x)
    return keras.Model(x, layers.Dense(3, name="y")(y))
save(build)
""",
        )
        found = bed.diagnose("right.h5", "tf2.15")
        assert (found.cause, found.layer) == ("another-meaning", "hidden")
        assert "it has the file's weights" not in found.advice

    def test_a_layer_of_a_nested_model_is_named_by_its_path(self, bed: Bed) -> None:
        bed.plant(
            "tf2.15",
            TWINS
            + """
def build(right):
    raw = layers.Input((6,), name="raw")
    y = layers.Dense(8, name="dense")(raw)
    y = layers.Dense(4, activation="tanh" if right else "sigmoid", name="dense_1")(y)
    encoder = keras.Model(raw, layers.Dense(4, name="dense_2")(y), name="encoder")
    x = layers.Input((6,), name="x")
    y = layers.Dense(6, name="dense")(x)
    return keras.Model(x, layers.Dense(3, name="y")(encoder(y)))
save(build)
""",
        )
        found = bed.diagnose("right.h5", "tf2.15")
        assert (found.cause, found.layer) == ("another-meaning", "encoder/dense_1")

    def test_half_precision(self, bed: Bed) -> None:
        """Failure mode 18: another type inside."""
        bed.plant(
            "tf2.15",
            TWINS
            + """
def build(right):
    x = layers.Input((6,), name="x")
    y = layers.Dense(8, name="hidden", dtype=None if right else "mixed_float16")(x)
    return keras.Model(x, layers.Dense(3, name="y")(y))
save(build)
""",
        )
        found = bed.diagnose("right.h5", "tf2.15")
        assert (found.cause, found.layer) == ("half-precision", "hidden")

    def test_a_model_that_magnifies_rounding(self, bed: Bed) -> None:
        """Failure mode 18: nothing is wrong, but no two environments agree."""
        bed.plant(
            "tf2.15",
            TWINS
            + """
def build(right):
    x = layers.Input((4,), name="x")
    y = layers.Activation("sigmoid", name="start")(x)
    for turn in range(24):
        rest = layers.Rescaling(-1.0, 1.0, name="rest%d" % turn)(y)
        y = layers.Multiply(name="times%d" % turn)([y, rest])
        y = layers.Rescaling(4.0 if right else 3.9999993, name="turn%d" % turn)(y)
    return keras.Model(x, layers.Dense(3, name="y")(y))
save(build)
""",
        )
        found = bed.diagnose("right.h5", "tf2.15")
        assert found.cause == "rounding"

    def test_small_differences_in_large_numbers(self, bed: Bed) -> None:
        """Failure mode 18: an answer near 0 beside one of a thousand."""
        bed.plant(
            "tf2.15",
            TWINS
            + """
def build(right):
    x = layers.Input((6,), name="x")
    return keras.Model(x, layers.Dense(2, name="y")(x))
right, wrong = build(True), build(False)
kernel = np.stack([np.full(6, 1000.0), np.full(6, 0.001)], axis=1)
right.set_weights([kernel, np.array([0.0, 0.0])])
wrong.set_weights([kernel, np.array([0.0, 0.005])])
right.save(path("right.h5"))
wrong.save(path("wrong"))
""",
        )
        found = bed.diagnose("right.h5", "tf2.15")
        assert (found.cause, found.layer) == ("rounding-adds-up", "")
