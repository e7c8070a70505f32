"""Models, their versions and labels: what is loaded, what is asked for, and who may be unloaded.

A new version is loaded before the old one is dropped, and the old one is dropped only when nobody
asks it any longer. A version that fails to load ends with its error and is never tried again under
its number. The states and their order are TensorFlow Serving's (core/aspired_versions_manager.cc,
core/loader_harness.cc and the recordings).
"""

from __future__ import annotations

import contextlib
import enum
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from converter.serving.server import storage
from converter.serving.server.config import (
    ConfigHistory,
    Labels,
    Models,
    assign_labels,
    check_platforms,
)
from converter.serving.server.servable import Loader, Servable
from converter.serving.status import Code, StatusError

log = logging.getLogger(__name__)

# Versions that are loaded at the same time.
LOADING_AT_ONCE = 4


class State(enum.IntEnum):
    """The state of a version, with the numbers of ModelVersionStatus.State."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass
class Version:
    """One version of a model. `leases` counts the requests that ask it right now."""

    number: int
    folder: Path
    state: State = State.START
    error: StatusError | None = None
    servable: Servable | None = None
    leases: int = 0
    aspired: bool = True


@dataclass
class Model:
    """Every version of a model that was ever seen."""

    versions: dict[int, Version] = field(default_factory=dict)

    def aspired(self) -> list[Version]:
        """The versions that should be served, highest first."""
        return sorted((v for v in self.versions.values() if v.aspired), key=lambda v: -v.number)

    def available(self) -> list[Version]:
        """The versions that can be asked, highest first."""
        found = (v for v in self.versions.values() if v.state is State.AVAILABLE)
        return sorted(found, key=lambda v: -v.number)


@dataclass(frozen=True)
class Options:
    """The flags that concern loading. Times are seconds; no polling where it is not positive."""

    tags: tuple[str, ...] = ("serve",)
    poll_seconds: float = 1.0
    retries: int = 5
    retry_seconds: float = 60.0
    labels_for_unavailable: bool = False


Prepare = Callable[[Servable, str, Path], Servable]


class Manager:
    """The models of one server.

    prepare: called with every servable that was loaded, the model's name and the version folder,
    before it becomes AVAILABLE (warm-up, batching); it gives the servable to use.
    """

    def __init__(self, loader: Loader, options: Options, prepare: Prepare) -> None:
        self._loader = loader
        self._options = options
        self._prepare = prepare
        self._changed = threading.Condition()
        self._models: dict[str, Model] = {}
        self._labels: Labels = {}
        self._configs: Models = ()
        self._history = ConfigHistory()
        self._reloading = threading.Lock()
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(LOADING_AT_ONCE, thread_name_prefix="load")
        self._poller = threading.Thread(target=self._poll_forever, name="poll", daemon=True)

    # -- what is to be served

    def start(self, models: Models | None) -> None:
        """Take in the first list of models and begin to load them.

        Raises StatusError when it cannot be served; see `wait_available` for the models.
        """
        self._take(models)
        self._poller.start()

    def reload(self, models: Models, waiting: Callable[[], bool]) -> None:
        """Serve `models` from now on, and wait until the new ones can be asked.

        waiting: whether the caller still waits. Raises StatusError.
        """
        with self._reloading:
            known = {config.name for config in self._configs}
            self._take(models)
            self._poll()
            new = [config.name for config in models if config.name not in known]
            self.wait_available(new, "model", waiting)

    def wait_available(self, names: Iterable[str], noun: str, waiting: Callable[[], bool]) -> None:
        """Return once the highest wanted version of every model is AVAILABLE.

        noun: what the message calls them. Raises StatusError (UNKNOWN) with all that ended.
        """
        wanted = list(names)
        with self._changed:
            while not self._stop.is_set() and waiting():
                heads = [(name, self._head(name)) for name in wanted]
                pending = (State.START, State.LOADING, State.UNLOADING)
                if all(head is not None and head.state not in pending for _, head in heads):
                    failed = [(n, h) for n, h in heads if h is not None and h.error is not None]
                    if failed:
                        raise StatusError(Code.UNKNOWN, _unavailable(failed, noun))
                    return
                self._changed.wait(0.2)

    def _take(self, models: Models | None) -> None:
        if not self._history.accept(models) or models is None:
            return
        self._labels = assign_labels(
            models,
            self._labels,
            self._is_available,
            allow_unavailable=self._options.labels_for_unavailable,
        )
        check_platforms(models)
        self._configs = models

    def _head(self, name: str) -> Version | None:
        aspired = self._models[name].aspired() if name in self._models else []
        return aspired[0] if aspired else None

    def _is_available(self, name: str, number: int) -> bool:
        model = self._models.get(name)
        return model is not None and any(v.number == number for v in model.available())

    # -- who can be asked

    @contextlib.contextmanager
    def lease(
        self, name: str, number: int | None = None, label: str | None = None
    ) -> Iterator[tuple[int, Servable]]:
        """A version and its servable, which stays loaded until the lease ends.

        Without number and label the highest AVAILABLE version. Raises StatusError.
        """
        version = self._enter(name, number, label)
        assert version.servable is not None
        try:
            yield version.number, version.servable
        finally:
            with self._changed:
                version.leases -= 1
                if version.state is State.UNLOADING and not version.leases:
                    self._changed.notify_all()

    def _enter(self, name: str, number: int | None, label: str | None) -> Version:
        with self._changed:
            if label is not None:
                labels = self._labels.get(name, {})
                if label not in labels:
                    raise StatusError(
                        Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}"
                    )
                number = labels[label]
            available = self._models[name].available() if name in self._models else []
            found = [v for v in available if number is None or v.number == number]
            if not found:
                asked = f"Latest({name})" if number is None else f"Specific({name}, {number})"
                raise StatusError(Code.NOT_FOUND, f"Servable not found for request: {asked}")
            found[0].leases += 1
            return found[0]

    def status(self, name: str, number: int | None = None) -> list[Version]:
        """Copies of the versions of a model, highest first. Raises StatusError (NOT_FOUND)."""
        with self._changed:
            versions = self._models[name].versions if name in self._models else {}
            found = [v for n, v in versions.items() if number is None or n == number]
            if not found:
                asked = "any versions" if number is None else f"version {number}"
                raise StatusError(Code.NOT_FOUND, f"Could not find {asked} of model {name}")
            return [
                Version(v.number, v.folder, v.state, v.error)
                for v in sorted(found, key=lambda v: -v.number)
            ]

    # -- from what is on disk to what is loaded

    def _poll_forever(self) -> None:
        self._poll()
        while self._options.poll_seconds > 0 and not self._stop.wait(self._options.poll_seconds):
            self._poll()

    def _poll(self) -> None:
        """Look at the base paths once and do what follows from it."""
        configs = self._configs
        found = storage.poll(configs)
        names = {config.name for config in configs}
        with self._changed:
            if self._stop.is_set() or configs is not self._configs:
                return  # the end, or a reload came in between, which polls by itself
            for name, model in self._models.items():
                if name not in names:
                    self._aspire(name, model, ())
            if found is None:
                return
            for name, versions in found.items():
                self._aspire(name, self._models.setdefault(name, Model()), versions)

    def _aspire(self, name: str, model: Model, wanted: storage.Aspired) -> None:
        """Begin to load what is new, unload what may go. Holds the lock."""
        folders = dict(wanted)
        for version in model.versions.values():
            version.aspired = version.number in folders
        for number, folder in folders.items():
            known = model.versions.get(number)
            if known is None or (known.state is State.END and known.error is None):
                self._begin(name, model, number, folder)
        self._drop(name, model)

    def _begin(self, name: str, model: Model, number: int, folder: Path) -> None:
        """Begin to load a version. Holds the lock."""
        version = model.versions[number] = Version(number, folder)
        self._threads.submit(self._load, name, model, version)

    def _drop(self, name: str, model: Model) -> None:
        """Unload what is not wanted, unless it is all there is to ask. Holds the lock."""
        aspired = model.aspired()
        if aspired and not any(v.state is State.AVAILABLE for v in aspired):
            return
        for version in model.available():
            if not version.aspired:
                version.state = State.UNLOADING
                # A thread of its own: it waits for the last request, and loading must not.
                unload = threading.Thread(
                    target=self._unload, args=(name, model, version), daemon=True
                )
                unload.start()

    def _load(self, name: str, model: Model, version: Version) -> None:
        """Load a version, with as many attempts as the flags allow; runs in a loading thread."""
        servable: Servable | None = None
        error: StatusError | None = None
        self._change(version, State.LOADING)
        said = f"{{name: {name} version: {version.number}}}"
        for attempt in range(self._options.retries + 1):
            if attempt:
                if self._stop.wait(self._options.retry_seconds):
                    return
                log.info("Retrying of Loading servable: %s retry: %d", said, attempt)
            try:
                servable, error = self._load_once(name, version), None
                break
            except StatusError as failure:
                error = failure
                log.error("Loading servable: %s failed: %s", said, failure)
            if not version.aspired:
                break
        self._tell_loaded(said, error)
        with self._changed:
            version.servable, version.error = servable, error
            version.state = State.END if error else State.AVAILABLE
            self._drop(name, model)
            self._changed.notify_all()

    def _tell_loaded(self, said: str, error: StatusError | None) -> None:
        """Log how loading ended; before the state shows it, for a failure may end the process."""
        if error is None:
            log.info("Successfully loaded servable version %s", said)
            return
        if self._options.retries:
            tried = self._options.retries
            log.info("Retrying of Loading servable: %s exhausted max_num_retries: %d", said, tried)
        log.info("Encountered an error for servable version %s: %s", said, error)
        log.error("Servable %s cannot be loaded: %s", said, error)

    def _load_once(self, name: str, version: Version) -> Servable:
        if not version.folder.is_dir():
            said = f"{{name: {name} version: {version.number}}}"
            why = f"{version.folder}; Not a directory"
            log.error(
                "Reserving resources for servable: %s failed: FAILED_PRECONDITION: %s", said, why
            )
            error = StatusError(
                Code.FAILED_PRECONDITION,
                f"Error while attempting to reserve resources to load servable {said}: {why}",
            )
            log.warning("%s", error)
            raise error
        try:
            servable = self._loader.load(version.folder, self._options.tags)
            try:
                return self._prepare(servable, name, version.folder)
            except BaseException:
                servable.close()
                raise
        except StatusError:
            raise
        except Exception as error:  # a defect must end in the version's status, not in a thread
            log.exception("Loading %s failed", version.folder)
            raise StatusError(Code.INTERNAL, f"{type(error).__name__}: {error}") from error

    def _unload(self, name: str, model: Model, version: Version) -> None:
        """Let go of a version once nobody asks it; load it again if it is wanted by then."""
        with self._changed:
            while version.leases:
                self._changed.wait()
            servable, version.servable = version.servable, None
        if servable is not None:
            servable.close()
        with self._changed:
            version.state = State.END
            if version.aspired and not self._stop.is_set():
                self._begin(name, model, version.number, version.folder)
            self._changed.notify_all()
        log.info("Done unloading servable version {name: %s version: %d}", name, version.number)

    def _change(self, version: Version, state: State) -> None:
        with self._changed:
            version.state = state
            self._changed.notify_all()

    # -- the end

    def drain(self, seconds: float) -> None:
        """Wait for the requests under way, for `seconds` at most."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self._changed:
                models = list(self._models.values())
                if not any(v.leases for m in models for v in m.versions.values()):
                    return
            time.sleep(0.02)

    def close(self) -> None:
        """Stop polling and loading. The servables are left to whoever ends their worker."""
        with self._changed:  # so that nobody begins to load in between
            self._stop.set()
            self._changed.notify_all()
            self._threads.shutdown(wait=False, cancel_futures=True)


def _unavailable(failed: Sequence[tuple[str, Version]], noun: str) -> str:
    listed = "".join(
        f"{{{{name: {name} version: {version.number}}} due to error: {version.error}}}, "
        for name, version in failed
    )
    return f"{len(failed)} {noun}(s) did not become available: {{{listed}}}"
