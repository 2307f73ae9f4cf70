"""A CSV file that names images and their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import DataError
from fashionbatch.specs import Samples
from fashionbatch_plugins.datasets.manifest import CsvManifest, load_csv_manifest


def load(folder: Path, content: str | bytes, **parameters: Any) -> Samples:
    path = folder / "items.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_csv_manifest(CsvManifest(path="items.csv", **parameters), LocalContext(folder))


def test_a_path_and_a_label_on_each_line(tmp_path: Path) -> None:
    samples = load(tmp_path, "path,label\nb.jpg,dog\nsub/a.jpg,cat\n\n/abs/c.jpg,dog\n")
    assert samples.images == [tmp_path / "b.jpg", tmp_path / "sub/a.jpg", Path("/abs/c.jpg")]
    assert samples.labels == [("dog",), ("cat",), ("dog",)]
    assert samples.class_names == ("cat", "dog")
    assert samples.splits is None


def test_several_labels_are_joined_by_a_bar(tmp_path: Path) -> None:
    samples = load(tmp_path, "path,labels\na.jpg,red|dress\nb.jpg,\nc.jpg, red | red |\n")
    assert samples.labels == [("red", "dress"), (), ("red",)]
    other = load(tmp_path, "path,tags\na.jpg,red;dress\n", label_column="tags", separator=";", several=True)
    assert other.labels == [("red", "dress")]
    bar_in_name = load(tmp_path, "path,label\na.jpg,red;dress\n")
    assert bar_in_name.labels == [("red;dress",)]


def test_splits_and_group_columns(tmp_path: Path) -> None:
    samples = load(
        tmp_path, "sku,path,label,split,shop\n1,a.jpg,x,train,s\n1,b.jpg,y,Val,s\n2,c.jpg,x,test,t\n2,d.jpg,x,,t\n"
    )
    assert samples.splits == ["train", "validation", "test", None]
    assert samples.groups == {"sku": ["1", "1", "2", "2"], "shop": ["s", "s", "t", "t"]}


def test_columns_delimiter_root_and_order_of_classes_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    samples = load(
        tmp_path,
        "image;kind;part\na.jpg;dog;train\nb.jpg;cat;test\n",
        path_column="image",
        label_column="kind",
        split_column="part",
        delimiter=";",
        root="photos",
        classes=["dog", "cat"],
    )
    assert samples.images[0] == tmp_path / "photos" / "a.jpg"
    assert samples.class_names == ("dog", "cat")
    assert samples.splits == ["train", "test"]


def test_spreadsheets_and_odd_names_are_read(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfpath,label\r\n"a,\nb ""c"".jpg",\xeb\x93\x9c\xeb\xa0\x88\xec\x8a\xa4\r\ncaf\xe9.jpg,x\r\n'
    samples = load(tmp_path, content)
    assert samples.images[0] == tmp_path / 'a,\nb "c".jpg'
    assert samples.labels[0] == ("드레스",)
    assert bytes(samples.images[1]).endswith(b"caf\xe9.jpg")


@pytest.mark.parametrize(
    ("content", "parameters", "message"),
    [
        ("", {}, "items.csv:1: there is no column 'path'"),
        ("path,label\n", {}, "lists no images"),
        ("file,label\na.jpg,x\n", {}, "items.csv:1: there is no column 'path'"),
        ("path,kind\na.jpg,x\n", {}, "items.csv:1: there is no column 'label'"),
        ("path,label\na.jpg,x\n", {"split_column": "part"}, "items.csv:1: there is no column 'part'"),
        ("path,label,label\na.jpg,x,y\n", {}, "two columns are called 'label'"),
        ("path,label\na.jpg,x\nb.jpg\n", {}, "items.csv:3: 1 cells, the header has 2"),
        ("path,label\na,b.jpg,x\n", {}, "items.csv:2: 3 cells, the header has 2"),
        ("path,label\n,x\n", {}, "items.csv:2: there is no image path"),
        ("path,label\na.jpg, \n", {}, "items.csv:2: there is no label"),
        ("path,label,split\na.jpg,x,tset\n", {}, "items.csv:2: split 'tset' is none of train"),
        ("path,label\na.jpg,x\na.jpg,y\n", {}, "items.csv:3: 'a.jpg' stands on line 2 already"),
        ("path,label\na.jpg,cow\n", {"classes": ["cat", "dog"]}, "items.csv:2: label 'cow' is not among `classes`"),
        ('path,label\na.jpg,"x\n', {}, "items.csv:2: "),
    ],
)
def test_mistakes_are_named_with_their_line(
    tmp_path: Path, content: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, content, **parameters)


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load_csv_manifest(CsvManifest(path="none.csv"), LocalContext(tmp_path))
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="is not a file"):
        load_csv_manifest(CsvManifest(path="folder"), LocalContext(tmp_path))
