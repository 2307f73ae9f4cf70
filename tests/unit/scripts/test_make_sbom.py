"""The bill of materials names everything that an installation brings, and is the same for the same installation."""

from __future__ import annotations

import importlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("cyclonedx", reason="cyclonedx-python-lib, of the extra `dev`, is not installed")

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def make_sbom(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))  # it imports the script beside it
    yield importlib.import_module("make_sbom")
    for name in ("make_sbom", "check_licences"):
        sys.modules.pop(name, None)


def report(*packages, **changed):
    environment = {"python_version": "3.12", "sys_platform": "linux"}
    return {"version": "1", "pip_version": "25.0", "install": list(packages), "environment": environment} | changed


def installed(name, *requires, sha256="0" * 64, extras=(), **fields):
    metadata = {"name": name, "version": "1.0", "requires_dist": list(requires), "provides_extra": list(extras)}
    return {"metadata": metadata | fields, "download_info": {"archive_info": {"hashes": {"sha256": sha256}}}}


OURS = installed(
    "fashionbatch",
    "Click>=8",
    "gone; sys_platform == 'win32'",
    "onnx[reference]; extra == 'onnx'",
    "pytest; extra == 'dev'",
    extras=("onnx", "dev"),
    license_expression="Apache-2.0",
)
BRINGS = (
    OURS,
    installed("click", "colour", license_expression="BSD-3-Clause"),
    installed("colour", classifier=["License :: OSI Approved :: MIT License"]),
    installed("onnx", "click", "pillow; extra == 'reference'", license="Apache 2.0", extras=("reference",)),
    installed("pillow", license_expression="MIT-CMU"),
    installed("pytest", license_expression="MIT"),
    installed("pip", license_expression="MIT"),
)


def text_of(make_sbom, *reports, when=None):
    return make_sbom.as_json(make_sbom.bill_of(make_sbom.read_reports(reports), when=when))


def bill(make_sbom, *reports, when=None):
    return json.loads(text_of(make_sbom, *reports, when=when))


def test_what_is_always_there_is_required_and_what_extras_bring_optional(make_sbom):
    written = bill(make_sbom, report(*BRINGS))
    assert {one["name"]: one["scope"] for one in written["components"]} == {
        "click": "required",
        "colour": "required",
        "onnx": "optional",
        "pillow": "optional",
    }
    assert written["metadata"]["component"]["purl"] == "pkg:pypi/fashionbatch@1.0"
    assert {one["ref"]: one.get("dependsOn", []) for one in written["dependencies"]} == {
        "fashionbatch==1.0": ["click==1.0", "onnx==1.0"],
        "click==1.0": ["colour==1.0"],
        "colour==1.0": [],
        "onnx==1.0": ["click==1.0", "pillow==1.0"],
        "pillow==1.0": [],
    }


def test_each_package_has_its_licence_address_and_digest(make_sbom):
    found = {one["name"]: one for one in bill(make_sbom, report(*BRINGS))["components"]}
    (clicks,), (colours,), (onnxs,) = (found[name]["licenses"] for name in ("click", "colour", "onnx"))
    assert "BSD-3-Clause" in (clicks.get("expression"), clicks.get("license", {}).get("id"))
    assert colours["license"]["id"] == "MIT"
    assert onnxs["license"]["id"] == "Apache-2.0"
    assert found["click"]["purl"] == "pkg:pypi/click@1.0"
    assert found["click"]["hashes"] == [{"alg": "SHA-256", "content": "0" * 64}]


def test_the_same_installation_gives_the_same_bytes(make_sbom):
    text = text_of(make_sbom, report(*BRINGS))
    assert text == text_of(make_sbom, report(*reversed(BRINGS)))
    assert "serialNumber" not in text
    assert "timestamp" not in text


def test_a_time_that_is_given_stands_in_it(make_sbom):
    written = bill(make_sbom, report(*BRINGS), when=datetime(2026, 11, 26, tzinfo=UTC))
    assert written["metadata"]["timestamp"].startswith("2026-11-26T00:00:00")


def test_a_later_report_says_what_is_there(make_sbom):
    again = installed("colour", sha256="1" * 64, version="2.0")
    written = bill(make_sbom, report(*BRINGS), report(again))
    (colour,) = (one for one in written["components"] if one["name"] == "colour")
    assert (colour["version"], colour["hashes"][0]["content"]) == ("2.0", "1" * 64)


def test_what_the_reports_do_not_hold_is_an_error(make_sbom):
    with pytest.raises(make_sbom.SbomError, match="lack colour, which fashionbatch needs"):
        bill(make_sbom, report(OURS, installed("click", "colour")))
    with pytest.raises(make_sbom.SbomError, match="do not name fashionbatch"):
        bill(make_sbom, report(installed("click")))


@pytest.mark.parametrize(
    ("changed", "says"), [({"version": "2"}, "of version '2'"), ({"pip_version": "23.2.1"}, "leaves out licences")]
)
def test_a_report_of_another_kind_is_an_error(make_sbom, changed, says):
    with pytest.raises(make_sbom.SbomError, match=says):
        make_sbom.read_reports([report(*BRINGS, **changed)])
