"""Every file of the corpus, by the strategies its toolchain has, against answers made elsewhere.

A model ends published, or refused for its true reason. What is published answers with the
predictions that the file's own writer gave (refs.json, made independently), and with what the
file's authors recorded, where they did. What `auto` publishes is proven by the pipeline and asked
over REST in rows, REST in columns and gRPC. The other strategies convert, and are asked over gRPC:
one of them for every fifth file, in turn; with --everything all of them for all files.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from converter import pipeline
from converter import plan as plans
from converter.options import Options
from converter.report.model import Report
from converter.serving.client.contract import Client
from converter.serving.local import LocalServing
from converter.source.read import read
from converter.toolchain.pool import Pool
from converter.toolchain.provision import quiet
from converter.toolchain.session import Array
from converter.verdict.served import clients
from testing import toolchains
from tests.corpus import records
from tests.corpus.conftest import ROW
from tests.corpus.records import Record

RTOL, ATOL = 1e-4, 1e-5
ASKS = 64
# One file in so many is also converted by a strategy that is not the first.
SHARE = 5

# Files that are refused for a reason that corpus.json does not tell: cropped to nothing.
EMPTY_OUTPUT = {"f5fb03f652673e022aab3ce0062fc4ea16d677675504b6fb6e88b8a7f7632cf2"}

# The one sentence with which a strategy may decline a model that another strategy takes.
CANNOT_TAKE = "tf.contrib.saved_model cannot take the constants of the TensorFlowOpLayer"

RECORDS = records.load()
if not RECORDS:
    pytest.skip(f"the corpus is not at {records.FOLDER}", allow_module_level=True)


def _refusal(record: Record) -> str | None:
    """The id of the error that this file must end with."""
    if record.entry["kind"] == "weights":
        return "source-weights-only"
    if record.entry["lambda"]:
        return "source-unsafe"
    if record.entry["sha256"] in EMPTY_OUTPUT:
        return "source-empty-output"
    return None


def _strategies(record: Record) -> tuple[str, ...]:
    target = plans.make(read(record.path), Options()).targets[0]
    toolchains.require(target.toolchain.id)
    flavour = target.toolchain.flavour(target.flavour)
    assert flavour is not None
    return flavour.strategies


@pytest.mark.parametrize("record", [r for r in RECORDS if _refusal(r)], ids=lambda r: r.id)
def test_refused_for_its_true_reason(
    record: Record, pool: Pool, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = pipeline.run(record.path, tmp_path / "models", Options(), pool, quiet)
    assert report.error is not None
    record_property(ROW, f"{record.id:70} {'-':12} refused: {report.error.id}")
    assert report.error.id == _refusal(record)
    assert report.published is None


@pytest.mark.parametrize("record", [r for r in RECORDS if not _refusal(r)], ids=lambda r: r.id)
def test_published_and_answers_like_its_writer(
    record: Record,
    pool: Pool,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    problems = []
    published = 0
    others = _strategies(record)
    if not pytestconfig.getoption("--everything"):
        turn, rest = divmod(RECORDS.index(record), SHARE)
        others = () if rest else (others[turn % len(others)],)
    for strategy in ("auto", *others):
        auto = strategy == "auto"
        options = Options(strategy=strategy, verify=auto)
        report = pipeline.run(record.path, tmp_path / strategy, options, pool, quiet)
        outcome = _outcome(record, report, pool, every_way=auto)
        tried = report.attempts[0]
        if auto and tried.outcome != "published":
            problems.append(f"{tried.strategy} was not enough: {tried.error}")
        if auto and (tried.strategy == "direct") == bool(read(record.path).training_calls):
            problems.append(f"{tried.strategy} was tried first")
        record_property(ROW, f"{record.id:70} {strategy:12} {outcome}")
        if not outcome.startswith("published") and CANNOT_TAKE not in outcome:
            problems.append(f"{strategy}: {outcome}")
        published += outcome.startswith("published")
    assert problems == []
    assert published > 0


def _outcome(record: Record, report: Report, pool: Pool, *, every_way: bool) -> str:
    if report.published is None:
        assert report.error is not None
        return report.error.line()
    attempt = report.proof
    assert attempt is not None
    plan = plans.make(read(record.path), Options(strategy=attempt.strategy))
    runtime = LocalServing(pool, plan.servers(plan.targets[0])[0])
    mute = dict(attempt.not_asked)
    with runtime.serve(report.published) as endpoint, clients(endpoint, "model", 600) as asking:
        ways = asking if every_way else [c for c in asking if c.protocol == "grpc"]
        able = [client for client in ways if client.protocol not in mute]
        if record.reference["status"] == "random":
            wrong = _in_the_mean(record, report, able)
        else:
            wrong = [
                f"{client.protocol}: {told}"
                for client in able
                for told in _against_reference(record, report, client)
                + _against_recorded(record, report, client)
            ]
    told = "".join(f", not over {protocol}: {why}" for protocol, why in mute.items())
    where = f"{attempt.toolchain}, loaded {attempt.loaded}, {attempt.seconds:.1f} s{told}"
    return "; ".join(wrong) or f"published, {where}"


def _against_reference(record: Record, report: Report, client: Client) -> list[str]:
    """What is off, by the reference's own rounding sensitivity and the fixed tolerances."""
    inputs, stored = _inputs(record, report), record.answers()
    answers = client.predict(inputs)
    wrong = []
    for position, key in enumerate(report.outputs):
        expected = stored[f"out_{position}"]
        off = np.abs(records.thin(answers[key]) - expected)
        allowed = record.reference["sensitivity"] * 5 + ATOL + RTOL * np.abs(expected)
        if not (off <= allowed).all():
            wrong.append(f"{key} is off by {off.max():.3g}")
    return wrong


def _inputs(record: Record, report: Report) -> dict[str, Array]:
    given = record.inputs()
    single = len(given) == 1
    return {report.inputs[0] if single else name: values for name, values in given.items()}


def _in_the_mean(record: Record, report: Report, able: Sequence[Client]) -> list[str]:
    """A model that is random by design: its mean, to six standard errors, and its spread.

    It is asked in every way in turn: the mean is that of all.
    """
    inputs, stored, key = _inputs(record, report), record.answers(), report.outputs[0]
    turns = itertools.islice(itertools.cycle(able), ASKS)
    asked = [records.thin(client.predict(inputs)[key]) for client in turns]
    off = np.abs(np.mean(asked, axis=0) - stored["mean_0"])
    wrong = []
    if not (off <= 6 * stored["std_0"] * np.sqrt(2 / ASKS)).all():
        wrong.append(f"the mean of {key} is off by {off.max():.3g}")
    if not np.std(asked, axis=0).max() > 0:
        wrong.append(f"{key} is the same every time")
    return wrong


def _against_recorded(record: Record, report: Report, client: Client) -> list[str]:
    """What is off from the answers that the authors recorded; such models have one input."""
    found = record.recorded()
    if found is None:
        return []
    (given,), (expected,) = found
    (source,), (key,) = report.inputs, report.outputs
    answers = client.predict({source: given.astype("float32")})
    off = np.abs(answers[key] - expected)
    if (off <= ATOL + RTOL * np.abs(expected)).all():
        return []
    return [f"{key} is off by {off.max():.3g} from what was recorded"]
