"""The models of keras.applications convert by direct and are proven against their Keras."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from converter import pipeline
from converter.options import Options
from converter.toolchain.pool import Pool
from converter.toolchain.provision import quiet
from converter.toolchain.session import worker_environment
from fixtures.make import WRITERS
from testing import toolchains
from tests.direct import pages
from tests.direct.conftest import APPLICATION

SCRIPT = Path(__file__).parents[2] / "fixtures" / "builders" / "applications.py"

OLD, NEW = "keras-2.2.4", "tf.keras-2.15"
_REGNET = ("002", "004", "006", "008", "016", "032", "040", "064", "080", "120", "160", "320")
MODELS = {
    OLD: (
        *("DenseNet121", "DenseNet169", "DenseNet201", "InceptionV3", "MobileNet", "MobileNetV2"),
        *("NASNetLarge", "NASNetMobile", "ResNet50", "VGG16", "VGG19", "Xception"),
    ),
    NEW: (
        *("DenseNet121", "DenseNet169", "DenseNet201", "InceptionV3", "MobileNet", "MobileNetV2"),
        *(f"EfficientNetB{n}" for n in range(8)),
        *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
        *("MobileNetV3Large", "MobileNetV3Small", "NASNetLarge", "NASNetMobile"),
        *(f"RegNet{kind}{size}" for kind in "XY" for size in _REGNET),
        *("ResNet101", "ResNet101V2", "ResNet152", "ResNet152V2", "ResNet50", "ResNet50V2"),
        *(f"ResNetRS{depth}" for depth in (50, 101, 152, 200, 270, 350, 420)),
        *("VGG16", "VGG19", "Xception"),
    ),
}
# Models with code of their own, and what of it the refusal names.
CODE = {
    (OLD, "InceptionResNetV2"): "Lambda",
    (NEW, "InceptionResNetV2"): "CustomScaleLayer",
    **{
        (NEW, f"ConvNeXt{size}"): "LayerScale"
        for size in ("Tiny", "Small", "Base", "Large", "XLarge")
    },
}
# What every run takes: the others take an hour.
SHARE = {
    (OLD, "MobileNet"),
    (NEW, "MobileNetV3Small"),
    (NEW, "ConvNeXtTiny"),
}


def _save(writer: str, model: str, folder: Path) -> Path:
    (python,) = toolchains.require(WRITERS[writer].toolchain)
    path = folder / f"{model}.h5"
    subprocess.run(
        [str(python), str(SCRIPT), WRITERS[writer].flavour, model, str(path)],
        stdin=subprocess.DEVNULL,
        check=True,
        capture_output=True,
        env=worker_environment(folder) | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every model where the page is written, else a share of them."""
    known = {"application": [(w, m) for w in MODELS for m in MODELS[w]], "code": list(CODE)}
    for name in set(known) & set(metafunc.fixturenames):
        everything = metafunc.config.getoption("--everything")
        chosen = [pair for pair in known[name] if everything or pair in SHARE]
        metafunc.parametrize(name, chosen, ids="-".join)


def test_converts_and_is_proven(
    application: tuple[str, str],
    pool: Pool,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    path = _save(*application, tmp_path)
    report = pipeline.run(path, tmp_path / "models", Options(strategy="direct"), pool, quiet)
    assert report.error is None
    assert report.proof is not None
    largest = max(v.max_abs for v in report.proof.verdicts if v.check == "answer")
    record_property(APPLICATION, json.dumps([*application, pages.figure(largest)]))


def test_code_of_its_own_is_named(
    code: tuple[str, str],
    pool: Pool,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    path = _save(*code, tmp_path)
    report = pipeline.run(path, tmp_path / "models", Options(strategy="direct"), pool, quiet)
    assert report.error is not None
    assert CODE[code] in report.error.line()
    assert report.published is None
    record_property(APPLICATION, json.dumps([*code, f"code of its own: {CODE[code]}"]))


def test_the_page_shows_what_was_measured() -> None:
    known = pages.APPLICATIONS.read()
    models = {(writer, model) for writer, row in known.items() for model in row}
    assert models == {*((w, m) for w in MODELS for m in MODELS[w]), *CODE}
    assert pages.APPLICATIONS.path.read_text(encoding="utf-8") == pages.APPLICATIONS.shown(known)
