"""The way of calling a served model that tutorials show, timed in a process that has TensorFlow.

Over HTTP: `requests.post(url, json={"instances": x.tolist()})`, then `.json()`. Over gRPC: a new
channel for each call, `tf.make_tensor_proto(x.tolist())`, and `float_val` read through Python. Why
here and not in the orchestrator: a program that calls `make_tensor_proto` has TensorFlow loaded,
and that is a part of what it costs. Python's garbage collector goes over all that TensorFlow made
each time the lists have grown enough, so it stays on while these ways are timed.

The requests are the library's own messages where TensorFlow has them (TensorProto). PredictRequest
is of tensorflow-serving-api, which toolchains lack; the same fields and numbers are declared here,
and protobuf makes of them the same class as of that package's file.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .clock import now
from .failures import Unsupported

PREDICT = "/tensorflow.serving.PredictionService/Predict"
TENSOR = ".tensorflow.TensorProto"
STRING, MESSAGE = 9, 11  # types of a field, and its labels: descriptor.proto
OPTIONAL, REPEATED = 1, 3


class Naive:
    """Calls as a tutorial makes them. Needs `requests` and `grpc` beside TensorFlow."""

    def __init__(self, tf):
        self.tf = tf
        self.messages = None

    def call(self, fields, tensors):
        """Ask `calls` times in each of `concurrency` threads. tensors: the inputs by key.

        fields: protocol ("rest" or "grpc"), address (a URL up to `:predict`, or host:port), model
        (name, and version or None), signature, outputs (keys in order), calls, concurrency, seconds
        (patience). The result: `times`, for each call the nanoseconds of encode, wire and decode;
        `wall`, those of all. The answers are called "<number of the call>:<key>".
        """
        once = {"rest": self._rest, "grpc": self._grpc}[fields["protocol"]]
        turns = range(fields["concurrency"])

        def turn(_):
            return [once(fields, tensors) for _ in range(fields["calls"])]

        began = now()
        if len(turns) == 1:
            done = turn(0)
        else:
            with ThreadPoolExecutor(len(turns)) as threads:
                done = [one for found in threads.map(turn, turns) for one in found]
        wall = now() - began
        answers = [
            ("%d:%s" % (number, key), array)
            for number, (_, outputs) in enumerate(done)
            for key, array in outputs.items()
        ]
        return {"times": [times for times, _ in done], "wall": wall}, answers

    def _rest(self, fields, tensors):
        try:
            import requests
        except ImportError:
            raise Unsupported("this environment has no requests")
        began = now()
        # What requests.post(url, json=...) does, in its two steps.
        body = {
            "signature_name": fields["signature"],
            "instances": _instances({key: array.tolist() for key, array in tensors.items()}),
        }
        session = requests.Session()
        session.trust_env = False
        request = session.prepare_request(
            requests.Request("POST", fields["address"] + ":predict", json=body)
        )
        encoded = now()
        with session:
            response = session.send(request, timeout=fields["seconds"])
        received = now()
        response.raise_for_status()
        predictions = response.json()["predictions"]
        outputs = _columns(predictions, fields["outputs"])
        decoded = now()
        return (encoded - began, received - encoded, decoded - received), outputs

    def _grpc(self, fields, tensors):
        try:
            import grpc
        except ImportError:
            raise Unsupported("this environment has no grpc")
        request_class, response_class = self._classes()
        name, version = fields["model"]
        began = now()
        request = request_class()
        request.model_spec.name = name
        request.model_spec.signature_name = fields["signature"]
        if version is not None:
            request.model_spec.version.value = version
        for key, array in tensors.items():
            proto = self.tf.make_tensor_proto(array.tolist(), dtype=array.dtype)
            request.inputs[key].CopyFrom(proto)
        data = request.SerializeToString()
        encoded = now()
        unlimited = [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(fields["address"], unlimited) as channel:
            reply = channel.unary_unary(PREDICT)(data, timeout=fields["seconds"])
        received = now()
        response = response_class.FromString(reply)
        outputs = {key: _read(response.outputs[key]) for key in fields["outputs"]}
        decoded = now()
        return (encoded - began, received - encoded, decoded - received), outputs

    def _classes(self):
        if self.messages is None:
            self.messages = _declare()
        return self.messages


def _instances(inputs):
    """The rows of the only input, or an object for each row of several."""
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    return [dict(zip(inputs, row)) for row in zip(*inputs.values())]


def _columns(predictions, outputs):
    """The rows of an answer as arrays by output; a single output has no name in it."""
    if len(outputs) == 1:
        return {outputs[0]: np.array(predictions)}
    return {key: np.array([row[key] for row in predictions]) for key in outputs}


FIELDS = {1: "float_val", 2: "double_val", 3: "int_val", 9: "int64_val", 10: "bool_val"}


def _read(proto):
    """`np.array(proto.float_val)`, each number by itself, in its shape."""
    if proto.dtype not in FIELDS:
        raise Unsupported("the tutorials' way does not read tensors of type %d" % proto.dtype)
    values = [value for value in getattr(proto, FIELDS[proto.dtype])]
    return np.array(values).reshape([dim.size for dim in proto.tensor_shape.dim])


def _declare():
    """PredictRequest and PredictResponse, of classes that protobuf makes."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2
    from tensorflow.core.framework import tensor_pb2

    package = "convert_h5_naive"
    file = descriptor_pb2.FileDescriptorProto(
        name=package + ".proto",
        package=package,
        syntax="proto3",
        dependency=[tensor_pb2.DESCRIPTOR.name, wrappers_pb2.DESCRIPTOR.name],
    )
    spec = file.message_type.add(name="ModelSpec")
    spec.field.add(name="name", number=1, type=STRING, label=OPTIONAL)
    version = ".google.protobuf.Int64Value"
    spec.field.add(name="version", number=2, type=MESSAGE, label=OPTIONAL, type_name=version)
    spec.field.add(name="signature_name", number=3, type=STRING, label=OPTIONAL)
    own = "." + package + "."
    for name, numbers in (("PredictRequest", (1, 2)), ("PredictResponse", (2, 1))):
        message = file.message_type.add(name=name)
        message.field.add(
            name="model_spec",
            number=numbers[0],
            type=MESSAGE,
            label=OPTIONAL,
            type_name=own + "ModelSpec",
        )
        field, entry = ("inputs", "InputsEntry")
        if name == "PredictResponse":
            field, entry = ("outputs", "OutputsEntry")
        held = message.nested_type.add(name=entry)
        held.options.map_entry = True
        held.field.add(name="key", number=1, type=STRING, label=OPTIONAL)
        held.field.add(name="value", number=2, type=MESSAGE, label=OPTIONAL, type_name=TENSOR)
        message.field.add(
            name=field,
            number=numbers[1],
            type=MESSAGE,
            label=REPEATED,
            type_name=own + name + "." + entry,
        )
    pool = descriptor_pool.Default()
    # By its bytes: the one way in that every protobuf has.
    pool.AddSerializedFile(file.SerializeToString())
    made = []
    for name in ("PredictRequest", "PredictResponse"):
        descriptor = pool.FindMessageTypeByName(package + "." + name)
        if hasattr(message_factory, "GetMessageClass"):
            made.append(message_factory.GetMessageClass(descriptor))
        else:
            made.append(message_factory.MessageFactory(pool).GetPrototype(descriptor))
    return made
