"""What a real TensorFlow Serving 2.15.1 did over time: the stories of narrated.md, and how ours
are held against them.

A state list reads "2 AVAILABLE, 1 END", highest version first. Only the order of states counts,
never the time between them.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testing import golden

RECORDING = golden.FOLDER / "narrated.md"

# Where ours differs on purpose, and why.
DELIBERATE: dict[str, str] = {
    "address": "both ports are of 127.0.0.1 unless --host names another address; the real one "
    "listens on every address of the machine",
    "--help": "exits with 0, for it did what it was asked for; the real one with 255",
    "--version": "tells the version of convert-h5 under its own name; TensorFlow's as recorded",
    "usage": "the usage text begins with the name of the program, `usage: convert-h5 serve`",
    "REST port taken": "ends with 255 and says which address is taken; the real one runs on "
    "with gRPC alone",
    "Two servers on the same ports": "the second ends with 255 and says so; the real one shares "
    "the gRPC port, each gets some of the requests, and goes without REST",
    "Monitoring config malformed": "ends with 255 and says why; the real one hangs before any port "
    "opens",
    "Monitoring config missing": "as a malformed one",
    "SSL config missing": "ends with 255 and says why; the real one aborts (SIGABRT)",
    "SIGTERM while serving": "takes no more requests, answers those under way and exits with 0; "
    "the real one is killed by the signal, requests and all",
    "SIGINT while serving": "as for SIGTERM",
    "process asked to end (SIGTERM) while waiting for a retry": "exits with 0, as always",
    "socket file after the end": "the file of --grpc_socket_path is gone after an orderly end; the "
    "real one, killed by the signal, leaves it",
    "500000 levels": "is answered as any other body; the real one dies (SIGSEGV)",
    "a batch without rows": "with --enable_batching is INVALID_ARGUMENT; the real one aborts",
}

_STATE = r"-?\d+ (?:START|LOADING|AVAILABLE|UNLOADING|END)\b"
_LIFE = ("START", "LOADING", "AVAILABLE", "UNLOADING", "END")
_LEVELS = {"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL"}


@dataclass(frozen=True)
class Logged:
    """A line of the log. `level` is empty for what is printed, not logged."""

    level: str
    text: str


@dataclass
class Step:
    """Something that was done, and what was seen of it."""

    title: str
    states: list[str] = field(default_factory=list)
    predicts: list[str] = field(default_factory=list)  # see `answer`
    logged: list[Logged] = field(default_factory=list)


@dataclass
class Story:
    """One section of the recording. `flags` is None where it names none."""

    title: str
    flags: str | None = None
    steps: list[Step] = field(default_factory=list)

    def step(self, title: str) -> Step:
        """The only step with this title."""
        (found,) = [step for step in self.steps if step.title == title]
        return found

    @property
    def logged(self) -> list[Logged]:
        """Every line of the log that the story tells of."""
        return [line for step in self.steps for line in step.logged]


@functools.cache
def stories() -> dict[str, Story]:
    """Every story by its title."""
    found: dict[str, Story] = {}
    story = Story("")
    for line in _items(RECORDING.read_text(encoding="utf-8")):
        if line.startswith("### "):
            story = found[line[4:]] = Story(line[4:])
        elif line.startswith("## "):
            story = Story("")  # what follows is prose
        elif line.startswith("Flags: `"):
            story.flags = line[8:-1]
        elif line.startswith("- log: "):
            _note(story.steps[-1], line[2:])
        elif line.startswith("- "):
            story.steps.append(Step(line[2:].removesuffix(":")))
            _note(story.steps[-1], line[2:])
        elif line.startswith("  - "):
            if not story.steps:
                story.steps.append(Step(""))
            _note(story.steps[-1], line[4:])
    return found


def follows(seen: Sequence[str], recorded: Sequence[str]) -> bool:
    """Whether the state lists `seen` are the recorded ones, from the first to the last.

    Both were sampled: a list that lasts a moment may be missing in either. So `seen` may leave out
    what lies between, and hold a state that the recording must have passed through.
    """
    if not seen or seen[0] != recorded[0] or seen[-1] != recorded[-1]:
        return False
    way = iter(list(_whole_way(recorded)))
    return all(line in way for line in seen)


def answer(text: str) -> str:
    """A status and a JSON body as `200 {"predictions": [3.5]}`, however they were spaced."""
    code, _, body = text.partition(" ")
    return f"{code} {json.dumps(json.loads(body))}" if body.startswith("{") else text


def _items(text: str) -> Iterator[str]:
    """The lines of the recording; one that goes on with a line break is a single item."""
    item = ""
    for line in text.splitlines():
        if item.lstrip().startswith("- ") and line and not re.match(r" *- |#", line):
            item += "\n" + line
        else:
            yield item
            item = line
    yield item


def _note(step: Step, text: str) -> None:
    """Add to `step` what a bullet tells."""
    if match := re.match(r"t=[0-9.]+s: (.*)", text, re.DOTALL):
        step.states.append(match[1])
    elif text.startswith("predict: "):
        step.predicts.append(answer(text.removeprefix("predict: ")))
    elif match := re.fullmatch(r"log: `(?:([IWEF]) \S+\] )?(.*)`", text, re.DOTALL):
        step.logged.append(Logged(_LEVELS.get(match[1], ""), match[2]))


def _whole_way(recorded: Sequence[str]) -> Iterator[str]:
    yield recorded[0]
    for before, after in itertools.pairwise(recorded):
        yield from _between(_parsed(before), _parsed(after))
        yield after


def _between(before: dict[int, str], after: dict[int, str]) -> Iterator[str]:
    """The state lists on the way: what is loaded comes first, what is unloaded goes after it."""
    now = dict(before)
    changed = [number for number, state in after.items() if before.get(number) != state]
    for number in sorted(changed, key=lambda number: after[number] == "END"):
        for state in _steps(before.get(number, "END"), after[number]):
            now[number] = state
            yield ", ".join(f"{n} {now[n]}" for n in sorted(now, reverse=True))


def _steps(before: str, after: str) -> Iterable[str]:
    """The states of one version from `before` on up to `after`."""
    if after not in _LIFE:  # it ends with an error
        return ("START", "LOADING", after)
    first = 0 if before not in _LIFE else (_LIFE.index(before) + 1) % len(_LIFE)
    return _LIFE[first : _LIFE.index(after) + 1]


def _parsed(line: str) -> dict[int, str]:
    """State by version; empty for a line that is no state list."""
    if not re.match(_STATE, line):
        return {}
    parts = re.split(rf", (?={_STATE})", line)
    return {int(n): state for n, _, state in (part.partition(" ") for part in parts)}


def filled(text: str, folder: Path) -> str:
    """`text` of the recording with the folders of this run put in."""
    return text.replace("${DIR}", str(folder)).replace("${MODELS}", str(golden.MODELS))
