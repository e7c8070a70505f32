"""Give a model seeded weights, ask it, and save all that."""

import numpy as np


def seeded(weight, random):
    """A value for a weight, told from its name and shape: a variance must be above 0."""
    name, value = weight
    if "variance" in name or "running_std" in name:
        return random.uniform(0.5, 1.5, size=value.shape).astype(value.dtype)
    if value.dtype.kind in "iu":
        return value
    return random.uniform(-0.5, 0.5, size=value.shape).astype(value.dtype)


def seed(backend, model, random):
    """Give every weight of `model` a value."""
    names = [getattr(w, "path", None) or w.name for w in model.weights]
    if hasattr(backend, "batch_set_value"):
        # The weights of native Keras models come in another order than get_weights has.
        values = backend.batch_get_value(model.weights)
        made = [seeded(pair, random) for pair in zip(names, values)]
        backend.batch_set_value(list(zip(model.weights, made)))
    else:
        made = [seeded(pair, random) for pair in zip(names, model.get_weights())]
        model.set_weights(made)


def save(keras, model, inputs, path, number):
    """Save `model` as `path`.h5, its questions and answers as `path`.npz.

    inputs: see case.Input. number: seeds weights and questions.
    """
    random = np.random.RandomState(number)
    seed(keras.backend, model, random)
    for layer in model.layers:
        # Normalization works with copies of its weights.
        getattr(layer, "finalize_state", lambda: None)()
    asked = [given.values(random) for given in inputs]
    answers = model.predict(asked if len(asked) > 1 else asked[0])
    if isinstance(answers, dict):
        answers = [answers[key] for key in sorted(answers)]
    answers = answers if isinstance(answers, (list, tuple)) else [answers]
    model.save(path + ".h5")
    told = {"x%d" % i: a for i, a in enumerate(asked)}
    told.update({"y%d" % i: np.asarray(a) for i, a in enumerate(answers)})
    np.savez(path + ".npz", **told)
