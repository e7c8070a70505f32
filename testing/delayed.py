"""A served model whose answers take a known time: what a benchmark's own figures are held against.

It doubles its input `x` (float32, any rows of `width`) into `y`, over REST and gRPC, after a sleep.
From one answer on it may be wrong.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
from google.protobuf import json_format

from converter.serving.client.grpc import PREDICTION, UNLIMITED
from converter.serving.tensors import Tensor, from_proto, of_array, to_proto
from converter.toolchain.session import Array
from converter.wire import apis_pb2 as apis
from converter.wire.tensorflow_pb2 import DT_FLOAT, SignatureDef

MODEL = "m"


@dataclass
class Fake:
    """delay: seconds of an answer. wrong_from: the number of the first answer that is wrong."""

    width: int = 4
    delay: float = 0.0
    wrong_from: int | None = None
    rest: str = ""
    grpc: str = ""
    answers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        """Of the model, over REST."""
        return f"{self.rest}/v1/models/{MODEL}"

    def answer(self, asked: Array) -> Array:
        """Twice what is asked, late."""
        number = next(self.answers)
        time.sleep(self.delay)
        wrong = self.wrong_from is not None and number >= self.wrong_from
        found: Array = asked * np.float32(3 if wrong else 2)
        return found

    @property
    def signatures(self) -> apis.SignatureDefMap:
        """The only signature, as metadata has it."""
        signature = SignatureDef(method_name="tensorflow/serving/predict")
        for ports, name in ((signature.inputs, "x"), (signature.outputs, "y")):
            ports[name].name = f"{name}:0"
            ports[name].dtype = DT_FLOAT
            for size in (-1, self.width):
                ports[name].tensor_shape.dim.add(size=size)
        found = apis.SignatureDefMap()
        found.signature_def["serving_default"].CopyFrom(signature)
        return found


@contextlib.contextmanager
def serving(width: int = 4, delay: float = 0.0, wrong_from: int | None = None) -> Iterator[Fake]:
    """The fake on two free ports, while entered."""
    fake = Fake(width, delay, wrong_from)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    rpc = grpc.server(ThreadPoolExecutor(8), handlers=[_Rpc(fake)], options=UNLIMITED)
    fake.rest = f"http://127.0.0.1:{http.server_port}"
    fake.grpc = f"127.0.0.1:{rpc.add_insecure_port('127.0.0.1:0')}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    rpc.start()
    try:
        yield fake
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
        rpc.stop(None).wait()


def _handler(fake: Fake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body leave together

        def do_GET(self) -> None:
            signatures = json_format.MessageToDict(
                fake.signatures, preserving_proto_field_name=True
            )
            spec = {"name": MODEL, "version": "1"}
            self._say({"model_spec": spec, "metadata": {"signature_def": signatures}})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            row = "instances" in asked
            values = asked["instances"] if row else asked["inputs"]["x"]
            found = fake.answer(np.array(values, np.float32)).tolist()
            self._say({"predictions" if row else "outputs": found})

        def _say(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the test's output."""

    return Handler


class _Rpc(grpc.GenericRpcHandler):
    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._calls: dict[str, Callable[[bytes, grpc.ServicerContext], bytes]] = {
            PREDICTION + "Predict": self._predict,
            PREDICTION + "GetModelMetadata": self._metadata,
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(self._calls[details.method])

    def _predict(self, data: bytes, _: grpc.ServicerContext) -> bytes:
        asked = from_proto(apis.PredictRequest.FromString(data).inputs["x"], "x")
        return reply({"y": self._fake.answer(asked.array)})

    def _metadata(self, _: bytes, __: grpc.ServicerContext) -> bytes:
        found = apis.GetModelMetadataResponse()
        found.model_spec.name = MODEL
        found.model_spec.version.value = 1
        found.metadata["signature_def"].value = self._fake.signatures.SerializeToString()
        return found.SerializeToString()


def reply(outputs: dict[str, Array]) -> bytes:
    """A PredictResponse in typed fields, as TensorFlow Serving answers."""
    found = apis.PredictResponse()
    for name, array in outputs.items():
        tensor: Tensor = of_array(array)
        to_proto(tensor, found.outputs[name], content=False)
    return found.SerializeToString()
