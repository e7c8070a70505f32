"""The ways to make a SavedModel, one module for each TensorFlow API.

A strategy is a module with two functions:

    unsupported(job) -> None, or one sentence why this toolchain or model cannot use it
    write(job, folder) -> {"inputs" | "outputs": {key it wrote: key of the contract}}, for the
                          keys that differ

`write` leaves a SavedModel in `folder`, with a signature `serving_default`. What all SavedModels
have in common (names, tags, stripped attributes, freezing) is done afterwards, in one place.
"""

from ..failures import Unsupported
from . import builder, contrib, export, save_model, simple_save

STRATEGIES = {
    "builder": builder,
    "contrib": contrib,
    "export": export,
    "save_model": save_model,
    "simple_save": simple_save,
}


def get(name):
    """The strategy's module. Raises Unsupported for an unknown name."""
    if name not in STRATEGIES:
        raise Unsupported("there is no strategy %r" % name)
    return STRATEGIES[name]
