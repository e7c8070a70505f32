"""Inside what direct made, layers give what the files' authors recorded of them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from converter.toolchain import catalog
from converter.toolchain.pool import Pool
from testing import direct, toolchains
from tests.corpus import records
from tests.corpus.records import Record
from tests.corpus.test_corpus import ATOL, RTOL

SERVER = "tf2.15"

RECORDED = [record for record in records.load() if "recorded_io" in record.entry]
if not RECORDED:
    pytest.skip(f"the corpus is not at {records.FOLDER}", allow_module_level=True)


@pytest.mark.parametrize("record", RECORDED, ids=lambda r: r.id)
def test_layers_give_what_was_recorded(record: Record, pool: Pool, tmp_path: Path) -> None:
    toolchains.require(SERVER)
    with h5py.File(records.FOLDER / record.entry["recorded_io"], "r") as file:
        (given,) = (np.asarray(array, dtype="float32") for array in file["inputs"].values())
        activations = {name: np.asarray(array) for name, array in file["activations"].items()}
    contract = direct.convert(record.path, tmp_path / "saved")
    reply = pool.session(catalog.get(SERVER), "eager", "serve here").graph_layers(
        tmp_path / "saved",
        {contract.inputs[0]: given},
        list(activations.values()),
        layers=[[name] for name in activations],
        tags=list(contract.tags),
        signature="serving_default",
        rtol=RTOL,
        atol=ATOL,
    )
    found = {
        name: (layer["how"], layer["agrees"])
        for name, layer in zip(activations, reply.result["layers"], strict=True)
    }
    assert found == dict.fromkeys(activations, ("scope", True))
