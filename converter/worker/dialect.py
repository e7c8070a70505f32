"""Say a model's config in the dialect of another Keras 2.

Used where the toolchain of a file's writer cannot be had: the config is translated, the weights
come from the file. Only what cannot change an answer is dropped: initializers, regularizers and
constraints (the weights are loaded anyway), and arguments whose value is the one that a Keras
without the argument means. Anything else is refused in a sentence.
"""

import inspect

from .failures import Unsupported

# Arguments of every layer, which its class need not name.
# Source: Layer.__init__, Keras 2.0 to 2.15.
LAYER_ARGUMENTS = {"name", "trainable", "dtype", "batch_input_shape"}

# Arguments without influence on an inference with loaded weights, whatever their value.
WITHOUT_EFFECT = {
    "activity_regularizer",
    "autocast",
    "build_config",
    "dtype_policy",
    "embeddings_initializer",
    "implementation",
    "lora_alpha",
    "lora_rank",
    "module",
    "quantization_config",
    "registered_name",
    "seed",
    "synchronized",
    "use_cudnn",
}
# Here `implementation` decides the shape of the weights.
WEIGHTS_BY_IMPLEMENTATION = ("LocallyConnected1D", "LocallyConnected2D")
TRAINING_ONLY_ENDINGS = ("_initializer", "_regularizer", "_constraint")

# Newer arguments, and the values with which a layer does what it did before it had them.
NEUTRAL = {
    "cropping": [None],
    "data_format": ["channels_last"],  # Flatten of Keras 2.0 lacks it
    "dilation_rate": [1, [1], [1, 1], [1, 1, 1]],
    "fused": [None, True, False],
    "groups": [1],
    "interpolation": ["nearest"],
    "keepdims": [False],
    "mask_value": [None],
    "optional": [False],
    "output_padding": [None],
    "pad_to_aspect_ratio": [False],
    "ragged": [False],
    "renorm": [False],
    "renorm_clipping": [None, {}],
    "renorm_momentum": [0.99],
    "reset_after": [False],
    "scale_mode": [None],
    "sparse": [False],
    "time_major": [False],
    "unroll": [False],
    "virtual_batch_size": [None],
    "adjustment": [None],
    "zero_output_for_mask": [False],
}

# What older writers did before they wrote the argument, for targets whose default is another.
# Source: Keras 2.0.0 recurrent.py; reset_after came with 2.1.3, its default changed in TF 2.0.
OLD_DEFAULTS = {
    "GRU": {"reset_after": False, "recurrent_activation": "hard_sigmoid"},
    "LSTM": {"recurrent_activation": "hard_sigmoid"},
}

CLASS_NAMES = {
    "Functional": "Model",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
}

# Layers that run on a GPU only, and the layer that computes the same from the same weights; Keras
# rearranges them while loading. Source: keras 2.2.4 engine/saving.py _convert_rnn_weights.
GPU_ONLY = {
    "CuDNNGRU": ("GRU", {"recurrent_activation": "sigmoid", "reset_after": True}),
    "CuDNNLSTM": ("LSTM", {"recurrent_activation": "sigmoid"}),
}

ARGUMENT_NAMES = {
    ("*", "batch_shape"): "batch_input_shape",
    ("LeakyReLU", "negative_slope"): "alpha",
}

CONTAINERS = ("Model", "Sequential")


def translate(config, keras):
    """`config` (the parsed model_config) for models.model_from_config of `keras`.

    Raises Unsupported for what cannot be said in its dialect.
    """
    if keras.generation != 2:
        raise Unsupported(
            "configs are translated to Keras 2 only, not to %s %s" % (keras.name, keras.version)
        )
    return _model(config, keras)


def _model(node, keras):
    name = CLASS_NAMES.get(node["class_name"], node["class_name"])
    config = node["config"]
    if name == "Sequential":
        layers = config if isinstance(config, list) else config["layers"]
        layers = [_layer(layer, keras) for layer in layers]
        if _wants_list(keras):
            return {"class_name": name, "config": layers}
        title = "sequential" if isinstance(config, list) else config["name"]
        return {"class_name": name, "config": {"name": title, "layers": layers}}
    nested = _called_from_zero(config["layers"])
    return {
        "class_name": name,
        "config": {
            "name": config["name"],
            "layers": [_placed(layer, keras, nested) for layer in config["layers"]],
            "input_layers": _history_list(config["input_layers"]),
            "output_layers": [_call(c, nested) for c in _history_list(config["output_layers"])],
        },
    }


def _called_from_zero(layers):
    """Names of the models among `layers`, where their calls are counted as Keras 3 does.

    Keras 2 counts the making of a model as its first call. Source: the fixtures `nested`.
    """
    if not any(isinstance(node, dict) for layer in layers for node in layer["inbound_nodes"]):
        return set()
    return {
        layer.get("name") or layer["config"]["name"]
        for layer in layers
        if CLASS_NAMES.get(layer["class_name"], layer["class_name"]) in CONTAINERS
    }


def _call(history, nested):
    """[layer, node, tensor, ...] with the node counted as Keras 2 does."""
    layer, node = history[:2]
    return [layer, node + (layer in nested)] + list(history[2:])


def _wants_list(keras):
    """Sequential configs are lists up to Keras 2.2.2 (keras pull request 11280)."""
    release = tuple(int(part) for part in keras.version.split("-")[0].split("."))
    return keras.name == "keras" and release < (2, 2, 3)


def _placed(node, keras, nested):
    """A layer of a functional model: with its name and inbound nodes."""
    layer = _layer(node, keras)
    layer["name"] = node.get("name") or node["config"]["name"]
    layer["inbound_nodes"] = [
        [_call(call, nested) for call in _inbound(n)] for n in node["inbound_nodes"]
    ]
    return layer


def _layer(node, keras):
    name = CLASS_NAMES.get(node["class_name"], node["class_name"])
    if name in CONTAINERS:
        return _model(node, keras)
    name, fixed = GPU_ONLY.get(name, (name, {}))
    cls = getattr(keras.module.layers, name, None)
    if cls is None:
        raise Unsupported("%s %s has no layer %s" % (keras.name, keras.version, name))
    accepted = _accepted(cls)
    config = {}
    for key, value in node["config"].items():
        key = ARGUMENT_NAMES.get((name, key), ARGUMENT_NAMES.get(("*", key), key))
        if (key in WITHOUT_EFFECT and name not in WEIGHTS_BY_IMPLEMENTATION) or key.endswith(
            TRAINING_ONLY_ENDINGS
        ):
            continue
        value = _value(key, value, keras)
        if key in accepted:
            config[key] = value
        elif key not in NEUTRAL or value not in NEUTRAL[key]:
            raise Unsupported(
                "%s %s cannot say %s=%r of layer %s (%s)"
                % (keras.name, keras.version, key, value, node["config"].get("name"), name)
            )
    config.update(fixed)
    for key, value in OLD_DEFAULTS.get(name, {}).items():
        if key in accepted:
            config.setdefault(key, value)
    return {"class_name": name, "config": config}


def _value(key, value, keras):
    if key == "dtype":
        return _dtype(value)
    if key == "axis" and isinstance(value, list) and len(value) == 1:
        return value[0]
    if key == "cells":
        return [_layer(cell, keras) for cell in value]
    if isinstance(value, dict) and "class_name" in value:
        if value["class_name"] in ("function", "builtin_function"):
            return value["config"]
        return _layer(value, keras)
    return value


def _dtype(value):
    """A dtype or policy as the name of its dtype."""
    name = value["config"]["name"] if isinstance(value, dict) else value
    if name is not None and name.startswith("mixed_"):
        raise Unsupported("the policy %s is known to TensorFlow 2.4 and later only" % name)
    return name


def _accepted(cls):
    """Argument names of a layer class, its base classes' included."""
    names = set(LAYER_ARGUMENTS)
    for base in inspect.getmro(cls):
        if base is object or "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        names.update(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self", "args", "kwargs"}


def _history_list(value):
    """[[layer, node, tensor], ...]; Keras 3 writes a single one without the outer list."""
    return [value] if value and isinstance(value[0], str) else value


def _inbound(node):
    """One inbound node as [[layer, node, tensor, call arguments], ...]."""
    if isinstance(node, list):
        return node
    arguments = {k: v for k, v in node["kwargs"].items() if v is not None}
    if len(node["args"]) != 1 or any(isinstance(v, (dict, list)) for v in arguments.values()):
        raise Unsupported("a layer is called with tensors beside its first argument")
    tensors = node["args"][0]
    tensors = tensors if isinstance(tensors, list) else [tensors]
    return [tensor["config"]["keras_history"] + [arguments] for tensor in tensors]
