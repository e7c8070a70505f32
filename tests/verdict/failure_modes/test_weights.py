"""A SavedModel with other weights than the file's is told from one that has the right ones."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from testing import fixtures
from testing.planting import Bed

# Native Keras on TensorFlow 1: `model` is the fixture, loaded; save(session) writes the SavedModel.
GRAPH = """
import h5py
import keras
from keras import backend as K
K.clear_session()
K.set_learning_phase(0)
model = keras.models.load_model({source!r}, compile=False)
def save(session, **more):
    signature = tf.saved_model.signature_def_utils.predict_signature_def(
        {{t.name.split(":")[0].split("_input")[0]: t for t in model.inputs}},
        {{name: t for name, t in zip(model.output_names, model.outputs)}})
    builder = tf.saved_model.builder.SavedModelBuilder(path("wrong"))
    builder.add_meta_graph_and_variables(
        session, ["serve"], {{"serving_default": signature}}, **more)
    builder.save()
"""


@pytest.mark.toolchain("tf1.14-keras2.2")
class TestInASession:
    """Failure modes 16, 17 and 18: sessions of TensorFlow 1 that lose what was loaded."""

    def _plant(self, bed: Bed, code: str) -> None:
        entry = fixtures.written_by(bed.fixtures, "digits", "tf1.14-keras2.2", "keras")
        shutil.copy(bed.fixtures / entry["file"], bed.folder / "right.h5")
        head = GRAPH.format(source=str(bed.folder / "right.h5"))
        bed.plant("tf1.14-keras2.2", head + code, flavour="keras", mode="graph")

    def test_variables_given_new_values_when_the_model_is_loaded(self, bed: Bed) -> None:
        self._plant(bed, "save(K.get_session(), main_op=tf.global_variables_initializer())\n")
        found = bed.diagnose("right.h5", "tf1.14-keras2.2", flavour="keras", mode="graph")
        assert (found.cause, found.layer) == ("variables-reinitialised", "conv1")
        assert "conv1/kernel" in found.evidence[0]

    def test_a_session_that_was_initialised_anew(self, bed: Bed) -> None:
        self._plant(
            bed,
            "with tf.Session(graph=K.get_session().graph) as session:\n"
            "    session.run(tf.global_variables_initializer())\n"
            "    save(session)\n",
        )
        found = bed.diagnose("right.h5", "tf1.14-keras2.2", flavour="keras", mode="graph")
        assert (found.cause, found.layer) == ("weights-fresh", "conv1")

    def test_variables_that_were_not_saved(self, bed: Bed) -> None:
        self._plant(
            bed,
            "kept = [v for v in tf.global_variables() if not v.name.startswith('hidden')]\n"
            "save(K.get_session(), saver=tf.train.Saver(kept))\n",
        )
        found = bed.diagnose("right.h5", "tf1.14-keras2.2", flavour="keras", mode="graph")
        assert (found.cause, found.layer) == ("uninitialized-variables", "hidden")

    def test_tables_may_have_an_init_operation(self, bed: Bed) -> None:
        """Nothing is wrong with this one."""
        self._plant(bed, "save(K.get_session(), legacy_init_op=tf.tables_initializer())\n")
        found = bed.diagnose("right.h5", "tf1.14-keras2.2", flavour="keras", mode="graph")
        assert found.cause == "server-differs"


@pytest.mark.toolchain("tf2.21")
def test_variables_that_only_python_can_restore(bed: Bed) -> None:
    """Failure mode 17: tf.saved_model.save of a Keras 3 model."""
    bed.plant(
        "tf2.21",
        """
import keras
x = keras.Input((6,), name="x")
y = keras.layers.Dense(8, name="hidden")(x)
model = keras.Model(x, keras.layers.Dense(3, name="y")(y))
model.save(path("right.h5"))
tf.saved_model.save(model, path("wrong"))
""",
        flavour="keras3",
    )
    found = bed.diagnose("right.h5", "tf2.21", flavour="keras3")
    assert found.cause == "uninitialized-variables"
    assert found.layer in {"hidden", "y"}


# Two hidden layers alike, one normalization, one convolution; `change(wrong)` makes it so.
CHANGED = """
keras = tf.keras
layers = keras.layers
def build():
    x = layers.Input((8, 8, 4), name="x")
    y = layers.Conv2D(4, 3, name="conv", bias_initializer="random_normal")(x)
    y = layers.BatchNormalization(name="norm")(y)
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    y = layers.Dense(4, name="first", bias_initializer="random_normal")(y)
    y = layers.Dense(4, name="second", bias_initializer="random_normal")(y)
    return keras.Model(x, layers.Dense(3, name="y")(y))
right, wrong = build(), build()
norm = right.get_layer("norm")
norm.set_weights([np.random.uniform(0.5, 2.0, w.shape) for w in norm.get_weights()])
wrong.set_weights(right.get_weights())
def change(name, *arrays):
    wrong.get_layer(name).set_weights(arrays)
{change}
right.save(path("right.h5"))
wrong.save(path("wrong"))
"""

CASES = [
    pytest.param(
        """
change("first", *right.get_layer("second").get_weights())
change("second", *right.get_layer("first").get_weights())
""",
        "weights-of-another-layer",
        "first",
        id="of another layer",
    ),
    pytest.param(
        """
gamma, beta, mean, variance = right.get_layer("norm").get_weights()
change("norm", beta, gamma, mean, variance)
""",
        "weights-exchanged",
        "norm",
        id="in another order",
    ),
    pytest.param(
        """
kernel, bias = right.get_layer("conv").get_weights()
change("conv", kernel[::-1, ::-1], bias)
""",
        "kernels-flipped",
        "conv",
        id="turned round",
    ),
    pytest.param(
        """
kernel, bias = right.get_layer("second").get_weights()
change("second", kernel.T, bias)
""",
        "kernels-transposed",
        "second",
        id="transposed",
    ),
    pytest.param(
        """
kernel, bias = right.get_layer("conv").get_weights()
change("conv", np.round(kernel * 127) / 127, bias)
""",
        "weights-rounded",
        "conv",
        id="rounded",
    ),
    pytest.param(
        """
kernel, bias = right.get_layer("first").get_weights()
change("first", kernel + 0.3, bias)
""",
        "weights-others",
        "first",
        id="trained further",
    ),
    pytest.param(
        """
wrong.get_layer("norm").set_weights([np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)])
""",
        "weights-fresh",
        "norm",
        id="never loaded",
    ),
]


@pytest.mark.toolchain("tf2.15")
@pytest.mark.parametrize(("change", "cause", "layer"), CASES)
def test_a_layer_with_weights_that_are(change: str, cause: str, layer: str, bed: Bed) -> None:
    """Failure modes 2 and 18."""
    bed.plant("tf2.15", CHANGED.format(change=change))
    found = bed.diagnose("right.h5", "tf2.15")
    assert (found.cause, found.layer) == (cause, layer)
    assert found.max_abs is not None
    assert np.isfinite(found.max_abs)


@pytest.mark.toolchain("tf2.15")
def test_variables_whose_files_are_missing(bed: Bed) -> None:
    """Failure mode 25: a version folder that was not copied whole."""
    bed.plant("tf2.15", CHANGED.format(change=""))
    shutil.rmtree(bed.folder / "wrong" / "variables")
    found = bed.diagnose("right.h5", "tf2.15")
    assert found.cause == "variables-damaged"
