"""The command line of the embedded server is read as tensorflow_model_server reads its own.

Texts and exit codes are those of shared/golden/narrated.md, "Start and end of the process".
"""

from __future__ import annotations

import dataclasses

import pytest

from converter.serving.server import flags
from converter.serving.server.flag_table import FLAGS, TENSORFLOW_SERVING, Flag
from converter.serving.server.flags import CommandLine, Flags, WrongUsage
from converter.serving.status import StatusError

MODEL = ("--model_name=m", "--model_base_path=/models/scale")
TYPES = {"int32": "int", "int64": "int", "float": "float", "bool": "bool", "string": "str"}
OTHER_VALUES = {"int32": "7", "int64": "7", "float": "0.5", "bool": "", "string": "x"}

every_flag = pytest.mark.parametrize("flag", FLAGS.values(), ids=lambda flag: flag.name)


def _read(*arguments: str) -> Flags:
    return flags.parse(arguments).flags


def _other_value(flag: Flag) -> str:
    """Some value of the flag that is not its default."""
    return str(not flag.default).lower() if flag.kind == "bool" else OTHER_VALUES[flag.kind]


def _wrong(*arguments: str) -> tuple[str, ...]:
    with pytest.raises(WrongUsage) as caught:
        flags.parse(arguments)
    return caught.value.errors


def _refusal(line: CommandLine) -> str:
    with pytest.raises(StatusError) as caught:
        line.check()
    return str(caught.value)


def test_defaults_are_those_of_tensorflow_serving() -> None:
    found = _read()
    assert (found.port, found.rest_api_port) == (8500, 0)
    assert found.rest_api_timeout_in_ms == 30000
    assert found.file_system_poll_wait_seconds == 1
    assert found.model_config_file_poll_wait_seconds == 0
    assert (found.max_num_load_retries, found.load_retry_interval_micros) == (5, 60_000_000)
    assert (found.model_name, found.saved_model_tags) == ("default", "serve")
    assert found.enable_model_warmup
    assert not found.enable_batching
    assert not found.allow_version_labels_for_unavailable_models
    assert not found.enable_signature_method_name_check
    assert not found.enable_grpc_healthcheck_service


def test_only_this_machine_can_reach_the_server_unless_told_otherwise() -> None:
    assert _read().host == "127.0.0.1"
    assert _read("--host", "0.0.0.0").host == "0.0.0.0"


def test_the_table_has_the_flags_of_2_15_1_each_once() -> None:
    names = [flag.name for flag in TENSORFLOW_SERVING]
    assert len(set(names)) == len(names) == 47
    # A later release has it; for 2.15.1 it is an unknown argument.
    assert "enable_serialization_as_tensor_content" not in names


def test_attributes_are_the_flags_that_are_acted_on() -> None:
    types = {flag.name: TYPES[flag.kind] for flag in FLAGS.values() if flag.acted_on}
    assert {field.name: field.type for field in dataclasses.fields(Flags)} == types


@every_flag
def test_a_flag_is_acted_on_or_ignored_or_refused(flag: Flag) -> None:
    assert flag.acted_on + bool(flag.ignored) + bool(flag.refused) == 1


@every_flag
def test_usage_tells_every_flag_with_its_default_and_what_becomes_of_it(flag: Flag) -> None:
    lines = [line for line in flags.usage().splitlines() if line.startswith(f"\t--{flag.name}=")]
    assert len(lines) == 1
    assert all(text in lines[0] for text in (flag.kind, flag.help, flag.ignored, flag.refused))


@every_flag
def test_a_value_may_follow_an_equals_sign_or_be_the_next_argument(flag: Flag) -> None:
    value = _other_value(flag)
    joined = flags.parse([f"--{flag.name}={value}"])
    assert flags.parse([f"--{flag.name}", value]) == joined
    assert joined != flags.parse([])
    assert not joined.unknown


def test_a_bool_flag_alone_is_true() -> None:
    line = flags.parse(["--enable_batching", "--rest_api_enable_cors_support", "more"])
    assert line.flags.enable_batching
    assert line.flags.rest_api_enable_cors_support
    assert line.unknown == ("more",)


def test_the_last_value_counts() -> None:
    assert _read("--port=1", "--port", "2", "--port=3").port == 3


def test_white_space_and_a_sign_may_precede_a_number() -> None:
    assert _read("--load_retry_interval_micros= -5").load_retry_interval_micros == -5
    assert _read("--port", "+0012").port == 12


def test_a_negative_number_may_be_the_next_argument() -> None:
    assert _read("--file_system_poll_wait_seconds", "-1").file_system_poll_wait_seconds == -1


def test_a_string_may_be_empty_and_hold_equals_signs() -> None:
    assert _read("--saved_model_tags=").tags == ()
    assert _read("--grpc_channel_arguments=a=b=c").channel_options == (("a", "b=c"),)


def test_tags_are_separated_by_commas() -> None:
    assert _read().tags == ("serve",)
    assert _read("--saved_model_tags=tpu,serve").tags == ("tpu", "serve")


def test_numbers_among_the_grpc_options_are_numbers() -> None:
    found = _read("--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.user=x,")
    assert found.channel_options == (("grpc.max_connection_age_ms", 2000), ("grpc.user", "x"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), (0, 0)),
        (("--tensorflow_session_parallelism=3",), (3, 3)),
        (("--tensorflow_intra_op_parallelism=2",), (2, 0)),
        (("--tensorflow_inter_op_parallelism=2", "--tensorflow_session_parallelism=3"), (0, 2)),
    ],
)
def test_threads_of_either_kind_go_before_threads_of_both(
    arguments: tuple[str, ...], expected: tuple[int, int]
) -> None:
    assert _read(*arguments).parallelism == expected


def test_threads_cannot_be_given_in_all_three_ways() -> None:
    kinds = ("session", "intra_op", "inter_op")
    line = flags.parse([*MODEL, *(f"--tensorflow_{kind}_parallelism=2" for kind in kinds)])
    assert _refusal(line).endswith("separately. You cannot configure all.")


@pytest.mark.parametrize(
    "argument",
    ["--no_such_flag=1", "hello", "-h", "-port=1", "--port", "--ports=1", "--model_names", "--"],
)
def test_what_is_no_flag_is_told_and_does_no_harm(argument: str) -> None:
    line = flags.parse([*MODEL, argument])
    line.check()
    assert line.output == f"unknown argument: {argument}\n" + flags.usage()


def test_a_sound_command_line_prints_nothing() -> None:
    assert flags.parse(MODEL).output == ""


def test_a_flag_is_no_value_for_the_flag_before_it() -> None:
    line = flags.parse(["--model_name", "--port=1"])
    assert line.unknown == ("--model_name",)
    assert (line.flags.model_name, line.flags.port) == ("default", 1)


def test_nothing_after_two_dashes_is_read() -> None:
    line = flags.parse(["--port=1", "--", "--port=2", "--help"])
    assert line.unknown == ("--", "--port=2", "--help")
    assert line.flags.port == 1


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ("--port=abc", "Couldn't interpret value abc for flag port."),
        ("--rest_api_port=abc", "Couldn't interpret value abc for flag rest_api_port."),
        ("--port=", "Couldn't interpret value  for flag port."),
        ("--port=1x", "Couldn't interpret value 1x for flag port."),
        ("--port=0x1f", "Couldn't interpret value 0x1f for flag port."),
        ("--port=2147483648", "Couldn't interpret value 2147483648 for flag port."),
        ("--port=1_0", "Couldn't interpret value 1_0 for flag port."),
        ("--port=１", "Couldn't interpret value １ for flag port."),
        ("--enable_batching=maybe", "Couldn't interpret value =maybe for flag enable_batching."),
        ("--enable_batching=True", "Couldn't interpret value =True for flag enable_batching."),
        ("--enable_batchings", "Couldn't interpret value s for flag enable_batching."),
        (
            "--load_retry_interval_micros=9223372036854775808",
            "Couldn't interpret value 9223372036854775808 for flag load_retry_interval_micros.",
        ),
        (
            "--per_process_gpu_memory_fraction=half",
            "Couldn't interpret value half for flag per_process_gpu_memory_fraction.",
        ),
    ],
)
def test_a_value_that_cannot_be_read_ends_with_the_recorded_text(argument: str, error: str) -> None:
    assert _wrong(*MODEL, argument) == (error,)


def test_all_values_that_cannot_be_read_are_told() -> None:
    assert len(_wrong("--port=a", "--rest_api_port=b", "--no_such_flag=c")) == 2


def test_a_bad_value_is_bad_as_the_next_argument_too() -> None:
    assert _wrong("--port", "abc") == ("Couldn't interpret value abc for flag port.",)


def test_help_ends_with_the_usage_text_and_no_error() -> None:
    assert _wrong("--help") == ()
    assert _wrong("hello", "--help") == ()
    assert flags.EXIT_USAGE == 255
    assert flags.usage().startswith("usage: ")


def test_version_is_asked_for_and_told_in_two_lines() -> None:
    assert _read("--version").version
    assert flags.version_text("0.1", "2.15.1").splitlines() == [
        "convert-h5 ModelServer: 0.1",
        "TensorFlow Library: 2.15.1",
    ]


def test_a_server_without_a_model_does_not_start() -> None:
    line = flags.parse(["--no_such_flag=1"])
    assert line.output.startswith("unknown argument: --no_such_flag=1\n")
    assert _refusal(line) == (
        "INVALID_ARGUMENT: Both server_options.model_base_path and "
        "server_options.model_config_file are empty!"
    )


def test_a_config_file_or_a_base_path_will_do() -> None:
    flags.parse(["--model_config_file=/m.config"]).check()
    flags.parse(["--model_base_path=/m"]).check()


def test_grpc_needs_a_port_or_a_socket() -> None:
    assert _refusal(flags.parse([*MODEL, "--port=0"])) == (
        "INVALID_ARGUMENT: At least one of server_options.grpc_port or "
        "server_options.grpc_socket_path must be set."
    )
    flags.parse([*MODEL, "--port=0", "--grpc_socket_path=/tmp/s"]).check()


@every_flag
def test_an_ignored_flag_is_warned_of_and_a_refused_one_ends_the_start(flag: Flag) -> None:
    line = flags.parse([*MODEL, f"--{flag.name}={_other_value(flag)}"])
    assert bool(line.warnings) == bool(flag.ignored)
    if flag.ignored:
        assert line.warnings == (f"--{flag.name} has no effect: {flag.ignored}",)
    if flag.refused:
        assert _refusal(line) == f"UNIMPLEMENTED: --{flag.name} is not supported: {flag.refused}"
    else:
        line.check()


def test_a_flag_set_to_its_default_is_no_cause_for_a_warning() -> None:
    line = flags.parse([*MODEL, "--enable_profiler", "--use_alts_credentials=false"])
    line.check()
    assert line.warnings == ()
