"""The two pages of measured figures on direct."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from testing.figures import Page

DOCS = Path(__file__).parents[2] / "docs"

LAYERS = Page(
    DOCS / "direct-layers.md",
    """\
# How close `direct` comes to the writers

Every layer, with several settings of its arguments, built and saved by each Keras of the catalog
with seeded random weights, converted by `direct`, and asked in TensorFlow 1.12, 1.14, 1.15, 2.2,
2.15 and 2.21. A figure is the largest absolute difference from the predictions of the Keras that
wrote the file, over all settings (so many as are in brackets) and all six; every test holds it to
1e-6 + 1e-5 of the value. An empty place is a layer that this Keras does not have, or cannot save.

Written by `pytest tests/direct/test_layers.py --everything`, from
[direct-layers.json](direct-layers.json).
""",
    rows="layer",
)

APPLICATIONS = Page(
    DOCS / "direct-applications.md",
    """\
# Models of `keras.applications` by `direct`

Every model of both in its full size, with random weights and moving statistics, saved by its Keras,
converted by `convert-h5 --strategy direct` and proven: served, asked over REST and gRPC, and
compared with the predictions of the Keras that wrote it. A figure is the largest absolute
difference. Where there are words, they are the reason why `direct` does not convert the model. An
empty place is a model that this Keras does not have.

What training would have calmed is calmed in ResNetRS (see `fixtures/builders/applications.py`):
with any random weights its 50 and more blocks double what rounding does, until TensorFlow itself
gives two answers, eager and in a function, that are half their size apart.

Written by `pytest tests/direct/test_applications.py --everything`, from
[direct-applications.json](direct-applications.json).
""",
    rows="model",
)


def figure(error: float) -> str:
    """A difference in one digit."""
    return f"{error:.0e}" if error else "0"


def layers(errors: dict[str, float]) -> dict[str, str]:
    """The figures of one writer, from the largest difference of each case, `layer: variant`."""
    found: dict[str, list[float]] = defaultdict(list)
    for case, error in errors.items():
        found[case.split(":")[0]].append(error)
    return {layer: f"{figure(max(figures))} ({len(figures)})" for layer, figures in found.items()}
