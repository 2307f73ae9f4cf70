from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from fashionbatch.collecting.queries import load_queries
from fashionbatch.plugins import load_plugins

if TYPE_CHECKING:
    from fashionbatch.testing.web import FakeClock, FakeWeb


def draw_photo(seed: int, *, size: tuple[int, int] = (96, 80), format_: str = "JPEG", quality: int = 90) -> bytes:
    """A photo like no other seed's: large soft spots of colour."""
    rng = np.random.default_rng(seed)
    spots = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    spots.resize(size, Image.Resampling.BICUBIC).save(buffer, format_, **({"quality": quality} if quality else {}))
    return buffer.getvalue()


@pytest.fixture
def photo():
    return draw_photo


@pytest.fixture
def clock():
    pytest.importorskip("httpcore", reason="the extra `collect` is not installed")
    from fashionbatch.testing.web import FakeClock

    return FakeClock()


@pytest.fixture
def web(clock):
    from fashionbatch.testing.web import FakeWeb

    with FakeWeb(now=clock.now) as fake:
        yield fake


@pytest.fixture(scope="session")
def searches():
    return load_plugins({"register_image_searches"}).registry


class Collecting:
    """Runs `collect` against the fake web."""

    def __init__(self, folder: Path, web: FakeWeb, clock: FakeClock, registry) -> None:
        self.folder, self.web, self.clock, self.registry = folder, web, clock, registry
        self.output = folder / "photos"

    def write(self, yaml: str, **lists: str) -> Path:
        for name, text in lists.items():
            (self.folder / f"{name}.csv").write_text(textwrap.dedent(text), encoding="utf-8")
        path = self.folder / "queries.yaml"
        path.write_text(textwrap.dedent(yaml), encoding="utf-8")
        return path

    def list_of(self, urls, *, licence: str = "cc0") -> Path:
        """A file of queries with one class, `dress`, and these addresses."""
        urls = list(urls)
        rows = "\n".join(f"{url},{licence},Ana,http://pages.example/{number}" for number, url in enumerate(urls))
        return self.write(
            f"""\
            version: 1
            contact: ana@example.org
            classes:
              dress: {{count: {max(1, len(urls))}, lists: [dress.csv]}}
            """,
            dress=f"url,licence,creator,source\n{rows}\n",
        )

    def run(self, path: Path, **options):
        from fashionbatch.collecting.run import collect

        exchange = self.web.exchange()
        try:
            return collect(
                load_queries(path, self.registry), self.output, clock=self.clock, exchange=exchange, **options
            )
        finally:
            exchange.close()

    def outcomes(self, report) -> dict[str, tuple[str, str]]:
        """By the last part of an address: outcome and reason."""
        return {row.take.hit.url.rpartition("/")[2]: (row.outcome, row.reason) for row in report.rows}


@pytest.fixture
def collecting(tmp_path, web, clock, searches):
    return Collecting(tmp_path, web, clock, searches)
