"""Bring what the user gives to what a signature takes, or refuse before anything is sent.

Nothing is lost on the way but the precision of floats: a float64 may be rounded to the nearest
float32, half or bfloat16. Integers must be in range, or exact where a float is wanted; a float is
never made an integer, a number never a bool or a string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from converter.serving.client.contract import Inputs, ModelMetadata, Signature, TensorSpec
from converter.serving.client.errors import RequestUnfit
from converter.serving.tensors import KINDS, Tensor, name_of, of_array
from converter.wire.tensorflow_pb2 import DT_BFLOAT16, DT_STRING, DataType

# Kinds that no numpy array means: handles, and floats of eight bits.
_UNSENDABLE = {
    DataType.DT_RESOURCE,
    DataType.DT_VARIANT,
    DataType.DT_FLOAT8_E5M2,
    DataType.DT_FLOAT8_E4M3FN,
}
# Each kind of numbers may become a later one.
_RANKS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
_BITS_OF_BFLOAT16 = 8  # of its mantissa, the hidden one included


def signature_of(metadata: ModelMetadata, name: str) -> Signature:
    """The signature of that name. Raises RequestUnfit where there is none."""
    found = metadata.signatures.get(name)
    if found is None:
        raise RequestUnfit(
            f"Model '{metadata.name}' has no signature '{name}'",
            fix=f"It has: {', '.join(metadata.signatures) or 'none'}",
        )
    return found


def check_outputs(signature: Signature, wanted: Sequence[str]) -> None:
    """Raise RequestUnfit for an output that the signature does not have, or that is named twice."""
    for name in wanted:
        if name not in signature.outputs:
            raise RequestUnfit(
                f"The signature has no output '{name}'",
                fix=f"It has: {', '.join(signature.outputs)}",
            )
    if len(set(wanted)) < len(wanted):
        raise RequestUnfit("An output is named twice")


def tensors_for(
    signature: Signature, inputs: Inputs, *, defaults: bool = True
) -> dict[str, Tensor]:
    """A tensor for every input given.

    Without `defaults` the inputs that have one must be given too. Raises RequestUnfit.
    """
    given = _by_name(signature, inputs)
    optional = signature.defaults if defaults else frozenset()
    if given.keys() != signature.inputs.keys():
        missing = sorted(signature.inputs.keys() - given.keys() - optional)
        extra = sorted(given.keys() - signature.inputs.keys())
    else:
        missing = extra = []
    if missing or extra:
        wrong = [f"missing: {', '.join(missing)}"] if missing else []
        wrong += [f"not of it: {', '.join(map(str, extra))}"] if extra else []
        raise RequestUnfit(
            "The inputs are not those of the signature",
            why="; ".join(wrong),
            fix=f"It takes: {', '.join(signature.inputs) or 'none'}",
        )
    return {
        name: tensor_for(name, spec, given[name])
        for name, spec in signature.inputs.items()
        if name in given
    }


def _by_name(signature: Signature, inputs: Inputs) -> Mapping[str, Any]:
    if isinstance(inputs, Mapping):
        return cast(Mapping[str, Any], inputs)
    if len(signature.inputs) != 1:
        raise RequestUnfit(
            "One array was given, without a name",
            fix=f"Give arrays by name; the signature takes: {', '.join(signature.inputs)}",
        )
    return dict.fromkeys(signature.inputs, inputs)


def tensor_for(name: str, spec: TensorSpec, value: Any) -> Tensor:
    """`value` as a tensor of the input's dtype. Raises RequestUnfit where that would lose anything.

    The shape is not held against the signature's: the graph alone decides what it takes.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:  # nested lists of several lengths
        raise RequestUnfit(f"Input '{name}' is not an array", why=str(error)) from error
    kind = KINDS.get(spec.dtype)
    if kind is None or spec.dtype in _UNSENDABLE:
        raise RequestUnfit(f"Input '{name}' is a {name_of(spec.dtype)}, which no array can be")
    try:
        if spec.dtype == DT_STRING:
            return Tensor(spec.dtype, _texts(array))
        if spec.dtype == DT_BFLOAT16:
            return _bfloat16(array)
        return Tensor(spec.dtype, _numbers(array, kind.numpy))
    except (TypeError, OverflowError) as error:
        wanted = name_of(spec.dtype)
        raise RequestUnfit(
            f"Input '{name}' cannot be sent as {wanted}",
            why=str(error),
            fix=f"Give it as {wanted}",
        ) from error


def _texts(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "SUO" and array.size:
        raise TypeError(f"it holds {array.dtype}, not texts")
    return of_array(array.astype(object)).array


def _numbers(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """`array` as `dtype`. Raises TypeError for another kind of values, OverflowError for a loss."""
    if array.dtype == dtype:
        return array
    if array.size == 0:
        return array.astype(dtype, copy=False)
    if _RANKS.get(array.dtype.kind, len(_RANKS)) > _RANKS[dtype.kind]:
        raise TypeError(f"it holds {_held(array)}")
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        _check_range(array, int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    elif array.dtype.kind in "iu":
        exact = 2 ** (np.finfo(dtype).nmant + 1)
        _check_range(array, -exact, exact)
    with np.errstate(over="ignore"):
        sent = array.astype(dtype)
    if dtype.kind in "fc":
        _check_finite(array, sent)
    return sent


def _held(array: NDArray[Any]) -> str:
    """What an array holds, in words."""
    return "values that are no numbers" if array.dtype.kind in "OSUV" else f"{array.dtype} numbers"


def _check_range(array: NDArray[Any], least: int, most: int) -> None:
    for extreme in (int(array.min()), int(array.max())):
        if not least <= extreme <= most:
            raise OverflowError(f"it holds {extreme}, outside {least} to {most}")


def _check_finite(array: NDArray[Any], sent: NDArray[Any]) -> None:
    if bool((np.isinf(sent) & ~np.isinf(array)).any()):
        raise OverflowError("it holds numbers too large for that")


def _bfloat16(array: NDArray[Any]) -> Tensor:
    """The nearest bfloat16, ties to even; NaN stays NaN."""
    if array.dtype.kind in "iu" and array.size:
        _check_range(array, -(2**_BITS_OF_BFLOAT16), 2**_BITS_OF_BFLOAT16)
    wide = _numbers(array, np.dtype("<f4"))
    bits = wide.view("<u4").astype("<u8")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    sent = Tensor(
        DataType.DT_BFLOAT16,
        np.where(np.isnan(wide), (bits >> 16) | 0x40, rounded).astype("<u2"),
    )
    _check_finite(wide, sent.values())
    return sent
