"""Write converter/source/known_names.json: what every Keras of the catalog brings itself.

    python scripts/known_names.py

Asks each installed toolchain for the names in its layers, initializers, regularizers, constraints,
activations, losses, metrics and optimizers. A class or function in a file that is not among them is
custom code.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from converter.source import known
from converter.toolchain import catalog, provision

# Runs inside the toolchain: Python 3.6 syntax.
ASK = """
import importlib, inspect, json, os, sys
kerases = []
import tensorflow as tf
for name in ("keras", "tf_keras"):
    try:
        kerases.append(importlib.import_module(name))
    except Exception:
        pass
if hasattr(tf, "keras"):
    try:
        kerases.append(tf.keras)
    except Exception:
        pass
found = {"classes": set(), "functions": set()}
for keras in kerases:
    for part in ("layers", "initializers", "regularizers", "constraints", "activations", "losses",
                 "metrics", "optimizers", "models"):
        module = getattr(keras, part, None)
        for name, value in list(vars(module).items()) if module else []:
            if name.startswith("_"):
                continue
            if inspect.isclass(value):
                found["classes"].add(name)
            elif inspect.isfunction(value):
                found["functions"].add(name)
sys.stdout.write("\\n" + json.dumps({k: sorted(v) for k, v in found.items()}))
"""


def main() -> int:
    names: dict[str, set[str]] = {"classes": set(), "functions": set()}
    for toolchain in catalog.load().values():
        python = provision.provide(toolchain, print)
        done = subprocess.run(
            [str(python), "-W", "ignore", "-c", ASK],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for kind, found in json.loads(done.stdout.splitlines()[-1]).items():
            names[kind].update(found)
    text = json.dumps({kind: sorted(found) for kind, found in names.items()}, indent=0)
    Path(known.NAMES_FILE).write_text(text + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
