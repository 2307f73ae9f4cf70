"""Makes the embedded sample of Fashion-MNIST: 500 training and 100 test images of each class.

    python scripts/make_sample.py                     # from Debian's dataset-fashion-mnist
    python scripts/make_sample.py --source FOLDER     # from a folder with the four idx files, `.gz` or not

The same full set gives the same file, byte for byte: images are chosen by a hash of their place, not by a
random generator whose stream may change between releases, and the archive has no times in it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SOURCE = Path("/usr/share/datasets/fashion-mnist")
OUTPUT = Path(__file__).parents[1] / "plugins/fashionbatch_plugins/samples/fashion_mnist_sample.npz"
SEED = 42
# Name in the archive -> (prefix of the idx files, images of each class).
SPLITS = {"train": ("train", 500), "test": ("t10k", 100)}
CLASSES = 10
_IDX_UBYTE = 0x08


def main() -> int:
    """Write the sample; exit code 1 where the full set is not there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=SOURCE, help=f"folder of the idx files ({SOURCE})")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the .npz to write (the package's own)")
    arguments = parser.parse_args()
    try:
        sample = choose_sample(arguments.source)
    except FileNotFoundError as error:
        print(f"{error}; `apt-get install dataset-fashion-mnist` brings the full set", file=sys.stderr)
        return 1
    content = archive(sample)
    arguments.output.write_bytes(content)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in sample.items())
    print(f"{arguments.output}: {len(content):,} bytes; {shapes}")
    return 0


def choose_sample(source: Path) -> dict[str, NDArray[np.uint8]]:
    """The chosen images and labels of both splits, each in the order of the full split.

    Args:
        source: the folder of the four idx files.

    Returns:
        `x_train` uint8 (5000, 28, 28), `y_train` uint8 (5000,), `x_test` (1000, 28, 28), `y_test` (1000,).

    Raises:
        FileNotFoundError: one of the four files is missing.
    """
    sample: dict[str, NDArray[np.uint8]] = {}
    for split, (prefix, per_class) in SPLITS.items():
        images = _read_idx(source / f"{prefix}-images-idx3-ubyte")
        labels = _read_idx(source / f"{prefix}-labels-idx1-ubyte")
        chosen = np.sort(np.concatenate([_choose(split, labels, label, per_class) for label in range(CLASSES)]))
        sample[f"x_{split}"] = images[chosen]
        sample[f"y_{split}"] = labels[chosen]
    return sample


def archive(arrays: dict[str, NDArray[np.uint8]]) -> bytes:
    """The arrays as a compressed .npz without times, so that equal arrays give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            file.writestr(entry, member.getvalue())
    return buffer.getvalue()


def _choose(split: str, labels: NDArray[np.uint8], label: int, count: int) -> NDArray[np.int64]:
    candidates = np.flatnonzero(labels == label)
    ranked = sorted(candidates.tolist(), key=lambda index: hashlib.sha256(f"{SEED}:{split}:{index}".encode()).digest())
    return np.array(ranked[:count], dtype=np.int64)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    compressed = path.with_name(f"{path.name}.gz")
    if compressed.is_file():
        content = gzip.decompress(compressed.read_bytes())
    elif path.is_file():
        content = path.read_bytes()
    else:
        raise FileNotFoundError(f"{path} is not there, nor {compressed.name}")
    # Two zero bytes, the element type, the number of dimensions, then each dimension as a big-endian number.
    if content[:3] != bytes((0, 0, _IDX_UBYTE)):
        raise ValueError(f"{path} is no idx file of unsigned bytes")
    dimensions = content[3]
    shape = tuple(np.frombuffer(content, ">u4", dimensions, offset=4).tolist())
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


if __name__ == "__main__":
    sys.exit(main())
