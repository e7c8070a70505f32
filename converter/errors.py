"""Every way a run can fail, in one place.

Each class is one failure: a stable `id` (users grep for it, docs/errors.md explains it), the exit
code of the command line, and a message of three parts: what happened, why, and what to do.

    ConvertH5Error
     ├─ UsageError                 2   the command cannot be carried out as given
     │   ├─ TargetNotWritable
     │   ├─ TargetFull
     │   └─ VersionExists
     ├─ SourceError                3   the source cannot be read or is not supported
     │   ├─ SourceNotFound, SourceNotReadable, NotHDF5, KerasArchive, SourceTruncated,
     │   │  SourceChanged
     │   ├─ WeightsOnly, ConfigUnreadable, NoKerasModel
     │   ├─ UnknownLayer, NotDirect
     │   └─ NoUsableSamples, EmptyOutput
     ├─ UnsafeSource               4   refused until permitted by name or digest
     ├─ ToolchainError             5   a toolchain could not be provided
     │   ├─ UnknownToolchain, InterpreterMissing, InstallFailed, ToolchainUnhealthy
     │   └─ NoToolchain
     ├─ WorkerError                7   the child process failed; carries the tail of its log
     │   ├─ WorkerDied, WorkerTimeout, WorkerProtocolError
     │   └─ WorkerRaised
     ├─ NotConverted               7   no strategy produced a SavedModel
     ├─ ServingFailed              6   the SavedModel could not be loaded or asked
     └─ NotProven                  1   the answers differ from the reference
"""

from __future__ import annotations

from converter.text import printable, shortened


class ConvertH5Error(Exception):
    """Base of all expected failures: one sentence each for what, why and how to fix it."""

    id = "convert-h5"
    exit_code = 70

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        self.what = what
        self.why = why
        self.fix = fix
        # The report of the run that failed, where there is one (converter.report.model.Report).
        self.report: object | None = None
        super().__init__(self.line())

    def line(self) -> str:
        """The whole message on one line, without the id; fit for a terminal."""
        parts = [shortened(printable(part)).rstrip(".") for part in (self.what, self.why, self.fix)]
        return ". ".join(part for part in parts if part) + "."


class UsageError(ConvertH5Error):
    """The command cannot be carried out as given."""

    id = "usage"
    exit_code = 2


class TargetNotWritable(UsageError):
    """The export folder cannot be created or written to."""

    id = "target-not-writable"


class TargetFull(UsageError):
    """The file system of the export folder has no room left."""

    id = "target-full"


class VersionExists(UsageError):
    """The asked-for version number is already published; nothing is ever overwritten."""

    id = "version-exists"


class SourceError(ConvertH5Error):
    """The source cannot be read, or is of a kind that cannot be converted."""

    id = "source"
    exit_code = 3


class SourceNotFound(SourceError):
    """No such file."""

    id = "source-not-found"


class SourceNotReadable(SourceError):
    """The path exists but cannot be read as a file (a directory, no permission)."""

    id = "source-not-readable"


class NotHDF5(SourceError):
    """The file does not start with an HDF5 signature."""

    id = "source-not-hdf5"


class KerasArchive(SourceError):
    """A zip file of the Keras 3 `.keras` format."""

    id = "source-keras-zip"


class SourceTruncated(SourceError):
    """The file is HDF5 but damaged or cut short."""

    id = "source-truncated"


class SourceChanged(SourceError):
    """Somebody wrote to the file while it was read."""

    id = "source-changed"


class WeightsOnly(SourceError):
    """The file has weights but no architecture."""

    id = "source-weights-only"


class NoKerasModel(SourceError):
    """HDF5, but nothing that Keras wrote."""

    id = "source-no-keras-model"


class ConfigUnreadable(SourceError):
    """The model's configuration is not JSON, or not of a known shape."""

    id = "source-config-unreadable"


class UnknownLayer(SourceError):
    """A layer class that no toolchain of the plan knows."""

    id = "source-unknown-layer"


class NotDirect(SourceError):
    """The model holds something that the strategy `direct` does not know."""

    id = "source-not-direct"


class NoUsableSamples(SourceError):
    """No inputs could be made that the model accepts."""

    id = "samples-unusable"


class EmptyOutput(SourceError):
    """An output has no elements whatever the input: there is nothing to prove."""

    id = "source-empty-output"


class UnsafeSource(ConvertH5Error):
    """The safety scan found something that could run code or reach outside the file."""

    id = "source-unsafe"
    exit_code = 4


class ToolchainError(ConvertH5Error):
    """A toolchain could not be provided."""

    id = "toolchain"
    exit_code = 5


class UnknownToolchain(ToolchainError):
    """The id is not in the catalog."""

    id = "toolchain-unknown"


class InterpreterMissing(ToolchainError):
    """The Python that a toolchain needs cannot be had on this machine."""

    id = "toolchain-python-missing"


class InstallFailed(ToolchainError):
    """The packages of a toolchain could not be installed."""

    id = "toolchain-install-failed"


class ToolchainUnhealthy(ToolchainError):
    """An environment does not hold what its lock or the user promised."""

    id = "toolchain-unhealthy"


class NoToolchain(ToolchainError):
    """None of the plan's toolchains could be provided."""

    id = "toolchain-none"


class WorkerError(ConvertH5Error):
    """A worker failed. `log_tail` holds the last lines of its log."""

    id = "worker"
    exit_code = 7

    def __init__(self, what: str, *, why: str = "", fix: str = "", log_tail: str = "") -> None:
        super().__init__(what, why=why, fix=fix)
        self.log_tail = log_tail


class WorkerDied(WorkerError):
    """The worker process ended while a request was open."""

    id = "worker-died"


class WorkerTimeout(WorkerError):
    """The worker did not answer within its deadline and was ended."""

    id = "worker-timeout"


class WorkerProtocolError(WorkerError):
    """The worker answered with something that is not a message."""

    id = "worker-protocol"


class WorkerRaised(WorkerError):
    """Keras or TensorFlow raised inside the worker; the worker lives on.

    `kind` is the worker's own word for it (`keras`, `unsupported`, `no-space`, `memory`, `status`),
    `exception` the class name raised there, `message` its text; a `status` has TensorFlow's `code`.
    """

    id = "worker-raised"

    def __init__(
        self,
        what: str,
        *,
        kind: str,
        exception: str = "",
        code: int | None = None,
        message: str = "",
        why: str = "",
        log_tail: str = "",
    ) -> None:
        super().__init__(what, why=why, log_tail=log_tail)
        self.kind = kind
        self.exception = exception
        self.code = code
        self.message = message


class NotConverted(ConvertH5Error):
    """No strategy of the plan produced a SavedModel."""

    id = "not-converted"
    exit_code = 7


class ServingFailed(ConvertH5Error):
    """A SavedModel could not be served, or not asked. `log_tail` holds the server's last lines."""

    id = "serving-failed"
    exit_code = 6

    def __init__(self, what: str, *, why: str = "", fix: str = "", log_tail: str = "") -> None:
        super().__init__(what, why=why, fix=fix)
        self.log_tail = log_tail


class NotProven(ConvertH5Error):
    """The served answers differ from the reference, so nothing was published."""

    id = "not-proven"
    exit_code = 1
