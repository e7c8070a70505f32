"""Where failure modes are planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from converter.toolchain.pool import Pool
from testing.planting import Bed


@pytest.fixture
def bed(pool: Pool, tmp_path: Path, fixtures_folder: Path) -> Bed:
    """A folder and workers to plant a failure with."""
    return Bed(pool, tmp_path, fixtures_folder)
