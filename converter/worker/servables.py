"""SavedModels held for serving: several at once, asked from several threads.

A run goes straight to TensorFlow's C session, past Python's decoration of errors, so that a client
gets the very code and text that TensorFlow Serving gives.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .clock import now
from .failures import Status, Unsupported
from .saved_model import array_of, v1_of

# Codes of tensorflow/core/protobuf/error_codes.proto
UNKNOWN, INVALID_ARGUMENT, NOT_FOUND, OUT_OF_RANGE = 2, 3, 5, 11


class Servables:
    """The SavedModels of one worker, by handle."""

    def __init__(self, tf):
        self.tf = tf
        self.held = {}

    def load(self, fields, tensors):
        """Load a SavedModel. fields: handle, folder, tags, parallelism (within
        an operation, between operations; 0 lets TensorFlow choose).

        The answers are the serialised SignatureDefs, by signature. Raises Status with the text
        that TensorFlow Serving gives for such a folder.
        """
        folder, tags = fields["folder"], fields["tags"]
        try:
            servable = Servable(self.tf, folder, tags, fields["parallelism"])
        except Exception as error:
            raise _load_status(self.tf, folder, tags, error) from error
        self.held[fields["handle"]] = servable
        signatures = servable.signatures.items()
        return {}, [(name, _bytes(s.SerializeToString())) for name, s in signatures]

    def run(self, fields, tensors):
        """Run tensors of a SavedModel; see Servable.run. fields: handle, dtypes, fetches,
        timeout_ms.

        tensors: the feeds by tensor name. The result's `dtypes` are those of the answers.
        """
        servable, feeds = self._asked(fields, tensors)
        answers = servable.run(feeds, fields["fetches"], fields["timeout_ms"])
        dtypes = [servable.dtype(name) for name in fields["fetches"]]
        return {"dtypes": dtypes}, [(str(i), _bits(a)) for i, a in enumerate(answers)]

    def timed(self, fields, tensors):
        """The same run `runs` times over, in each of `concurrency` threads, timed here.

        The result's `times` are the nanoseconds of each, its `wall` those of all.
        """
        servable, feeds = self._asked(fields, tensors)

        def turn(_):
            took = []
            for _ in range(fields["runs"]):
                began = now()
                servable.run(feeds, fields["fetches"], fields["timeout_ms"])
                took.append(now() - began)
            return took

        with ThreadPoolExecutor(fields["concurrency"]) as threads:
            began = now()
            turns = list(threads.map(turn, range(fields["concurrency"])))
            wall = now() - began
        return {"times": [one for took in turns for one in took], "wall": wall}, []

    def _asked(self, fields, tensors):
        """The SavedModel that is asked, and pairs of tensor name and array to feed."""
        servable = self.held.get(fields["handle"])
        if servable is None:
            raise Unsupported("no SavedModel is held as %r" % (fields["handle"],))
        feeds = [
            (name, self._of_dtype(tensors[name], dtype)) for name, dtype in fields["dtypes"].items()
        ]
        return servable, feeds

    def unload(self, fields, tensors):
        """Let go of a SavedModel. fields: handle."""
        servable = self.held.pop(fields["handle"], None)
        if servable is not None:
            servable.session.close()
        return {}, []

    def _of_dtype(self, array, dtype):
        """`array`, whose bits are of TensorFlow's `dtype` (a DataType number)."""
        wanted = np.dtype(self.tf.DType(dtype).as_numpy_dtype)
        return array if array.dtype == wanted else array.view(wanted)


class Servable:
    """A SavedModel in a graph and a session of its own."""

    def __init__(self, tf, folder, tags, parallelism):
        v1 = v1_of(tf)
        self.tf = tf
        self.graph = tf.Graph()
        intra, inter = parallelism
        threads = v1.ConfigProto(
            intra_op_parallelism_threads=intra, inter_op_parallelism_threads=inter
        )
        self.session = v1.Session(graph=self.graph, config=threads)
        try:
            with self.graph.as_default():
                meta_graph = v1.saved_model.loader.load(self.session, tags, folder)
        except Exception:
            self.session.close()
            raise
        self.signatures = dict(meta_graph.signature_def)

    def run(self, feeds, fetches, timeout_ms):
        """Arrays for the tensor names `fetches`, given pairs of tensor name and array.

        timeout_ms: 0 for none. Raises Status.
        """
        from tensorflow.python.client.session import tf_session

        tensor = self.graph.get_tensor_by_name
        fed = {tensor(name)._as_tf_output(): array for name, array in feeds}
        wanted = [tensor(name)._as_tf_output() for name in fetches]
        options = v1_of(self.tf).RunOptions(timeout_in_ms=timeout_ms).SerializeToString()
        buffer = tf_session.TF_NewBufferFromString(options) if timeout_ms else None
        try:
            return self.session._call_tf_sessionrun(buffer, fed, wanted, [], None)
        except self.tf.errors.OpError as error:
            raise Status(error.error_code, error.message) from error
        except UnicodeDecodeError as error:
            # The message holds bytes of the request and cannot be a str, so its code is lost; what
            # TensorFlow quotes is what is wrong with the request.
            message = error.object.decode("utf-8", "surrogateescape")
            raise Status(INVALID_ARGUMENT, message) from error
        finally:
            if buffer is not None:
                tf_session.TF_DeleteBuffer(buffer)

    def dtype(self, name):
        """The DataType number of the tensor called `name`."""
        return self.graph.get_tensor_by_name(name).dtype.as_datatype_enum


def _bytes(data):
    return np.frombuffer(data, np.uint8)


def _bits(answer):
    """An answer in dtypes that numpy has by itself: bfloat16 as its bits, quantized as ints."""
    array = array_of(answer)
    if array.dtype.kind == "V":
        return array.view("<u%d" % array.dtype.itemsize)
    return array


def _load_status(tf, folder, tags, error):
    """Why a SavedModel does not load, in TensorFlow Serving's words (recorded of 2.15.1)."""
    definition = os.path.join(folder, "saved_model.pb")
    if not os.path.exists(definition) and not os.path.exists(definition + "txt"):
        return Status(
            NOT_FOUND,
            "Specified file path does not appear to contain a SavedModel bundle (should have a"
            " file called `saved_model.pb`)\nSpecified file path: %s" % folder,
        )
    offered = _tag_sets(definition)
    if offered is None:
        return Status(OUT_OF_RANGE, "Read less bytes than requested")
    if set(tags) not in offered:
        return Status(
            NOT_FOUND,
            "Could not find meta graph def matching supplied tags: { %s }. To inspect available"
            " tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`"
            % " ".join(tags),
        )
    if isinstance(error, tf.errors.OpError):
        return Status(error.error_code, error.message)
    code = NOT_FOUND if "Op type not registered" in str(error) else UNKNOWN
    return Status(code, "%s: %s" % (type(error).__name__, error))


def _tag_sets(definition):
    """The sets of tags in a saved_model.pb; None when it cannot be read."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel()
    try:
        with open(definition, "rb") as stream:
            saved_model.ParseFromString(stream.read())
    except (OSError, DecodeError):
        return None
    return [set(graph.meta_info_def.tags) for graph in saved_model.meta_graphs]
