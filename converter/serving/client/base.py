"""What both clients do alike: remember the metadata, and close."""

from __future__ import annotations

import abc
import threading
from typing import TypeVar

from converter.serving.client.contract import ModelMetadata

Own = TypeVar("Own", bound="BaseClient")


class BaseClient(abc.ABC):
    """A client that asks the metadata once, even when several threads want it at first."""

    def __init__(self) -> None:
        self._metadata: ModelMetadata | None = None
        self._asking = threading.Lock()

    def metadata(self) -> ModelMetadata:
        """The model's signatures, asked once."""
        with self._asking:
            if self._metadata is None:
                self._metadata = self._ask_metadata()
            return self._metadata

    def _forget(self) -> None:
        """Ask anew next time: a newer version with other signatures may have come."""
        with self._asking:
            self._metadata = None

    @abc.abstractmethod
    def _ask_metadata(self) -> ModelMetadata: ...

    @abc.abstractmethod
    def close(self) -> None:
        """Give up the connection."""

    def __enter__(self: Own) -> Own:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
