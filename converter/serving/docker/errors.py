"""Every way the Docker runtime can fail; exit code 6, and the container's last words where any.

DockerError
 ├─ EngineUnfit                            whatever the model; `auto` serves without Docker then
 │   ├─ NoEngine, NoPermission, RemoteEngine   none that can be used was found
 │   ├─ EngineGone, EngineRefused              it went away, or would not do it
 │   ├─ ImageMissing, WrongArchitecture        the image
 │   └─ FolderUnseen, PortsUnseen              walls between this process and the engine
 └─ ContainerDied, ModelNotLoaded, NotReady    the server inside
"""

from __future__ import annotations

from converter.errors import ServingFailed


class DockerError(ServingFailed):
    """The Docker runtime failed. `log_tail` holds the last lines of the container's log."""


class EngineUnfit(DockerError):
    """The engine or the image cannot be used here, whatever the model."""


class NoEngine(EngineUnfit):
    """No container engine answers on any of its usual sockets, or at $DOCKER_HOST."""

    id = "docker-no-engine"


class NoPermission(EngineUnfit):
    """An engine's socket is there, but this user may not open it."""

    id = "docker-permission"


class RemoteEngine(EngineUnfit):
    """$DOCKER_HOST leads to another machine, which has neither the model nor our loopback."""

    id = "docker-remote-engine"


class EngineGone(EngineUnfit):
    """The engine stopped answering under way."""

    id = "docker-engine-gone"


class EngineRefused(EngineUnfit):
    """The engine answers, but would not do what was asked."""

    id = "docker-engine-refused"


class ImageMissing(EngineUnfit):
    """The image is not there and was not to be, or could not be, pulled."""

    id = "docker-no-image"


class WrongArchitecture(EngineUnfit):
    """The image is built for another kind of processor."""

    id = "docker-wrong-architecture"


class FolderUnseen(EngineUnfit):
    """The engine looks at another file system than this process, so it cannot mount the model."""

    id = "docker-folder-unseen"


class PortsUnseen(EngineUnfit):
    """The server listens, but the loopback it was published on is not that of this process."""

    id = "docker-ports-unseen"


class ContainerDied(DockerError):
    """The server's process ended, or its container was removed."""

    id = "docker-container-died"


class ModelNotLoaded(DockerError):
    """TensorFlow Serving runs and says that it cannot load this model."""

    id = "docker-model-not-loaded"


class NotReady(DockerError):
    """The model was not AVAILABLE in time."""

    id = "docker-not-ready"
