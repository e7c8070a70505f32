"""Attention, AdditiveAttention, MultiHeadAttention, GroupedQueryAttention."""

from case import Case, Input

QUERY = Input(5, 4)
VALUE = Input(3, 4)
KEY = Input(3, 4)
SELF = Input(5, 6)
FREE = [Input(None, 4, ask=(5, 4)), Input(None, 4, ask=(3, 4))]
IDS = [Input(6, dtype="int32", high=11, masked=3), Input(4, dtype="int32", high=11, masked=1)]
PAIRS = ("Attention", "AdditiveAttention")


def explicit(k, name, arguments):
    """An attention whose config says what it is, as TensorFlow 1.14's does not."""
    if k.tf.__version__.startswith("1.14"):
        raise ValueError("its config does not say what it is")
    return getattr(k.L, name)(**arguments)


def paired(name, variant, inputs, call=None, **arguments):
    def build(k, x):
        return explicit(k, name, arguments)(x, **(call or {}))

    return Case(name, variant, inputs, build)


def causal_of_old(name):
    """Where the config says it; later ones lose it."""

    def build(k, x):
        made = explicit(k, name, {"causal": True})
        if "causal" not in made.get_config():
            raise ValueError("its config does not say that it is causal")
        return made(x)

    return Case(name, "causal, as was", [QUERY, VALUE], build)


def embedded(k, x):
    """Masked steps."""
    return [k.L.Embedding(11, 4, mask_zero=True, name="e%d" % i)(t) for i, t in enumerate(x)]


def masked(name, variant, call=None, **arguments):
    def build(k, x):
        return explicit(k, name, arguments)(embedded(k, x), **(call or {}))

    return Case(name, variant, IDS, build)


def scored(name, **arguments):
    def build(k, x):
        return list(explicit(k, name, arguments)(x, return_attention_scores=True))

    return Case(name, "scores", [QUERY, VALUE], build)


def passed(k, x):
    """The mask of the query is that of the result."""
    query, value = embedded(k, x)
    return k.L.SimpleRNN(3)(k.L.Attention()([query, value]))


def alone(variant, given, heads=2, size=3, call=None, **arguments):
    def build(k, x):
        return k.L.MultiHeadAttention(heads, size, **arguments)(x, x, **(call or {}))

    return Case("MultiHeadAttention", variant, given, build)


def several(variant, inputs, call=None, **arguments):
    def build(k, x):
        return k.L.MultiHeadAttention(2, 3, **arguments)(*x, **(call or {}))

    return Case("MultiHeadAttention", variant, inputs, build)


def heads_masked(variant, call=None, **arguments):
    def build(k, x):
        query, value = embedded(k, x)
        return k.L.MultiHeadAttention(2, 3, **arguments)(query, value, **(call or {}))

    return Case("MultiHeadAttention", variant, IDS, build)


def heads_scored(k, x):
    return list(k.L.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True))


def heads_masked_scored(k, x):
    query, value = embedded(k, x)
    return list(k.L.MultiHeadAttention(2, 3)(query, value, return_attention_scores=True))


def heads_given(k, x):
    query, mask = x
    return k.L.MultiHeadAttention(2, 3)(query, query, attention_mask=mask)


def heads_given_and_own(k, x):
    first, second, mask = x
    query, value = embedded(k, [first, second])
    return k.L.MultiHeadAttention(2, 3)(query, value, attention_mask=mask)


def heads_passed(k, x):
    query, value = embedded(k, x)
    steps = k.L.MultiHeadAttention(2, 3)(query, value)
    return k.L.SimpleRNN(3)(steps)


def transformer(k, x):
    """Residuals and normalizations around attention, masks and all."""
    steps = k.L.Embedding(11, 4, mask_zero=True)(x)
    found = k.L.MultiHeadAttention(2, 3, name="attending")(steps, steps)
    steps = k.L.LayerNormalization()(k.L.Add()([steps, found]))
    inner = k.L.Dense(4)(k.L.Dense(8, activation="relu")(steps))
    steps = k.L.LayerNormalization()(k.L.Add()([steps, inner]))
    return k.L.GlobalAveragePooling1D()(steps)


def named(k, x):
    query, value, key = x
    return k.L.MultiHeadAttention(2, 3)(query=query, value=value, key=key)


def nested(k, x):
    inner = k.L.Input(shape=(5, 6))
    model = k.K.models.Model(inner, k.L.MultiHeadAttention(2, 3)(inner, inner))
    return model(x)


def grouped(variant, given, call=None, heads=4, shared=2, **arguments):
    def build(k, x):
        layer = k.L.GroupQueryAttention(3, heads, shared, **arguments)
        return layer(x, x, **(call or {}))

    return Case("GroupQueryAttention", variant, given, build, ("keras3",))


def grouped_scored(k, x):
    return list(k.L.GroupQueryAttention(3, 4, 2)(x, x, return_attention_scores=True))


CASES = (
    [paired(name, "two", [QUERY, VALUE]) for name in PAIRS]
    + [paired(name, "three", [QUERY, VALUE, KEY]) for name in PAIRS]
    + [paired(name, "any steps", FREE) for name in PAIRS]
    + [paired(name, "scale", [QUERY, VALUE], use_scale=True) for name in PAIRS]
    + [paired(name, "no scale", [QUERY, VALUE], use_scale=False) for name in PAIRS]
    + [causal_of_old(name) for name in PAIRS]
    + [paired(name, "causal", [QUERY, VALUE], {"use_causal_mask": True}) for name in PAIRS]
    + [paired(name, "dropout", [QUERY, VALUE], dropout=0.5) for name in PAIRS]
    + [masked(name, "masked") for name in PAIRS]
    + [masked(name, "masked, causal", {"use_causal_mask": True}) for name in PAIRS]
    + [scored(name) for name in PAIRS]
    + [
        paired("Attention", "concat", [QUERY, VALUE], score_mode="concat"),
        paired("Attention", "concat, scale", [QUERY, VALUE], score_mode="concat", use_scale=True),
        Case("Attention", "passes its mask", IDS, passed),
        alone("alone", SELF),
        alone("any steps", Input(None, 6, ask=(5, 6))),
        alone("no bias", SELF, use_bias=False),
        alone("size of values", SELF, value_dim=5),
        alone("output", SELF, output_shape=7),
        alone("output of two dimensions", SELF, output_shape=(2, 3)),
        alone("dropout", SELF, dropout=0.5),
        alone("one head", SELF, heads=1, size=6),
        alone("causal", SELF, call={"use_causal_mask": True}),
        alone("frozen", SELF, trainable=False),
        alone("window", SELF, sliding_window=2),
        alone("gate", SELF, use_gate=True),
        several("two", [QUERY, VALUE]),
        several("three", [QUERY, VALUE, KEY]),
        several("of other sizes", [Input(5, 4), Input(3, 6), Input(3, 2)]),
        several("two, causal", [QUERY, VALUE], {"use_causal_mask": True}),
        heads_masked("masked"),
        heads_masked("masked, causal", {"use_causal_mask": True}),
        heads_masked("masked, dropout", dropout=0.5),
        Case("MultiHeadAttention", "scores", SELF, heads_scored),
        Case("MultiHeadAttention", "masked, scores", IDS, heads_masked_scored),
        Case("MultiHeadAttention", "given a mask", [SELF, Input(5, 5, high=2)], heads_given),
        Case(
            "MultiHeadAttention",
            "given a mask, and masked",
            IDS + [Input(6, 4, high=2)],
            heads_given_and_own,
        ),
        Case("MultiHeadAttention", "passes its mask", IDS, heads_passed),
        Case("MultiHeadAttention", "by name", [QUERY, VALUE, KEY], named),
        Case("MultiHeadAttention", "nested", SELF, nested),
        Case("MultiHeadAttention", "transformer", IDS[0], transformer),
        grouped("alone", SELF),
        grouped("no bias", SELF, use_bias=False),
        grouped("causal", SELF, {"use_causal_mask": True}),
        grouped("one for all", SELF, shared=1),
        grouped("as many", SELF, shared=4),
        Case("GroupQueryAttention", "scores", SELF, grouped_scored, ("keras3",)),
    ]
)
