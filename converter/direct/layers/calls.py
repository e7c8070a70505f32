"""Layers that are one Python call on tensors: TFOpLambda and SlicingOpLambda.

Source: keras/layers/core/tf_op_layer.py of Keras 2.15. The first argument is what the layer is
called on, the others are given by name.
"""

from __future__ import annotations

from converter.direct import calls
from converter.direct.call import Call, tensors_in
from converter.direct.graph import Tensor
from converter.direct.registry import Result, layer


@layer("TFOpLambda", "SlicingOpLambda", masks="own", autocast=False)
def python_call(call: Call) -> Result:
    """The function that the config names."""
    return unmasked(call, calls.invoke(call, call.config.text("function"), call.args, call.kwargs))


def unmasked(call: Call, result: Result) -> Result:
    """Results without a mask, which only an argument that is given back as it is keeps."""
    given = [*tensors_in(call.args), *tensors_in(call.kwargs)]
    found = [result] if isinstance(result, Tensor) else result
    return [t if any(t is g for g in given) else t.with_mask(None) for t in found]
