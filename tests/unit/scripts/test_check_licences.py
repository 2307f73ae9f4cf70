"""What an installation brings may be given on under Apache-2.0; a licence that nobody has read is told."""

from __future__ import annotations

import importlib.util
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "check_licences.py"
SPEC = importlib.util.spec_from_file_location("check_licences", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
check_licences = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check_licences)


@pytest.fixture
def package(tmp_path):
    def make(*lines, licence_file=""):
        folder = tmp_path / "thing-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            "\n".join(["Metadata-Version: 2.4", "Name: thing", "Version: 1.0", *lines, ""])
        )
        (folder / "LICENSES_bundled.txt").write_text(licence_file)
        (folder / "RECORD").write_text("thing-1.0.dist-info/LICENSES_bundled.txt,,\n")
        return PathDistribution(folder)

    return make


@pytest.mark.parametrize(
    ("line", "licences"),
    [
        ("License-Expression: MIT", ("MIT",)),
        ("License-Expression: GPL-3.0-only OR BSD-3-Clause", ("BSD-3-Clause",)),
        ("License-Expression: (Apache-2.0 WITH LLVM-exception) AND MIT", ("Apache-2.0", "MIT")),
        ("License: Apache 2.0", ("Apache-2.0",)),
        ("Classifier: License :: OSI Approved :: MIT License", ("MIT",)),
        ("License: Ask Me First", ("Ask Me First",)),
        ("Summary: says nothing", ()),
    ],
)
def test_metadata_name_licences_in_many_ways(package, line, licences):
    assert check_licences.licences_of(package(line).metadata) == licences


def test_a_wheel_that_brings_a_part_under_the_gpl_is_found(package):
    brings = package("License-Expression: MIT", licence_file="Name: codec\nLicense: GPLv2\n")
    assert check_licences.bundled(brings) == ("GPL within",)


@pytest.mark.parametrize(
    ("licences", "says"),
    [
        (("MIT", "GPL-3.0-only"), "the licence 'GPL-3.0-only'"),
        (("GPL within",), "'GPL within'"),
        ((), "no licence in its metadata"),
    ],
)
def test_what_is_not_known_as_permissive_is_told(licences, says):
    [problem] = check_licences.problems_of({"thing": licences, "another": ("MIT",)})
    assert problem.startswith("thing has ")
    assert says in problem
