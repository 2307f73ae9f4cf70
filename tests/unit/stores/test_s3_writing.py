"""Writing to S3 as moto serves it, through requests that fail on their way there or back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import OutputError
from fashionbatch.stores import s3_writing
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.retrying import Patience, Retrying
from fashionbatch.stores.s3_writing import S3Writer
from fashionbatch.stores.writable import open_writable
from fashionbatch.stores.writing import Upload, require_writable_store

pytest.importorskip("s3fs", reason="needs fashionbatch[cloud]")
moto = pytest.importorskip("moto.server", reason="needs moto's server")

Send = Callable[[str], Exception | None]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where moto's server listens."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def writer(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Writer]:
    """A folder in a new bucket of a server that has nothing else; parts of 5 MiB, the least that S3 takes."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "not-so-secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": address,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3_writing, "PART_BYTES", 5 << 20)
    opened = open_writable(Url("s3://bucket/out"))
    assert isinstance(opened, S3Writer)
    ask(opened, "create_bucket", Bucket="bucket")
    yield opened
    for found in ask(opened, "list_objects_v2", Bucket="bucket").get("Contents", []):
        ask(opened, "delete_object", Bucket="bucket", Key=found["Key"])
    ask(opened, "delete_bucket", Bucket="bucket")


def ask(writer: S3Writer, operation: str, **asked: Any) -> Any:
    """Ask the server directly, past all faults."""

    async def send() -> Any:
        return await getattr(await writer._client(), operation)(**asked)

    return writer._wait(send(), 60)


def begun(writer: S3Writer) -> int:
    """How many uploads in parts are under way."""
    return len(ask(writer, "list_multipart_uploads", Bucket="bucket").get("Uploads", []))


def upload_of(file: Path, *, replace: bool = False, goes_on: Callable[[], None] = lambda: None) -> Upload:
    retrying = Retrying(Patience(tries=4, total_s=60), sleep=lambda seconds: None)
    return Upload(file, file.name, replace, file.with_name("note"), goes_on, retrying)


def content(writer: S3Writer, name: str) -> bytes:
    return writer.get(name, "", None, 60)


def break_requests(
    writer: S3Writer, monkeypatch: pytest.MonkeyPatch, *, before: Send = lambda _: None, after: Send = lambda _: None
) -> list[str]:
    """Have requests fail before they are sent, or after they were answered; gives the names of all that were tried."""
    send, asked = writer._send, []

    async def broken(operation: str, path: str, **more: Any) -> Any:
        asked.append(operation)
        if error := before(operation):
            raise error
        answer = await send(operation, path, **more)
        if error := after(operation):
            raise error
        return answer

    monkeypatch.setattr(writer, "_send", broken)
    return asked


def refusal(status: int, code: str) -> Exception:
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.csv"
    file.write_bytes(b"small")
    return file


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of three parts."""
    file = tmp_path / "large.parquet"
    file.write_bytes(os.urandom(11 << 20))
    return file


def test_files_arrive_as_they_are(writer: S3Writer, small: Path, large: Path) -> None:
    for file in (small, large):
        assert writer.put(upload_of(file)) == "written"
        assert content(writer, file.name) == file.read_bytes()
    assert begun(writer) == 0
    assert not large.with_name("note").exists()


@pytest.mark.parametrize("name", ["small", "large"])
def test_what_is_there_stays_unless_it_is_to_be_replaced(
    writer: S3Writer, name: str, request: pytest.FixtureRequest
) -> None:
    file = request.getfixturevalue(name)
    ask(writer, "put_object", Bucket="bucket", Key=f"out/{file.name}", Body=b"theirs")
    assert writer.put(upload_of(file)) == "taken"
    assert content(writer, file.name) == b"theirs"
    assert writer.put(upload_of(file, replace=True)) == "written"
    assert content(writer, file.name) == file.read_bytes()
    assert begun(writer) == 0


@pytest.mark.parametrize("name", ["small", "large"])
def test_bursts_of_503_and_lost_connections_are_outlasted(
    writer: S3Writer, name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = request.getfixturevalue(name)
    faults = [refusal(503, "SlowDown"), ConnectionResetError(), refusal(503, "SlowDown")]
    asked = break_requests(
        writer, monkeypatch, before=lambda operation: faults.pop() if faults and operation != "abort" else None
    )
    assert writer.put(upload_of(file)) == "written"
    assert content(writer, file.name) == file.read_bytes()
    assert len(asked) == {"small": 4, "large": 8}[name]
    assert begun(writer) == 0


@pytest.mark.parametrize("operation", ["upload_part", "complete_multipart_upload"])
def test_an_upload_that_fails_for_good_leaves_nothing(
    writer: S3Writer, large: Path, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = break_requests(writer, monkeypatch, before=lambda one: ConnectionResetError() if one == operation else None)
    with pytest.raises(StoreFaultError, match="tried 4 times"):
        writer.put(upload_of(large))
    assert asked.count(operation) == 4
    assert begun(writer) == 0
    assert "Contents" not in ask(writer, "list_objects_v2", Bucket="bucket")


def test_a_signal_in_mid_upload_leaves_nothing(writer: S3Writer, large: Path) -> None:
    pieces = iter(range(2))

    def goes_on() -> None:
        if next(pieces, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        writer.put(upload_of(large, goes_on=goes_on))
    assert begun(writer) == 0


def test_what_a_killed_process_has_begun_is_ended_by_the_next_one(
    writer: S3Writer, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        # As with SIGKILL, nothing of what was to follow is done.
        patched.setattr(writer, "_abort", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patched.setattr(writer, "_send_parts", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            writer.put(upload_of(large))
    assert begun(writer) == 1
    assert writer.put(upload_of(large)) == "written"
    assert begun(writer) == 0


@pytest.mark.parametrize(("operation", "outcome"), [("put_object", "taken"), ("complete_multipart_upload", "written")])
def test_a_request_whose_answer_is_lost_is_asked_again(
    writer: S3Writer, operation: str, outcome: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = request.getfixturevalue("small" if operation == "put_object" else "large")
    lost = [ConnectionResetError()]
    break_requests(writer, monkeypatch, after=lambda one: lost.pop() if lost and one == operation else None)
    # Where there is an object, it is up to the caller to see that it is the very content.
    assert writer.put(upload_of(file)) == outcome
    assert content(writer, file.name) == file.read_bytes()
    assert begun(writer) == 0


def test_a_store_without_conditions_says_so(writer: S3Writer, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_requests(writer, monkeypatch, before=lambda _: refusal(501, "NotImplemented"))
    assert writer.put(upload_of(small)) == "unconditional"


def test_a_writer_that_came_in_the_same_moment_is_found_by_asking_again(
    writer: S3Writer, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflicts = [refusal(409, "ConditionalRequestConflict")]
    break_requests(writer, monkeypatch, before=lambda _: conflicts.pop() if conflicts else None)
    assert writer.put(upload_of(small)) == "written"


def test_it_is_tried_whether_anything_can_be_written(writer: S3Writer) -> None:
    retrying = Retrying(sleep=lambda seconds: None)
    writer.require_writable("labels.csv", retrying)
    assert begun(writer) == 0
    assert "Contents" not in ask(writer, "list_objects_v2", Bucket="bucket")
    with pytest.raises(StoreFaultError, match="NoSuchBucket"):
        open_writable(Url("s3://another-bucket/out")).require_writable("labels.csv", retrying)


def test_nothing_is_written_where_it_could_be_seen_half_written() -> None:
    with pytest.raises(OutputError, match="before it is complete"):
        require_writable_store(Url("ftp://server/labels.csv"))
