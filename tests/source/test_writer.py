"""Who wrote a file, from its version, its weight names and the words of its config."""

from __future__ import annotations

from typing import Any

import pytest

from converter.source import writer
from converter.source.model import Writer
from testing.hdf5 import dense, first_dense, functional, input_layer, layer, sequential

KERAS_1 = sequential(layer("Convolution2D", "c", nb_filter=3, border_mode="same"), as_list=True)
KERAS_2 = sequential(first_dense())
GROUPS = sequential(layer("Conv2D", "c", groups=1, kernel_initializer="zeros"))
FUNCTIONAL = functional([input_layer("x")], [["x", 0, 0]], [["x", 0, 0]], "Functional")
KERAS_3 = sequential({**dense(), "registered_name": None})
BATCH_SHAPE = sequential(layer("InputLayer", "x", batch_shape=[None, 3]))
EMBEDDING_1 = sequential(layer("Embedding", "e", output_dim=3, input_dim=5))
EMBEDDING_2 = sequential(layer("Embedding", "e", output_dim=3, embeddings_initializer="uniform"))

TF_NAMES = ("dense_1/kernel:0",)
THEANO_NAMES = ("dense_1_W", "dense_1_b")


def identify(
    version: str | None, backend: str | None = None, config: Any = KERAS_2, names: Any = TF_NAMES
) -> Writer:
    return writer.identify(version, backend, config, names)[0]


@pytest.mark.parametrize(
    ("version", "flavour"),
    [
        (None, None),
        ("", None),
        ("garbage", None),
        ("3", None),
        ("1.0.8", "keras"),
        ("1.2.2", "keras"),
        ("2.0.8", "keras"),
        ("2.1.6", "keras"),
        ("2.2.4", "keras"),
        ("2.3.1", "keras"),
        ("2.1.6-tf", "tf.keras"),
        ("2.2.4-tf", "tf.keras"),
        ("2.3.0-tf", "tf.keras"),
        ("2.4.0", "tf.keras"),
        ("2.5.0", "tf.keras"),
        ("2.15.0", "tf.keras"),
        ("2.16.0", "tf_keras"),
        ("2.21.0", "tf_keras"),
        ("3.0.0", "keras3"),
        ("3.13.2", "keras3"),
        ("4.0.0", "keras3"),
    ],
)
def test_the_version_tells_the_flavour(version: str | None, flavour: str | None) -> None:
    assert identify(version).flavour == flavour


@pytest.mark.parametrize(
    ("version", "tensorflow"),
    [
        ("2.1.6-tf", ("1.10", "1.11", "1.12")),
        ("2.2.4-tf", ("1.13", "1.14", "1.15", "2.0")),
        ("2.3.0-tf", ("2.1", "2.2")),
        ("2.4.0", ("2.3", "2.4")),
        ("2.15.0", ("2.15",)),
        ("2.2.4", ()),
        ("2.16.0", ()),
        ("3.0.0", ()),
    ],
)
def test_a_tf_keras_version_tells_its_tensorflow(version: str, tensorflow: tuple[str, ...]) -> None:
    assert identify(version).tensorflow == tensorflow


@pytest.mark.parametrize(
    ("config", "dialect"),
    [
        (KERAS_1, "keras1"),
        (KERAS_2, "keras2"),
        (GROUPS, "functional"),
        (FUNCTIONAL, "functional"),
        (KERAS_3, "keras3"),
        (BATCH_SHAPE, "keras3"),
        (EMBEDDING_1, "keras1"),
        (EMBEDDING_2, "keras2"),
        (None, "keras2"),
    ],
)
def test_the_words_of_a_config_tell_its_dialect(config: Any, dialect: str) -> None:
    assert writer.identify(None, None, config, ())[1] == dialect


def test_a_keras_1_config_without_a_version_is_native_keras() -> None:
    assert identify(None, None, KERAS_1).flavour == "keras"


def test_a_keras_1_version_makes_the_dialect_keras_1() -> None:
    assert writer.identify("1.2.2", None, KERAS_2, ())[1] == "keras1"


@pytest.mark.parametrize(
    ("config", "backend", "names", "expected", "implied"),
    [
        (KERAS_1, None, THEANO_NAMES, "theano", True),
        (KERAS_1, None, TF_NAMES, "tensorflow", True),
        (KERAS_1, None, (), None, False),
        (KERAS_1, "tensorflow", THEANO_NAMES, "tensorflow", False),
        (KERAS_2, "theano", THEANO_NAMES, "theano", False),
        (KERAS_2, None, THEANO_NAMES, None, False),
    ],
)
def test_keras_1_does_not_say_its_backend_but_its_weight_names_do(
    config: Any, backend: str | None, names: Any, expected: str | None, implied: bool
) -> None:
    found = identify(None, backend, config, names)
    assert (found.backend, found.backend_implied) == (expected, implied)


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("2.2.4-tf", (2, 2, 4)),
        ("2.16", (2, 16, 0)),
        ("3.13.2.dev1", (3, 13, 2)),
        ("x", (0, 0, 0)),
        (None, (0, 0, 0)),
    ],
)
def test_a_version_is_numbers(version: str | None, release: tuple[int, int, int]) -> None:
    assert identify(version).release == release


def test_a_writer_reads_as_a_sentence_part() -> None:
    assert str(identify("2.2.4", "tensorflow")) == "keras 2.2.4 on tensorflow"
    assert str(identify(None)) == "an unknown Keras"


@pytest.mark.parametrize(
    "version", ["2.²", "²", "9" * 5000, "1." + "9" * 5000, "٢.٣", "...", "-tf"]
)
def test_a_version_that_is_none_is_no_internal_error(version: str) -> None:
    found = identify(version)
    assert len(found.release) == 3


def test_a_layer_called_functional_does_not_make_a_dialect() -> None:
    config = sequential(first_dense("Functional"), dense("groups"))
    assert writer.identify("2.2.4", "tensorflow", config, TF_NAMES)[1] == "keras2"
