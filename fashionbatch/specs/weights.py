"""Files of pretrained weights: what a plugin says of one, and how it gets one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from fashionbatch import disk
from fashionbatch.errors import OutputError, WeightsError
from fashionbatch.specs.data import DatasetContext

_SCHEMES = frozenset({"https"})
_FOLDER = "weights"
_BLOCK = 1 << 20
_SECONDS_OF_SILENCE = 30.0
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class WeightsSpec:
    """A file of pretrained weights.

    Attributes:
        url: where it can be downloaded, by https.
        sha256: the digest of its bytes, 64 lower case hexadecimal digits.
        size: its bytes.
        license: under which the weights may be used, such as `Apache-2.0`; users are told it before a download.
        file_name: how it is called in FASHIONBATCH_DATA_DIR/weights and in the cache.

    Raises:
        ValueError: a field is not what it has to be.

    Example:
        >>> from fashionbatch.specs import WeightsSpec
        >>> SQUEEZE = WeightsSpec(
        ...     url="https://example.org/squeeze-1.weights.h5",
        ...     sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ...     size=4_812_032,
        ...     license="Apache-2.0",
        ...     file_name="squeeze-1.weights.h5",
        ... )
    """

    url: str
    sha256: str
    size: int
    license: str
    file_name: str

    def __post_init__(self) -> None:
        address = urlsplit(self.url)
        if address.scheme not in _SCHEMES or not address.hostname:
            raise ValueError(f"url {self.url!r} must begin with https:// and name a host")
        if not _DIGEST.fullmatch(self.sha256):
            raise ValueError(f"sha256 {self.sha256!r} must be 64 lower case hexadecimal digits")
        if self.size <= 0:
            raise ValueError(f"size {self.size} must be the file's bytes")
        if not _FILE_NAME.fullmatch(self.file_name):
            raise ValueError(
                f"file_name {self.file_name!r} must be letters, digits, '.', '_' and '-', without a folder"
            )
        if not self.license.strip():
            raise ValueError("license must say under which terms the weights may be used")


def fetch(weights: WeightsSpec, context: DatasetContext) -> Path:
    """The file of some weights on this machine.

    It is looked for as `weights/FILE_NAME` in FASHIONBATCH_DATA_DIR, then in the cache, and downloaded into the cache
    where it is in neither. Size and digest are checked each time, so that what is loaded is what the plugin's author
    had; a damaged file in the cache is downloaded again.

    Args:
        weights: which file.
        context: as `initialize` and `load` are given it.

    Returns:
        The path.

    Raises:
        WeightsError: the file in FASHIONBATCH_DATA_DIR is another one; or the download failed, or gave another file.
    """
    name = f"{_FOLDER}/{weights.file_name}"
    own = context.find_data_file(name)
    if own is not None:
        problem = _difference(own, weights)
        if problem:
            raise WeightsError(f"{own} is not the file that is needed: {problem}", hint=f"replace it by {weights.url}")
        return own
    cached = context.cache_directory / _FOLDER / weights.file_name
    if not cached.is_file() or _difference(cached, weights):
        _download(weights, cached)
    return cached


def _difference(path: Path, weights: WeightsSpec) -> str | None:
    """What is other about a file than it should be, None where nothing is."""
    size = path.stat().st_size
    if size != weights.size:
        return f"it has {size:,} bytes and should have {weights.size:,}"
    with disk.open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return None if digest == weights.sha256 else f"its SHA-256 is {digest} and should be {weights.sha256}"


def _download(weights: WeightsSpec, target: Path) -> None:
    # Who labels downloads nothing, and starts sooner without it.
    import http.client

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _opened(weights.url) as response:
            disk.write_file(target, lambda file: _copy(response, file, weights))
    except (OutputError, WeightsError) as error:
        raise WeightsError(f"{weights.file_name}: {error.message}", hint=_by_hand(weights)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(
            f"{weights.file_name} is neither in FASHIONBATCH_DATA_DIR ({_FOLDER}/{weights.file_name}) nor in the cache "
            f"and cannot be downloaded: {' '.join(str(reason).split()) or type(error).__name__}",
            hint=_by_hand(weights),
        ) from error


def _by_hand(weights: WeightsSpec) -> str:
    return (
        f"download {weights.url} ({weights.size:,} bytes, license {weights.license}) on another machine and put it "
        f"into FASHIONBATCH_DATA_DIR as {_FOLDER}/{weights.file_name}"
    )


def _copy(response: BinaryIO, file: BinaryIO, weights: WeightsSpec) -> None:
    """Write the response into a file that becomes visible only when all of it was right."""
    digest, size = hashlib.sha256(), 0
    for block in _blocks(response):
        size += len(block)
        if size > weights.size:
            raise WeightsError(f"the server sends more than the {weights.size:,} bytes that the file should have")
        digest.update(block)
        file.write(block)
    if size != weights.size:
        raise WeightsError(f"the server sent {size:,} of {weights.size:,} bytes")
    if digest.hexdigest() != weights.sha256:
        raise WeightsError(f"the server's file has the SHA-256 {digest.hexdigest()} and should have {weights.sha256}")


def _blocks(response: BinaryIO) -> Iterator[bytes]:
    while block := response.read(_BLOCK):
        yield block


def _opened(url: str) -> Any:
    """The server's answer, open for reading; a redirection is followed only to https.

    Raises:
        OSError: there is no answer, or one that says no.
    """
    import urllib.error
    import urllib.request

    class OnlySafeRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(  # noqa: PLR0917 - the signature of urllib
            self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> urllib.request.Request | None:
            if urlsplit(newurl).scheme not in _SCHEMES:
                fp.close()
                raise urllib.error.URLError(f"the server sends on to {newurl}, which is not https")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    request = urllib.request.Request(url, headers={"User-Agent": "fashionbatch"})  # noqa: S310 - WeightsSpec checks it
    try:
        return urllib.request.build_opener(OnlySafeRedirects).open(request, timeout=_SECONDS_OF_SILENCE)
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"the server answers {error.code} {error.reason}") from error
