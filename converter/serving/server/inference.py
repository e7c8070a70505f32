"""Predict, classify, regress and multi-inference over a servable, whatever the protocol.

The order of the checks and their texts are TensorFlow Serving's (servables/tensorflow:
predict_util.cc, classifier.cc, regressor.cc, multi_inference.cc), as recorded of 2.15.1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf import text_format

from converter.serving import tensors
from converter.serving.server.servable import Servable
from converter.serving.status import Code, StatusError
from converter.serving.tensors import Tensor
from converter.wire.apis_pb2 import (
    ClassificationResult,
    InferenceTask,
    Input,
    RegressionResult,
)
from converter.wire.tensorflow_pb2 import (
    DT_FLOAT,
    DT_STRING,
    DT_VARIANT,
    SignatureDef,
    TensorProto,
)

SERVING_DEFAULT = "serving_default"
PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


@dataclass(frozen=True)
class Call:
    """How a request is to be run.

    timeout: seconds. check_methods: hold the signature's method name against what is asked. ran:
    told how many microseconds the model itself took.
    """

    timeout: float | None = None
    check_methods: bool = False
    ran: Callable[[int], None] = lambda _: None

    def run(
        self, servable: Servable, feeds: Mapping[str, Tensor], fetches: Sequence[str]
    ) -> list[Tensor]:
        """Run the servable. Raises StatusError."""
        started = time.perf_counter_ns()
        answers = servable.run(feeds, fetches, self.timeout)
        self.ran((time.perf_counter_ns() - started) // 1000)
        return answers


class TensorProtos(Mapping[str, Tensor]):
    """The inputs of a message, each parsed when it is asked for.

    contents: see large.parse.
    """

    def __init__(
        self, protos: Mapping[str, TensorProto], contents: Mapping[str, memoryview] | None = None
    ) -> None:
        self._protos = protos
        self._contents = contents or {}

    def __getitem__(self, alias: str) -> Tensor:
        return tensors.from_proto(self._protos[alias], alias, self._contents.get(alias))

    def __iter__(self) -> Iterator[str]:
        return iter(self._protos)

    def __len__(self) -> int:
        return len(self._protos)


def predict(
    servable: Servable,
    signature_name: str,
    inputs: Mapping[str, Tensor],
    output_filter: Sequence[str],
    call: Call,
) -> dict[str, Tensor]:
    """The outputs by alias, or those of `output_filter`. Raises StatusError."""
    name = signature_name or SERVING_DEFAULT
    signature = servable.signatures.get(name)
    if signature is None:
        raise _refused(f'Serving signature key "{name}" not found.', Code.FAILED_PRECONDITION)
    known = (PREDICT, CLASSIFY, REGRESS)
    if call.check_methods and signature.method_name not in known:
        raise _refused(
            "Expected prediction signature method_name to be one of {"
            f"{', '.join(known)}}}. Was: {signature.method_name}"
        )
    feeds = _feeds(signature, inputs)
    aliases = _wanted(signature, output_filter)
    fetches = [signature.outputs[alias].name for alias in aliases]
    return dict(zip(aliases, call.run(servable, feeds, fetches), strict=True))


def _feeds(signature: SignatureDef, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The given tensors, and the signature's defaults for others, by tensor name."""
    wanted, given = set(signature.inputs), set(inputs)
    if len(given) > len(wanted) or len(given) + len(signature.defaults) < len(wanted):
        raise _refused(
            f"input size does not match signature: {len(given)}!={len(wanted)}"
            f" len({_set(given)}) != len({_set(wanted)})."
            f" Sent extra: {_set(given - wanted)}. Missing but required: {_set(wanted - given)}."
        )
    feeds = {}
    for alias in sorted(wanted):
        if alias in given:
            tensor = inputs[alias]
        elif alias in signature.defaults:
            tensor = tensors.from_proto(signature.defaults[alias], alias)
        else:
            raise _refused(
                f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not"
                " found in request and no default value provided. Inputs expected to be in the"
                f" request {_set(given)}, or default input alias set:"
                f" {','.join(sorted(signature.defaults))}"
            )
        info = signature.inputs[alias]
        if tensor.dtype == DT_VARIANT:  # no other process can hold one
            raise _refused(
                f"Expects arg[0] to be {tensors.name_of(info.dtype)} but variant is provided"
            )
        feeds[info.name] = tensor
    if not given <= wanted:
        raise _refused(
            f"Inputs contains invalid name. Used request inputs: {','.join(sorted(given & wanted))}"
            f", request input: {','.join(sorted(given))}"
        )
    return feeds


def _wanted(signature: SignatureDef, output_filter: Sequence[str]) -> list[str]:
    aliases = list(output_filter) or sorted(signature.outputs)
    seen: set[str] = set()
    for alias in aliases:
        if alias not in signature.outputs:
            raise _refused(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in"
                f" the set {_set(set(signature.outputs))}."
            )
        if alias in seen:
            raise _refused(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return aliases


def classify(
    servable: Servable, signature_name: str, given: Input, call: Call
) -> ClassificationResult:
    """Classes and scores of every example. Raises StatusError."""
    signature = _signature(servable, signature_name, "No signature was found with the name: ")
    wanted = _classification(signature, call)
    examples = serialized_examples(given)
    answers = call.run(servable, {wanted.feed: examples}, list(wanted.fetches.values()))
    outputs = dict(zip(wanted.fetches, answers, strict=True))
    return _classified(outputs, len(examples.array))


def regress(servable: Servable, signature_name: str, given: Input, call: Call) -> RegressionResult:
    """The value of every example. Raises StatusError."""
    signature = _signature(servable, signature_name, "No signature was found with the name: ")
    wanted = _regression(signature, call)
    examples = serialized_examples(given)
    (answer,) = call.run(servable, {wanted.feed: examples}, list(wanted.fetches.values()))
    return _regressed(answer, len(examples.array))


def multi(
    servable: Servable, tasks: Sequence[InferenceTask], given: Input, call: Call
) -> list[ClassificationResult | RegressionResult]:
    """The result of every task, all of them run at once over the same examples.

    Raises StatusError.
    """
    wanted = []
    seen: set[str] = set()
    for task in tasks:
        name = task.model_spec.signature_name or SERVING_DEFAULT
        if name in seen:
            raise _refused(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if task.method_name not in (CLASSIFY, REGRESS):
            raise _refused(
                f"Unsupported signature method_name: {task.method_name}", Code.UNIMPLEMENTED
            )
        signature = _signature(servable, name, "Requested signature not found in model graph: ")
        check = _classification if task.method_name == CLASSIFY else _regression
        wanted.append(check(signature, call))
    if len({one.feed for one in wanted}) != 1:
        raise _refused("Input tensor must be the same for all Signatures.")
    examples = serialized_examples(given)
    fetches = list(dict.fromkeys(name for one in wanted for name in one.fetches.values()))
    answers = call.run(servable, {wanted[0].feed: examples}, fetches)
    by_name = dict(zip(fetches, answers, strict=True))
    results: list[ClassificationResult | RegressionResult] = []
    for task, one in zip(tasks, wanted, strict=True):
        outputs = {alias: by_name[name] for alias, name in one.fetches.items()}
        count = len(examples.array)
        if task.method_name == CLASSIFY:
            results.append(_classified(outputs, count))
        else:
            results.append(_regressed(next(iter(outputs.values())), count))
    return results


@dataclass(frozen=True)
class _Wanted:
    """The tensor that takes the examples, and those to fetch, by alias."""

    feed: str
    fetches: dict[str, str]


def _signature(servable: Servable, signature_name: str, missing: str) -> SignatureDef:
    name = signature_name or SERVING_DEFAULT
    if name not in servable.signatures:
        raise _refused(missing + name)
    return servable.signatures[name]


def _classification(signature: SignatureDef, call: Call) -> _Wanted:
    if call.check_methods and signature.method_name != CLASSIFY:
        raise _method("classification", CLASSIFY, signature)
    if len(signature.inputs) != 1:
        raise _refused("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise _refused(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if "inputs" not in signature.inputs:
        raise _refused(f"No classification inputs found in SignatureDef: {_text(signature)}")
    found = {
        alias: signature.outputs[alias].name for alias in _CLASSES if alias in signature.outputs
    }
    if not found:
        raise _refused(
            'Expected classification signature outputs to contain at least one of "classes" or'
            f' "scores". Signature was: {_text(signature)}'
        )
    return _Wanted(signature.inputs["inputs"].name, found)


def _regression(signature: SignatureDef, call: Call) -> _Wanted:
    if call.check_methods and signature.method_name != REGRESS:
        raise _method("regression", REGRESS, signature)
    if len(signature.inputs) != 1:
        raise _refused("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise _refused("Expected one output Tensor.")
    if "inputs" not in signature.inputs:
        raise _refused(f"No regression inputs found in SignatureDef: {_text(signature)}")
    if "outputs" not in signature.outputs:
        raise _refused(f"No regression outputs found in SignatureDef: {_text(signature)}")
    return _Wanted(signature.inputs["inputs"].name, {"outputs": signature.outputs["outputs"].name})


# The outputs of a classification, with the dtype each must have.
_CLASSES = {"classes": DT_STRING, "scores": DT_FLOAT}


def serialized_examples(given: Input) -> Tensor:
    """The examples as a string tensor, each behind the context they share.

    The features of an example come after those of the context and so win over them.
    """
    kind = given.WhichOneof("kind")
    context = b""
    examples = given.example_list.examples
    if kind == "example_list_with_context":
        context = given.example_list_with_context.context.SerializeToString()
        examples = given.example_list_with_context.examples
    if not examples:
        raise _refused("Input is empty.")
    array = np.empty(len(examples), object)
    array[:] = [context + example.SerializeToString() for example in examples]
    return Tensor(DT_STRING, array)


def _classified(outputs: Mapping[str, Tensor], count: int) -> ClassificationResult:
    for alias, tensor in outputs.items():
        if tensor.array.ndim != 2:
            shape = _shape(tensor.array.shape)
            raise _refused(f"Expected Tensor shape: [batch_size num_{alias}] but got {shape}")
        if tensor.dtype != _CLASSES[alias]:
            wanted, got = tensors.name_of(_CLASSES[alias]), tensors.name_of(tensor.dtype)
            raise _refused(f"Expected {alias} Tensor of {wanted}. Got: {got}")
        if len(tensor.array) != count:
            raise _refused(
                f"Expected {alias} output batch size of {count}. Got: {len(tensor.array)}"
            )
    if len({tensor.array.shape for tensor in outputs.values()}) != 1:
        raise _refused("Tensors class and score should match in dim_size(1).")
    labels = outputs["classes"].array if "classes" in outputs else None
    scores = outputs["scores"].array if "scores" in outputs else None
    result = ClassificationResult()
    width = next(iter(outputs.values())).array.shape[1]
    for row in range(count):
        classes = result.classifications.add().classes
        for column in range(width):
            added = classes.add()
            if labels is not None:
                added.label = labels[row, column].decode("utf-8", "replace")
            if scores is not None:
                added.score = scores[row, column]
    return result


def _regressed(tensor: Tensor, count: int) -> RegressionResult:
    shape = tensor.array.shape
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise _refused(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got"
            f" {_shape(shape)}"
        )
    if shape[0] != count:
        raise _refused(f"Input batch size did not match output batch size: {count} vs. {shape[0]}")
    if tensor.dtype != DT_FLOAT:
        raise _refused(f"Expected output Tensor of DT_FLOAT.  Got: {tensors.name_of(tensor.dtype)}")
    result = RegressionResult()
    for value in tensor.array.ravel().tolist():
        result.regressions.add().value = value
    return result


def _method(kind: str, wanted: str, signature: SignatureDef) -> StatusError:
    return _refused(
        f"Expected {kind} signature method_name to be {wanted}. Was: {signature.method_name}"
    )


def _text(signature: SignatureDef) -> str:
    return text_format.MessageToString(signature, use_short_repeated_primitives=False)


def _shape(shape: Sequence[int]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _set(names: set[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _refused(message: str, code: Code = Code.INVALID_ARGUMENT) -> StatusError:
    return StatusError(code, message)
