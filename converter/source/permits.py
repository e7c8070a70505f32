"""Which findings the user has permitted: exactly what was named, nothing more."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from converter.errors import UnsafeSource, UsageError
from converter.source.model import Finding, SourceModel
from converter.text import shortened

# How many findings one line names.
MOST = 8
CUSTOM_KINDS = ("custom-class", "custom-function", "lambda-function")


def check(source: SourceModel, digests: Iterable[str], custom_objects: Path | None) -> None:
    """Raise UnsafeSource naming every finding that is neither permitted by digest nor by name."""
    allowed = set(digests)
    names = defined_names(custom_objects) if custom_objects else frozenset()
    open_findings = [f for f in source.refusals if not _permitted(f, allowed, names)]
    if not open_findings:
        return
    told = [f"{shortened(f.where, 200)}: {shortened(f.detail, 400)}" for f in open_findings[:MOST]]
    if len(open_findings) > MOST:
        told.append(f"and {len(open_findings) - MOST} more, see 'convert-h5 inspect'")
    permits = sorted({f.permit for f in open_findings[:MOST] if f.permit})
    advice = "Permit exactly this with " + " ".join(permits) if permits else ""
    raise UnsafeSource(
        f"{source.path} is refused",
        why="; ".join(told),
        fix=advice or "Do not load this file; ask its maker for a clean one",
    )


def _permitted(finding: Finding, digests: set[str], names: frozenset[str]) -> bool:
    if finding.kind in CUSTOM_KINDS:
        return finding.name in names
    return finding.digest != "" and finding.digest in digests


def defined_names(path: Path) -> frozenset[str]:
    """Top-level names of a Python file, read without running it.

    Raises UsageError when it cannot be read or is not Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        raise UsageError(
            f"{path} cannot be read as Python", why=str(error), fix="Check --custom-objects"
        ) from error
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(t.id for t in node.targets if isinstance(t, ast.Name))
    return frozenset(names)
