"""What went wrong in the worker, in the few words that the orchestrator can act on."""

import errno


class Unsupported(Exception):
    """This toolchain or strategy cannot do what was asked; the message says why in a sentence."""


class SavedModelError(Exception):
    """A SavedModel could not be loaded or has no such signature."""


def describe(error):
    """{"kind", "exception", "message"} of an exception.

    kind: `unsupported` (said so on purpose), `saved-model` (loading or asking a SavedModel),
    `no-space`, `memory`, or `keras` for whatever Keras and TensorFlow raised.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return {
        "kind": _kind(error),
        "exception": type(error).__name__,
        "message": " ".join(lines)[:2000],
    }


def _kind(error):
    if isinstance(error, Unsupported):
        return "unsupported"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no-space"
    if "No space left on device" in str(error):
        return "no-space"
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "memory"
    if isinstance(error, SavedModelError):
        return "saved-model"
    return "keras"
