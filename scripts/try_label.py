"""Installs the built light wheel into a fresh environment and tries what a machine that only labels is for.

    python -m build --wheel --outdir dist packaging/label
    python scripts/try_label.py --python python3.12 --environment /tmp/light dist/fashionbatch_label-*.whl

Nothing that only training needs may come with it, and the table has to be the same, byte for byte, as that of the
installation which runs this script, which has to be the whole.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from try_dist import Environment, make_environment

PHOTOS = 200
NOT_WANTED = ("h5py", "keras", "matplotlib", "pandas", "scikit-learn", "scipy", "tensorflow")
"""Distributions that the light one is there to do without."""
LABELS = ("--quiet", "--workers", "1")
NEEDS_WHOLE = (
    "train quickstart -o run",
    "sweep quickstart --set training.epochs=1,2 -o sweep",
    "try photos -o tries",
    "demo demo",
    "evaluate bundle --data photos",
)
"""Commands that have to say in one line that they need more, and that must leave nothing behind."""

MAKE_PHOTOS = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from fashionbatch.testing.bundles import make_tiny_bundle

folder, sample, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
make_tiny_bundle(folder / "bundle", class_names=[f"shade{number}" for number in range(10)], channels=1)
(folder / "photos").mkdir()
for number, image in enumerate(np.load(sample)["x_test"][:count]):
    Image.fromarray(image).resize((96, 96)).save(folder / "photos" / f"{number:03}.jpg")
(folder / "photos" / "cut short.jpg").write_bytes((folder / "photos" / "000.jpg").read_bytes()[:400])
"""
SAMPLE = Path(__file__).parents[1] / "plugins/fashionbatch_plugins/samples/fashion_mnist_sample.npz"


def main() -> int:
    """Install, label, compare; exit code 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the light wheel")
    parser.add_argument("--python", required=True, help="the interpreter that the environment is made with")
    parser.add_argument("--environment", type=Path, required=True, help="the folder to make it in")
    asked = parser.parse_args()
    light = make_environment(asked.python, asked.environment)
    light.pip(str(asked.wheel.absolute()))
    print(f"{asked.wheel.name} on {light.version}: {megabytes(light.folder):,} MB installed")
    problems = [f"{name} came with it" for name in NOT_WANTED if is_installed(light, name)]
    with tempfile.TemporaryDirectory() as folder:
        problems += list(try_labeling(light, Path(folder)))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def try_labeling(light: Environment, folder: Path) -> list[str]:
    """Label the sample's photos with both installations, and what belongs to it; one sentence a problem."""
    subprocess.run([sys.executable, "-c", MAKE_PHOTOS, folder, SAMPLE, str(PHOTOS)], check=True)
    photos, bundle = str(folder / "photos"), str(folder / "bundle")
    whole, alone, shared = (folder / name for name in ("whole.csv", "light.csv", "shared.csv"))
    classify = ("classify", photos, "-b", bundle, *LABELS)
    command = [sys.executable, "-m", "fashionbatch", *classify, "-o", str(whole)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    for arguments in (
        (*classify, "-o", str(alone)),
        (*classify, "-o", str(shared), "--shard", "1/2"),
        ("status", str(shared)),
        (*classify, "-o", str(shared), "--shard", "2/2"),
        ("merge", str(shared)),
        ("status", str(alone)),
        ("compare", str(alone), str(whole)),
        ("bundle", "inspect", bundle),
        ("bundle", "verify", bundle),
        ("plugins", "list"),
        ("recipe", "check", "quickstart"),
        ("doctor",),
    ):
        light.run("fashionbatch", *arguments)
    problems = [
        f"{table.name} of the light installation is another table than the whole's"
        for table in (alone, shared)
        if table.read_bytes() != whole.read_bytes()
    ]
    before = sorted(folder.rglob("*"))
    for text in NEEDS_WHOLE:
        program = [str(light.folder / "bin" / "fashionbatch"), *text.split()]
        told = subprocess.run(
            program, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        print(told.stderr.rstrip())
        is_one_line = told.stderr.count("\n") == 1 and "needs the whole FashionBatch: pip install" in told.stderr
        if told.returncode != 1 or not is_one_line:
            problems.append(f"`{text}` ended with {told.returncode} and said {told.stderr!r}{told.stdout!r}")
    if left := sorted(set(folder.rglob("*")) - set(before)):
        problems.append(f"what needs the whole left {', '.join(map(str, left))}")
    return problems


def is_installed(light: Environment, name: str) -> bool:
    """Whether a distribution is in the environment."""
    question = f"import importlib.metadata as found; found.version({name!r})"
    return subprocess.run([light.python, "-c", question], capture_output=True, check=False).returncode == 0


def megabytes(folder: Path) -> int:
    """Disk space of a folder, as `du -sm` counts it."""
    return int(subprocess.run(["du", "-sm", folder], check=True, capture_output=True, text=True).stdout.split()[0])


if __name__ == "__main__":
    sys.exit(main())
