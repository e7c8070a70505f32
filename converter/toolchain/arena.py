"""Memory shared with a worker: large tensors lie there while they are asked, instead of crossing a
pipe.

The orchestrator writes and lets go; the worker only reads, in place. A tensor that finds no room
goes through the pipe.
"""

from __future__ import annotations

import mmap
import os
import threading

# Smaller tensors are quicker through the pipe.
SMALLEST = 64 * 1024
# Taken from the system only as far as it is used.
BYTES = 128 * 1024**2
# TensorFlow uses an array where it lies if it begins at such a place.
ALIGNMENT = 64


class Arena:
    """One block of memory that another process can map by its file descriptor."""

    def __init__(self, size: int = BYTES) -> None:
        self.fd = os.memfd_create("convert-h5-arena")
        os.ftruncate(self.fd, size)
        self._map = mmap.mmap(self.fd, size)
        self._lock = threading.Lock()
        self._free = [(0, size)]  # (place, size), by place, no two of them adjacent
        self._taken: dict[int, int] = {}

    def put(self, data: memoryview) -> int | None:
        """Copy `data` into the arena; its place, or None when it is small or there is no room."""
        if len(data) < SMALLEST:
            return None
        place = self._take(-(-len(data) // ALIGNMENT) * ALIGNMENT)
        if place is not None:
            self._map[place : place + len(data)] = data
        return place

    def release(self, place: int) -> None:
        """Let go of what lies at `place`."""
        with self._lock:
            spots = sorted([*self._free, (place, self._taken.pop(place))])
            merged = spots[:1]
            for start, size in spots[1:]:
                before, length = merged[-1]
                if before + length == start:
                    merged[-1] = (before, length + size)
                else:
                    merged.append((start, size))
            self._free = merged

    def close(self) -> None:
        """Give the memory back; the worker's mapping holds until it ends."""
        self._map.close()
        os.close(self.fd)

    def _take(self, size: int) -> int | None:
        """The first place with so much room."""
        with self._lock:
            for number, (place, room) in enumerate(self._free):
                if room >= size:
                    rest = [(place + size, room - size)] if room > size else []
                    self._free[number : number + 1] = rest
                    self._taken[place] = size
                    return place
            return None
