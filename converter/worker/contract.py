"""The one signature contract, whatever API wrote the SavedModel.

Keys are the Keras names that the orchestrator read from the file (without ':0', renamed where the
user asked); `serving_default` always exists; every signature predicts; the tags are the wanted
ones; attributes at their default are left out, so that older servers can read newer graphs.
"""

import keyword
import os
import re

from .failures import Unsupported
from .saved_model import v1_of

PREDICT = "tensorflow/serving/predict"
SAVED_MODEL = "saved_model.pb"


class Contract:
    """Signature keys in the model's order, signature names and tags."""

    def __init__(self, inputs, outputs, signatures, tags):
        self.inputs = inputs
        self.outputs = outputs
        self.signatures = signatures
        self.tags = tags

    @classmethod
    def of(cls, fields):
        """From the fields of a `convert` request."""
        return cls(fields["inputs"], fields["outputs"], fields["signatures"], fields["tags"])


class Job:
    """What a strategy works on: the loaded `model` of `keras`, and the wanted `contract`."""

    def __init__(self, tf, keras, model, contract, mode):
        self.tf = tf
        self.v1 = v1_of(tf)
        self.keras = keras
        self.model = model
        self.contract = contract
        self.mode = mode
        counts = (len(model.inputs), len(model.outputs))
        if counts != (len(contract.inputs), len(contract.outputs)):
            raise Unsupported(
                "the model has %d inputs and %d outputs, the contract names %d and %d"
                % (counts + (len(contract.inputs), len(contract.outputs)))
            )

    def tensors(self):
        """({key: input tensor}, {key: output tensor}), for strategies on a session."""
        return (
            dict(zip(self.contract.inputs, self.model.inputs)),
            dict(zip(self.contract.outputs, self.model.outputs)),
        )

    def safe_inputs(self):
        """The input keys as identifiers that every TensorFlow keeps as they are, all different."""
        return safe_names(self.contract.inputs)

    def traced(self):
        """(function, input specs) for strategies that trace: safe input names in, keys out."""
        tf, model, outputs = self.tf, self.model, self.contract.outputs
        specs = [
            tf.TensorSpec(tuple(t.shape), t.dtype, name=name)
            for name, t in zip(self.safe_inputs(), model.inputs)
        ]

        def serve(*arguments):
            answer = model(list(arguments) if len(arguments) > 1 else arguments[0], training=False)
            answers = in_order(answer)
            # Identity keeps apart two keys that are the same tensor.
            return {key: tf.identity(a) for key, a in zip(outputs, answers)}

        return serve, specs


def in_order(answer):
    """A model's answer as a list, in the order of its outputs: Keras sorts dicts by their keys."""
    if isinstance(answer, dict):
        return [answer[key] for key in sorted(answer)]
    return list(answer) if isinstance(answer, (list, tuple)) else [answer]


def safe_names(keys):
    """`keys` as identifiers, all different: what TensorFlow accepts as a parameter's name."""
    names = []
    for key in keys:
        name = re.sub(r"[^A-Za-z0-9_]", "_", key)
        name = name if re.match(r"[A-Za-z]", name) else "input_" + name
        while name in names or keyword.iskeyword(name):
            name += "_"
        names.append(name)
    return names


def predict_signature(v1, inputs, outputs):
    """A SignatureDef of the predict method over {key: tensor} on both sides."""
    info = v1.saved_model.utils.build_tensor_info
    return v1.saved_model.signature_def_utils.build_signature_def(
        {key: info(t) for key, t in inputs.items()},
        {key: info(t) for key, t in outputs.items()},
        PREDICT,
    )


def write_session(v1, session, signatures, tags, folder):
    """SavedModelBuilder over the graph of `session`; no init op, so nothing undoes the restore."""
    builder = v1.saved_model.builder.SavedModelBuilder(folder)
    options = {"clear_devices": True, "strip_default_attrs": True}
    try:
        builder.add_meta_graph_and_variables(session, tags, signatures, **options)
    except TypeError:  # TensorFlow before 1.7 has no strip_default_attrs
        builder.add_meta_graph_and_variables(session, tags, signatures, clear_devices=True)
    builder.save()


def apply(job, folder, renamed):
    """Bring the SavedModel in `folder` to the contract.

    renamed: {"inputs" | "outputs": {key the strategy wrote: key of the contract}}, for those that
    differ.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    path = os.path.join(folder, SAVED_MODEL)
    saved = saved_model_pb2.SavedModel()
    with open(path, "rb") as stream:
        saved.ParseFromString(stream.read())
    if len(saved.meta_graphs) != 1:
        raise Unsupported("the strategy wrote %d graphs instead of one" % len(saved.meta_graphs))
    graph = saved.meta_graphs[0]
    del graph.meta_info_def.tags[:]
    graph.meta_info_def.tags.extend(job.contract.tags)
    _rewrite_signatures(graph.signature_def, job.contract, renamed)
    _strip_default_attrs(graph)
    with open(path, "wb") as stream:
        stream.write(saved.SerializeToString(deterministic=True))


def _rewrite_signatures(signatures, contract, renamed):
    written = type(signatures["serving_default"])()
    written.CopyFrom(signatures["serving_default"])
    final = type(written)(method_name=PREDICT)
    for side in ("inputs", "outputs"):
        names = renamed.get(side, {})
        for key, info in getattr(written, side).items():
            getattr(final, side)[names.get(key, key)].CopyFrom(info)
    if set(final.inputs) != set(contract.inputs) or set(final.outputs) != set(contract.outputs):
        raise Unsupported(
            "the strategy wrote the keys %s -> %s"
            % (sorted(written.inputs), sorted(written.outputs))
        )
    for name in list(signatures):
        # TensorFlow 2 keeps its own bookkeeping under names that start with two underscores.
        if not name.startswith("__"):
            del signatures[name]
    for name in contract.signatures:
        signatures[name].CopyFrom(final)


def _strip_default_attrs(graph):
    try:
        from tensorflow.python.framework.meta_graph import strip_graph_default_valued_attrs
    except ImportError:  # TensorFlow before 1.7
        return
    strip_graph_default_valued_attrs(graph)
    graph.meta_info_def.stripped_default_attrs = True
