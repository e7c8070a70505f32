"""SimpleRNN, GRU, LSTM and RNN over their cells, without masks."""

from case import Case, Input

STEPS = Input(5, 3)
ANY_STEPS = Input(None, 3, ask=(6, 3))
# A layer's name, what tells its variant, and how many states it has.
KINDS = (
    ("SimpleRNN", {}, 1),
    ("GRU", {"reset_after": False}, 1),
    ("GRU", {"reset_after": True}, 1),
    ("LSTM", {}, 2),
)
VARIANTS = (
    ("last", {}),
    ("sequences", {"return_sequences": True}),
    ("backwards", {"go_backwards": True}),
    ("backwards, sequences", {"go_backwards": True, "return_sequences": True}),
    ("states", {"return_state": True}),
    ("sequences, states", {"return_sequences": True, "return_state": True}),
    ("no bias", {"use_bias": False, "return_sequences": True}),
    ("unrolled", {"unroll": True, "return_sequences": True}),
    ("relu", {"activation": "relu"}),
    ("no activation", {"activation": None}),
)
GATED = (
    ("implementation 1", {"implementation": 1}),
    ("implementation 2", {"implementation": 2}),
    ("hard gates", {"recurrent_activation": "hard_sigmoid"}),
    ("sigmoid gates", {"recurrent_activation": "sigmoid", "activation": "elu"}),
    ("softmax gates", {"recurrent_activation": "softmax", "activation": "softsign"}),
)
CASES = []


def _add(kind, own, variant, arguments, given=STEPS):
    """A layer with arguments on one input."""
    named = dict(own, **arguments)
    CASES.append(
        Case(kind, _name(own, variant), given, lambda k, x: getattr(k.L, kind)(4, **named)(x))
    )


def _name(own, variant):
    return ", ".join(["reset after"] * own.get("reset_after", False) + [variant])


for _kind, _own, _states in KINDS:
    for _variant, _arguments in VARIANTS + (() if _kind == "SimpleRNN" else GATED):
        _add(_kind, _own, _variant, _arguments)
    _add(_kind, _own, "any number of steps", {"return_sequences": True}, ANY_STEPS)
    _add(_kind, _own, "one step", {}, Input(1, 3))


def _from_states(kind, own, count, **arguments):
    """A layer that starts from states that are inputs."""

    def build(k, tensors):
        layer = getattr(k.L, kind)(4, **dict(own, **arguments))
        return layer(tensors[0], initial_state=tensors[1:])

    inputs = [STEPS] + [Input(4) for _ in range(count)]
    told = "initial state" + "".join(", " + key for key in sorted(arguments))
    return Case(kind, _name(own, told), inputs, build)


for _kind, _own, _states in KINDS:
    CASES.append(_from_states(_kind, _own, _states))
    CASES.append(_from_states(_kind, _own, _states, return_sequences=True, return_state=True))


def _encoder(k, tensors):
    """A decoder that starts from the states of an encoder."""
    _, h, c = k.L.LSTM(4, return_state=True)(tensors[0])
    return k.L.LSTM(4, return_sequences=True)(tensors[1], initial_state=[h, c])


def _listed(k, tensors):
    """States as further entries of the first argument."""
    return k.L.LSTM(4)([tensors[0], tensors[1], tensors[2]])


def _twice(k, tensors):
    """One layer called on two inputs."""
    layer = k.L.GRU(4)
    return [layer(tensors[0]), layer(tensors[1])]


def _frozen(k, x):
    layer = k.L.LSTM(4)
    layer.trainable = False
    return layer(x)


CASES += [
    Case("LSTM", "encoder and decoder", [STEPS, Input(3, 2)], _encoder),
    Case("LSTM", "states in the list", [STEPS, Input(4), Input(4)], _listed),
    Case("LSTM", "frozen", STEPS, _frozen),
    Case(
        "LSTM",
        "two layers",
        Input(7, 3),
        lambda k, x: k.L.LSTM(4)(k.L.LSTM(5, return_sequences=True)(x)),
    ),
    Case(
        "LSTM",
        "dropout, forget bias",
        STEPS,
        lambda k, x: k.L.LSTM(4, dropout=0.3, recurrent_dropout=0.2, unit_forget_bias=False)(x),
    ),
    Case(
        "LSTM",
        "stateful",
        Input(5, 3, batch=3),
        lambda k, x: k.L.LSTM(4, stateful=True, return_sequences=True)(x),
    ),
    Case("GRU", "stateful", Input(5, 3, batch=3), lambda k, x: k.L.GRU(4, stateful=True)(x)),
    Case("GRU", "twice", [STEPS, Input(3, 3)], _twice),
    Case("GRU", "default", STEPS, lambda k, x: k.L.GRU(4)(x)),
    Case("GRU", "default, no bias", STEPS, lambda k, x: k.L.GRU(4, use_bias=False)(x)),
    Case(
        "LSTM",
        "time major is false",
        STEPS,
        lambda k, x: k.L.LSTM(4, time_major=False, return_sequences=True)(x),
    ),
]


def _rnn(variant, cell, given=STEPS, **arguments):
    return Case("RNN", variant, given, lambda k, x: _flat(k.L.RNN(cell(k), **arguments)(x)))


def _flat(outputs):
    """Outputs as one list; some Kerases nest the states of stacked cells."""
    if not isinstance(outputs, (list, tuple)):
        return outputs
    nested = [_flat(each) for each in outputs]
    return sum([each if isinstance(each, list) else [each] for each in nested], [])


def _lstms(k):
    return [k.L.LSTMCell(4), k.L.LSTMCell(6)]


def _mixed(k):
    return [k.L.GRUCell(4), k.L.SimpleRNNCell(3), k.L.LSTMCell(5, use_bias=False)]


def _with_frozen(k):
    first = k.L.GRUCell(4)
    first.trainable = False
    return [first, k.L.GRUCell(4)]


CASES += [
    _rnn("SimpleRNNCell", lambda k: k.L.SimpleRNNCell(4)),
    _rnn("GRUCell", lambda k: k.L.GRUCell(4), return_sequences=True),
    _rnn(
        "GRUCell, reset after",
        lambda k: k.L.GRUCell(4, reset_after=True, recurrent_activation="sigmoid"),
    ),
    _rnn("LSTMCell", lambda k: k.L.LSTMCell(4), return_sequences=True, return_state=True),
    _rnn("LSTMCell, backwards", lambda k: k.L.LSTMCell(4), go_backwards=True),
    _rnn("any number of steps", lambda k: k.L.LSTMCell(4), ANY_STEPS, return_sequences=True),
    _rnn("stack", _lstms, return_sequences=True),
    _rnn("stack, states", _lstms, return_state=True),
    _rnn("mixed stack", _mixed, return_sequences=True),
    _rnn("mixed stack, states", _mixed, return_state=True),
    _rnn("stack, unrolled", _lstms, unroll=True),
    _rnn("StackedRNNCells", lambda k: k.L.StackedRNNCells(_lstms(k))),
    _rnn("stack, a frozen cell", _with_frozen),
]
