"""The REST client beyond the recordings: what it sends, and what it makes of odd answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from converter.serving.client import errors
from converter.serving.client.rest import RestClient
from testing.player import HttpPlayer, Reply, Request, http_player


def spec(dtype: str, *sizes: int) -> dict[str, Any]:
    dims = [{"size": str(size), "name": ""} for size in sizes]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": "t:0"}


SIGNATURES = {
    "serving_default": {
        "inputs": {"x": spec("DT_FLOAT", -1)},
        "outputs": {"y": spec("DT_FLOAT", -1)},
    },
    "two": {
        "inputs": {"a": spec("DT_FLOAT", -1, 2), "b": spec("DT_STRING", -1)},
        "outputs": {"s": spec("DT_FLOAT", -1), "t": spec("DT_INT32", -1)},
    },
    "text": {
        "inputs": {"x": spec("DT_STRING")},
        "outputs": {"x_bytes": spec("DT_STRING")},
    },
    "none": {"inputs": {}, "outputs": {"y": spec("DT_FLOAT")}},
    "half": {"inputs": {"x": spec("DT_FLOAT")}, "outputs": {"h": spec("DT_HALF", -1)}},
    "with_default": {
        "inputs": {"x": spec("DT_FLOAT"), "k": spec("DT_FLOAT")},
        "outputs": {"y": spec("DT_FLOAT")},
        "defaults": {"k": {"dtype": "DT_FLOAT", "float_val": [4], "tensor_content": ""}},
    },
}
METADATA = {
    "model_spec": {"name": "m", "signature_name": "", "version": "7"},
    "metadata": {"signature_def": {"signature_def": SIGNATURES}},
}


@pytest.fixture
def player() -> Iterator[HttpPlayer]:
    with http_player() as opened:
        yield opened


def client(player: HttpPlayer, body: bytes, status: int = 200, **options: Any) -> RestClient:
    """A client whose predictions are answered so."""

    def answer(request: Request) -> Reply:
        if request.method == "GET":
            return Reply(200, json.dumps(METADATA).encode())
        return Reply(status, body)

    player.answer = answer
    return RestClient(player.url + "/", "m", **options)


def sent(player: HttpPlayer) -> Any:
    return json.loads(player.asked[-1].body)


def test_the_metadata_is_asked_once(player: HttpPlayer) -> None:
    with client(player, b'{"predictions": [1]}') as asking:
        asking.predict([1])
        asking.predict([1])
        assert asking.metadata().version == 7
    assert [request.method for request in player.asked] == ["GET", "POST", "POST"]


def test_after_a_refusal_the_metadata_is_asked_anew(player: HttpPlayer) -> None:
    with client(player, b'{"error": "no"}', 400) as asking:
        for _ in range(2):
            with pytest.raises(errors.RequestRefused):
                asking.predict([1])
    assert [request.method for request in player.asked] == ["GET", "POST"] * 2


def test_rows_of_one_input_are_bare(player: HttpPlayer) -> None:
    with client(player, b'{"predictions": [1.5]}') as asking:
        outputs = asking.predict(np.array([0.1, 2.0]))
    assert sent(player) == {"signature_name": "serving_default", "instances": [0.1, 2.0]}
    assert outputs["y"].dtype == np.float32
    assert outputs["y"].tolist() == [1.5]


def test_strings_are_sent_as_they_are_where_that_is_wanted(player: HttpPlayer) -> None:
    with client(player, b'{"outputs": {"b64": "/wA="}}', row=False, plain_text=True) as asking:
        asking.predict("ä", "text")
        with pytest.raises(errors.NotCarried):
            asking.predict(b"\xff", "text")
    assert sent(player) == {"signature_name": "text", "inputs": {"x": "ä"}}


def test_a_request_may_be_encoded_sent_and_decoded_in_three_steps(player: HttpPlayer) -> None:
    with client(player, b'{"predictions": [1.5]}') as asking:
        whole = asking.predict([1])
        parts = asking.decode(asking.send(asking.encode([1])))
    assert player.asked[-1].body == player.asked[-2].body
    assert parts["y"].tolist() == whole["y"].tolist() == [1.5]


def test_rows_of_several_inputs_are_objects(player: HttpPlayer) -> None:
    body = b'{"predictions": [{"s": 1, "t": 2}, {"t": 4, "s": 3.5}]}'
    with client(player, body) as asking:
        outputs = asking.predict({"a": [[1, 2], [3, 4]], "b": ["x", "ä"]}, "two")
    assert sent(player)["instances"] == [
        {"a": [1.0, 2.0], "b": {"b64": "eA=="}},
        {"a": [3.0, 4.0], "b": {"b64": "w6Q="}},
    ]
    assert {name: array.tolist() for name, array in outputs.items()} == {"s": [1, 3.5], "t": [2, 4]}


def test_columns_are_named(player: HttpPlayer) -> None:
    with client(player, b'{"outputs": {"b64": "/wA="}}', row=False) as asking:
        outputs = asking.predict(b"\xff", "text")
    assert sent(player) == {"signature_name": "text", "inputs": {"x": {"b64": "/w=="}}}
    assert outputs["x_bytes"].tolist() == b"\xff\0"


def test_only_the_outputs_asked_for_are_given(player: HttpPlayer) -> None:
    body = b'{"outputs": {"s": [1], "t": [2]}}'
    with client(player, body, row=False) as asking:
        outputs = asking.predict({"a": [[1, 2]], "b": ["x"]}, "two", ["t"])
    assert list(outputs) == ["t"]


def test_names_are_quoted_in_the_path(player: HttpPlayer) -> None:
    player.answer = lambda _: Reply(200, b'{"model_version_status": []}')
    for options, path in (
        ({}, "/v1/models/a%20b%2F%C3%BC"),
        ({"version": 3}, "/v1/models/a%20b%2F%C3%BC/versions/3"),
        ({"label": "x/y"}, "/v1/models/a%20b%2F%C3%BC/labels/x%2Fy"),
    ):
        with RestClient(player.url, "a b/ü", **options) as asking:
            assert asking.status() == ()
        assert player.asked[-1].path == path


def test_a_version_and_a_label_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="not both"):
        RestClient("http://127.0.0.1", "m", version=1, label="a")


@pytest.mark.parametrize(
    ("inputs", "signature", "why"),
    [
        (1.0, "serving_default", "without dimensions"),
        ([], "serving_default", "number of rows"),
        ({"a": [[1, 2]], "b": ["x", "y"]}, "two", "number of rows"),
        ({}, "none", "without inputs"),
    ],
)
def test_what_has_no_rows_is_not_asked_in_rows(
    player: HttpPlayer, inputs: Any, signature: str, why: str
) -> None:
    with (
        client(player, b"") as asking,
        pytest.raises(errors.NotCarried, match="gRPC or in columns") as caught,
    ):
        asking.predict(inputs, signature)
    assert why in caught.value.why
    assert [request.method for request in player.asked] == ["GET"]


def test_a_signature_without_inputs_is_not_asked_in_columns(player: HttpPlayer) -> None:
    with (
        client(player, b"", row=False) as asking,
        pytest.raises(errors.NotCarried, match=r"Ask over gRPC\."),
    ):
        asking.predict({}, "none")


@pytest.mark.parametrize(
    "said",
    [
        "Failed to write JSON value for tensor type: half",
        "Tensor name: t has no shape information ",
        "Tensor name: t has inconsistent batch size: 2 expecting: 1",
        "Conversion of JSON Value: 1 to type: half",
    ],
)
def test_what_the_server_cannot_say_is_not_carried(player: HttpPlayer, said: str) -> None:
    body = json.dumps({"error": said}).encode()
    with client(player, body, 400) as asking, pytest.raises(errors.NotCarried) as caught:
        asking.predict([1], "half")
    assert caught.value.message == said


def test_an_input_with_a_default_must_be_given_over_rest(player: HttpPlayer) -> None:
    with (
        client(player, b"", row=False) as asking,
        pytest.raises(errors.RequestUnfit, match="missing: k"),
    ):
        asking.predict({"x": 1}, "with_default")
    assert asking.metadata().signatures["with_default"].defaults == {"k"}


def test_unfit_inputs_are_not_sent(player: HttpPlayer) -> None:
    with client(player, b"") as asking, pytest.raises(errors.RequestUnfit):
        asking.predict({"a": [[1, 2]]}, "two")
    assert [request.method for request in player.asked] == ["GET"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"outputs": [1]}',
        b'{"predictions": {"s": [1], "t": [2]}}',
        b'{"predictions": [{"s": 1}]}',
        b'{"predictions": [{"s": 1, "t": 1.5}]}',
        b'{"predictions": [{"s": [1], "t": 1}, {"s": [1, 2], "t": 1}]}',
        b'{"predictions": 3}',
        b'{"predictions": null}',
    ],
    ids=["key", "columns", "missing", "float", "ragged", "number", "null"],
)
def test_outputs_that_are_not_the_signatures_are_unreadable(
    player: HttpPlayer, body: bytes
) -> None:
    with client(player, body) as asking, pytest.raises(errors.AnswerUnreadable):
        asking.predict({"a": [[1, 2]], "b": ["x"]}, "two")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"metadata": 3, "model_spec": {}}',
        b'{"model_spec": 1, "metadata": {}}',
        json.dumps({**METADATA, "model_spec": {"version": "x"}}).encode(),
    ],
)
def test_metadata_that_is_none_is_unreadable(player: HttpPlayer, body: bytes) -> None:
    player.answer = lambda _: Reply(200, body)
    with RestClient(player.url, "m") as asking, pytest.raises(errors.AnswerUnreadable):
        asking.metadata()


def test_a_signature_of_a_kind_yet_unknown_does_not_hide_the_others(player: HttpPlayer) -> None:
    odd: dict[str, Any] = json.loads(json.dumps(METADATA).replace("DT_HALF", "DT_NEW"))
    odd["new_field"] = 1
    player.answer = lambda _: Reply(200, json.dumps(odd).encode())
    with RestClient(player.url, "m") as asking:
        assert list(asking.metadata().signatures) == sorted(SIGNATURES)
        assert asking.metadata().signatures["half"].outputs["h"].dtype == 0


def test_old_exponents_and_numbers_that_are_none_are_read(player: HttpPlayer) -> None:
    with client(player, b'{"predictions": [9e-07.0, NaN, -Infinity ]}') as asking:
        outputs = asking.predict([1])
    np.testing.assert_array_equal(outputs["y"], np.array([9e-07, np.nan, -np.inf], "f4"))


def test_a_large_answer_comes_whole(player: HttpPlayer) -> None:
    numbers = np.random.default_rng(1).random(100_000, np.float32)
    answer: Callable[[Any], bytes] = lambda n: json.dumps({"predictions": n}).encode()  # noqa: E731
    with client(player, answer(numbers.tolist())) as asking:
        outputs = asking.predict(numbers)
    np.testing.assert_array_equal(outputs["y"], numbers)
    np.testing.assert_array_equal(np.array(sent(player)["instances"], "f4"), numbers)
