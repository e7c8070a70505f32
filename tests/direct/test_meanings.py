"""Every rule of converter/direct/meanings.py, against a Keras that has it.

As the writer means it, direct answers as the writer does, or refuses what the file leaves open.
With another answer to the same question it would answer otherwise.
"""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from converter.direct import meanings
from converter.errors import NotDirect, WorkerRaised
from converter.source.model import Writer
from converter.toolchain.pool import Pool
from fixtures.make import WRITERS
from testing import direct, toolchains

SERVER = "tf2.15"
REFUSED = "refused"


@dataclass(frozen=True)
class Row:
    """A rule, another answer to it than the writer's, and the cases that show the difference.

    cases: what their names begin with; with the other answer one of them is wrong. open: the file
    leaves open what the writer means, so direct refuses them all, and for that reason only.
    """

    rule: str
    other: str
    family: str
    cases: str
    open: bool = False


ROWS = {
    "keras-2.1.6": (
        Row("fused_epsilon", "last", "normalization", "BatchNormalization: small epsilon"),
        Row("stacked_states", "in order", "recurrent", "RNN: mixed stack"),
        Row("distributed_mask", "asked", "wrappers", "TimeDistributed: "),
    ),
    "tf.keras-2.1.6-tf": (
        Row("spread_dilations", "heeded", "transposed", "Conv2DTranspose: dilated"),
        Row("autocast", "yes", "policies", "Add: float64 of old"),
    ),
    "keras-2.2.4": (
        Row("fused_epsilon", "none", "normalization", "BatchNormalization: small epsilon"),
        Row("dot", "axes", "merge", "Dot: "),
        Row("masked_step", "previous", "recurrent_masks", "RNN: masked, stack of"),
        Row("bidirectional_mask", "zeros", "recurrent_masks", "Bidirectional: masked, SimpleRNN"),
        Row("steep_slope", "sure", "meanings", "steep_slope", open=True),
    ),
    "keras-2.3.1": (Row("resize", "half-pixel", "spatial", "UpSampling2D: bilinear"),),
    "tf.keras-2.2.4-tf1.14": (
        Row("interpolation", "nearest", "meanings", "interpolation", open=True),
        Row("causal", "no", "meanings", "causal", open=True),
        Row("dict_inputs", "names", "meanings", "dict_inputs"),
    ),
    "tf.keras-2.4.0": (
        Row("fused_epsilon", "none", "normalization", "BatchNormalization: small epsilon"),
        Row("softmax_mask", "ignored", "meanings", "softmax_mask", open=True),
        Row("images", "cast", "preprocessing", "Resizing: bytes"),
        Row("random_crop", "window", "preprocessing", "RandomCrop: "),
        Row("bins", "unsure", "preprocessing", "Discretization: old"),
    ),
    "tf.keras-2.15": (
        Row("hard_sigmoid", "sixth", "core", "Activation: hard_sigmoid"),
        Row("resize", "corners", "spatial", "UpSampling2D: bilinear"),
        Row("fused_epsilon", "any", "normalization", "BatchNormalization: small epsilon"),
        Row("least_norm", "norm", "normalization", "UnitNormalization: short"),
        Row("merged_masks", "or", "merge", "Add: "),
        Row("softmax_mask", "zeroed", "activation_layers", "Softmax: masked throughout"),
        Row("attention_masks", "given", "attention", "MultiHeadAttention: masked"),
        Row("masked_step", "state", "recurrent_masks", "RNN: masked, stack of"),
        Row("mask_with_states", "ignored", "recurrent_masks", "LSTM: masked, initial state"),
        Row("bidirectional_mask", "same", "recurrent_masks", "Bidirectional: masked, SimpleRNN"),
        Row("convolutional_mask", "heeded", "meanings", "convolutional_mask"),
        Row("random_crop", "shorter side", "preprocessing", "RandomCrop: "),
        Row("layer_normalization", "plain", "policies", "LayerNormalization: mixed_float16"),
    ),
    "keras3-3.15": (
        Row("hard_sigmoid", "fifth", "core", "Activation: hard_sigmoid"),
        Row("first_bias", "sure", "meanings", "first_bias", open=True),
        Row("least_norm", "square", "normalization", "UnitNormalization: short"),
        Row("merged_masks", "and", "merge", "Add: "),
        Row("softmax_mask", "added", "activation_layers", "Softmax: masked throughout"),
        Row("mask_with_states", "heeded", "recurrent_masks", "LSTM: masked, initial state"),
        Row("convolutional_mask", "ignored", "meanings", "convolutional_mask"),
        Row("distributed_mask", "asked", "wrappers", "TimeDistributed: "),
        Row("statistics_masks", "heed", "meanings", "statistics_masks"),
        Row("random_crop", "window", "preprocessing", "RandomCrop: "),
        Row("training", "the call", "preprocessing", "RandomFlip: idle"),
    ),
}
# Tested elsewhere, and where.
# Rules whose writer is not at hand, and what holds them.
ELSEWHERE = {"kernels": "files by Theano: tests/direct/test_keras1.py, tests/corpus"}


@pytest.mark.parametrize("writer", ROWS)
def test_the_writers_answer_is_right_and_another_is_not(
    writer: str, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolchains.require(SERVER)
    written = direct.write(WRITERS[writer], _cases(writer), tmp_path)
    told = {}
    for row in ROWS[writer]:
        cases = [
            case
            for case in written
            if case.path.parent.name == row.family and case.name.startswith(row.cases)
        ]
        assert cases, row
        rule = meanings._BY_NAME[row.rule]
        mine = _wrong(pool, cases)
        with monkeypatch.context() as patched:
            other = dataclasses.replace(rule, answer=functools.partial(_always, row.other))
            patched.setitem(meanings._BY_NAME, row.rule, other)
            theirs = _wrong(pool, cases)
        told[row.rule] = mine, theirs
    for row in ROWS[writer]:
        mine, theirs = told[row.rule]
        if row.open:
            assert set(mine) == {REFUSED}, row
            assert REFUSED not in theirs, row
        else:
            assert mine == [], row
            assert theirs != [], row


def test_every_rule_has_a_row() -> None:
    rows = {row.rule for held in ROWS.values() for row in held}
    assert rows | set(ELSEWHERE) == {rule.name for rule in meanings.RULES}


def _always(answer: str, _: Writer) -> str:
    return answer


def _cases(writer: str) -> direct.Cases:
    """What the rows of a writer need."""
    return {
        family: [
            name
            for name in direct.names(family)
            if any(row.family == family and name.startswith(row.cases) for row in ROWS[writer])
        ]
        for family in {row.family for row in ROWS[writer]}
    }


def _wrong(pool: Pool, cases: Sequence[direct.Written]) -> list[str]:
    """What is wrong with the answers to cases; REFUSED for one that is refused."""
    found = []
    for case in cases:
        saved = case.path.with_suffix("")
        shutil.rmtree(saved, ignore_errors=True)
        try:
            contract = direct.convert(case.path, saved)
            got = direct.answers(pool, SERVER, saved, contract, case.inputs)
        except NotDirect:
            found.append(REFUSED)
        except WorkerRaised as error:
            found.append(error.line())
        else:
            found += direct.apart(case.outputs, got)
    return found
