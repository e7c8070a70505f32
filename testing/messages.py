"""Fill protobuf messages at random, by their descriptors, and say what a descriptor holds.

Two messages of equal descriptors get equal contents from equal seeds, whatever the versions of
Python and protobuf. As a program this reads one JSON request from standard input, with its types
given by module and name, and answers about them: tests run it where the official messages are.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from typing import Any

DEPTH = 4
EDGES = {
    "int32": (0, 1, -1, 2**31 - 1, -(2**31)),
    "int64": (0, 1, -1, 2**63 - 1, -(2**63)),
    "uint32": (0, 1, 2**32 - 1),
    "uint64": (0, 1, 2**64 - 1),
    "double": (0.0, -0.0, 1.5, 1e308, float("inf"), float("-inf")),
    "float": (0.0, -0.0, 1.5, 2.0**-149, float("inf"), float("-inf")),
    "bool": (False, True),
    "string": ("", "a", "x y", "ünï", "snow ☃", "long " * 40),
    "bytes": (b"", b"\0", b"\xff\xfe", b"raw", b"long " * 40),
}
# The descriptor's numbers of field types.
TYPES = {
    1: "double",
    2: "float",
    3: "int64",
    4: "uint64",
    5: "int32",
    8: "bool",
    9: "string",
    11: "message",
    12: "bytes",
    13: "uint32",
    14: "enum",
}
REPEATED = 3


def random_message(cls: Any, seed: str, skip: tuple[str, ...] = ()) -> Any:
    """A message of class `cls`; fields that `skip` names as `Message.field` stay empty."""
    message = cls()
    _fill(message, random.Random(seed), skip, 0)
    return message


def _fill(message: Any, rng: random.Random, skip: tuple[str, ...], depth: int) -> None:
    for field in sorted(message.DESCRIPTOR.fields, key=lambda field: int(field.number)):
        if f"{message.DESCRIPTOR.name}.{field.name}" in skip:
            continue
        if rng.random() < 0.3 * depth / DEPTH or (_is_message(field) and depth >= DEPTH):
            continue
        if _is_map(field):
            _fill_map(getattr(message, field.name), field, rng, skip, depth)
        elif _label(field) == REPEATED:
            values = getattr(message, field.name)
            for _ in range(rng.randrange(4)):
                if _is_message(field):
                    _fill(values.add(), rng, skip, depth + 1)
                else:
                    values.append(_scalar(field, rng))
        elif _is_message(field):
            getattr(message, field.name).SetInParent()
            _fill(getattr(message, field.name), rng, skip, depth + 1)
        else:
            setattr(message, field.name, _scalar(field, rng))


def _fill_map(entries: Any, field: Any, rng: random.Random, skip: Any, depth: int) -> None:
    value = field.message_type.fields_by_name["value"]
    for number in range(rng.randrange(4)):
        key = f"key {number}"
        if _is_message(value):
            entries[key].SetInParent()
            _fill(entries[key], rng, skip, depth + 1)
        else:
            entries[key] = _scalar(value, rng)


def _scalar(field: Any, rng: random.Random) -> Any:
    kind = TYPES[field.type]
    if kind == "enum":
        return rng.choice(sorted(value.number for value in field.enum_type.values))
    return rng.choice(EDGES[kind])


def _is_message(field: Any) -> bool:
    return TYPES[field.type] == "message"


def _is_map(field: Any) -> bool:
    return _is_message(field) and bool(field.message_type.GetOptions().map_entry)


def _label(field: Any) -> int:
    """1 for one value, 3 for several: newer protobuf has no `label` any more."""
    if hasattr(field, "is_repeated"):
        return REPEATED if field.is_repeated else 1
    return int(field.label)


def describe(descriptor: Any) -> dict[str, Any]:
    """Everything about a message's fields that shows on the wire, in text and in JSON."""
    fields = {}
    for field in descriptor.fields:
        inner = field.message_type or field.enum_type
        fields[field.name] = {
            "number": field.number,
            "type": TYPES[field.type],
            "of": inner.name if inner is not None else None,
            "repeated": _label(field) == REPEATED,
            "json": field.json_name,
            "oneof": field.containing_oneof.name if field.containing_oneof is not None else None,
            "values": {v.name: v.number for v in field.enum_type.values} if field.enum_type else {},
        }
    return fields


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """For each type: its description, random messages by seed, and the given bytes read again."""
    told: dict[str, Any] = {}
    for name, (module, path) in request["types"].items():
        cls: Any = importlib.import_module(module)
        for part in path.split("."):
            cls = getattr(cls, part)
        made = [random_message(cls, seed, tuple(request["skip"])) for seed in request["seeds"]]
        again = [cls.FromString(bytes.fromhex(text)) for text in request["messages"].get(name, ())]
        told[name] = {
            "fields": describe(cls.DESCRIPTOR),
            "made": [_hex(message) for message in made],
            "again": [_hex(message) for message in again],
            # Sorted, for the order of fields in text is not part of the protocol.
            "text": [sorted(str(message).splitlines()) for message in again],
        }
    return told


def _hex(message: Any) -> str:
    text: str = message.SerializeToString(deterministic=True).hex()
    return text


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
