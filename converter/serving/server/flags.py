"""Reads the command line of `convert-h5 serve` as TensorFlow Serving reads its own.

As there, unknown flags and positional arguments are told and do no harm, a value that cannot be
read ends the process with the usage text, and the last of two values counts. Beyond it, a value
may also be the next argument: `--port 8500`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from converter.serving.server.flag_table import FLAGS, OWN, TENSORFLOW_SERVING, Flag, Kind, Value
from converter.serving.status import Code, StatusError

EXIT_USAGE = 255  # what a main() that returns -1 looks like from outside


@dataclass(frozen=True)
class Flags:
    """The flags that are acted on, each under its own name."""

    port: int
    grpc_socket_path: str
    rest_api_port: int
    rest_api_num_threads: int
    rest_api_timeout_in_ms: int
    rest_api_enable_cors_support: bool
    enable_batching: bool
    allow_version_labels_for_unavailable_models: bool
    batching_parameters_file: str
    enable_per_model_batching_parameters: bool
    model_config_file: str
    model_config_file_poll_wait_seconds: int
    model_name: str
    model_base_path: str
    max_num_load_retries: int
    load_retry_interval_micros: int
    file_system_poll_wait_seconds: int
    tensorflow_session_parallelism: int
    tensorflow_intra_op_parallelism: int
    tensorflow_inter_op_parallelism: int
    ssl_config_file: str
    saved_model_tags: str
    grpc_channel_arguments: str
    grpc_max_threads: int
    enable_model_warmup: bool
    num_request_iterations_for_warmup: int
    version: bool
    monitoring_config_file: str
    enable_signature_method_name_check: bool
    enable_grpc_healthcheck_service: bool
    toolchain: str
    python: str
    host: str

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the graph to load."""
        return tuple(self.saved_model_tags.split(",")) if self.saved_model_tags else ()

    @property
    def channel_options(self) -> tuple[tuple[str, int | str], ...]:
        """gRPC options as pairs; whole numbers as such."""
        return tuple(_channel_options(self.grpc_channel_arguments))

    @property
    def parallelism(self) -> tuple[int, int]:
        """Threads within an operation and operations at once; 0 lets TensorFlow choose."""
        separate = (self.tensorflow_intra_op_parallelism, self.tensorflow_inter_op_parallelism)
        if max(separate) > 0:
            return separate
        return (self.tensorflow_session_parallelism,) * 2


@dataclass(frozen=True)
class CommandLine:
    """What a command line says.

    unknown: arguments that are no flags, in order. without_effect: flags that were set and are
    ignored or refused.
    """

    flags: Flags
    unknown: tuple[str, ...] = ()
    without_effect: tuple[Flag, ...] = ()

    @property
    def output(self) -> str:
        """What to print before the server starts; empty for a sound command line."""
        if not self.unknown:
            return ""
        return "".join(f"unknown argument: {text}\n" for text in self.unknown) + usage()

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for each flag that was set and has no effect."""
        return tuple(
            f"--{flag.name} has no effect: {flag.ignored}"
            for flag in self.without_effect
            if flag.ignored
        )

    def check(self) -> None:
        """Raise StatusError for what keeps a server from starting, as far as flags alone tell."""
        flags = self.flags
        for flag in self.without_effect:
            if flag.refused:
                raise StatusError(
                    Code.UNIMPLEMENTED, f"--{flag.name} is not supported: {flag.refused}"
                )
        if flags.port == 0 and not flags.grpc_socket_path:
            raise _invalid(
                "At least one of server_options.grpc_port or server_options.grpc_socket_path "
                "must be set."
            )
        if not flags.model_base_path and not flags.model_config_file:
            raise _invalid(
                "Both server_options.model_base_path and server_options.model_config_file are "
                "empty!"
            )
        parallelism = (
            flags.tensorflow_session_parallelism,
            flags.tensorflow_intra_op_parallelism,
            flags.tensorflow_inter_op_parallelism,
        )
        if min(parallelism) > 0:
            raise _invalid(
                "Either configure server_options.tensorflow_session_parallelism or "
                "(server_options.tensorflow_intra_op_parallelism, "
                "server_options.tensorflow_inter_op_parallelism) separately. "
                "You cannot configure all."
            )


class WrongUsage(Exception):
    """A value that cannot be read, or --help. Log `errors`, print usage(), exit with EXIT_USAGE."""

    def __init__(self, errors: Sequence[str] = ()) -> None:
        self.errors = tuple(errors)
        super().__init__(" ".join(errors) or "help was asked for")


def parse(arguments: Sequence[str]) -> CommandLine:
    """Read the arguments after `convert-h5 serve`.

    Raises WrongUsage for --help, and for values that cannot be read, all of which it tells.
    """
    values: dict[str, Any] = {flag.name: flag.default for flag in FLAGS.values()}
    unknown: list[str] = []
    errors: list[str] = []
    ahead = list(reversed(arguments))
    while ahead:
        argument = ahead.pop()
        if argument == "--help":
            raise WrongUsage
        if argument == "--":
            unknown += [argument, *reversed(ahead)]
            break
        flag, text = _split(argument)
        if flag and not text and ahead and _belongs(flag, ahead[-1]):
            text = "=" + ahead.pop()
        if flag is None or not (text or flag.kind == "bool"):
            unknown.append(argument)
            continue
        try:
            values[flag.name] = _READERS[flag.kind](text)
        except (ValueError, KeyError):
            told = text if flag.kind == "bool" else text[1:]
            errors.append(f"Couldn't interpret value {told} for flag {flag.name}.")
    if errors:
        raise WrongUsage(errors)
    flags = Flags(**{field.name: values[field.name] for field in dataclasses.fields(Flags)})
    without_effect = tuple(
        flag for flag in FLAGS.values() if not flag.acted_on and values[flag.name] != flag.default
    )
    return CommandLine(flags, tuple(unknown), without_effect)


EXAMPLES = """
Examples:
\tconvert-h5 serve --rest_api_port=8501 --model_name=m --model_base_path=/srv/models/m
\tconvert-h5 serve --port 8500 --model_config_file /srv/models.config --toolchain tf2.2
"""


def usage() -> str:
    """Every flag with its kind, its default and what it is for, and examples."""
    lines = ["usage: convert-h5 serve [FLAGS]", "Flags:", *map(_usage_line, TENSORFLOW_SERVING)]
    lines += ["Flags that tensorflow_model_server does not have:", *map(_usage_line, OWN)]
    return "\n".join(lines) + "\n" + EXAMPLES


def version_text(version: str, tensorflow: str) -> str:
    """The two lines of --version: of convert-h5, and of the TensorFlow that runs the models."""
    return f"convert-h5 ModelServer: {version}\nTensorFlow Library: {tensorflow}\n"


def _usage_line(flag: Flag) -> str:
    default = f'"{flag.default}"' if flag.kind == "string" else str(flag.default).lower()
    notes = [flag.help]
    if flag.ignored:
        notes.append(f"has no effect: {flag.ignored}")
    if flag.refused:
        notes.append(f"not supported: {flag.refused}")
    setting = f"--{flag.name}={default}"
    return f"\t{setting:<40}\t{flag.kind}\t{'; '.join(notes)}"


def _split(argument: str) -> tuple[Flag | None, str]:
    """The flag that an argument sets, and the rest of the argument after its name.

    That rest is empty or starts with "=". Only for a bool flag it may be anything: as in
    TensorFlow Serving, every argument that starts with its name is meant for it.
    """
    if not argument.startswith("--"):
        return None, ""
    name, equals, value = argument[2:].partition("=")
    if name in FLAGS:
        return FLAGS[name], equals + value
    for flag in FLAGS.values():
        if flag.kind == "bool" and name.startswith(flag.name):
            return flag, argument[2 + len(flag.name) :]
    return None, ""


def _belongs(flag: Flag, following: str) -> bool:
    """Whether the argument after a flag without a value is that value."""
    if flag.kind == "bool":
        return following in ("true", "false")
    return not following.startswith("--")


def _whole_number(text: str, bits: int) -> int:
    """What C's scanf reads as an integer: white space, a sign, decimal digits."""
    if not re.fullmatch(r"[ \t\n\v\f\r]*[+-]?[0-9]+", text):
        raise ValueError(text)
    number = int(text)
    if number not in range(-(2 ** (bits - 1)), 2 ** (bits - 1)):
        raise ValueError(text)
    return number


# By kind: the value in the text after a flag's name. They raise ValueError or KeyError.
_READERS: Mapping[Kind, Callable[[str], Value]] = {
    "int32": lambda text: _whole_number(text[1:], 32),
    "int64": lambda text: _whole_number(text[1:], 64),
    "float": lambda text: float(text[1:]),
    "bool": {"": True, "=true": True, "=false": False}.__getitem__,
    "string": lambda text: text[1:],
}


def _channel_options(text: str) -> Iterator[tuple[str, int | str]]:
    for argument in filter(None, text.split(",")):
        name, _, value = argument.partition("=")
        yield name, int(value) if re.fullmatch(r"[+-]?[0-9]+", value) else value


def _invalid(message: str) -> StatusError:
    return StatusError(Code.INVALID_ARGUMENT, message)
