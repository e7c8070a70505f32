"""What can be found out about a SavedModel that does not answer as its source does.

Each fact is looked up when a cause asks for it, once, and only while there is time. What cannot be
had is empty, and `gaps` says why.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from converter.errors import ConvertH5Error, WorkerRaised, WorkerTimeout
from converter.toolchain.session import Array, Session
from converter.verdict.case import Case, LayerFacts, LayerPath, Look
from converter.verdict.compare import compare
from converter.verdict.reference import Answers
from converter.verdict.samples import Batch, nudged

Found = TypeVar("Found")

# Rows on which layers are compared: the worst ones.
ROWS = 4
# hard_sigmoid with another slope, for the custom objects of the reference's Keras.
# Sources: activations.py of tf_keras (0.2), backend/tensorflow/nn.py of Keras 3 (1/6).
HARD_SIGMOID = """
import tensorflow as tf


def hard_sigmoid(x):
    return tf.minimum(tf.maximum({slope} * x + 0.5, 0.0), 1.0)
"""
SLOPE_OF_KERAS_2, SLOPE_OF_KERAS_3 = "0.2", "1.0 / 6.0"


@dataclass(frozen=True)
class Asked:
    """The SavedModel in a session: its signatures, its answers (empty where its keys are others),
    and why it could not be loaded or asked.
    """

    signatures: dict[str, Any] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    error: str = ""


class Evidence:
    """Facts about a case, looked up on demand until `seconds` are over."""

    def __init__(self, case: Case, seconds: float) -> None:
        self.case = case
        self.gaps: list[str] = []
        self._until = time.monotonic() + seconds

    @cached_property
    def asked(self) -> Asked:
        """The SavedModel, loaded into a fresh session and asked."""
        signatures: dict[str, Any] = {}
        try:
            with self._in_time(self.case.runtime) as session:
                signatures = session.load_saved_model(
                    self.case.saved_model, self.case.contract.tags
                )
                if self.other_keys(signatures):
                    return Asked(signatures)
                return Asked(signatures, self._ask(signatures, self.case.batch))
        except WorkerRaised as error:
            return Asked(signatures, error=error.why)
        except ConvertH5Error as error:
            self.gaps.append(f"the SavedModel in a session: {error.line()}")
        return Asked(signatures)

    @property
    def answers(self) -> Answers:
        """What the SavedModel answers in a session."""
        return self.asked.answers

    def other_keys(self, signatures: dict[str, Any]) -> str:
        """What a signature has in place of the contract's keys; empty when all is as it should be.

        A single input or output fits whatever its name.
        """
        found = signatures.get(self.case.signature)
        if found is None:
            return f"its signatures are {', '.join(sorted(signatures)) or 'none'}"
        for side, wanted in (("inputs", self.case.batch), ("outputs", self.case.expected)):
            if set(found[side]) != set(wanted) and not len(found[side]) == len(wanted) == 1:
                return f"its {side} are {', '.join(sorted(found[side]))}"
        return ""

    def _ask(self, signatures: dict[str, Any], batch: Batch) -> Answers:
        signature = signatures[self.case.signature]
        theirs = _renamed(self.case.batch, signature["inputs"])
        ours = {v: k for k, v in _renamed(self.case.expected, signature["outputs"]).items()}
        given = {theirs[key]: values for key, values in batch.items()}
        answers = self.case.runtime.run_signature(self.case.signature, given)
        return {ours[key]: values for key, values in answers.items()}

    @cached_property
    def row_by_row(self) -> Answers:
        """The answers to each row asked alone; empty where the batch cannot be split."""
        rows = len(next(iter(self.case.batch.values())))
        if rows < 2 or not self.answers:
            return {}

        def ask() -> Answers:
            parts = [
                self._ask(
                    self.asked.signatures,
                    {key: values[i : i + 1] for key, values in self.case.batch.items()},
                )
                for i in range(rows)
            ]
            return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

        return self._had("each row alone", self.case.runtime, ask) or {}

    @cached_property
    def keras_answers(self) -> Answers:
        """What the Keras of the reference predicts now."""

        def predict() -> Answers:
            self.case.keras.load_h5(self.case.path, self.case.load)
            return self._predict(self.case.batch)

        return self._had("the reference", self.case.keras, predict) or {}

    def _predict(self, batch: Batch) -> Answers:
        contract = self.case.contract
        answers = self.case.keras.predict([batch[key] for key in contract.inputs])
        return dict(zip(contract.outputs, answers, strict=True))

    @cached_property
    def sensitivity(self) -> float:
        """How far rounding of the inputs alone moves an answer of the reference's Keras."""
        if not self.keras_answers:
            return 0.0
        batch = nudged(self.case.batch)
        moved = self._had("rounding", self.case.keras, lambda: self._predict(batch)) or {}
        return max((furthest(self.keras_answers[key], moved[key]) for key in moved), default=0.0)

    @cached_property
    def exchanged_inputs(self) -> str:
        """Two inputs, exchanging which makes the reference answer as the SavedModel does."""
        batch = self.case.batch
        keys = list(batch) if self.keras_answers and self.answers else []
        for position, one in enumerate(keys):
            for other in keys[position + 1 :]:
                alike = batch[one].shape == batch[other].shape
                if not alike or np.array_equal(batch[one], batch[other]):
                    continue
                turned = {**batch, one: batch[other], other: batch[one]}
                ask = functools.partial(self._predict, turned)
                found = self._had("inputs exchanged", self.case.keras, ask)
                if found and self.same(found, self.answers):
                    return f"{one} and {other}"
        return ""

    @cached_property
    def look(self) -> Look:
        """The SavedModel and the reference's Keras, layer by layer."""
        if not self.keras_answers or not self.answers:
            return Look()
        return self._had("the layers", self.case.keras, self._look) or Look()

    def _look(self) -> Look:
        case = self.case
        batch = self._worst_rows()
        given = case.keras.source_layers([batch[key] for key in case.contract.inputs])
        names = _renamed(case.batch, self.asked.signatures[case.signature]["inputs"])
        with self._in_time(case.runtime) as session:
            reply = session.graph_layers(
                case.saved_model,
                {names[key]: values for key, values in batch.items()},
                [array for _, array in given],
                layers=[path for path, _ in given],
                tags=list(case.contract.tags),
                signature=case.signature,
                rtol=case.rule.rtol,
                atol=case.rule.atol,
            )
        paths = [tuple(path) for path, _ in given]
        inputs = {f"input/{name}": f"input/{key}" for key, name in names.items()}
        layers = tuple(
            LayerFacts(
                path=paths[number],
                reference=given[number][1],
                agrees=told["agrees"],
                max_abs=told.get("max_abs"),
                scale=told.get("scale", 0.0),
                reads=tuple(inputs[r] if isinstance(r, str) else paths[r] for r in told["reads"]),
                value=reply.tensors.get(f"layer/{number}"),
                told=told,
            )
            for number, told in enumerate(reply.result["layers"])
        )
        return Look(layers, batch, reply.result["graph"], reply.result["varies"])

    def _worst_rows(self) -> Batch:
        """The batch with no more than ROWS rows, the worst ones, where it may be cut."""
        batch = self.case.batch
        rows = len(next(iter(batch.values())))
        fixed = any(port.shape and port.shape[0] for port in self.case.source.inputs)
        if rows <= ROWS or fixed:
            return batch
        off = np.zeros(rows)
        for key, wanted in self.case.expected.items():
            answer = self.answers.get(key)
            if answer is not None and answer.shape == wanted.shape and len(wanted) == rows:
                off += [furthest(a, b) for a, b in zip(wanted, answer, strict=True)]
        worst = np.sort(np.argsort(-off, kind="stable")[:ROWS])
        return {key: values[worst] for key, values in batch.items()}

    @cached_property
    def weights(self) -> dict[LayerPath, list[dict[str, Any]]]:
        """What the weights of each layer of the source are; see the worker's source_layers."""
        if not self.keras_answers:
            return {}
        found = self._had("the weights", self.case.keras, self.case.keras.source_weights)
        return {tuple(layer["path"]): layer["weights"] for layer in found or []}

    def with_other_hard_sigmoid(self, path: LayerPath) -> Array | None:
        """What the layer at `path` gives with the other meaning of hard_sigmoid.

        The source is loaded anew for this, and stays loaded so: to be asked last.
        """
        own = self.case.load.flavour == "keras3"
        text = HARD_SIGMOID.format(slope=SLOPE_OF_KERAS_2 if own else SLOPE_OF_KERAS_3)
        users = self.case.load.custom_objects
        if users is not None:
            text = users.read_text(encoding="utf-8") + text

        def ask() -> Array | None:
            with tempfile.TemporaryDirectory() as folder:
                objects = Path(folder) / "objects.py"
                objects.write_text(text, encoding="utf-8")
                options = dataclasses.replace(self.case.load, custom_objects=objects)
                self.case.keras.load_h5(self.case.path, options)
            inputs = [self.look.batch[key] for key in self.case.contract.inputs]
            found = {tuple(p): array for p, array in self.case.keras.source_layers(inputs)}
            return found.get(path)

        return self._had("the other hard_sigmoid", self.case.keras, ask)

    def same(self, expected: Answers, got: Answers) -> bool:
        """Whether every output keeps to the rule."""
        return bool(expected) and all(
            key in got and compare(wanted, got[key], self.case.rule, output=key).passed
            for key, wanted in expected.items()
        )

    def _had(self, what: str, session: Session, action: Callable[[], Found]) -> Found | None:
        """What `action`, which asks `session`, gives; None with a gap where it fails."""
        try:
            with self._in_time(session):
                return action()
        except ConvertH5Error as error:
            self.gaps.append(f"{what}: {error.line()}")
        return None

    @contextlib.contextmanager
    def _in_time(self, session: Session) -> Iterator[Session]:
        """`session`, with no more time for a request than is left. Raises WorkerTimeout."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise WorkerTimeout("There was no time left to look")
        usual = session.deadlines
        session.deadlines = dataclasses.replace(usual, request=min(left, usual.request))
        try:
            yield session
        finally:
            session.deadlines = usual


def furthest(expected: Array, got: Array) -> float:
    """The largest finite difference; infinity where the shapes differ."""
    if expected.shape != got.shape:
        return float("inf")
    off = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    off = off[np.isfinite(off)]
    return float(off.max()) if off.size else 0.0


def _renamed(ours: dict[str, Array], theirs: dict[str, Any]) -> dict[str, str]:
    """{our key: the signature's key}; only a single one may have another name."""
    if set(ours) == set(theirs):
        return {key: key for key in ours}
    return dict(zip(ours, theirs, strict=True))
