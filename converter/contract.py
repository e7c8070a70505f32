"""The signature contract of a model: keys from the Keras names, renamed where the user asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from converter.errors import UsageError
from converter.options import SERVING_DEFAULT, Options
from converter.source.model import Port, SourceModel


@dataclass(frozen=True)
class Contract:
    """Signature keys in the model's order, signature names (serving_default first) and tags."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    signatures: tuple[str, ...]
    tags: tuple[str, ...]

    def fields(self) -> dict[str, Any]:
        """As the fields of a `convert` request."""
        return {name: list(value) for name, value in vars(self).items()}


def make(source: SourceModel, options: Options) -> Contract:
    """The contract of `source`. Raises UsageError for a renaming that does not fit."""
    return Contract(
        inputs=_keys(source.inputs, options.rename_inputs, "input"),
        outputs=_keys(source.outputs, options.rename_outputs, "output"),
        signatures=tuple(dict.fromkeys((SERVING_DEFAULT, *options.signatures))),
        tags=options.tags,
    )


def _keys(ports: Sequence[Port], renamed: Mapping[str, str], what: str) -> tuple[str, ...]:
    known = [port.key for port in ports]
    for old in renamed:
        if old not in known:
            raise UsageError(
                f"The model has no {what} '{old}' to rename", fix=f"It has: {', '.join(known)}"
            )
    keys = tuple(renamed.get(key, key) for key in known)
    if len(set(keys)) != len(keys):
        raise UsageError(f"Two {what}s would have the same name", why=f"keys: {', '.join(keys)}")
    return keys
