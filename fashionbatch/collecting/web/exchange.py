"""One request and its answer, streamed, with a cap on its bytes and its time. It follows and repeats nothing."""

from __future__ import annotations

import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlsplit

import httpcore

from fashionbatch.collecting.web.addresses import ForbiddenAddressError
from fashionbatch.collecting.web.connections import CheckedBackend, Deadline, OutOfTimeError

_QUIET_S = 15.0
"""Seconds without a single byte after which the other side is taken to be gone."""
_ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")
_URL_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"
_LONGEST_URL = 8000
"""Characters: what RFC 9110 wants every server to read."""
_LONGEST_LENGTH = 20
"""Digits of a length that is a number; anything longer is told by a body that never ends."""
_USUAL_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024


class RefusedError(Exception):
    """An answer that must not or need not be taken, for good: asking again would change nothing."""


class UnreachableError(Exception):
    """No whole answer this time; asking again may help."""


class UntrustedError(UnreachableError):
    """Nobody vouches for the host's certificate; that helps again when somebody has mended it, not in a minute."""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: of HTTP.
        headers: by names in lower case; values of one name that came more than once, each on a line of its own.
        content: the body, decoded; empty unless the status is 200.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


class Exchange(Protocol):
    """Asks once."""

    def __call__(self, url: str, headers: Mapping[str, str], *, max_bytes: int, seconds: float) -> Answer:
        """The answer to one GET.

        Args:
            url: checked by `check_url`.
            headers: of the request.
            max_bytes: of the body, as it comes and as it is when it is decoded.
            seconds: that all of it may take.

        Raises:
            RefusedError: the host is not public, or the body is larger or is encoded as nobody asked for.
            UnreachableError: no connection, no answer in time, or a part of one.
            UntrustedError: the certificate of an `https` host is not valid for it.
        """


def check_url(url: str) -> str:
    """The address as it is sent: characters that need it quoted, one form of the host's name.

    Raises:
        RefusedError: it is not `http` or `https`, names no host or a port of another service, or holds a user's name
            or password.
    """
    if len(url) > _LONGEST_URL:
        raise RefusedError(f"the address has more than {_LONGEST_URL:,} characters")
    try:
        url.encode()
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedError(f"the address is not valid: {error}") from None
    if parts.scheme not in {"http", "https"}:
        raise RefusedError(f"the address begins with {parts.scheme or 'nothing'!r}; only http and https are followed")
    if not host or port == 0:
        raise RefusedError("the address names no host")
    if parts.username is not None or parts.password is not None:
        raise RefusedError("the address holds a user's name or password")
    if port is not None and port < _FIRST_FREE_PORT and port not in _USUAL_PORTS.values():
        raise RefusedError(f"the port {port} is one of another service than the web")
    name = _name_of(host)
    place = f"{name}:{port}" if port and port != _USUAL_PORTS[parts.scheme] else name
    path = quote(parts.path or "/", safe=_URL_CHARACTERS)
    query = f"?{quote(parts.query, safe=_URL_CHARACTERS)}" if parts.query else ""
    return f"{parts.scheme}://{place}{path}{query}"


def _name_of(host: str) -> str:
    """A host's name as it is sent; one with a full stop at its end is the same host."""
    try:
        name = (host if host.isascii() else host.encode("idna").decode("ascii")).removesuffix(".")
    except UnicodeError:
        raise RefusedError(f"{host!r} is no name of a host") from None
    if not name or any(character <= " " or character == "\x7f" for character in name):
        raise RefusedError(f"{host!r} is no name of a host")
    return f"[{name}]" if ":" in name else name


class WebExchange:
    """Asks by HTTP/1.1, with no proxy, no cookie and no password of the machine's.

    Args:
        backend: makes connections from the deadline; by default to public addresses alone.
        stopping: whether the run is to end, which ends what is under way.
    """

    def __init__(
        self,
        backend: Callable[[Deadline], CheckedBackend] = CheckedBackend,
        *,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._deadline = Deadline(stopping)
        self._pool = httpcore.ConnectionPool(
            network_backend=backend(self._deadline), max_connections=64, keepalive_expiry=20.0
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def __call__(self, url: str, headers: Mapping[str, str], *, max_bytes: int, seconds: float) -> Answer:
        """As `Exchange`."""
        self._deadline.at = time.monotonic() + seconds
        try:
            return self._ask(url, headers, max_bytes)
        except ForbiddenAddressError as error:
            raise RefusedError(str(error)) from None
        except OutOfTimeError:
            raise UnreachableError(f"the answer took longer than {seconds:g} s") from None
        except httpcore.TimeoutException:
            late = time.monotonic() >= self._deadline.at
            what = f"the answer took longer than {seconds:g} s" if late else f"nothing came for {_QUIET_S:g} s"
            raise UnreachableError(what) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
            if isinstance(cause := error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
                raise UntrustedError(f"the host's certificate is not trusted: {cause.verify_message}") from None
            raise UnreachableError(f"the connection failed: {error}") from None
        finally:
            self._deadline.at = float("inf")

    def _ask(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Answer:
        quiet = dict.fromkeys(("connect", "read", "write", "pool"), _QUIET_S)
        sent = {"Accept-Encoding": "identity", **headers}
        pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
        with self._pool.stream("GET", url, headers=pairs, extensions={"timeout": quiet}) as response:
            received = _headers(response.headers)
            content = b""
            if response.status == 200:
                content = _body(response.iter_stream(), received, max_bytes)
            return Answer(response.status, received, content)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def _body(chunks: Iterable[bytes], headers: Mapping[str, str], max_bytes: int) -> bytes:
    """The body as far as it may go; what is packed is unpacked piece by piece, so that no bomb ever takes memory."""
    encoding = headers.get("content-encoding", "").lower()
    if encoding not in _ENCODINGS:
        raise RefusedError(f"the answer is encoded as {encoding!r}, which nobody asked for")
    told = headers.get("content-length", "")
    if told.isdecimal() and len(told) < _LONGEST_LENGTH and int(told) > max_bytes:
        raise RefusedError(f"the file has {int(told):,} bytes; the limit is {max_bytes:,}")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if encoding not in {"", "identity"} else None
    body = bytearray()
    received = 0
    for chunk in chunks:
        received += len(chunk)
        try:
            body += chunk if unpack is None else unpack.decompress(chunk, max_bytes - len(body) + 1)
        except zlib.error as error:
            raise RefusedError(f"the answer is not the {encoding} that it says it is: {error}") from None
        if max(received, len(body)) > max_bytes:
            raise RefusedError(f"the file is larger than the limit of {max_bytes:,} bytes")
    if unpack is not None and not unpack.eof:
        raise UnreachableError(f"the {encoding} of the answer is cut short")
    return bytes(body)
