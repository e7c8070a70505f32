"""Functions of TensorFlow by name, as operation layers call them; importing registers them all."""

from converter.direct.calls import (
    activating,
    elementwise,
    images,
    networks,
    products,
    reducing,
    shaping,
    slicing,
)
from converter.direct.calls.table import invoke, names

__all__ = [
    "activating",
    "elementwise",
    "images",
    "invoke",
    "names",
    "networks",
    "products",
    "reducing",
    "shaping",
    "slicing",
]
