"""Writes objects of S3: small ones by one request, large ones in parts that become an object all at once."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final

from fashionbatch import disk
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.s3 import S3Objects
from fashionbatch.stores.writing import Outcome, Upload, Written

PART_BYTES: Final = 16 << 20
_MOST_PARTS: Final = 10_000
_MOST_REMOVED: Final = 1000
_LONGEST_NOTE: Final = 1 << 16
_TAKEN: Final = frozenset({"PreconditionFailed", "NoSuchUpload"})
"""An upload that is not there any more was completed by a request whose answer was lost: the object tells."""
_GONE: Final = frozenset({"NoSuchKey", "404"})
_UNCONDITIONAL: Final = frozenset({"NotImplemented", "501"})
_CONFLICTS: Final = frozenset({"ConditionalRequestConflict", "409"})
"""Another writer was at it in the same moment: asked again, the store knows who was first."""


class S3Writer(S3Objects):
    """The objects below an address in S3, and new ones."""

    def require_writable(self, path: str, retrying: Retrying) -> None:
        """As `WritableObjects` says: an upload in parts is begun, which needs the same rights, and ended."""
        self._abort(path, self._begin(path, retrying), retrying)

    def put(self, upload: Upload) -> Outcome:
        """As `WritableObjects` says."""
        self._end_what_was_begun(upload)
        if upload.file.stat().st_size > PART_BYTES:
            return self._put_in_parts(upload)
        content = upload.file.read_bytes()
        upload.goes_on()
        return self._finish(upload, "put_object", Body=content)

    def write(self, path: str, content: bytes, over: str | None, retrying: Retrying) -> Written:
        """As `WritableObjects` says."""
        condition = {} if over is None else {"IfMatch": over} if over else {"IfNoneMatch": "*"}
        written: Written = retrying.call(
            lambda seconds: self._wait(self._write("put_object", path, Body=content, **condition), seconds)
        )
        return written

    def remove(self, paths: Sequence[str], retrying: Retrying) -> None:
        """As `WritableObjects` says: a thousand by one request."""
        for start in range(0, len(paths), _MOST_REMOVED):
            some = paths[start : start + _MOST_REMOVED]
            retrying.call(lambda seconds, some=some: self._wait(self._delete(some), seconds))  # type: ignore[misc]

    def age_s(self, path: str, seconds: float) -> float | None:
        """As `WritableObjects` says, by the date of the store's answer."""
        found = self._wait(self._head(path), seconds)
        date = found.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        try:
            return float((parsedate_to_datetime(date) - found["LastModified"]).total_seconds()) if date else None
        except (TypeError, ValueError):
            return None

    def _put_in_parts(self, upload: Upload) -> Outcome:
        number = self._begin(upload.path, upload.retrying)
        outcome: Outcome = "taken"
        try:
            disk.write_file(upload.note, number.encode())
            parts = {"Parts": self._send_parts(upload, number)}
            outcome = self._finish(upload, "complete_multipart_upload", UploadId=number, MultipartUpload=parts)
        finally:
            # What comes in between is what the user reads of. The note stays, and the next run tries it again.
            with contextlib.suppress(StoreFaultError):
                if outcome != "written":
                    self._abort(upload.path, number, upload.retrying)
                disk.remove(upload.note)
        return outcome

    def _send_parts(self, upload: Upload, number: str) -> list[dict[str, Any]]:
        """Send a file piece by piece; gives what the store wants to be told of each."""
        parts = []
        size = upload.file.stat().st_size
        part_bytes = max(PART_BYTES, -(-size // _MOST_PARTS))
        with upload.file.open("rb") as opened:
            for part in range(1, -(-size // part_bytes) + 1):
                upload.goes_on()
                asked = {"UploadId": number, "PartNumber": part, "Body": opened.read(part_bytes)}
                answer = self._ask("upload_part", upload.path, upload.retrying, **asked)
                parts.append({"ETag": answer["ETag"], "PartNumber": part})
        return parts

    def _finish(self, upload: Upload, operation: str, **asked: Any) -> Outcome:
        """Send the request by which the object appears."""
        condition = {} if upload.replace else {"IfNoneMatch": "*"}
        written: Written = upload.retrying.call(
            lambda seconds: self._wait(self._write(operation, upload.path, **asked, **condition), seconds)
        )
        return written.outcome

    def _end_what_was_begun(self, upload: Upload) -> None:
        if upload.note.exists():
            number = disk.read_regular(upload.note, _LONGEST_NOTE).decode("ascii", "replace")
            self._abort(upload.path, number, upload.retrying)
            disk.remove(upload.note)

    def _begin(self, path: str, retrying: Retrying) -> str:
        """Begin an upload in parts; gives the store's name for it."""
        number: str = self._ask("create_multipart_upload", path, retrying)["UploadId"]
        return number

    def _abort(self, path: str, number: str, retrying: Retrying) -> None:
        try:
            self._ask("abort_multipart_upload", path, retrying, UploadId=number)
        except StoreFaultError as fault:
            if fault.kind != "missing":
                raise

    def _ask(self, operation: str, path: str, retrying: Retrying, **asked: Any) -> Any:
        return retrying.call(lambda seconds: self._wait(self._send(operation, path, **asked), seconds))

    async def _send(self, operation: str, path: str, **asked: Any) -> Any:
        client = await self._client()
        names = {"Bucket": self._bucket, "Key": self._prefix + path}
        return await getattr(client, operation)(**names, **asked, **self._system.req_kw)

    async def _delete(self, paths: Sequence[str]) -> None:
        client = await self._client()
        wanted = {"Objects": [{"Key": self._prefix + path} for path in paths], "Quiet": True}
        answer = await client.delete_objects(Bucket=self._bucket, Delete=wanted, **self._system.req_kw)
        for refused in answer.get("Errors", ()):
            code = str(refused.get("Code", "Error"))
            raise StoreFaultError(
                "denied" if code == "AccessDenied" else "passing", f"{code}: the store did not remove an object"
            )

    async def _write(self, operation: str, path: str, **asked: Any) -> Written:
        """Send the request by which an object appears, if its condition holds."""
        from botocore.exceptions import ClientError

        try:
            answer = await self._send(operation, path, **asked)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            # What was to be replaced may also have gone.
            if code in _TAKEN or ("IfMatch" in asked and code in _GONE):
                return Written("taken")
            if asked.keys() & {"IfNoneMatch", "IfMatch"} and code in _UNCONDITIONAL:
                return Written("unconditional")
            if code in _CONFLICTS:
                raise StoreFaultError("passing", f"{code}: another writer was at it in the same moment") from error
            raise
        return Written("written", str(answer.get("ETag", "")))
