"""What is known about versions, as tables: which toolchain for which writer, and what never to mix.

Each row has an id, a reason in words (shown by `inspect` and in reports) and the source of the
knowledge; tests/test_rules.py has a case for every row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from converter.source.model import SourceModel

Release = tuple[int, int, int]
ANY: Release = (0, 0, 0)
END: Release = (99, 0, 0)


@dataclass(frozen=True)
class WriterRule:
    """Toolchains for the files of some writers, best first.

    Applies to a writer of `flavour` with `since` <= release < `before`.
    targets: (toolchain id, flavour in it).
    """

    id: str
    flavour: str | None
    since: Release
    before: Release
    targets: tuple[tuple[str, str], ...]
    reason: str

    def matches(self, source: SourceModel) -> bool:
        """Whether the source's writer is one of this row's."""
        writer = source.writer
        return writer.flavour == self.flavour and self.since <= writer.release < self.before


TF_KERAS_LAST = (("tf2.15", "tf.keras"), ("tf2.21", "tf_keras"))

# Source: the load matrix of 3,528 (file, environment) pairs, docs/known-issues.md.
WRITER_RULES = (
    WriterRule(
        "keras-1",
        "keras",
        ANY,
        (2, 0, 0),
        (("tf1.4-keras1.2", "keras"),),
        "Keras 1 config and weight layouts are read right by Keras 1.2.2 only",
    ),
    WriterRule(
        "keras-2.0-2.1",
        "keras",
        (2, 0, 0),
        (2, 2, 0),
        (
            ("tf1.12-keras2.1", "keras"),
            ("tf1.14-keras2.2", "keras"),
            ("tf1.15-keras2.3", "keras"),
            *TF_KERAS_LAST,
        ),
        "native Keras 2.0 and 2.1 files load unchanged in Keras 2.1.6, and in 2.2 and 2.3",
    ),
    WriterRule(
        "keras-2.2",
        "keras",
        (2, 2, 0),
        (2, 3, 0),
        (("tf1.14-keras2.2", "keras"), ("tf1.15-keras2.3", "keras"), *TF_KERAS_LAST),
        "native Keras 2.2 files load unchanged in Keras 2.2.4",
    ),
    WriterRule(
        "keras-2.3",
        "keras",
        (2, 3, 0),
        (2, 4, 0),
        (("tf1.15-keras2.3", "keras"), *TF_KERAS_LAST),
        "native Keras 2.3 files load unchanged in Keras 2.3.1",
    ),
    WriterRule(
        "tf.keras-1.12",
        "tf.keras",
        ANY,
        (2, 2, 0),
        (("tf1.12-keras2.1", "tf.keras"), ("tf1.15-keras2.3", "tf.keras"), *TF_KERAS_LAST),
        "tf.keras 2.1.6-tf is TensorFlow 1.12's",
    ),
    WriterRule(
        "tf.keras-1.13-2.0",
        "tf.keras",
        (2, 2, 0),
        (2, 3, 0),
        (
            ("tf1.15-keras2.3", "tf.keras"),
            ("tf1.14-keras2.2", "tf.keras"),
            ("tf2.2", "tf.keras"),
            *TF_KERAS_LAST,
        ),
        "tf.keras 2.2.4-tf is that of TensorFlow 1.13 to 2.0; 1.15 loads them all",
    ),
    WriterRule(
        "tf.keras-2.1-2.2",
        "tf.keras",
        (2, 3, 0),
        (2, 4, 0),
        (("tf2.2", "tf.keras"), ("tf2.3", "tf.keras"), *TF_KERAS_LAST),
        "tf.keras 2.3.0-tf is that of TensorFlow 2.1 and 2.2",
    ),
    WriterRule(
        "tf.keras-2.3-2.4",
        "tf.keras",
        (2, 4, 0),
        (2, 5, 0),
        (("tf2.3", "tf.keras"), *TF_KERAS_LAST),
        "tf.keras 2.4.0 is that of TensorFlow 2.3 and 2.4",
    ),
    WriterRule(
        "tf.keras-2.5-2.15",
        "tf.keras",
        (2, 5, 0),
        (2, 16, 0),
        TF_KERAS_LAST,
        "TensorFlow 2.15 has the last tf.keras of Keras 2 and loads all from 2.3 on",
    ),
    WriterRule(
        "tf_keras",
        "tf_keras",
        (2, 16, 0),
        (3, 0, 0),
        (("tf2.21", "tf_keras"),),
        "tf_keras 2.21 loads what tf_keras 2.16 and later wrote",
    ),
    WriterRule(
        "keras-3",
        "keras3",
        (3, 0, 0),
        END,
        (("tf2.21", "keras3"), ("tf2.21", "tf_keras"), ("tf2.15", "tf.keras")),
        "Keras 3 files load unchanged in Keras 3 only",
    ),
    WriterRule(
        "unknown",
        None,
        ANY,
        END,
        (("tf2.15", "tf.keras"), ("tf1.15-keras2.3", "tf.keras"), ("tf2.21", "tf_keras")),
        "the file does not name its Keras; tf.keras of TensorFlow 2.15 loads the most kinds",
    ),
)


def writer_rule(source: SourceModel) -> WriterRule:
    """The row for the writer of `source`; the last one where none fits."""
    return next((r for r in WRITER_RULES if r.matches(source)), WRITER_RULES[-1])


@dataclass(frozen=True)
class Veto:
    """Sources that must not be loaded by some Kerases, because the answers would be wrong.

    applies(source): whether the source is such a one. forbids(flavour, tensorflow): whether that
    Keras, in a TensorFlow of that (major, minor), is ruled out.
    """

    id: str
    applies: Callable[[SourceModel], bool]
    forbids: Callable[[str, tuple[int, int]], bool]
    reason: str
    source: str


def _bilinear(source: SourceModel) -> bool:
    layers = source.layers_of("UpSampling2D")
    return any(layer.config.get("interpolation") == "bilinear" for layer in layers)


def _bilinear_by_native_keras(source: SourceModel) -> bool:
    return source.writer.flavour == "keras" and _bilinear(source)


def _changed_in_keras_3(source: SourceModel) -> bool:
    """Written by Keras 3, with what it means in its own way."""
    names = [v for x in source.layers for k, v in x.config.items() if k.endswith("activation")]
    words = {str(v.get("config")) if isinstance(v, dict) else str(v) for v in names}
    changed = "hard_sigmoid" in words or bool(source.layers_of("Dot"))
    return source.writer.flavour == "keras3" and changed


def _older_than_keras_3(source: SourceModel) -> bool:
    return source.writer.flavour not in ("keras3", None)


def _keras_1_on_theano(source: SourceModel) -> bool:
    return source.dialect == "keras1" and source.writer.backend == "theano"


def _keras_2_on_theano(source: SourceModel) -> bool:
    return source.dialect != "keras1" and source.writer.backend == "theano"


VETOES = (
    Veto(
        "bilinear-resize",
        _bilinear_by_native_keras,
        lambda flavour, tensorflow: flavour != "keras" and tensorflow > (1, 14),
        "bilinear UpSampling2D of native Keras answers differently in tf.keras from 1.15 on",
        "measured: off by 2.1 to 5.6, docs/known-issues.md",
    ),
    Veto(
        "keras-3-own-meanings",
        _changed_in_keras_3,
        lambda flavour, tensorflow: flavour != "keras3",
        "hard_sigmoid and Dot of Keras 3 mean something else in every Keras 2",
        "keras pull request 19477",
    ),
    Veto(
        "keras-3-rewrote-meanings",
        _older_than_keras_3,
        lambda flavour, tensorflow: flavour == "keras3",
        "Keras 3 reads hard_sigmoid, Dot and old weight layouts differently, without a word",
        "keras pull request 19477; measured: off by 0.06 to 0.21, docs/known-issues.md",
    ),
    Veto(
        "theano-kernels",
        _keras_1_on_theano,
        lambda flavour, tensorflow: tensorflow != (1, 4),
        "Keras 1 files of Theano hold flipped kernels and do not say so; only the Keras 1"
        " toolchain turns them",
        "measured: off by up to 1000, docs/known-issues.md",
    ),
    Veto(
        "theano-backend",
        _keras_2_on_theano,
        lambda flavour, tensorflow: flavour != "keras",
        "kernels of Keras 2 on Theano are turned by native Keras alone; tf.keras no longer does it",
        "read: saving/legacy/hdf5_format.py of Keras 2.15 takes original_backend and ignores it",
    ),
)


@dataclass(frozen=True)
class Caution:
    """Something the file cannot tell, so that even its writer's Keras may answer otherwise than
    the model that was saved. Told with the plan; only recorded answers can settle it.
    """

    id: str
    applies: Callable[[SourceModel], bool]
    reason: str
    source: str


def _interpolation_untold(source: SourceModel) -> bool:
    layers = source.layers_of("UpSampling2D")
    return source.writer.flavour == "tf.keras" and any(
        "interpolation" not in layer.config for layer in layers
    )


CAUTIONS = (
    Caution(
        "interpolation-untold",
        _interpolation_untold,
        "TensorFlow up to 1.14 does not save the interpolation of UpSampling2D; if it was bilinear,"
        " every Keras loads it as nearest: check with --inputs and --expected",
        "measured: get_config of TensorFlow 1.14.0 lacks it, that of 1.15.5 has it",
    ),
)

# Which Keras of a given environment to use, by the flavour that wrote the file, best first.
FLAVOUR_PREFERENCE: dict[str | None, tuple[str, ...]] = {
    "keras": ("keras", "tf.keras", "tf_keras"),
    "tf.keras": ("tf.keras", "tf_keras", "keras"),
    "tf_keras": ("tf_keras", "tf.keras"),
    "keras3": ("keras3", "tf_keras", "tf.keras"),
    None: ("tf.keras", "tf_keras", "keras", "keras3"),
}

# The strategy that needs no toolchain.
DIRECT = "direct"

# The others, by the mode of worker they need.
STRATEGY_MODES = {
    "builder": "graph",
    "simple_save": "graph",
    "contrib": "graph",
    "save_model": "eager",
    "export": "eager",
}

# Strategies to take first for models with some layers; for others the catalog's order holds.
# Source: measured with TensorFlow 2.2 to 2.21: save_model traces every cell of a recurrent layer,
# 9 to 35 s for models that builder converts in 0.4 s with the same answers.
RECURRENT_LAYERS = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
QUICK_WITH_RECURRENT = "builder"

# What a user's own environment is asked to try, by the (major, minor) its TensorFlow is below.
OWN_ENVIRONMENT_STRATEGIES = (
    ((2, 0), ("builder", "simple_save", "contrib")),
    ((99, 0), ("save_model", "export", "builder", "simple_save")),
)

# The serving release that proves a SavedModel, by the (major, minor) its converter is below: the
# 1.14 server for TensorFlow up to 1.14, a 2.x server from 1.15 on.
SERVING_RULES = (
    ((1, 15), "1.14"),
    ((2, 3), "2.2"),
    ((2, 16), "2.15"),
    ((99, 0), "2.21"),
)

# From this TensorFlow on, what a strategy writes does not load in older servers unless frozen.
# Source: measured; DisableCopyOnRead (2.12), debug_name (2.15), validate_shape (2.9).
FREEZE_FOR_OLDER_SERVING_SINCE = (2, 9)

# Layers that only a GPU can run; loaded as the plain layer with the same weights.
GPU_ONLY_LAYERS = ("CuDNNGRU", "CuDNNLSTM")
