"""Labels a folder with timm's dataset, loader and network, as its own inference script does.

    python timm_loader.py FOLDER MODEL OUT.csv

MODEL is a name in timm; weights are random, which makes no difference to speed.
"""

from __future__ import annotations

import csv
import os
import sys

import timm
import torch
from timm.data import create_dataset, create_loader, resolve_data_config


def main() -> None:
    folder, name, table = sys.argv[1:4]
    model = timm.create_model(name, pretrained=False).eval()
    config = resolve_data_config({}, model=model)
    dataset = create_dataset(root=folder, name="", class_map="")
    loader = create_loader(
        dataset,
        batch_size=64,
        use_prefetcher=False,
        num_workers=len(os.sched_getaffinity(0)),
        device=torch.device("cpu"),
        **{key: config[key] for key in ("input_size", "interpolation", "mean", "std", "crop_pct")},
    )
    rows = []
    with torch.inference_mode():
        for images, _ in loader:
            probabilities = model(images).softmax(-1)
            best, labels = probabilities.max(-1)
            rows += zip(labels.tolist(), best.tolist(), strict=True)
    names = dataset.filenames(basename=True)
    with open(table, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "prob"])
        writer.writerows([name, *row] for name, row in zip(names, rows, strict=True))


if __name__ == "__main__":
    main()
