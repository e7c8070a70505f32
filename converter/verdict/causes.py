"""Why a SavedModel answers otherwise than its source, as a table: the first row that fits counts.

The order is from what explains the most to what is left over: randomness and exchanged names before
layers, weights before meanings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from converter.verdict import signs
from converter.verdict.evidence import Evidence


@dataclass(frozen=True)
class Cause:
    """One reason for other answers.

    told: the evidence that it is this one, in words; '' when it is not. of_layer: whether the first
    layer that differs is where it happens. source: repository#issue.
    """

    id: str
    told: Callable[[Evidence], str]
    explanation: str
    advice: str
    source: str
    of_layer: bool = True


CONVERT_AGAIN = "Convert the .h5 file again with convert-h5, which"
WRITERS_KERAS = "Convert with the writer's own Keras: leave out --toolchain and --python"

CAUSES = (
    Cause(
        "keys-renamed",
        signs.other_keys,
        "The SavedModel has other signatures, inputs or outputs than the source",
        "Say which is which with --rename-input and --rename-output, or use its own names",
        "serving#967, serving#1296",
        of_layer=False,
    ),
    Cause(
        "random-by-design",
        signs.random_by_design,
        "The model is random by design",
        "Nothing is wrong with it; it can only be compared with that flag off, or in the mean",
        "measured: docs/verification.md",
    ),
    Cause(
        "dropout-on",
        signs.dropout,
        "Dropout is on: the model was built in training mode",
        f"{CONVERT_AGAIN} sets the learning phase to 0 before it builds the model",
        "serving#1266, serving#602",
    ),
    Cause(
        "random",
        signs.random,
        "The model draws random numbers when it is asked",
        "Look for layers that sample, and for a model that was built in training mode",
        "keras#7177",
    ),
    Cause(
        "server-differs",
        signs.elsewhere,
        "The SavedModel is right; the difference arises in the server or on the way to it",
        "Check that the server has this very version, and which TensorFlow it runs; pin its image",
        "serving#1443, asl-ml-immersion#271",
        of_layer=False,
    ),
    Cause(
        "recorded-answers",
        signs.recorded,
        "The recorded answers are not those of this file as its writer's Keras loads it",
        "Check that --expected was recorded from this file and these --inputs; the file may not"
        " say all that the model was",
        "serving#476, docs/known-issues.md",
        of_layer=False,
    ),
    Cause(
        "outputs-exchanged",
        signs.exchanged_outputs,
        "The outputs are exchanged",
        f"{CONVERT_AGAIN} writes each output under its own key",
        "keras#15316, tensorflow#48157",
        of_layer=False,
    ),
    Cause(
        "inputs-exchanged",
        signs.exchanged_inputs,
        "Two inputs are exchanged",
        f"{CONVERT_AGAIN} writes each input under its own key",
        "tensorflow#42018, tensorflow#34114",
        of_layer=False,
    ),
    Cause(
        "batch-statistics",
        signs.batch_statistics,
        "Batch normalization takes the statistics of the batch: the model was built in training"
        " mode",
        f"{CONVERT_AGAIN} sets the learning phase to 0 before it builds the model",
        "serving#1266, keras#7177",
    ),
    Cause(
        "variables-reinitialised",
        signs.reinitialised,
        "The variables are given new values after they were restored",
        "Save without global_variables_initializer as main_op; only tables need an init operation",
        "tensorflow#15527, serving#656",
    ),
    Cause(
        "weights-of-another-layer",
        signs.of_another_layer,
        "A layer has the weights of another one: they were matched in the wrong order",
        WRITERS_KERAS,
        "read: legacy_h5_format.py of Keras 3 matches by order",
    ),
    Cause(
        "weights-exchanged",
        signs.exchanged_weights,
        "A layer's own weights are in the wrong order",
        WRITERS_KERAS,
        "read: legacy_h5_format.py of Keras 3 matches by order",
    ),
    Cause(
        "kernels-flipped",
        signs.flipped,
        "Kernels are turned round, as Theano kept them",
        f"{CONVERT_AGAIN} turns the kernels of files written on Theano",
        "docs/known-issues.md#theano-kernels",
    ),
    Cause(
        "kernels-transposed",
        signs.transposed,
        "Kernels are transposed, as cuDNN keeps them",
        f"{CONVERT_AGAIN} lets Keras rearrange the weights of CuDNN layers",
        "measured: docs/known-issues.md",
    ),
    Cause(
        "weights-rounded",
        signs.rounded,
        "The weights were rounded, or quantized",
        "Convert without quantization, or allow for it with --rtol and --atol",
        "keras#20985",
    ),
    Cause(
        "weights-fresh",
        signs.fresh,
        "The SavedModel was made of a model whose weights were not loaded",
        "Save it from the session that holds the loaded model, or convert the .h5 file again",
        "serving#1443, tensorflow#15527",
    ),
    Cause(
        "weights-others",
        signs.other_weights,
        "The SavedModel has other weights than the file: it may be of another training run",
        "Check which file this version was made of; convert this one again",
        "serving#1443, serving#972",
    ),
    Cause(
        "half-precision",
        signs.half,
        "The SavedModel computes in half precision, the source does not",
        "Convert without mixed precision, or allow for it with --rtol and --atol",
        "serving#1639",
    ),
    Cause(
        "hard-sigmoid",
        signs.hard_sigmoid,
        "hard_sigmoid has the meaning of another Keras: 0.2 x + 0.5 up to Keras 2, x / 6 + 0.5 in"
        " Keras 3",
        WRITERS_KERAS,
        "keras#19477, tensorflow#65381",
    ),
    Cause(
        "resize-rule",
        signs.resize,
        "Images are resized by another rule: native Keras and TensorFlow 2 place pixels otherwise",
        WRITERS_KERAS + "; where the file cannot tell the rule, only recorded answers can",
        "tensorflow-onnx#932, tensorflow#44038",
    ),
    Cause(
        "dtype",
        signs.dtype,
        "An output is of another type",
        f"{CONVERT_AGAIN} keeps the types of the source",
        "keras#20985",
        of_layer=False,
    ),
    Cause(
        "rounding",
        signs.rounding,
        "The model magnifies rounding: no two environments give the same numbers",
        "Nothing is wrong with the conversion; allow for it with --rtol and --atol",
        "measured: docs/verification.md",
    ),
    Cause(
        "depends-on-the-batch",
        signs.by_rows,
        "An answer depends on the other rows of its batch",
        "Look for a layer that mixes rows, and for a model that was built in training mode",
        "serving#1266",
    ),
    Cause(
        "postprocessed",
        signs.postprocessed,
        "The signature changes what the model's last layer gives",
        f"{CONVERT_AGAIN} serves the model as it is",
        "serving#476",
        of_layer=False,
    ),
    Cause(
        "preprocessed",
        signs.preprocessed,
        "The signature changes its inputs before the model gets them",
        f"{CONVERT_AGAIN} serves the model as it is; else compare with inputs prepared likewise",
        "serving#476, keras#5478",
    ),
    Cause(
        "rounding-adds-up",
        signs.none_stands_out,
        "Small differences of rounding add up over the layers",
        "Allow for them with --rtol and --atol",
        "measured: docs/verification.md",
    ),
    Cause(
        "another-meaning",
        signs.another_meaning,
        "This layer means something else in the Keras that made the SavedModel",
        WRITERS_KERAS,
        "docs/known-issues.md",
    ),
)
