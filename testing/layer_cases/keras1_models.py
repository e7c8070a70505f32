"""Models of Keras 1: recurrent layers and what holds layers, in all the ways their weights are
stored.
"""

from case import Case, Input

ONLY = ("keras",)
VECTOR = Input(6)
STEPS = Input(5, 4)
IDS = Input(5, dtype="int32", high=9, masked=2)


def _case(layer, variant, inputs, build):
    return Case(layer, variant, inputs, build, only=ONLY)


def _recurrent(name):
    def layer(k, **kwargs):
        return getattr(k.L, name)(3, **kwargs)

    def masked(k, x):
        return layer(k, return_sequences=True)(k.L.Embedding(9, 4, mask_zero=True)(x))

    found = [
        _case(name, "last", STEPS, lambda k, x: layer(k)(x)),
        _case(name, "all", STEPS, lambda k, x: layer(k, return_sequences=True)(x)),
        _case(
            name,
            "backwards",
            STEPS,
            lambda k, x: layer(k, return_sequences=True, go_backwards=True)(x),
        ),
        _case(name, "unrolled", STEPS, lambda k, x: layer(k, unroll=True)(x)),
        _case(name, "relu", STEPS, lambda k, x: layer(k, activation="relu")(x)),
        _case(name, "dropped", STEPS, lambda k, x: layer(k, dropout_W=0.5, dropout_U=0.5)(x)),
        _case(name, "masked", IDS, masked),
    ]
    for how in ("cpu", "mem", "gpu"):
        found.append(
            _case(name, "for " + how, STEPS, lambda k, x, how=how: layer(k, consume_less=how)(x))
        )
    return found


def _both_ways(k, x, name="LSTM", mode="concat", **kwargs):
    inner = getattr(k.L, name)(3, **kwargs)
    return k.L.Bidirectional(inner, merge_mode=mode)(x)


def _masked_both_ways(k, x):
    whole = k.L.Embedding(9, 4, mask_zero=True)(x)
    return _both_ways(k, whole, return_sequences=True)


CASES = [case for name in ("SimpleRNN", "GRU", "LSTM") for case in _recurrent(name)]
CASES += [
    _case("LSTM", "sigmoid", STEPS, lambda k, x: k.L.LSTM(3, inner_activation="sigmoid")(x)),
    _case("Bidirectional", "concat", STEPS, _both_ways),
    _case("Bidirectional", "GRU", STEPS, lambda k, x: _both_ways(k, x, "GRU")),
    _case(
        "Bidirectional",
        "for gpu",
        STEPS,
        lambda k, x: _both_ways(k, x, consume_less="gpu", return_sequences=True),
    ),
    _case("Bidirectional", "masked", IDS, _masked_both_ways),
    _case("TimeDistributed", "Dense", STEPS, lambda k, x: k.L.TimeDistributed(k.L.Dense(3))(x)),
]
for mode in ("sum", "mul", "ave"):
    CASES.append(_case("Bidirectional", mode, STEPS, lambda k, x, m=mode: _both_ways(k, x, mode=m)))


def _row(k, *layers):
    return k.sequential(*layers)


def _dense(k, first=False, **kwargs):
    if first:
        kwargs["input_shape"] = (6,)
    return k.L.Dense(6, activation="tanh", **kwargs)


def _whole(k, x):
    """A Sequential model, and no more."""
    return _row(k, _dense(k, first=True), k.L.BatchNormalization(), k.L.Dropout(0.5), _dense(k))


def _by_input_layer(k, x):
    return _row(k, k.L.InputLayer((6,)), _dense(k), _dense(k))


def _rows_in_row(k, x):
    """Sequential models in one have no names in its config."""
    return _row(
        k,
        _row(k, _dense(k, first=True), _dense(k)),
        _row(k, _dense(k, first=True, trainable=False), _dense(k)),
        _dense(k),
    )


def _models_in_row(k, x):
    given = k.L.Input(shape=(6,))
    model = k.K.models.Model(given, _dense(k)(_dense(k, trainable=False)(given)))
    return _row(k, model, _dense(k))


def _normalized(k):
    return _row(
        k,
        _dense(k, first=True),
        k.L.BatchNormalization(),
        _dense(k, trainable=False),
        k.L.BatchNormalization(),
    )


def _distributed(k, x):
    row = _row(k, k.L.Dense(6, input_shape=(4,)), k.L.BatchNormalization(), _dense(k))
    return k.L.TimeDistributed(row)(x)


def _twice(k, xs):
    row = _row(k, _dense(k, first=True), _dense(k))
    return k.L.merge([row(xs[0]), row(xs[1])], mode="sum")


def _again(k, x):
    row = _row(k, _dense(k, first=True), _dense(k))
    return [row(row(x)), k.L.Dense(2)(row(x))]


def _merged_first(k, xs, mode="concat"):
    """A Sequential model that begins by merging others."""
    left = _row(k, _dense(k, first=True), k.L.BatchNormalization(), _dense(k, trainable=False))
    right = _row(k, _dense(k, first=True), _dense(k))
    return _row(k, k.L.Merge([left, right], mode=mode), _dense(k), k.L.Dense(2))


def _merged_twice(k, xs):
    """Branches that begin by merging, and one that is a functional model."""
    inner = _merged_first(k, xs, mode="sum")
    given = k.L.Input(shape=(6,))
    model = k.K.models.Model(given, k.L.Dense(2)(_dense(k)(given)))
    return _row(k, k.L.Merge([inner, model], mode="mul"), k.L.Dense(3))


def _merged_inside(k, xs):
    """A Sequential model that begins by merging, in a functional one."""
    return k.L.Dense(2)(_merged_first(k, xs)([xs[1], xs[0]]))


PAIR = [VECTOR, VECTOR]
CASES += [
    _case("Sequential", "whole", VECTOR, _whole),
    _case("Sequential", "InputLayer", VECTOR, _by_input_layer),
    _case("Sequential", "of Sequentials", VECTOR, _rows_in_row),
    _case("Sequential", "of a model", VECTOR, _models_in_row),
    _case("Sequential", "merged first", PAIR, _merged_first),
    _case("Sequential", "merged twice", [VECTOR] * 3, _merged_twice),
    _case("Model", "of a Sequential", VECTOR, lambda k, x: _normalized(k)(x)),
    _case("Model", "called on two", PAIR, _twice),
    _case("Model", "called again", VECTOR, _again),
    _case("Model", "merged first inside", PAIR, _merged_inside),
    _case("TimeDistributed", "Sequential", STEPS, _distributed),
]
