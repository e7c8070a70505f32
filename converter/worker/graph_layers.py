"""Hold what every layer computes inside a SavedModel against what the source's Keras gave."""

import numpy as np

from . import graph_facts, scopes
from .failures import SavedModelError
from .flat_graph import FlatGraph
from .saved_model import Served

# Tensors fetched by one run, so that not all intermediate results are held at once.
FETCHED_AT_ONCE = 64
# Differing layers, in the model's order, for which the rest of the graph is searched, and whose
# weights and values are told: every layer behind the first one differs as well.
LOOKED_INTO = 8


def compare(tf, fields, tensors):
    """Ask a signature of a SavedModel in a fresh session, layer by layer.

    fields: folder, tags, signature; layers: paths (lists of names) in the model's order; rtol,
    atol: a layer agrees when no element is off by more than atol + rtol * the reference's largest.
    tensors: 'input/KEY', and 'layer/NUMBER' for what the reference gave for each path.

    The result has `layers` (see Comparison.layers), `graph` (see graph_facts.facts) and `varies`
    (whether the same request twice gives two answers). The answers are 'output/KEY', and
    'layer/NUMBER' for layers that differ.
    """
    served = Served(tf, fields["folder"], fields["tags"])
    try:
        if fields["signature"] not in served.meta_graph.signature_def:
            raise SavedModelError("the SavedModel has no signature %r" % fields["signature"])
        return _compare(served, fields, tensors)
    finally:
        served.close()


def _compare(served, fields, tensors):
    graph = FlatGraph(served, fields["signature"])
    wanted = [tensors["layer/%d" % number] for number in range(len(fields["layers"]))]
    feeds = {tensor: tensors["input/" + key] for key, tensor in graph.feeds.items()}
    fetched = Fetched(served, feeds)
    outputs = {key: fetched.strictly(tensor) for key, tensor in sorted(graph.outputs.items())}
    comparison = Comparison(served, graph, fetched, fields, wanted)
    layers = comparison.layers()
    result = {
        "layers": layers,
        "graph": graph_facts.facts(served, graph),
        "varies": any(fetched.varies(tensor) for tensor in graph.outputs.values()),
    }
    answers = [("output/" + key, value) for key, value in outputs.items()]
    answers += [
        ("layer/%d" % number, fetched.values[layer["tensor"]])
        for number, layer in enumerate(layers)
        if "weights" in layer
    ]
    return result, answers


class Fetched:
    """Values of tensors of the graph for the given feeds, by tensor name."""

    def __init__(self, served, feeds):
        self.served = served
        self.feeds = feeds
        self.values = {}

    def strictly(self, tensor):
        """The value of one tensor. Raises SavedModelError with TensorFlow's words."""
        try:
            value = self.served.session.run(tensor, self.feeds)
        except Exception as error:
            raise SavedModelError("%s: %s" % (type(error).__name__, error)) from error
        self.values[tensor.name] = np.asarray(value)
        return self.values[tensor.name]

    def all_of(self, tensors):
        """Fetch those that can be; what is inside a loop or a branch not taken cannot."""
        missing = {t.name: t for t in tensors if t.name not in self.values}
        waiting = [missing[name] for name in sorted(missing)]
        for start in range(0, len(waiting), FETCHED_AT_ONCE):
            part = waiting[start : start + FETCHED_AT_ONCE]
            try:
                values = self.served.session.run(part, self.feeds)
            except Exception:
                for tensor in part:
                    self._leniently(tensor)
            else:
                self.values.update((t.name, np.asarray(v)) for t, v in zip(part, values))

    def varies(self, tensor):
        """Whether another run gives another value."""
        again = np.asarray(self.served.session.run(tensor, self.feeds))
        return not np.array_equal(np.nan_to_num(again), np.nan_to_num(self.values[tensor.name]))

    def _leniently(self, tensor):
        try:
            self.strictly(tensor)
        except SavedModelError:
            pass


class Comparison:
    """The layers of a source, looked for in a SavedModel's graph."""

    def __init__(self, served, graph, fetched, fields, wanted):
        self.served = served
        self.graph = graph
        self.fetched = fetched
        self.rtol, self.atol = fields["rtol"], fields["atol"]
        self.wanted = wanted
        self.paths = fields["layers"]
        self.places = scopes.place(graph, self.paths, [value.shape for value in wanted])

    def layers(self):
        """A dict for each layer: `tensor` (its name, None when not found), `how` (scope or value),
        `agrees` (None when not found), `max_abs` (None when shapes differ), `scale` (the
        reference's largest), `dtype`, `shape`, `reads` (numbers of layers, and 'input/KEY').

        The first that differ also have `varies`, `operations` (types), `random`, `training`
        (whether it takes batch statistics), `weights` (see graph_facts.weights) and `prepared`
        (whether what is fed is changed before it comes to the layer).
        """
        self.fetched.all_of(t for place in self.places.values() for t in place.leaving)
        found = [self._nearest(number) for number in range(len(self.wanted))]
        lost = [number for number, layer in enumerate(found) if layer["tensor"] is None]
        wrong = [number for number, layer in enumerate(found) if layer["agrees"] is False]
        owned = {name for place in self.places.values() for name in place.operations}
        free = [operation for operation in self.graph.live if operation.name not in owned]
        # A layer without a scope may hand on what another gives, as dropout does.
        elsewhere = self._elsewhere(wrong[:LOOKED_INTO], free)
        elsewhere.update(self._elsewhere(lost, self.graph.live))
        for number, tensor in elsewhere.items():
            found[number] = self._told(number, tensor, "value")
        self._relate(found)
        wrong = [number for number, layer in enumerate(found) if layer["agrees"] is False]
        for number in wrong[:LOOKED_INTO]:
            self._look_into(found, number)
        return found

    def _nearest(self, number):
        """The tensor leaving the layer's scope that is nearest to the reference."""
        place = self.places.get(number)
        leaving = place.leaving if place else ()
        told = [
            self._told(number, tensor, "scope")
            for tensor in leaving
            if tensor.name in self.fetched.values
        ]
        if not told:
            return {"tensor": None, "agrees": None, "reads": []}
        return min(told, key=lambda x: float("inf") if x["max_abs"] is None else x["max_abs"])

    def _told(self, number, tensor, how):
        """A layer as it is told when `tensor` is taken for what it gives."""
        wanted, value = self.wanted[number], self.fetched.values[tensor.name]
        off = _distance(wanted, value)
        scale = _largest(wanted)
        return {
            "tensor": tensor.name,
            "how": how,
            "agrees": off is not None and off <= self.atol + self.rtol * scale,
            "max_abs": off,
            "scale": scale,
            "dtype": tensor.dtype.base_dtype.name,
            "shape": list(value.shape),
            "reads": [],
        }

    def _elsewhere(self, numbers, operations):
        """{number: tensor} for the layers whose values one of `operations` gives."""
        tensors = [
            tensor
            for operation in operations
            for tensor in operation.outputs
            if any(scopes.fits(tensor, self.wanted[number].shape) for number in numbers)
        ]
        self.fetched.all_of(tensors)
        tensors = [tensor for tensor in tensors if tensor.name in self.fetched.values]
        found = {}
        for number in numbers:
            agreeing = (t for t in tensors if self._told(number, t, "value")["agrees"])
            tensor = next(agreeing, None)
            if tensor is not None:
                found[number] = tensor
        return found

    def _relate(self, found):
        """Tell of each layer which layers and inputs it reads."""
        stops = {}
        for number, layer in enumerate(found):
            if layer["tensor"] is not None:
                stops.setdefault(layer["tensor"], []).append(number)
        for key, tensor in self.graph.feeds.items():
            stops[tensor.name] = ["input/" + key]
        for layer in found:
            if layer["tensor"] is not None:
                _, met = self.graph.back(self._tensor(layer), stops)
                layer["reads"] = [label for name in sorted(met) for label in stops[name]]

    def _look_into(self, found, number):
        layer = found[number]
        others = [f["tensor"] for n, f in enumerate(found) if n != number and f["tensor"]]
        stops = set(others) - {layer["tensor"]}
        stops.update(tensor.name for tensor in self.graph.feeds.values())
        tensor = self._tensor(layer)
        operations, _ = self.graph.back(tensor, stops)
        layer.update(
            varies=self.fetched.varies(tensor),
            operations=sorted({operation.type for operation in operations}),
            random=any(graph_facts.is_random(operation) for operation in operations),
            training=any(graph_facts.takes_batch_statistics(o) for o in operations),
            weights=graph_facts.weights(self.served, operations),
            prepared=self._prepared(number, layer),
        )

    def _prepared(self, number, layer):
        """Whether the layer reads inputs only, and none of them as it is fed."""
        place = self.places.get(number)
        if place is None or not all(isinstance(read, str) for read in layer["reads"]):
            return False
        live = {operation.name for operation in self.graph.live}
        entering = {
            tensor.name: tensor
            for operation in place.operations.values()
            for tensor in self.graph.reads(operation)
            if tensor.op.name in live and tensor.op.name not in place.operations
        }
        self.fetched.all_of(entering.values())
        values = [self.fetched.values[n] for n in entering if n in self.fetched.values]
        fed = list(self.fetched.feeds.values())
        return bool(values) and not any(_distance(a, b) == 0.0 for a in values for b in fed)

    def _tensor(self, layer):
        return self.served.graph.get_tensor_by_name(layer["tensor"])


def _distance(wanted, value):
    """The largest difference; None when the two cannot be compared or only one has a NaN."""
    if wanted.shape != value.shape or value.dtype.kind not in "biufV":
        return None
    a, b = value.astype(np.float64), wanted.astype(np.float64)
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return None
    with np.errstate(invalid="ignore"):
        off = np.where(a == b, 0.0, np.abs(a - b))
    off = off[~np.isnan(off)]
    return float(off.max()) if off.size else 0.0


def _largest(values):
    finite = np.abs(values[np.isfinite(values)].astype(np.float64))
    return float(finite.max()) if finite.size else 0.0
