"""What went wrong in the worker, in the few words that the orchestrator can act on."""

import errno

# Longer texts are cut. TensorFlow puts what it was given into some of its messages, and that may be
# larger than any message of ours.
LONGEST_TEXT = 1 << 20


class Unsupported(Exception):
    """This toolchain or strategy cannot do what was asked; the message says why in a sentence."""


class SavedModelError(Exception):
    """A SavedModel could not be loaded or has no such signature."""


class Status(Exception):
    """A status of TensorFlow's own: the number of its code, and its text to the letter."""

    def __init__(self, code, message):
        self.code = code
        self.message = message
        super().__init__(message)


def describe(error):
    """{"kind", "exception", "message"} of an exception; of a Status {"kind", "code", "message"}.

    kind: `status`, `unsupported` (said so on purpose), `saved-model` (loading or asking one),
    `no-space`, `memory`, or `keras` for whatever Keras and TensorFlow raised.
    """
    if isinstance(error, Status):
        message = error.message[:LONGEST_TEXT]
        return {"kind": "status", "code": error.code, "message": message}
    return {
        "kind": _kind(error),
        "exception": type(error).__name__,
        "message": sentence(error)[:2000],
    }


def sentence(error):
    """What an exception says, in one line.

    Keras 3 tells the config of every layer on the way to what it could not read, thousands of
    characters; of these only the end is kept, which says what is wrong.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines).split("Exception encountered: ")[-1]


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
