"""What the messages of Keras, TensorFlow and TensorFlow Serving mean, as a table.

The messages are those of conversions and servings that failed in public; each row names where.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from converter.source.model import SourceModel


@dataclass(frozen=True)
class Message:
    """Messages that mean one thing.

    pattern: for re.search; what it captures is named in the diagnosis, and a captured name of a
    variable or operation tells the layer. explanation and advice: for people, without an end stop.
    source: where it is known from, repository#issue.
    """

    id: str
    pattern: str
    explanation: str
    advice: str
    source: str

    def match(self, text: str) -> re.Match[str] | None:
        """Where `text` says it."""
        return re.search(self.pattern, text)


FREEZE = "Write constants in place of variables with --freeze, or serve with a newer version"
LEAVE_OUT = "Leave out --toolchain and --python, so that the writer's own Keras loads the file"

MESSAGES = (
    # The SavedModel does not load in the server.
    Message(
        "gpu-only-op",
        r"(?:registered to support Op|type) '?(Cudnn\w+)'?",
        "The model has an operation that only a GPU can run",
        "Convert the .h5 file again: CuDNN layers are loaded as LSTM and GRU with their weights",
        "keras#18504, serving#823",
    ),
    Message(
        "python-op",
        r"(?:callback (?:with key=)?(pyfunc_\w+)|type not registered '((?:Eager)?PyFunc\w*)')",
        "The model calls back into the Python process that made it (py_function, numpy_function)",
        "Write the layer with TensorFlow operations; no server has that Python function",
        "serving#896, serving#1167",
    ),
    Message(
        "custom-op",
        r"Op type not registered '(\w+>\w+|Addons\w*|\w*FFMpeg\w*|Sentencepiece\w*|Horovod\w*)'",
        "The model has an operation of an extension that the server was not built with",
        "Build the server with that extension, or write the layer with TensorFlow's operations",
        "tensorflow/custom-op#68",
    ),
    Message(
        "op-not-registered",
        r"Op type not registered '(\w+)'|SavedModelError: KeyError: '([A-Z]\w+)'",
        "The model has an operation that the server's TensorFlow is too old to know",
        FREEZE,
        "serving#1155, serving#411",
    ),
    Message(
        "attribute-not-known",
        r"NodeDef mentions attr '(\w+)' not in Op",
        "An operation of the model has an attribute that the server's TensorFlow is too old to"
        " know",
        FREEZE,
        "serving#831, serving#924",
    ),
    Message(
        "uninitialized-variables",
        r"uninitialized value (\S+)|Could not find variable (\S+?)[. ]"
        r"|Error while reading resource variable (\S+) from Container",
        "The model was saved without the values of its variables, or is asked through resources"
        " that the loader does not restore",
        "Save it from the session that holds the loaded model, or convert the .h5 file again",
        "serving#1004, serving#840",
    ),
    Message(
        "learning-phase-not-fixed",
        r"must feed a value for placeholder tensor '(\S*keras_learning_phase\S*)'",
        "The model was built before the learning phase was fixed, and waits to be told it",
        "Call K.set_learning_phase(0) before the model is loaded, or convert the .h5 file again",
        "serving#602, serving#1266",
    ),
    Message(
        "signature-missing",
        r'(?:Serving signature name: \\?"(\S+?)\\?" not found|has no signature \'(\S+)\')',
        "The model has no signature of that name",
        "Ask for a signature that it has, or convert the .h5 file again: serving_default is always"
        " written",
        "CRNN_Tensorflow#275",
    ),
    Message(
        "keys-renamed",
        r"does not have named input: (\S+?)[\"\\\s]|Missing named input: (\S+) in"
        r"|input tensor alias not found in signature: (\S+)",
        "The signature has inputs of other names",
        "Ask for the metadata and use its names; --rename-input and --rename-output choose them",
        "serving#1296, yolov5#7707",
    ),
    Message(
        "tags-missing",
        r"Could not find meta graph def matching supplied tags: \{ ?([^}]*?) ?\}"
        r"|MetaGraphDef associated with tags ['\"{]?(.+?)['\"}]? could not be found",
        "The SavedModel has no graph with these tags",
        "Save it with the tag 'serve', or start the server with --saved_model_tags",
        "serving#1843",
    ),
    Message(
        "version-folder-missing",
        r"No versions of servable (\S+) found under base path|does not appear to contain a"
        r" SavedModel|SavedModel file does not exist",
        "The server was given a folder in which there is no version, or a version without a model",
        "Give it the folder that holds the version folders: MODEL/1/saved_model.pb",
        "serving#1250, serving#266",
    ),
    Message(
        "variables-damaged",
        r"Unsuccessful TensorSliceReader constructor|Failed to find any matching files for"
        r"|not an sstable|[Cc]hecksum does not match|not a valid checkpoint"
        r"|/variables\S*; No such file",
        "The variables beside saved_model.pb are missing or damaged",
        "Copy the whole version folder, and compare its size with the original's",
        "serving#1419",
    ),
    # The server or the way to it.
    Message(
        "processor-too-old",
        r"Illegal instruction|SIGILL|exit(?:ed with)? code 132",
        "The server was built for a processor with other instructions (AVX) or another"
        " architecture",
        "Serve with --serving local, or with an image built for this machine",
        "serving#1948, serving#1342",
    ),
    Message(
        "message-too-large",
        r"[Rr]eceived message larger than max \((\d+) vs",
        "The request or the answer is larger than the 4 MiB that a gRPC client takes by default",
        "Set grpc.max_receive_message_length to -1 in the client's channel options",
        "serving#1382, serving#288",
    ),
    Message(
        "not-in-json",
        r"(?:Failed to write JSON value for tensor type|Conversion of JSON Value: .{1,80} to type):"
        r" (\w+)",
        "REST cannot carry numbers of that type",
        "Ask over gRPC, or end the model with a cast to float32",
        "serving#1639",
    ),
    Message(
        "not-in-rows",
        r"has inconsistent batch size: (\d+)|Tensor name: (\S+) has no shape information",
        "An output has another number of rows than the request, which rows of JSON cannot say",
        "Ask with 'inputs' in place of 'instances' (columns), or over gRPC",
        "read: json_tensor.cc of TensorFlow Serving",
    ),
    # Keras does not load the file.
    Message(
        "h5py-too-new",
        r"'str' object has no attribute 'decode'",
        "This environment has h5py 3 or later with a Keras that needs an older one",
        "Install 'h5py<3' there, or leave out --python",
        "tensorflow#44467",
    ),
    Message(
        "protobuf-too-new",
        r"Descriptors cannot (?:not )?be created directly",
        "This environment has protobuf 4 or later with a TensorFlow that needs an older one",
        "Install 'protobuf<3.21' there, or leave out --python",
        "tensorflow#59665",
    ),
    Message(
        "functional-not-known",
        r"Unknown layer: '?Functional",
        "The file was written by TensorFlow 2.3 or later, and this Keras is older",
        LEAVE_OUT,
        "tensorflow#41929",
    ),
    Message(
        "sequential-as-list",
        r"'list' object has no attribute 'items'|list indices must be integers or slices, not str"
        r"|'list' object has no attribute 'get'|pop expected at most 1 argument",
        "The file says a Sequential as a list, as Keras did up to 2.2.2, and this Keras wants a"
        " dict",
        LEAVE_OUT,
        "keras#11275, tensorflow#35934",
    ),
    Message(
        "mixed-precision-policy",
        r"Could not locate class '(\w*Policy)'|has no attribute 'quantization_mode'",
        "The file says a layer's precision as a policy of another Keras",
        LEAVE_OUT,
        "Keras_insightface#132",
    ),
    Message(
        "argument-not-known",
        r"(?:Unrecognized keyword arguments(?: passed to \w+)?:|Keyword argument not understood:"
        r"|[Uu]nexpected keyword argument)\W*(\w+)",
        "The file says an argument that this Keras does not know",
        LEAVE_OUT,
        "tensorflow#64685, keras#19151",
    ),
    Message(
        "function-not-known",
        r"Unable to locate function|Unknown (?:loss|metric|activation) function:? ?'?(\w+)",
        "The file names a function that this Keras does not know",
        "Give its code with --custom-objects FILE.py; losses and metrics are never needed",
        "tensorflow#70263, keras#20833",
    ),
    Message(
        "bytecode-of-another-python",
        r"bad marshal data|unknown opcode|codeobject\.c|EOF read where object expected",
        "A Lambda layer holds the bytecode of another Python",
        "Use a toolchain with the Python that wrote it, or give the function with --custom-objects",
        "keras#14875, keras#7440",
    ),
    Message(
        "layers-do-not-match",
        r"weight file containing (\d+) layers into a model with|Layer count mismatch"
        r"|You are trying to load a weight|(\d+) variables whereas the saved"
        r"|expects \d+ weight\(s\), but the saved"
        r"|Cannot assign value to variable '? ?(\S+?)'?: Shape",
        "The architecture and the weights are those of two models",
        "Give the architecture that the weights were saved from with --architecture",
        "keras#10417, aletheia#19",
    ),
    Message(
        "no-architecture",
        r"No model found in config|No model config found",
        "The file holds weights only",
        "Give the model's JSON (model.to_json()) with --architecture FILE.json",
        "keras#5231, keras#6937",
    ),
)


def read(text: str) -> tuple[Message, str] | None:
    """The first row that `text` fits, and what it names; None when nothing is known of it."""
    for row in MESSAGES:
        found = row.match(text)
        if found is not None:
            named = next((part for part in found.groups() if part), "")
            return row, named.strip("'\"").rstrip(".,")
    return None


def layer_named(name: str, source: SourceModel) -> str:
    """The path of the source's layer after which a variable or operation is called, or ''."""
    parts = {re.sub(r"_\d+$", "", part) for part in name.split("/")} | set(name.split("/"))
    return next((layer.path for layer in source.layers if layer.name in parts), "")
