"""Hosts that mean no good, are ill, or have wishes: each is an outcome, and none ends the run."""

from __future__ import annotations

import csv
import errno
import json
from itertools import pairwise

import pytest

from fashionbatch.errors import FashionBatchError

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")

from fashionbatch.testing.web import Reply


def rows_in(folder) -> list[dict[str, str]]:
    with (folder / "collected.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        (Reply(headers={f"X-{n}": "x" * 2_000 for n in range(100)}), "failed", "the connection failed"),
        (
            Reply(headers={"Content-Length": "9" * 5_000}, pieces=lambda: iter([b"x"])),
            "failed",
            "the connection failed",
        ),
        (Reply(b"abc", headers={"Content-Encoding": "gzip, gzip"}), "refused", "which nobody asked for"),
        (Reply(b"", 200), "refused", "no photo that can be used"),
        (Reply(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "refused", "no photo that can be used"),
        (Reply(b"GIF89a<script>alert(1)</script>"), "refused", "no photo that can be used"),
        (Reply(status=304), "refused", "status 304"),
        (Reply(b"abc", status=206), "refused", "status 206"),
        (Reply(status=408), "failed", "status 408 (asked 4 times)"),
        (Reply(status=302, headers={"Location": "gopher://photos.example/1"}), "refused", "only http and https"),
        (Reply(status=302, headers={"Location": "ftp://photos.example/1"}), "refused", "only http and https"),
        (Reply(status=302, headers={"Location": "http://photos.example:6379/%0d%0aKEYS"}), "refused", "status 404"),
        (Reply(status=302, headers={"Location": "https://photos.example:25/"}), "refused", "of another service"),
        (Reply(status=302, headers={"Location": "http://localhost./"}), "refused", "127.0.0.1, which is no public"),
        (Reply(b"\xff\xd8", headers={"X-Robots-Tag": "otherbot: noai"}), "refused", "no photo that can be used"),
        (Reply(headers={"Retry-After": "-5"}, status=503), "later", ""),
    ],
)
def test_an_answer_that_is_out_of_order_is_an_outcome(collecting, web, reply, outcome, reason):
    web.addresses["localhost"] = ["127.0.0.1"]
    url = web.put("photos.example/*", reply)

    [(found, told)] = collecting.outcomes(collecting.run(collecting.list_of([url]))).values()

    assert found == outcome
    assert reason in told


def test_addresses_that_nobody_can_ask_are_rows(collecting, web, photo):
    good = web.put("photos.example/1.jpg", Reply(photo(1)))
    path = collecting.list_of([good])
    lines = [{"url": url, "licence": "cc0"} for url in ("http://a\0b/", "http://x.example/\ud800", "x" * 9_000, good)]
    (collecting.folder / "odd.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    path.write_text(path.read_text().replace("dress.csv", "odd.jsonl").replace("count: 1", "count: 4"))

    report = collecting.run(path)

    assert [row.outcome for row in report.rows] == ["refused"] * 3 + ["ok"]
    assert [row["outcome"] for row in rows_in(collecting.output)] == ["refused"] * 3 + ["ok"]


@pytest.mark.parametrize(
    ("robots", "outcome", "reason"),
    [
        (Reply(status=401), "ok", ""),
        (Reply(status=403), "ok", ""),
        (Reply(b"<html>hello</html>", headers={"Content-Type": "text/html"}), "ok", ""),
        (Reply(b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /*.jpg$\r\n"), "refused", "does not allow it"),
        (Reply(b"#" * 600_000), "refused", "robots.txt cannot be read: the file has 600,000 bytes"),
        (
            Reply(b"User-agent: *\nContent-Signal: ai-train=no\n"),
            "refused",
            "from training (Content-Signal: ai-train=no)",
        ),
        (Reply(status=302, headers={"Location": "http://10.0.0.1/robots.txt"}), "refused", "is no public address"),
        (Reply(b"x", told=5), "failed", "robots.txt cannot be read"),
    ],
)
def test_a_robots_file_may_be_anything(collecting, photo, robots, outcome, reason):
    web = collecting.web
    web.put("photos.example/robots.txt", robots)
    url = web.put("photos.example/1.jpg", Reply(photo(1)))

    [(found, told)] = collecting.outcomes(collecting.run(collecting.list_of([url]))).values()

    assert found == outcome
    assert reason in told


def test_one_host_is_asked_one_by_one_whatever_port_it_is_asked_by(collecting, web, photo):
    places = ["photos.example", "photos.example:8080", "photos.example:8081"]
    urls = [web.put(f"{place}/{number}.jpg", Reply(photo(number))) for number, place in enumerate(places)]

    report = collecting.run(collecting.list_of(urls))

    assert [row.outcome for row in report.rows] == ["ok"] * 3
    times = [one.at for one in web.asked]
    assert len(times) == 6
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))


def test_a_photo_whose_licence_is_refused_in_one_class_is_another_ones_where_it_is_told(collecting, web, photo):
    web.put("photos.example/1.jpg", Reply(photo(1)))
    path = collecting.write(
        """\
        version: 1
        contact: ana@example.org
        classes:
          dress: {count: 1, lists: [dress.csv]}
          shirt: {count: 1, lists: [shirt.csv]}
        """,
        dress="url,licence\nhttp://photos.example/1.jpg,by-nc\n",
        shirt="url,licence\nhttp://photos.example/1.jpg,by\n",
    )

    report = collecting.run(path)

    assert [row.outcome for row in report.rows] == ["refused", "ok"]
    assert len(list(collecting.output.glob("shirt/*.jpg"))) == 1
    assert list(collecting.output.glob(".collected/store/*")) == []


def test_two_photos_of_one_id_are_two_photos(collecting, web, photo):
    for number in range(2):
        web.put(f"photos.example/{number}.jpg", Reply(photo(number)))
    path = collecting.list_of(["x", "y"])
    rows = "".join(f"http://photos.example/{number}.jpg,cc0,product 7\n" for number in (0, 1, 1))
    (collecting.folder / "dress.csv").write_text(f"url,licence,id\n{rows}")

    assert [row.outcome for row in collecting.run(path).rows] == ["ok", "ok"]


def test_a_full_disk_ends_the_run_and_the_same_command_goes_on(collecting, web, photo, monkeypatch):
    from fashionbatch.disk import steps

    urls = [web.put(f"photos.example/{number}.jpg", Reply(photo(number))) for number in range(4)]
    path = collecting.list_of(urls)

    def fail(_name, place):
        if place.parent.name == "store" and web.times(urls[1]):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(steps, "step", fail)
        with pytest.raises(FashionBatchError, match="No space left"):
            collecting.run(path)
    assert [row["outcome"] for row in rows_in(collecting.output)] == ["ok", "later", "later", "later"]

    assert [row.outcome for row in collecting.run(path).rows] == ["ok"] * 4
    assert web.times(urls[0]) == 1
