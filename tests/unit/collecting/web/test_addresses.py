"""Only the public internet is connected to, however an address is written and whatever a name stands for."""

from __future__ import annotations

import pytest

from fashionbatch.collecting.web.addresses import (
    ForbiddenAddressError,
    is_public,
    public_addresses,
    system_addresses,
)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "fec0::1",
        "::127.0.0.1",
        "4000::1",
        "192.88.99.1",
        "not an address",
    ],
)
def test_an_address_of_special_use_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


def test_one_private_address_among_public_ones_is_enough_to_refuse():
    with pytest.raises(ForbiddenAddressError, match=r"10\.0\.0\.1"):
        public_addresses("mixed.example", 80, lambda host, port: ["93.184.216.34", "10.0.0.1"])


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "localhost"])
def test_names_and_numbers_in_any_form_mean_what_the_system_takes_them_for(host):
    with pytest.raises(ForbiddenAddressError, match=r"127\.0\.0\.1|::1"):
        public_addresses(host, 80, system_addresses)


@pytest.mark.parametrize("host", ["a\0b", f"{'a' * 70}.example", "a..b"])
def test_what_the_system_cannot_read_as_a_name_has_no_address(host):
    with pytest.raises(OSError, match=r"\S"):
        system_addresses(host, 80)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("HTTP://Photos.Example:80/a b", "http://photos.example/a%20b"),
        ("https://photos.example.:443?x#y", "https://photos.example/?x"),
        ("http://photos.example:8080/", "http://photos.example:8080/"),
        ("http://glück.example/ä", "http://xn--glck-1ra.example/%C3%A4"),
        ("http://localhost./", "http://localhost/"),
        ("http://①②⑦.⓪.⓪.①/", "http://127.0.0.1/"),
        ("http://[::1]/", "http://[::1]/"),
    ],
)
def test_an_address_has_one_form(url, sent):
    pytest.importorskip("httpcore", reason="the extra `collect` is not installed")
    from fashionbatch.collecting.web.exchange import check_url

    assert check_url(url) == sent


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "ftp://photos.example/a.jpg",
        "gopher://photos.example:70/1",
        "data:image/png;base64,AAAA",
        "//photos.example/a.jpg",
        "http://",
        "http://./",
        "http://user@photos.example/",
        "http://photos.example\\@127.0.0.1/",
        "http://photos.example:25/",
        "https://photos.example:22/",
        "http://photos.example:0/",
        "http://photos.example:99999/",
        "http://photos example/",
        "http://photos.example\0.example/",
        "http://photos.example/\ud800",
        "http://\ud800.example/",
        "http://[::1/",
        f"http://photos.example/{'a' * 8000}",
    ],
)
def test_an_address_that_must_not_be_asked_is_refused(url):
    pytest.importorskip("httpcore", reason="the extra `collect` is not installed")
    from fashionbatch.collecting.web.exchange import RefusedError, check_url

    with pytest.raises(RefusedError):
        check_url(url)


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to():
    httpcore = pytest.importorskip("httpcore", reason="the extra `collect` is not installed")
    from fashionbatch.collecting.web.connections import CheckedBackend, Deadline

    answers, dialled = [["93.184.216.34"], ["127.0.0.1"]], []

    def dial(address, port, timeout):
        dialled.append(address)
        return httpcore.MockStream([])

    CheckedBackend(Deadline(), resolve=lambda host, port: answers.pop(0), dial=dial).connect_tcp("rebind.example", 80)

    assert dialled == ["93.184.216.34"]
    assert answers == [["127.0.0.1"]]
