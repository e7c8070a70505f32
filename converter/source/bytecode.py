"""Recognise marshalled Python bytecode by its shape; nothing is ever unmarshalled.

A marshalled code object starts with a type byte, then the counts of its arguments and locals as
32-bit integers, then the code string. How many integers come before the code string tells the
Python that wrote it. Source: Python/marshal.c (w_object) of CPython 2.7, 3.4, 3.8 and 3.11.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

# Surroundings that change nothing.
NOTHING: tuple[Any, ...] = (None, [], {}, "", "__main__", "builtins")

FLAG_REF = 0x80
CODE = ord("c")
STRING = ord("s")

# (integers before the code string, type byte has FLAG_REF) -> Pythons that write that
LAYOUTS = {
    (4, False): "2.7",
    (5, True): "3.4 to 3.7, or 3.11 and later",  # told apart by RESUME
    (6, True): "3.8 to 3.10",
}
# From 3.11 a function's code has RESUME 0 near its start; its number changes.
# Source: Include/opcode.h. 149 is COPY_FREE_VARS in 3.11 and 3.12, whose argument is never 0.
RESUME = {151: "3.11 or 3.12", 149: "3.13", 128: "3.14"}
# Instructions that may come before it: COPY_FREE_VARS, and a MAKE_CELL for each cell.
SET_UP = 6


def decode(text: str) -> bytes:
    """The bytes behind a Lambda's text: base64 (Keras 2.0.9 on) or raw escapes (before).

    As lenient as Keras itself. Source: keras 2.15.0 utils/generic_utils.py func_load.
    """
    try:
        return binascii.a2b_base64(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return text.encode("raw_unicode_escape")


def digest(code: bytes, surroundings: Mapping[str, Any] | None = None) -> str:
    """The name under which --allow-lambda permits this bytecode.

    surroundings: what else decides what it does (defaults, closure, module, arguments); only what
    is there counts, so that bare bytecode has the digest of its bytes.
    """
    present = {k: v for k, v in (surroundings or {}).items() if v not in NOTHING}
    told = json.dumps(present, sort_keys=True).encode() if present else b""
    return "sha256:" + hashlib.sha256(code + told).hexdigest()


def python_of(code: bytes) -> str | None:
    """Which Pythons write code objects of this layout, or None if it is no code object."""
    if not code or code[0] & ~FLAG_REF != CODE:
        return None
    for (integers, flagged), pythons in LAYOUTS.items():
        at = 1 + 4 * integers
        same_flag = bool(code[0] & FLAG_REF) == flagged
        if same_flag and len(code) > at + 5 and code[at] & ~FLAG_REF == STRING:
            return _by_resume(code[at + 5 :]) if integers == 5 else pythons
    return "an unknown version"


def _by_resume(instructions: bytes) -> str:
    """Among Pythons of one layout: RESUME comes first, or after what sets up cells and closures."""
    for at in range(0, min(len(instructions), 2 * SET_UP), 2):
        if instructions[at] in RESUME and instructions[at + 1 : at + 2] == b"\0":
            return RESUME[instructions[at]]
    return "3.4 to 3.7"
