"""A user's own environment (`--python`) as a toolchain: described by what its worker says."""

from __future__ import annotations

import shutil
from pathlib import Path

from converter import rules
from converter.errors import ToolchainUnhealthy, WorkerError
from converter.toolchain.catalog import Flavour, Toolchain, version_tuple
from converter.toolchain.session import Session


def describe(python: Path) -> Toolchain:
    """The environment behind `python`. Raises ToolchainUnhealthy when no worker runs there."""
    python = Path(shutil.which(python) or python).absolute()
    try:
        with Session.start(python, name=str(python)) as session:
            hello = session.hello
    except (OSError, WorkerError) as error:
        why = error.why if isinstance(error, WorkerError) else str(error)
        raise ToolchainUnhealthy(
            f"No worker could be started with {python}",
            why=why,
            fix="Give the Python of an environment with tensorflow, keras, h5py and numpy",
        ) from error
    series = version_tuple(hello.tensorflow)
    offered = next(names for below, names in rules.OWN_ENVIRONMENT_STRATEGIES if series < below)
    return Toolchain(
        id=f"python:{python}",
        python=(hello.python,),
        tensorflow=hello.tensorflow,
        serving=None,
        requires=(),
        requires_no_deps=(),
        known_issues=(),
        flavours=tuple(
            Flavour(name, version, ("export",) if name == "keras3" else offered)
            for name, version in hello.flavours.items()
        ),
        own_python=python,
    )
