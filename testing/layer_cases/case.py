"""What a case is."""


class Case:
    """A model by its name, `layer: variant`.

    inputs: one Input or several; build(k, x) makes the outputs from the Keras tensors x (one, or a
    list), or a whole model that is asked with such inputs. k: see kit.Kit. only: the flavours that
    can have it, all when empty.
    """

    def __init__(self, layer, variant, inputs, build, only=()):
        self.layer = layer
        self.variant = variant
        self.inputs = inputs if isinstance(inputs, list) else [inputs]
        self.build = build
        self.only = only

    @property
    def name(self):
        return "%s: %s" % (self.layer, self.variant)


class Input:
    """An input of a model: its shape without the batch, and what it is asked with.

    high: whole numbers from 0 below it; else floats between -scale and scale. masked: how many of
    the last steps are 0 in the second row. batch: how many rows it must have, where that is fixed.
    """

    def __init__(
        self, *shape, dtype="float32", high=None, scale=1.0, ask=None, masked=0, batch=None
    ):
        self.shape = shape
        self.dtype = dtype
        self.high = high
        self.scale = scale
        # The shape to ask with, where `shape` has None.
        self.ask = ask or shape
        self.masked = masked
        self.batch = batch

    def values(self, random, rows=3):
        shape = (rows,) + tuple(self.ask)
        if self.high is not None:
            made = random.randint(0, self.high, size=shape)
        else:
            made = random.uniform(-self.scale, self.scale, size=shape)
        made = made.astype(self.dtype)
        if self.masked:
            made[1, -self.masked :] = 0
        return made
