"""What a SavedModel's graph and variables tell of themselves."""

import hashlib

import numpy as np

VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
ASSIGNMENTS = ("Assign", "AssignVariableOp")
INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
INIT_SIGNATURE = "__saved_model_init_op"
PYTHON = ("EagerPyFunc", "PyFunc", "PyFuncStateless")
HALVES = ("float16", "bfloat16")
LEARNING_PHASE = "keras_learning_phase"
# Names of one kind that are told; the rest are like them.
TOLD = 8
# Elements of a weight that are told, so that rounded ones can be recognised.
SAMPLED = 32


def facts(served, graph):
    """A dict of lists of names: `assigned` (variables that are given values after the checkpoint
    was read), `random` (operations that draw numbers), `training` (batch normalizations by the
    batch's own statistics), `halves` (operations in half precision), `python` (operations that
    call into Python), `phases` (placeholders of the learning phase). No more than TOLD each.
    """
    found = {
        "assigned": _assigned_by_init(served),
        "random": [o.name for o in graph.operations if is_random(o)],
        "training": [o.name for o in graph.operations if takes_batch_statistics(o)],
        "halves": [o.name for o in graph.operations if _is_half(o)],
        "python": [o.name for o in graph.operations if o.type in PYTHON],
        "phases": [o.name for o in graph.operations if LEARNING_PHASE in o.name],
    }
    return {kind: names[:TOLD] for kind, names in found.items()}


def is_random(operation):
    """Whether `operation` draws random numbers."""
    return "Random" in operation.type or "Multinomial" in operation.type


def takes_batch_statistics(operation):
    """Whether `operation` is a batch normalization in training."""
    return operation.type.startswith("FusedBatchNorm") and operation.get_attr("is_training")


def weights(served, operations):
    """What `operations` hold of variables and of floating constants with more than one element.

    A list of dicts, see `described`, with `name`. Variables without a value are left out.
    """
    found = []
    for operation in operations:
        tensor = _value_of(served, operation)
        if tensor is None:
            continue
        try:
            value = np.asarray(served.session.run(tensor))
        except served.tf.errors.OpError:
            continue
        if value.dtype.kind in "fV" and value.size > 1:
            found.append(dict(described(value), name=operation.name))
    return found


def described(value):
    """{dtype, shape, sha256 (of the bytes in C order), std, low, high, sample} of an array.

    sample: SAMPLED elements, evenly spaced.
    """
    wide = value.astype(np.float64)
    places = np.linspace(0, value.size - 1, SAMPLED).astype(np.int64)
    return {
        "dtype": value.dtype.name,
        "shape": list(value.shape),
        "sha256": hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest(),
        "std": float(wide.std()),
        "low": float(wide.min()),
        "high": float(wide.max()),
        "sample": wide.ravel()[places].tolist(),
    }


def _value_of(served, operation):
    if operation.type == "VarHandleOp":
        from tensorflow.python.ops import gen_resource_variable_ops

        with served.graph.as_default():
            return gen_resource_variable_ops.read_variable_op(
                operation.outputs[0], operation.get_attr("dtype")
            )
    return operation.outputs[0] if operation.type in VARIABLES + ("Const",) else None


def _is_half(operation):
    return any(tensor.dtype.base_dtype.name in HALVES for tensor in operation.outputs)


def _assigned_by_init(served):
    """Variables that the init operation gives values to, which undoes what was restored."""
    found = set()
    seen = set()
    stack = _init_operations(served)
    while stack:
        operation = stack.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        if operation.type in ASSIGNMENTS:
            found.add(operation.inputs[0].op.name)
        stack += operation.control_inputs
        stack += [tensor.op for tensor in operation.inputs]
    return sorted(found)


def _init_operations(served):
    meta_graph = served.meta_graph
    names = [
        name
        for collection in INIT_COLLECTIONS
        if collection in meta_graph.collection_def
        for name in meta_graph.collection_def[collection].node_list.value
    ]
    if INIT_SIGNATURE in meta_graph.signature_def:
        outputs = meta_graph.signature_def[INIT_SIGNATURE].outputs
        names += [info.name for info in outputs.values()]
    return [served.graph.as_graph_element(name.split(":")[0]) for name in names]
