"""Which image serves: from the serving version asked for, and the user's own image, to one name.

Pure: no engine is asked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from converter.errors import UsageError

REPOSITORY = "tensorflow/serving"

# The tag to take when only the release series is asked for; for other series the first release.
# Source: tags seen in public Dockerfiles and manifests; the recordings are 2.15.1's.
SERIES_TAGS = {"2.15": "2.15.1"}

_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_REPOSITORY = rf"(?:[A-Za-z0-9.-]+(?::\d+)?/)?{_PART}(?:/{_PART})*"
_TAG = r"\w[\w.-]{0,127}"
_IMAGE = re.compile(
    rf"(?P<repository>{_REPOSITORY})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class ImageRef:
    """A name of an image. With a digest, the digest decides and the tag only tells what it is."""

    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return (
            f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"
        )

    @property
    def runtime(self) -> str:
        """How the choice is called on the command line, such as `docker:2.2.0`."""
        return f"docker:{self.tag}" if self.tag else "docker"


def image_for(version: str, override: str | None = None) -> ImageRef:
    """The image for a serving `version`, given as the series ('2.2') or as a tag ('2.2.0').

    override: the user's `--serving-image`, a repository, with a registry or without; its own tag
    or digest, where it has one, goes before the version.
    Raises UsageError for a text that cannot be the name or the tag of an image.
    """
    tag = _tag(version)
    if override is None:
        return ImageRef(REPOSITORY, tag)
    named = _IMAGE.fullmatch(override)
    if named is None:
        raise UsageError(
            f"'{override}' is not the name of an image",
            fix="Give it as REPOSITORY, REPOSITORY:TAG or REPOSITORY@sha256:DIGEST",
        )
    digest = named["digest"] or ""
    return ImageRef(named["repository"], named["tag"] or ("" if digest else tag), digest)


def _tag(version: str) -> str:
    if re.fullmatch(_TAG, version, re.ASCII) is None:
        raise UsageError(
            f"There is no TensorFlow Serving '{version}'",
            fix="Give a release or a tag of its image, such as docker:2.2.0",
        )
    if re.fullmatch(r"\d+\.\d+", version, re.ASCII):
        return SERIES_TAGS.get(version, f"{version}.0")
    return version
