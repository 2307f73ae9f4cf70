"""What is an address and what a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from fashionbatch.stores.address import Url, archives_in, as_location, folder_of, is_one_file, resolved

IMAGES = (".jpg", ".png")


@pytest.mark.parametrize("text", ["s3://bucket/photos", "gs://bucket", "memory://a/b", "https://example.org/a.jpg"])
def test_what_is_written_as_an_address_is_one(text: str) -> None:
    location = as_location(text)
    assert isinstance(location, Url)
    assert str(location) == location.text == text


@pytest.mark.parametrize(
    "text", ["photos", "/srv/s3", "s3:", "s3:/bucket", "C:\\photos", "://x", "a b://c", "data:sample"]
)
def test_everything_else_is_a_path(text: str) -> None:
    assert as_location(text) == Path(text)


def test_a_folder_called_like_a_scheme_stays_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(as_location("s3://photos"), Url)
    (tmp_path / "s3:" / "photos").mkdir(parents=True)
    assert as_location("s3://photos") == Path("s3:/photos")
    assert isinstance(as_location("s3://other"), Url)


def test_a_file_address_is_a_path_of_this_machine(tmp_path: Path) -> None:
    assert as_location(f"file://{tmp_path}/a b") == tmp_path / "a b"


def test_an_address_is_joined_and_taken_apart() -> None:
    url = Url("s3://bucket/photos/2026/") / "a.jpg"
    assert url == Url("s3://bucket/photos/2026/a.jpg")
    assert (url.scheme, url.bucket, url.key) == ("s3", "bucket", "photos/2026/a.jpg")
    assert (url.name, url.suffix, url.parent) == ("a.jpg", ".jpg", Url("s3://bucket/photos/2026"))


def test_an_address_shows_its_credentials_to_nobody() -> None:
    url = Url("https://me:SECRET@example.org/a.jpg?X-Amz-Signature=SECRET")
    for shown in (str(url), repr(url), f"{url}", f"{url / 'b'}", f"{[url]}"):
        assert "SECRET" not in shown
    assert url.name == "a.jpg"


def test_an_address_that_ends_as_images_do_is_one_file() -> None:
    assert is_one_file(Url("s3://bucket/photos/A.JPG"), IMAGES)
    assert not is_one_file(Url("s3://bucket/photos/a.jpg/"), IMAGES)
    assert not is_one_file(Url("s3://bucket/photos"), IMAGES)
    assert folder_of(Url("s3://bucket/photos/a.jpg"), IMAGES) == Url("s3://bucket/photos")
    assert folder_of(Url("s3://bucket/photos"), IMAGES) == Url("s3://bucket/photos")


def test_a_path_is_resolved_and_an_address_is_not(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    assert resolved(tmp_path / "link") == (tmp_path / "photos").resolve()
    assert resolved(Url("s3://bucket/../a")) == Url("s3://bucket/../a")
    assert folder_of(tmp_path / "photos", IMAGES) == tmp_path / "photos"


def test_the_query_of_an_archive_is_kept_apart() -> None:
    url = as_location("https://example.org/a/{x,y}.tar.gz?k=1/2&sig={3,4}/")
    assert isinstance(url, Url)
    assert (url.text, url.query) == ("https://example.org/a/{x,y}.tar.gz", "k=1/2&sig={3,4}/")
    assert url.whole == "https://example.org/a/{x,y}.tar.gz?k=1/2&sig={3,4}/"
    assert "sig" not in f"{url} {url!r}"
    assert [(one.name, one.query) for one in archives_in(url) if isinstance(one, Url)] == [
        ("x.tar.gz", url.query),
        ("y.tar.gz", url.query),
    ]
    folder = folder_of(url, ())
    assert isinstance(folder, Url)
    assert (folder.text, folder.query) == ("https://example.org/a", url.query)
    assert url == Url.of("https://example.org/a/{x,y}.tar.gz?sig=other")


@pytest.mark.parametrize(
    "text", ["https://example.org/a.jpg?sig=1", "s3://bucket/a?b.tar", "https://example.org/a.tar"]
)
def test_no_other_address_is_taken_apart(text: str) -> None:
    url = Url.of(text)
    assert (url.text, url.query) == (text, "")
