"""Reports of runs: real comparisons of arrays that differ by rounding, or by more."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from converter.errors import NotProven, ServingFailed
from converter.options import Options
from converter.report.model import AttemptReport, Report
from converter.toolchain.session import Array
from converter.verdict.compare import Verdict, compare
from converter.verdict.rule import Rule

PROTOCOLS = ("rest row", "rest columnar", "grpc")
RULE = Rule(1e-4, 1e-5)

# What a stranger may have called a layer, and what a log may hold.
HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'-->]]></style></svg><iframe src=https://example.org/>",
    "&lt;b&gt; &amp; {{ 7*7 }}",
    "back\u202egnp.exe \x00\x1b[31m\x85\ufffe\udc80 end",
)
LOG = """\
2024-05-01 12:00:03: I tensorflow/core/platform/cpu_feature_guard.cc:141] Your CPU supports AVX2
2024-05-01 12:00:07: W tensorflow/core/framework/op_kernel.cc:1401] OP_REQUIRES failed at \
save_restore_v2_ops.cc:184 : Not found: Key dense_1/bias not found in checkpoint
Traceback (most recent call last):
  File "strategies/contrib.py", line 31, in write
    saved_model.save_keras_model(model, folder)
ValueError: Model input shapes do not match the input shapes of the signature
"""


def probabilities(rows: int, classes: int, seed: int = 0) -> Array:
    """What a classifier answers."""
    scores = np.random.default_rng((seed, rows)).normal(size=(rows, classes)) * 3
    raised = np.exp(scores)
    shares: Array = raised / raised.sum(axis=1, keepdims=True)
    return shares.astype(np.float32)


def off_by(answer: Array, relative: float, seed: int = 1) -> Array:
    """`answer` as another machine computes it: two thirds of the numbers are a little off."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=answer.shape) * relative * (random.random(answer.shape) < 0.67)
    moved: Array = answer * (1 + noise)
    return moved.astype(answer.dtype)


def verdicts(
    output: str,
    expected: Sequence[Array],
    got: Sequence[Array],
    protocols: Sequence[str] = PROTOCOLS,
) -> list[Verdict]:
    """Every check of one output over `protocols`; `got` is what each of them answers, by batch."""
    found = []
    for protocol in protocols:
        for batch, (wanted, answer) in enumerate(zip(expected, got, strict=True)):
            pairs = {"answer": (wanted, answer), "repeat": (answer, answer)}
            if len(answer) > 1:
                pairs["rows"] = (answer, off_by(answer, 3e-8, seed=2))
            if protocol != protocols[-1]:
                pairs["protocols"] = (answer, answer)
            found += [
                compare(b, a, RULE, output=output, check=check, protocol=protocol, batch=batch)
                for check, (b, a) in pairs.items()
            ]
    return found


def published() -> Report:
    """A classifier, proven by the second strategy; it cannot be asked in rows."""
    expected = [probabilities(1, 10), probabilities(4, 10)]
    got = [off_by(answer, 1.5e-7) for answer in expected]
    return Report(
        source=Path("digits-keras-2.1.6.h5"),
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        writer="keras 2.1.6 on tensorflow",
        plan=[
            "written by keras 2.1.6: TensorFlow 1.12 with Keras 2.1.6 is its own toolchain",
            "proven in TensorFlow Serving 1.14, which serves what TensorFlow up to 1.14 wrote",
        ],
        notes=["docker is not used: no engine answers at unix:///var/run/docker.sock"],
        reference="keras in tf1.12-keras2.1",
        scale=1.0,
        sensitivity=2.98e-8,
        serving="local:1.14.0",
        rule=str(RULE),
        inputs=["conv2d_1_input"],
        outputs=["dense_2"],
        attempts=[
            AttemptReport(
                "contrib",
                "tf.keras in tf1.12-keras2.1",
                frozen=False,
                error="WorkerRaised: Model input shapes do not match",
                log_tail=LOG,
                seconds=3.21,
            ),
            AttemptReport(
                "builder",
                "keras in tf1.12-keras2.1",
                frozen=False,
                outcome="published",
                loaded="native",
                verdicts=verdicts("dense_2", expected, got, PROTOCOLS[1:]),
                not_asked=[("rest row", "the outputs have different numbers of rows")],
                seconds=12.345,
            ),
        ],
        published=Path("models/digits/3"),
        export_folder=Path("models/digits"),
        options=Options(signatures=("predict",)),
        started=datetime(2024, 5, 1, 12, 0, tzinfo=timezone.utc),
        batches=[
            {"conv2d_1_input": "float32[1, 28, 28, 1]"},
            {"conv2d_1_input": "float32[4, 28, 28, 1]"},
        ],
    )


def differing() -> Report:
    """Two outputs: one has other places of NaN and another shape, one is off by a factor."""
    boxes = [off_by(np.ones((1, 6), np.float32), 0.5), off_by(np.ones((4, 6), np.float32), 0.5)]
    boxes[1][2, 3] = np.nan
    scores = [probabilities(1, 5), probabilities(4, 5)]
    attempt = AttemptReport(
        "save_model",
        "tf.keras in tf2.2",
        frozen=True,
        outcome="differs",
        error="scores (answer, grpc): 20 of 20 elements beyond the rule",
        log_tail=LOG,
        loaded="native",
        verdicts=[
            *verdicts("boxes", boxes, [boxes[0][:, :5], np.ones_like(boxes[1])]),
            *verdicts("scores", scores, [off_by(answer, 0.4) for answer in scores]),
            *verdicts("kept", boxes, boxes),
        ],
        seconds=20.0,
    )
    return dataclasses.replace(
        published(),
        outputs=["boxes", "scores", "kept"],
        attempts=[attempt],
        published=None,
        error=NotProven(
            "digits-keras-2.1.6.h5 was converted, but the answers differ from the reference",
            why=f"save_model, frozen: {attempt.error}",
            fix="Nothing was published; the report has the figures",
        ),
    )


def verified() -> Report:
    """A SavedModel that answers as its source does."""
    attempt = dataclasses.replace(
        published().attempts[1], strategy="verify", outcome="proven", loaded=""
    )
    return dataclasses.replace(
        published(),
        saved_model=Path("models/digits/3"),
        export_folder=None,
        published=None,
        attempts=[attempt],
    )


def not_served() -> Report:
    """It was converted, and no server takes it."""
    error = ServingFailed("The converted model could not be loaded or asked", log_tail=LOG)
    attempt = dataclasses.replace(
        published().attempts[0], outcome="not served", error="NOT_FOUND: Op type not registered"
    )
    return dataclasses.replace(published(), attempts=[attempt], published=None, error=error)


def hostile() -> Report:
    """A run in which everything that can come from elsewhere is meant to do harm."""
    first, second, third, fourth, fifth = HOSTILE
    expected = [probabilities(2, 4)]
    attempt = AttemptReport(
        "builder",
        first,
        frozen=False,
        outcome="differs",
        error=second,
        log_tail="\n".join(HOSTILE),
        loaded=third,
        verdicts=[v for name in HOSTILE for v in verdicts(name, expected, expected)],
        not_asked=[("rest row", fourth)],
    )
    strange = Verdict(first, second, third, 0, fifth, 0, signature=fourth)
    attempt.verdicts.append(strange)
    return Report(
        source=Path("'; echo $(id) `id` \x1b]0;owned\x07\udc80 <b>.h5"),
        sha256=first,
        writer=second,
        plan=list(HOSTILE),
        notes=list(HOSTILE),
        reference=third,
        serving=fourth,
        rule=fifth,
        inputs=list(HOSTILE),
        outputs=list(HOSTILE),
        attempts=[attempt],
        error=ServingFailed(first, why=second, fix=fifth, log_tail="\n".join(HOSTILE)),
        export_folder=Path("--help"),
        batches=[dict.fromkeys(HOSTILE, third)],
    )
