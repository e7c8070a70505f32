"""Every way that asking a served model can fail.

ServingError                6   `code` and `message` are the server's own where it spoke
 ├─ ModelNotFound           no such model, version or label
 ├─ RequestRefused          the server says that the request is wrong
 ├─ RequestFailed           the server failed to answer it
 ├─ ServerUnavailable       nothing answers, or the connection broke
 ├─ ServerTimeout           no answer in time
 ├─ AnswerUnreadable        an answer that is not TensorFlow Serving's
 ├─ RequestUnfit       2    not sent: names or numbers that the model does not take
 └─ NotCarried              the protocol cannot say the request or the answer
"""

from __future__ import annotations

from converter.errors import ServingFailed
from converter.serving.status import Code


class ServingError(ServingFailed):
    """A served model could not be asked."""

    code = Code.UNKNOWN

    def __init__(
        self,
        what: str,
        *,
        code: Code | None = None,
        message: str = "",
        why: str = "",
        fix: str = "",
    ) -> None:
        super().__init__(what, why=why or message, fix=fix)
        self.message = message
        if code is not None:
            self.code = code


class ModelNotFound(ServingError):
    """The server knows no such model, version or label."""

    id = "serving-model-not-found"
    code = Code.NOT_FOUND


class RequestRefused(ServingError):
    """The server says that the request is wrong; asking again changes nothing."""

    id = "serving-request-refused"
    code = Code.INVALID_ARGUMENT


class RequestFailed(ServingError):
    """The server understood the request and failed to answer it."""

    id = "serving-request-failed"
    code = Code.INTERNAL


class ServerUnavailable(ServingError):
    """Nothing answers at the address, or the connection broke, or the server is too busy."""

    id = "serving-unavailable"
    code = Code.UNAVAILABLE


class ServerTimeout(ServingError):
    """No answer came in time."""

    id = "serving-timeout"
    code = Code.DEADLINE_EXCEEDED


class AnswerUnreadable(ServingError):
    """What came back is not an answer of TensorFlow Serving, or does not fit the signature."""

    id = "serving-answer-unreadable"
    code = Code.DATA_LOSS


class RequestUnfit(ServingError):
    """Nothing was sent: no such signature, not its inputs, or numbers that would lose something."""

    id = "serving-request-unfit"
    exit_code = 2
    code = Code.INVALID_ARGUMENT


class NotCarried(ServingError):
    """The protocol cannot say this request or its answer; `why` tells what of it.

    Another one can: gRPC carries everything, REST in columns more than REST in rows.
    """

    id = "serving-not-carried"
    code = Code.UNIMPLEMENTED


# Where a code is missing the server failed: RequestFailed.
_CLASSES: dict[Code, type[ServingError]] = {
    Code.NOT_FOUND: ModelNotFound,
    Code.INVALID_ARGUMENT: RequestRefused,
    Code.FAILED_PRECONDITION: RequestRefused,
    Code.OUT_OF_RANGE: RequestRefused,
    Code.UNIMPLEMENTED: RequestRefused,
    Code.PERMISSION_DENIED: RequestRefused,
    Code.UNAUTHENTICATED: RequestRefused,
    Code.UNAVAILABLE: ServerUnavailable,
    Code.RESOURCE_EXHAUSTED: ServerUnavailable,
    Code.CANCELLED: ServerUnavailable,
    Code.ABORTED: ServerUnavailable,
    Code.DEADLINE_EXCEEDED: ServerTimeout,
}


def said(code: Code, message: str, asked: str) -> ServingError:
    """The error for what the server said when it was asked for `asked`."""
    what = f"The server answered {code.name} when asked for {asked}"
    return _CLASSES.get(code, RequestFailed)(what, code=code, message=message)
