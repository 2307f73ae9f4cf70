"""Labels as numbers, names for display, weights of classes."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from fashionbatch.data.targets import check_labels, display_names, with_composed_labels
from fashionbatch.errors import DataError
from fashionbatch.specs import Samples

CLASSES = ("cat", "dog")


def samples(labels: list[tuple[str, ...]], class_names: tuple[str, ...] = CLASSES) -> Samples:
    return Samples(images=np.zeros((len(labels), 1, 1), np.uint8), labels=labels, class_names=class_names)


def test_a_head_that_does_not_fit_the_labels_is_explained() -> None:
    with pytest.raises(DataError, match="1 of 2 images have several labels or none") as caught:
        check_labels(samples([("cat", "dog"), ("cat",)]), "one_of_many")
    assert "head: multilabel" in str(caught.value.hint)
    with pytest.raises(DataError, match="exactly 2 classes; the source has 3: a, b, c") as caught:
        check_labels(samples([("a",), ("b",), ("c",)], ("a", "b", "c")), "yes_or_no")
    assert "multiclass" in str(caught.value.hint)
    for decoding in ("one_of_many", "yes_or_no"):
        with pytest.raises(DataError, match="nothing to tell apart: the source has 1 class: cat"):
            check_labels(samples([("cat",)], ("cat",)), decoding)
    check_labels(samples([("cat", "dog"), ()]), "several_of_many")


@pytest.mark.parametrize("name", ["a|b", "a\nb", "", " ", "a\x7f", "\udcff", "a\u2028b"])
def test_class_names_that_a_table_cannot_hold_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="class name"):
        check_labels(samples([("cat",), (name,)], ("cat", name)), "one_of_many")


@pytest.mark.parametrize("name", ["드레스", "T-shirt/top", "a, b", '"quoted"', "=1+1", "é"])
def test_other_class_names_are_welcome(name: str) -> None:
    check_labels(samples([("cat",), (name,)], ("cat", name)), "one_of_many")


def test_labels_and_classes_have_to_agree() -> None:
    with pytest.raises(DataError, match="'cow', which is none of"):
        check_labels(samples([("cow",)]), "one_of_many")
    with pytest.raises(DataError, match="class names repeat"):
        check_labels(samples([("cat",)], ("cat", "cat")), "one_of_many")


def test_display_names_replace_some_and_keep_the_order() -> None:
    assert display_names(CLASSES, {"dog": "개"}) == ("cat", "개")
    composed, decomposed = (unicodedata.normalize(form, "개") for form in ("NFC", "NFD"))
    assert display_names((decomposed,), {composed: "dog"}) == ("dog",)


def test_mistakes_in_display_names_are_explained() -> None:
    with pytest.raises(DataError, match=r"no class 'dgo'; did you mean 'dog'\?"):
        display_names(CLASSES, {"dgo": "개"})
    with pytest.raises(DataError, match="'cat' and 'dog' would both be shown as 'cat'"):
        display_names(CLASSES, {"dog": "cat"})


def test_labels_of_any_source_are_composed_and_so_one_class() -> None:
    whole, parts = (unicodedata.normalize(form, "한복") for form in ("NFC", "NFD"))
    found = with_composed_labels(
        Samples(images=[], labels=[(whole,), (parts,), (parts, whole)], class_names=(parts, whole, "x"))
    )
    assert found.labels == [(whole,), (whole,), (whole,)]
    assert found.class_names == (whole, "x")
    plain = samples([("cat",)])
    assert with_composed_labels(plain) is plain
