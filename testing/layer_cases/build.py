"""Run inside a toolchain: `python testing/layer_cases/build.py FLAVOUR`.

For every line on standard input, a JSON object, builds a model, saves it with its questions and
answers as `path`.h5 and `path`.npz, and answers with a line: "ok", or why this Keras refuses it.

    {"path": ..., "shape": [...], "layers": [[class, arguments], ...]}

A layer in another one's arguments is such a pair too; the class "Residual" adds what its list of
layers gives to its own input.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.join(HERE, "..", "..", "fixtures", "builders"), HERE] + sys.path[1:]

from answering import save
from case import Input
from environment import Environment


def made(layers, described):
    """The layer that a pair describes."""
    name, arguments = described
    given = dict(arguments)
    if "layer" in given:
        given["layer"] = made(layers, given["layer"])
    return getattr(layers, name)(**given)


def chained(layers, tensor, steps):
    """`tensor` through layers one after the other."""
    for name, arguments in steps:
        if name == "Residual":
            tensor = layers.Add()([tensor, chained(layers, tensor, arguments)])
        else:
            tensor = made(layers, (name, arguments))(tensor)
    return tensor


def main(flavour):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    environment = Environment(flavour)
    for line in sys.stdin:
        asked = json.loads(line)
        environment.clear(1)
        layers = environment.keras.layers
        given = Input(*asked["shape"])
        try:
            tensor = layers.Input(shape=given.shape)
            model = environment.keras.models.Model(tensor, chained(layers, tensor, asked["layers"]))
            save(environment.keras, model, [given], asked["path"], len(line))
            told = "ok"
        except Exception as error:
            told = "%s: %s" % (type(error).__name__, str(error).split("\n")[0])
        answers.write(told + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
