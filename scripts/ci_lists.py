"""Print the lists that the workflows in .github make their jobs of, as lines for $GITHUB_OUTPUT.

    python -m scripts.ci_lists

They come from the catalog, so that a TensorFlow added there is a job from then on.
"""

from __future__ import annotations

import json

from converter.toolchain import catalog
from scripts import catalog_pages

# Images of tensorflow/serving that models are proven in, beside the newest.
OLDER_IMAGES = ("1.14.0", "1.15.0", "2.0.0", "2.1.0", "2.2.0")

# Pythons that uv does not provide, as conda-forge has them.
OLD_PYTHONS = {"3.6": "3.6.15", "3.7": "3.7.12"}


def environments() -> list[dict[str, str]]:
    """Of each tox environment its name, the glob of its toolchains, and the old Python it needs."""
    return [
        {
            "tox": name,
            "toolchains": catalog_pages.pattern(found),
            "old-pythons": OLD_PYTHONS.get(found[0].python[0], ""),
        }
        for name, found in catalog_pages.environments().items()
    ]


def images() -> list[str]:
    """The tags of tensorflow/serving, oldest first; the newest is what the catalog stands for."""
    released = [found.serving for found in catalog.load().values() if found.serving]
    return [*OLDER_IMAGES, max(released, key=catalog.version_tuple)]


def main() -> int:
    print(f"environments={json.dumps(environments())}")
    print(f"images={json.dumps(images())}")
    print(f"old-pythons={' '.join(OLD_PYTHONS.values())}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
