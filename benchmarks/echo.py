"""The least a gRPC server in Python can do: take any message and answer with a few bytes.

    python echo.py

Prints its port and serves until its standard input ends.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


class Echo(grpc.GenericRpcHandler):
    """Every path is answered with the first bytes of its message."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(lambda data, _: data[:64])


server = grpc.server(
    ThreadPoolExecutor(4), handlers=[Echo()], options=[("grpc.max_receive_message_length", -1)]
)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
