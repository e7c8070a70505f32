"""What a writer means where Kerases differ: direct follows the one that wrote the file.

Each rule is a row of `RULES`, with its source and a test in tests/direct/test_meanings.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from converter.source.model import Writer


@dataclass(frozen=True)
class Rule:
    """A question that writers answer differently.

    answer: gives the writer's own. about: what is asked. source: where the answers are from.
    """

    name: str
    about: str
    answer: Callable[[Writer], str]
    source: str


def _keras_3(writer: Writer) -> bool:
    return writer.flavour == "keras3"


def _native(writer: Writer) -> bool:
    """Keras before it became TensorFlow's."""
    return writer.flavour == "keras"


def _resize(writer: Writer) -> str:
    old = writer.flavour == "tf.keras" and writer.release < (2, 2, 4)
    return "corners" if _native(writer) or old else "half-pixel"


def _release(
    writer: Writer, native: tuple[int, int] = (0, 0), tf: tuple[int, int] = (0, 0)
) -> bool:
    """Whether a Keras 2 is older than these releases of native Keras and of tf.keras."""
    first = {"keras": native, "tf.keras": tf}.get(writer.flavour or "", (0, 0))
    return writer.release[:2] < first


def _fused_epsilon(writer: Writer) -> str:
    if _native(writer):
        return "none" if writer.release < (2, 2, 0) else "last"
    return "any" if _release(writer, tf=(2, 10)) else "none"


def _merged_masks(writer: Writer) -> str:
    if not _keras_3(writer):
        return "and"
    return "none" if writer.release < (3, 4, 0) else "or"


def _softmax_mask(writer: Writer) -> str:
    if _native(writer) or _release(writer, tf=(2, 4)):
        return "ignored"
    if writer.flavour == "tf.keras" and writer.release == (2, 4, 0):
        return "unsure"  # TensorFlow 2.3 ignores it, 2.4 does not, and both write 2.4.0
    return "zeroed" if writer.release >= (3, 10, 0) else "added"


def _old_rnn(writer: Writer) -> bool:
    """Whether K.rnn is the one from before masks of any rank, of Keras 2.2 and TensorFlow 1.12."""
    old = _native(writer) and writer.release < (2, 3, 0)
    return old or (writer.flavour == "tf.keras" and writer.release < (2, 2, 4))


def _masked_step(writer: Writer) -> str:
    # Theano's K.rnn carries the output along, as all newer ones do.
    return "state" if _old_rnn(writer) and writer.backend != "theano" else "previous"


def _distributed_mask(writer: Writer) -> str:
    if _native(writer) and writer.release < (2, 2, 0):
        return "hidden"
    return "kept" if _keras_3(writer) else "asked"


def _images(writer: Writer) -> str:
    return "as they are" if _release(writer, tf=(2, 5)) else "cast"


def _random_crop(writer: Writer) -> str:
    if _release(writer, tf=(2, 5)):
        return "shorter side"
    if _keras_3(writer):
        return "idle" if writer.release >= (3, 15, 0) else "unsure"
    return "unsure" if _release(writer, tf=(2, 15)) else "window"


def _dict_inputs(writer: Writer) -> str:
    if writer.flavour != "tf.keras" or writer.release >= (2, 4, 0):
        return "names"
    # TensorFlow 2.2 goes by names, 2.1 may not, and both write 2.3.0-tf.
    return "unsure" if writer.release == (2, 3, 0) else "keys"


RULES = (
    Rule(
        "hard_sigmoid",
        "the slope of hard_sigmoid: 0.2 x + 0.5 or x / 6 + 0.5, cut to 0..1",
        lambda writer: "sixth" if _keras_3(writer) else "fifth",
        "keras pull request 19477; measured: off by 0.08 to 0.14",
    ),
    Rule(
        "resize",
        "where a bilinear resize takes its samples: at pixels' corners or at their middles",
        _resize,
        "measured: off by 2.1 to 5.6, docs/known-issues.md",
    ),
    Rule(
        "kernels",
        "whether convolution kernels are stored flipped, as Theano's convolutions want them",
        lambda writer: "flipped" if writer.backend == "theano" else "plain",
        "measured: off by up to 1000, docs/known-issues.md; keras/utils/conv_utils convert_kernel",
    ),
    Rule(
        "interpolation",
        "whether a config of UpSampling2D without 'interpolation' leaves it open",
        lambda writer: (
            "unsaid" if writer.flavour == "tf.keras" and writer.release == (2, 2, 4) else "nearest"
        ),
        "UpSampling2D.get_config of tf.keras 1.14, which has the argument and leaves it out;"
        " measured: read as nearest it is off by 1.1 to 1.6",
    ),
    Rule(
        "spread_dilations",
        "whether transposed convolutions heed the dilations that their config has",
        lambda writer: (
            "ignored" if writer.flavour == "tf.keras" and writer.release < (2, 2, 4) else "heeded"
        ),
        "layers/convolutional.py of tf.keras 1.12, whose calls do not use them, and 1.14;"
        " measured: off by 1.5 to 2.5",
    ),
    Rule(
        "first_bias",
        "whether it is sure that a convolution with channels first adds its bias to the channels,"
        " also where there are as many last places as filters",
        lambda writer: "unsure" if _keras_3(writer) and writer.backend == "tensorflow" else "sure",
        "backend/tensorflow/numpy.py add of keras 3.15, which takes it for a bias of channels last;"
        " measured: so when called eagerly and with groups, else not in predict; off by 0.5 to 0.9",
    ),
    Rule(
        "fused_epsilon",
        "at which axes of images a batch normalization's epsilon is at least 1.001e-5: nowhere,"
        " the last, or any",
        _fused_epsilon,
        "tensorflow/python/ops/nn_impl.py fused_batch_norm; tensorflow issue 37768",
    ),
    Rule(
        "least_norm",
        "whether a vector to be made of length 1 counts as at least so long, or its square does",
        lambda writer: "norm" if _keras_3(writer) else "square",
        "tensorflow l2_normalize; keras 3.15 ops/nn.py normalize",
    ),
    Rule(
        "dot",
        "whether Dot is a product of the last two dimensions' matrices, or a sum over its axes",
        lambda writer: "matrices" if _release(writer, native=(2, 3), tf=(2, 3)) else "axes",
        "batch_dot of keras 2.1.6, 2.2.4, 2.3.1 and of tf.keras 1.12 to 2.3; measured: off by 0.06",
    ),
    Rule(
        "merged_masks",
        "what becomes of the masks of merged tensors: all of them hold, one of them, or none",
        _merged_masks,
        "layers/merge.py of keras 2.2.4, merging/base_merge.py of keras 2.15; keras pull request"
        " 19685 (3.4)",
    ),
    Rule(
        "softmax_mask",
        "what is masked in a softmax: nothing, what is not, or even what has nothing else",
        _softmax_mask,
        "Softmax of tf.keras 2.3 and 2.15; keras pull request 21149 (3.10)",
    ),
    Rule(
        "attention_masks",
        "whether MultiHeadAttention heeds the masks of its inputs",
        lambda writer: "given" if _release(writer, tf=(2, 10)) else "all",
        "multi_head_attention.py of tf.keras 2.4 and 2.15",
    ),
    Rule(
        "masked_step",
        "what a recurrent layer puts out at a masked step: what it put out before, or its state",
        _masked_step,
        "K.rnn in keras/backend/tensorflow_backend.py (2.1.6, 2.2.4: states[0]) and its successors",
    ),
    Rule(
        "mask_with_states",
        "whether a mask that comes with the input counts where states are given to start from",
        lambda writer: "ignored" if _keras_3(writer) else "heeded",
        "Layer.__call__ of Keras 3 passes masks on by itself where one argument alone is a tensor",
    ),
    Rule(
        "bidirectional_mask",
        "what the layers of a Bidirectional put out at masked steps: zeros, or what alone they do",
        lambda writer: "same" if _native(writer) or _old_rnn(writer) else "zeros",
        "force_zero_output_for_mask in the Bidirectional of TensorFlow 1.14 and later, and Keras 3",
    ),
    Rule(
        "convolutional_mask",
        "whether a ConvLSTM heeds zero_output_for_mask",
        lambda writer: "heeded" if _keras_3(writer) else "ignored",
        "keras/src/layers/rnn/base_conv_rnn.py (2.15) does not pass it on, Keras 3's RNN does",
    ),
    Rule(
        "stacked_states",
        "the order of the states of StackedRNNCells: that of the cells, or the last cell's first",
        lambda writer: "reversed" if _native(writer) and writer.release < (2, 2, 3) else "in order",
        "StackedRNNCells in keras/layers/recurrent.py of Keras 2.2.2 and 2.2.3",
    ),
    Rule(
        "distributed_mask",
        "the mask of a TimeDistributed: hidden from its layer and kept; kept; or the layer's own",
        _distributed_mask,
        "TimeDistributed.compute_mask, which Keras 2.2.0 brought and Keras 3 does not have",
    ),
    Rule(
        "dict_inputs",
        "what tells a dict's tensors to a model made of a list: the names of its inputs, or the"
        " order of the keys",
        _dict_inputs,
        "_flatten_to_reference_inputs of TensorFlow 2.2 to 2.15 and Keras 3, which 1.15 lacks;"
        " measured with 1.14, 1.15, 2.2, 2.3 and later",
    ),
    Rule(
        "statistics_masks",
        "whether Normalization passes a mask on and GroupNormalization heeds none",
        lambda writer: "pass" if _keras_3(writer) else "heed",
        "preprocessing/normalization.py, group_normalization.py of keras 2.15 and 3.15",
    ),
    Rule(
        "causal",
        "whether a config of Attention without 'causal' leaves it open",
        lambda writer: "unsaid" if _release(writer, tf=(2, 3)) else "no",
        "layers/dense_attention.py of tf.keras 1.14, which has no get_config, and 1.15",
    ),
    Rule(
        "images",
        "whether preprocessing layers cast images to the dtype they compute in",
        _images,
        "image_preprocessing.py of tf.keras 2.3 and keras 2.15, where convert_inputs casts",
    ),
    Rule(
        "random_crop",
        "what RandomCrop makes of images when it is not trained: nothing, or it resizes their"
        " shorter side or their largest window",
        _random_crop,
        "image_preprocessing.py of tf.keras 2.3 and keras 2.15, random_crop.py of keras 3.15",
    ),
    Rule(
        "steep_slope",
        "whether it is sure what a leaky ReLU with a slope above 1 does",
        lambda writer: "unsure" if _release(writer, native=(3, 0), tf=(2, 3)) else "sure",
        "TensorFlow's LeakyRelu up to 1.14 takes the larger value: measured, off by 1.9",
    ),
    Rule(
        "training",
        "what says whether a layer trains when its call in the file says training=True: this call,"
        " or predict, which never does",
        lambda writer: "predict" if _keras_3(writer) else "the call",
        "operation_fn in models/functional.py of keras 3.15; measured: Dropout is idle in predict."
        " Files say so of every image layer, whose default it is",
    ),
    Rule(
        "layer_normalization",
        "whether gamma and beta of the last axes' normalization meet values of half precision",
        lambda writer: "plain" if _keras_3(writer) else "fused",
        "layer_normalization.py of keras 2.15; ops/nn.py layer_normalization of keras 3.15",
    ),
    Rule(
        "bins",
        "what Discretization makes where its config says 'bins': the number of the bin, as int32",
        lambda writer: "int32" if _release(writer, tf=(2, 5)) else "unsure",
        "discretization.py of tf.keras 2.3; keras 2.15 has no such config",
    ),
    Rule(
        "autocast",
        "whether a layer's dtype is that of what it computes, or of its variables alone",
        lambda writer: "no" if _native(writer) or _release(writer, tf=(2, 2)) else "yes",
        "measured: Add of float32 with dtype float64; TensorFlow 2.0's release notes",
    ),
)
_BY_NAME = {rule.name: rule for rule in RULES}


@dataclass(frozen=True)
class Meaning:
    """The answers of one writer. dialect: of the config, see source/writer.py."""

    writer: Writer
    dialect: str

    def of(self, name: str) -> str:
        """The writer's answer to the rule called `name`."""
        return _BY_NAME[name].answer(self.writer)
