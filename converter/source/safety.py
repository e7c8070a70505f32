"""Look through a whole config for anything that is, or leads to, code.

Everything is compared with what Keras itself brings; what is not known is refused. Nothing is
unmarshalled, imported or looked up. Sources: docs/safety.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from converter.source import bytecode, known
from converter.source.model import Finding

# Keys of a layer's config that hold a function by name.
FUNCTION_KEYS = re.compile(r".*activation$")

# Operations of a TensorFlowOpLayer that touch files, other processes, or run Python.
FORBIDDEN_OPS = re.compile(
    r".*(File|PyFunc|Dataset|Iterator|Reader|Save|Restore|Checkpoint|Lookup|Queue|Print|Summary"
    r"|RemoteCall|Rpc|Library|Recv|Send).*"
)

# Calls of a TFOpLambda that are arithmetic on tensors: a bare name, or one of these namespaces.
ARITHMETIC = re.compile(
    r"(compat\.v1\.)?((math|nn|image|linalg|signal|dtypes|random|__operators__|sparse|strings"
    r"|keras\.backend|keras\.activations)\.)*\w+"
)
FORBIDDEN_CALLS = re.compile(
    r".*(py_func|py_function|numpy_function|load_|print|function|map_fn|while_loop|cond|case)"
)

MAX_NODES = 5_000_000


def scan(config: Any, place: str, *, loaded: bool) -> Iterator[Finding]:
    """Findings in `config`, the parsed JSON of an attribute called `place`.

    loaded: whether a conversion hands this part to Keras. Training configs never are (models are
    loaded without compiling), so what is found there is told, not refused.
    """
    waiting: list[tuple[str, Any]] = [(place, config)]
    nodes = 0
    while waiting:
        path, node = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            yield Finding("config-size", place, "has more parts than any model")
            return
        if isinstance(node, dict):
            for finding in _scan_object(path, node):
                yield finding if loaded else _told(finding)
            waiting.extend((_inside(path, key, node), value) for key, value in node.items())
        elif isinstance(node, list):
            waiting.extend((path, value) for value in node)


def _told(finding: Finding) -> Finding:
    return Finding(
        finding.kind,
        finding.where,
        finding.detail + "; never loaded, since models are not compiled",
        refuse=False,
        digest=finding.digest,
        name=finding.name,
    )


def _inside(path: str, key: str, node: dict[str, Any]) -> str:
    """The place of `key` in `node`: names of layers, not positions, so that people can find it."""
    config = node.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    if key == "config" and isinstance(name, str):
        return f"{path}/{name}"
    return path if key in ("config", "layers", "layer") else f"{path}.{key}"


def _scan_object(path: str, node: dict[str, Any]) -> Iterator[Finding]:
    class_name = node.get("class_name")
    config = node.get("config")
    if isinstance(class_name, str) and "config" in node:
        where = _inside(path, "config", node)
        if class_name in ("Lambda", "__lambda__"):
            yield from _lambdas(where, class_name, config)
        elif class_name in ("function", "builtin_function"):
            yield from _function(where, str(config), node.get("module"))
        else:
            yield from _class(where, class_name, node)
        if class_name == "TensorFlowOpLayer" and isinstance(config, dict):
            yield from _op_layer(where, _operation(config.get("node_def")))
        if class_name in ("TFOpLambda", "ClassMethod") and isinstance(config, dict):
            yield from _op_lambda(where, str(config.get("function", "")))
    for key, value in node.items():
        if FUNCTION_KEYS.fullmatch(key) and isinstance(value, str):
            yield from _function(f"{path}.{key}", value, None)


def _lambdas(where: str, class_name: str, config: Any) -> Iterator[Finding]:
    """A Lambda layer (Keras 1 to 3) or the bytecode object of a Keras 3 one."""
    config = config if isinstance(config, dict) else {}
    if class_name == "__lambda__":
        yield _bytecode(where, config.get("code"))
        return
    for key in ("function", "output_shape", "mask"):
        value = config.get(key)
        kind = config.get(f"{key}_type")
        if isinstance(value, list) and value and isinstance(value[0], str):
            if kind != "raw":
                yield _bytecode(f"{where}.{key}", value[0])
        elif isinstance(value, str) and kind in ("function", None) and key == "function":
            yield Finding(
                "lambda-function",
                f"{where}.{key}",
                f"a Lambda layer calls the function '{value}', which is not in the file",
                permit="--custom-objects FILE.py",
                name=value,
            )


def _bytecode(where: str, text: Any) -> Finding:
    if not isinstance(text, str):
        return Finding("lambda", where, "a Lambda layer whose function cannot be read")
    code = bytecode.decode(text)
    digest = bytecode.digest(code)
    python = bytecode.python_of(code)
    written = f"Python {python} bytecode" if python else "data that is no Python bytecode"
    return Finding(
        "lambda",
        where,
        f"a Lambda layer holds {written} ({len(code)} bytes), which loading would run",
        permit=f"--allow-lambda {digest}",
        digest=digest,
    )


def _class(where: str, class_name: str, node: dict[str, Any]) -> Iterator[Finding]:
    module, registered = node.get("module"), node.get("registered_name")
    name = class_name.rsplit(">", 1)[-1]
    foreign_package = isinstance(registered, str) and ">" in registered
    own = known.is_own_module(module) and not foreign_package and ">" not in class_name
    if own and known.is_class(name):
        return
    # Optimizers of Keras 2.11 on are registered as Custom>Adam.
    if class_name.startswith("Custom>") and known.is_class(name) and known.is_own_module(module):
        return
    shown = f"{module}.{class_name}" if module else class_name
    yield Finding(
        "custom-class",
        where,
        f"the class '{shown}' is not part of Keras",
        permit="--custom-objects FILE.py",
        name=name,
    )


def _function(where: str, name: str, module: Any) -> Iterator[Finding]:
    if known.is_function(name) and known.is_own_module(module):
        return
    yield Finding(
        "custom-function",
        where,
        f"the function '{name}' is not part of Keras",
        permit="--custom-objects FILE.py",
        name=name,
    )


def _op_layer(where: str, operation: str | None) -> Iterator[Finding]:
    if operation is None or FORBIDDEN_OPS.fullmatch(operation):
        yield Finding(
            "tensorflow-op",
            where,
            f"the operation '{operation}' is more than arithmetic on tensors",
        )


def _operation(node_def: Any) -> str | None:
    """The op of a NodeDef: an object, its JSON, or (TensorFlow 1.15) its protobuf bytes."""
    if isinstance(node_def, str) and node_def.lstrip().startswith("{"):
        try:
            node_def = json.loads(node_def)
        except ValueError:
            return None
    if isinstance(node_def, dict):
        return str(node_def.get("op"))
    data = node_def.encode("utf-8") if isinstance(node_def, str) else b""
    # Field 1 is the name, field 2 the op; both are length-delimited and come first.
    at = 0
    text = b""
    for tag in (0x0A, 0x12):
        if len(data) < at + 2 or data[at] != tag or data[at + 1] > 0x7F:
            return None
        text = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + len(text)
    return text.decode("utf-8", "replace")


def _op_lambda(where: str, function: str) -> Iterator[Finding]:
    if not ARITHMETIC.fullmatch(function) or FORBIDDEN_CALLS.match(function):
        yield Finding(
            "tensorflow-op", where, f"the call '{function}' is more than arithmetic on tensors"
        )
