"""Load a Keras HDF5 file into the Keras of this environment, never compiling it.

Three ways, in this order: Keras's own load_model; its own model_from_config and load_weights, where
the config must be changed first (training flags off, an architecture from elsewhere, Keras 1, which
cannot leave out compiling); and the same with the config translated to this Keras's dialect.
"""

import json

import h5py
import numpy as np

from . import dialect
from .failures import sentence


class Loaded:
    """A model and `via`: native, architecture or translated."""

    def __init__(self, model, via):
        self.model = model
        self.via = via


class LoadFailed(Exception):
    """Neither the file as it is nor its translation could be loaded."""


def load(keras, path, options, objects):
    """The model in the file at `path`. See Operations.load_h5 for the options.

    Raises what Keras raises; LoadFailed when a translation was tried as well.
    """
    translate = options.get("translate", "fallback")
    failure = None
    if translate != "always":
        try:
            return _finished(keras, path, options, _as_it_is(keras, path, options, objects))
        except Exception as error:
            if translate == "never":
                raise
            failure = error
    keras.clear()
    try:
        config = dialect.translate(_config(path, options), keras)
        loaded = Loaded(_from_config(keras, config, path, options, objects), "translated")
    except Exception as error:
        if failure is None:
            raise
        raise LoadFailed(
            "%s: %s (and with its config translated: %s)"
            % (type(failure).__name__, sentence(failure), error)
        ) from failure
    return _finished(keras, path, options, loaded)


def describe(model):
    """{"inputs": [{shape, dtype}], "outputs": [...]} in the model's order; None is any size."""
    return {"inputs": _tensors(model.inputs), "outputs": _tensors(model.outputs)}


def reset_states(model):
    """Put every stateful layer back to its zero state, those of nested models included."""
    for layer in _every_layer(model):
        if getattr(layer, "stateful", False):
            reset = getattr(layer, "reset_states", None) or layer.reset_state
            reset()


def layer_outputs(keras, model, inputs):
    """Pairs of layer name and array, for the layers that have one output in the model."""
    layers = [layer for layer in model.layers if _single_output(layer) is not None]
    probe = keras.module.models.Model(model.inputs, [_single_output(x) for x in layers])
    answers = probe.predict(inputs if len(inputs) > 1 else inputs[0], batch_size=len(inputs[0]))
    answers = answers if isinstance(answers, list) else [answers]
    return [(layer.name, np.asarray(a)) for layer, a in zip(layers, answers)]


def _single_output(layer):
    """The layer's output tensor; None for inputs, shared layers and those of several outputs.

    None for nested models too: their `output` is a tensor of their own graph.
    """
    if hasattr(layer, "layers"):
        return None
    try:
        output = layer.output
    except (AttributeError, ValueError):  # called more than once
        return None
    single = type(layer).__name__ != "InputLayer" and not isinstance(output, (list, tuple))
    return output if single else None


def _as_it_is(keras, path, options, objects):
    changed = options.get("architecture") is not None or options.get("drop_training_flags")
    if changed or keras.generation == 1:
        model = _from_config(keras, _config(path, options), path, options, objects)
        return Loaded(model, "architecture" if options.get("architecture") else "native")
    # Only Keras 3 can refuse a Lambda in an .h5 file by itself.
    safe = {"safe_mode": not options.get("allow_lambda")} if keras.generation == 3 else {}
    return Loaded(
        keras.module.models.load_model(path, custom_objects=objects, compile=False, **safe),
        "native",
    )


def _finished(keras, path, options, loaded):
    if options.get("flip_kernels"):
        _flip_kernels(keras, loaded.model)
    return loaded


def _config(path, options):
    config = options.get("architecture")
    if config is None:
        with h5py.File(path, "r") as source:
            stored = source.attrs["model_config"]
        config = json.loads(stored.decode("utf-8") if isinstance(stored, bytes) else stored)
    if options.get("drop_training_flags"):
        config = _without_training_flags(config)
    return config


def _from_config(keras, config, path, options, objects):
    if keras.generation == 3:
        from keras.src.legacy.saving.saving_utils import model_from_config
        from keras.src.saving.serialization_lib import SafeModeScope

        with SafeModeScope(not options.get("allow_lambda")):
            model = model_from_config(config, custom_objects=objects)
    elif keras.generation == 1:
        # Keras 1 merges into, and so needs, a dict of its own; it has no scope for None.
        model = keras.module.models.model_from_config(config, custom_objects=dict(objects))
    else:
        model = keras.module.models.model_from_config(config, custom_objects=objects)
    model.load_weights(path)
    return model


def _without_training_flags(node):
    """`node` without any `training=True` among the call arguments of inbound_nodes."""
    if isinstance(node, list):
        return [_without_training_flags(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_flag(value) if key == "inbound_nodes" else _without_training_flags(value)
        for key, value in node.items()
    }


def _without_flag(node):
    if isinstance(node, list):
        return [_without_flag(item) for item in node]
    if isinstance(node, dict):
        return {k: _without_flag(v) for k, v in node.items() if k != "training"}
    return node


def _flip_kernels(keras, model):
    """Turn convolution kernels stored by Keras 1 on Theano (true convolution) for TensorFlow.

    Such files do not say that Theano wrote them, so Keras 1 cannot do this by itself.
    Source: keras 1.2.2, utils/np_utils.py convert_kernel; measured against Theano 0.9.
    """
    convolutions = {
        "Convolution1D",
        "Convolution2D",
        "Convolution3D",
        "AtrousConvolution1D",
        "AtrousConvolution2D",
        "Deconvolution2D",
    }
    backend = keras.module.backend
    flipped = []
    for layer in _every_layer(model):
        if type(layer).__name__ in convolutions:
            ordering = getattr(layer, "dim_ordering", "tf")
            kernel = backend.get_value(layer.W)
            flipped.append((layer.W, keras.module.utils.np_utils.convert_kernel(kernel, ordering)))
    backend.batch_set_value(flipped)


def _every_layer(model):
    for layer in model.layers:
        inner = getattr(layer, "layer", layer)
        if hasattr(inner, "layers"):
            for nested in _every_layer(inner):
                yield nested
        else:
            yield inner


def _tensors(tensors):
    return [
        {"shape": _shape(tensor), "dtype": getattr(tensor.dtype, "name", str(tensor.dtype))}
        for tensor in tensors
    ]


def _shape(tensor):
    shape = tensor.shape
    if hasattr(shape, "as_list"):
        return None if shape.ndims is None else shape.as_list()
    return list(shape)
