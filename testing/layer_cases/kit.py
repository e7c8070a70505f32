"""What cases build with: the Keras at hand, under the names that all of them share."""

import numpy as np


class Kit:
    """K: the Keras module; L: its layers; tf: TensorFlow."""

    def __init__(self, environment, flavour):
        import tensorflow

        self.tf = tensorflow
        self.K = environment.keras
        self.L = environment.keras.layers
        self.flavour = flavour

    def model(self, case):
        """The case's model."""
        if not case.inputs:
            return case.build(self)
        tensors = [self.input(given) for given in case.inputs]
        outputs = case.build(self, tensors if len(tensors) > 1 else tensors[0])
        if isinstance(outputs, self.K.models.Model):
            return outputs
        # By position, since Keras 1 calls these arguments otherwise.
        return self.K.models.Model(tensors if len(tensors) > 1 else tensors[0], outputs)

    def input(self, given):
        """The Keras tensor of an input."""
        if given.batch:
            return self.L.Input(batch_shape=(given.batch,) + given.shape, dtype=given.dtype)
        return self.L.Input(shape=given.shape, dtype=given.dtype)

    def sequential(self, *layers):
        """A Sequential model."""
        model = self.K.models.Sequential()
        for layer in layers:
            model.add(layer)
        return model

    def between(self, low, high, *shape):
        """Seeded numbers."""
        return np.random.RandomState(3).uniform(low, high, size=shape).astype("float32")

    def given_by_name(self, tensor):
        """A tensor as an argument by name, if this Keras saves such calls."""
        version = getattr(self.K, "__version__", "0")
        if self.flavour == "keras" or version.split("-")[0] in ("2.1.6", "2.2.4"):
            raise TypeError("tensors given by name are not saved by this Keras")
        return tensor
