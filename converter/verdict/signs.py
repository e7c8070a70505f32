"""What tells one cause of other answers from another: functions over the evidence.

Each gives what it found in words without an end stop, or '' where it is not that. Those about
layers look at the first one that differs while all that it reads agrees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from converter.source.model import Layer
from converter.verdict import laws
from converter.verdict.case import LayerFacts
from converter.verdict.evidence import Evidence, furthest

# How much beyond the sensitivity to rounding a difference may be and still be its work.
ROUNDING_FACTOR = 10.0
# The share of the difference that another meaning of a layer may leave unexplained.
LEFT_OVER = 0.01


def other_keys(e: Evidence) -> str:
    return e.other_keys(e.asked.signatures) if e.asked.signatures else ""


def _varying(e: Evidence) -> LayerFacts | None:
    """The first layer that gives two answers to the same request."""
    if not e.look.varies:
        return None
    return next((layer for layer in e.look.layers if layer.told.get("varies")), None)


def random_by_design(e: Evidence) -> str:
    if not e.look.varies or not e.case.source.training_calls:
        return ""
    return f"called with training=True in the source: {', '.join(e.case.source.training_calls)}"


def dropout(e: Evidence) -> str:
    layer = _varying(e)
    described = e.case.layer(layer.path) if layer else None
    if layer is None or described is None:
        return ""
    if "Dropout" not in described.class_name and "Noise" not in described.class_name:
        return ""
    return f"the same request twice gives two answers, from {layer.name} on"


def random(e: Evidence) -> str:
    if not e.look.varies:
        return ""
    drawn = ", ".join(e.look.graph.get("random", ())[:2])
    return "the same request twice gives two answers" + (f" ({drawn})" if drawn else "")


def elsewhere(e: Evidence) -> str:
    if not e.same(e.case.expected, e.answers):
        return ""
    return f"in a session of {e.case.runtime.name} the SavedModel answers as the reference does"


def recorded(e: Evidence) -> str:
    if e.same(e.case.expected, e.keras_answers) or not e.same(e.keras_answers, e.answers):
        return ""
    return f"{e.case.load.flavour} in {e.case.keras.name} answers as the SavedModel does"


def exchanged_outputs(e: Evidence) -> str:
    expected, got = e.case.expected, e.answers
    if len(expected) < 2 or set(got) != set(expected):
        return ""
    held = {
        key: [other for other in expected if e.same({key: expected[other]}, {key: got[key]})]
        for key in expected
    }
    if any(len(others) != 1 for others in held.values()) or e.same(expected, got):
        return ""
    if len({others[0] for others in held.values()}) < len(held):
        return ""
    return "; ".join(f"{k} holds {o[0]}" for k, o in held.items() if o[0] != k)


def exchanged_inputs(e: Evidence) -> str:
    found = e.exchanged_inputs
    return f"with {found} exchanged the reference answers as the SavedModel does" if found else ""


def dtype(e: Evidence) -> str:
    return "; ".join(
        f"{key} is {e.answers[key].dtype} instead of {wanted.dtype}"
        for key, wanted in e.case.expected.items()
        if key in e.answers and e.answers[key].dtype != wanted.dtype
    )


def by_rows(e: Evidence) -> str:
    if not e.row_by_row or e.same(e.answers, e.row_by_row):
        return ""
    return "a batch gets other answers than its rows asked one by one"


def batch_statistics(e: Evidence) -> str:
    layer = e.look.first
    described = e.case.layer(layer.path) if layer else None
    if layer is None or described is None:
        return ""
    if not described.class_name.startswith("BatchNormalization"):
        return ""
    taken = layer.told.get("training") or "SquaredDifference" in layer.told.get("operations", ())
    if not taken or (e.row_by_row and not by_rows(e)):
        return ""
    return by_rows(e) or "its operations take the mean and variance of the batch"


def reinitialised(e: Evidence) -> str:
    assigned = e.look.graph.get("assigned", [])
    if not assigned or e.look.first is None:
        return ""
    return f"its init operation gives new values to {', '.join(assigned)}"


@dataclass(frozen=True)
class _Weights:
    """The weights of a layer: the source's, those the SavedModel reads for it, and which of the
    source's are not among them.
    """

    ours: list[dict[str, Any]]
    theirs: list[dict[str, Any]]
    missing: list[dict[str, Any]]

    def alike(self, weight: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Those of the SavedModel that have the shape of `weight`."""
        return (other for other in self.theirs if other["shape"] == weight["shape"])

    def turned(self, how: str) -> bool:
        """Whether all that is missing is there, but turned."""
        held = {other["sha256"] for other in self.theirs}
        return bool(self.missing) and all(w.get(how) in held for w in self.missing)


def _weights(e: Evidence) -> _Weights | None:
    """None where either side cannot be told."""
    layer = e.look.first
    if layer is None or layer.path not in e.weights or not layer.told.get("weights"):
        return None
    ours, theirs = e.weights[layer.path], layer.told["weights"]
    shapes = [other["shape"] for other in theirs]
    if any(weight["shape"] not in shapes for weight in ours):
        return None
    held = {other["sha256"] for other in theirs}
    return _Weights(ours, theirs, [w for w in ours if w["sha256"] not in held])


def fresh(e: Evidence) -> str:
    found = _weights(e)
    if found is None or not found.missing:
        return ""
    judged = [{laws.looks_fresh(other) for other in found.alike(w)} for w in found.missing]
    # Small kernels do not tell by themselves.
    if {False} in judged or not any(True in answers for answers in judged):
        return ""
    return "its weights are not the file's but such as an initializer makes"


def of_another_layer(e: Evidence) -> str:
    found, layer = _weights(e), e.look.first
    if found is None or layer is None or not found.missing:
        return ""
    theirs = {other["sha256"] for other in found.theirs if not laws.is_constant(other)}
    for path, weights in e.weights.items():
        if path != layer.path and theirs & {weight["sha256"] for weight in weights}:
            return f"it has the weights of {'/'.join(path)}"
    return ""


def exchanged_weights(e: Evidence) -> str:
    """The right values under the wrong names, such as gamma in beta's place."""
    found = _weights(e)
    if found is None or found.missing:
        return ""
    counts = Counter(_last(weight["name"]) for weight in found.ours)
    named = {
        _last(weight["name"]): weight["sha256"]
        for weight in found.ours
        if counts[_last(weight["name"])] == 1  # a wrapped layer may have two of a name
    }
    wrong = [
        _last(other["name"])
        for other in found.theirs
        if named.get(_last(other["name"]), other["sha256"]) != other["sha256"]
    ]
    return f"{' and '.join(sorted(wrong))} hold each other's values" if wrong else ""


def _last(name: str) -> str:
    """`kernel` of `dense/kernel:0`."""
    return name.rsplit("/", 1)[-1].split(":", maxsplit=1)[0]


def flipped(e: Evidence) -> str:
    found = _weights(e)
    return "its kernel is the file's, turned round" if found and found.turned("flipped") else ""


def transposed(e: Evidence) -> str:
    found = _weights(e)
    told = "its kernel is the file's, transposed"
    return told if found and found.turned("transposed") else ""


def rounded(e: Evidence) -> str:
    found = _weights(e)
    if found is None or not any(not laws.is_constant(w) for w in found.missing):
        return ""
    if not all(any(laws.rounded(w, o) for o in found.alike(w)) for w in found.missing):
        return ""
    return "its weights are nearly the file's"


def other_weights(e: Evidence) -> str:
    found = _weights(e)
    if found is None or not found.missing:
        return ""
    return f"{len(found.missing)} of its {len(found.ours)} weights are not the file's"


def half(e: Evidence) -> str:
    layer = e.look.first
    configs = [str(x.config.get("dtype")) for x in e.case.source.layers]
    if any("float16" in text for text in configs) or layer is None or layer.value is None:
        return ""
    halves = e.look.graph.get("halves", [])
    if halves:
        return f"computed in half precision: {', '.join(halves[:2])}"
    kind = laws.in_half_precision(layer.value)
    return f"every number it gives is one of {kind}" if kind else ""


def hard_sigmoid(e: Evidence) -> str:
    layer = e.look.first
    if layer is None or layer.value is None or not layer.max_abs:
        return ""
    if not any(_says(x, "hard_sigmoid") for x in e.case.within(layer.path)):
        return ""
    other = e.with_other_hard_sigmoid(layer.path)
    if other is None or furthest(other, layer.value) > LEFT_OVER * layer.max_abs:
        return ""
    return "with the other meaning of hard_sigmoid the reference's Keras gives the same"


def _says(layer: Layer, word: str) -> bool:
    """Whether an activation of the layer is `word`, in any dialect."""
    values = [v for k, v in layer.config.items() if k.endswith("activation")]
    return word in [str(v.get("config")) if isinstance(v, dict) else v for v in values]


def resize(e: Evidence) -> str:
    layer = e.look.first
    described = e.case.layer(layer.path) if layer else None
    if layer is None or described is None or layer.value is None:
        return ""
    images = e.look.read_by(layer)
    if described.class_name not in ("UpSampling2D", "Resizing") or images is None:
        return ""
    arrays = [images, layer.reference, layer.value]
    if described.config.get("data_format") == "channels_first":
        arrays = [np.moveaxis(array, 1, -1) for array in arrays]
    ours, theirs = (laws.resize_rule(arrays[0], array) for array in arrays[1:])
    if ours is None or theirs is None or ours == theirs:
        return ""
    return f"it resizes by the rule {theirs}, the reference by {ours}"


def rounding(e: Evidence) -> str:
    if not e.answers or not e.sensitivity:
        return ""
    off = max(furthest(a, e.answers[k]) for k, a in e.case.expected.items() if k in e.answers)
    if off > ROUNDING_FACTOR * e.sensitivity:
        return ""
    return f"rounding of the inputs alone moves an answer by {e.sensitivity:.1e}; off by {off:.1e}"


def none_stands_out(e: Evidence) -> str:
    if not _every_layer_agrees(e) or _changed_afterwards(e):
        return ""
    return "no layer is off by more than the rule allows for its largest number"


def postprocessed(e: Evidence) -> str:
    if not _every_layer_agrees(e) or not _changed_afterwards(e):
        return ""
    return "every layer agrees, the answers do not"


def _every_layer_agrees(e: Evidence) -> bool:
    return bool(e.look.layers) and e.look.first is None and not e.look.lost


def _changed_afterwards(e: Evidence) -> bool:
    """Whether an answer is off by more than rounding in the layers could do."""
    return any(
        key not in e.answers
        or furthest(wanted, e.answers[key])
        > ROUNDING_FACTOR * (e.case.rule.atol + e.case.rule.rtol * float(np.abs(wanted).max()))
        for key, wanted in e.case.expected.items()
    )


def preprocessed(e: Evidence) -> str:
    layer = e.look.first
    if layer is None or not layer.told.get("prepared"):
        return ""
    return f"{layer.name} does not get the input as it is sent"


def another_meaning(e: Evidence) -> str:
    layer, found = e.look.first, _weights(e)
    if layer is None or (layer.path in e.weights and (found is None or found.missing)):
        return ""
    same = "it reads the same" + (" and has the file's weights" if found else "")
    return same + ", but gives something else"
