"""Runs in a toolchain: writes the models that benchmarks/serving.py serves, then times them bare.

    python serving_models.py FOLDER

Writes FOLDER/<name>/1, says "ready", and then, for every line "<name> <runs>" on standard input,
prints how many seconds each run of the model's session took, one line of numbers.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1


def digits():
    """The convolutional network of the usual digits tutorial, 1.2 million weights."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.InputLayer((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def image():
    """A small network over one large image."""
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.InputLayer((320, 320, 3)),
            layers.Conv2D(8, 3, strides=4, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


MODELS = {"digits": (digits, (100, 28, 28, 1)), "image": (image, (1, 320, 320, 3))}


def main(folder):
    runs = {}
    for name, (build, shape) in MODELS.items():
        path = os.path.join(folder, name, "1")
        tf.saved_model.save(build(), path)
        graph = tf.Graph()
        session = v1.Session(graph=graph)
        with graph.as_default():
            loaded = v1.saved_model.loader.load(session, ["serve"], path)
        signature = loaded.signature_def["serving_default"]
        (given,), (wanted,) = signature.inputs.values(), signature.outputs.values()
        feed = {given.name: np.random.RandomState(0).rand(*shape).astype("float32")}
        runs[name] = (session, wanted.name, feed)
    print("ready", flush=True)
    for line in sys.stdin:
        name, count = line.split()
        session, wanted, feed = runs[name]
        took = []
        for _ in range(int(count)):
            began = time.perf_counter()
            session.run(wanted, feed)
            took.append(time.perf_counter() - began)
        print(" ".join(map(repr, took)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
