"""Who wrote the file: from its attributes, its weight names and the dialect of its config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from converter.source.model import RELEASE, Writer

# Which TensorFlow releases wrote a version of tf.keras. Source: tf.keras.__version__ of each.
TENSORFLOW_OF = {
    "2.1.6-tf": ("1.10", "1.11", "1.12"),
    "2.2.4-tf": ("1.13", "1.14", "1.15", "2.0"),
    "2.3.0-tf": ("2.1", "2.2"),
    "2.4.0": ("2.3", "2.4"),
}

# Keys that only Keras 1 puts into a layer's config. Source: keras 1.2.2 layers/*.py get_config.
KERAS_1_KEYS = {
    *("nb_filter", "border_mode", "inner_activation", "W_regularizer", "dim_ordering"),
    *("output_dim", "subsample", "pool_length", "input_dtype"),
}
# Keras 2 kept output_dim for Embedding alone, and there beside one of these.
KERAS_2_KEYS = {"embeddings_initializer", "kernel_initializer", "data_format"}
KERAS_3_KEYS = {"registered_name", "batch_shape"}


def identify(
    version: str | None, backend: str | None, config: Any, weight_names: Sequence[str]
) -> tuple[Writer, str]:
    """(writer, dialect of the config): `keras1`, `keras2`, `functional` (tf.keras 2.4 on) or
    `keras3`.
    """
    dialect = _dialect(config)
    flavour = _flavour(version) or ("keras" if dialect == "keras1" else None)
    if flavour == "keras" and version and version.startswith("1."):
        dialect = "keras1"
    implied = False
    if backend is None and dialect == "keras1" and weight_names:
        # Keras 1 does not write its backend, but TensorFlow variables end in ':0'.
        backend = "tensorflow" if any(n.endswith(":0") for n in weight_names) else "theano"
        implied = True
    tensorflow = TENSORFLOW_OF.get(version or "", ())
    if flavour == "tf.keras" and not tensorflow and version:
        tensorflow = (".".join(version.split(".")[:2]),)
    return Writer(flavour, version, backend, implied, tensorflow), dialect


def _flavour(version: str | None) -> str | None:
    release = RELEASE.match(version or "")
    if version is None or release is None:
        return None
    if version.endswith("-tf"):
        return "tf.keras"
    numbers = (int(release[1]), int(release[2]))
    if numbers >= (3, 0):
        return "keras3"
    if numbers >= (2, 16):
        return "tf_keras"
    # keras 2.4.0 to 2.15 of the package index only hands out, or is, TensorFlow's own.
    return "tf.keras" if numbers >= (2, 4) else "keras"


def _dialect(config: Any) -> str:
    keys, classes = _words(config)
    if keys & KERAS_3_KEYS:
        return "keras3"
    if "Functional" in classes or "groups" in keys:
        return "functional"
    if keys & KERAS_1_KEYS and not keys & KERAS_2_KEYS:
        return "keras1"
    return "keras2"


def _words(config: Any) -> tuple[set[str], set[str]]:
    """(every key, every class name) in a config."""
    keys: set[str] = set()
    classes: set[str] = set()
    waiting = [config]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            keys.update(node)
            if isinstance(node.get("class_name"), str):
                classes.add(node["class_name"])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return keys, classes
