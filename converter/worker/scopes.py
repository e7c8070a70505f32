"""Which scope of a graph is which layer, and which tensors leave it.

Keras names the operations of a layer after it: `dense/BiasAdd`, or below a function call and the
model, `StatefulPartitionedCall/body/model/dense/Relu`. Where a name was taken, a number is behind
it (`dense_1` may be the second `dense`, or a layer called so); which it is, the other layers tell.
"""

import collections
import re

NUMBERED = re.compile(r"^(.*)(_\d+)$")


class Place:
    """A layer's scope, its own operations by name, and the tensors that leave it."""

    def __init__(self, scope, operations, leaving):
        self.scope = scope
        self.operations = operations
        self.leaving = leaving


def place(graph, layers, shapes):
    """{position in `layers`: Place}, for the layers that are found.

    graph: a FlatGraph. layers: paths, each a list of names from the outermost model inwards.
    shapes: of what each layer gives, in the same order.
    """
    members = _members(graph.live)
    order = _candidates(members, layers)
    scopes = {position: choice[0] for position, choice in order.items()}
    found = {}
    for position, choice in sorted(order.items()):
        for scope in choice:
            operations = _own(members, scope, layers[position], layers, scopes)
            leaving = [t for t in _leaving(graph, operations) if fits(t, shapes[position])]
            if leaving:
                found[position] = Place(scope, operations, leaving)
                break
    return found


def fits(tensor, shape):
    """Whether a tensor of the graph may have values of `shape`."""
    if tensor.shape.ndims is None:
        return True
    known = tensor.shape.as_list()
    return len(known) == len(shape) and all(k in (None, n) for k, n in zip(known, shape))


def _members(operations):
    """{scope: its operations}, for every scope there is."""
    members = {}
    for operation in operations:
        parts = operation.name.split("/")
        for end in range(1, len(parts) + 1):
            members.setdefault("/".join(parts[:end]), []).append(operation)
    return members


def _candidates(members, layers):
    """{position in `layers`: scopes it may be, best first}.

    Layers of one model have the scope around them and the number behind their names in common, so
    of several scopes that is best which is like those of most other layers.
    """
    by_end = {}
    for position, path in enumerate(layers):
        by_end.setdefault(path[-1].split("/")[-1], []).append(position)
    matches = []
    for scope in members:
        parts = scope.split("/")
        numbered = NUMBERED.match(parts[-1])
        ends = [parts[-1]] + ([numbered.group(1)] if numbered else [])
        for position in [p for end in ends for p in by_end.get(end, ())]:
            words = "/".join(layers[position]).split("/")
            numbers = _numbers(words, parts[-len(words) :])
            if numbers is not None:
                around = "/".join(parts[: -len(words)])
                matches.append((position, scope, (around, numbers[0])))
    counts = collections.Counter(kind for _, _, kind in matches)
    matches.sort(key=lambda match: (-counts[match[2]], len(match[2][1]), len(match[1]), match[1]))
    order = {}
    for position, scope, _ in matches:
        order.setdefault(position, []).append(scope)
    return order


def _numbers(words, parts):
    """What stands behind each of `words` in `parts` ('' or '_1'); None when these are others."""
    if len(words) != len(parts):
        return None
    numbers = []
    for word, part in zip(words, parts):
        behind = part[len(word) :]
        if not part.startswith(word) or (behind and not re.match(r"_\d+$", behind)):
            return None
        numbers.append(behind)
    return numbers


def _own(members, scope, path, layers, scopes):
    """{name: operation} of `scope`, without those of layers that only have a longer name.

    The layer `a/b` is in the scope `a`, but not part of a layer `a`; `b` of a nested model `a` is.
    """
    others = [
        other
        for position, other in scopes.items()
        if other.startswith(scope + "/") and layers[position][: len(path)] != path
    ]
    return {
        operation.name: operation
        for operation in members[scope]
        if not any((operation.name + "/").startswith(other + "/") for other in others)
    }


def _leaving(graph, operations):
    """The tensors of `operations` that others read, or that are handed out."""
    ends = {tensor.name for tensor in graph.outputs.values()}
    return [
        tensor
        for operation in operations.values()
        for tensor in operation.outputs
        if tensor.name in ends
        or any(user.name not in operations for user in graph.users.get(tensor.name, ()))
    ]
