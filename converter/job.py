"""One conversion under way: everything that is known before the first worker starts.

read → permit → plan
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converter import contract as contracts
from converter import plan as plans
from converter.errors import ConfigUnreadable, UsageError, WeightsOnly
from converter.isolation import Child
from converter.options import Options
from converter.plan import Plan
from converter.report.model import Report
from converter.source import permits
from converter.source import read as sources
from converter.source.model import SourceModel
from converter.toolchain.catalog import Toolchain
from converter.toolchain.facts import LoadedModel, LoadOptions
from converter.verdict.rule import Rule

if TYPE_CHECKING:
    from converter.toolchain.pool import Pool
    from converter.toolchain.provision import Progress
    from converter.toolchain.session import Session
    from converter.verdict.reference import Answers
    from converter.verdict.samples import Batch


@dataclass(frozen=True)
class Wrong:
    """A request whose answer was wrong, by the reference's keys. got: None when there was none."""

    signature: str
    batch: Batch
    expected: Answers
    got: Answers | None = None


@dataclass(frozen=True)
class Hands:
    """What a run works with."""

    child: Child
    pool: Pool
    report: Report
    progress: Progress


@dataclass
class Job:
    """A source, copied and planned for, and who does it: the child that reads it, and workers.

    copy: where the source's bytes lie, held still; digest: gives their sha256 as hex, and raises
    SourceChanged where they are no longer what was read. `loaded` remembers what each worker (by
    pid) holds right now; `referee` which Keras gave the reference, in which worker; `wrong` the
    first request that was answered wrongly.
    """

    copy: Path
    digest: Callable[[], str]
    source: SourceModel
    options: Options
    contract: contracts.Contract
    plan: Plan
    child: Child
    pool: Pool
    report: Report
    progress: Progress
    architecture: dict[str, Any] | None = None
    loaded: dict[int, tuple[tuple[str, bool], LoadedModel]] = field(default_factory=dict)
    referee: tuple[str, Session] | None = None
    wrong: Wrong | None = None

    @property
    def rule(self) -> Rule:
        """What counts as equal."""
        return Rule(self.options.rtol, self.options.atol)

    @property
    def stochastic(self) -> bool:
        """Whether the source is random by design: layers called with `training=True`."""
        return bool(self.source.training_calls)

    def load(self, session: Session, flavour: str, *, without_flags: bool = False) -> LoadedModel:
        """The source, loaded by `session`; without its training flags where asked.

        Raises a WorkerError.
        """
        wanted = (flavour, without_flags)
        pid = session.process.pid
        held = self.loaded.pop(pid, None)
        if held is None or held[0] != wanted:
            options = self.load_options(flavour, without_flags=without_flags)
            held = (wanted, session.load_h5(self.copy, options))
        self.loaded[pid] = held
        return held[1]

    def load_options(self, flavour: str, *, without_flags: bool) -> LoadOptions:
        """How a worker's `flavour` is to load the source."""
        return LoadOptions(
            flavour=flavour,
            translate="always" if self.plan.translate_always else "fallback",
            architecture=self.architecture,
            drop_training_flags=without_flags,
            flip_kernels=self.plan.flip_kernels,
            allow_lambda=bool(self.options.allow_lambda),
            custom_objects=self.options.custom_objects,
        )


def prepare(
    path: Path,
    copy: Path,
    digest: Callable[[], str],
    options: Options,
    hands: Hands,
) -> Job:
    """Read the source at `path`, held still at `copy`, check what is permitted, and plan.

    digest: see Job. Raises the SourceError or UnsafeSource that fits, UsageError, a ToolchainError.
    """
    _check_together(options)
    source = sources.read_copy(copy, path, hands.child)
    architecture = None
    if source.kind == "full" and options.architecture is not None:
        raise UsageError(f"{path} has an architecture of its own", fix="Leave out --architecture")
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
    mine = _own(options.python) if options.python is not None else None
    plan = plans.make(source, options, mine)
    contract = contracts.make(source, options)
    report = hands.report
    report.writer = str(source.writer)
    report.plan = list(plan.reasons)
    report.inputs, report.outputs = list(contract.inputs), list(contract.outputs)
    return Job(
        copy=copy,
        digest=digest,
        source=source,
        options=options,
        contract=contract,
        plan=plan,
        architecture=architecture,
        **vars(hands),
    )


def _own(python: Path) -> Toolchain:
    from converter.toolchain import own

    return own.describe(python)


def _check_together(options: Options) -> None:
    """Raise UsageError for options that need or exclude each other."""
    if options.expected is not None and options.inputs is None:
        raise UsageError("--expected needs --inputs", fix="Give both .npz files")
    if options.python is not None and options.toolchain != "auto":
        raise UsageError("--python and --toolchain exclude each other", fix="Give one of them")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        parsed = sources.parse(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigUnreadable(
            f"{path} cannot be read",
            why=str(error),
            fix="Write it with open(path, 'w').write(model.to_json())",
        ) from error
    if not isinstance(parsed, dict):
        raise ConfigUnreadable(f"{path} holds no model's JSON", why="it is not an object")
    return parsed
