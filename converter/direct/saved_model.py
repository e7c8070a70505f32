"""Write a graph and its variables as a SavedModel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from converter.direct import bundle
from converter.direct.dtypes import DATA_TYPES
from converter.direct.graph import Graph, Tensor
from converter.direct.protos import Type, shape_proto
from converter.wire.graph_pb2 import SavedModel, SaverDef
from converter.wire.tensorflow_pb2 import SignatureDef, TensorInfo

PREDICT = "tensorflow/serving/predict"
# TensorFlow names where it saved from; loaders only look whether it is there.
SAVED_BY = "1.12.0"


@dataclass(frozen=True)
class Signature:
    """What is asked and answered, by key, under every name of `names`; the model's tags."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    names: Sequence[str]
    tags: Sequence[str]


def write(folder: Path, graph: Graph, signature: Signature) -> None:
    """Write the SavedModel into `folder`, which must not exist. Raises OSError, ValueError."""
    saver = _saver(graph) if graph.variables else None
    saved = SavedModel(saved_model_schema_version=1)
    meta = saved.meta_graphs.add()
    meta.meta_info_def.tags.extend(signature.tags)
    meta.meta_info_def.tensorflow_version = SAVED_BY
    meta.meta_info_def.stripped_default_attrs = True
    meta.graph_def.CopyFrom(graph.definition())
    if saver is not None:
        meta.saver_def.CopyFrom(saver)
    for name in signature.names:
        meta.signature_def[name].CopyFrom(_signature_def(signature))
    folder.mkdir()
    if graph.variables:
        (folder / bundle.PREFIX).mkdir()
        bundle.write(folder / bundle.PREFIX, graph.variables)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString(deterministic=True))


def _signature_def(signature: Signature) -> SignatureDef:
    made = SignatureDef(method_name=PREDICT)
    for key, tensor in signature.inputs.items():
        made.inputs[key].CopyFrom(_info(tensor))
    for key, tensor in signature.outputs.items():
        made.outputs[key].CopyFrom(_info(tensor))
    return made


def _info(tensor: Tensor) -> TensorInfo:
    name = tensor.name if ":" in tensor.name else f"{tensor.name}:0"
    info = TensorInfo(name=name, tensor_shape=shape_proto(tensor.shape))
    info.dtype = DATA_TYPES[tensor.dtype]  # type: ignore[assignment]
    return info


def _saver(graph: Graph) -> SaverDef:
    """The nodes that save and restore every variable, as tf.train.Saver makes them."""
    variables = graph.variables
    with graph.scope("save"):
        path = graph.constant(np.asarray(b"model"), "string", name="Const")
        names = graph.constant(np.asarray([v.name.encode() for v in variables], object), "string")
        slices = graph.constant(np.asarray([b""] * len(variables), object), "string", name="slices")
        handles = [graph.handle(variable) for variable in variables]
        dtypes = [Type(variable.dtype) for variable in variables]
        kept = [graph.read(v, h) for v, h in zip(variables, handles, strict=True)]
        graph.node("SaveV2", [path, names, slices, *kept], [], attrs={"dtypes": dtypes})
        saved = graph.nodes[-1].name
        written = graph.one("Identity", [path], "string", (), {"T": Type("string")})
        graph.nodes[-1].input.append(f"^{saved}")
        restored = graph.node(
            "RestoreV2",
            [path, names, slices],
            [(variable.dtype, variable.shape) for variable in variables],
            attrs={"dtypes": dtypes},
        )
        assigned = []
        for variable, handle, value in zip(variables, handles, restored, strict=True):
            attrs = {"dtype": Type(variable.dtype)}
            graph.node("AssignVariableOp", [handle, value], [], attrs=attrs)
            assigned.append(graph.nodes[-1].name)
        graph.node("NoOp", [], [], name="restore_all", control=assigned)
        restore = graph.nodes[-1].name
    return SaverDef(
        filename_tensor_name=f"{path.name}:0",
        save_tensor_name=f"{written.name}:0",
        restore_op_name=restore,
        max_to_keep=5,
        keep_checkpoint_every_n_hours=10000.0,
        version=SaverDef.V2,
    )
