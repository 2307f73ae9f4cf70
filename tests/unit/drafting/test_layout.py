"""How folders and tables are laid out, and what a recipe makes of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fashionbatch.data.prepare import load_samples
from fashionbatch.drafting import Question, write_draft
from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.plan import Plan, advice, load_plan

CLASSES = ("coat", "dress", "skirt")


@pytest.fixture
def planned(draft, registry):
    """The plan of a draft that was written, as `recipe check` reads it; there is no advice left."""

    def make(*arguments, **options) -> Plan:
        made = draft(*arguments, **options)
        write_draft(made)
        plan = load_plan(str(made.path), registry)
        assert advice(plan, plan.document) == []
        return plan

    return make


def parameters(plan: Plan) -> dict[str, object]:
    return plan.source.parameters.model_dump(exclude_unset=True)


def test_what_collecting_notes_beside_class_folders_is_no_table_of_labels(put, planned, photos):
    put(*CLASSES, count=4)
    (photos / "collected.csv").write_text("keep,class,file,outcome\n,coat,,refused\n", encoding="utf-8")

    assert planned().source.spec.name == "image_folder"


def test_a_folder_for_each_class(put, planned):
    put(*CLASSES, count=4)
    plan = planned()
    assert plan.source.spec.name == "image_folder"
    assert parameters(plan) == {"path": "photos"}
    assert load_samples(plan).class_names == CLASSES
    assert plan.head.spec.name == "multiclass"


def test_two_classes_are_yes_or_no(put, planned):
    put("cats", "dogs", count=4)
    assert planned().head.spec.name == "binary"


@pytest.mark.parametrize("names", [("train", "validation", "test"), ("Training", "val_set", "testing")])
def test_splits_above_the_classes_are_taken_as_they_are(put, planned, names):
    put(*(f"{split}/{name}" for split in names for name in CLASSES), count=2)
    plan = planned()
    split = plan.recipe.data.split.model_dump(by_alias=True)
    assert (split["validation"], split["test"]) == ({"from": "validation"}, {"from": "test"})


def test_a_split_that_is_not_there_is_drawn(put, planned):
    put(*(f"{split}/{name}" for split in ("train", "test") for name in CLASSES), count=5)
    split = planned().recipe.data.split
    assert split.validation == 0.2
    assert split.test is not None
    assert not isinstance(split.test, float)


def test_folders_beside_splits_are_left_out_and_told(put, draft, planned):
    put(*(f"{split}/{name}" for split in ("train", "val") for name in CLASSES), count=3)
    put("notes/1.png")
    made = draft()
    assert "left out beside the splits: notes" in made.choice.layout.said
    assert parameters(planned())["split_folders"] is True


def test_a_folder_around_everything_is_stepped_into(put, draft, planned):
    put(*(f"archive/clothes/{name}" for name in CLASSES), count=4)
    said = draft().choice.layout.said
    assert said[:2] == (
        "'photos' holds nothing but 'archive', which is taken in its place",
        "'archive' holds nothing but 'clothes', which is taken in its place",
    )
    assert parameters(planned()) == {"path": "photos/archive/clothes"}


def test_names_of_two_parts_are_several_labels_in_groups(put, draft, planned):
    put("red_dress", "blue_dress", "blue_jeans", "black_jeans", count=4)
    assert draft().choice.layout.said == ("names of folders hold several labels, parted by '_'",)
    plan = planned()
    assert parameters(plan) == {"path": "photos", "separator": "_"}
    assert plan.source.spec.name == "multilabel_folder"
    assert plan.head.parameters.groups == {"colour": ("black", "blue", "red"), "type": ("dress", "jeans")}


def test_who_says_so_gets_one_label_for_names_of_two_parts(put, planned):
    put("red_dress", "blue_dress", "blue_jeans", "black_jeans", count=4)
    asked: list[Question] = []

    def one_label(question: Question) -> int:
        asked.append(question)
        return 1

    plan = planned(ask=one_label)
    assert (plan.source.spec.name, plan.head.spec.name) == ("image_folder", "multiclass")
    assert [len(question.answers) for question in asked] == [2]


def test_empty_class_folders_are_left_out_and_told(put, photos, draft, planned):
    put(*CLASSES, count=4)
    (photos / "hat").mkdir()
    assert any("no file is in them: hat" in said for said in draft().choice.layout.said)
    assert parameters(planned())["exclude"] == ("hat",)


def test_classes_with_one_photo_are_left_out_and_told(put, draft, planned):
    put(*CLASSES, count=4)
    put("hat/1.png")
    assert draft().choice.said == ("left out, since 3 images of a class are the least: hat 1",)
    assert load_samples(planned()).class_names == CLASSES


def test_a_table_in_the_folder_says_the_labels(put, photos, planned):
    put(*(f"images/{number}.png" for number in range(12)))
    rows = [f"images/{number}.png,{CLASSES[number % 3]}" for number in range(12)]
    (photos / "labels.csv").write_text("\n".join(["path,label", *rows]))
    plan = planned()
    assert parameters(plan) == {"path": "photos/labels.csv", "label_column": "label"}
    assert load_samples(plan).class_names == CLASSES


def test_columns_are_known_by_what_stands_in_them(put, photos, draft, planned):
    put(*(f"images/{number}.png" for number in range(24)))
    rows = [
        f"{number};{number}.5;{'train' if number % 4 else 'val'};{CLASSES[number % 3]};sku{number // 2 % 12}"
        for number in range(24)
    ]
    (photos / "styles.csv").write_text("\n".join(["picture;price;part;articleType;product_id", *rows]))
    plan = planned(ask=lambda question: pytest.fail(question.text))
    found = parameters(plan)
    assert (found["path_column"], found["label_column"]) == ("picture", "articleType")
    assert (found["split_column"], found["root"]) == ("part", "photos/images")
    # The table's own split parts what belongs together, so that it cannot be kept together.
    assert found["group_column"] is None
    assert any("are not kept together" in said for said in draft().choice.said)


def test_a_column_of_products_keeps_their_photos_together(put, photos, planned):
    put(*(f"{number}.png" for number in range(60)))
    rows = [f"{number}.png\t{CLASSES[number % 3]}\t{number % 3}-{number // 6}" for number in range(60)]
    (photos / "labels.tsv").write_text("\n".join(["file\tkind\tproduct_id", *rows]))
    plan = planned()
    assert parameters(plan)["group_column"] == "product_id"
    assert load_samples(plan).keep_together == "product_id"


def test_a_table_beside_the_folder_says_the_labels(put, photos, planned):
    put(*(f"{number}.png" for number in range(12)))
    rows = [f"{number}.png,{CLASSES[number % 3]}" for number in range(12)]
    (photos.parent / "labels.csv").write_text("\n".join(["filename,label", *rows]))
    plan = planned()
    assert parameters(plan) == {"path": "labels.csv", "root": "photos", "label_column": "label"}


def test_what_a_network_gave_is_no_truth_unless_its_table_is_named(put, photos, draft):
    put(*(f"{number}.png" for number in range(12)))
    rows = [f"{number}.png,ok,,{CLASSES[number % 3]},0.9" for number in range(12)]
    for folder in (photos.parent, photos):
        table = folder / "labels.csv"
        table.write_text("\n".join(["filepath,status,error,label,prob", *rows]))
        table.with_name("labels.csv.meta.json").write_text("{}")
        with pytest.raises(DataError, match="holds 12 photos and nothing that says what is in them"):
            draft()
    said = draft("labels.csv").choice.layout.said
    assert said[-1] == "these labels are those that a network gave, as far as nobody has corrected them"


def test_a_table_beside_an_empty_folder_is_not_taken_for_it(put, photos, draft, tmp_path):
    put(*(f"{number}.png" for number in range(12)))
    rows = [f"photos/{number}.png,{CLASSES[number % 3]}" for number in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty' holds no photos"):
        draft("../empty")


def test_cells_with_several_labels(put, photos, planned):
    put(*(f"{number}.png" for number in range(12)))
    cells = ("red|dress", "blue|dress", "blue|jeans", "red")
    rows = [f"{number}.png,{cells[number % 4]}" for number in range(12)]
    (photos / "labels.csv").write_text("\n".join(["path,tags", *rows]))
    plan = planned()
    assert (parameters(plan)["several"], parameters(plan)["separator"]) == (True, "|")
    assert load_samples(plan).class_names == ("blue", "dress", "jeans", "red")
    assert plan.head.spec.name == "multilabel"


def test_columns_of_marks_are_labels(put, photos, planned):
    put(*(f"{number}.png" for number in range(12)))
    rows = [f"{number}.png,{number % 2},{number % 3 and 1}" for number in range(12)]
    (photos / "labels.csv").write_text("\n".join(["path,striped,long", *rows]))
    plan = planned()
    assert parameters(plan)["label_columns"] == ("striped", "long")
    assert plan.head.spec.name == "multilabel"


def test_which_of_two_columns_holds_the_labels_is_asked(put, photos, planned):
    put(*(f"{number}.png" for number in range(12)))
    rows = [f"{number}.png,{CLASSES[number % 3]},{'wool' if number % 2 else 'silk'}" for number in range(12)]
    (photos / "labels.csv").write_text("\n".join(["path,shape,material", *rows]))
    asked = []

    def the_second(question: Question) -> int:
        asked.append(question)
        return 1

    assert parameters(planned(ask=the_second))["label_column"] == "material"
    assert asked[0].answers == ("shape", "material")


def test_class_folders_or_a_table_is_asked(put, photos, planned):
    put(*CLASSES, count=4)
    rows = [f"{name}/{number}.png,{'wool' if number % 2 else 'silk'}" for name in CLASSES for number in range(4)]
    (photos / "labels.csv").write_text("\n".join(["path,label", *rows]))
    answers = []

    def the_table(question: Question) -> int:
        answers.extend(question.answers)
        return 1

    assert planned(ask=the_table, output="table.yaml").source.spec.name == "csv_manifest"
    assert answers == ["the class folders: 12 photos of 3 classes", "photos/labels.csv: 12 photos of 2 classes"]
    assert planned().source.spec.name == "image_folder"


def test_a_table_may_be_given_itself(put, photos, planned):
    put(*(f"{number}.png" for number in range(9)))
    (photos / "some.csv").write_text("\n".join(["path,label", *(f"{n}.png,{CLASSES[n % 3]}" for n in range(9))]))
    assert parameters(planned("some.csv"))["path"] == "photos/some.csv"


def test_labels_in_names_of_files_become_a_table_beside_the_recipe(put, tmp_path, planned):
    put(*(f"{name}_{number:03}.png" for name in CLASSES for number in range(4)))
    plan = planned()
    assert parameters(plan) == {"root": "photos", "path": "mine.labels.csv"}
    assert load_samples(plan).class_names == CLASSES
    assert (tmp_path / "mine.labels.csv").read_text().splitlines()[:2] == ["path,label", "coat_000.png,coat"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("IMG_0001.png", "IMG_0002.png", "IMG_0003.png"), "3 photos and nothing that says what is in them"),
        (("dress/1.png", "dress/2.png"), "holds one class, 'dress'"),
        (("train/1.png", "test/2.png"), "holds no class folders"),
        (
            ("dev/coat/1.png", "train/coat/2.png", "dev/hat/1.png", "train/hat/2.png"),
            "called as splits are: dev, train",
        ),
    ],
)
def test_what_cannot_be_read_says_which_layout_is_wanted(put, draft, files, message):
    put(*files)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        draft()
    assert "folder for each class" in str(caught.value)


def test_a_table_without_labels_says_what_to_add(put, photos, draft):
    put("1.png", "2.png")
    (photos / "list.csv").write_text("path,width\n1.png,90\n2.png,91\n")
    with pytest.raises(DataError, match="none of its columns looks like labels: width") as caught:
        draft()
    assert "add a column `label`" in str(caught.value)


@pytest.mark.parametrize("inside", ["nowhere", "notes.txt"])
def test_what_is_no_data_at_all_is_one_error(photos, draft, inside):
    (photos / "notes.txt").write_text("no table")
    with pytest.raises(FashionBatchError) as caught:
        draft(inside)
    assert Path(inside).name in str(caught.value)


def write_table(photos, *lines):
    (photos / "labels.csv").write_text("\n".join(lines), encoding="utf-8")


def test_numbers_of_classes_are_labels(put, photos, planned):
    put(*(f"images/{number}.png" for number in range(12)))
    write_table(
        photos, "path,class_id,product_id", *(f"images/{number}.png,{number % 3},{number % 4}" for number in range(12))
    )
    assert parameters(planned())["label_column"] == "class_id"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["images/0.png,cat", "images/1.png,dog"], r"begins with a photo, 'images/0.png', and not with the names"),
        (
            ["url,label", "https://x.org/0.png,cat"],
            r"photos by addresses in its column 'url', such as 'https://x.org/0.png'",
        ),
        (["path,label", "C:\\me\\0.png,cat", "C:\\me\\1.png,dog"], r"in its column 'path' that are not here"),
        (["path,label"], r"has names of columns and no line below them"),
        (
            ["path,label", "images/0.png,cat", "images/1.png,cat"],
            r"holds one class, 'cat', and nothing to tell it from",
        ),
        (["path,price", "images/0.png,12.5", "images/1.png,12.5"], r"none of its columns looks like labels: price"),
    ],
)
def test_a_table_that_says_no_labels_is_named_with_the_reason(put, photos, draft, lines, message):
    put(*(f"images/{number}.png" for number in range(4)))
    write_table(photos, *lines)
    for inside in ("", "labels.csv"):
        with pytest.raises(DataError, match=message):
            draft(inside)


def test_a_class_that_only_validation_has_is_left_out_and_told(put, draft):
    put("train/coat", "train/dress", count=4)
    put("validation/coat", "validation/dress", "validation/hat", count=2)
    made = draft()
    assert made.choice.samples.class_names == ("coat", "dress")
    assert "left out, since there is no image of them to train on: hat" in made.choice.said
