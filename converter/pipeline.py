"""Run a plan: the only place that knows the order of the steps.

    snapshot → read → permit → plan → load → reference → (convert → prove) per strategy → publish
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import converter
from converter import contract as contracts
from converter import plan as plans
from converter import publish
from converter.errors import (
    ConfigUnreadable,
    ConvertH5Error,
    NoToolchain,
    NotConverted,
    NotProven,
    ServingFailed,
    TargetFull,
    ToolchainError,
    UnknownLayer,
    WeightsOnly,
    WorkerError,
    WorkerRaised,
)
from converter.options import SERVING_DEFAULT, Options
from converter.plan import Attempt, Plan, Target
from converter.report.model import AttemptReport, Report
from converter.source import permits, snapshot
from converter.source import read as sources
from converter.source.model import SourceModel
from converter.toolchain import own
from converter.toolchain.catalog import Toolchain
from converter.toolchain.pool import Pool
from converter.toolchain.session import LoadedModel, LoadOptions, Session
from converter.verify import proof, reference, samples, vocabulary
from converter.verify.compare import Rule, Verdict
from converter.verify.reference import Reference

Progress = Callable[[str], None]


@dataclass
class Job:
    """One conversion under way. `loaded` remembers what each worker (by pid) holds right now."""

    copy: Path
    source: SourceModel
    options: Options
    contract: contracts.Contract
    plan: Plan
    pool: Pool
    report: Report
    progress: Progress
    architecture: dict[str, Any] | None
    loaded: dict[int, tuple[tuple[str, bool], LoadedModel]] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        """What counts as equal."""
        return Rule(self.options.rtol, self.options.atol)

    def load(self, session: Session, flavour: str, *, without_flags: bool = False) -> LoadedModel:
        """The source, loaded by `session`; without its training flags where asked."""
        wanted = (flavour, without_flags)
        held = self.loaded.get(session.process.pid)
        if held is not None and held[0] == wanted:
            return held[1]
        self.loaded.pop(session.process.pid, None)
        options = LoadOptions(
            flavour=flavour,
            translate="always" if self.plan.translate_always else "fallback",
            architecture=self.architecture,
            drop_training_flags=without_flags,
            flip_kernels=self.plan.flip_kernels,
            allow_lambda=bool(self.options.allow_lambda),
            custom_objects=self.options.custom_objects,
        )
        model = session.load_h5(self.copy, options)
        self.loaded[session.process.pid] = (wanted, model)
        return model


def run(
    source: Path, export_folder: Path, options: Options, pool: Pool, progress: Progress
) -> Report:
    """Convert, prove and publish. An expected failure is in the report, not raised."""
    report = Report(source=source, rule=str(Rule(options.rtol, options.atol)))
    try:
        publish.check_version(export_folder, options.model_version)
        with tempfile.TemporaryDirectory(prefix="convert-h5-job-") as folder:
            job = prepare(source, Path(folder), options, pool, report, progress)
            with publish.staging(export_folder) as staging:
                _try_targets(job, staging, export_folder)
    except ConvertH5Error as error:
        report.error = error
    return report


def prepare(
    path: Path, folder: Path, options: Options, pool: Pool, report: Report, progress: Progress
) -> Job:
    """Everything before the first worker: the source copied, read, permitted and planned for.

    Raises the SourceError or UnsafeSource that fits, UsageError, NoToolchain.
    """
    copy, report.sha256 = snapshot.take(path, folder)
    source = dataclasses.replace(sources.read(copy), path=path)
    architecture = None
    if source.kind == "weights":
        if options.architecture is None:
            raise WeightsOnly(
                f"{path} holds weights but no architecture",
                why="it was written by save_weights(), or by a checkpoint of a subclassed model",
                fix="Give the model's JSON (model.to_json()) with --architecture FILE.json",
            )
        architecture = _read_json(options.architecture)
        source = sources.with_architecture(source, architecture)
    permits.check(source, options.allow_lambda, options.custom_objects)
    plan = plans.make(source, options)
    if options.python is not None:
        mine = own.describe(options.python)
        targets = plans.in_toolchain(source, mine, "your own environment")
        plan = dataclasses.replace(plan, targets=targets)
    contract = contracts.make(source, options)
    report.writer = str(source.writer)
    report.plan = list(plan.reasons)
    report.inputs, report.outputs = list(contract.inputs), list(contract.outputs)
    return Job(copy, source, options, contract, plan, pool, report, progress, architecture)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigUnreadable(
            f"{path} cannot be read as JSON",
            why=str(error),
            fix="Write it with open(path, 'w').write(model.to_json())",
        ) from error
    if not isinstance(parsed, dict):
        raise ConfigUnreadable(f"{path} holds no model's JSON", why="it is not an object")
    return parsed


def _try_targets(job: Job, staging: Path, export_folder: Path) -> None:
    """Go through the plan's targets until one converts; publish, or raise why not."""
    missing: list[str] = []
    unknown: list[str] = []
    for target in job.plan.targets:
        try:
            job.pool.provide(target.toolchain)
        except ToolchainError as error:
            missing.append(error.line())
            job.report.notes.append(f"not {target}: {error.line()}")
            continue
        serving = _serving(job)
        attempts = job.plan.attempts(target, serving)
        try:
            found = _prepare_reference(job, target, attempts[0], serving)
        except WorkerRaised as error:
            job.report.attempts.append(_failed(target, attempts[0], error))
            unknown.append(error.why)
            continue
        for attempt in attempts:
            if _try(job, target, attempt, serving, found, staging, export_folder):
                return
        if any(a.outcome != "failed" for a in job.report.attempts):
            break
    raise _verdict(job, missing, unknown)


def _failed(target: Target, attempt: Attempt, error: ConvertH5Error) -> AttemptReport:
    made = AttemptReport(attempt.strategy, str(target), attempt.freeze, error=error.line())
    made.log_tail = getattr(error, "log_tail", "")
    return made


def _serving(job: Job) -> Toolchain | None:
    """The first toolchain of the plan that can stand for the server; its worker starts now."""
    if not job.plan.serving:
        job.report.serving = "none"
        return None
    failure: ToolchainError | None = None
    for toolchain in job.plan.serving:
        try:
            job.pool.session(toolchain, "eager", "serve")
        except ToolchainError as error:
            failure = failure or error
            job.report.notes.append(f"not proven in {toolchain.id}: {error.line()}")
        else:
            job.report.serving = f"local:{toolchain.serving or toolchain.tensorflow}"
            return toolchain
    assert failure is not None
    raise failure


def _prepare_reference(
    job: Job, target: Target, attempt: Attempt, serving: Toolchain | None
) -> Reference | None:
    """Load the source at `target` and get what its answers will be held against."""
    session = job.pool.session(target.toolchain, attempt.mode)
    stochastic = bool(job.source.training_calls)
    if serving is None:
        job.load(session, target.flavour)
        return None
    job.progress(f"loading in {target}")
    model = job.load(session, target.flavour, without_flags=stochastic)
    if job.options.expected is not None:
        found = _recorded(job, model)
    else:
        found = _predicted(job, target, attempt, stochastic)
    job.report.reference = found.origin
    job.report.scale, job.report.sensitivity = found.scale, found.sensitivity
    if not found.alive:
        job.report.notes.append("the reference answers the same for every input that was tried")
    return found


def _recorded(job: Job, model: LoadedModel) -> Reference:
    """Inputs and answers that the user recorded."""
    if job.options.inputs is None:
        raise publish.UsageError("--expected needs --inputs", fix="Give both .npz files")
    assert job.options.expected is not None
    inputs = _given_inputs(job, model)
    answers = samples.load_npz(job.options.expected, job.contract.outputs, "outputs")
    typed = {
        key: values.astype(fact.dtype)
        for (key, values), fact in zip(answers.items(), model.outputs, strict=True)
    }
    return Reference((inputs,), (typed,), "recorded by the user", fixed_batch=_fixed(model))


def _given_inputs(job: Job, model: LoadedModel) -> samples.Batch:
    assert job.options.inputs is not None
    given = samples.load_npz(job.options.inputs, job.contract.inputs, "inputs")
    return {
        key: given[key].astype(fact.dtype)
        for key, fact in zip(job.contract.inputs, model.inputs, strict=True)
    }


def _fixed(model: LoadedModel) -> bool:
    return any(fact.shape and fact.shape[0] is not None for fact in model.inputs)


def _predicted(job: Job, target: Target, attempt: Attempt, stochastic: bool) -> Reference:
    """Predictions of the first Keras of the plan's references that can be had."""
    for writer in job.plan.references or (target,):
        same = writer.toolchain.id == target.toolchain.id and writer.flavour == target.flavour
        try:
            session = job.pool.session(writer.toolchain, attempt.mode if same else "eager")
        except ToolchainError as error:
            job.report.notes.append(f"no reference by {writer}: {error.line()}")
            continue
        model = job.load(session, writer.flavour, without_flags=stochastic)
        origin = str(writer) + (", config translated" if model.via == "translated" else "")
        job.progress(f"reference: {origin}")
        if job.options.inputs is not None:
            inputs = _given_inputs(job, model)
            answers = reference.predict(session, inputs, job.contract.outputs)
            return Reference((inputs,), (answers,), origin, fixed_batch=_fixed(model))
        recipe = samples.Recipe(
            keys=job.contract.inputs,
            facts=model.inputs,
            demands=_demands(job),
            rows=job.options.samples,
            seed=job.options.seed,
        )
        return reference.predicted(session, recipe, job.contract.outputs, job.rule, origin)
    raise NoToolchain("No toolchain could give the reference", why="; ".join(job.report.notes))


def _demands(job: Job) -> dict[str, vocabulary.Demand]:
    renamed = dict(zip([p.key for p in job.source.inputs], job.contract.inputs, strict=True))
    return {renamed[key]: demand for key, demand in vocabulary.demands(job.source).items()}


def _try(
    job: Job,
    target: Target,
    attempt: Attempt,
    serving: Toolchain | None,
    found: Reference | None,
    staging: Path,
    export_folder: Path,
) -> bool:
    """One strategy, from conversion to publication; False with the reason in the report."""
    made = AttemptReport(attempt.strategy, str(target), attempt.freeze)
    job.report.attempts.append(made)
    started = time.monotonic()
    staged = staging / f"{len(job.report.attempts)}"
    try:
        session = job.pool.session(target.toolchain, attempt.mode)
        if found is not None and serving is not None:
            _convert_and_prove(job, session, target, attempt, serving, found, staged, made)
        else:
            _convert(job, session, target, attempt, staged, made)
            made.outcome = "converted"
        if made.outcome in ("proven", "converted"):
            job.progress("publishing")
            manifest = _manifest(job, target, made)
            version = job.options.model_version
            job.report.published = publish.publish(staged, export_folder, version, manifest)
            made.outcome = "published"
            return True
    except WorkerError as error:
        made.error, made.log_tail = error.line(), error.log_tail
        if isinstance(error, WorkerRaised) and error.kind == "no-space":
            raise TargetFull(
                f"There is no room left at {export_folder}",
                why=error.why,
                fix="Free some space and run again; nothing was published",
            ) from error
    finally:
        made.seconds = time.monotonic() - started
        shutil.rmtree(staged, ignore_errors=True)
    job.progress(f"{attempt}: {made.outcome}, {made.error}")
    return False


def _convert(
    job: Job,
    session: Session,
    target: Target,
    attempt: Attempt,
    folder: Path,
    made: AttemptReport,
    *,
    without_flags: bool = False,
) -> None:
    model = job.load(session, target.flavour, without_flags=without_flags)
    made.loaded = model.via
    job.progress(f"{attempt}: converting in {target}")
    session.convert(attempt.strategy, folder, job.contract.fields(), attempt.freeze)


def _convert_and_prove(
    job: Job,
    session: Session,
    target: Target,
    attempt: Attempt,
    serving: Toolchain,
    found: Reference,
    staged: Path,
    made: AttemptReport,
) -> None:
    """Convert and prove; a source that is random by design is proven with its flags off first."""
    stochastic = bool(job.source.training_calls)
    _convert(job, session, target, attempt, staged, made, without_flags=stochastic)
    _prove(job, serving, staged, made, lambda r: proof.prove(r, found, job.rule))
    if stochastic and made.outcome == "proven":
        shutil.rmtree(staged)
        _convert(job, session, target, attempt, staged, made)
        batch = found.batches[-1]
        asked = [
            reference.predict(session, batch, job.contract.outputs)
            for _ in range(proof.RANDOM_ASKS)
        ]
        _prove(job, serving, staged, made, lambda r: list(proof.prove_random(r, batch, asked)))


def _prove(
    job: Job,
    serving: Toolchain,
    staged: Path,
    made: AttemptReport,
    check: Callable[[proof.Responder], Sequence[Verdict]],
) -> None:
    """Load the staged SavedModel in another process and hold its answers against the reference."""
    job.progress(f"{made.strategy}: proving in {job.report.serving}")
    made.outcome = "not served"
    session = job.pool.session(serving, "eager", "serve")
    session.load_saved_model(staged, job.contract.tags)
    verdicts = list(check(proof.SessionResponder(session, SERVING_DEFAULT)))
    made.verdicts += verdicts
    wrong = [v for v in verdicts if not v.passed]
    if wrong:
        made.error = "; ".join(f"{v.output} ({v.check}): {v.problem}" for v in wrong[:4])
    proven = verdicts and not wrong
    made.outcome = "proven" if proven else "differs"


def _verdict(job: Job, missing: list[str], unknown: list[str]) -> ConvertH5Error:
    """Why nothing was published, as the error whose exit code says it best."""
    attempts = job.report.attempts
    told = "; ".join(
        f"{a.strategy}{', frozen' if a.frozen else ''}: {a.error}" for a in attempts
    )
    if any(a.outcome == "differs" for a in attempts):
        return NotProven(
            f"{job.source.path} was converted, but the answers differ from the reference",
            why=told,
            fix="Nothing was published; the report has the figures",
        )
    if any(a.outcome == "not served" for a in attempts):
        return ServingFailed(
            "The converted model could not be loaded or asked",
            why=told,
            fix="Try --freeze, or another --serving version",
        )
    if not attempts:
        return NoToolchain(
            f"No toolchain for {job.source.writer} could be provided",
            why="; ".join(missing),
            fix="See 'convert-h5 toolchain list'",
        )
    layer = next((why for why in unknown if "Unknown layer" in why), None)
    if layer is not None:
        return UnknownLayer(
            f"{job.source.path} has a layer that its Keras does not know",
            why=layer,
            fix="Give its code with --custom-objects FILE.py",
        )
    return NotConverted(
        f"No strategy converted {job.source.path}",
        why=told,
        fix="Run with --report DIR and read the logs there",
    )


def _manifest(job: Job, target: Target, made: AttemptReport) -> dict[str, Any]:
    """What is written beside the published model; no path of this machine is in it."""
    report = job.report
    return {
        "schema": "convert-h5/manifest/1",
        "convert_h5": converter.__version__,
        "source": {"name": job.source.path.name, "sha256": report.sha256},
        "writer": report.writer,
        "toolchain": {
            "id": target.toolchain.id if target.toolchain.own_python is None else "own",
            "lock_sha256": target.toolchain.lock_sha256,
            "tensorflow": target.toolchain.tensorflow,
            "keras": target.flavour,
        },
        "strategy": made.strategy,
        "frozen": made.frozen,
        "loaded": made.loaded,
        "contract": job.contract.fields(),
        "reference": report.reference,
        "serving": report.serving,
        "rule": report.rule,
        "sensitivity": report.sensitivity,
        "verdicts": [dict(vars(v), passed=v.passed) for v in made.verdicts],
    }


@contextlib.contextmanager
def pool_for(options: Options, progress: Progress) -> Iterator[Pool]:
    """A pool of workers with the deadlines of `options`."""
    from converter.toolchain.session import Deadlines

    with Pool(progress=progress, deadlines=Deadlines(request=options.timeout)) as pool:
        yield pool
