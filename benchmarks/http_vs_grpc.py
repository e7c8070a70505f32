"""The two measurements of the tutorial on HTTP and gRPC, made anew on the local runtime.

    python benchmarks/http_vs_grpc.py [--rounds 20] [--calls 3] [--serving local:2.2]

Makes the digit CNN and the detector (fixtures/tutorial.py), converts and proves them, measures 100
digits and one image of 320 x 320 a request, and a sweep over the digits, and writes the measured
parts of docs/benchmarks.md and README.md with the plots. Ends with 1 where a claim does not hold.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converter import memory
from converter.bench import formats, plots
from converter.bench.crossover import kilobytes
from converter.bench.measure import Settings
from converter.bench.run import Wanted, run
from converter.cli.console import say
from converter.options import Options
from converter.toolchain import cache
from fixtures import tutorial

ROOT = Path(__file__).parents[1]
PAGE, README, DRAWN = ROOT / "docs" / "benchmarks.md", ROOT / "README.md", ROOT / "docs" / "plots"
MARKERS = ("<!-- measured: by benchmarks/http_vs_grpc.py -->\n", "<!-- end of measured -->\n")
WAYS = ("naive-rest", "naive-grpc", "rest-row", "rest-columnar", "grpc-typed", "grpc-content")
ORDER = (*WAYS, "bare")
MOST_SHARE = 0.02  # of naive's own time, that ours may take

Document = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """A model of the tutorial: the rows of a request, and its average seconds by protocol."""

    name: str
    title: str
    batch: int
    batches: tuple[int, ...]
    told: dict[str, float]

    @property
    def plots(self) -> tuple[str, ...]:
        """Those that say something: one batch size has no line."""
        return tuple(plots.TITLES)[0 if len(self.batches) > 1 else 1 :]


STUDIES = (
    Study(
        "digits",
        "Digit CNN, 100 digits a request",
        100,
        (1, 4, 16, 100, 256),
        {"naive-rest": 1.363, "naive-grpc": 1.728},
    ),
    Study(
        "detector",
        "SSD detector, one image of 320×320×3 a request",
        1,
        (1,),
        {"naive-rest": 0.146, "naive-grpc": 0.036},
    ),
)


@dataclass(frozen=True)
class Result:
    """What a study came to: its cases by way, at the tutorial's number of rows."""

    study: Study
    document: Document
    cases: dict[str, dict[str, Any]]

    def median(self, way: str) -> float:
        """Milliseconds of a call."""
        return float(self.cases[way]["latency_ms"]["p50"]["value"])

    def own(self, way: str) -> float:
        """Milliseconds of the client itself: encode and decode."""
        split = self.cases[way]["split_ms"]
        return float(split["encode"] + split["decode"])

    def best(self, protocol: str) -> str:
        """The quickest of our ways."""
        ours = [w for w in self.cases if w.startswith(protocol)]
        return min(ours, key=self.median)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--calls", type=int, default=3)
    parser.add_argument("--serving", default="local:2.2")
    args = parser.parse_args()
    memory.keep_freed()  # as every convert-h5 command does
    settings = Settings(rounds=args.rounds, calls=args.calls)
    results = [measured(study, settings, args.serving) for study in STUDIES]
    fill(PAGE, "\n".join(page(results)))
    fill(README, "\n".join([*(line for r in results for line in table(r)), lesson(results), ""]))
    return report(results)


def measured(study: Study, settings: Settings, serving: str) -> Result:
    """Make, convert, prove and measure a model; its plots and document are written."""
    say(f"{study.name}: making and measuring")
    model = tutorial.write(study.name, cache.root() / "tutorial")
    options = Options(custom_objects=tutorial.CUSTOM_OBJECTS, serving=serving)
    document = run(
        str(model), Wanted(batches=study.batches, settings=settings), options, progress=say
    )
    DRAWN.mkdir(exist_ok=True)
    drawn = plots.draw(document)
    for name in study.plots:
        (DRAWN / f"{study.name}-{name}.svg").write_bytes(drawn[name]["svg"])
    text = json.dumps(document, indent=1) + "\n"
    (DRAWN / f"{study.name}.json").write_text(text, encoding="utf-8")
    print("\n".join(formats.lines(document)))
    held = {case["way"]: case for case in document["cases"] if case["batch"] == study.batch}
    return Result(study, document, held)


def table(result: Result) -> Iterator[str]:
    """Markdown: a row for each way."""
    yield f"{result.study.title}:"
    yield ""
    yield "| way | tutorial | here, median | of it the client's own | sent |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for way in ORDER:
        told = result.study.told.get(way)
        before = "" if told is None else f"{told * 1000:,.0f} ms"
        own = "" if way == "bare" else f"{result.own(way):,.2f} ms"
        sent = result.cases[way]["sent_bytes"]
        size = "" if sent is None else kilobytes(sent)
        yield f"| `{way}` | {before} | {result.median(way):,.1f} ms | {own} | {size} |"
    yield ""


def lesson(results: list[Result]) -> str:
    """The one sentence."""
    factors = [r.median(r.best("rest")) / r.median(r.best("grpc")) for r in results]
    digits = results[0]
    share = digits.own("naive-grpc") / digits.median("naive-grpc")
    ours = digits.own("grpc-content") / digits.own("naive-grpc")
    told = (
        f"gRPC is {factors[0]:.1f} times as fast as HTTP for the digits and {factors[1]:.1f} times"
        " for the image"
        if min(factors) > 1
        else f"HTTP takes {factors[0]:.1f} and {factors[1]:.1f} times as long as gRPC"
    )
    return (
        f"**{told}; what made it look slow is the client: {100 * share:.0f} % of the tutorial's"
        f" gRPC call with 100 digits is Python's lists, and a client that hands over the array's"
        f" bytes spends {100 * ours:.2g} % of that.**"
    )


def page(results: list[Result]) -> Iterator[str]:
    """The measured part of docs/benchmarks.md."""
    first = results[0].document
    machine, settings = first["machine"], first["settings"]
    yield (
        f"{settings['rounds']} interleaved rounds of {settings['calls']} calls, on"
        f" {machine['cpus']} processors ({machine['architecture']}) whose load average was"
        f" {machine['load']:g} before, served by {first['target']['served_by']},"
        f" {first['finished'][:10]}."
    )
    yield ""
    for result in results:
        name = result.study.name
        yield f"### {result.study.title}"
        yield ""
        yield from list(table(result))[2:]
        yield result.document["crossover"]["sentence"]
        yield ""
        for kind in result.study.plots:
            yield f"![{plots.TITLES[kind]}](plots/{name}-{kind}.svg)"
            yield ""
        yield f"All figures: [plots/{name}.json](plots/{name}.json)."
        yield ""
    yield lesson(results)
    yield ""


def fill(path: Path, text: str) -> None:
    """Put `text` between the markers of a document."""
    before, rest = path.read_text(encoding="utf-8").split(MARKERS[0])
    _, after = rest.split(MARKERS[1])
    whole = before + MARKERS[0] + text + MARKERS[1] + after
    path.write_text(whole, encoding="utf-8")


def report(results: list[Result]) -> int:
    """Say which claims hold; 1 where one does not."""
    claims = {
        f"{r.study.name}: our gRPC is faster than HTTP": r.median(r.best("grpc"))
        < min(r.median(way) for way in r.cases if "rest" in way)
        for r in results
    }
    digits = results[0]
    share = digits.own("grpc-content") / digits.own("naive-grpc")
    claims[f"the client's own share is {100 * share:.2g} % of naive's, under 2 %"] = (
        share < MOST_SHARE
    )
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'DOES NOT HOLD'}: {claim}")
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
