"""TimeDistributed and Bidirectional without masks; see recurrent_masks.py for the rest."""

from case import Case, Input

STEPS = Input(5, 3)
ANY_STEPS = Input(None, 3, ask=(4, 3))
IMAGES = Input(4, 5, 6, 2)
IDS = Input(3, 4, dtype="int32", high=3, masked=1)
MERGES = ("concat", "sum", "mul", "ave", None)


def _both(variant, layer, given=STEPS, **arguments):
    def build(k, x):
        return k.L.Bidirectional(layer(k), **arguments)(x)

    return Case("Bidirectional", variant, given, build)


CASES = [
    _both(
        "%s, sequences" % merge,
        lambda k: k.L.LSTM(4, return_sequences=True),
        merge_mode=merge,
    )
    for merge in MERGES
]
CASES += [_both("%s" % merge, lambda k: k.L.GRU(4), merge_mode=merge) for merge in MERGES]
CASES += [
    _both(
        "%s, states" % merge,
        lambda k: k.L.LSTM(4, return_sequences=True, return_state=True),
        merge_mode=merge,
    )
    for merge in ("concat", None)
]


def _from_states(k, tensors):
    layer = k.L.Bidirectional(k.L.LSTM(4, return_state=True))
    return layer(tensors[0], initial_state=tensors[1:])


def _backward_layer(k, x):
    forward = k.L.LSTM(4, return_sequences=True)
    back = k.L.GRU(3, return_sequences=True, go_backwards=True, reset_after=True)
    return k.L.Bidirectional(forward, backward_layer=back)(x)


def _frozen(k, x):
    layer = k.L.Bidirectional(k.L.GRU(4))
    layer.trainable = False
    return layer(x)


def _twice(k, x):
    first = k.L.Bidirectional(k.L.LSTM(4, return_sequences=True))
    return k.L.Bidirectional(k.L.LSTM(3))(first(x))


CASES += [
    _both("SimpleRNN", lambda k: k.L.SimpleRNN(4)),
    _both("any number of steps", lambda k: k.L.GRU(4, return_sequences=True), ANY_STEPS),
    _both("backwards", lambda k: k.L.LSTM(4, go_backwards=True, return_sequences=True)),
    _both("named", lambda k: k.L.LSTM(4, name="forward_words")),
    _both("RNN", lambda k: k.L.RNN(k.L.LSTMCell(4), return_sequences=True)),
    _both("RNN, stack", lambda k: k.L.RNN([k.L.GRUCell(4), k.L.GRUCell(3)])),
    _both("no bias", lambda k: k.L.LSTM(4, use_bias=False)),
    Case("Bidirectional", "frozen", STEPS, _frozen),
    Case("Bidirectional", "two layers", STEPS, _twice),
    Case("Bidirectional", "backward layer", STEPS, _backward_layer),
    Case("Bidirectional", "initial state", [STEPS] + [Input(4)] * 4, _from_states),
    _both("stateful", lambda k: k.L.GRU(4, stateful=True), Input(5, 3, batch=3)),
]


def _steps(variant, layer, given=STEPS):
    return Case("TimeDistributed", variant, given, lambda k, x: k.L.TimeDistributed(layer(k))(x))


def _inner_model(k):
    """A model with a layer that has weights that are not trained."""
    x = k.L.Input(shape=(5, 6, 2))
    y = k.L.BatchNormalization()(k.L.Conv2D(3, 2)(x))
    return k.K.models.Model(x, k.L.Dense(4)(k.L.Flatten()(y)))


def _inner_sequential(k):
    return k.sequential(k.L.Dense(4, input_shape=(3,), activation="relu"), k.L.Dense(2))


def _of_words(k, ids):
    """Vectors of sentences from vectors of words, whose mask goes to the inner layer."""
    words = k.L.TimeDistributed(k.L.Embedding(3, 3, mask_zero=True))(ids)
    return k.L.LSTM(4)(k.L.TimeDistributed(k.L.LSTM(5))(words))


def _embedded(k, ids):
    return k.L.Embedding(3, 3, mask_zero=True)(ids)


def _masked_inside(k, ids):
    """A mask of words, (batch, steps, words)."""
    return k.L.TimeDistributed(k.L.LSTM(5))(_embedded(k, ids))


def _masked_inside_on(k, ids):
    """What is left of such a mask goes on to the next layer."""
    sentences = k.L.TimeDistributed(k.L.LSTM(5))(_embedded(k, ids))
    return k.L.LSTM(3, return_sequences=True)(sentences)


def _masked_steps(k, ids):
    """A mask of steps passes through."""
    x = k.L.TimeDistributed(k.L.Dense(4))(_embedded(k, ids))
    return k.L.LSTM(3, return_sequences=True)(x)


def _masking(k, x):
    """A mask that the inner layer makes."""
    masked = k.L.TimeDistributed(k.L.Masking(0.0))(x)
    return k.L.TimeDistributed(k.L.GRU(3))(masked)


def _masked_model(k, ids):
    """A model that makes and uses a mask itself."""
    inner = k.L.Input(shape=(4,), dtype="int32")
    model = k.K.models.Model(inner, k.L.LSTM(5)(_embedded(k, inner)))
    return k.L.TimeDistributed(model)(ids)


CASES += [
    _steps("Dense", lambda k: k.L.Dense(4, activation="relu")),
    _steps("Dense, any number of steps", lambda k: k.L.Dense(4), ANY_STEPS),
    _steps("Dropout", lambda k: k.L.Dropout(0.5)),
    _steps("Conv2D", lambda k: k.L.Conv2D(3, 2), IMAGES),
    _steps("Conv2D, any size", lambda k: k.L.Conv2D(3, 2), Input(None, None, 6, 2, ask=IMAGES.ask)),
    _steps("MaxPooling2D", lambda k: k.L.MaxPooling2D(2), IMAGES),
    _steps("Flatten", lambda k: k.L.Flatten(), IMAGES),
    _steps("BatchNormalization", lambda k: k.L.BatchNormalization(), IMAGES),
    _steps("Embedding", lambda k: k.L.Embedding(5, 3), Input(3, 4, dtype="int32", high=5)),
    _steps("LSTM", lambda k: k.L.LSTM(4), Input(3, 4, 2)),
    _steps("LSTM, sequences", lambda k: k.L.LSTM(4, return_sequences=True), Input(3, 4, 2)),
    _steps("Bidirectional", lambda k: k.L.Bidirectional(k.L.GRU(4)), Input(3, 4, 2)),
    _steps("TimeDistributed", lambda k: k.L.TimeDistributed(k.L.Dense(4)), Input(3, 4, 2)),
    _steps("model", _inner_model, IMAGES),
    _steps("Sequential", _inner_sequential),
    _steps("Dense, fixed batch", lambda k: k.L.Dense(4), Input(5, 3, batch=3)),
    Case("TimeDistributed", "sentences of words", IDS, _of_words),
    Case("TimeDistributed", "words' mask", IDS, _masked_inside),
    Case("TimeDistributed", "words' mask, used later", IDS, _masked_inside_on),
    Case(
        "TimeDistributed",
        "steps' mask",
        Input(6, dtype="int32", high=3, masked=3),
        _masked_steps,
    ),
    Case("TimeDistributed", "Masking", Input(3, 4, 2, high=2), _masking),
    Case("TimeDistributed", "model with a mask", IDS, _masked_model),
]
