"""All three ways to ask give the recorded answers from the embedded server, and the same ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from converter.serving.client.contract import Outputs
from converter.serving.client.errors import NotCarried, RequestUnfit
from converter.serving.client.grpc import GrpcClient
from converter.serving.client.rest import RestClient
from converter.serving.tensors import from_proto
from converter.wire import apis_pb2 as apis
from testing import calls, golden, servers

RECORDS = golden.records() if golden.FOLDER.is_dir() else ()
pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not RECORDS, reason=f"no recordings at {golden.FOLDER}"),
]
CASES = [
    (record, call)
    for record in RECORDS
    if record.config == "main" and record.protocol == "grpc" and record.response["code"] == "OK"
    if (call := calls.of_grpc(record))
]
# Over REST a signature's defaults do not work, and complex numbers and halves do not come back.
GRPC_ONLY = ("grpc.predict.defaults.", "grpc.predict.dtype.")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Serving]:
    folder = tmp_path_factory.mktemp("server")
    flags = (
        f"--model_config_file={golden.config('main.models.config', folder)}",
        "--allow_version_labels_for_unavailable_models=true",
        "--max_num_load_retries=0",
    )
    with servers.running(folder, *flags) as serving:
        yield serving


def check(found: Outputs, record: golden.Record) -> None:
    reply = apis.PredictResponse.FromString(calls.body(record.response))
    wanted = {name: from_proto(proto, name).values() for name, proto in reply.outputs.items()}
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(("record", "call"), CASES, ids=lambda value: getattr(value, "id", ""))
def test_every_way_to_ask_gives_the_recorded_answer(
    record: golden.Record, call: calls.Call, server: servers.Serving
) -> None:
    named = call.address
    version, label = named.version, named.label
    rpc = f"127.0.0.1:{server.grpc}"
    with GrpcClient(rpc, named.model, version=version, label=label) as client:
        check(client.predict(call.inputs, call.signature, call.outputs), record)
    carried = []
    for row in (True, False):
        url = f"http://127.0.0.1:{server.rest}"
        with RestClient(url, named.model, version=version, label=label, row=row) as client:
            try:
                found = client.predict(call.inputs, call.signature, call.outputs)
            except (NotCarried, RequestUnfit):
                continue
        check(found, record)
        carried.append(row)
    assert carried or record.id.startswith(GRPC_ONLY)
