"""Write converter/wire/*_pb2.py and *_pb2.pyi from the .proto files beside them.

    python scripts/protos.py

The compiler is a pinned grpcio-tools, run through uv in an environment of its own. Its code needs
protobuf 6.31 or newer at run time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from converter.toolchain import provision

ROOT = Path(__file__).resolve().parent.parent
WIRE = Path("converter/wire")
COMPILER = "grpcio-tools==1.75.1"  # protoc 31.1


def generate(into: Path) -> list[Path]:
    """Compile every .proto of the wire folder; the modules, as paths below `into`.

    The .proto files are named from the root of the checkout, which makes the generated imports
    absolute. Raises CalledProcessError; the compiler says why on standard error.
    """
    sources = sorted(path.relative_to(ROOT) for path in (ROOT / WIRE).glob("*.proto"))
    command = [
        *(provision.uv_command(), "run", "--quiet", "--no-project", "--python", sys.executable),
        *("--with", COMPILER, "python", "-m", "grpc_tools.protoc", f"--proto_path={ROOT}"),
        *(f"--python_out={into}", f"--pyi_out={into}"),
        *map(str, sources),
    ]
    subprocess.run(command, check=True, cwd=ROOT)
    return [
        path.with_name(f"{path.stem}_pb2{suffix}") for path in sources for suffix in (".py", ".pyi")
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, default=ROOT, help="another root than the checkout")
    for path in generate(parser.parse_args().into):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
