"""Documents of benchmarks that never ran, for what is made of them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from converter.bench.asking import Served
from converter.bench.cases import Case
from converter.bench.document import Began, case_of, crossing, document, point_of
from converter.bench.measure import Samples, Settings
from converter.bench.target import Target
from converter.bench.ways import WAYS
from converter.serving.client.contract import ModelMetadata, Signature, TensorSpec
from converter.toolchain import catalog
from converter.wire.tensorflow_pb2 import DT_FLOAT

HOSTILE = "</style><script>document.title='owned'</script>"


def made(
    factor: float = 1.0, calls: int = 30, model: str = "m", batches: tuple[int, ...] = (1, 8)
) -> dict[str, Any]:
    """Every way but that of texts, each slower than the one before; all `factor` times as slow."""
    spec = TensorSpec(DT_FLOAT, (None, 4))
    signature = Signature({"x": spec}, {"y": spec}, "tensorflow/serving/predict")
    metadata = ModelMetadata(model, 1, {"serving_default": signature})
    target = Target(Served("http://h:1", "h:2", model), "local:2.15.1", catalog.get("tf2.15"))
    target.notes.append("a note")
    found = document(
        target,
        metadata,
        "serving_default",
        Settings(),
        Began(datetime(2026, 1, 2, tzinfo=timezone.utc), 0.5),
    )
    points = []
    for batch in batches:
        ways = [way for way in WAYS.values() if not way.texts]
        cases = [
            _case(Case(way, batch, 1, way.connection or "kept"), place, factor, calls)
            for place, way in enumerate(ways, 1)
        ]
        found["cases"] += cases
        points.append(point_of(cases))
    found["crossover"] = crossing([point for point in points if point])
    found["skipped"] = [{"way": "rest-b64", "why": "no input is a string"}]
    return found


def _case(case: Case, place: int, factor: float, calls: int) -> dict[str, Any]:
    wire = int(1e6 * factor * place * case.batch)
    # 0 to 9 % more from call to call, the same each time.
    times = [(wire // 10, wire + wire * (n % 10) // 100, wire // 20) for n in range(calls)]
    return case_of(case, Samples(times, [sum(map(sum, times))]), case.batch * 16, (100, 50))
