"""Tensor messages mean to us what they mean to TensorFlow, in recordings and in a live one."""

from __future__ import annotations

import json
import random
import subprocess

import numpy as np
import pytest

from converter.serving.status import StatusError
from converter.serving.tensors import KINDS, OPAQUE, from_proto, to_proto
from converter.wire.apis_pb2 import PredictRequest, PredictResponse
from converter.wire.tensorflow_pb2 import DataType, TensorProto
from testing import calls, golden, official

RECORDS = [
    record
    for record in (golden.records() if golden.FOLDER.is_dir() else ())
    if record.request.get("message_type") == "tensorflow.serving.PredictRequest"
]
# numpy cannot hold a tensor of so many dimensions.
TOO_MANY_DIMENSIONS = {"grpc.predict.shape.rank254"}

# Runs in the toolchain: reads messages with TensorFlow's own Tensor::FromProto.
READ = """
import json, sys
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
told = []
for text in json.load(sys.stdin):
    raw = bytes.fromhex(text)
    proto = tensor_pb2.TensorProto.FromString(raw)
    try:
        array = tf.io.parse_tensor(raw, tf.dtypes.as_dtype(proto.dtype)).numpy()
    except (tf.errors.InvalidArgumentError, TypeError):
        told.append(None)
        continue
    if isinstance(array, bytes):
        told.append([[], [array.hex()]])
    elif array.dtype.hasobject:
        told.append([list(array.shape), [item.hex() for item in array.ravel()]])
    else:
        told.append([list(array.shape), array.tobytes().hex()])
json.dump(told, sys.stdout)
"""
READABLE = sorted(set(KINDS) - set(OPAQUE) - {DataType.DT_INT4, DataType.DT_UINT4})


def random_tensor(rng: random.Random) -> TensorProto:
    """A tensor message, good or just wrong: too few or too many values, content that is short."""
    proto = TensorProto(dtype=DataType.Name(rng.choice(READABLE)))
    sizes = [rng.choice([0, 1, 2, 3, 5]) for _ in range(rng.randrange(4))]
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    # Not one that is too large to allocate: TensorFlow waits ten seconds before it says so.
    for size in rng.choice([(-1,), (2**62, 2**62)]) if rng.random() < 0.05 else ():
        proto.tensor_shape.dim.add(size=size)
    kind = KINDS[proto.dtype]
    count = int(np.prod(sizes, dtype=int)) + rng.choice([0, 0, 0, -1, 1, 4])
    parts = kind.numpy.itemsize // kind.bits.itemsize
    field = getattr(proto, kind.field)
    if kind.field == "string_val":
        if rng.random() < 0.5:
            field.extend(rng.randbytes(rng.randrange(200)) for _ in range(count))
        else:
            strings = [rng.randbytes(rng.randrange(100)) for _ in range(max(count, 0))]
            lengths = bytes(map(len, strings))
            proto.tensor_content = lengths + b"".join(strings)
    elif rng.random() < 0.5 or kind.field == "float8_val":
        width = kind.numpy.itemsize
        content = bytes(rng.choice((0, 1)) for _ in range(max(count, 0) * width))
        proto.tensor_content = content + b"\2" * (rng.random() < 0.1)
    elif kind.stored.kind == "f":
        field.extend(rng.choice([0.0, -0.0, 1.5, float("inf")]) for _ in range(count * parts))
    elif kind.stored.kind == "b":
        field.extend(rng.random() < 0.5 for _ in range(count))
    else:
        limits = np.iinfo(kind.stored)
        field.extend(rng.randint(int(limits.min), int(limits.max)) for _ in range(count))
    return proto


@pytest.mark.toolchain(official.TOOLCHAIN)
def test_random_messages_are_read_as_tensorflow_reads_them() -> None:
    rng = random.Random("tensor messages")
    protos = [random_tensor(rng) for _ in range(2000)]
    done = subprocess.run(
        [str(official.python()), "-c", READ],
        input=json.dumps([proto.SerializeToString().hex() for proto in protos]),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=official.environment(),
    )
    told = json.loads(done.stdout)
    assert 0 < told.count(None) < len(told) / 2
    for proto, wanted in zip(protos, told, strict=True):
        try:
            array = from_proto(proto, "x").array
        except StatusError:
            found = None
        else:
            strings = array.dtype.hasobject
            values = [s.hex() for s in array.ravel()] if strings else array.tobytes().hex()
            found = [list(array.shape), values]
        assert found == wanted, proto


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.id)
def test_recorded_inputs_are_read_or_refused_as_recorded(record: golden.Record) -> None:
    said = set()
    for key, proto in PredictRequest.FromString(calls.body(record.request)).inputs.items():
        try:
            from_proto(proto, key)
        except StatusError as error:
            said.add(error.message)
    if record.id in TOO_MANY_DIMENSIONS:
        assert said == {"tensor parsing error: x"}
    elif said or record.response.get("details", "").startswith("tensor parsing error"):
        assert said == {record.response["details"]}


@pytest.mark.parametrize(
    "record", [r for r in RECORDS if r.response["code"] == "OK"], ids=lambda record: record.id
)
def test_recorded_outputs_are_written_to_the_byte(record: golden.Record) -> None:
    outputs = PredictResponse.FromString(calls.body(record.response)).outputs
    assert outputs
    for key, proto in outputs.items():
        if record.id not in TOO_MANY_DIMENSIONS:
            again = TensorProto()
            to_proto(from_proto(proto, key), again, content=False)
            assert again.SerializeToString() == proto.SerializeToString()
