"""What the converted model's answers will be held against: recorded ones, or the writer's Keras."""

from __future__ import annotations

from converter.errors import NoToolchain, ToolchainError, WorkerRaised
from converter.job import Job
from converter.plan import Attempt, Target
from converter.toolchain.facts import LoadedModel
from converter.verdict import reference, samples, vocabulary
from converter.verdict.reference import Reference


def establish(job: Job, target: Target, attempt: Attempt) -> Reference:
    """The reference for `job`, which is about to be converted at `target` by `attempt`.

    The source is loaded at `target` on the way, so that a file it cannot load fails here. A source
    that is random by design is asked with its training flags off. Raises a WorkerError,
    UsageError, NoUsableSamples, EmptyOutput or NoToolchain.
    """
    session = job.pool.session(target.toolchain, attempt.mode)
    job.progress(f"loading in {target}")
    model = job.load(session, target.flavour, without_flags=job.stochastic)
    job.referee = (target.flavour, session)
    if job.options.expected is not None:
        found = _recorded(job, model)
    else:
        found = _predicted(job, target, attempt)
    job.report.reference = found.origin
    job.report.batches = [
        {key: f"{values.dtype}{list(values.shape)}" for key, values in batch.items()}
        for batch in found.batches
    ]
    job.report.scale, job.report.sensitivity = found.scale, found.sensitivity
    if not found.alive:
        job.report.notes.append("the reference answers the same for every input that was tried")
    return found


def _recorded(job: Job, model: LoadedModel) -> Reference:
    assert job.options.expected is not None
    inputs = _given_inputs(job, model)
    answers = samples.load_npz(job.options.expected, job.contract.outputs, "outputs")
    typed = {
        key: samples.typed(key, answers[key], fact)
        for key, fact in zip(job.contract.outputs, model.outputs, strict=True)
    }
    return Reference((inputs,), (typed,), "recorded by the user", fixed_batch=_fixed(model))


def _given_inputs(job: Job, model: LoadedModel) -> samples.Batch:
    assert job.options.inputs is not None
    given = samples.load_npz(job.options.inputs, job.contract.inputs, "inputs")
    return {
        key: samples.typed(key, given[key], fact)
        for key, fact in zip(job.contract.inputs, model.inputs, strict=True)
    }


def _fixed(model: LoadedModel) -> bool:
    return any(fact.shape and fact.shape[0] is not None for fact in model.inputs)


def _predicted(job: Job, target: Target, attempt: Attempt) -> Reference:
    """Predictions of the first Keras of the plan's references that can be had."""
    for writer in job.plan.references or (target,):
        same = writer.toolchain.id == target.toolchain.id and writer.flavour == target.flavour
        try:
            session = job.pool.session(writer.toolchain, attempt.mode if same else "eager")
            model = job.load(session, writer.flavour, without_flags=job.stochastic)
        except ToolchainError:
            job.report.notes.append(f"no reference by {writer}, which cannot be had here")
            continue
        except WorkerRaised as error:
            job.report.notes.append(f"no reference by {writer}: {error.line()}")
            continue
        job.referee = (writer.flavour, session)
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
