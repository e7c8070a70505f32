"""Failure modes 19 to 29 and 37: what servers and clients say, and what it means."""

from __future__ import annotations

import shutil

import pytest

from converter.source import read as sources
from converter.verdict.diagnosis import Diagnosis, explain
from testing import fixtures
from testing.planting import Bed

CONTRACT = {
    "inputs": ["image"],
    "outputs": ["scores"],
    "signatures": ["serving_default"],
    "tags": ["serve"],
}


def _converted(bed: Bed, toolchain: str, strategy: str, serving: str) -> Diagnosis:
    """The digits of `toolchain`, converted there and served by an older TensorFlow."""
    entry = fixtures.written_by(bed.fixtures, "digits", toolchain, "tf.keras")
    shutil.copy(bed.fixtures / entry["file"], bed.folder / "right.h5")
    worker = bed.keras(toolchain)
    case = bed.case(bed.folder / "right.h5", toolchain, serving=serving)
    worker.convert(strategy, bed.folder / "wrong", CONTRACT, False)
    return bed.diagnose("right.h5", toolchain, serving=case.runtime.name)


@pytest.mark.toolchain("tf2.15", "tf1.14-keras2.2")
def test_an_attribute_that_an_older_server_does_not_know(bed: Bed) -> None:
    """Failure mode 19; --freeze cures it: tests/worker/test_strategies.py."""
    found = _converted(bed, "tf2.15", "export", "tf1.14-keras2.2")
    assert found.cause == "attribute-not-known"
    assert "(debug_name)" in found.explanation
    assert "--freeze" in found.advice


@pytest.mark.toolchain("tf2.15", "tf2.2")
def test_an_operation_that_an_older_server_does_not_know(bed: Bed) -> None:
    """Failure mode 19."""
    bed.plant(
        "tf2.15",
        """
x = tf.keras.Input((4,), name="x")
model = tf.keras.Model(x, tf.keras.layers.Dense(3, name="y")(x))
model.save(path("right.h5"))
graph = tf.Graph()
with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
    x = tf.compat.v1.placeholder(tf.float32, (None, 4))
    y = x + tf.cast(tf.raw_ops.StatelessRandomGetAlg(), tf.float32)
    tf.compat.v1.saved_model.simple_save(session, path("wrong"), {"x": x}, {"y": y})
""",
    )
    found = bed.diagnose("right.h5", "tf2.15", serving="tf2.2")
    assert found.cause == "op-not-registered"
    assert "(StatelessRandomGetAlg)" in found.explanation


@pytest.mark.toolchain("tf2.15")
def test_an_operation_that_calls_into_python(bed: Bed) -> None:
    """Failure mode 20."""
    bed.plant(
        "tf2.15",
        """
x = tf.keras.Input((4,), name="x")
model = tf.keras.Model(x, tf.keras.layers.Dense(3, name="y")(x))
model.save(path("right.h5"))
@tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
def serve(x):
    return {"y": tf.numpy_function(lambda a: a, [model(x)], tf.float32)}
tf.saved_model.save(model, path("wrong"), signatures=serve)
""",
    )
    assert bed.diagnose("right.h5", "tf2.15").cause == "python-op"


@pytest.mark.toolchain("tf2.15")
def test_an_operation_that_only_a_gpu_can_run(bed: Bed) -> None:
    """Failure mode 21; the .h5 file itself is converted: tests/test_pipeline.py."""
    bed.plant(
        "tf2.15",
        """
keras = tf.keras
x = keras.Input((5, 3), name="x")
keras.Model(x, keras.layers.LSTM(4, name="y")(x)).save(path("right.h5"))
from tensorflow.core.protobuf import saved_model_pb2
v1 = tf.compat.v1
graph = tf.Graph()
with graph.as_default():
    x = v1.placeholder(tf.float32, (None, 5, 3))
    zero = tf.zeros((1, 1, 4))
    y, _, _, _ = tf.raw_ops.CudnnRNN(
        input=x, input_h=zero, input_c=zero, params=tf.zeros((144,)), is_training=False)
    graph_def = v1.train.export_meta_graph(graph=graph, clear_devices=True)
    graph_def.meta_info_def.tags.append("serve")
    graph_def.signature_def["serving_default"].CopyFrom(
        v1.saved_model.predict_signature_def({"x": x}, {"y": y}))
# No session of this machine can hold such a graph, so the file is written by hand.
os.mkdir(path("wrong"))
with open(path("wrong/saved_model.pb"), "wb") as stream:
    stream.write(saved_model_pb2.SavedModel(meta_graphs=[graph_def]).SerializeToString())
""",
    )
    found = bed.diagnose("right.h5", "tf2.15")
    assert found.cause == "gpu-only-op"
    assert "Cudnn" in found.explanation


# As others met them (repository#issue) or as TensorFlow Serving 2.15.1 was recorded saying them.
SAID = {
    "custom-op": [
        "Op type not registered 'Addons>BitmaskAnd' in binary running on server",
        "Op type not registered 'SentencepieceOp' in binary running on 2c1b",
    ],
    "python-op": ["Op type not registered 'EagerPyFunc' in binary running on e27d"],
    "op-not-registered": [
        "Not found: Op type not registered 'BatchMatMulV2' in binary running on 7a1f. Make sure the"
        " Op and Kernel are registered",
    ],
    "attribute-not-known": [
        "NodeDef mentions attr 'index_type' not in Op<name=Fill; signature=dims:int32, value:T",
        "NodeDef mentions attr 'explicit_paddings' not in Op<name=Conv2D",
    ],
    "gpu-only-op": [
        "No OpKernel was registered to support Op 'CudnnRNN' used by {{node lstm/CudnnRNN}}",
    ],
    "uninitialized-variables": [
        "FAILED_PRECONDITION: Attempting to use uninitialized value conv1/bias\n\t [[{{node x}}]]",
        "Error while reading resource variable dense_1/kernel from Container: localhost.",
        "Could not find variable dense/bias. This could mean that the variable has been deleted",
    ],
    "learning-phase-not-fixed": [
        "You must feed a value for placeholder tensor 'keras_learning_phase' with dtype bool",
        "You must feed a value for placeholder tensor 'bn/keras_learning_phase' with dtype bool",
    ],
    "signature-missing": [
        'Serving signature name: "serving_default" not found in signature def',
        '{\n    "error": "Serving signature name: \\"nope\\" not found in signature def"\n}',
    ],
    "keys-renamed": [
        "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON"
        ' object: does not have named input: z"\n}',
        "input tensor alias not found in signature: image. Inputs expected to be in the set {x}.",
        "Missing named input: x in 'inputs' object.",
    ],
    "tags-missing": [
        "Could not find meta graph def matching supplied tags: { serve gpu }. To inspect available",
    ],
    "version-folder-missing": [
        "No versions of servable default found under base path /models/m. Did you forget to name"
        " your leaf directory as a number (eg. '/1/')?",
        "Specified file path does not appear to contain a SavedModel bundle",
    ],
    "variables-damaged": [
        "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for m/1/v",
        "NotFoundError: m/1/variables; No such file or directory",
    ],
    "processor-too-old": [
        "/usr/bin/tf_serving_entrypoint.sh: line 3: 6 Illegal instruction (core dumped)",
        "the container exited with code 132",
    ],
    "message-too-large": ["Received message larger than max (8388653 vs. 4194304)"],
    "not-in-json": [
        "Failed to write JSON value for tensor type: half",
        "Error: UNIMPLEMENTED: Conversion of JSON Value: 1 to type: bfloat16",
    ],
    "not-in-rows": [
        "Tensor name: pooled has inconsistent batch size: 1 expecting: 3",
        "Tensor name: t has no shape information ",
    ],
}


@pytest.mark.parametrize(
    ("cause", "text"), [pytest.param(c, text, id=c) for c, texts in SAID.items() for text in texts]
)
def test_what_a_server_or_client_says_is_explained(cause: str, text: str) -> None:
    found = explain(text)
    assert found is not None
    assert found.cause == cause
    assert found.explanation
    assert found.advice
    assert found.known_from


def test_a_message_that_nobody_met_is_not_explained() -> None:
    assert explain("the cat sat on the mat") is None


def test_a_message_names_the_layer_that_it_is_about(bed: Bed) -> None:
    source = bed.fixtures / "digits-tf.keras-2.15.h5"
    read = sources.read(source)
    found = explain("Could not find variable digits/conv2_1/kernel. This could mean", read)
    assert found is not None
    assert (found.layer, found.class_name) == ("conv2", "Conv2D")
    assert found.line().startswith("conv2 (Conv2D). The model was saved without the values")


@pytest.mark.toolchain("tf2.15")
def test_a_server_that_refuses_what_a_session_takes_is_believed(bed: Bed) -> None:
    """Failure mode 19, where only an older server in Docker says it."""
    bed.plant(
        "tf2.15",
        """
x = tf.keras.Input((4,), name="x")
model = tf.keras.Model(x, tf.keras.layers.Dense(3, name="y")(x))
model.save(path("right.h5"))
model.export(path("wrong"))
""",
    )
    said = "NOT_FOUND: Op type not registered 'DisableCopyOnRead' in binary running on 1f"
    found = bed.diagnose("right.h5", "tf2.15", problem=said)
    assert found.cause == "op-not-registered"
    assert "(DisableCopyOnRead)" in found.explanation
