"""A layer's config with checks: what a function needs and the file does not say is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from converter.errors import NotDirect

_MISSING = object()


class Config:
    """The `config` of a layer called `path` of class `class_name`, as the file has it."""

    def __init__(self, values: Mapping[str, Any], path: str, class_name: str) -> None:
        self.values = values
        self.path = path
        self.class_name = class_name

    def refuse(self, why: str) -> NotDirect:
        """The error for a layer that cannot be converted here."""
        return NotDirect(
            f"The layer '{self.path}' ({self.class_name}) is not known to the strategy direct",
            why=why,
            fix="Use --strategy auto, whose other strategies run Keras itself",
        )

    def get(self, key: str, default: Any = _MISSING) -> Any:
        """A value. Raises NotDirect where it is missing and has no default."""
        value = self.values.get(key, default)
        if value is _MISSING:
            raise self.refuse(f"its config has no '{key}'")
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        """True or false."""
        value = self.get(key, _MISSING if default is None else default)
        if not isinstance(value, bool | int):
            raise self.refuse(f"its '{key}' is {value!r}")
        return bool(value)

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number."""
        value = self.get(key, _MISSING if default is None else default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise self.refuse(f"its '{key}' is {value!r}")
        return int(value)

    def number(self, key: str, default: float | None = None) -> float:
        """Any number; Keras wraps some in an array's config."""
        value = self.get(key, _MISSING if default is None else default)
        if isinstance(value, dict):
            value = value.get("value", value.get("config", {}).get("value"))
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(f"its '{key}' is {value!r}")
        return float(value)

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        value = self.get(key, _MISSING if default is None else default)
        if not isinstance(value, str):
            raise self.refuse(f"its '{key}' is {value!r}")
        return value

    def integers(self, key: str, count: int, default: int | None = None) -> tuple[int, ...]:
        """`count` whole numbers; one alone stands for all."""
        value = self.get(key, _MISSING if default is None else default)
        numbers = value if isinstance(value, list | tuple) else [value] * count
        if len(numbers) != count or not all(isinstance(n, int) for n in numbers):
            raise self.refuse(f"its '{key}' is {value!r}")
        return tuple(numbers)

    def channels_first(self) -> bool:
        """Whether the channels come before the places."""
        value = self.get("data_format", None) or "channels_last"
        if value not in ("channels_first", "channels_last"):
            raise self.refuse(f"its 'data_format' is {value!r}")
        return bool(value == "channels_first")
