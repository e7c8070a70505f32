"""Damaged and hostile HDF5: an expected error at worst, never a crash, a hang or a traceback."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from testing.hdf5 import write_model
from tests.attacks.child import Child

# Found by mutating small files: the HDF5 library dies or loops when it reads them.
FILES = sorted((Path(__file__).parent / "files").glob("*.h5"))
EXPECTED = ("read", "source")


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    started = Child()
    yield started
    started.close()


def expected(answer: str) -> bool:
    return answer.startswith(EXPECTED)


def test_the_child_tells_a_good_file_from_a_bad_one(tmp_path: Path, child: Child) -> None:
    assert child.read(write_model(tmp_path / "model.h5")) == "read"
    assert child.read(tmp_path / "none.h5") == "source-not-found"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_that_breaks_the_hdf5_library_is_refused(path: Path, child: Child) -> None:
    answer = child.read(path)
    assert expected(answer), answer


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1))
def test_a_changed_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, child: Child, changes: list[tuple[float, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.h5"
    content = bytearray(write_model(path).read_bytes())
    for share, new in changes:
        at = 8 + int(share * (len(content) - 12))
        content[at : at + len(new)] = new
    path.write_bytes(content)
    answer = child.read(path)
    assert expected(answer), answer


@pytest.mark.parametrize("seed", range(2))
def test_changed_files_are_read_or_refused(tmp_path: Path, child: Child, seed: int) -> None:
    whole = write_model(tmp_path / "model.h5").read_bytes()
    generator = random.Random(seed)
    path = tmp_path / "changed.h5"
    answers: Counter[str] = Counter()
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(generator.randint(1, 6)):
            content[generator.randrange(8, len(content))] = generator.choice((0, 255, 16))
        path.write_bytes(content)
        answers[child.read(path)] += 1
    assert [a for a in answers if not expected(a)] == []
