"""Renew what tox.ini and docs/toolchains.md say of the catalog.

    python scripts/catalog_pages.py

Each has a part between two marked lines, which is made from catalog.toml.
"""

from __future__ import annotations

from pathlib import Path

from converter.toolchain import catalog
from converter.toolchain.catalog import Toolchain

ROOT = Path(__file__).parents[1]
BEGIN = "written by scripts/catalog_pages.py"
END = "end of what is written"


def environments() -> dict[str, list[Toolchain]]:
    """The toolchains of each tox environment: one for each TensorFlow."""
    found: dict[str, list[Toolchain]] = {}
    for toolchain in catalog.load().values():
        major, minor = toolchain.tensorflow_series
        found.setdefault(f"tf{major}{minor}", []).append(toolchain)
    return found


def tox_part() -> str:
    """The environments of tox.ini: their names, and the toolchains of each."""
    series = environments()
    lines = [f"[testenv:tf{{{','.join(name[2:] for name in series)}}}]"]
    lines += ["description = the worker's tests in one pinned TensorFlow", "set_env ="]
    lines += [f"    {name}: TOOLCHAINS = {pattern(found)}" for name, found in series.items()]
    return "\n".join(lines) + "\n"


def pattern(toolchains: list[Toolchain]) -> str:
    """A glob that fits these toolchains and no other."""
    if len(toolchains) == 1:
        return toolchains[0].id
    return f"{toolchains[0].id.split('-')[0]}-*"


def docs_part() -> str:
    """The table of docs/toolchains.md."""
    lines = [
        "| toolchain | TensorFlow | Python | Keras | stands for Serving | tox |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, toolchains in environments().items():
        for found in toolchains:
            kerases = ", ".join(f"{f.name} {f.version}" for f in found.flavours)
            lines.append(
                f"| `{found.id}` | {found.tensorflow} | {', '.join(found.python)} | {kerases} |"
                f" {found.serving or ''} | `{name}` |"
            )
    return "\n".join(lines) + "\n"


PARTS = {"tox.ini": ("#", tox_part, ""), "docs/toolchains.md": ("<!--", docs_part, " -->")}


def renewed(name: str) -> str:
    """The whole text of a file of PARTS, its part made anew."""
    opening, part, closing = PARTS[name]
    begin, end = (f"{opening} {words}{closing}\n" for words in (BEGIN, END))
    before, rest = (ROOT / name).read_text(encoding="utf-8").split(begin)
    return before + begin + part() + end + rest.split(end)[1]


def main() -> int:
    for name in PARTS:
        (ROOT / name).write_text(renewed(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
