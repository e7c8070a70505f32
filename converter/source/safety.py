"""Look through a whole config for anything that is, or leads to, code or other files.

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
from converter.source.operations import is_arithmetic_call, is_arithmetic_operation, operation_of

# Keys of a layer's config that hold a function by name.
FUNCTION_KEYS = re.compile(r".*activation$")

# Layers of Lambda's kind: functions are kept as bytecode or as names, `<key>_type` says which.
# Sources: keras 1.2.2 engine/topology.py (Merge), layers/core.py (Lambda) of 1.2.2 to 2.15.
TYPED_FUNCTION = re.compile(r"(.+)_type")
CODE_TYPES = ("lambda", "function")
LAMBDA_KEYS = ("function", "output_shape", "mask")

# Keys whose text value is the name of a file that loading would read.
FILE_KEYS = ("vocabulary", "vocabulary_file", "filepath", "file_path")

# Layers that are a call, looked up in TensorFlow by name while loading; and calls on the class of a
# tensor. Source: keras 2.15.0 layers/core/tf_op_layer.py.
CALL_LAYERS = ("TFOpLambda", "SlicingOpLambda")
METHOD_LAYERS = ("ClassMethod", "InstanceMethod", "InstanceProperty")

MAX_NODES = 5_000_000

Object = dict[str, Any]


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
            waiting.extend(_below(path, node))
        elif isinstance(node, list):
            waiting.extend((path, value) for value in node)


def _below(path: str, node: Object) -> Iterator[tuple[str, Any]]:
    """Where to look next. The code of a __lambda__ object is judged with the object."""
    for key, value in node.items():
        inside = _inside(path, key, node)
        if key == "config" and node.get("class_name") == "__lambda__" and isinstance(value, dict):
            yield from ((inside, inner) for inner in value.values())
        else:
            yield inside, value


def _told(finding: Finding) -> Finding:
    return Finding(
        finding.kind,
        finding.where,
        finding.detail + "; never loaded, since models are not compiled",
        refuse=False,
        digest=finding.digest,
        name=finding.name,
    )


def _inside(path: str, key: str, node: Object) -> str:
    """The place of `key` in `node`: names of layers, not positions, so that people can find it."""
    config = node.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    if key == "config" and isinstance(name, str):
        return f"{path}/{name}"
    return path if key in ("config", "layers", "layer") else f"{path}.{key}"


def _scan_object(path: str, node: Object) -> Iterator[Finding]:
    class_name = node.get("class_name")
    config = node.get("config")
    if "class_name" in node and not isinstance(class_name, str):
        yield Finding("custom-class", path, "a class_name that is no text")
    elif isinstance(class_name, str) and "config" in node:
        yield from _scan_reference(_inside(path, "config", node), class_name, node)
    if "code" in node:
        yield from _code(path, node["code"])
    for key, value in node.items():
        typed = TYPED_FUNCTION.fullmatch(key)
        if typed and value in CODE_TYPES:
            yield from _typed_function(path, typed[1], str(value), node)
        if FUNCTION_KEYS.fullmatch(key) and isinstance(value, str):
            yield from _function(f"{path}.{key}", value, None)
        if key in FILE_KEYS and isinstance(value, str):
            detail = f"loading would read the file '{value}' into the model"
            yield Finding("file-reference", f"{path}.{key}", detail)
    if class_name == "Lambda" and isinstance(config, dict):
        yield from _untyped_lambda(_inside(path, "config", node), config)


def _scan_reference(where: str, class_name: str, node: Object) -> Iterator[Finding]:
    """An object that names a class or function of its own."""
    config = node["config"]
    if class_name == "__lambda__":
        held = config if isinstance(config, dict) else {}
        rest = {key: value for key, value in held.items() if key != "code"}
        yield _bytecode(where, held.get("code"), rest)
    elif class_name in ("function", "builtin_function"):
        yield from _function(where, str(config), node.get("module"))
    elif class_name in METHOD_LAYERS:
        yield _more_than_arithmetic(where, f"the method layer {class_name}")
    elif class_name == "TensorFlowOpLayer":
        found = operation_of(_message(config))
        if not is_arithmetic_operation(found):
            yield _more_than_arithmetic(where, f"the operation '{found}'")
    elif class_name in CALL_LAYERS:
        call = config.get("function") if isinstance(config, dict) else None
        if not isinstance(call, str) or not is_arithmetic_call(call):
            yield _more_than_arithmetic(where, f"the call '{call}'")
    elif class_name != "Lambda":
        yield from _class(where, class_name, node)


def _more_than_arithmetic(where: str, what: str) -> Finding:
    return Finding("tensorflow-op", where, f"{what} is more than arithmetic on tensors")


def _message(config: Any) -> Any:
    """A TensorFlowOpLayer's NodeDef: an object, its JSON in text, or a protobuf in text."""
    node_def = config.get("node_def") if isinstance(config, dict) else None
    if isinstance(node_def, str) and node_def.lstrip().startswith("{"):
        try:
            return json.loads(node_def, object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError):
            return None
    try:
        # A lone surrogate is no part of any NodeDef.
        return node_def.encode("utf-8").decode("utf-8") if isinstance(node_def, str) else node_def
    except UnicodeEncodeError:
        return None


def _without_repeats(pairs: list[tuple[str, Any]]) -> Object:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stated twice")
    return dict(pairs)


def _typed_function(path: str, key: str, kind: str, node: Object) -> Iterator[Finding]:
    """A function kept as bytecode (`<key>_type` is `lambda`) or by its name (`function`)."""
    where, value = f"{path}.{key}", node.get(key)
    if kind == "lambda" and isinstance(value, dict):
        config = value.get("config")
        code = config.get("code") if isinstance(config, dict) else None
        met = value.get("class_name") == "__lambda__" or any(_code(where, code))
        if not met:  # else it is judged where it stands
            yield _bytecode(where, code)
    elif kind == "lambda":
        yield _listed(where, key, value, node)
    elif value is not None:
        yield _named(where, str(value))


def _untyped_lambda(where: str, config: Object) -> Iterator[Finding]:
    """What a Lambda holds without saying of which type it is."""
    typed = [key for key in LAMBDA_KEYS if config.get(f"{key}_type") in CODE_TYPES]
    for key in LAMBDA_KEYS:
        value = config.get(key)
        if key in typed:
            continue
        if isinstance(value, list) and value and isinstance(value[0], str):
            yield _listed(f"{where}.{key}", key, value, config)
        elif key == "function" and isinstance(value, str):
            yield _named(f"{where}.{key}", value)
        elif key == "function" and not typed and not _is_object(value):
            yield Finding("lambda", f"{where}.{key}", "a Lambda layer whose function is not told")


def _is_object(value: Any) -> bool:
    """Whether `value` is a reference that the scan meets, and judges, by itself."""
    return (
        isinstance(value, dict) and isinstance(value.get("class_name"), str) and "config" in value
    )


def _code(path: str, value: Any) -> Iterator[Finding]:
    """Bytecode outside a Keras 3 __lambda__ object."""
    if isinstance(value, str) and bytecode.python_of(bytecode.decode(value)) is not None:
        yield _bytecode(f"{path}.code", value)


def _named(where: str, name: str) -> Finding:
    return Finding(
        "lambda-function",
        where,
        f"a layer calls the function '{name}', which is not in the file",
        permit="--custom-objects FILE.py",
        name=name,
    )


def _listed(where: str, key: str, value: Any, node: Object) -> Finding:
    """Bytecode as [code, defaults, closure] or alone, in the module that the layer names.

    Keras puts that module's names, and the layer's arguments, within the code's reach.
    """
    listed = value if isinstance(value, list) and value else [value]
    rest = {str(i): part for i, part in enumerate(listed) if i}
    reach = {"module": node.get("module" if key == "function" else f"{key}_module")}
    arguments = {"arguments": node.get("arguments")} if key == "function" else {}
    return _bytecode(where, listed[0], {**rest, **reach, **arguments})


def _bytecode(where: str, text: Any, surroundings: Object | None = None) -> Finding:
    if not isinstance(text, str):
        return Finding("lambda", where, "a function kept as code that cannot be read")
    code = bytecode.decode(text)
    digest = bytecode.digest(code, surroundings)
    python = bytecode.python_of(code)
    written = f"Python {python} bytecode" if python else "data that is no Python bytecode"
    return Finding(
        "lambda",
        where,
        f"a Lambda layer holds {written} ({len(code)} bytes), which loading would run",
        permit=f"--allow-lambda {digest}",
        digest=digest,
    )


def _class(where: str, class_name: str, node: Object) -> Iterator[Finding]:
    module, registered = node.get("module"), node.get("registered_name")
    name = class_name.rsplit(">", 1)[-1]
    foreign_package = isinstance(registered, str) and ">" in registered
    # Optimizers of Keras 2.11 on are registered as Custom>Adam.
    own_package = ">" not in class_name or class_name.startswith("Custom>")
    of_keras = known.is_own_module(module) and own_package and known.is_class(name)
    if (of_keras or known.is_initializer(class_name, module)) and not foreign_package:
        return
    yield Finding(
        "custom-class",
        where,
        f"the class '{f'{module}.{class_name}' if module else class_name}' is not part of Keras",
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
        name=name.rsplit(">", 1)[-1],
    )
