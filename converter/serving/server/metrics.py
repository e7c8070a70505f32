"""What a server counts and times, as the text that Prometheus reads.

Names, labels, buckets and layout are TensorFlow Serving's (util/prometheus_exporter.cc and the
recordings), so its dashboards work unchanged. Times are whole microseconds.
"""

from __future__ import annotations

import bisect
import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

CONTENT_TYPE = "text/plain"

# Anyone can ask for any model name, and every name is a line: what comes after so many is counted
# under one name, and long names are cut.
MAX_POINTS = 2000
MAX_LABEL = 256
OTHER = "(other)"

Labels = tuple[str, ...]
AnyMetric = TypeVar("AnyMetric", bound="Metric")


@dataclass
class Metric:
    """A named family of values, one for each combination of labels."""

    name: str
    labels: Labels
    lock: threading.Lock = field(default_factory=threading.Lock)

    kind = "untyped"

    def lines(self) -> Iterator[str]:
        """The lines of the page, a TYPE line first."""
        yield f"# TYPE {self.name} {self.kind}"

    def _key(self, values: Sequence[str], known: Mapping[Labels, object]) -> Labels:
        """The point that the labels name. Holds the lock."""
        if len(values) != len(self.labels):
            raise TypeError(f"{self.name} has the labels {self.labels}, not {tuple(values)}")
        key = tuple(_printable(value) for value in values)
        if key in known or len(known) < MAX_POINTS:
            return key
        return (OTHER,) * len(key)

    def _where(self, key: Labels) -> str:
        return ",".join(
            f'{name}="{_escaped(value)}"' for name, value in zip(self.labels, key, strict=True)
        )


@dataclass
class Counter(Metric):
    """A number that only grows."""

    points: dict[Labels, int] = field(default_factory=dict)

    kind = "counter"

    def add(self, *labels: str, by: int = 1) -> None:
        """Count `by` more."""
        with self.lock:
            key = self._key(labels, self.points)
            self.points[key] = self.points.get(key, 0) + by

    def lines(self) -> Iterator[str]:
        """The TYPE line, then a line for each point, ordered by labels."""
        yield from super().lines()
        with self.lock:
            points = sorted(self.points.items())
        for key, value in points:
            yield f"{self.name}{{{self._where(key)}}} {value}"


@dataclass
class _Samples:
    """One point of a histogram: how many samples below each limit, and their sum."""

    counts: list[int]
    sum: float = 0.0


@dataclass
class Histogram(Metric):
    """Samples, counted in buckets; `limits` are their upper ends, one more has no end.

    A sample that equals a limit belongs to the bucket above it, as in TensorFlow.
    """

    limits: tuple[float, ...] = ()
    points: dict[Labels, _Samples] = field(default_factory=dict)

    kind = "histogram"

    def observe(self, value: float, *labels: str) -> None:
        """Take in one sample."""
        with self.lock:
            key = self._key(labels, self.points)
            samples = self.points.setdefault(key, _Samples([0] * (len(self.limits) + 1)))
            samples.counts[bisect.bisect_right(self.limits, value)] += 1
            samples.sum += value

    def lines(self) -> Iterator[str]:
        """The TYPE line, then buckets, sum and count of each point, ordered by labels."""
        yield from super().lines()
        with self.lock:
            points = [(key, list(s.counts), s.sum) for key, s in sorted(self.points.items())]
        ends = [*(f"{limit:g}" for limit in self.limits), "+Inf"]
        for key, counts, total in points:
            where = self._where(key)
            comma = "," if where else ""
            below = list(itertools.accumulate(counts))
            for end, count in zip(ends, below, strict=True):
                yield f'{self.name}_bucket{{{where}{comma}le="{end}"}} {count}'
            yield f"{self.name}_sum{{{where}}} {total:g}"
            yield f"{self.name}_count{{{where}}} {below[-1]}"


def exponential(first: float, factor: float, count: int) -> tuple[float, ...]:
    """`count` limits, each `factor` times the one before."""
    return tuple(itertools.accumulate([factor] * (count - 1), lambda a, b: a * b, initial=first))


_LATENCY = exponential(10, 1.8, 33)  # microseconds, up to about 20 minutes


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self._all: list[Metric] = []
        # status: the name of a canonical code. For REST, GetModelMetadata and GetModelStatus are
        # counted as well, over gRPC they are not; a request without a model has an empty name.
        self.request_count = self._counter("request_count", "model_name", "status")
        # Of requests that went well. API: "predict", "classify", "regress" or, for all others, ""
        # over REST; "Predict", "Classify", "Regress" over gRPC. entrypoint: "REST" or "GRPC".
        self.request_latency = self._histogram(
            "request_latency", _LATENCY, "model_name", "API", "entrypoint"
        )
        # Of the model alone. API: "Predict", "Classify", "Regress"; runtime: "TF1", always.
        self.runtime_latency = self._histogram(
            "runtime_latency", _LATENCY, "model_name", "API", "runtime"
        )
        self.model_warmup_latency = self._histogram(
            "model_warmup_latency", _LATENCY, "model_path", "status"
        )
        self.queuing_latency = self._histogram(
            "batching_session:queuing_latency", exponential(100, 1.2, 52), "thread_pool_name"
        )
        self.wrapped_run_count = self._counter("batching_session:wrapped_run_count")
        # status: "success" or "fail".
        self.load_attempt_count = self._counter(
            "load_attempt_count", "model_path", "status", family=":tensorflow:cc:saved_model:"
        )
        self.load_latency = self._counter(
            "load_latency", "model_path", family=":tensorflow:cc:saved_model:"
        )

    def render(self) -> str:
        """The page, metrics in the order of their names."""
        metrics = sorted(self._all, key=lambda metric: metric.name)
        return "".join(f"{line}\n" for metric in metrics for line in metric.lines())

    def _counter(self, name: str, *labels: str, family: str = ":tensorflow:serving:") -> Counter:
        return self._add(Counter(family + name, labels))

    def _histogram(self, name: str, limits: tuple[float, ...], *labels: str) -> Histogram:
        return self._add(Histogram(":tensorflow:serving:" + name, labels, limits=limits))

    def _add(self, metric: AnyMetric) -> AnyMetric:
        self._all.append(metric)
        return metric


def _printable(value: str) -> str:
    return value[:MAX_LABEL].encode("utf-8", "replace").decode()


def _escaped(value: str) -> str:
    # The line end is Prometheus' own rule; TensorFlow Serving lets one break the page.
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
