"""Photos that a table names by addresses, such as `s3://bucket/a.jpg`, where others are named by paths."""

from __future__ import annotations

from fashionbatch.errors import DataError
from fashionbatch.stores.address import Url, as_location
from fashionbatch.stores.reaching import require_store


def is_address(text: str) -> bool:
    """Whether a text is the address of a file in a store or on the web; it is none if there is a file of that name.

    Example:
        >>> is_address("s3://bucket/a.jpg"), is_address("cat/a.jpg")
        (True, False)
    """
    return "://" in text and "\0" not in text and isinstance(as_location(text), Url)


def require_address(text: str, where: str) -> None:
    """See that an address can be asked for and shown. Nothing is asked of the network.

    Args:
        text: the address.
        where: file and line that name it.

    Raises:
        DataError: it holds a credential, names no file, or nothing is known of its kind.
        FashionBatchError: a package is not installed.
    """
    url = Url(text)
    if str(url) != text:
        raise DataError(
            f"{where}: {url}: addresses of photos stand in what is written about them, so they may hold no credentials",
            hint="name the objects as s3://bucket/key, and leave credentials to the environment",
        )
    try:
        require_store(url)
    except DataError as error:
        raise DataError(f"{where}: {error.message}", hint=error.hint) from None
    if not url.bucket or not url.key or text.endswith("/"):
        raise DataError(f"{where}: {url}: is no address of a file")
