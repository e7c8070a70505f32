"""TensorFlowOpLayer: one TensorFlow operation as a layer, of tf.keras up to TensorFlow 2.3.

Source: TensorFlowOpLayer in tensorflow/python/keras/engine/base_layer.py of TensorFlow 2.2.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from converter.direct.call import Call
from converter.direct.calls import nodes
from converter.direct.layers.calls import unmasked
from converter.direct.registry import Result, layer
from converter.wire.graph_pb2 import NodeDef


@layer("TensorFlowOpLayer", masks="own", autocast=False)
def operation(call: Call) -> Result:
    """The operation of the layer's NodeDef, with constants among the tensors it is called on."""
    node = node_of(call, call.config.get("node_def"))
    inputs: list[Any] = list(call.inputs)
    constants = call.config.get("constants", None) or {}
    for place, value in sorted((int(key), value) for key, value in constants.items()):
        inputs.insert(place, value)
    return unmasked(call, nodes.build(call, node, inputs))


def node_of(call: Call, given: Any) -> NodeDef:
    """A NodeDef as the message's fields, or as its bytes in text (TensorFlow 2.0)."""
    try:
        if isinstance(given, dict):
            return json_format.ParseDict(given, NodeDef())
        return NodeDef.FromString(str(given).encode("utf-8"))
    except (json_format.ParseError, DecodeError) as error:
        raise call.refuse(f"its node_def is no NodeDef: {error}") from error
