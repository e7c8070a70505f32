"""What `tensorflow_model_server` looks like from outside, in a few lines that can be made to fail.

Runs inside the test image, by the standard library alone. A file `fault` in the model's version
folder says how it fails; without one, the model is LOADING for a moment and then AVAILABLE.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

LOADING_SECONDS = 0.3

# What the real server writes before it ends with code 255, see ../shared/golden/narrated.md.
REFUSAL = (
    "E tensorflow_serving/core/aspired_versions_manager.cc] Servable {name: %s version: %s}"
    " cannot be loaded: OUT_OF_RANGE: Read less bytes than requested"
)


def state(fault: str, started: float) -> tuple[str, str, str]:
    """(state, error code, error message) of the model right now."""
    if fault == "end":
        return "END", "OUT_OF_RANGE", "Read less bytes than requested"
    if fault == "loading" or time.monotonic() < started + LOADING_SECONDS:
        return "LOADING", "OK", ""
    return "AVAILABLE", "OK", ""


def break_at_start(fault: str, name: str, version: str) -> None:
    """The faults that keep the server from ever listening."""
    if fault == "refused":
        sys.exit(print(REFUSAL % (name, version), file=sys.stderr) or 255)
    if fault == "crash":
        sys.exit("Check failed: the moon is full")
    if fault == "illegal instruction":
        os.kill(os.getpid(), signal.SIGILL)
    if fault == "memory":
        hoard = []
        while True:
            hoard.append(bytearray(os.urandom(1 << 20)))
    while fault == "silent":
        time.sleep(60)


def main() -> None:
    """Serve the one version under --model_base_path."""
    parser = argparse.ArgumentParser()
    for flag in ("port", "rest_api_port", "model_name", "model_base_path"):
        parser.add_argument(f"--{flag}", required=True)
    flags, others = parser.parse_known_args()
    (folder,) = Path(flags.model_base_path).iterdir()
    fault = folder / "fault"
    kind = fault.read_text().strip() if fault.exists() else ""
    started = time.monotonic()

    class Handler(http.server.BaseHTTPRequestHandler):
        """Tells the model's state, and under every other path how the server was started."""

        def do_GET(self) -> None:
            if self.path == f"/v1/models/{flags.model_name}":
                now, code, message = state(kind, started)
                status = {"error_code": code, "error_message": message}
                told = {"version": folder.name, "state": now, "status": status}
                reply: object = {"model_version_status": [told]}
            else:
                reply = {"flags": others, "files": sorted(p.name for p in folder.iterdir())}
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    break_at_start(kind, flags.model_name, folder.name)
    with socket.create_server(("", int(flags.port))):
        server = http.server.ThreadingHTTPServer(("", int(flags.rest_api_port)), Handler)
        print("I server.cc] Exporting HTTP/REST API at:localhost:8501 ...", file=sys.stderr)
        server.serve_forever()


if __name__ == "__main__":
    main()
