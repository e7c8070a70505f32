"""Images that keep the contract of `tensorflow/serving`, made of this machine's own files.

No registry is needed: a root file system is packed from the Python that runs the tests and the
libraries it links to. The tag of an image is a digest of what went into it, so it is built once.
"""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import docker
from docker import DockerClient
from filelock import FileLock
from packaging.requirements import Requirement

import converter
from converter.serving.docker.images import ImageRef
from converter.toolchain import cache
from converter.toolchain.catalog import Toolchain
from testing import stand_in

ROOT = Path(__file__).parents[1]
REPOSITORY = "convert-h5-test/serving"
SHELL = Path("/bin/sh")
HOME = "/opt/convert-h5"

# Parts of Python's library that no server needs.
SPARED = "site-packages|dist-packages|test|idlelib|ensurepip|tkinter|config-.*"

ENTRYPOINT = b"""#!/bin/sh
tensorflow_model_server --port=8500 --rest_api_port=8501 \\
  --model_name=${MODEL_NAME} --model_base_path=${MODEL_BASE_PATH}/${MODEL_NAME} "$@"
"""
CONTRACT = [
    "EXPOSE 8500",
    "EXPOSE 8501",
    "ENV MODEL_BASE_PATH=/models",
    "ENV MODEL_NAME=model",
    'ENTRYPOINT ["/usr/bin/tf_serving_entrypoint.sh"]',
]
STAND_IN = """#!/bin/sh
exec {python} -I /opt/stand_in.py "$@"
"""
EMBEDDED = """#!/bin/sh
export PYTHONPATH={home} CONVERT_H5_CACHE={home}/cache
exec {python} -m converter.cli.main serve --host=0.0.0.0 --toolchain={toolchain} "$@"
"""


@dataclass
class Root:
    """A root file system to be packed: for each path in it a file of this machine, or bytes."""

    files: dict[str, Path | bytes] = field(default_factory=dict)

    def add_tree(self, folder: Path, into: str | None = None, spared: str = "") -> None:
        """A folder with its links, by default where it is; subfolders called `spared` left out."""
        for here, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if not re.fullmatch(spared, name)]
            for name in (*names, *(n for n in folders if Path(here, n).is_symlink())):
                path = Path(here, name)
                self.files[f"{into or folder}/{path.relative_to(folder)}"] = path

    def add_program(self, program: Path) -> None:
        """A program where it is, with the system's libraries that it links to."""
        self.files[str(program)] = program.resolve()
        self.add_linked([program])

    def add_linked(self, binaries: Iterable[Path]) -> None:
        """The system's libraries that programs or libraries link to."""
        done = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False)
        for path in re.findall(r"^\s+(?:\S+ => )?(/(?:usr/)?lib\S+) \(", done.stdout, re.M):
            self.files[path] = Path(path).resolve()

    def add_python(self, python: Path) -> None:
        """An interpreter with its library, without what is installed into it."""
        asked = "import sysconfig as s; print(s.get_path('stdlib'))"
        done = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
        library = Path(done.stdout.strip())
        self.add_tree(library, spared=SPARED)
        self.add_program(python)
        self.add_linked((library / "lib-dynload").glob("*.so"))
        for shared in library.parent.glob("libpython3*.so*"):
            self.files[str(shared)] = shared.resolve()

    def add_packages(self, requirements: Iterable[str], into: str) -> None:
        """The modules of installed packages and of all they require."""
        for distribution in _required(requirements):
            for file in distribution.files or ():
                path = Path(str(distribution.locate_file(file)))
                if ".." not in file.parts and path.is_file():
                    self.files[f"{into}/{file}"] = path

    def digest(self) -> str:
        """Of every path with its content, or with the size and the time of the file there."""
        summed = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            facts = content if isinstance(content, bytes) else _facts(content)
            summed.update(f"{path}\0{len(facts)}\0".encode() + facts)
        return summed.hexdigest()[:16]

    @contextlib.contextmanager
    def packed(self) -> Iterator[Iterable[bytes]]:
        """As a tar archive, in chunks: owned by root, and readable by everybody."""
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w|") as archive:
                for path, content in self.files.items():
                    _add(archive, path.lstrip("/"), content)
                archive.addfile(_folder("tmp", 0o1777))
            file.seek(0)
            yield iter(lambda: file.read(1 << 20), b"")


def stand_in_image(client: DockerClient) -> ImageRef:
    """The image whose server is testing/stand_in.py: small, and can be made to fail."""
    python = Path(sys.executable).resolve()
    root = Root()
    root.add_python(python)
    root.files["/opt/stand_in.py"] = Path(stand_in.__file__).read_bytes()
    _add_contract(root, STAND_IN.format(python=python))
    return _imported(client, "stand-in", root)


def embedded_image(client: DockerClient, toolchain: Toolchain) -> ImageRef:
    """The image whose server is `convert-h5 serve` over an installed toolchain.

    What seldom changes is imported once: Python, the toolchain and the packages that we require.
    The code under test is a layer on top.
    """
    python = Path(sys.executable).resolve()
    folder = cache.folder_of(toolchain)
    root = Root()
    for interpreter in sorted({python, cache.python_of(folder).resolve()}):
        root.add_python(interpreter)
    root.add_tree(folder, f"{HOME}/cache/toolchains/{folder.name}")
    root.add_linked(folder.rglob("*.so*"))
    root.add_packages(_our_requirements(), HOME)
    _add_contract(root, EMBEDDED.format(home=HOME, python=python, toolchain=toolchain.id))
    base = _imported(client, f"base-{toolchain.id}", root)

    code = Root()
    code.add_tree(Path(converter.__file__).parent, "converter", spared="__pycache__")
    content = {path: Path(str(file)).read_bytes() for path, file in code.files.items()}
    code = Root({**content, "base": str(base).encode()})
    return _built(
        client, f"embedded-{toolchain.id}", code, lambda ref: _layer(client, base, ref, code)
    )


def _add_contract(root: Root, server: str) -> None:
    root.add_program(SHELL)
    root.files["/usr/bin/tf_serving_entrypoint.sh"] = ENTRYPOINT
    root.files["/usr/bin/tensorflow_model_server"] = server.encode()


def _imported(client: DockerClient, kind: str, root: Root) -> ImageRef:
    def make(ref: ImageRef) -> None:
        with root.packed() as chunks:
            told = client.api.import_image_from_stream(chunks, changes=CONTRACT)
        # Named afterwards, because Podman takes no notice of a name that comes with the import.
        client.images.get(json.loads(told.splitlines()[-1])["status"]).tag(ref.repository, ref.tag)

    return _built(client, kind, root, make)


def _layer(client: DockerClient, base: ImageRef, ref: ImageRef, root: Root) -> None:
    container = client.containers.create(str(base))
    try:
        with root.packed() as chunks:
            container.put_archive(HOME, b"".join(chunks))
        container.commit(ref.repository, ref.tag)
    finally:
        container.remove()


def _built(
    client: DockerClient, kind: str, root: Root, make: Callable[[ImageRef], None]
) -> ImageRef:
    """The image of this content, made if need be; those of its kind made before are forgotten."""
    ref = ImageRef(REPOSITORY, f"{kind}-{root.digest()}")
    with FileLock(Path(tempfile.gettempdir()) / f"convert-h5-test-{kind}.lock"):
        try:
            client.images.get(str(ref))
        except docker.errors.ImageNotFound:
            make(ref)
            for name in [name for image in client.images.list(REPOSITORY) for name in image.tags]:
                if name.startswith(f"{REPOSITORY}:{kind}-") and name != str(ref):
                    with contextlib.suppress(docker.errors.APIError):  # still in use
                        client.images.remove(name)
    return ref


def _our_requirements() -> list[str]:
    """What setup.cfg of this checkout asks for; the installed metadata may be older."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return settings["options"]["install_requires"].strip().split("\n")


def _required(requirements: Iterable[str]) -> Iterator[metadata.Distribution]:
    """The installed packages that satisfy requirements, and theirs in turn."""
    waiting = [Requirement(text) for text in requirements]
    seen = set()
    while waiting:
        wanted = waiting.pop()
        if wanted.name in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(wanted.name)
        distribution = metadata.distribution(wanted.name)
        yield distribution
        waiting += [Requirement(text) for text in distribution.requires or ()]


def _add(archive: tarfile.TarFile, path: str, content: Path | bytes) -> None:
    if isinstance(content, bytes):
        info = tarfile.TarInfo(path)
        info.size = len(content)
        info.mode = 0o755 if "bin/" in path else 0o644
        archive.addfile(info, io.BytesIO(content))
        return
    info = archive.gettarinfo(content, path)
    info.uid = info.gid = 0
    info.mode |= 0o444
    if info.issym():
        archive.addfile(info)
        return
    with content.open("rb") as stream:
        info.type, info.size = tarfile.REGTYPE, content.stat().st_size  # not a link to a twin
        archive.addfile(info, stream)


def _folder(path: str, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type, info.mode = tarfile.DIRTYPE, mode
    return info


def _facts(path: Path) -> bytes:
    facts = path.lstat()
    return f"{facts.st_size} {facts.st_mtime_ns}".encode()
