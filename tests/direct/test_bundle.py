"""TensorFlow's own reader finds in a bundle what was written, in the oldest and the newest."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converter.direct import bundle
from converter.direct.graph import Variable
from testing import toolchains

Array = np.ndarray[Any, Any]

READ = """
import json, sys
import tensorflow as tf
reader = tf.train.load_checkpoint(sys.argv[1])
found = {}
for name, shape in reader.get_variable_to_shape_map().items():
    value = reader.get_tensor(name)
    found[name] = [list(shape), value.dtype.name, value.ravel().astype("float64").tolist()]
print("\\n" + json.dumps(found))
"""


def _variable(name: str, array: Array, pieces: int = 1) -> Variable:
    def values() -> Iterator[Array]:
        yield from np.array_split(array, pieces) if array.ndim else [array]

    return Variable(name, str(array.dtype), array.shape, values)


def _read(toolchain: str, prefix: Path) -> Any:
    (python,) = toolchains.require(toolchain)
    done = subprocess.run(
        [str(python), "-c", READ, str(prefix)],
        capture_output=True,
        text=True,
        check=False,
        env={"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("toolchain", ["tf1.12-keras2.1", "tf2.21"])
def test_what_was_written_is_read(toolchain: str, tmp_path: Path) -> None:
    arrays: dict[str, Array] = {
        "dense/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
        "dense/bias": np.array([0.5, -1.5], np.float64),
        "count": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "half": np.array([1.5, 2.5], np.float16),
    }
    bundle.write(
        tmp_path, [_variable(n, a, pieces=2 if n == "empty" else 1) for n, a in arrays.items()]
    )
    found = _read(toolchain, tmp_path / bundle.PREFIX)
    assert found == {
        name: [list(a.shape), a.dtype.name, a.ravel().astype("f8").tolist()]
        for name, a in arrays.items()
    }


def test_an_index_of_many_blocks_is_read(tmp_path: Path) -> None:
    """Thousands of names, most of which share their beginning with the one before."""
    names = [f"model/block_{i // 100}/layer_{i}/kernel" for i in range(3000)]
    bundle.write(tmp_path, [_variable(n, np.array([i], np.float32)) for i, n in enumerate(names)])
    found = _read("tf2.21", tmp_path / bundle.PREFIX)
    assert {name: values for name, (_, _, values) in found.items()} == {
        name: [float(i)] for i, name in enumerate(names)
    }


def test_pieces_make_the_same_bytes_as_the_whole(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((50, 7)).astype(np.float32)
    written = []
    for pieces in (1, 7):
        folder = tmp_path / str(pieces)
        folder.mkdir()
        bundle.write(folder, [_variable("kernel", array, pieces)])
        written.append([(folder / name).read_bytes() for name in (bundle.INDEX, bundle.SHARD)])
    assert written[0] == written[1]


def test_a_weight_that_ends_early_is_an_error(tmp_path: Path) -> None:
    short = Variable("kernel", "float32", (3,), lambda: iter([np.zeros(2, np.float32)]))
    with pytest.raises(ValueError, match="kernel has 8 bytes, not 12"):
        bundle.write(tmp_path, [short])
