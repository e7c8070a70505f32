"""How the embedded server starts, does not start and ends: exit codes, output, ports, signals.

Stories, flags, exit codes and log lines are those of narrated.md. `serve.run` is the whole command
but for its process; tests that need the process start one. Where ours differs on purpose is listed
in testing.narrated.DELIBERATE.
"""

from __future__ import annotations

import re
import shlex
import signal
import socket
from contextlib import nullcontext
from pathlib import Path

import grpc
import pytest

from converter.serving import serve
from converter.serving.server import flags as command_lines
from converter.toolchain.pool import Pool
from converter.wire import apis_pb2 as apis
from testing import cli, golden, narrated, servers
from testing.narrated import Story
from testing.stage import CLOSED, ONE_ROW, TOOLCHAIN, Embedded, Stage, get, model_list, until

pytestmark = [
    pytest.mark.toolchain("tf2.15"),
    pytest.mark.skipif(not golden.FOLDER.exists(), reason="the recordings are not there"),
]

M = 'name: "m" base_path: "${MODELS}/scale"'
_M_BARE = f"model_config_list {{ config {{ {M} %s }} }}"

# The files that the recorded flags name.
FILES = {
    "two.config": model_list(M, 'name: "bad" base_path: "${MODELS}/broken"'),
    "lab.config": model_list(f'{M} version_labels {{ key: "stable" value: 2 }}'),
    "lab9.config": model_list(f'{M} version_labels {{ key: "stable" value: 9 }}'),
    "v9.config": model_list(f"{M} model_version_policy {{ specific {{ versions: 9 }} }}"),
    "bad.config": "model_config_list { config {",
    "unk.config": _M_BARE % 'model_platform: "tensorflow" no_such_field: 1',
    "empty.config": "",
    "emptyl.config": "model_config_list {}",
    "dup.config": model_list(M, M),
    "np.config": _M_BARE % "",
    "pf.config": _M_BARE % 'model_platform: "caffe"',
    "rel.config": model_list('name: "m" base_path: "models/scale"'),
    "eb.config": model_list('name: "m" base_path: ""'),
    "both.config": model_list('name: "k" base_path: "${MODELS}/scale"'),
    "b.config": "max_batch_size { value: 8 }",
    "b2.config": "max_batch_size { value: 8 } allowed_batch_sizes: 2 allowed_batch_sizes: 4",
    "b3.config": "max_batch_size { value:",
    "mon.config": "prometheus_config {",
}

NOT_STARTED = (
    "Broken model alone, retries 0",
    "No saved_model.pb in the version directory",
    'Only the tag "train" in the model',
    "Good version 1, broken version 2, default policy",
    "Two models, one broken",
    "Labels in the first config, no --allow_version_labels_for_unavailable_models",
    "No model given",
    "Unknown flag without a model",
    "--port=abc",
    "--rest_api_port=abc",
    "--enable_batching=maybe",
    "--port=0",
    "Config file missing",
    "Config file malformed",
    "Config file with an unknown field",
    "Config file empty",
    "The same model twice",
    "No model_platform",
    'Platform "caffe"',
    "Relative base_path in the config file",
    "Relative --model_base_path",
    "Empty base_path",
    "--batching_parameters_file without --enable_batching",
    "Batching parameters: allowed sizes not ending with max_batch_size",
    "Batching parameters malformed",
)
# Stories of servers that listen: the model that was asked for.
LISTENS = {
    "--saved_model_tags=train": "m",
    "The same with --allow_version_labels_for_unavailable_models=true": "m",
    "Label for version 9, which does not exist, with "
    "--allow_version_labels_for_unavailable_models=true": "m",
    "Config file with an empty list": "default",
    "Both --model_config_file and --model_base_path": "k",
    "model_name given, name in the request differs": "other",
}
WAITS = (
    "Broken model alone, default retries (first 6 s)",
    "Only a directory with a name that is no number",
    "Specific version 9, which does not exist",
)
# What has a test of its own below.
APART = (
    "Unknown flag",
    "Positional argument",
    "--help",
    "--version",
    "--rest_api_port=0",
    "REST port equal to the gRPC port",
    "REST port taken",
    "gRPC port taken",
    "Monitoring config malformed",
    "Monitoring config missing",
    "SSL config missing",
)


@pytest.fixture
def stage(tmp_path: Path, pool: Pool, caplog: pytest.LogCaptureFixture) -> Stage:
    made = Stage(tmp_path, pool, caplog)
    for name, text in FILES.items():
        made.write(name, text)
    return made


@pytest.fixture
def _shared_worker(monkeypatch: pytest.MonkeyPatch, pool: Pool) -> None:
    """Have `serve.run` use the workers of all tests, as it would import TensorFlow each time."""
    monkeypatch.setattr(serve, "Pool", lambda progress: nullcontext(pool))


def _flags(story: Story, stage: Stage) -> list[str]:
    return shlex.split(narrated.filled(story.flags or "", stage.folder))


def _run(stage: Stage, flags: list[str], *, rest: int = 0, rpc: int = 0) -> int:
    """The exit code of `convert-h5 serve` on free ports or these; for runs that end by themselves.
    A port in the flags counts, as it comes later."""
    ports = [
        f"--port={rpc or servers.free_port()}",
        f"--rest_api_port={rest or servers.free_port()}",
    ]
    return serve.run([f"--toolchain={TOOLCHAIN}", *ports, *flags])


def test_every_story_is_told_by_a_test() -> None:
    told = "".join(path.read_text() for path in Path(__file__).parent.glob("test_narrated_*.py"))
    told = re.sub(r'"\n +"', "", told).replace('\\"', '"')  # put strings over two lines together
    assert [title for title in narrated.stories() if title not in told] == []
    own = {title for title, story in narrated.stories().items() if story.flags is not None}
    assert own == {*NOT_STARTED, *LISTENS, *WAITS, *APART}


@pytest.mark.usefixtures("_shared_worker")
@pytest.mark.parametrize("title", NOT_STARTED)
def test_it_ends_with_the_recorded_code_and_words(
    title: str, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    story = narrated.stories()[title]
    assert story.steps[0].title.endswith("exit code 255")
    assert _run(stage, _flags(story, stage)) == 255
    printed = capsys.readouterr().err.splitlines()
    for line in story.logged:
        text = narrated.filled(line.text, stage.folder)
        if text == "usage: tensorflow_model_server":  # deliberate: ours has its own name
            text = command_lines.usage().splitlines()[0]
        assert text in (printed + stage.lines(line.level) if line.level else printed)


@pytest.mark.parametrize("title", LISTENS)
def test_it_listens_and_answers_as_recorded(title: str, stage: Stage) -> None:
    story = narrated.stories()[title]
    head, *notes = [step.title for step in story.steps]
    with stage.serving(*_flags(story, stage)) as server:
        assert server.states(LISTENS[title]) == head.partition("status: ")[2]
        for note in notes:
            asked, _, recorded = note.partition(": ")
            assert _asked(server, asked) == narrated.answer(recorded)


def _asked(server: Embedded, what: str) -> str:
    """The answer to "m" (its states) or "predict by label stable"."""
    if what.startswith("predict by label "):
        return server.predict(f"m/labels/{what.rpartition(' ')[2]}")
    return server.states(what)


@pytest.mark.parametrize("title", WAITS)
def test_it_waits_with_closed_ports_for_what_may_still_come(title: str, stage: Stage) -> None:
    story = narrated.stories()[title]
    assert story.steps[0].title.endswith("status: REST port closed")
    with stage.server(*_flags(story, stage)) as server:
        stage.await_logged(*story.logged)
        assert server.states() == CLOSED
        assert server.waiting()


def test_without_a_rest_port_grpc_alone_is_served(stage: Stage) -> None:
    with stage.serving(*_flags(narrated.stories()["--rest_api_port=0"], stage)) as server:
        assert server.server.rest_port is None
        assert _states_by_grpc(f"127.0.0.1:{server.grpc}") == {2: "AVAILABLE"}


def test_a_rest_port_that_is_the_grpc_port_is_not_opened(stage: Stage) -> None:
    story = narrated.stories()["REST port equal to the gRPC port"]
    rpc = servers.free_port()
    flags = [f"--port={rpc}", *_flags(story, stage), f"--rest_api_port={rpc}"]
    with stage.serving(*flags) as server:
        stage.await_logged(*story.logged)
        assert server.server.rest_port is None
        assert _states_by_grpc(f"127.0.0.1:{rpc}") == {2: "AVAILABLE"}


def _states_by_grpc(target: str) -> dict[int, str]:
    request = apis.GetModelStatusRequest(model_spec=apis.ModelSpec(name="m"))
    with grpc.insecure_channel(target) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/tensorflow.serving.ModelService/GetModelStatus"
        )
        answer = call(request.SerializeToString(), timeout=60)
    reply = apis.GetModelStatusResponse.FromString(answer)
    state = apis.ModelVersionStatus.State.Name
    return {status.version: state(status.state) for status in reply.model_version_status}


@pytest.mark.usefixtures("_shared_worker")
def test_a_taken_grpc_port_ends_it(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    story = narrated.stories()["gRPC port taken"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert _run(stage, _flags(story, stage), rpc=taken.getsockname()[1]) == 255
    assert _last_line(capsys) == story.logged[0].text


@pytest.mark.usefixtures("_shared_worker")
def test_a_taken_rest_port_ends_it(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    story = narrated.stories()["REST port taken"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        rest = taken.getsockname()[1]
        assert _run(stage, _flags(story, stage), rest=rest) == 255
    assert str(rest) in _last_line(capsys)


@pytest.mark.usefixtures("_shared_worker")
def test_of_two_servers_on_the_same_ports_the_second_ends(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two servers on the same ports"""
    flags = ["--model_name=m", f"--model_base_path={golden.MODELS / 'scale'}"]
    with stage.serving(*flags) as first:
        assert _run(stage, flags, rest=first.rest, rpc=first.grpc) == 255
        assert first.states() == "2 AVAILABLE"
        assert _states_by_grpc(f"127.0.0.1:{first.grpc}") == {2: "AVAILABLE"}
    _last_line(capsys)
    assert any(f":{first.grpc}" in line for line in stage.lines("ERROR"))


def _last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Why the server did not start."""
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Failed to start server. Error: ")
    return last


@pytest.mark.usefixtures("_shared_worker")
@pytest.mark.parametrize(
    ("title", "why"),
    [
        (
            "Monitoring config malformed",
            "INVALID_ARGUMENT: Invalid protobuf file: '${DIR}/mon.config'",
        ),
        ("Monitoring config missing", "NOT_FOUND: ${DIR}/none; No such file or directory"),
        ("SSL config missing", "NOT_FOUND: ${DIR}/none; No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_ends_it_with_the_reason(
    title: str, why: str, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(stage, _flags(narrated.stories()[title], stage)) == 255
    why = narrated.filled(why, stage.folder)
    assert _last_line(capsys) == f"Failed to start server. Error: {why}"


def test_help_is_what_was_asked_for() -> None:
    done = cli.run("serve", "--help")
    assert done.code == 0
    assert done.out.startswith("usage: convert-h5 serve")


def test_the_version_names_its_tensorflow() -> None:
    done = cli.run("serve", "--version", f"--toolchain={TOOLCHAIN}")
    assert done.code == 0
    assert narrated.stories()["--version"].logged[-1].text in done.out.splitlines()


def test_the_exit_code_is_that_of_the_process(tmp_path: Path) -> None:
    """Again: No model given, Broken model alone, retries 0; this time as a user starts them."""
    done = cli.run("serve")
    assert (done.code, done.last_line) == (
        255,
        narrated.stories()["No model given"].logged[-1].text,
    )
    story = narrated.stories()["Broken model alone, retries 0"]
    flags = shlex.split(narrated.filled(story.flags or "", tmp_path))
    with servers.start(tmp_path, *flags) as serving:
        assert serving.wait_end() == 255
    assert serving.log_text().splitlines()[-1] == story.logged[-1].text


def test_sigterm_ends_it_when_the_requests_under_way_are_answered(stage: Stage) -> None:
    """SIGTERM while serving, and "process asked to end (SIGTERM) while waiting for a retry", which
    is an hour away here.

    Before that: Unknown flag; Positional argument; Unix socket: --grpc_socket_path
    """
    folder, path = stage.folder, stage.folder / "tfs.sock"
    stage.put("b/1", "scale/1")
    flags = ["--model_name=m", f"--model_base_path={folder / 'b'}", f"--grpc_socket_path={path}"]
    flags += ["--load_retry_interval_micros=3600000000", "--no_such_flag=1", "hello"]
    with servers.running(folder, *flags) as serving:
        log = serving.log_text()
        for title in ("Unknown flag", "Positional argument"):
            assert narrated.stories()[title].logged[0].text in log.splitlines()
        socket_story = narrated.stories()["Unix socket: --grpc_socket_path"]
        assert narrated.filled(socket_story.logged[0].text, folder) in log
        # deliberate: the real one listens on 0.0.0.0
        assert f"Running gRPC ModelServer at 127.0.0.1:{serving.grpc} ..." in log
        assert path.is_socket()
        stage.put("b/2", "broken/1")
        until(lambda: "version: 2} failed" in serving.log_text(), serving.log_text)
        assert _states_by_grpc(f"unix:{path}") == {2: "LOADING", 1: "AVAILABLE"}

        with socket.create_connection(("127.0.0.1", serving.rest), timeout=60) as client:
            client.sendall(
                b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\n"
                b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(ONE_ROW)
            )
            assert client.recv(1000).startswith(b"HTTP/1.1 100 ")  # it is under way now
            serving.process.send_signal(signal.SIGTERM)
            until(lambda: "Asked to end" in serving.log_text(), serving.log_text)
            client.sendall(ONE_ROW)
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert serving.wait_end() == 0
    assert not path.exists()


def test_sigint_ends_it_as_well(tmp_path: Path) -> None:
    """SIGINT while serving"""
    model = ("--model_name=m", f"--model_base_path={golden.MODELS / 'scale'}")
    with servers.running(tmp_path, *model) as serving:
        serving.process.send_signal(signal.SIGINT)
        assert serving.wait_end() == 0
        assert get(serving.rest, "/v1/models/m") == (None, "")
