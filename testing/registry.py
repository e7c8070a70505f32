"""Tiny images, and a registry on the loopback that has them: what a pull needs of the protocol.

Source: the OCI distribution specification, and Docker's image manifest version 2, schema 2.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _tar(files: dict[str, bytes], mode: int = 0o755) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = mode
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


@dataclass(frozen=True)
class TinyImage:
    """An image of one layer with a few files; `entrypoint` is the path of its program."""

    files: dict[str, bytes]
    architecture: str = "amd64"
    entrypoint: str = "/server"

    @property
    def layer(self) -> bytes:
        """The one layer, not compressed."""
        return _tar(self.files)

    @property
    def config(self) -> bytes:
        """The image's configuration: its digest is the image's id."""
        return json.dumps(
            {
                "architecture": self.architecture,
                "os": "linux",
                "config": {"Entrypoint": [self.entrypoint]},
                "rootfs": {"type": "layers", "diff_ids": [_digest(self.layer)]},
            }
        ).encode()

    @property
    def manifest(self) -> bytes:
        """What a registry tells of the image."""
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _described(CONFIG, self.config),
                "layers": [_described(LAYER, self.layer)],
            }
        ).encode()

    def saved(self, name: str) -> bytes:
        """As `docker save` writes it, for `docker load`."""
        listed = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
        parts = {"config.json": self.config, "layer.tar": self.layer}
        return _tar({**parts, "manifest.json": json.dumps(listed).encode()})


def _described(kind: str, data: bytes) -> dict[str, object]:
    return {"mediaType": kind, "size": len(data), "digest": _digest(data)}


@dataclass
class Registry:
    """A running registry. images: by `repository:tag`."""

    host: str
    images: dict[str, TinyImage] = field(default_factory=dict)

    def add(self, repository: str, tag: str, image: TinyImage) -> str:
        """Have an image; returns the digest that pins it."""
        self.images[f"{repository}:{tag}"] = image
        return _digest(image.manifest)

    def get(self, path: str) -> tuple[str, bytes] | None:
        """(content type, body) of what is at a path; None for what is not there."""
        if path == "/v2/":
            return "application/json", b"{}"
        for name, image in self.images.items():
            repository, _, tag = name.partition(":")
            base = f"/v2/{repository}"
            if path in (f"{base}/manifests/{tag}", f"{base}/manifests/{_digest(image.manifest)}"):
                return MANIFEST, image.manifest
            for blob in (image.config, image.layer):
                if path == f"{base}/blobs/{_digest(blob)}":
                    return "application/octet-stream", blob
        return None


@contextlib.contextmanager
def running() -> Iterator[Registry]:
    """A registry on a free port of the loopback, where engines need no TLS."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = registry.get(self.path)
            kind, body = found or ("application/json", b'{"errors": [{"code": "NAME_UNKNOWN"}]}')
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry = Registry(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
