"""What a worker can be asked, one method for each operation of the protocol.

Every method takes the request's header fields and tensors and returns (result, answers): a JSON
dict and pairs of name and array. State between requests: one loaded model, one loaded SavedModel,
and the SavedModels held for serving, whose operations may run at the same time.
"""

import os
import platform

import numpy as np

from . import (
    contract,
    custom,
    freeze,
    graph_layers,
    kerases,
    loading,
    naive,
    saved_model,
    servables,
    source_layers,
    strategies,
)
from .failures import Unsupported


class Operations:
    """The worker's state and operations, for one TensorFlow in one mode (eager or graph)."""

    def __init__(self, mode):
        import tensorflow

        self.tf = tensorflow
        self.mode = mode
        if mode == "graph" and tensorflow.__version__.startswith("2."):
            tensorflow.compat.v1.disable_eager_execution()
        self.keras = None
        self.loaded = None
        self.served = None
        self.servables = servables.Servables(tensorflow)
        self.naive = naive.Naive(tensorflow)

    def run(self, operation, fields, tensors):
        """Do `operation`; raises whatever Keras or TensorFlow raises."""
        known = {
            "hello": self.hello,
            "load_h5": self.load_h5,
            "predict": self.predict,
            "layer_outputs": self.layer_outputs,
            "convert": self.convert,
            "load_saved_model": self.load_saved_model,
            "run_signature": self.run_signature,
            "source_layers": lambda f, t: source_layers.outputs(self.keras, self._model(), t),
            "source_weights": lambda f, t: source_layers.weights(self._model()),
            "graph_layers": lambda f, t: graph_layers.compare(self.tf, f, t),
            "servable_load": self.servables.load,
            "servable_run": self.servables.run,
            "servable_time": self.servables.timed,
            "servable_unload": self.servables.unload,
            "naive_call": self.naive.call,
        }
        if operation not in known:
            raise Unsupported("this worker has no operation %r" % operation)
        return known[operation](fields, tensors)

    def hello(self, fields, tensors):
        """Versions. fields: flavours (bool): import every Keras and report its version."""
        names = kerases.available(self.tf) if fields.get("flavours") else []
        flavours = {name: kerases.get(name, self.tf, self.mode).version for name in names}
        result = {
            "python": platform.python_version(),
            "tensorflow": self.tf.__version__,
            "flavours": flavours,
            "pid": os.getpid(),
        }
        return result, []

    def load_h5(self, fields, tensors):
        """Load a Keras HDF5 file, forgetting the model before it.

        fields: path, flavour, translate (never | fallback | always), architecture (config dict or
        None), drop_training_flags (bool), flip_kernels (bool), custom_objects (path or None).
        """
        self.loaded = None
        self.keras = kerases.get(fields["flavour"], self.tf, self.mode)
        self.keras.clear()
        objects = custom.objects_of(fields.get("custom_objects"))
        self.loaded = loading.load(self.keras, fields["path"], fields, objects)
        return dict(loading.describe(self.loaded.model), via=self.loaded.via), []

    def predict(self, fields, tensors):
        """Predictions of the loaded model. Tensors in and out are named by position: '0', '1'."""
        model = self._model()
        inputs = _by_position(tensors)
        try:
            answer = model.predict(
                inputs if len(inputs) > 1 else inputs[0], batch_size=len(inputs[0])
            )
        finally:
            # Predictions, and what is converted, start from the zero state.
            loading.reset_states(model)
        answers = contract.in_order(answer)
        return {}, [(str(i), np.asarray(a)) for i, a in enumerate(answers)]

    def layer_outputs(self, fields, tensors):
        """What every layer of the loaded model gives for these inputs, by layer name."""
        return {}, loading.layer_outputs(self.keras, self._model(), _by_position(tensors))

    def convert(self, fields, tensors):
        """Write a SavedModel of the loaded model.

        fields: strategy, folder (must not exist), inputs and outputs (signature keys in the
        model's order), signatures (names), tags, freeze (bool).
        """
        job = contract.Job(
            self.tf, self.keras, self._model(), contract.Contract.of(fields), self.mode
        )
        strategy = strategies.get(fields["strategy"])
        reason = strategy.unsupported(job)
        if reason is not None:
            raise Unsupported(reason)
        renamed = strategy.write(job, fields["folder"])
        contract.apply(job, fields["folder"], renamed)
        if fields["freeze"]:
            freeze.rewrite(job, fields["folder"])
        return {}, []

    def load_saved_model(self, fields, tensors):
        """Load a SavedModel into a fresh graph and session. fields: folder, tags."""
        self.close_served()
        self.served = saved_model.Served(self.tf, fields["folder"], fields["tags"])
        return {"signatures": self.served.signatures()}, []

    def run_signature(self, fields, tensors):
        """Ask a signature of the loaded SavedModel. fields: signature."""
        if self.served is None:
            raise Unsupported("no SavedModel has been loaded")
        return {}, self.served.run(fields["signature"], tensors)

    def close_served(self):
        """Give the session of the served SavedModel back."""
        if self.served is not None:
            self.served.close()
            self.served = None

    def _model(self):
        if self.loaded is None:
            raise Unsupported("no model has been loaded")
        return self.loaded.model


def _by_position(tensors):
    return [tensors[str(i)] for i in range(len(tensors))]
