"""Runs in a toolchain, for benchmarks/direct.py: writes Keras files, or times SavedModels.

    python direct_models.py write FOLDER                        vgg16.h5, resnet50.h5, lstm.h5
    python direct_models.py time ROUNDS SHAPE FOLDER FOLDER     two SavedModels in turn

With `time`, prints one line a round: the median seconds of a run of either. SHAPE is that of the
one input, as 8,224,224,3.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

RUNS = 5


def write(folder):
    keras = tf.keras
    keras.utils.set_random_seed(1)
    keras.applications.VGG16(weights=None).save(os.path.join(folder, "vgg16.h5"))
    keras.applications.ResNet50(weights=None).save(os.path.join(folder, "resnet50.h5"))
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.InputLayer((100, 64)),
            layers.LSTM(128, return_sequences=True),
            layers.LSTM(128),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.save(os.path.join(folder, "lstm.h5"))


def opened(folder):
    """A function that runs the model once."""
    v1 = tf.compat.v1
    graph = tf.Graph()
    session = v1.Session(graph=graph)
    with graph.as_default():
        loaded = v1.saved_model.loader.load(session, ["serve"], folder)
    signature = loaded.signature_def["serving_default"]
    (given,) = [info.name for info in signature.inputs.values()]
    wanted = [info.name for info in signature.outputs.values()]
    run = session.make_callable(wanted, [given])
    return run


def timed(run, batch):
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run(batch)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def compare(rounds, shape, folders):
    batch = np.random.RandomState(0).uniform(size=shape).astype("float32")
    runs = [opened(folder) for folder in folders]
    for run in runs:
        timed(run, batch)
    for _ in range(rounds):
        print(*[timed(run, batch) for run in runs], flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2])
    else:
        compare(int(sys.argv[2]), [int(d) for d in sys.argv[3].split(",")], sys.argv[4:])
