"""What came of judging a bundle: figures, tables of classes, of mistakes and of images, and files of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.api import html
from fashionbatch.api.pictures import Picture
from fashionbatch.bundle.open import Bundle as Opened

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from fashionbatch.evaluation.measures.figures import Metrics
    from fashionbatch.evaluation.run import Evaluation as Judged

METRICS = "metrics.json"
"""The file of all figures, by which an earlier evaluation is known."""
_OVERALL = (
    "images", "accuracy", "label_accuracy", "loss", "cross_entropy", "mean_average_precision", "roc_auc",
    "average_precision",
)  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """What came of judging a bundle; `fb.evaluate` makes one.

    Attributes:
        bundle: that was judged.
        judged: the figures and what they were counted from, as the rest of FashionBatch has them.
        computed: what computed, in which precision and why; empty where a table was judged.
        pictures: by name, such as `confusion_matrix`; empty where none were asked for.
    """

    bundle: Opened
    judged: Judged
    computed: Mapping[str, Any]
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    @property
    def metrics(self) -> Metrics:
        """All figures, as a frozen record."""
        return self.judged.metrics

    @property
    def accuracy(self) -> float:
        """The share of images about which everything is right, in 0..1."""
        return self.metrics.accuracy

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a reader of the figures should know."""
        left = (f"{count:,} images do not count: {reason}" for reason, count in self.judged.left_out.items())
        return (*left, *self.judged.notes, *self.metrics.notes)

    @property
    def figures(self) -> pd.Series[float]:
        """The figures that stand for all images, by name; those that do not apply are left out."""
        import pandas as pd

        return pd.Series(self._overall(), dtype="float64", name=self.judged.split or "evaluation")

    @property
    def classes(self) -> pd.DataFrame:
        """A row a class, by its display name and in the bundle's order.

        Columns: `support`, `predicted` and `right` count images; `precision`, `recall`, `f1`, `average_precision` and
        `threshold` are in 0..1, NaN where one does not apply.
        """
        import pandas as pd

        names = ("support", "predicted", "right", "precision", "recall", "f1", "average_precision", "threshold")
        rows = [[getattr(one, name) for name in names] for one in self.metrics.classes]
        table = pd.DataFrame(rows, columns=list(names), index=pd.Index(self._labels(), name="label"))
        return table.astype(dict.fromkeys(names[3:], "float64"))

    @property
    def confusion(self) -> pd.DataFrame:
        """Images by right label (rows) and given label (columns); empty where an image may have several labels."""
        import pandas as pd

        matrix = self.metrics.confusion_array()
        labels = self._labels() if len(matrix) else []
        return pd.DataFrame(
            matrix, index=pd.Index(labels, name="right"), columns=pd.Index(labels, name="given"), dtype="int64"
        )

    @property
    def predictions(self) -> pd.DataFrame:
        """A row an image: `file`, `right`, `given` (several labels joined by commas), `prob` and `correct`."""
        import pandas as pd

        given = self.judged.predictions
        return pd.DataFrame(
            {
                "file": list(self.judged.names),
                "right": [given.right_text(image) for image in range(len(given))],
                "given": [given.given_text(image) for image in range(len(given))],
                "prob": given.probability.astype("float64"),
                "correct": given.correct,
            }
        )

    @property
    def images(self) -> NDArray[np.uint8] | None:
        """The images as the network saw them, uint8 `(n, height, width, channels)`; None where a table was judged."""
        return self.judged.images

    @property
    def report(self) -> str:
        """All figures as text, class by class."""
        from fashionbatch.evaluation.report import report_text

        return report_text(self.metrics, self._labels())

    def write(self, output: Path, *, montage: int = 36, seed: int = 42, tile: int = 96) -> list[str]:
        """Write figures and pictures into a folder.

        Args:
            output: the folder, as `make_folder` made it.
            montage: images in the montage.
            seed: of the montage's choice.
            tile: its tiles' side in pixels.

        Returns:
            The names of the files.

        Raises:
            OutputError: one cannot be written.
        """
        from fashionbatch import __version__
        from fashionbatch.evaluation.documents import json_text
        from fashionbatch.evaluation.report import confusion_csv, groups_csv, predictions_csv, report_text
        from fashionbatch.pictures.drawing.files import write_picture
        from fashionbatch.pictures.report import Montage, draw_evaluation

        manifest = self.bundle.manifest
        shown = manifest.labels.display_names
        document = {
            "format": 1,
            "bundle": {"name": manifest.name, "digest": self.bundle.digest, "path": str(self.bundle.path)},
            "subject": self.judged.subject,
            "split": self.judged.split,
            "left_out": dict(self.judged.left_out),
            "notes": list(self.judged.notes),
            "computed": dict(self.computed),
            "fashionbatch": __version__,
            "metrics": self.judged.metrics.as_dict(),
        }
        texts = {
            METRICS: json_text(document),
            "report.txt": report_text(self.judged.metrics, shown),
            "confusion_matrix.csv": confusion_csv(self.judged.metrics),
            "predictions.csv": predictions_csv(self.judged.names, self.judged.predictions),
        }
        if self.judged.metrics.groups:
            texts["groups.csv"] = groups_csv(self.judged.metrics)
        for name, text in texts.items():
            write_picture(output / name, text.encode("utf-8", "surrogateescape"))
        pictures = draw_evaluation(
            self.judged.metrics,
            self.judged.predictions,
            self.judged.images,
            shown,
            output,
            title=f"{manifest.name}: {self.judged.split or 'evaluation'}",
            files=self.judged.names,
            montage=Montage(montage, seed, tile),
        )
        return [*texts, *(path.name for path in pictures)]

    def _labels(self) -> tuple[str, ...]:
        return self.bundle.manifest.labels.display_names

    def _overall(self) -> dict[str, float]:
        named = ((name, getattr(self.metrics, name)) for name in _OVERALL)
        tops = {f"top_{number}": share for number, share in self.metrics.top_k.items()}
        return {name: value for name, value in named if value is not None} | tops

    def __repr__(self) -> str:
        return f"<Evaluation of {self.bundle.manifest.name!r} on {self.judged.subject}: accuracy {self.accuracy:.4f}>"

    def _repr_html_(self) -> str:
        return html.table(
            ("figure", "value"),
            self._overall().items(),
            caption=f"{self.bundle.manifest.name} on {self.judged.subject}",
        )
