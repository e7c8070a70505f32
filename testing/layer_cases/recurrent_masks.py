"""Recurrent layers, alone and in a Bidirectional, on masked steps."""

from case import Case, Input

# Masked after the last steps, before the first ones and between, and throughout.
IDS = Input(6, dtype="int32", high=3, masked=3)
ANY_IDS = Input(None, dtype="int32", high=3, masked=3, ask=(6,))
KINDS = (
    ("SimpleRNN", {}),
    ("GRU", {"reset_after": False}),
    ("GRU", {"reset_after": True}),
    ("LSTM", {}),
)
VARIANTS = (
    ("last", {}),
    ("sequences", {"return_sequences": True}),
    ("backwards", {"go_backwards": True}),
    ("backwards, sequences", {"go_backwards": True, "return_sequences": True}),
    ("states", {"return_state": True, "return_sequences": True}),
    ("unrolled", {"unroll": True, "return_sequences": True}),
    ("unrolled, last", {"unroll": True}),
    ("zeros", {"zero_output_for_mask": True, "return_sequences": True}),
    ("zeros, last", {"zero_output_for_mask": True}),
    (
        "zeros, unrolled, backwards",
        {
            "zero_output_for_mask": True,
            "return_sequences": True,
            "unroll": True,
            "go_backwards": True,
        },
    ),
)


def _embedded(k, ids):
    return k.L.Embedding(3, 3, mask_zero=True)(ids)


def _alone(kind, own, variant, arguments, given=IDS):
    named = dict(own, **arguments)
    name = ", ".join(["reset after"] * own.get("reset_after", False) + [variant])
    return Case(
        kind, "masked, " + name, given, lambda k, x: getattr(k.L, kind)(4, **named)(_embedded(k, x))
    )


def _both_ways(kind, variant, merge, arguments, given=IDS):
    def build(k, ids):
        layer = getattr(k.L, kind)(4, **arguments)
        return k.L.Bidirectional(layer, merge_mode=merge)(_embedded(k, ids))

    return Case("Bidirectional", "masked, %s, %s" % (kind, variant), given, build)


CASES = [
    _alone(kind, own, variant, arguments) for kind, own in KINDS for variant, arguments in VARIANTS
]
CASES += [_alone("LSTM", {}, "any number of steps", {"return_sequences": True}, ANY_IDS)]
CASES += [
    _both_ways(kind, variant, merge, arguments)
    for kind in ("SimpleRNN", "GRU", "LSTM")
    for variant, merge, arguments in (
        ("last", "concat", {}),
        ("sequences", "concat", {"return_sequences": True}),
        ("sequences, apart", None, {"return_sequences": True}),
        ("states", "sum", {"return_sequences": True, "return_state": True}),
        ("last, states", "ave", {"return_state": True}),
        ("unrolled", "concat", {"return_sequences": True, "unroll": True}),
        ("unrolled, last", "concat", {"unroll": True}),
        ("zeros, last", "concat", {"zero_output_for_mask": True}),
    )
]


def _from_states(kind, count, **arguments):
    def build(k, tensors):
        layer = getattr(k.L, kind)(4, **arguments)
        return layer(_embedded(k, tensors[0]), initial_state=tensors[1:])

    inputs = [IDS] + [Input(4) for _ in range(count)]
    return Case(
        kind,
        "masked, initial state" + "".join(", " + key for key in sorted(arguments)),
        inputs,
        build,
    )


def _by_name_from_states(k, tensors):
    """A mask by name counts where one that comes with the input may not."""
    mask = k.given_by_name(tensors[1])
    layer = k.L.LSTM(4, return_sequences=True)
    both = k.L.Bidirectional(k.L.GRU(4, return_sequences=True))
    alone = layer(tensors[0], mask=mask, initial_state=tensors[2:4])
    return [alone, both(tensors[0], mask=mask, initial_state=tensors[2:4])]


def _by_name(**arguments):
    """A mask that is an input of its own."""

    def build(k, tensors):
        return k.L.LSTM(4, **arguments)(tensors[0], mask=k.given_by_name(tensors[1]))

    inputs = [Input(6, 3), Input(6, dtype="bool", high=2)]
    return Case(
        "LSTM", "mask by name" + "".join(", " + key for key in sorted(arguments)), inputs, build
    )


def _stacked(sizes, **arguments):
    def build(k, ids):
        cells = [k.L.LSTMCell(size) for size in sizes]
        return k.L.RNN(cells, **arguments)(_embedded(k, ids))

    told = "masked, stack of %s" % (sizes,) + "".join(", " + key for key in sorted(arguments))
    return Case("RNN", told, IDS, build)


for _arguments in (
    {},
    {"return_sequences": True},
    {"unroll": True},
    {"zero_output_for_mask": True, "return_sequences": True},
    {"zero_output_for_mask": True},
    {"return_sequences": True, "unroll": True, "go_backwards": True, "zero_output_for_mask": True},
):
    CASES += [_from_states("LSTM", 2, **_arguments), _from_states("GRU", 1, **_arguments)]
    CASES += [_stacked((4, 4), **_arguments), _stacked((4, 5), **_arguments)]
    CASES.append(_by_name(**_arguments))


def _chain(k, ids):
    """A mask that travels through two layers."""
    x = k.L.LSTM(4, return_sequences=True)(_embedded(k, ids))
    return k.L.GRU(3)(k.L.Dropout(0.2)(x))


def _chain_both_ways(k, ids):
    x = k.L.Bidirectional(k.L.LSTM(4, return_sequences=True))(_embedded(k, ids))
    return k.L.Bidirectional(k.L.GRU(3))(x)


def _both_from_states(k, tensors):
    layer = k.L.Bidirectional(k.L.LSTM(4, return_sequences=True))
    return layer(_embedded(k, tensors[0]), initial_state=tensors[1:])


CASES += [
    Case("LSTM", "masked, chain", IDS, _chain),
    Case("Bidirectional", "masked, chain", ANY_IDS, _chain_both_ways),
    Case(
        "Bidirectional",
        "masked, initial state",
        [IDS] + [Input(4) for _ in range(4)],
        _both_from_states,
    ),
    Case(
        "LSTM",
        "mask by name, initial state",
        [Input(6, 3), Input(6, dtype="bool", high=2), Input(4), Input(4)],
        _by_name_from_states,
    ),
    Case(
        "Masking",
        "LSTM",
        Input(5, 2, high=2),
        lambda k, x: k.L.LSTM(4, return_sequences=True)(k.L.Masking(0.0)(x)),
    ),
]
