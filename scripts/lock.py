"""Write converter/toolchain/locks/<id>.txt from the catalog's `requires` and `requires_no_deps`.

    python scripts/lock.py tf1.15-keras2.3        one toolchain, or several
    python scripts/lock.py --all                  every toolchain of the catalog

Each lock is the complete transitive set with a sha256 for every file the index offers, so that an
install can be done with `--require-hashes --no-deps`. Needs the interpreter that the catalog names.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from converter.toolchain import catalog, interpreters, provision

HEADER = "# {id}: Python {python}, written by scripts/lock.py from catalog.toml; do not edit.\n"


def compile_requirements(python: Path, requirements: tuple[str, ...], *flags: str) -> str:
    """Resolve `requirements` for `python` and return the hashed requirement lines."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.in")
        wanted.write_text("".join(line + "\n" for line in requirements))
        command = [
            *(provision.uv_command(), "pip", "compile", "--quiet", "--python", str(python)),
            *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"),
            *flags,
            str(wanted),
        ]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def lock(toolchain: catalog.Toolchain) -> str:
    """The text of one lock file."""
    wanted = toolchain.python[0]
    python = interpreters.find(wanted)
    if python is None:
        raise SystemExit(f"{toolchain.id}: no Python {wanted} on this machine")
    parts = [HEADER.format(id=toolchain.id, python=wanted)]
    parts.append(compile_requirements(python, toolchain.requires))
    if toolchain.requires_no_deps:
        parts.append(compile_requirements(python, toolchain.requires_no_deps, "--no-deps"))
    return "".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    known = catalog.load()
    for id_ in sorted(known) if args.all else args.ids:
        text = lock(known[id_])
        known[id_].lock_path.write_text(text)
        print(f"{id_}: {text.count('==')} packages", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
