"""Hosts by https: whose certificate is trusted, and what is said of one whose is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")

from fashionbatch.testing.web import FakeWeb, Reply

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no program `openssl` makes certificates here")

CONFIGURATION = """
[ca]
default_ca = own
[own]
database = {folder}/index
new_certs_dir = {folder}
default_md = sha256
rand_serial = yes
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:{host}
basicConstraints = CA:true
"""


@pytest.fixture
def certificate(tmp_path):
    def make(host: str = "photos.example", end: str = "20990101000000Z") -> Path:
        """A certificate that vouches for itself, with its key."""
        folder = tmp_path / "certificates"
        folder.mkdir()
        (folder / "index").touch()
        (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder, host=host))

        def openssl(*arguments: str) -> None:
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem")
        openssl("req", *key, "-subj", f"/CN={host}", "-config", "openssl.cnf", "-out", "request.pem")
        signing = ("ca", "-batch", "-selfsign", "-notext", "-config", "openssl.cnf", "-keyfile", "key.pem")
        openssl(*signing, "-startdate", "20200101000000Z", "-enddate", end, "-in", "request.pem", "-out", "own.pem")
        both = folder / "both.pem"
        both.write_text((folder / "own.pem").read_text() + (folder / "key.pem").read_text())
        return both

    return make


@pytest.fixture
def asked(collecting, clock, photo):
    def run(certificate: Path) -> tuple[str, str, FakeWeb]:
        with FakeWeb(now=clock.now, certificate=certificate) as web:
            web.put("photos.example/1.jpg", Reply(photo(1)))
            collecting.web = web
            report = collecting.run(collecting.list_of(["https://photos.example/1.jpg"]))
            return *collecting.outcomes(report)["1.jpg"], web

    return run


def test_a_certificate_that_nobody_vouches_for_is_one_clear_line_and_is_asked_once(certificate, asked, clock):
    outcome, reason, web = asked(certificate())

    assert outcome == "failed"
    assert "the host's certificate is not trusted: " in reason
    assert "\n" not in reason
    assert web.asked == []
    assert clock.now() < 5  # no pauses for another try


def test_a_certificate_of_ssl_cert_file_is_trusted(certificate, asked, monkeypatch):
    own = certificate()
    monkeypatch.setenv("SSL_CERT_FILE", str(own))

    outcome, _, web = asked(own)

    assert outcome == "ok"
    assert [one.path for one in web.asked] == ["/robots.txt", "/1.jpg"]


@pytest.mark.parametrize(("host", "end"), [("other.example", "20990101000000Z"), ("photos.example", "20210101000000Z")])
def test_a_trusted_certificate_of_another_host_or_time_is_refused(certificate, asked, monkeypatch, host, end):
    own = certificate(host, end)
    monkeypatch.setenv("SSL_CERT_FILE", str(own))

    outcome, reason, web = asked(own)

    assert outcome == "failed"
    assert "the host's certificate is not trusted" in reason
    assert web.asked == []
