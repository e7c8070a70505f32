"""The metrics page reads as TensorFlow Serving's, record rest.prometheus.ok."""

from __future__ import annotations

import re
import threading

import pytest

from converter.serving.server.metrics import MAX_POINTS, Counter, Histogram, Metrics
from testing import golden

# In the recording, and of no use here: they stay empty there as well.
NOT_OURS = {
    "mlmd_map",
    "request_example_count_total",
    "request_example_counts",
    "request_log_count",
}


def _recorded_page() -> list[str]:
    """The lines of the recorded page with `:tensorflow:serving`, less the buckets."""
    (page,) = [r for r in golden.records() if r.id == "rest.prometheus.ok"]
    return str(page.response["body_excerpt"]).splitlines()


def _replay(lines: list[str], metrics: Metrics) -> None:
    """Count and time what the lines tell of."""
    histograms = {
        "request_latency": metrics.request_latency,
        "runtime_latency": metrics.runtime_latency,
    }
    sums: dict[str, int] = {}
    for line in lines:
        match = re.fullmatch(r":tensorflow:serving:(\w+)\{(.*)\} ([\d.e+]+)", line)
        if match is None:
            continue
        name, number = match[1], int(float(match[3]))
        labels = re.findall(r'\w+="([^"]*)"', match[2])
        if name == "request_count":
            metrics.request_count.add(*labels, by=number)
        elif name.endswith("_sum"):
            sums[match[2]] = number
        else:
            histogram = histograms[name.removesuffix("_count")]
            histogram.observe(sums[match[2]], *labels)
            for _ in range(number - 1):
                histogram.observe(0, *labels)


@pytest.mark.skipif(not golden.FOLDER.is_dir(), reason="the recordings are not there")
def test_the_recorded_page_comes_out_again() -> None:
    recorded = _recorded_page()
    metrics = Metrics()
    _replay(recorded, metrics)
    page = [
        line
        for line in metrics.render().splitlines()
        if ":tensorflow:serving:" in line and "_bucket{" not in line
    ]
    ours = [line for line in recorded if not any(f":{name} " in line for name in NOT_OURS)]
    assert page == ours


def test_a_fresh_page_names_every_metric_with_its_type() -> None:
    page = Metrics().render()
    assert page.splitlines()[:2] == [
        "# TYPE :tensorflow:cc:saved_model:load_attempt_count counter",
        "# TYPE :tensorflow:cc:saved_model:load_latency counter",
    ]
    assert all(line.startswith("# TYPE :") for line in page.splitlines())
    assert page.endswith("\n")


def test_a_histogram_counts_upwards_bucket_by_bucket() -> None:
    histogram = Histogram(":h", ("a",), limits=(1.0, 10.0, 100.0))
    for value in (0, 5, 5.5, 10, 1000):
        histogram.observe(value, "x")
    assert list(histogram.lines()) == [
        "# TYPE :h histogram",
        ':h_bucket{a="x",le="1"} 1',
        ':h_bucket{a="x",le="10"} 3',
        ':h_bucket{a="x",le="100"} 4',
        ':h_bucket{a="x",le="+Inf"} 5',
        ':h_sum{a="x"} 1020.5',
        ':h_count{a="x"} 5',
    ]


def test_latencies_have_tensorflow_servings_buckets() -> None:
    metrics = Metrics()
    metrics.request_latency.observe(1, "m", "predict", "REST")
    ends = re.findall(r'le="([^"]*)"', metrics.render())
    assert len(ends) == 34
    assert ends[:6] == ["10", "18", "32.4", "58.32", "104.976", "188.957"]
    assert ends[-2:] == [f"{10 * 1.8**32:g}", "+Inf"]


def test_a_metric_without_labels_has_empty_braces() -> None:
    counter = Counter(":c", ())
    counter.add()
    counter.add(by=2)
    histogram = Histogram(":h", (), limits=())
    histogram.observe(2)
    assert list(counter.lines())[1:] == [":c{} 3"]
    assert list(histogram.lines())[1:] == [':h_bucket{le="+Inf"} 1', ":h_sum{} 2", ":h_count{} 1"]


def test_points_are_ordered_by_their_labels() -> None:
    counter = Counter(":c", ("a",))
    for name in ("ü", "b", "B", "", "a"):
        counter.add(name)
    assert re.findall('"(.*)"', "".join(f"{line}\n" for line in counter.lines())) == [
        *("", "B", "a", "b", "ü")
    ]


def test_no_label_breaks_the_page() -> None:
    counter = Counter(":c", ("a",))
    counter.add('\\ " \n \udcff')
    assert list(counter.lines())[1:] == [r':c{a="\\ \" \n ?"} 1']


def test_labels_must_be_as_many_as_the_metric_has() -> None:
    with pytest.raises(TypeError, match="labels"):
        Counter(":c", ("a", "b")).add("x")


def test_made_up_names_do_not_fill_the_memory() -> None:
    counter = Counter(":c", ("a",))
    counter.add("known")
    for number in range(MAX_POINTS + 50):
        counter.add(str(number) + "x" * 10_000)
    counter.add("known")
    lines = list(counter.lines())
    assert len(lines) == MAX_POINTS + 2
    assert ':c{a="(other)"} 51' in lines
    assert ':c{a="known"} 2' in lines
    assert max(map(len, lines)) < 300


def test_no_count_is_lost_between_threads() -> None:
    counter, histogram = Counter(":c", ("a",)), Histogram(":h", ("a",), limits=(1.0,))

    def work() -> None:
        for _ in range(2000):
            counter.add("x")
            histogram.observe(0.5, "x")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(counter.lines())[-1] == ':c{a="x"} 8000'
    assert list(histogram.lines())[-1] == ':h_count{a="x"} 8000'
