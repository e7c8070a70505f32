"""From what a file is and what the user asked to what will be done, with a reason for each choice.

Pure: nothing is started or installed here. The knowledge is in rules.py and the catalog.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from converter import evidence, rules
from converter.errors import NoToolchain, UsageError
from converter.options import Options
from converter.source.model import SourceModel
from converter.toolchain import catalog
from converter.toolchain.catalog import Toolchain


@dataclass(frozen=True)
class Target:
    """A Keras (`flavour`) in a toolchain, and why it was chosen."""

    toolchain: Toolchain
    flavour: str
    reason: str

    def __str__(self) -> str:
        return f"{self.flavour} in {self.toolchain.id}"


@dataclass(frozen=True)
class Attempt:
    """One way to convert, on one kind of worker."""

    strategy: str
    mode: Literal["eager", "graph"]
    freeze: bool

    def __str__(self) -> str:
        return f"{self.strategy}, frozen" if self.freeze else self.strategy


@dataclass(frozen=True)
class Serving:
    """What is to serve the result: a runtime, the release of TensorFlow Serving (empty: the one
    that fits the converter), and the user's own image.
    """

    runtime: Literal["auto", "local", "docker", "none"]
    version: str = ""
    image: str | None = None


@dataclass(frozen=True)
class Plan:
    """What will be tried, in order.

    targets: where to convert; references: where to ask for the reference (the writer's own Keras
    first), both best first, so that the next is used where one cannot be had. serving: the wanted
    runtime, `none` for no proof. flip_kernels, translate_always: how the file must be loaded.
    recurrent: whether tracing the model is slow. direct: whether that strategy is tried, before all
    others. reasons: what to tell the user.
    """

    targets: tuple[Target, ...]
    references: tuple[Target, ...]
    serving: Serving
    strategy: str
    freeze: bool
    flip_kernels: bool
    translate_always: bool
    recurrent: bool
    direct: bool
    reasons: tuple[str, ...]

    def attempts(self, target: Target, server: tuple[int, int] | None) -> tuple[Attempt, ...]:
        """The strategies to try at `target`, best first.

        server: (major, minor) of the TensorFlow in the server that proves.
        """
        offered = target.toolchain.flavour(target.flavour)
        theirs = offered.strategies if offered else ()
        if self.strategy == rules.DIRECT:
            return (self._direct(theirs),)
        names = (theirs if self.strategy == "auto" else ()) or (self.strategy,)
        if self.recurrent and rules.QUICK_WITH_RECURRENT in names:
            names = tuple(dict.fromkeys((rules.QUICK_WITH_RECURRENT, *names)))
        series = target.toolchain.tensorflow_series
        plain = [_attempt(name, freeze=self.freeze) for name in names]
        older = server is not None and server < series
        if older and not self.freeze and series >= rules.FREEZE_FOR_OLDER_SERVING_SINCE:
            plain = [*[_attempt(name, freeze=True) for name in names], *plain]
        return (self._direct(names), *plain) if self.direct else tuple(plain)

    def alone(self) -> Attempt:
        """The strategy that needs no toolchain, where nothing else does either."""
        return self._direct(())

    def _direct(self, others: Sequence[str]) -> Attempt:
        """The attempt that needs no worker; its mode is for the one that gives the reference, and
        that of what is tried next.
        """
        mode = rules.STRATEGY_MODES[others[0]] if others else "eager"
        return Attempt(rules.DIRECT, "graph" if mode == "graph" else "eager", self.freeze)

    def release(self, target: Target) -> str:
        """The release of TensorFlow Serving that is to prove what `target` converts."""
        series = target.toolchain.tensorflow_series
        fitting = next(release for below, release in rules.SERVING_RULES if series < below)
        return self.serving.version or fitting

    def servers(self, target: Target) -> tuple[Toolchain, ...]:
        """Toolchains that can stand for the server of what `target` converts, best first.

        None without proof, and none where only Docker will do. Raises UnknownToolchain for a
        release that no toolchain stands for.
        """
        if self.serving.runtime in ("none", "docker"):
            return ()
        wanted = catalog.for_serving(self.release(target))
        if self.serving.version:
            return (wanted,)
        series = target.toolchain.tensorflow_series
        own = (target.toolchain,) if target.toolchain.serving else ()
        newer = [t for t in catalog.load().values() if t.serving and t.tensorflow_series >= series]
        return tuple(dict.fromkeys((wanted, *own, *newer)))


def make(source: SourceModel, options: Options, own: Toolchain | None = None) -> Plan:
    """The plan for `source` under `options`. own: the user's environment, if one was given.

    Raises UsageError for an unknown strategy or runtime, UnknownToolchain, and NoToolchain when
    every toolchain that could load the file would make it answer wrongly.
    """
    known = [rules.DIRECT, *sorted(rules.STRATEGY_MODES)]
    if options.strategy not in ("auto", *known):
        raise UsageError(
            f"There is no strategy '{options.strategy}'",
            fix=f"Choose auto or one of: {', '.join(known)}",
        )
    references, refused = _allowed(source, _by_writer(source))
    targets = references
    if own is not None or options.toolchain != "auto":
        chosen = own or catalog.get(options.toolchain)
        targets, more = _allowed(source, _in_toolchain(source, chosen))
        refused += more
        if not targets and not more:
            refused.append(f"{chosen.id} has no Keras that loads such files")
    elif options.strategy not in ("auto", rules.DIRECT):
        # Only toolchains that have it; where none has, the first one's worker says why.
        able = tuple(t for t in targets if options.strategy in _strategies(t))
        targets = able or targets[:1]
    if not targets:
        raise NoToolchain(
            f"No toolchain would answer as {source.writer} does",
            why="; ".join(refused),
            fix="Choose another toolchain, see 'convert-h5 toolchain list'",
        )
    plan = Plan(
        targets=targets,
        references=references,
        serving=serving_of(options.serving if options.proves else "none", options.serving_image),
        strategy=options.strategy,
        freeze=options.freeze,
        flip_kernels=source.dialect == "keras1" and source.writer.backend == "theano",
        translate_always=bool(source.layers_of(*rules.GPU_ONLY_LAYERS)),
        recurrent=bool(source.layers_of(*rules.RECURRENT_LAYERS)),
        direct=options.strategy == rules.DIRECT or _may_be_direct(source, options),
        reasons=_reasons(source, options, targets, refused),
    )
    plan.servers(targets[0])  # a runtime that does not exist is told now, not after converting
    return plan


def _may_be_direct(source: SourceModel, options: Options) -> bool:
    """Whether `auto` begins with the strategy that needs no toolchain.

    Not where the user chose one, and not for what it would only refuse.
    """
    chosen = options.toolchain != "auto" or options.python is not None
    code = options.custom_objects is not None or bool(options.allow_lambda)
    return options.strategy == "auto" and not (chosen or code or source.training_calls)


def serving_of(told: str, image: str | None = None) -> Serving:
    """The runtime of --serving RUNTIME[:VERSION]. Raises UsageError."""
    runtime, _, version = told.partition(":")
    match runtime:
        case "local" | "docker":
            return Serving(runtime, version, image)
        case "auto" | "none" if not version:
            return Serving(runtime, image=image)
    raise UsageError(
        f"There is no serving runtime '{told}'",
        fix="Choose auto, local, local:VERSION, docker, docker:VERSION or none",
    )


def _in_toolchain(source: SourceModel, toolchain: Toolchain) -> tuple[Target, ...]:
    """The Kerases of a toolchain that the user chose, best for the source's writer first."""
    names = rules.FLAVOUR_PREFERENCE[source.writer.flavour]
    return tuple(Target(toolchain, n, "you chose it") for n in names if toolchain.flavour(n))


def _by_writer(source: SourceModel) -> tuple[Target, ...]:
    rule = rules.writer_rule(source)
    return tuple(Target(catalog.get(id_), name, rule.reason) for id_, name in rule.targets)


def _allowed(
    source: SourceModel, targets: tuple[Target, ...]
) -> tuple[tuple[Target, ...], list[str]]:
    """(targets that answer rightly, why others were struck out)."""
    vetoes = [v for v in rules.VETOES if v.applies(source)]
    kept = []
    refused = []
    for target in targets:
        series = target.toolchain.tensorflow_series
        veto = next((v for v in vetoes if v.forbids(target.flavour, series)), None)
        if veto is None:
            kept.append(target)
        else:
            refused.append(f"not {target}: {veto.reason}")
    return tuple(kept), refused


def _strategies(target: Target) -> tuple[str, ...]:
    flavour = target.toolchain.flavour(target.flavour)
    return flavour.strategies if flavour else ()


def _attempt(name: str, freeze: bool) -> Attempt:
    mode: Literal["eager", "graph"] = "eager"
    if rules.STRATEGY_MODES[name] == "graph":
        mode = "graph"
    return Attempt(name, mode, freeze)


def _reasons(
    source: SourceModel, options: Options, targets: tuple[Target, ...], refused: list[str]
) -> tuple[str, ...]:
    said = [f"written by {source.writer}"]
    if source.writer.backend_implied:
        said.append(f"its weight names tell {source.writer.backend}, the file does not")
    said.append(f"{targets[0]}: {targets[0].reason}")
    said += refused
    if source.layers_of(*rules.GPU_ONLY_LAYERS):
        said.append("CuDNN layers need a GPU; they are loaded as LSTM and GRU with their weights")
    said += [caution.reason for caution in rules.CAUTIONS if caution.applies(source)]
    if source.layers_of(*rules.RECURRENT_LAYERS):
        said.append("recurrent layers: builder first, save_model is slow to trace their cells")
    if source.training_calls:
        said.append(
            f"{', '.join(source.training_calls)}: called with training=True, random by design;"
            " proven with that flag off"
        )
    return (*said, *_measured(source, options, targets[0]))


def _measured(source: SourceModel, options: Options, target: Target) -> tuple[str, ...]:
    """What is known of the ways that the plan takes, by measurement."""
    auto = (rules.DIRECT, *_strategies(target))
    names = auto if options.strategy == "auto" else (options.strategy,)
    kind = rules.writer_rule(source).id
    return evidence.reasons(kind, target.toolchain.id, target.flavour, names)
