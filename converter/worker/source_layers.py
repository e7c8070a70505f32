"""What the layers of the loaded model give, those of nested models included, and their weights."""

import numpy as np

from . import graph_facts, loading


def outputs(keras, model, tensors):
    """The output of every layer with one output that is called once; inputs by position: '0', '1'.

    The result has `paths`: of each answer a list of names, from the outermost model inwards. A
    nested model comes after its layers. Shared layers, and what cannot be reached, are left out.
    """
    try:
        found = _outputs(keras, model, [tensors[str(i)] for i in range(len(tensors))], [])
    finally:
        loading.reset_states(model)
    answers = [(str(number), array) for number, (_, array) in enumerate(found)]
    return {"paths": [path for path, _ in found]}, answers


def _outputs(keras, model, inputs, path):
    try:
        plain = dict(loading.layer_outputs(keras, model, inputs))
    except Exception:
        if not path:
            raise
        return []  # a nested model that its Keras cannot run by itself
    found = []
    for layer in model.layers:
        here = path + [layer.name]
        if layer.name in plain:
            found.append((here, plain[layer.name]))
        elif hasattr(layer, "layers"):
            call = _only_call(keras, model, layer, inputs)
            if call is not None:
                given, answers = call
                found += _outputs(keras, layer, given, here)
                found += [(here, answers[0])] if len(answers) == 1 else []
    return found


def _only_call(keras, model, nested, inputs):
    """(inputs, outputs) of the one call of `nested` in `model`; None when there is not just one."""
    calls = []
    # Keras 1 and 2.0 call it inbound_nodes.
    nodes = getattr(nested, "_inbound_nodes", getattr(nested, "inbound_nodes", ()))
    for node in nodes:
        # Keras 3 says outputs; one tensor may stand for a list of one.
        answered = getattr(node, "output_tensors", getattr(node, "outputs", ()))
        tensors = _listed(node.input_tensors) + _listed(answered)
        try:
            probe = keras.module.models.Model(model.inputs, tensors)
            answers = probe.predict(
                inputs if len(inputs) > 1 else inputs[0], batch_size=len(inputs[0])
            )
        except Exception:  # the nested model's own node is not reached from the outer inputs
            answers = None
        if answers is not None:
            values = [np.asarray(a) for a in _listed(answers)]
            count = len(_listed(node.input_tensors))
            calls.append((values[:count], values[count:]))
    return calls[0] if len(calls) == 1 else None


def _listed(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def weights(model):
    """For every layer with weights, {path, weights: [see graph_facts.described, and `name`]}.

    One of two or more dimensions also has `flipped` and `transposed`: the sha256 of its values with
    its first dimensions (the extent of a convolution) turned round, and its last two exchanged.
    """
    layers = [
        {
            "path": path,
            "weights": [
                dict(_described(value), name=variable.name)
                for variable, value in zip(layer.weights, layer.get_weights())
            ],
        }
        for path, layer in _layers(model, [])
    ]
    return {"layers": [layer for layer in layers if layer["weights"]]}, []


def _layers(model, path):
    for layer in model.layers:
        here = path + [layer.name]
        if hasattr(layer, "layers"):
            for found in _layers(layer, here):
                yield found
        else:
            yield here, layer


def _described(value):
    value = np.asarray(value)
    facts = graph_facts.described(value)
    if value.ndim > 1:
        turned = value[tuple(slice(None, None, -1) for _ in range(value.ndim - 2))]
        facts["flipped"] = graph_facts.described(turned)["sha256"]
        facts["transposed"] = graph_facts.described(np.swapaxes(value, -1, -2))["sha256"]
    return facts
