"""Each known cause is told by the words of its failure, as they were seen, and by no others."""

from __future__ import annotations

import pytest

from compat_matrix.causes import CAUSES, of_failure

# What was seen, cut to what matters.
SEEN = {
    "newer-ops-in-old-servers": (
        "Op type not registered 'DisableCopyOnRead' in binary",
        "NodeDef mentions attr 'debug_name' not in Op<name=VarHandleOp",
        "NodeDef mentions attr 'validate_shape' not in Op<name=AssignVariableOp",
        "KeyError: 'StatelessRandomGetKeyCounter'",
        "NodeDef mentions attr 'exponential_avg_factor' not in Op<name=FusedBatchNormV3",
        "NodeDef mentions attr 'output_shapes' not in Op<name=StatelessWhile",
    ),
    "keras-1-config": ("keras 2.3.1 cannot say input_dtype='float32' of layer first (LSTM)",),
    "older-keras-lacks-argument": (
        "tf.keras 2.1.6-tf cannot say zero_output_for_mask=True of layer forward_first (LSTM)",
        "GlorotUniform.__init__() got an unexpected keyword argument 'input_axes'",
        "Unrecognized keyword arguments passed to Dense: {'quantization_config': None}",
    ),
    "keras-1-stands-alone": (
        "configs are translated to Keras 2 only, not to keras 1.2.2",
        "TypeError: __init__() got an unexpected keyword argument 'data_format' (and with its"
        " config translated: configs are translated to Keras 2 only, not to keras 1.2.2)",
    ),
    "native-recurrent-in-tf-2": (
        "RuntimeError: Attempting to capture an EagerTensor without building a function.",
    ),
    "contrib-input-layer": ("ValueError: You must provide an `input_shape` argument.",),
    "save-model-bidirectional": ("TypeError: unsupported callable.",),
}


def test_every_cause_was_seen() -> None:
    assert {cause.issue for cause in CAUSES} == set(SEEN)


@pytest.mark.parametrize(
    ("issue", "line"), [(i, line) for i, lines in SEEN.items() for line in lines]
)
def test_its_words_tell_it(issue: str, line: str) -> None:
    served = next(cause.served for cause in CAUSES if cause.issue == issue)
    assert of_failure(f"It failed. {line} Try again.", served=served) == issue
    assert of_failure(line, served=not served) == ""


def test_other_words_tell_nothing() -> None:
    assert of_failure("ValueError: something new", served=False) == ""
    assert of_failure("The server is gone.", served=True) == ""
