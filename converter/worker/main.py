"""The worker's loop: read a request, do it, answer; until told to stop or the stream ends.

Requests are read by a thread of their own, so that the worker ends at once, even in the middle of
an operation, when the orchestrator is gone.
"""

import argparse
import os
import queue
import shutil
import sys
import threading
import traceback

from . import failures, protocol


def main(arguments):
    parser = argparse.ArgumentParser(prog="worker")
    parser.add_argument("--mode", choices=("eager", "graph"), default="eager")
    mode = parser.parse_args(arguments).mode
    requests, replies = _private_streams()
    inbox = queue.Queue()
    threading.Thread(target=_receive, args=(requests, inbox), daemon=True).start()
    # Imports TensorFlow: after the streams are safe from its prints.
    from .operations import Operations

    serve(Operations(mode), inbox, replies)
    return 0


def serve(worker, inbox, replies):
    """Answer every message of the queue `inbox` on the stream `replies`."""
    while True:
        header, tensors = inbox.get()
        operation = header.pop("op")
        if operation == "shutdown":
            protocol.write(replies, {"ok": True, "result": {}})
            return
        try:
            result, answers = worker.run(operation, header, tensors)
            protocol.write(replies, {"ok": True, "result": result}, answers)
        except Exception as error:
            traceback.print_exc()
            protocol.write(replies, {"ok": False, "error": failures.describe(error)})


def _receive(requests, inbox):
    orchestrator = os.getppid()
    try:
        message = protocol.read(requests)
        while message is not None:
            inbox.put(message)
            message = protocol.read(requests)
    except Exception:
        traceback.print_exc()
    finally:
        if os.getppid() != orchestrator:  # it was killed: nobody else removes this folder
            shutil.rmtree(os.environ["HOME"], ignore_errors=True)
        os._exit(0)


def _private_streams():
    """Keep the pipes for messages; send everybody else's prints to the log (standard error)."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)
    sys.stdout = sys.stderr
    return requests, replies
