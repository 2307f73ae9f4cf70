"""Makes the pictures of docs/tutorial.md, small, from the run of its first training.

    python scripts/make_tutorial_images.py runs/first

The photos on them are of Alexey Grigorev's clothing dataset, which is free for any purpose.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parents[1] / "docs" / "images"
# The picture of a run, its name in the document, its width in pixels, and the share of its height that is kept.
PICTURES = (
    ("confusion_matrix.png", "tutorial-confusion.png", 700, 1.0),
    ("misclassified.png", "tutorial-misclassified.jpg", 700, 0.602),
)


def main() -> None:
    """Write each picture small: one of few colours as PNG with 128 of them, one of photos as JPEG."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    for source, name, width, kept in PICTURES:
        with Image.open(run / source) as picture:
            whole = picture.convert("RGB")
        part = whole.crop((0, 0, whole.width, round(whole.height * kept)))
        small = part.resize((width, round(part.height * width / part.width)), Image.Resampling.LANCZOS)
        (small.quantize(128) if name.endswith(".png") else small).save(IMAGES / name, optimize=True, quality=80)
        print(f"{name}: {(IMAGES / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
