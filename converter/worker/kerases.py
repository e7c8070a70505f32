"""The Kerases of an environment behind one small handle each.

Which Keras is which, and what each lacks, is what this module knows:

    keras      the multi-backend package, up to 2.3.1, on its TensorFlow backend
    tf.keras   TensorFlow's own, up to TF 2.15
    tf_keras   the Keras 2 that lives on as a package of its own, beside TF 2.16 and later
    keras3     the multi-backend package from 3.0
"""

import importlib

from .failures import Unsupported

# With these, set_learning_phase(0) before an LSTM is built fails ("Expected Operation, Variable,
# or Tensor, got 0"); the phase is left unset there, which means inference.
# Source: measured with keras 2.3.1 on TensorFlow 1.15.5.
PHASE_LEFT_UNSET = {("keras", "2.3")}


class Keras:
    """One Keras: its `module`, `name`, `version`, and the calls that differ between them."""

    def __init__(self, name, module, tf, mode):
        self.name = name
        self.module = module
        # TensorFlow 2.13 to 2.15 give tf.keras no version; the keras package behind it has one.
        self.version = getattr(module, "__version__", None) or _find("keras").__version__
        self.tf = tf
        self.graph_mode = mode == "graph" or tf.__version__.startswith("1.")
        self.graph_mode = self.graph_mode and name != "keras3"

    @property
    def generation(self):
        """1, 2 or 3: whose rules of loading apply."""
        return int(self.version.split(".")[0])

    @property
    def backend(self):
        """The backend module that owns sessions and the learning phase."""
        if self.name == "tf_keras":
            return importlib.import_module("tf_keras.src.backend")
        if self.name == "tf.keras" and hasattr(self.tf.compat, "v1"):
            return self.tf.compat.v1.keras.backend
        return self.module.backend

    def clear(self):
        """Forget every model, graph and session so far, and fix the learning phase to inference."""
        if self.name == "keras" and self.generation == 1:
            self.tf.reset_default_graph()
        self.module.backend.clear_session()
        if self.graph_mode and (self.name, self.version[:3]) not in PHASE_LEFT_UNSET:
            self.backend.set_learning_phase(0)

    def session(self):
        """The session that holds the variables' values (graph mode only)."""
        if self.name == "keras" and self.tf.__version__.startswith("2."):
            return self.tf.compat.v1.keras.backend.get_session()
        return self.backend.get_session()


def available(tf):
    """Names of the Kerases that this environment has, for its TensorFlow `tf`."""
    major, minor = (int(part) for part in tf.__version__.split(".")[:2])
    names = []
    if (major, minor) < (2, 16) and hasattr(tf, "keras"):
        names.append("tf.keras")
    package = _find("keras")
    if package is not None and package.__version__.startswith("3."):
        names.append("keras3")
    elif package is not None and (major, minor) < (2, 3):
        # From 2.4 on the keras package only hands out tf.keras.
        names.append("keras")
    if (major, minor) >= (2, 16) and _find("tf_keras") is not None:
        names.append("tf_keras")
    return names


def get(name, tf, mode):
    """The Keras called `name`. Raises Unsupported when this environment lacks it."""
    try:
        if name == "tf.keras":
            module = tf.keras
        else:
            module = importlib.import_module("keras" if name == "keras3" else name)
    except (ImportError, AttributeError) as error:
        raise Unsupported("this environment has no %s (%s)" % (name, error))
    return Keras(name, module, tf, mode)


def _find(package):
    try:
        return importlib.import_module(package)
    except ImportError:
        return None
