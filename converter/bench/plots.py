"""The results drawn by matplotlib, where it is installed (the extra `plots`)."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from converter.bench.document import PARTS
from converter.bench.ways import WAYS
from converter.errors import UsageError
from converter.report import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Case = dict[str, Any]
Drawn = dict[str, dict[str, bytes]]  # by name, then by kind: svg, png

# Of Okabe and Ito, told apart without seeing all colours; and markers for who sees none.
_STYLES: dict[str, dict[str, Any]] = {
    way: {"color": colour, "marker": marker, "linestyle": line}
    for way, colour, marker, line in (
        ("rest-row", "#d55e00", "o", "-"),
        ("rest-columnar", "#e69f00", "s", "-"),
        ("rest-b64", "#cc79a7", "P", "-"),
        ("grpc-typed", "#56b4e9", "^", "-"),
        ("grpc-content", "#0072b2", "v", "-"),
        ("naive-rest", "#d55e00", "x", "--"),
        ("naive-grpc", "#0072b2", "+", "--"),
        ("bare", "#555555", "d", ":"),
    )
}
_PARTS = {"encode": "#e69f00", "wire": "#999999", "decode": "#009e73"}
# The same results make the same bytes.
_SETTINGS: Any = {"svg.hashsalt": "convert-h5", "svg.fonttype": "none", "font.size": 9.0}
DOTS_PER_INCH = 120

TITLES = {
    "latency": "Latency by batch size: medians with their confidence intervals",
    "split": "Where the time of a call goes: encode, wire and server, decode",
    "distribution": "Distribution: the share of calls that took at most so long",
}


def installed() -> bool:
    """Whether plots can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


def require() -> None:
    """Raise UsageError where they cannot."""
    if not installed():
        raise UsageError(
            "Plots need matplotlib, which is not installed",
            fix="pip install 'convert-h5[plots]', or leave out --plots",
        )


def draw(document: dict[str, Any]) -> Drawn:
    """Every plot as SVG and PNG; those of the first concurrency where there are several."""
    import matplotlib

    least = min(case["concurrency"] for case in document["cases"])
    cases = [case for case in document["cases"] if case["concurrency"] == least]
    with matplotlib.rc_context(_SETTINGS):
        return {
            "latency": _saved(_latency(cases)),
            "split": _saved(_split(cases)),
            "distribution": _saved(_distribution(cases)),
        }


def _saved(figure: Figure) -> dict[str, bytes]:
    kinds: dict[str, dict[str, Any]] = {
        "svg": {"metadata": {"Date": None}},
        "png": {"metadata": {"Software": None}, "dpi": DOTS_PER_INCH},
    }
    saved = {}
    for kind, options in kinds.items():
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, **options)
        saved[kind] = stream.getvalue()
    return saved


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Plot]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def _by_way(cases: Sequence[Case]) -> dict[tuple[str, str], list[Case]]:
    """The cases of each way and connection, in the order of the table of ways."""
    keys = dict.fromkeys((case["way"], case["connection"]) for case in cases)
    ordered = sorted(keys, key=lambda key: (list(WAYS).index(key[0]), key[1]))
    return {key: [c for c in cases if (c["way"], c["connection"]) == key] for key in ordered}


def _name(way: str, connection: str, cases: Sequence[Case]) -> str:
    kinds = {case["connection"] for case in cases if case["way"] == way}
    return f"{way}, {connection}" if len(kinds) > 1 else way


def _latency(cases: Sequence[Case]) -> Figure:
    figure, (plot,) = _figure(7.5, 4.5)
    for (way, connection), found in _by_way(cases).items():
        medians = [case["latency_ms"]["p50"] for case in found]
        values = [m["value"] for m in medians]
        below = [m["value"] - (m["value"] if m["low"] is None else m["low"]) for m in medians]
        above = [(m["value"] if m["high"] is None else m["high"]) - m["value"] for m in medians]
        plot.errorbar(
            [case["batch"] for case in found],
            values,
            yerr=[below, above],
            label=_name(way, connection, cases),
            alpha=0.6 if connection == "fresh" and not way.startswith("naive") else 1.0,
            capsize=2,
            markersize=5,
            **_STYLES[way],
        )
    batches = sorted({case["batch"] for case in cases})
    plot.set_xscale("log")
    plot.set_yscale("log")
    plot.set_xticks(batches, [str(batch) for batch in batches])
    plot.minorticks_off()
    _plain(plot.yaxis)
    plot.set_xlabel("rows in a request")
    plot.set_ylabel("milliseconds")
    plot.grid(alpha=0.3)
    figure.legend(loc="outside right upper")
    return figure


def _split(cases: Sequence[Case]) -> Figure:
    batches = _ends(cases)
    rows = _by_way(cases)
    figure, places = _figure(9.0, 0.9 + 0.32 * len(rows), columns=len(batches))
    for plot, batch in zip(places, batches, strict=True):
        found = [case for held in rows.values() for case in held if case["batch"] == batch]
        names = [_name(case["way"], case["connection"], cases) for case in found]
        start = [0.0] * len(found)
        for part in PARTS:
            widths = [case["split_ms"][part] for case in found]
            label = "wire and server" if part == "wire" else part
            plot.barh(names, widths, left=start, color=_PARTS[part], label=label)
            start = [a + b for a, b in zip(start, widths, strict=True)]
        plot.invert_yaxis()
        plot.set_xlabel("milliseconds (medians)")
        plot.set_title(words.count(batch, "row"), fontsize=9)
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(PARTS))
    return figure


def _distribution(cases: Sequence[Case]) -> Figure:
    batches = _ends(cases)
    figure, places = _figure(9.0, 4.0, columns=len(batches))
    for plot, batch in zip(places, batches, strict=True):
        for (way, connection), held in _by_way(cases).items():
            for case in held:
                if case["batch"] == batch:
                    times = case["times_ms"]
                    shares = [(i + 1) / len(times) for i in range(len(times))]
                    style = {k: v for k, v in _STYLES[way].items() if k != "marker"}
                    name = _name(way, connection, cases)
                    plot.step(times, shares, where="post", label=name, **style)
        plot.set_xscale("log")
        _plain(plot.xaxis)
        plot.set_xlabel("milliseconds")
        plot.set_ylabel("share of the calls")
        plot.set_title(words.count(batch, "row"), fontsize=9)
        plot.grid(alpha=0.3)
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _plain(axis: Axis) -> None:
    """Numbers as people write them at 1, 2, 5, 10 … of a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _ends(cases: Sequence[Case]) -> list[int]:
    """The smallest and the largest batch that every way has."""
    ways = {case["way"] for case in cases}
    batches = {case["batch"] for case in cases}
    full = [b for b in batches if {c["way"] for c in cases if c["batch"] == b} == ways]
    chosen = full or list(batches)
    return sorted({min(chosen), max(chosen)})
