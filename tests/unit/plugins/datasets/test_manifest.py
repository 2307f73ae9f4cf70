"""A CSV file that names images and their labels."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import DataError
from fashionbatch.specs import Samples
from fashionbatch_plugins.datasets.manifest import CsvManifest, load_csv_manifest


def load(folder: Path, content: str | bytes, *, files: Sequence[str | bytes] = (), **parameters: Any) -> Samples:
    path = folder / "items.csv"
    for name in files or ["a.jpg", "b.jpg", "sub/a.jpg"]:
        file = Path(os.fsdecode(os.path.join(os.fsencode(folder), os.fsencode(name))))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
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
        files=["photos/a.jpg"],
        classes=["dog", "cat"],
    )
    assert samples.images[0] == tmp_path / "photos" / "a.jpg"
    assert samples.class_names == ("dog", "cat")
    assert samples.splits == ["train", "test"]


def test_spreadsheets_and_odd_names_are_read(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfpath,label\r\n"a,\nb ""c"".jpg",\xeb\x93\x9c\xeb\xa0\x88\xec\x8a\xa4\r\ncaf\xe9.jpg,x\r\n'
    samples = load(tmp_path, content, files=['a,\nb "c".jpg', b"caf\xe9.jpg"])
    assert samples.images[0] == tmp_path / 'a,\nb "c".jpg'
    assert samples.labels[0] == ("드레스",)
    assert bytes(samples.images[1]).endswith(b"caf\xe9.jpg")


@pytest.mark.parametrize(
    ("content", "parameters", "message"),
    [
        ("", {}, "items.csv is empty"),
        ("path,label\n", {}, "lists no images"),
        ("photo,label\na.jpg,x\n", {}, "items.csv:1: there is no column 'path'"),
        ("path,kind\na.jpg,x\n", {}, "items.csv:1: there is no column 'label'"),
        ("path,label\na.jpg,x\n", {"split_column": "part"}, "items.csv:1: there is no column 'part'"),
        ("path,label,label\na.jpg,x,y\n", {}, "two columns are called 'label'"),
        ("path,label\na.jpg,x\nb.jpg\n", {}, "items.csv: line 3 has 1 cell where the header has 2"),
        ("path,label\na,b.jpg,x\n", {}, "items.csv: line 2 has 3 cells where the header has 2"),
        ("path,label\n,x\n", {}, "items.csv:2: there is no image path"),
        ("path,label\na.jpg, \n", {}, "items.csv:2: there is no label"),
        ("path,label,split\na.jpg,x,tset\n", {}, "items.csv:2: split 'tset' is none of train"),
        ("path,label\na.jpg,x\na.jpg,y\n", {}, "items.csv:3: 'a.jpg' stands on line 2 already"),
        ("path,label\na.jpg,cow\n", {"classes": ["cat", "dog"]}, "items.csv:2: label 'cow' is not among `classes`"),
        ('path,label\na.jpg,"x\n', {}, "items.csv: line 2: a quote is opened and never closed"),
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


# ------------------------------------------------------------------------------------------- as people have it


@pytest.mark.parametrize(
    ("content", "encoding", "note"),
    [
        (
            "path;label\r\na.jpg;Größe\r\n\r\nsub\\a.jpg;x\r\n",
            "cp1252",
            "line 2 is no UTF-8; the text is read as cp1252",
        ),
        ("path\tlabel\na.jpg\tGröße\nsub/a.jpg\tx\n", "utf-16", "is read as UTF-16-LE"),
        ("sep=;\npath;label\na.jpg;Größe\nsub/a;x\n", "utf-8-sig", "its cells are parted by semicolons"),
        ('"path","label"\n"a","Größe"\n" sub/a.jpg ","x"\n', "utf-8", "1 path is without an ending"),
    ],
)
def test_a_list_of_another_machine_is_read_and_what_is_unusual_is_told(
    tmp_path: Path, content: str, encoding: str, note: str
) -> None:
    samples = load(tmp_path, content.encode(encoding))
    assert samples.images == [tmp_path / "a.jpg", tmp_path / "sub" / "a.jpg"]
    assert samples.labels == [("Größe",), ("x",)]
    assert any(note in line for line in samples.notes)


def test_an_encoding_may_be_given_and_is_asked_for_where_it_cannot_be_told(tmp_path: Path) -> None:
    content = "path,label\na.jpg,셔츠\n".encode("cp949")
    with pytest.raises(
        DataError, match=r"items.csv: line 2 is no UTF-8(.|\n)*say it with `encoding`: .*cp949 reads '셔츠'"
    ):
        load(tmp_path, content)
    assert load(tmp_path, content, encoding="cp949").class_names == ("셔츠",)


@pytest.mark.parametrize("name", ["tab", "\t"])
def test_a_delimiter_may_have_a_name(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, "path\tlabel\na.jpg\tx\n", delimiter=name).class_names == ("x",)
    with pytest.raises(ValidationError, match="auto, comma, semicolon, tab, bar, or one character"):
        CsvManifest(path="items.csv", delimiter="::")


@pytest.mark.parametrize("column", ["filepath", "file", "image", "filename", "Path", " FilePath "])
def test_the_column_of_paths_is_found_by_its_usual_names(tmp_path: Path, column: str) -> None:
    assert load(tmp_path, f"{column},label\na.jpg,x\n").images == [tmp_path / "a.jpg"]


@pytest.mark.parametrize(
    ("path", "word"),
    [("file:///photos/a.jpg", "is a URL"), (r"C:\photos\a.jpg", "is a path of a Windows machine")],
)
def test_a_path_that_no_file_here_has_is_an_error_with_its_line(tmp_path: Path, path: str, word: str) -> None:
    with pytest.raises(DataError, match=rf"items.csv:3: .* {word}"):
        load(tmp_path, f"path,label\na.jpg,x\n{path},y\n")


def test_the_first_file_that_is_not_there_is_shown_in_full(tmp_path: Path) -> None:
    samples = load(tmp_path, "path,label\na.jpg,x\nno.jpg,y\nnone.jpg,y\n")
    place = f"'{tmp_path}/no.jpg' ('no.jpg', relative to '{tmp_path}')"
    assert samples.notes == [f"{tmp_path}/items.csv:3: there is no file {place}; 2 of its files are not there"]
    with pytest.raises(DataError, match=r"items.csv:2: there is no file '/.*/x.jpg' .*and none of the other 1 either"):
        load(tmp_path, "path,label\nx.jpg,x\ny.jpg,x\n")


def test_labels_are_composed_so_that_one_word_is_one_class(tmp_path: Path) -> None:
    split = unicodedata.normalize("NFD", "한복")
    samples = load(tmp_path, f"path,label\na.jpg,한복\nb.jpg,{split}\n")
    assert samples.class_names == ("한복",)
    assert load(tmp_path, "path,label\na.jpg,한복\n", classes=(split, "x")).class_names == ("한복", "x")


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("path,label\na.jpg,dress\nb.jpg,Dress\n", ":3: label 'Dress' differs from 'dress' (line 2) by case"),
        ("path,label\na.jpg,red  dress\nb.jpg,red dress\n", ":3: label 'red dress' differs from 'red  dress'"),
        ("path,label\na.jpg,0\nb.jpg,0.0\n", ":3: label '0.0' differs from '0' (line 2)"),
        ("path,label\na.jpg,001\nb.jpg,1\n", ":3: label '1' differs from '001' (line 2)"),
        ("path,label\na.jpg,x\nb.jpg,nan\n", ":3: label 'nan' looks like a missing value"),
        ("path,labels\na.jpg,x\nb.jpg,\"['a', 'b']\"\n", ":3: label \"['a', 'b']\" looks like a list"),
        ('path,labels\na.jpg,x\nb.jpg,"[""a"", ""b""]"\n', ':3: label \'["a", "b"]\' looks like a list'),
        ('path,labels\na.jpg,x\nb.jpg,"a,b"\n', ":3: label 'a,b' looks like several, parted by ','"),
        ('path,label\na.jpg,a\nb.jpg,b\nsub/a.jpg,"a, b"\n', ":4: label 'a, b' looks like several, parted by ','"),
    ],
)
def test_labels_that_are_hardly_meant_so_are_told_with_their_line(tmp_path: Path, content: str, note: str) -> None:
    samples = load(tmp_path, content)
    assert len(samples.notes) == 1
    assert samples.notes[0].startswith(f"{tmp_path}/items.csv{note}")


def test_names_with_commas_and_plain_numbers_are_not_told(tmp_path: Path) -> None:
    assert load(tmp_path, 'path,label\na.jpg,"Kim, Lee"\nb.jpg,10\nsub/a.jpg,1.5\n').notes == []


# --------------------------------------------------------------------------------------------- several columns


def test_columns_of_0_and_1_are_labels(tmp_path: Path) -> None:
    samples = load(
        tmp_path,
        "path,cat,dog,hen\na.jpg,1,0,\nb.jpg,0,0.0,0\nsub/a.jpg,True,yes,no\n",
        label_columns=["cat", "dog", "hen"],
    )
    assert samples.labels == [("cat",), (), ("cat", "dog")]
    assert samples.class_names == ("cat", "dog", "hen")
    assert samples.label_groups == {}
    assert samples.groups == {}


def test_columns_of_attributes_are_labels_and_groups(tmp_path: Path) -> None:
    samples = load(
        tmp_path,
        "path,type,colour\na.jpg,dress,red\nb.jpg,shirt,\nsub/a.jpg,dress,blue\n",
        label_columns=["colour", "type"],
    )
    assert samples.labels == [("red", "dress"), ("shirt",), ("blue", "dress")]
    assert samples.class_names == ("blue", "red", "dress", "shirt")
    assert samples.label_groups == {"colour": ("blue", "red"), "type": ("dress", "shirt")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,cat,dog\na.jpg,1,0\nb.jpg,1,maybe\n", "items.csv:3: column 'dog' holds 'maybe', where the lines before"),
        ("path,cat,dog\na.jpg,red,x\nb.jpg,y,red\n", "items.csv:3: label 'red' stands in the columns 'cat' and 'dog'"),
        ("path,cat\na.jpg,1\n", "items.csv:1: there is no column 'dog'"),
    ],
)
def test_several_columns_that_do_not_fit_each_other_are_an_error(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, content, label_columns=["cat", "dog"])


def test_label_column_and_label_columns_do_not_go_together() -> None:
    with pytest.raises(ValidationError, match="do not go together"):
        CsvManifest(path="items.csv", label_column="a", label_columns=("b",))


def test_a_group_column_keeps_images_together_without_a_word_in_the_recipe(tmp_path: Path) -> None:
    samples = load(tmp_path, "path,label,group\na.jpg,x,1\nb.jpg,y,2\n")
    assert samples.keep_together == "group"
    assert samples.groups == {"group": ["1", "2"]}
    assert "images with one 'group' stay on one side of every split" in samples.notes[0]
    assert load(tmp_path, "path,label,shop\na.jpg,x,1\n", group_column="shop").keep_together == "shop"
    assert load(tmp_path, "path,label,group\na.jpg,x,1\n", group_column=None).keep_together is None


@pytest.mark.parametrize("before", ["/home/kim/data/", "C:\\data\\", "data/"])
def test_paths_of_another_machine_whose_end_is_here_say_what_to_leave_out(tmp_path: Path, before: str) -> None:
    with pytest.raises(DataError) as error:
        load(tmp_path, f"path,label\n{before}sub/a.jpg,x\n")
    assert error.value.hint == f"'{tmp_path}' holds 'sub/a.jpg': leave out what stands before that"
