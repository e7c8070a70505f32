"""Entry point of `<python> <worker folder>`.

The folder is registered as the package `convert_h5_worker` and taken off sys.path again, so that
none of its module names can shadow one that TensorFlow or Keras imports.
"""

import importlib.util
import os
import sys

PACKAGE = "convert_h5_worker"


def register(folder):
    """Make `folder` importable as PACKAGE without putting it on sys.path."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != here]
    register(here)
    main = importlib.import_module(PACKAGE + ".main")
    sys.exit(main.main(sys.argv[1:]))
