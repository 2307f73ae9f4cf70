"""What goes wrong with requests, and how often they are tried."""

from __future__ import annotations

from typing import Any

import pytest

from fashionbatch.stores.faults import StoreFaultError, fault_of
from fashionbatch.stores.retrying import Patience, Retrying


class Clock:
    """Time that passes only where something waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class ResponseError(Exception):
    """As botocore's ClientError."""

    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(f"An error occurred ({code}): AKIAPLANTED")
        self.response: dict[str, Any] = {
            "Error": {"Code": code or str(status), "Message": "AKIAPLANTED"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }


def retrying(clock: Clock, draw: float = 1.0, **patience: Any) -> Retrying:
    return Retrying(Patience(**patience), clock=clock, sleep=clock.sleep, draw=lambda: draw)


def failing(*errors: Exception):
    left = list(errors)

    def ask(seconds: float) -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return ask


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ResponseError(429), "passing"),
        (ResponseError(500, "InternalError"), "passing"),
        (ResponseError(503, "SlowDown"), "passing"),
        (ResponseError(400, "RequestTimeout"), "passing"),
        (TimeoutError(), "passing"),
        (ConnectionResetError(104, "reset"), "passing"),
        (ResponseError(404, "NoSuchKey"), "missing"),
        (FileNotFoundError(2, "gone"), "missing"),
        (ResponseError(412, "PreconditionFailed"), "changed"),
        (ResponseError(403, "AccessDenied"), "denied"),
        (PermissionError(13, "no"), "denied"),
        (ResponseError(400, "ExpiredToken"), "credentials"),
        (ResponseError(403, "SignatureDoesNotMatch"), "credentials"),
        (ResponseError(401), "credentials"),
        (ResponseError(404, "NoSuchBucket"), "bucket"),
        (ResponseError(400, "InvalidArgument"), "failed"),
        (ValueError("odd"), "failed"),
    ],
)
def test_each_error_has_its_kind(error: Exception, kind: str) -> None:
    assert fault_of(error).kind == kind


@pytest.mark.parametrize(
    "name", ["EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"]
)
def test_a_server_that_cannot_be_reached_may_be_there_again(name: str) -> None:
    exceptions = pytest.importorskip("botocore.exceptions", reason="needs botocore: pip install 'fashionbatch[cloud]'")
    error = getattr(exceptions, name)(endpoint_url="https://store.example/photos", error="refused")
    assert fault_of(error).kind == "passing"


def test_a_status_is_asked_for_by_one_name_alone() -> None:
    class RedirectsError(Exception):
        status = 307

        @property
        def code(self) -> int:
            raise AssertionError("aiohttp warns of this name")

    assert fault_of(RedirectsError("round in circles")).kind == "failed"


def test_an_error_that_a_library_has_wrapped_is_known_by_its_cause() -> None:
    wrapped = OSError(16, "Please reduce your request rate")
    wrapped.__cause__ = ResponseError(503, "SlowDown")
    assert fault_of(wrapped).kind == "passing"


def test_a_reason_holds_neither_the_servers_words_nor_credentials() -> None:
    assert (
        fault_of(ResponseError(403, "InvalidAccessKeyId")).reason
        == "InvalidAccessKeyId: the store answered with status 403"
    )
    told = fault_of(OSError(f"cannot connect to https://me:SECRET@host/a?sig=SECRET\n{'x'}")).reason
    assert "SECRET" not in told
    assert "\n" not in told


def test_what_passes_is_tried_again_later_each_time() -> None:
    clock = Clock()
    ask = failing(ResponseError(503), ConnectionResetError(), TimeoutError(), ResponseError(429))
    assert retrying(clock, first_pause_s=0.5, longest_pause_s=2.0).call(ask) == "answer"
    assert clock.pauses == [0.5, 1.0, 2.0, 2.0]


def test_pauses_are_drawn_so_that_readers_do_not_come_back_together() -> None:
    clock = Clock()
    retrying(clock, draw=0.25, first_pause_s=1.0).call(failing(ResponseError(503), ResponseError(503)))
    assert clock.pauses == [0.25, 0.5]


def test_what_does_not_pass_ends_after_some_tries() -> None:
    clock, asked = Clock(), []

    def ask(seconds: float) -> None:
        asked.append(seconds)
        raise ResponseError(503, "SlowDown")

    with pytest.raises(StoreFaultError) as caught:
        retrying(clock, tries=4).call(ask)
    assert len(asked) == 4
    assert caught.value.kind == "failed"
    assert caught.value.reason == "SlowDown: the store answered with status 503 (tried 4 times)"


def test_what_is_slow_ends_at_the_deadline() -> None:
    clock, allowed = Clock(), []

    def ask(seconds: float) -> None:
        allowed.append(seconds)
        clock.now += seconds
        raise TimeoutError

    with pytest.raises(StoreFaultError):
        retrying(clock, draw=0.0, tries=100, try_s=60, total_s=150).call(ask)
    assert allowed == [60, 60, 30]
    assert clock.now == 150


@pytest.mark.parametrize("error", [ResponseError(404), ResponseError(403), ResponseError(412), ValueError("odd")])
def test_what_will_not_pass_is_asked_once(error: Exception) -> None:
    clock = Clock()
    with pytest.raises(StoreFaultError):
        retrying(clock).call(failing(error))
    assert clock.pauses == []
