"""A bundle in a program: what it is, and what it says of photos."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from fashionbatch.api import html
from fashionbatch.api.checks import LARGEST_BATCH, PRECISIONS, check_choice, check_count, check_share
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.settings import PathLike, as_bundle
from fashionbatch.bundle.open import Bundle as Opened
from fashionbatch.bundle.open import open_bundle
from fashionbatch.specs import ImageSpec, Precision

if TYPE_CHECKING:
    import pandas as pd

    from fashionbatch.api.inputs import DecodedPhotos, Photos
    from fashionbatch.inference.session import Session
    from fashionbatch.labeling.products.options import RowOptions

_BATCHES_AT_ONCE = 4


class Bundle:
    """A trained network with its labels, ready to be asked. `open` checks and opens one.

    It is a context manager, and holds the network from the first `predict` on until it is closed.

    Args:
        opened: whose files are as they should be.

    Example:
        >>> import fashionbatch as fb
        >>> with fb.Bundle.open("runs/quickstart/bundle") as bundle:  # doctest: +SKIP
        ...     table = bundle.predict(["photos/a.jpg", "photos/b.jpg"])
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._session: Session | None = None
        self._session_key: tuple[str, int] | None = None
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: PathLike) -> Bundle:
        """Open a bundle after checking names, sizes and digests of its files.

        Raises:
            BundleError: there is no bundle, or it is damaged, foreign or of another version.
        """
        return cls(open_bundle(as_bundle(path)))

    def __fspath__(self) -> str:
        """Its directory: an open bundle stands wherever the path of one does."""
        return os.fspath(self.path)

    @property
    def opened(self) -> Opened:
        """The bundle as the rest of FashionBatch has it."""
        return self._opened

    @property
    def path(self) -> Path:
        """Its directory."""
        return self._opened.path

    @property
    def name(self) -> str:
        """What the recipe was called."""
        return self._opened.manifest.name

    @property
    def digest(self) -> str:
        """SHA-256 of `bundle.json` in hex, which stands for all of its files and names it in tables."""
        return self._opened.digest

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels as they are shown, in the order of the network's outputs."""
        return self._opened.manifest.labels.display_names

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes as the data call them, in the same order; columns `prob_<class>` are named by them."""
        return self._opened.manifest.labels.class_names

    @property
    def head(self) -> str:
        """How its outputs are read: `one_of_many`, `yes_or_no` or `several_of_many`."""
        return self._opened.manifest.head.decoding

    @property
    def image(self) -> ImageSpec:
        """The image that the network takes: size, channels, and how photos become that."""
        return self._opened.manifest.image

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """The arithmetic that it holds a network for; float32 is always there."""
        return self._opened.manifest.precisions

    @property
    def automatic(self) -> tuple[Precision, ...]:
        """Those of them that `auto` may take: float32, and what kept the labels when they were compared."""
        from fashionbatch.bundle.graph.gate import judge

        parity = self._opened.manifest.precision_parity
        return tuple(one for one in self.precisions if one == "float32" or judge(one, parity).allowed)

    def predict(
        self,
        photos: Photos,
        *,
        batch_size: int = 8,
        precision: Precision | Literal["auto"] = "auto",
        topk: int = 1,
        probabilities: bool = False,
        threshold: float | None = None,
        progress: Progress = False,
    ) -> pd.DataFrame:
        """Label photos in memory: a row each, in their order, with the columns and values of a table of `classify`.

        The numbers are those of `classify` in the same precision and batch size. Files are decoded in this process, so
        unlike there a file that crashes the decoder, or keeps it busy for ever, takes the program along: label
        strangers' files by `fb.classify`.

        Args:
            photos: paths, a file's bytes, Pillow's images, or arrays of uint8, of any sizes, alone or many of them in
                an iterable; or one array: `(height, width)` or `(height, width, 1, 3 or 4)` is one photo,
                `(n, height, width)` or `(n, height, width, 1, 3 or 4)` are n of them. Pixels are 0..255.
            batch_size: images at once. It changes the last digits of the numbers.
            precision: of the arithmetic; `auto` takes the fastest that kept the labels in validation.
            topk: name the K most likely classes.
            probabilities: add a column for every class.
            threshold: leave the label empty below this probability, in 0..1.
            progress: True for a bar, or a function that takes each line.

        Returns:
            Columns: `filepath`, as it was given and empty for what is no file; `status` (categorical): `ok`, `missing`
            or `error`; `error`: why, or a note; then `label` (categorical, in the order of `labels`) and `prob`
            (Float64), or for several labels `labels`, joined by `|`; `prob_<class>`; `top2_label` and so on. A photo
            that cannot be read has `<NA>` there. Numbers have six significant digits.

        Raises:
            ValueError: an argument is out of its range, or an array of a shape or dtype that no photo has.
            TypeError: something that is no photo.
            RuntimeUnavailableError: this machine does not offer the precision.
            BundleError: the bundle has no network for it, or was damaged meanwhile.
            FashionBatchError: `topk` does not fit the bundle.

        Example:
            >>> bundle.predict(x_test[:2], topk=2)  # doctest: +SKIP
              filepath status error    label      prob top2_label top2_prob
            0              ok        Pullover  0.913022       Coat  0.061208
            1              ok         Trouser  0.999871      Dress  0.000102
        """
        check_count("topk", topk)
        check_count("batch_size", batch_size, 1, LARGEST_BATCH)
        check_share("threshold", threshold)
        check_choice("precision", precision, PRECISIONS)
        from fashionbatch.api.inputs import DecodedPhotos, each_photo
        from fashionbatch.inference.cores import usable_cores
        from fashionbatch.labeling.products.options import RowOptions

        options = RowOptions(topk=topk, probabilities=probabilities, threshold=threshold)
        source, count = each_photo(photos)
        with self._lock:
            session = self._ready(precision, batch_size)
            decoded = DecodedPhotos(
                source, self.image, batch_size * _BATCHES_AT_ONCE * session.streams, threads=usable_cores()
            )
            with reporter_of(progress).bar("labeling", count or 0, "photo") as advance:
                outputs = session.predict(decoded.batches(), progress=advance)
        return _table(self._opened, session, options, decoded, outputs)

    def pack(self, output: PathLike, *, overwrite: bool = False) -> Path:
        """Pack it into one file, to be sent or kept. The same bundle gives the same bytes.

        Args:
            output: the file, such as `shoes.fbz`; it is there whole or not at all.
            overwrite: replace a file that is there.

        Returns:
            The file.

        Raises:
            OutputError: something is there already, or the place cannot be written.
        """
        from fashionbatch.bundle.pack import pack_bundle

        pack_bundle(self._opened, Path(output), overwrite=overwrite)
        return Path(output)

    @classmethod
    def unpack(cls, file: PathLike, output: PathLike, *, overwrite: bool = False) -> Bundle:
        """Unpack what `pack` packed. Names, sizes and digests are checked before the directory is there.

        Args:
            file: the packed bundle; a stranger's can do no harm by being unpacked.
            output: the directory for the bundle.
            overwrite: replace a bundle that is there.

        Returns:
            The unpacked bundle.

        Raises:
            BundleError: the file is no packed bundle, or is damaged.
            OutputError: something is in the directory, or it cannot be written.
        """
        from fashionbatch.bundle.pack import unpack_bundle
        from fashionbatch.bundle.write import require_free

        require_free(Path(output), overwrite=overwrite)
        return cls(unpack_bundle(Path(file), Path(output)))

    def card(self, *, licence: str | None = None) -> str:
        """Its model card: Markdown with the front matter that Hugging Face reads.

        One that lies in its run is described with the run's figures. What only a person knows is marked `Fill in`.

        Args:
            licence: under which the network may be used, as an SPDX identifier.

        Raises:
            DataError: the run's files are damaged.
        """
        from fashionbatch.card import card_of

        return card_of(self.path, licence=licence)

    def close(self) -> None:
        """Give back the network's memory and threads. The next `predict` opens it anew."""
        if self._session is not None:
            self._session.close()
        self._session = self._session_key = None

    def _ready(self, precision: Precision | Literal["auto"], batch_size: int) -> Session:
        if self._session is None or self._session_key != (precision, batch_size):
            from fashionbatch.inference.session import open_session
            from fashionbatch.plugins import load_plugins

            self.close()
            registry = load_plugins(hooks={"register_runtimes"}).registry
            self._session = open_session(self._opened, registry=registry, precision=precision, batch_size=batch_size)
            self._session_key = (precision, batch_size)
        return self._session

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        height, width, channels = self.image.shape
        return f"<Bundle {self.name!r}: {len(self.labels)} labels, {height}x{width}x{channels}, {self.head}>"

    def _repr_html_(self) -> str:
        height, width, channels = self.image.shape
        shown = ", ".join(self.labels[:20]) + (f" and {len(self.labels) - 20:,} more" if len(self.labels) > 20 else "")
        rows = [
            ("labels", f"{len(self.labels):,}: {shown}"),
            ("decides", self.head.replace("_", " ")),
            ("image", f"{height} x {width} x {channels}, {self.image.resize.mode}"),
            ("precisions", ", ".join(self.precisions)),
            ("digest", self.digest[:12]),
            ("path", self.path),
        ]
        return html.table(("bundle", self.name), rows)


def _table(opened: Opened, session: Session, options: RowOptions, decoded: DecodedPhotos, outputs: Any) -> pd.DataFrame:
    """The rows that a table of these photos has, made by what makes tables."""
    import os

    import pandas as pd

    from fashionbatch.api.frames import categories_of, with_types
    from fashionbatch.labeling.job.frozen import ShardRows
    from fashionbatch.labeling.job.manifest import ScannedFile
    from fashionbatch.labeling.job.shards import Counts
    from fashionbatch.labeling.products.table import BundleColumns, TableRows

    rows = TableRows([BundleColumns(opened.manifest, options)])
    rows.compute_in([session.precision])
    files = [ScannedFile(os.fsencode(name), 0, 0) for name in decoded.names]
    shard = ShardRows(files, failed=decoded.failed, notes=decoded.notes)
    cells = [[_rounded(cell) for cell in row] for row in rows.rows(shard, [outputs], Counts())]
    table = pd.DataFrame(cells, columns=list(rows.names), dtype=object)
    numbers = [name for name, type_ in zip(rows.names, rows.types, strict=True) if type_ == "probability"]
    table = table.fillna("").assign(**{name: pd.to_numeric(table[name]) for name in numbers})
    categories: Mapping[str, Sequence[str]] = categories_of(opened.manifest, rows.names)
    return with_types(table, categories, numbers)


def _rounded(cell: Any) -> Any:
    """A number as it stands in a table, with six significant digits."""
    return float(f"{cell:.6g}") if isinstance(cell, float) else cell
