"""convert-h5: any Keras .h5 in, a proven TensorFlow SavedModel out.

>>> from converter import convert
>>> report = convert("model.h5", "models/m")
>>> report.published
PosixPath('models/m/1')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from converter.api import convert, inspect, verify
    from converter.errors import ConvertH5Error
    from converter.options import Options

__version__ = "0.1.0"
__all__ = ["ConvertH5Error", "Options", "__version__", "convert", "inspect", "verify"]

_HOMES = {
    "ConvertH5Error": "converter.errors",
    "Options": "converter.options",
    "convert": "converter.api",
    "inspect": "converter.api",
    "verify": "converter.api",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `import converter` alone must stay quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'converter' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
