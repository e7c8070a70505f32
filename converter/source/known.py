"""What Keras itself brings, so that everything else in a config is seen as custom code."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

NAMES_FILE = Path(__file__).with_name("known_names.json")

# Written by versions whose names no longer appear in a namespace of today.
# Sources: Keras 1.x and TensorFlow 1.13 config files; keras/saving/serialization_lib.py of Keras 3.
HISTORIC_CLASSES = frozenset(
    {
        *("Model", "Functional", "Sequential", "Merge", "Highway", "MaxoutDense"),
        *("TimeDistributedDense", "BatchNormalizationV1", "BatchNormalizationV2"),
        *("GRUV1", "GRUV2", "LSTMV1", "LSTMV2", "WeightRegularizer", "ActivityRegularizer"),
        *("TensorFlowOpLayer", "TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod"),
        *("InstanceProperty", "Policy", "PolicyV1", "DTypePolicy", "FloatDTypePolicy"),
        *("TensorShape", "__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__"),
        *("CuDNNGRU", "CuDNNLSTM", "SyncBatchNormalization", "Operation", "NotEqual"),
    }
)
HISTORIC_FUNCTIONS = frozenset(
    {
        *("linear", "softmax", "elu", "selu", "softplus", "softsign", "relu", "tanh", "sigmoid"),
        *("hard_sigmoid", "exponential", "swish", "silu", "gelu", "mish", "relu6", "hard_swish"),
        *("leaky_relu", "log_softmax", "hard_silu", "celu", "glu", "sparsemax", "squareplus"),
    }
)

# In a namespace of Keras, but they load code, files or other frameworks' models, or look names up.
NOT_ARITHMETIC = re.compile(
    r"(load|save|clone|export|func|model_from|deserialize|serialize|register|get|custom_object)\b.*"
    r"|(load|save|clone|export|func|model_from|deserialize|serialize|register|get)_.*"
    r"|.*(keras_object|TFSMLayer|JaxLayer|FlaxLayer|TorchModuleWrapper|HubLayer)"
)

# Modules that a Keras 3 config may name. A module is only ever compared, never imported.
OWN_MODULES = re.compile(r"(keras|keras_core|tf_keras|tensorflow\.keras|builtins)(\..*)?")


# Initializers of TensorFlow itself, as in the EfficientNetV2s of keras.applications 2.15. Source:
# keras/src/applications/efficientnet_v2.py, bias_initializer=tf.constant_initializer.
INITIALIZER_MODULES = frozenset(
    {"tensorflow.python.ops.init_ops", "tensorflow.python.ops.init_ops_v2"}
)
INITIALIZERS = frozenset(
    {
        *("Constant", "Zeros", "Ones", "Identity", "Orthogonal", "RandomNormal", "RandomUniform"),
        *("TruncatedNormal", "VarianceScaling", "GlorotNormal", "GlorotUniform"),
    }
)


@functools.cache
def _names() -> dict[str, frozenset[str]]:
    stored = json.loads(NAMES_FILE.read_text(encoding="utf-8"))
    return {
        kind: frozenset(n for n in stored[kind] if not NOT_ARITHMETIC.fullmatch(n)) | historic
        for kind, historic in (("classes", HISTORIC_CLASSES), ("functions", HISTORIC_FUNCTIONS))
    }


def is_class(name: str) -> bool:
    """Whether some Keras of the catalog has a class of this name."""
    return name in _names()["classes"]


def is_function(name: str) -> bool:
    """Whether some Keras of the catalog has a function or class of this name."""
    return name in _names()["functions"] or is_class(name)


def is_own_module(module: object) -> bool:
    """Whether `module`, as a Keras 3 config names it, belongs to Keras."""
    return module is None or (isinstance(module, str) and OWN_MODULES.fullmatch(module) is not None)


def is_initializer(name: str, module: object) -> bool:
    """Whether TensorFlow itself has an initializer of this name in `module`."""
    return name in INITIALIZERS and isinstance(module, str) and module in INITIALIZER_MODULES
