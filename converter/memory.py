"""Keep freed memory for the next tensor, in processes of our own.

glibc gives large blocks back to the system at once, and each new one costs a page fault for every
4 KiB: 2 ms for a message with a tensor of a megabyte, measured by benchmarks/serving.py.
"""

from __future__ import annotations

import contextlib
import ctypes

# Blocks up to here come from the heap, which gives back what is free beyond the second figure.
# The first is the most that glibc takes.
HEAP_BLOCK_BYTES = 32 * 1024**2
KEPT_BYTES = 256 * 1024**2

# For a process that is yet to start.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(HEAP_BLOCK_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(KEPT_BYTES),
}

# malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed() -> None:
    """Do so in this process; without effect where the C library is not glibc."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, HEAP_BLOCK_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
