"""Headers by which a site keeps a file from being collected, in every form in which they are written."""

from __future__ import annotations

import pytest

from fashionbatch.collecting.web.wishes import unwanted_by


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({"x-robots-tag": "noai"}, "X-Robots-Tag: noai"),
        ({"x-robots-tag": "NoImageAI"}, "X-Robots-Tag: noimageai"),
        ({"x-robots-tag": "fashionbatch: noai"}, "X-Robots-Tag: noai"),
        ({"x-robots-tag": "FashionBatch/1.0 : noai"}, "X-Robots-Tag: noai"),
        ({"x-robots-tag": "*: none"}, "X-Robots-Tag: none"),
        ({"x-robots-tag": "otherbot: noindex, noai"}, None),
        ({"x-robots-tag": "otherbot: noindex, fashionbatch: noai"}, "X-Robots-Tag: noai"),
        ({"x-robots-tag": "otherbot: nofollow\nnoai"}, "X-Robots-Tag: noai"),
        ({"x-robots-tag": "unavailable_after: 25 Jun 2030 15:00:00 PST, noai"}, "X-Robots-Tag: noai"),
        ({"x-robots-tag": "max-image-preview: large"}, None),
        ({"x-robots-tag": "all"}, None),
        ({"tdm-reservation": "1"}, "TDM-Reservation: 1"),
        ({"tdm-reservation": "0\n1"}, "TDM-Reservation: 1"),
        ({"tdm-reservation": "0"}, None),
        ({"content-usage": "train-ai=n"}, "Content-Usage: train-ai=n"),
        ({"content-usage": "train-ai=y"}, None),
        ({"content-signal": "search=yes, ai-train=no"}, "Content-Signal: ai-train=no"),
        ({}, None),
    ],
)
def test_a_wish_is_heeded_if_it_is_meant_for_this_program(headers, wish):
    assert unwanted_by(headers) == wish
