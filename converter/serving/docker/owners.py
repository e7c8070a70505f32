"""Who started a container, as the text of a label; and whether that process still lives.

Read back from a container it tells a leftover of a killed run from the work of a living one.
"""

from __future__ import annotations

import os
from pathlib import Path

LABEL = "convert-h5.owner"


def me() -> str:
    """`<boot>/<pid namespace>/<pid>/<start time>`: names this process and never another one."""
    return f"{_boot()}/{_namespace()}/{os.getpid()}/{_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether the process that `owner` names has surely ended.

    A process of another pid namespace (another container) cannot be seen from here, so it counts
    as alive.
    """
    boot, _, rest = owner.partition("/")
    namespace, _, process = rest.partition("/")
    pid, _, started = process.partition("/")
    if not pid.isdecimal():
        return False
    if boot != _boot():
        return True
    return namespace == _namespace() and _started(int(pid)) != started


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").stat().st_ino)


def _started(pid: int) -> str:
    """When `pid` started, in clock ticks since boot; empty if there is no such process."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # Fields 3 (state) and 22 (start time) of proc(5); a zombie has ended.
    return "" if after_name[0] == "Z" else after_name[19]
