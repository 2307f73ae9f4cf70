from __future__ import annotations

import pytest

from fashionbatch.collecting.licences import REUSABLE, refusal, short_name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("by", "by"),
        ("BY-SA", "by-sa"),
        ("CC BY 2.0", "by"),
        ("CC BY-SA 3.0 de", "by-sa"),
        ("cc-by-nc-nd-4.0", "by-nc-nd"),
        ("CC0", "cc0"),
        ("CC0 1.0 Universal", "cc0"),
        ("Public domain", "pdm"),
        ("PDM 1.0", "pdm"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "by-sa"),
        ("http://creativecommons.org/publicdomain/mark/1.0/deed.de", "pdm"),
        ("Creative Commons Attribution", "by"),
        ("Creative Commons Attribution-ShareAlike 4.0 International", "by-sa"),
        ("Creative Commons Attribution-NonCommercial-NoDerivs 2.0 Generic", "by-nc-nd"),
        ("CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)", "by"),
        ("CC BY-SA 2.5, 2.0, 1.0", "by-sa"),
        ("CC0 1.0 Universal (CC0 1.0) Public Domain Dedication", "cc0"),
        ("//creativecommons.org/licenses/by/3.0/de/deed.de", "by"),
        ("own", "own"),
        ("  ", ""),
    ],
)
def test_a_licence_has_one_short_name(written, name):
    assert short_name(written) == name


@pytest.mark.parametrize(
    "licence",
    [
        "",
        "by-nc",
        "CC BY-ND 4.0",
        "CC BY NC",
        "CC BY 2.0 nc",
        "All rights reserved",
        "by permission",
        "GFDL",
        "unknown",
        "CC BY 4.0; all rights reserved",
        "CC BY 4.0 non-commercial only",
        "CC BY (not for shops)",
        "CC BY 4.0 (https://x.example) for friends",
        "cc by-sa or by-nc",
        "not under https://creativecommons.org/licenses/by/4.0",
        "{'name': 'by'}",
        f"by {'-' * 100_000}",
    ],
)
def test_what_does_not_permit_reuse_is_refused_with_its_name(licence):
    reason = refusal(licence, frozenset(REUSABLE))

    assert reason is not None
    assert repr(short_name(licence)) in reason or not licence
