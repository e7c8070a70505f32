"""Write constants in place of variables.

The one thing that lets a SavedModel by TensorFlow 2.9 to 2.21 load in TensorFlow 1.14 to 2.2:
nothing of variable handling is left in the graph. Source: measured, docs/known-issues.md.
"""

import os
import shutil

from . import contract
from .saved_model import Served


def rewrite(job, folder):
    """Replace the SavedModel in `folder` by one whose variables are constants."""
    frozen = folder + ".frozen"
    if job.mode == "graph" or job.tf.__version__.startswith("1."):
        graph_def, signature = _frozen_by_session(job, folder)
    else:
        graph_def, signature = _frozen_by_function(job, folder)
    _write(job, graph_def, signature, frozen)
    for extra in ("assets", "assets.extra"):
        if os.path.isdir(os.path.join(folder, extra)):
            os.rename(os.path.join(folder, extra), os.path.join(frozen, extra))
    shutil.rmtree(folder)
    os.rename(frozen, folder)


def _frozen_by_session(job, folder):
    """(GraphDef, {side: {key: tensor name}}) by the 1.x way: values taken from a session."""
    served = Served(job.tf, folder, job.contract.tags)
    try:
        signature = served.meta_graph.signature_def["serving_default"]
        names = {
            side: {key: info.name for key, info in getattr(signature, side).items()}
            for side in ("inputs", "outputs")
        }
        nodes = sorted({name.split(":")[0] for side in names.values() for name in side.values()})
        with served.graph.as_default():
            graph_def = job.v1.graph_util.convert_variables_to_constants(
                served.session, served.graph.as_graph_def(), nodes
            )
    finally:
        served.close()
    return graph_def, names


def _frozen_by_function(job, folder):
    """(GraphDef, {side: {key: tensor name}}) by the 2.x way: a signature's function inlined."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    loaded = job.tf.saved_model.load(folder, tags=job.contract.tags)
    function = loaded.signatures["serving_default"]
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=True)
    by_name = {t.name.split(":")[0]: t.name for t in frozen.inputs}
    inputs = {
        key: by_name[safe]
        for key, safe in zip(job.contract.inputs, job.safe_inputs())
        if safe in by_name
    }
    # Structured outputs are flattened in the order of their sorted keys.
    keys = sorted(function.structured_outputs)
    outputs = {key: t.name for key, t in zip(keys, frozen.outputs)}
    return frozen.graph.as_graph_def(), {"inputs": inputs, "outputs": outputs}


def _write(job, graph_def, names, folder):
    graph = job.tf.Graph()
    with graph.as_default(), job.v1.Session(graph=graph) as session:
        job.tf.import_graph_def(graph_def, name="")
        tensors = {
            side: {key: graph.get_tensor_by_name(name) for key, name in names[side].items()}
            for side in names
        }
        signature = contract.predict_signature(job.v1, tensors["inputs"], tensors["outputs"])
        signatures = {name: signature for name in job.contract.signatures}
        contract.write_session(job.v1, session, signatures, job.contract.tags, folder)
