"""Bundles that other machines do not see."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import BundleError
from fashionbatch.labeling.sending import packed, seen_or_unpacked
from fashionbatch.specs import PackedBundles
from fashionbatch.testing.bundles import make_tiny_bundle


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    return make_tiny_bundle(tmp_path / "tiny")


def not_asked() -> PackedBundles:
    raise AssertionError("the bundle was fetched")


def test_a_bundle_that_is_there_is_used_as_it_is(bundle: Path) -> None:
    assert seen_or_unpacked(bundle, open_bundle(bundle).digest, not_asked) == bundle


@pytest.mark.parametrize("another", [False, True])
def test_one_that_is_not_there_is_unpacked_once(bundle: Path, another: bool) -> None:
    opened = open_bundle(bundle)
    sent = packed([opened])
    shutil.rmtree(bundle)
    if another:
        make_tiny_bundle(bundle, name="another")
    place = seen_or_unpacked(bundle, opened.digest, lambda: sent)
    assert place != bundle
    assert open_bundle(place).digest == opened.digest
    assert seen_or_unpacked(bundle, opened.digest, not_asked) == place


def test_one_that_arrives_damaged_or_not_at_all_is_refused(bundle: Path) -> None:
    opened = open_bundle(bundle)
    damaged = bytearray(packed([opened])[opened.digest])
    damaged[len(damaged) // 2] ^= 1
    other = packed([open_bundle(make_tiny_bundle(bundle.with_name("other"), name="other"))])
    shutil.rmtree(bundle)
    for sent in ({}, {opened.digest: bytes(damaged)}, {opened.digest: next(iter(other.values()))}):
        with pytest.raises(BundleError):
            seen_or_unpacked(bundle, opened.digest, lambda: sent)  # noqa: B023
