"""Failure mode 15: a model that was built in training mode, or that nobody told its mode."""

from __future__ import annotations

import shutil

import pytest

from testing import fixtures
from testing.planting import Bed

# Native Keras on TensorFlow 1 with another learning phase than 0.
PHASED = """
import keras
from keras import backend as K
K.clear_session()
{phase}
model = keras.models.load_model({source!r})
signature = tf.saved_model.signature_def_utils.predict_signature_def(
    {{t.name.split(":")[0]: t for t in model.inputs}},
    {{name: t for name, t in zip(model.output_names, model.outputs)}})
builder = tf.saved_model.builder.SavedModelBuilder(path("wrong"))
builder.add_meta_graph_and_variables(K.get_session(), ["serve"], {{"serving_default": signature}})
builder.save()
"""


def _plant(bed: Bed, model: str, toolchain: str, phase: str) -> None:
    entry = fixtures.written_by(bed.fixtures, model, toolchain, "keras")
    shutil.copy(bed.fixtures / entry["file"], bed.folder / "right.h5")
    code = PHASED.format(phase=phase, source=str(bed.folder / "right.h5"))
    bed.plant(toolchain, code, flavour="keras", mode="graph")


@pytest.mark.toolchain("tf1.14-keras2.2")
def test_dropout_is_on_when_the_learning_phase_is_1(bed: Bed) -> None:
    _plant(bed, "digits", "tf1.14-keras2.2", "K.set_learning_phase(1)")
    found = bed.diagnose("right.h5", "tf1.14-keras2.2", flavour="keras", mode="graph")
    assert (found.cause, found.layer, found.class_name) == ("dropout-on", "dropout", "Dropout")
    assert "twice" in found.evidence[0]


@pytest.mark.toolchain("tf1.14-keras2.2")
def test_batch_statistics_are_taken_when_the_learning_phase_is_1(bed: Bed) -> None:
    bed.plant(
        "tf1.14-keras2.2",
        """
import keras
from keras import backend as K
layers = keras.layers
x = layers.Input((4, 4, 2), name="x")
y = layers.BatchNormalization(name="norm_image")(x)
y = layers.BatchNormalization(name="norm_vector")(layers.Flatten(name="flat")(y))
model = keras.models.Model(x, layers.Dense(3, name="y")(y))
model.save(path("right.h5"))
K.clear_session()
K.set_learning_phase(1)
model = keras.models.load_model(path("right.h5"), compile=False)
tf.saved_model.simple_save(
    K.get_session(), path("wrong"), {"x": model.inputs[0]}, {"y": model.outputs[0]})
""",
        flavour="keras",
        mode="graph",
    )
    found = bed.diagnose("right.h5", "tf1.14-keras2.2", flavour="keras", mode="graph")
    assert (found.cause, found.layer) == ("batch-statistics", "norm_image")
    assert "rows asked one by one" in found.evidence[0]


@pytest.mark.toolchain("tf1.4-keras1.2", "tf1.12-keras2.1")
def test_a_learning_phase_that_was_left_open_must_be_fed(bed: Bed) -> None:
    """Keras 1 has no default for it."""
    _plant(bed, "digits", "tf1.4-keras1.2", "")
    found = bed.diagnose(
        "right.h5", "tf1.4-keras1.2", flavour="keras", mode="graph", serving="tf1.12-keras2.1"
    )
    assert found.cause == "learning-phase-not-fixed"


# A source, and a signature that calls it in training mode. {layers} makes `y` of `x`.
TRAINED = """
keras = tf.keras
layers = keras.layers
x = layers.Input({shape}, name="x")
{layers}
model = keras.Model(x, layers.Dense(3, name="y")(y))
model.save(path("right.h5"))
@tf.function(input_signature=[tf.TensorSpec((None,) + {shape}, name="x")])
def serve(x):
    return {{"y": model(x, training={training})}}
tf.saved_model.save(model, path("wrong"), signatures=serve)
"""


@pytest.mark.toolchain("tf2.15")
class TestInTensorFlow215:
    """Signatures that call the model with training=True."""

    def _diagnosed(
        self, bed: Bed, layers: str, shape: str = "(6,)", training: bool = True
    ) -> tuple[str, str]:
        code = TRAINED.format(layers=layers, shape=shape, training=training)
        bed.plant("tf2.15", code)
        found = bed.diagnose("right.h5", "tf2.15")
        return found.cause, found.layer

    def test_dropout(self, bed: Bed) -> None:
        layers = "y = layers.Dropout(0.5, name='drop')(layers.Dense(8, name='dense')(x))"
        assert self._diagnosed(bed, layers) == ("dropout-on", "drop")

    def test_noise(self, bed: Bed) -> None:
        layers = "y = layers.GaussianNoise(0.5, name='noise')(layers.Dense(8, name='dense')(x))"
        assert self._diagnosed(bed, layers) == ("dropout-on", "noise")

    def test_batch_normalization_of_vectors(self, bed: Bed) -> None:
        layers = "y = layers.BatchNormalization(name='norm')(layers.Dense(8, name='dense')(x))"
        assert self._diagnosed(bed, layers) == ("batch-statistics", "norm")

    def test_batch_normalization_of_images(self, bed: Bed) -> None:
        layers = "y = layers.BatchNormalization(name='norm')(x)\ny = layers.Flatten(name='flat')(y)"
        assert self._diagnosed(bed, layers, "(4, 4, 2)") == ("batch-statistics", "norm")

    def test_batch_normalization_of_a_nested_model(self, bed: Bed) -> None:
        layers = (
            "raw = layers.Input((6,), name='raw')\n"
            "inner = layers.BatchNormalization(name='norm')(layers.Dense(8, name='dense')(raw))\n"
            "y = keras.Model(raw, inner, name='inner')(x)"
        )
        assert self._diagnosed(bed, layers) == ("batch-statistics", "inner/norm")

    def test_random_numbers_without_dropout(self, bed: Bed) -> None:
        layers = (
            "y = layers.Dense(8, name='dense')(x)\n"
            "y = layers.Reshape((2, 2, 2), name='square')(y)\n"
            "y = layers.RandomBrightness(0.9, value_range=(-100, 100), name='light')(y)\n"
            "y = layers.Flatten(name='flat')(y)"
        )
        assert self._diagnosed(bed, layers) == ("random", "light")

    def test_a_model_that_is_meant_to_be_random(self, bed: Bed) -> None:
        layers = "y = layers.Dropout(0.5, name='drop')(x, training=True)"
        assert self._diagnosed(bed, layers, training=False) == ("random-by-design", "drop")

    def test_a_layer_that_mixes_the_rows_of_a_batch(self, bed: Bed) -> None:
        bed.plant(
            "tf2.15",
            """
keras = tf.keras
x = keras.Input((6,), name="x")
model = keras.Model(x, keras.layers.Dense(3, name="y")(x))
model.save(path("right.h5"))
@tf.function(input_signature=[tf.TensorSpec((None, 6), name="x")])
def serve(x):
    answer = model(x)
    return {"y": answer - tf.reduce_mean(answer, axis=0)}
tf.saved_model.save(model, path("wrong"), signatures=serve)
""",
        )
        assert bed.diagnose("right.h5", "tf2.15").cause == "depends-on-the-batch"
