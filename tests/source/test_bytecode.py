"""Bytecode is recognised by its shape, for every Python that ever wrote a Lambda layer."""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess

import pytest

from converter.source import bytecode
from converter.toolchain import interpreters
from testing.hdf5 import base64_of, marshalled, raw_of

PRINT_CODE = "import marshal, sys; f = {}; sys.stdout.buffer.write(marshal.dumps(f.__code__))"

LAMBDAS = {
    "plain": "lambda x: x * 2",
    "calls": "lambda x, n=3: len(x[0]) + n",
    "constant": "lambda: None",
    "closure": "(lambda k: lambda x: x + k)(2)",
    "cell": "lambda x: (lambda: x)()",
}


def minor(version: str) -> int:
    return int(version.split(".")[1])


def covers(told: str | None, version: str) -> bool:
    """Whether `told` ('3.8 to 3.10', '3.11 or 3.12', '3.14') names `version`."""
    bounds = [minor(v) for v in re.findall(r"3\.\d+", told or "")]
    return bool(bounds) and bounds[0] <= minor(version) <= bounds[-1]


def code_of(version: str, source: str) -> bytes:
    python = interpreters.find(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    command = [str(python), "-I", "-c", PRINT_CODE.format(source)]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.mark.parametrize("shape", LAMBDAS)
@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"])
def test_real_bytecode_tells_its_python(version: str, shape: str) -> None:
    told = bytecode.python_of(code_of(version, LAMBDAS[shape]))
    assert covers(told, version), f"Python {version} was told to be {told}"


def test_bytecode_of_python_2_is_recognised() -> None:
    code = b"d\x01\x00S"
    python_2 = b"c" + struct.pack("<4i", 1, 1, 2, 67) + b"s" + struct.pack("<i", len(code)) + code
    assert bytecode.python_of(python_2) == "2.7"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (b"", None),
        (b"hello", None),
        (b"\x00" * 100, None),
        (b"c", "an unknown version"),
        (b"\xe3" + b"\x00" * 100, "an unknown version"),
    ],
)
def test_other_bytes_are_no_bytecode_or_of_an_unknown_version(
    code: bytes, told: str | None
) -> None:
    assert bytecode.python_of(code) == told


@pytest.mark.parametrize("length", range(0, 40))
def test_bytecode_cut_short_is_no_internal_error(length: int) -> None:
    told = bytecode.python_of(marshalled(lambda x: x)[:length])
    assert (told is None) == (length == 0)


def test_base64_and_raw_text_give_the_same_bytes() -> None:
    code = marshalled(lambda x: [x, "é", 1 << 70])
    assert bytecode.decode(base64_of(code)) == code
    assert bytecode.decode(base64_of(code).replace("\n", "")) == code
    assert bytecode.decode(raw_of(code)) == code


@pytest.mark.parametrize("text", ["", "é", "\ud800", "not base64!", "\u2028", "AAA"])
def test_any_text_decodes_to_something(text: str) -> None:
    assert isinstance(bytecode.decode(text), bytes)


def test_the_digest_is_the_sha256_of_the_bytes() -> None:
    assert bytecode.digest(b"abc") == "sha256:" + hashlib.sha256(b"abc").hexdigest()
    assert bytecode.digest(b"abc") != bytecode.digest(b"abd")
