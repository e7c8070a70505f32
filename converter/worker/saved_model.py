"""Run a SavedModel as TensorFlow Serving does: loader, session, the signature's tensors."""

import numpy as np

from .failures import SavedModelError


def v1_of(tf):
    """The 1.x API of any TensorFlow."""
    return tf.compat.v1 if hasattr(tf.compat, "v1") else tf


class Served:
    """A SavedModel in a graph and a session of its own."""

    def __init__(self, tf, folder, tags):
        self.tf = tf
        v1 = v1_of(tf)
        self.graph = tf.Graph()
        self.session = v1.Session(graph=self.graph)
        try:
            with self.graph.as_default():
                self.meta_graph = v1.saved_model.loader.load(self.session, tags, folder)
        except Exception as error:
            self.session.close()
            raise SavedModelError("%s: %s" % (type(error).__name__, error)) from error

    def signatures(self):
        """{signature: {"inputs": {key: {dtype, shape}}, "outputs": {...}}}; -1 is any size."""
        return {
            name: {
                "inputs": {k: _tensor(self.tf, t) for k, t in signature.inputs.items()},
                "outputs": {k: _tensor(self.tf, t) for k, t in signature.outputs.items()},
            }
            for name, signature in self.meta_graph.signature_def.items()
            if not name.startswith("__")
        }

    def run(self, name, inputs):
        """Ask signature `name`; pairs of output key and array, in order of the keys."""
        if name not in self.meta_graph.signature_def:
            raise SavedModelError("the SavedModel has no signature %r" % name)
        signature = self.meta_graph.signature_def[name]
        feeds = {signature.inputs[key].name: value for key, value in inputs.items()}
        keys = sorted(signature.outputs)
        try:
            answers = self.session.run([signature.outputs[key].name for key in keys], feeds)
        except Exception as error:
            raise SavedModelError("%s: %s" % (type(error).__name__, error)) from error
        return [(key, array_of(answer)) for key, answer in zip(keys, answers)]

    def close(self):
        """Give the session back."""
        self.session.close()


def array_of(answer):
    """What a session answered as an array; a scalar string is plain bytes there."""
    return np.array(answer, object) if isinstance(answer, bytes) else np.asarray(answer)


def _tensor(tf, info):
    shape = None if info.tensor_shape.unknown_rank else [d.size for d in info.tensor_shape.dim]
    return {"dtype": tf.DType(info.dtype).name, "shape": shape}
