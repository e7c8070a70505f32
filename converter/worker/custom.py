"""The user's own classes and functions, from the file given with --custom-objects.

The file is code and is run, here in the worker, because the user named it. Nothing is ever looked
up by a name found in the model.
"""

import importlib.util


def objects_of(path):
    """{name: class or function} of every public name in the file; empty without a file.

    The orchestrator has seen to it that the model asks only for names that the file itself defines.
    """
    if not path:
        return {}
    spec = importlib.util.spec_from_file_location("convert_h5_custom_objects", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value)
    }
