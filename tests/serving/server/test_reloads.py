"""Lists of models follow one another as recorded: the grpc.reload.* records of shared/golden."""

from __future__ import annotations

import base64

import pytest
from google.protobuf import text_format

from converter.serving.server import config, storage
from converter.serving.server.config import ConfigHistory, Labels, ModelConfig, Models
from converter.serving.status import StatusError
from converter.wire import apis_pb2, config_pb2
from testing import golden
from testing.golden import Record

RELOAD = "/HandleReloadConfigRequest"

# What a reload may say before a model is loaded; the other answers are about loading.
SAID_AT_ONCE = ("OK", "INVALID_ARGUMENT", "FAILED_PRECONDITION")


def _model(text: str) -> Models:
    """A list of one model, in text form."""
    listed = text_format.Parse(
        f"model_config_list {{ config {{ {text} }} }}", config_pb2.ModelServerConfig()
    )
    return config.of_proto(listed)


# ---- platforms, and the poison of a model without one


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform, model name is m",
        ),
        (
            'model_type: TENSORFLOW model_platform: "tensorflow"',
            "Illegal setting both ModelServerConfig::model_type (deprecated) "
            "and ModelServerConfig::model_platform.",
        ),
        ("model_type: OTHER", "ModelServerConfig::model_type choice 2 not supported."),
        ('model_platform: "caffe"', "Model m requests unsupported platform caffe"),
    ],
)
def test_a_platform_other_than_tensorflow_is_refused(text: str, message: str) -> None:
    models = _model(f'name: "m" base_path: "/m" {text}')
    with pytest.raises(StatusError) as caught:
        config.check_platforms(models)
    assert str(caught.value) == f"INVALID_ARGUMENT: {message}"


@pytest.mark.parametrize("text", ['model_platform: "tensorflow"', "model_type: TENSORFLOW"])
def test_the_platform_may_be_given_in_the_old_way(text: str) -> None:
    config.check_platforms(_model(f'base_path: "/m" {text}'))


def test_a_model_without_platform_spoils_all_later_lists() -> None:
    history = ConfigHistory()
    assert history.accept(_model('name: "q" base_path: "/m"'))
    for _ in range(2):
        with pytest.raises(StatusError, match="model name is q"):
            history.accept(config.single("m", "/m"))


def test_a_model_may_not_change_its_platform() -> None:
    history = ConfigHistory()
    history.accept(_model('name: "q" base_path: "/m" model_platform: "caffe"'))
    with pytest.raises(StatusError) as caught:
        history.accept(config.single("q", "/m"))
    assert str(caught.value) == (
        "INVALID_ARGUMENT: Illegal to change a model's platform. For model q platform was caffe "
        "and new platform requested is tensorflow"
    )
    assert history.accept(config.single("other", "/m"))


def test_nothing_is_done_for_a_config_that_says_nothing() -> None:
    assert not ConfigHistory().accept(None)


def test_a_list_cannot_be_replaced_by_nothing() -> None:
    history = ConfigHistory()
    history.accept(())
    with pytest.raises(StatusError, match="only legal to transition from one ModelConfigList"):
        history.accept(None)


# ---- labels


def _labelled(**labels: int) -> Models:
    return (ModelConfig("m", "/m", labels=labels), ModelConfig("plain", "/p"))


def _none_available(name: str, version: int) -> bool:
    return False


def test_labels_are_kept_by_model() -> None:
    found = config.assign_labels(
        _labelled(a=1), {"m": {"b": 2}}, lambda name, version: True, allow_unavailable=False
    )
    assert found == {"m": {"a": 1}}


def test_a_label_needs_an_available_version() -> None:
    with pytest.raises(StatusError) as caught:
        config.assign_labels(_labelled(a=2), {}, _none_available, allow_unavailable=False)
    assert str(caught.value) == (
        "FAILED_PRECONDITION: Request to assign label to version 2 of model m, "
        "which is not currently available for inference"
    )


@pytest.mark.parametrize("current", [{}, {"m": {"a": 2}}, {"other": {"a": 1}}])
def test_the_flag_lets_labels_name_versions_that_are_not_available(current: Labels) -> None:
    found = config.assign_labels(_labelled(a=2), current, _none_available, allow_unavailable=True)
    assert found == {"m": {"a": 2}}


def test_the_flag_does_not_let_a_label_move_to_such_a_version() -> None:
    with pytest.raises(StatusError, match="not currently available"):
        config.assign_labels(
            _labelled(a=2), {"m": {"a": 1}}, _none_available, allow_unavailable=True
        )


# ---- the recorded reloads, one story after the other


class _Server:
    """What `manager` does with a list of models, without loading: what is found is available."""

    def __init__(self, models: Models) -> None:
        self.history = ConfigHistory()
        self.labels: Labels = {}
        self.served: dict[str, storage.Aspired] = {}
        self.take(models)

    def take(self, models: Models) -> None:
        self.history.accept(models)
        self.labels = config.assign_labels(
            models, self.labels, self.available, allow_unavailable=False
        )
        config.check_platforms(models)
        self.served = storage.poll(models) or self.served

    def available(self, name: str, version: int) -> bool:
        return version in dict(self.served.get(name, ()))

    def reload(self, request: apis_pb2.ReloadConfigRequest) -> tuple[str, str]:
        try:
            self.take(config.of_proto(request.config))
        except StatusError as error:
            return error.code.name, error.message
        return "OK", ""


def _request(record: Record) -> apis_pb2.ReloadConfigRequest:
    message = base64.b64decode(record.request["message_base64"])
    request = apis_pb2.ReloadConfigRequest.FromString(message)
    for model in request.config.model_config_list.config:
        model.base_path = model.base_path.replace("${MODELS}", str(golden.MODELS))
    return request


@pytest.mark.skipif(not golden.FOLDER.is_dir(), reason="the recordings are not there")
@pytest.mark.parametrize(
    "story", ["reload", "reload_no_platform", "reload_bad_platform", "reload_missing_version"]
)
def test_recorded_reloads_get_the_recorded_answers(story: str) -> None:
    server = _Server(config.single("scale", str(golden.MODELS / "scale")))
    said, wanted = {}, {}
    for record in golden.records():
        if record.config == story and record.request["method"].endswith(RELOAD):
            answer = server.reload(_request(record))
            if record.response["code"] in SAID_AT_ONCE:
                said[record.id] = answer
                wanted[record.id] = (record.response["code"], record.response["details"])
    assert wanted
    assert said == wanted


def test_a_reload_without_a_list_is_refused() -> None:
    empty = config_pb2.ModelServerConfig()
    custom = config_pb2.ModelServerConfig()
    custom.custom_model_config.type_url = "x"
    for message in (empty, custom):
        with pytest.raises(StatusError, match="Only ModelConfigList is currently supported"):
            config.of_proto(message)
