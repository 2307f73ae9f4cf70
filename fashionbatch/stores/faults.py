"""What goes wrong with a request to a store, in the few kinds that make a difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

from fashionbatch.masking import mask_secrets

Kind: TypeAlias = Literal["missing", "changed", "denied", "credentials", "bucket", "passing", "failed"]
"""`denied`: not to whoever asks. `credentials`: whoever asks is not known, or no longer. `bucket`: what an object would
lie in is not there. `passing`: it may well succeed when it is asked again, as with a store that is overloaded or a
connection lost."""

_PASSING_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_PASSING_CODES: Final = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "InternalError", "ServiceUnavailable"}
)
_CREDENTIAL_NAMES: Final = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"}
    | {"GoogleAuthError", "ClientAuthenticationError"}
)
_CREDENTIAL_CODES: Final = frozenset(
    {
        "ExpiredToken",  # S3
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
        "AuthenticationFailed",  # Azure
        "InvalidAuthenticationInfo",
    }
)
_BUCKET_CODES: Final = frozenset({"NoSuchBucket", "ContainerNotFound"})
_NO_ANSWER: Final = frozenset(
    {
        "HTTPClientError",  # botocore
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ProxyConnectionError",
        "ResponseParserError",
        "IncompleteReadError",
        "ClientConnectionError",  # aiohttp
        "ClientPayloadError",
        "ServiceRequestError",  # azure
        "ServiceResponseError",
        "RequestException",  # requests, in which gcsfs speaks of connections
        "TransportError",  # google.auth
        "ChecksumError",  # gcsfs
    }
)
_LIBRARIES: Final = ("aiohttp.", "botocore.", "urllib3.", "requests.", "google.", "azure.", "gcsfs.")
_FORBIDDEN: Final = "Forbidden: "
"""What gcsfs makes of status 403, with the server's words behind it."""
_STATUSES: Final[dict[int, Kind]] = {
    401: "credentials",
    403: "denied",
    404: "missing",
    410: "missing",
    412: "changed",
    416: "changed",
}


class StoreFaultError(Exception):
    """A request that a store did not answer as asked.

    Args:
        kind: what follows from it.
        reason: class and message on one line, without credentials.

    Attributes:
        kind: what follows from it.
        reason: class and message on one line, without credentials.
        hint: what the user can do about it; None where nothing is known.
    """

    def __init__(self, kind: Kind, reason: str, hint: str | None = None) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason
        self.hint = hint


def fault_of(error: BaseException) -> StoreFaultError:
    """What an exception of a store's library means.

    The libraries have an exception class for every occasion; most of them carry an HTTP status, which is looked for
    first. The server's own words are left out: they may repeat what was sent.
    """
    if isinstance(error, StoreFaultError):
        return error
    # Before any status: a body that was cut short is one of 400 to aiohttp. Where no server is, fsspec finds no file.
    asked = _with_causes(error) if isinstance(error, FileNotFoundError) else (error,)
    lost = next(filter(_is_of_connection, asked), None)
    if lost is not None:
        return StoreFaultError("passing", _one_line(lost))
    for each in _with_causes(error):
        status, code = _status_and_code(each)
        if status or code:
            return StoreFaultError(_kind_of_status(status, code), _said(status, code), _hint(status, code))
    return StoreFaultError(*_without_status(error))


def _without_status(error: BaseException) -> tuple[Kind, str]:
    """Kind and reason of what carries no HTTP status."""
    kind: Kind = "failed"
    for each in _with_causes(error):
        if any(kind.__name__ in _CREDENTIAL_NAMES for kind in type(each).__mro__):
            return "credentials", f"{type(each).__name__}: there are no credentials in the environment that can be used"
    if isinstance(error, OSError) and str(error).startswith(_FORBIDDEN):
        return "denied", _said(403, "")
    if isinstance(error, FileNotFoundError):
        return "missing", "FileNotFoundError: there is no such object"
    if isinstance(error, PermissionError):
        kind = "denied"
    elif isinstance(error, TimeoutError) and not str(error):
        return "passing", "TimeoutError: there was no answer in time"
    elif isinstance(error, TimeoutError | ConnectionError):
        kind = "passing"
    return kind, _one_line(error)


def refusal_hint(fault: StoreFaultError) -> str | None:
    """What a user can do where a store does not show what was asked for."""
    if fault.kind in {"denied", "credentials"}:
        return fault.hint or "are there credentials in the environment, and do they allow listing and reading it?"
    return fault.hint or ("is the address right?" if fault.kind == "missing" else None)


def _kind_of_status(status: int, code: str) -> Kind:
    if status in _PASSING_STATUSES or code in _PASSING_CODES:
        return "passing"
    if code in _CREDENTIAL_CODES:
        return "credentials"
    if code in _BUCKET_CODES:
        return "bucket"
    return _STATUSES.get(status, "failed")


def _is_of_connection(error: BaseException) -> bool:
    """Whether a library says that there was no answer, or not all of it."""
    is_librarys = f"{type(error).__module__}.".startswith(_LIBRARIES)
    return is_librarys and any(kind.__name__ in _NO_ANSWER for kind in type(error).__mro__)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(5):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _status_and_code(error: BaseException) -> tuple[int, str]:
    """HTTP status and the store's own code, as botocore, aiohttp, gcsfs and azure have them; 0 and empty where none."""
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict) and "Error" in response:
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(response["Error"].get("Code", ""))
        return int(status or (code if code.isdecimal() else 0)), code
    # One of them says it; aiohttp warns where another one is asked for, too.
    name = next((name for name in ("status", "status_code", "code") if name in dir(error)), "")
    value = getattr(error, name, None) if name else None
    if isinstance(value, int) and 400 <= value < 600:
        named: Any = getattr(error, "error_code", None)  # azure
        return value, str(getattr(named, "value", named) or "")
    return 0, ""


def _said(status: int, code: str) -> str:
    name = code if code and not code.isdecimal() else "HTTPError"
    return f"{name}: the store answered with status {status}" if status else f"{name}: the store refused it"


def _hint(status: int, code: str) -> str | None:
    if code in _BUCKET_CODES:
        return "is the name of the bucket right?"
    if status == 301 or code in {"PermanentRedirect", "AuthorizationHeaderMalformed"}:
        return "the bucket lies in another region: AWS_DEFAULT_REGION names it"
    return None


def _one_line(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return mask_secrets(f"{type(error).__name__}: {text or 'no message'}")
