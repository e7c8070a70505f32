"""From the serving version asked for, and the user's own image, to the name of one."""

from __future__ import annotations

import pytest

from converter import rules
from converter.errors import UsageError
from converter.serving.docker.images import ImageRef, image_for

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("version", "override", "name"),
    [
        ("1.14", None, "tensorflow/serving:1.14.0"),
        ("1.14.0", None, "tensorflow/serving:1.14.0"),
        ("2.2", None, "tensorflow/serving:2.2.0"),
        ("2.2.0", None, "tensorflow/serving:2.2.0"),
        ("2.15", None, "tensorflow/serving:2.15.1"),
        ("2.15.0", None, "tensorflow/serving:2.15.0"),
        ("2.15.1-gpu", None, "tensorflow/serving:2.15.1-gpu"),
        ("latest", None, "tensorflow/serving:latest"),
        ("2.2", "mirror.example/tf/serving", "mirror.example/tf/serving:2.2.0"),
        ("2.2", "mirror.example:5000/serving", "mirror.example:5000/serving:2.2.0"),
        ("2.2", "serving", "serving:2.2.0"),
        ("2.2", "tensorflow/serving:2.2.0-custom", "tensorflow/serving:2.2.0-custom"),
        ("2.2", f"tensorflow/serving@{DIGEST}", f"tensorflow/serving@{DIGEST}"),
        ("2.2", f"tensorflow/serving:2.2.0@{DIGEST}", f"tensorflow/serving@{DIGEST}"),
    ],
)
def test_a_version_and_an_override_name_one_image(
    version: str, override: str | None, name: str
) -> None:
    assert str(image_for(version, override)) == name


@pytest.mark.parametrize(("_", "release"), rules.SERVING_RULES)
def test_every_release_of_the_rules_has_an_image(_: object, release: str) -> None:
    ref = image_for(release)
    assert ref.repository == "tensorflow/serving"
    assert ref.tag.startswith(f"{release}.")


@pytest.mark.parametrize("version", ["", "2.2 ", "a/b", "2.2:1", "-x", "x" * 129, "²"])
def test_what_cannot_be_a_tag_is_refused(version: str) -> None:
    with pytest.raises(UsageError, match="There is no TensorFlow Serving"):
        image_for(version)


@pytest.mark.parametrize(
    "override", ["", "Upper/Case", "a//b", "a:b:c", "a@sha256:12", "a b", "/a", "a/", "a:", "--rm"]
)
def test_what_cannot_be_an_image_is_refused(override: str) -> None:
    with pytest.raises(UsageError, match="is not the name of an image"):
        image_for("2.2", override)


def test_a_digest_decides_and_the_tag_tells_what_it_is() -> None:
    ref = ImageRef("tensorflow/serving", "2.2.0", DIGEST)
    assert str(ref) == f"tensorflow/serving@{DIGEST}"
    assert ref.runtime == "docker:2.2.0"
    assert ImageRef("tensorflow/serving", digest=DIGEST).runtime == "docker"
