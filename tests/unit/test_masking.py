"""Credentials in text for people."""

from __future__ import annotations

import pytest

from fashionbatch import tracebacks
from fashionbatch.masking import mask_addresses, mask_secrets


@pytest.mark.parametrize(
    "address",
    [
        "https://me:SECRET@example.org/a.jpg",
        "https://SECRET@example.org/a.jpg",
        "s3://KEY:SECRET@bucket/photos",
        "https://example.org/a.jpg?X-Amz-Signature=SECRET&X-Amz-Expires=60",
        "https://example.org/a.jpg?size=1&X-Amz-Security-Token=SECRET",
        "https://example.org/a.jpg?X-Amz-Credential=SECRET%2F2026",
        "https://account.blob.core.windows.net/photos/a.jpg?sv=2022&sig=SECRET",
        "https://storage.googleapis.com/b/a.jpg?GoogleAccessId=x&Signature=SECRET",
        "https://example.org/a.jpg?access_token=SECRET#part",
        "https://example.org/a.jpg?api_key=SECRET",
    ],
)
def test_credentials_in_an_address_are_masked(address: str) -> None:
    masked = mask_addresses(f"cannot read '{address}': denied")
    assert "SECRET" not in masked
    assert masked.startswith("cannot read '")
    assert masked.endswith("': denied")
    assert "***" in masked


@pytest.mark.parametrize(
    "signature",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=me%2F{n}&X-Amz-Date={n}T1Z&X-Amz-Expires=6{n}&X-Amz-Signature={n}f",
        "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=me%2F{n}&X-Goog-Date={n}T1Z&X-Goog-Expires=6{n}&X-Goog-Signature={n}",
        "AWSAccessKeyId=me&Signature={n}&Expires={n}",
        "sp=r&st={n}&se={n}&sv=2026-02-06&sr=b&sig={n}",
        "Expires={n}&Signature={n}&Key-Pair-Id=me",
    ],
)
def test_an_address_that_is_signed_anew_is_the_same_text(signature: str) -> None:
    first, second = (f"https://example.org/a.csv?version=3&{signature.format(n=n)}" for n in (20260101, 20261126))
    assert mask_addresses(first) == mask_addresses(second)
    assert "version=3" in mask_addresses(first)


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/photos/a.jpg",
        "https://example.org/image?id=17&size=big",
        "C:\\photos and me@example.org",
        "no address at all: a?token=x",
    ],
)
def test_what_holds_no_credentials_stays_as_it_is(text: str) -> None:
    assert mask_addresses(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=SECRET/+==;EndpointSuffix=core.windows.net",
        "BlobEndpoint=https://me.blob.core.windows.net/;SharedAccessSignature=sv=2022&sig=SECRET",
        "{'Authorization': 'Bearer SECRET-9f0b.9f0b'}",
        "AWS4-HMAC-SHA256 Credential=SECRET/20260101/us-east-1/s3/aws4_request, Signature=SECRET",
        "proxy http://me:SECRET@proxy:3128 refused it",
        "the token was SECRET-of-the-environment",
    ],
)
def test_what_a_library_says_shows_no_secrets(text: str) -> None:
    environment = {
        "AWS_SESSION_TOKEN": "SECRET-of-the-environment",
        "TOKEN_FILE": "connection",
        "AWS_SECRET_ACCESS_KEY": "a",
    }
    masked = mask_secrets(text, environment=environment)
    assert "SECRET" not in masked
    assert "***" in masked
    assert mask_secrets("no connection to a bucket", environment=environment) == "no connection to a bucket"


def test_a_kept_traceback_shows_no_credentials_of_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["fashionbatch", "classify", "https://me:SECRET@example.org/a"])
    tracebacks.keep_traceback("KeyError: 'https://example.org/a?X-Amz-Signature=SECRET'", name="bug")
    (written,) = tmp_path.iterdir()
    assert "SECRET" not in written.read_text()
    assert "X-Amz-Signature=***" in written.read_text()
