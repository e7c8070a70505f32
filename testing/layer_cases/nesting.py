"""Models in models, and in wrappers: which stored weight belongs to which layer."""

from case import Case, Input

VECTOR = Input(6)
STEPS = Input(4, 6)


def _dense(k, size, frozen=False, **kwargs):
    """A Dense layer, one that is not trained where it says so."""
    if frozen:
        kwargs["trainable"] = False
    return k.L.Dense(size, **kwargs)


def _functional(k, *layers, **kwargs):
    """A functional model of layers in a row."""
    given = k.L.Input(shape=kwargs.get("shape", (6,)))
    x = given
    for layer in layers:
        x = layer(x)
    return k.K.models.Model(given, x)


def _row(k, *sizes, **kwargs):
    """A Sequential model of Dense layers; frozen: which of them are not trained."""
    frozen = kwargs.get("frozen", ())
    layers = [
        _dense(k, size, frozen=place in frozen, **({} if place else {"input_shape": (6,)}))
        for place, size in enumerate(sizes)
    ]
    return k.sequential(*layers)


def _add(k, tensors):
    if hasattr(k.L, "Add"):
        return k.L.Add()(tensors)
    return k.L.merge(tensors, mode="sum")


def _in_sequential(k, x):
    """A Sequential model with a functional and two Sequential ones in it."""
    return k.sequential(
        _functional(k, _dense(k, 6), _dense(k, 6)),
        _row(k, 6, 6, frozen=(0,)),
        _row(k, 6, 3),
        k.L.Dense(2),
    )


def _frozen_first(k, x):
    """All of one shape: only their order or names tell the weights apart."""
    return _functional(k, *[_dense(k, 6, frozen=place in (0, 2)) for place in range(4)])(x)


def _frozen_whole(k, x):
    """A frozen model beside a trained layer, in one model."""
    inner = _row(k, 6, 6)
    inner.trainable = False
    return _functional(k, inner, _dense(k, 6), _dense(k, 6, frozen=True))(x)


def _deep(k, x):
    """Three levels, frozen layers in each."""
    lowest = _row(k, 6, 6, frozen=(0,))
    middle = _functional(k, _dense(k, 6), lowest, _dense(k, 6, frozen=True), _dense(k, 6))
    return _functional(k, _dense(k, 6, frozen=True), middle, _dense(k, 6))(x)


def _twice(k, xs):
    """A model called twice, and what each call gave used apart."""
    shared = _row(k, 5, 4)
    left, right = shared(xs[0]), shared(xs[1])
    return [k.L.Dense(3)(left), _add(k, [left, right])]


def _twice_second(k, x):
    """Of two calls of a model, the second is used first."""
    shared = _functional(k, _dense(k, 5), _dense(k, 6))
    first = shared(x)
    second = shared(first)
    return [k.L.Dense(3)(second), k.L.Dense(2)(first)]


def _layer_twice(k, x):
    """A layer called in the model and in one that it holds."""
    shared = _dense(k, 6, activation="tanh")
    inner = _functional(k, shared, _dense(k, 6))
    return shared(inner(x))


def _shared_below(k, x):
    """One model in two others."""
    shared = _row(k, 6, 6)
    left = _functional(k, shared, _dense(k, 3))
    right = _functional(k, shared, _dense(k, 3))
    return _add(k, [left(x), right(x)])


def _shared_in_one(k, x):
    """The same, both in a third: some Kerases write the weights of the shared one once."""
    shared = _row(k, 6, 6)
    left = _functional(k, shared, _dense(k, 3))
    right = _functional(k, shared, _dense(k, 3, trainable=False))
    given = k.L.Input(shape=(6,))
    return k.K.models.Model(given, _add(k, [left(given), right(given)]))(x)


def _input_back(k, x):
    """A model that gives its input back beside something else."""
    given = k.L.Input(shape=(6,))
    inner = k.K.models.Model(given, [k.L.Dense(6, activation="tanh")(given), given])
    made, same = inner(k.L.Dense(6)(x))
    return _add(k, [made, same])


def _many(k, x):
    """A model of several outputs, of which the second is used, and the first of another call."""
    given = k.L.Input(shape=(6,))
    inner = k.K.models.Model(given, [k.L.Dense(6)(given), k.L.Dense(5)(given)])
    first, second = inner(x)
    again, _ = inner(first)
    return [k.L.Dense(2)(second), k.L.Dense(3)(again)]


def _two_inputs(k, xs):
    """A model of two inputs that is called on them the other way about."""
    a, b = k.L.Input(shape=(6,)), k.L.Input(shape=(6,))
    inner = k.K.models.Model([a, b], _add(k, [k.L.Dense(4)(a), k.L.Dense(4, activation="tanh")(b)]))
    return inner([xs[1], xs[0]])


def _normalized(k, frozen=False, size=6):
    """Dense and BatchNormalization, both with state, the latter not trained where it says so."""
    kwargs = {"trainable": False} if frozen else {}
    return _functional(
        k, _dense(k, size), k.L.BatchNormalization(**kwargs), _dense(k, 6), k.L.BatchNormalization()
    )


def _per_step(k, model, x):
    return k.L.TimeDistributed(model)(x)


def _normalized_and_frozen(k, x):
    inner = _normalized(k)
    inner.trainable = False
    return _functional(k, inner, _dense(k, 6), k.L.BatchNormalization(), inner)(x)


def _per_step_frozen(k, x):
    layers = [_dense(k, 6, frozen=True), k.L.BatchNormalization(trainable=False), _dense(k, 6)]
    return _per_step(k, _functional(k, *layers), x)


def _bidirectional_inside(k, x):
    """Recurrent layers of a held model among others, one of them frozen."""
    return _functional(
        k,
        k.L.Bidirectional(k.L.LSTM(3, return_sequences=True)),
        k.L.BatchNormalization(),
        k.L.GRU(3, return_sequences=True, trainable=False),
        k.L.TimeDistributed(k.L.Dense(2)),
        shape=(4, 6),
    )(x)


def _frozen_wrappers(k, x):
    """Wrappers that are not trained, between layers that are."""
    return _functional(
        k,
        k.L.TimeDistributed(_dense(k, 6), trainable=False),
        k.L.Bidirectional(k.L.LSTM(3, return_sequences=True), trainable=False),
        k.L.TimeDistributed(_dense(k, 6)),
        k.L.Bidirectional(k.L.LSTM(3, return_sequences=True)),
        shape=(4, 6),
    )(x)


def _listed(k, x):
    """A layer called on a list in which one tensor comes twice."""
    left, right = k.L.Dense(4)(x), k.L.Dense(4)(x)
    return k.L.Concatenate()([left, right, left])


def _with_state(k, xs):
    """A recurrent layer that is given its first state by name."""
    state = k.L.Dense(3)(xs[1])
    return k.L.GRU(3)(xs[0], initial_state=state)


def _with_states(k, xs):
    """A recurrent layer that is given what another one ended with."""
    _, h, c = k.L.LSTM(3, return_state=True)(xs[0])
    return k.L.LSTM(3)(xs[1], initial_state=[h, c])


def _own_input(k, x):
    """A Sequential model that is told its input by an Input, or InputLayer, of its own."""
    first = k.L.InputLayer(shape=(6,)) if k.flavour == "keras3" else k.L.InputLayer((6,))
    return k.sequential(first, k.L.Dense(3, activation="tanh"), k.L.Dense(2))


def _no_shape(k, x):
    """A Sequential model that is built by its first call, the second of two."""
    inner = k.sequential(k.L.Dense(6, activation="tanh"), k.L.Dense(6))
    return inner(inner(x))


def _named(k, x):
    """Inputs and outputs by name, in another order than that of the alphabet."""
    given = {"b": k.L.Input(shape=(6,), name="b"), "a": k.L.Input(shape=(3,), name="a")}
    outputs = {"z": k.L.Dense(2, name="z")(given["b"]), "y": k.L.Dense(4, name="y")(given["a"])}
    inner = k.K.models.Model(given, outputs)
    found = inner({"b": x[0], "a": x[1]})
    return [k.L.Dense(2)(found["z"]), k.L.Dense(3)(found["y"])]


def _named_list(k, x):
    """A model of a list of inputs that is called on a dict of them."""
    b, a = k.L.Input(shape=(6,), name="b"), k.L.Input(shape=(6,), name="a")
    inner = k.K.models.Model([b, a], k.L.Subtract()([k.L.Dense(4)(b), k.L.Dense(4)(a)]))
    return inner({"a": x[1], "b": x[0]})


PAIR = [VECTOR, VECTOR]
NAMED = ("tf.keras", "tf_keras", "keras3")

CASES = [
    Case("Sequential", "of models", VECTOR, _in_sequential),
    Case("Sequential", "own input", VECTOR, _own_input),
    Case("Sequential", "no shape", VECTOR, _no_shape),
    Case("Model", "in a model", VECTOR, lambda k, x: _functional(k, _dense(k, 4))(x)),
    Case("Model", "frozen layers", VECTOR, _frozen_first),
    Case("Model", "frozen model", VECTOR, _frozen_whole),
    Case("Model", "three levels", VECTOR, _deep),
    Case("Model", "called twice", PAIR, _twice),
    Case("Model", "called on itself", VECTOR, _twice_second),
    Case("Model", "a layer of both", VECTOR, _layer_twice),
    Case("Model", "shared below", VECTOR, _shared_below),
    Case("Model", "shared below, in one", VECTOR, _shared_in_one),
    Case("Model", "gives its input", VECTOR, _input_back),
    Case("Model", "several outputs", VECTOR, _many),
    Case("Model", "several inputs", PAIR, _two_inputs),
    Case("Model", "named", [VECTOR, Input(3)], _named, only=NAMED),
    Case("Model", "named, of a list", PAIR, _named_list, only=("tf_keras", "keras3")),
    Case("Model", "normalized", VECTOR, lambda k, x: _normalized(k)(x)),
    Case("Model", "normalized, frozen layer", VECTOR, lambda k, x: _normalized(k, frozen=True)(x)),
    Case("Model", "normalized, frozen model", VECTOR, _normalized_and_frozen),
    Case("Model", "recurrent", STEPS, _bidirectional_inside),
    Case("Model", "frozen wrappers", STEPS, _frozen_wrappers),
    Case("Call", "list", VECTOR, _listed),
    Case("Call", "initial state", [STEPS, VECTOR], _with_state),
    Case("Call", "initial states", [STEPS, STEPS], _with_states),
    Case("TimeDistributed", "model", STEPS, lambda k, x: _per_step(k, _row(k, 6, 3), x)),
    Case(
        "TimeDistributed",
        "frozen layer",
        STEPS,
        lambda k, x: _per_step(k, _row(k, 6, 6, 6, frozen=(1,)), x),
    ),
    Case("TimeDistributed", "normalized", STEPS, lambda k, x: _per_step(k, _normalized(k), x)),
    Case("TimeDistributed", "normalized, frozen", STEPS, _per_step_frozen),
]
