"""What `inspect` tells: the source as read, the findings of the scan, and the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from converter import plan as plans
from converter.errors import ConvertH5Error
from converter.options import Options
from converter.plan import Plan
from converter.source.model import Finding, Layer, Port, SourceModel


def as_dict(source: SourceModel) -> dict[str, Any]:
    """One JSON document, schema `convert-h5/inspect/1`."""
    plan, problem = _plan(source)
    return {
        "schema": "convert-h5/inspect/1",
        "path": str(source.path),
        "size": source.size,
        "kind": source.kind,
        "writer": {**vars(source.writer), "dialect": source.dialect},
        "model": {"class": source.class_name, "name": source.name},
        "layers": [_layer(layer) for layer in source.layers],
        "inputs": [_port(p) for p in source.inputs],
        "outputs": [_port(p) for p in source.outputs],
        "weights": {k: v for k, v in vars(source.weights).items() if k != "names"},
        "optimizer": source.optimizer,
        "compiled": source.trained,
        "training_calls": list(source.training_calls),
        "findings": [dict(vars(f)) for f in source.findings],
        "plan": _plan_dict(plan) if plan else None,
        "problem": problem.line() if problem else None,
    }


def lines(source: SourceModel) -> Iterator[str]:
    """The same for people."""
    yield f"{source.path}: {source.size} bytes, written by {source.writer}"
    if source.writer.tensorflow:
        yield f"  its TensorFlow: {' or '.join(source.writer.tensorflow)}"
    if source.kind == "weights":
        yield "  weights only: no architecture; convert it with --architecture model.json"
    else:
        yield f"  {source.class_name} '{source.name}', config in the {source.dialect} dialect"
    counts = Counter(layer.class_name for layer in source.layers)
    yield "  layers: " + (", ".join(f"{n} {name}" for name, n in counts.most_common()) or "none")
    for what, ports in (("input", source.inputs), ("output", source.outputs)):
        for port in ports:
            told = f"{port.dtype or ''} {_shape(port)}".strip()
            yield f"  {what} {port.key}: {told or 'dtype and shape known once it is loaded'}"
    extra = "with optimizer state" if source.optimizer else "no optimizer state"
    yield f"  weights: {source.weights.arrays} arrays, {source.weights.bytes} bytes; {extra}"
    for finding in source.findings:
        yield "  " + _finding(finding)
    plan, problem = _plan(source)
    if problem is not None:
        yield f"plan: none. {problem.line()}"
    if plan is not None:
        yield "plan:"
        for reason in plan.reasons:
            yield f"  {reason}"
        strategies = ", ".join(str(a) for a in plan.attempts(plan.targets[0], None))
        yield f"  strategies in order: {strategies}"
        server = plan.servers(plan.targets[0])[0]
        yield f"  proven in: {server.id}, standing for TensorFlow Serving {server.serving}"
        if len(plan.targets) > 1:
            others = ", ".join(str(t) for t in plan.targets[1:])
            yield f"  if that toolchain cannot be had: {others}"


def _plan(source: SourceModel) -> tuple[Plan | None, ConvertH5Error | None]:
    try:
        return plans.make(source, Options()), None
    except ConvertH5Error as error:
        return None, error


def _plan_dict(plan: Plan) -> dict[str, Any]:
    return {
        "targets": [
            {"toolchain": t.toolchain.id, "flavour": t.flavour, "reason": t.reason}
            for t in plan.targets
        ],
        "strategies": [a.strategy for a in plan.attempts(plan.targets[0], None)],
        "serving": [t.id for t in plan.servers(plan.targets[0])],
        "reasons": list(plan.reasons),
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "path": layer.path,
        "class": layer.class_name,
        "role": layer.role,
        "calls": layer.calls,
    }


def _port(port: Port) -> dict[str, Any]:
    shape = list(port.shape) if port.shape is not None else None
    return {"key": port.key, "layer": port.layer, "shape": shape, "dtype": port.dtype}


def _shape(port: Port) -> str:
    if port.shape is None:
        return ""
    return "[" + ", ".join("?" if d is None else str(d) for d in port.shape) + "]"


def _finding(finding: Finding) -> str:
    kind = "refused" if finding.refuse else "noted"
    permit = f" (permit with {finding.permit})" if finding.permit and finding.refuse else ""
    return f"{kind}: {finding.where}: {finding.detail}{permit}"
