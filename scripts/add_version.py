"""Add a TensorFlow to the catalog: its entry, its lock, tox.ini and the table of the documents.

    python scripts/add_version.py 2.22.0 --python 3.12 --keras 3.16.0 --tf-keras 2.22.0

The entry is that of the newest TensorFlow with other versions; look at it, install it with
`convert-h5 toolchain install`, which holds it against what it promises, and run its environment of
tox. Then follow CONTRIBUTING.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from converter.toolchain import catalog

SCRIPTS = Path(__file__).parent

ENTRY = """
[[toolchain]]
id = "{id}"
python = [{pythons}]
tensorflow = "{tensorflow}"
serving = "{serving}"
requires = ["tensorflow-cpu=={tensorflow}", "keras=={keras}"]
requires_no_deps = ["tf-keras=={tf_keras}"]
known_issues = ["newer-ops-in-old-servers", "keras-3-resources"]

[[toolchain.flavour]]
name = "keras3"
version = "{keras}"
strategies = ["export"]

[[toolchain.flavour]]
name = "tf_keras"
version = "{tf_keras}"
strategies = ["save_model", "builder", "simple_save"]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Add what the arguments name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tensorflow", help="such as 2.22.0")
    parser.add_argument(
        "--python", required=True, nargs="+", metavar="VERSION", help="such as 3.12, the best first"
    )
    parser.add_argument("--keras", required=True, help="the Keras 3 of its time")
    parser.add_argument("--tf-keras", required=True, help="the Keras 2 beside it")
    parser.add_argument("--serving", help="the release it stands for; its own version by default")
    asked = parser.parse_args(arguments)
    series = catalog.version_tuple(asked.tensorflow)
    newest = max(t.tensorflow_series for t in catalog.load().values())
    if series <= newest:
        parser.error(f"the catalog is there up to TensorFlow {newest[0]}.{newest[1]}")
    id_ = f"tf{series[0]}.{series[1]}"
    entry = ENTRY.format(
        id=id_,
        pythons=", ".join(f'"{version}"' for version in asked.python),
        tensorflow=asked.tensorflow,
        serving=asked.serving or asked.tensorflow,
        keras=asked.keras,
        tf_keras=asked.tf_keras,
    )
    with (catalog.HERE / "catalog.toml").open("a", encoding="utf-8") as stream:
        stream.write(entry)
    # In new processes: this one has read the catalog as it was.
    for script in (("lock.py", id_), ("catalog_pages.py",)):
        subprocess.run([sys.executable, str(SCRIPTS / script[0]), *script[1:]], check=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
