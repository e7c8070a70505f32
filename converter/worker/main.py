"""The worker's loop: read a request, do it, answer; until told to stop or the stream ends.

Requests are read by a thread of their own, so that the worker ends at once, even in the middle of
an operation, when the orchestrator is gone. Requests with an id run at the same time as others, in
a few threads; the rest one after the other, in the main thread.
"""

import argparse
import mmap
import os
import queue
import shutil
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

from . import failures, protocol

# Requests with an id that run at once. TensorFlow shares its own threads between them.
CONCURRENT = 16
# Keras walks a model's layers by recursion; ResNetRS350 of its own applications is deeper than
# Python's usual 1000. Source: measured with tf.keras 2.15.
RECURSION = 10000


def main(arguments):
    parser = argparse.ArgumentParser(prog="worker")
    parser.add_argument("--mode", choices=("eager", "graph"), default="eager")
    parser.add_argument("--arena", type=int, help="file descriptor of memory to share")
    options = parser.parse_args(arguments)
    sys.setrecursionlimit(RECURSION)
    requests, replies = _private_streams()
    answer = Answerer(replies)
    inbox = queue.Queue()
    arena = b"" if options.arena is None else mmap.mmap(options.arena, 0)
    receiving = (requests, arena, answer, inbox)
    threading.Thread(target=_receive, args=receiving, daemon=True).start()
    # Imports TensorFlow: after the streams are safe from its prints.
    from .operations import Operations

    answer.use(Operations(options.mode))
    message = inbox.get()
    while message[0]["op"] != "shutdown":
        answer(*message)
        message = inbox.get()
    answer.send({"ok": True, "result": {}})
    return 0


class Answerer:
    """Does requests, from any thread, and sends their replies. Waits until it has a worker."""

    def __init__(self, replies):
        self.worker = None
        self.ready = threading.Event()
        self.replies = replies
        self.lock = threading.Lock()

    def use(self, worker):
        self.worker = worker
        self.ready.set()

    def __call__(self, header, tensors):
        self.ready.wait()
        told = {"id": header.pop("id")} if "id" in header else {}
        try:
            result, answers = self.worker.run(header.pop("op"), header, tensors)
            self.send(dict(told, ok=True, result=result), answers)
        except Exception as error:
            described = failures.describe(error)
            if described["kind"] != "status":  # those are answers, not troubles of the worker
                traceback.print_exc()
            self.send(dict(told, ok=False, error=described))

    def send(self, header, tensors=()):
        with self.lock:
            protocol.write(self.replies, header, tensors)


def _receive(requests, arena, answer, inbox):
    """Read until the stream ends; requests with an id go to threads, the others to the inbox."""
    orchestrator = os.getppid()
    threads = ThreadPoolExecutor(CONCURRENT)
    try:
        message = protocol.read(requests, arena)
        while message is not None:
            if "id" in message[0]:
                threads.submit(answer, *message)
            else:
                inbox.put(message)
            message = protocol.read(requests, arena)
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
