"""A CSV file whose cells are addresses of photos, or that lies in a store itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'fashionbatch[cloud]'")

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import DataError
from fashionbatch.specs import EncodedImages, ImageFile, Samples
from fashionbatch_plugins.datasets.manifest import CsvManifest, load_csv_manifest, look_at_csv_manifest


class Fetching(LocalContext):
    """Gives what is said instead of asking a store."""

    def __init__(self, base: Path, lacking: Sequence[str] = ()) -> None:
        super().__init__(base)
        self.lacking = lacking
        self.asked: list[Path | str] = []

    def fetch(self, images: Sequence[Path | str]) -> Sequence[ImageFile]:
        self.asked = list(images)
        return [
            ImageFile(path=None, version="", reason="HTTPError: the store answered with status 403")
            if image in self.lacking
            else ImageFile(path=Path(image), version="1", size=3)
            for image in images
        ]


def load_fetching(folder: Path, content: str, lacking: Sequence[str] = ()) -> tuple[Samples, Fetching]:
    (folder / "items.csv").write_text(content)
    (folder / "a.jpg").touch()
    context = Fetching(folder, lacking)
    return load_csv_manifest(CsvManifest(path="items.csv"), context), context


def test_cells_may_be_addresses_beside_paths(tmp_path: Path) -> None:
    other = tmp_path.parent / "other.jpg"
    other.touch()
    content = (
        "path,labels,split,group\n s3://bucket/a b.jpg ,x|y,train,g\na.jpg,x,test,h\n"
        f"https://example.org/c.jpg?size=2,y,,h\n{other},x,,\n"
    )
    samples, context = load_fetching(tmp_path, content)
    assert context.asked == ["s3://bucket/a b.jpg", tmp_path / "a.jpg", "https://example.org/c.jpg?size=2", other]
    assert isinstance(samples.images, EncodedImages)
    names = ["s3://bucket/a b.jpg", "a.jpg", "https://example.org/c.jpg?size=2", str(other)]
    assert samples.images.names == names
    assert samples.labels == [("x", "y"), ("x",), ("y",), ("x",)]
    assert samples.splits == ["train", "test", None, None]
    assert samples.keep_together == "group"


def test_an_address_that_gives_nothing_is_told_with_its_line(tmp_path: Path) -> None:
    content = "path,label\na.jpg,x\ns3://bucket/b.jpg,x\ns3://bucket/c.jpg,y\n"
    both = ["s3://bucket/b.jpg", "s3://bucket/c.jpg"]
    what = "s3://bucket/b.jpg cannot be had: HTTPError: the store answered with status 403"
    samples, _ = load_fetching(tmp_path, content, both)
    assert samples.notes == [f"{tmp_path}/items.csv:3: {what}; 2 of its addresses give no photo"]
    with pytest.raises(DataError, match=rf"items\.csv:2: {what}, and none of the other 1 either"):
        load_fetching(tmp_path, "path,label\ns3://bucket/b.jpg,x\nnone.jpg,x\n", both)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("https://me:SECRET@example.org/a.jpg", r"https://\*\*\*@example\.org/a\.jpg: addresses of photos "),
        ("https://example.org/a.jpg?X-Amz-Signature=SECRET", r"https://example\.org/.*=\*\*\*: addresses of photos "),
        ("s3://me:SECRET@bucket/a.jpg", r"s3://\*\*\*@bucket/a\.jpg: "),
        ("s4://bucket/a.jpg", "s4://bucket/a.jpg: nothing is known of s4://"),
        ("s3://bucket", "s3://bucket: is no address of a file"),
        ("s3://bucket/photos/", "s3://bucket/photos/: is no address of a file"),
        ("https:///a.jpg", "https:///a.jpg: "),
    ],
)
def test_an_address_that_cannot_be_asked_for_is_an_error_with_its_line(tmp_path: Path, cell: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"items\.csv:3: {said}") as caught:
        load_fetching(tmp_path, f"path,label\na.jpg,x\n{cell},y\n")
    assert "SECRET" not in str(caught.value)


def test_nothing_is_fetched_to_look_at_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "items.csv").write_text("path,label\ns3://bucket/a.jpg,Dress\ns3://bucket/b.jpg,dress\n")
    context = Fetching(tmp_path)
    (note,) = look_at_csv_manifest(CsvManifest(path="items.csv"), context)
    assert "items.csv:3: label 'dress' differs from 'Dress'" in note
    assert not context.asked


def test_one_address_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"items\.csv:3: 's3://bucket/a\.jpg' stands on line 2 already"):
        load_fetching(tmp_path, "path,label\ns3://bucket/a.jpg,x\ns3://bucket/a.jpg,y\n")


class Remote(Fetching):
    """A store that holds a table beside a folder that is fetched as a whole."""

    def __init__(self, base: Path, content: str) -> None:
        super().__init__(base)
        (base / "alone").write_text(content)
        (base / "items.csv").write_text(content)
        (base / "a.jpg").touch()
        self.located: list[str] = []

    def fetch(self, images: Sequence[Path | str]) -> Sequence[ImageFile]:
        if not self.asked and images[0] in {"s3://bucket/items.csv", "https://example.org/d/items.csv"}:
            return [ImageFile(path=self._base / "alone", version="1", size=3)]
        return super().fetch(images)

    def locate(self, path: str) -> Path:
        self.located.append(path)
        return self._base / "items.csv"


def test_a_table_of_a_store_that_names_addresses_alone_is_fetched_alone(tmp_path: Path) -> None:
    context = Remote(tmp_path, "path,label\ns3://other/a.jpg,x\n")
    samples = load_csv_manifest(CsvManifest(path="s3://bucket/items.csv"), context)
    assert context.asked == ["s3://other/a.jpg"]
    assert not context.located
    assert samples.labels == [("x",)]


def test_a_table_of_a_store_that_names_paths_comes_with_what_lies_beside_it(tmp_path: Path) -> None:
    context = Remote(tmp_path, "path,label\ns3://other/a.jpg,x\na.jpg,x\n")
    samples = load_csv_manifest(CsvManifest(path="s3://bucket/items.csv"), context)
    assert context.located == ["s3://bucket/items.csv"]
    assert context.asked == ["s3://other/a.jpg", tmp_path / "a.jpg"]
    assert isinstance(samples.images, EncodedImages)
    assert samples.images.names == ["s3://other/a.jpg", "a.jpg"]


def test_paths_in_a_table_of_the_web_are_relative_to_its_address(tmp_path: Path) -> None:
    context = Remote(tmp_path, "path,label\nsub/ü b.jpg,x\n../c.jpg,y\nhttps://other.org/c.jpg,y\n")
    load_csv_manifest(CsvManifest(path="https://example.org/d/items.csv"), context)
    assert context.asked == [
        "https://example.org/d/sub/%C3%BC%20b.jpg",
        "https://example.org/c.jpg",
        "https://other.org/c.jpg",
    ]


def test_a_mistake_in_a_table_of_a_store_is_named_by_its_address(tmp_path: Path) -> None:
    context = Remote(tmp_path, "path,label,split\ns3://other/a.jpg,x,tset\n")
    with pytest.raises(DataError, match=r"^s3://bucket/items\.csv:2: split 'tset' is none of"):
        load_csv_manifest(CsvManifest(path="s3://bucket/items.csv"), context)
    with pytest.raises(DataError, match=r"^the path of csv_manifest: https://example\.org/items\.csv\?sig=\*\*\*: "):
        load_csv_manifest(CsvManifest(path="https://example.org/items.csv?sig=SECRET"), context)
    with pytest.raises(DataError, match=r"^s3://bucket/none\.csv: HTTPError: the store answered with status 403"):
        load_csv_manifest(CsvManifest(path="s3://bucket/none.csv"), Fetching(tmp_path, ["s3://bucket/none.csv"]))
