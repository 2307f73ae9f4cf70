"""From addresses to folders: every outcome that a hit may have, and nothing fetched twice."""

from __future__ import annotations

import csv
import gzip
import io
import signal
from itertools import count, pairwise

import pytest
from PIL import Image

from fashionbatch.collecting.web.pace import StoppedError
from fashionbatch.errors import FashionBatchError, InterruptedRunError

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")

from fashionbatch.testing.web import Reply


def rows_in(folder) -> list[dict[str, str]]:
    with (folder / "collected.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_photo_goes_into_its_class_with_where_it_comes_from(collecting, web, photo):
    content = photo(1)
    url = web.put("photos.example/red.php", Reply(content, headers={"Content-Type": "text/html"}))

    report = collecting.run(collecting.list_of([url]))

    [row] = rows_in(collecting.output)
    assert (collecting.output / row["file"]).read_bytes() == content
    assert row["file"].startswith("dress/url_list_")
    assert row["file"].endswith(".jpg")
    assert {name: row[name] for name in ("keep", "class", "outcome", "licence", "creator", "url", "landing_page")} == {
        "keep": "yes",
        "class": "dress",
        "outcome": "ok",
        "licence": "cc0",
        "creator": "Ana",
        "url": url,
        "landing_page": "http://pages.example/0",
    }
    assert (row["width"], row["height"], row["bytes"]) == ("96", "80", str(len(content)))
    [sheet] = report.sheets["dress"]
    with Image.open(sheet) as picture:
        assert picture.format == "PNG"


def test_who_asks_is_told_to_every_host(collecting, web, photo):
    url = web.put("photos.example/1.jpg", Reply(photo(1)))

    collecting.run(collecting.list_of([url]))

    assert [one.path for one in web.asked] == ["/robots.txt", "/1.jpg"]
    for one in web.asked:
        assert one.headers["user-agent"].startswith("fashionbatch/")
        assert "ana@example.org" in one.headers["user-agent"]
        assert "cookie" not in one.headers
        assert "authorization" not in one.headers


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(b"<html>no photo</html>", headers={"Content-Type": "image/jpeg"}), "no photo that can be used"),
        (Reply(status=404), "status 404"),
        (Reply(headers={"X-Robots-Tag": "noai"}), "X-Robots-Tag: noai"),
        (Reply(headers={"X-Robots-Tag": "nofollow, noimageai"}), "X-Robots-Tag: noimageai"),
        (Reply(headers={"TDM-Reservation": "1"}), "TDM-Reservation: 1"),
        (Reply(status=302, headers={"Location": "/reply"}), "more than 5 redirects"),
        (Reply(status=302), "leads nowhere"),
        (Reply(status=302, headers={"Location": "file:///etc/passwd"}), "only http and https"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1/secret"}), "127.0.0.1, which is no public address"),
        (Reply(status=302, headers={"Location": "http://2130706433/secret"}), "127.0.0.1, which is no public address"),
        (Reply(status=302, headers={"Location": "http://0177.0.0.1/secret"}), "127.0.0.1, which is no public address"),
        (Reply(status=302, headers={"Location": "http://[::ffff:10.0.0.1]/x"}), "which is no public address"),
        (Reply(status=302, headers={"Location": "http://169.254.169.254/latest"}), "which is no public address"),
        (Reply(status=302, headers={"Location": "http://inside.example/x"}), "10.0.0.5, which is no public address"),
        (Reply(status=302, headers={"Location": "http://user:word@photos.example/x"}), "a user's name or password"),
        (Reply(b"x" * 2_000_000), "limit is 1,000,000"),
        (Reply(pieces=lambda: iter([b"x" * 65536] * 40)), "larger than the limit"),
        (Reply(gzip.compress(bytes(5_000_000)), headers={"Content-Encoding": "gzip"}), "larger than the limit"),
        (Reply(b"abc", headers={"Content-Encoding": "gzip"}), "not the gzip that it says"),
        (Reply(b"abc", headers={"Content-Encoding": "br"}), "which nobody asked for"),
    ],
)
def test_what_must_not_be_taken_is_refused_and_says_why(collecting, web, reply, reason):
    web.addresses["inside.example"] = ["93.184.216.9", "10.0.0.5"]
    url = web.put("photos.example/reply", reply)
    path = collecting.list_of([url])
    path.write_text(path.read_text() + "limits: {megabytes: 1}\n")

    report = collecting.run(path)

    outcome, told = collecting.outcomes(report)["reply"]
    assert outcome == "refused"
    assert reason in told
    assert not list(collecting.output.glob("dress/*"))


def test_pixels_are_limited_before_they_take_memory(collecting, web, images_factory):
    url = web.put("photos.example/bomb.png", Reply(images_factory.bomb_png()))

    report = collecting.run(collecting.list_of([url]))

    assert collecting.outcomes(report)["bomb.png"][0] == "refused"


def test_a_body_that_is_cut_short_is_asked_for_again_and_then_fails(collecting, web, photo):
    content = photo(1)
    url = web.put("photos.example/cut.jpg", Reply(content[:500], told=len(content)))
    mended = web.put("photos.example/mended.jpg", [Reply(content[:500], told=len(content)), Reply(content)])

    outcomes = collecting.outcomes(collecting.run(collecting.list_of([url, mended])))

    assert outcomes["cut.jpg"][0] == "failed"
    assert web.times(url) == 4
    assert outcomes["mended.jpg"][0] == "ok"
    assert web.times(mended) == 2


def test_an_answer_that_drips_ends_by_its_time(collecting, web):
    def drip():
        for _ in count():
            yield b"x"

    url = web.put("photos.example/drip.jpg", Reply(pieces=drip))
    path = collecting.list_of([url])
    path.write_text(path.read_text() + "limits: {seconds: 0.1, megabytes: 1000}\n")

    report = collecting.run(path)

    assert collecting.outcomes(report)["drip.jpg"] == ("failed", "the answer took longer than 0.1 s (asked 4 times)")


def test_a_robots_file_is_asked_once_a_host_and_heeded(collecting, web, photo):
    web.put("photos.example/robots.txt", Reply(b"User-agent: *\nDisallow: /private/\nCrawl-delay: 7\n"))
    urls = [web.put(f"photos.example/{name}.jpg", Reply(photo(n))) for n, name in enumerate(["a", "private/b", "c"])]

    outcomes = collecting.outcomes(collecting.run(collecting.list_of(urls)))

    assert outcomes["b.jpg"] == ("refused", "the robots.txt of photos.example does not allow it")
    assert outcomes["a.jpg"][0] == outcomes["c.jpg"][0] == "ok"
    assert web.times("photos.example/robots.txt") == 1
    assert web.times(urls[1]) == 0
    first, second = (one.at for one in web.asked if one.path.endswith(("a.jpg", "c.jpg")))
    assert second - first >= 7


def test_a_robots_file_that_cannot_be_asked_forbids_everything(collecting, web, photo):
    web.put("photos.example/robots.txt", Reply(status=500))
    url = web.put("photos.example/a.jpg", Reply(photo(1)))

    report = collecting.run(collecting.list_of([url]))

    outcome, reason = collecting.outcomes(report)["a.jpg"]
    assert outcome == "failed"
    assert "robots.txt cannot be read" in reason
    assert web.times(url) == 0


@pytest.mark.parametrize("wish", ["30", "Thu, 01 Jan 2026 00:00:32 GMT"])
def test_a_host_that_is_busy_is_left_alone_for_as_long_as_it_asks(collecting, web, photo, wish):
    url = web.put("photos.example/1.jpg", [Reply(status=429, headers={"Retry-After": wish}), Reply(photo(1))])

    report = collecting.run(collecting.list_of([url]))

    assert collecting.outcomes(report)["1.jpg"][0] == "ok"
    first, second = (one.at for one in web.asked if one.path == "/1.jpg")
    assert second - first >= 30


def test_a_host_that_asks_for_an_hour_is_left_for_another_run(collecting, web, photo):
    busy = web.put("photos.example/1.jpg", [Reply(status=503, headers={"Retry-After": "3600"}), Reply(photo(1))])
    other = web.put("photos.example/2.jpg", Reply(photo(2)))
    path = collecting.list_of([busy, other])

    first = collecting.run(path)
    again = collecting.run(path)

    assert {outcome for outcome, _ in collecting.outcomes(first).values()} == {"later"}
    assert "left alone" in first.notes[0]
    assert {outcome for outcome, _ in collecting.outcomes(again).values()} == {"ok"}


def test_no_host_is_asked_faster_than_its_pace_and_hosts_are_asked_side_by_side(collecting, web, photo):
    urls = [
        web.put(f"{host}.example/{number}.jpg", Reply(photo(10 * number + len(host))))
        for host in ("a", "bb", "ccc")
        for number in range(4)
    ]
    path = collecting.list_of(urls)
    path.write_text(path.read_text() + "pace: 2.5\n")

    collecting.run(path)

    for host in ("a.example", "bb.example", "ccc.example"):
        times = [one.at for one in web.asked if one.host == host]
        assert len(times) == 5  # robots.txt and four photos
        assert all(later - earlier >= 2.5 for earlier, later in pairwise(times))


def test_redirects_are_followed_one_by_one_and_each_site_is_asked_for_its_wishes(collecting, web, photo):
    url = web.put("short.example/x", Reply(status=301, headers={"Location": "//photos.example/1.jpg"}))
    target = web.put("photos.example/1.jpg", Reply(photo(1)))
    forbidden = web.put("short.example/y", Reply(status=301, headers={"Location": "http://closed.example/2.jpg"}))
    web.put("closed.example/robots.txt", Reply(b"User-agent: fashionbatch\nDisallow: /\n"))

    outcomes = collecting.outcomes(collecting.run(collecting.list_of([url, forbidden])))

    assert outcomes["x"][0] == "ok"
    assert web.times(target) == 1
    assert outcomes["y"] == ("refused", "the robots.txt of closed.example does not allow it")


def test_copies_are_put_aside_whatever_class_they_are_found_for(collecting, web, photo):
    near = io.BytesIO()
    Image.open(io.BytesIO(photo(1))).resize((84, 70)).save(near, "PNG")
    for name, content in {"a": photo(1), "same": photo(1), "near": near.getvalue(), "other": photo(2)}.items():
        web.put(f"photos.example/{name}", Reply(content))
    path = collecting.write(
        """\
        version: 1
        contact: ana@example.org
        classes:
          dress: {count: 2, lists: [dress.csv]}
          shirt: {count: 2, lists: [shirt.csv]}
        """,
        dress="url,licence\nhttp://photos.example/a,cc0\nhttp://photos.example/same,cc0\n",
        shirt="url,licence\nhttp://photos.example/near,cc0\nhttp://photos.example/other,cc0\n",
    )

    report = collecting.run(path)

    outcomes = collecting.outcomes(report)
    [kept] = [row.file for row in report.rows if row.take.hit.url.endswith("/a")]
    assert outcomes["same"] == ("duplicate", f"the same file as {kept}")
    assert outcomes["near"] == ("duplicate", f"nearly the same picture as {kept}")
    assert outcomes["other"][0] == "ok"
    assert len(list(collecting.output.glob("dress/*"))) == len(list(collecting.output.glob("shirt/*"))) == 1
    assert len(list(collecting.output.glob(".collected/aside/shirt/*"))) == 1


@pytest.mark.parametrize("licence", ["by-nc-nd", "", "all rights reserved"])
def test_a_photo_without_a_licence_that_permits_reuse_is_not_even_asked_for(collecting, web, photo, licence):
    url = web.put("photos.example/1.jpg", Reply(photo(1)))
    path = collecting.list_of([url], licence=licence)

    report = collecting.run(path)

    outcome, reason = collecting.outcomes(report)["1.jpg"]
    assert outcome == "refused"
    assert "licence" in reason
    assert web.asked == []
    assert collecting.outcomes(collecting.run(path, any_licence=True))["1.jpg"][0] == "ok"


def test_a_second_run_asks_for_nothing_and_leaves_the_same_table(collecting, web, photo):
    urls = [web.put(f"photos.example/{number}.jpg", Reply(photo(number))) for number in range(3)]
    urls.append(web.put("photos.example/gone.jpg", Reply(status=410)))
    path = collecting.list_of(urls)
    collecting.run(path)
    table, asked = (collecting.output / "collected.csv").read_bytes(), len(web.asked)

    collecting.run(path)

    assert len(web.asked) == asked
    assert (collecting.output / "collected.csv").read_bytes() == table


def test_what_failed_is_asked_for_again_on_request(collecting, web, photo):
    url = web.put("photos.example/1.jpg", [*[Reply(status=500)] * 4, Reply(photo(1))])
    path = collecting.list_of([url])

    assert collecting.outcomes(collecting.run(path))["1.jpg"][0] == "failed"
    assert collecting.outcomes(collecting.run(path))["1.jpg"][0] == "failed"
    assert collecting.outcomes(collecting.run(path, retry_failed=True))["1.jpg"][0] == "ok"


def test_an_interrupted_run_says_so_and_the_same_command_goes_on(collecting, web, photo, clock, monkeypatch):
    urls = [web.put(f"photos.example/{number}.jpg", Reply(photo(number))) for number in range(4)]
    path = collecting.list_of(urls)
    sleep = clock.sleep

    def stop_after_two(seconds):
        if web.times(urls[1]):
            raise StoppedError
        sleep(seconds)

    monkeypatch.setattr(clock, "sleep", stop_after_two)
    with pytest.raises(InterruptedRunError) as stopped:
        collecting.run(path, stop_signal=lambda: signal.SIGINT if web.times(urls[1]) else 0)
    assert stopped.value.exit_code == 130
    assert [row["outcome"] for row in rows_in(collecting.output)] == ["ok", "ok", "later", "later"]

    monkeypatch.undo()
    report = collecting.run(path)

    assert [row.outcome for row in report.rows] == ["ok"] * 4
    assert all(web.times(url) == 1 for url in urls)


def test_only_one_process_collects_into_a_folder(collecting, web, photo):
    from fashionbatch.collecting.folder import CollectedFolder

    path = collecting.list_of([web.put("photos.example/1.jpg", Reply(photo(1)))])
    with CollectedFolder(collecting.output).held(), pytest.raises(FashionBatchError, match="another process"):
        collecting.run(path)
