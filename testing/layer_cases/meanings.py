"""Models by which rules of converter/direct/meanings.py are told apart; see test_meanings.py.

Some leave open what they mean, and direct refuses them: they are no family of test_layers.py.
"""

from case import Case, Input

VECTOR = Input(6)
IMAGE = Input(4, 5, 3)
FRAMES = Input(3, 4, 5, 2)
IDS = Input(6, dtype="int32", high=11, masked=3)
LAST_OUT = Input(3, dtype="bool", masked=1)


def zeroed_frames(k, x):
    frames, mask = x
    layer = k.L.ConvLSTM2D(3, 2, return_sequences=True, zero_output_for_mask=True)
    return layer(frames, mask=mask)


def masked_groups(k, x):
    return k.L.GroupNormalization(2)(k.L.Embedding(11, 6, mask_zero=True)(x))


def masked_softmax(k, x):
    return k.L.Softmax()(k.L.Embedding(11, 6, mask_zero=True)(x))


def of_a_dict(k, x):
    """A model of a list of inputs, called on a dict whose keys have another order."""
    b, a = k.L.Input(shape=(6,), name="b"), k.L.Input(shape=(6,), name="a")
    inner = k.K.models.Model([b, a], k.L.Subtract()([k.L.Dense(4)(b), k.L.Dense(4)(a)]))
    return inner({"a": x[1], "b": x[0]})


CASES = [
    Case("convolutional_mask", "zeros", [FRAMES, LAST_OUT], zeroed_frames),
    Case("statistics_masks", "groups", IDS, masked_groups),
    Case("softmax_mask", "from before", IDS, masked_softmax),
    Case("dict_inputs", "list", [VECTOR, VECTOR], of_a_dict),
    Case(
        "causal",
        "attention",
        [Input(5, 4), Input(3, 4)],
        lambda k, x: k.L.Attention(causal=True)(x),
    ),
    Case("steep_slope", "leaky", VECTOR, lambda k, x: k.L.LeakyReLU(1.5)(x)),
    Case(
        "interpolation",
        "bilinear",
        IMAGE,
        lambda k, x: k.L.UpSampling2D(2, interpolation="bilinear")(x),
    ),
    # As many columns as filters, with channels first.
    Case(
        "first_bias",
        "columns",
        Input(3, 6, 6),
        lambda k, x: k.L.Conv2D(4, 3, data_format="channels_first")(x),
    ),
]
