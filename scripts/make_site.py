"""Builds the documents as a site by zensical, and checks it; `make docs` runs it.

    python scripts/make_site.py            # into site/

Pages lie in the site as they lie in the repository, so that one link leads to the same page in both. The site asks no
other host for anything: what a page loads by itself has to be its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "zensical.toml"
# As `docs_dir` and `site_dir` in the configuration.
_PAGES, _BUILT = Path("build/site-pages"), Path("site")
_LINK = re.compile(r"\]\(([^)\s#]+)|src=\"([^\"]+)\"")
# Attributes whose address a browser loads by itself. A link is followed by its reader.
_LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src", "video": "src"}
# Classes for which the theme's script fetches a library from another host.
_FETCHES = {"mermaid", "glightbox", "pyodide"}


def main() -> int:
    """Build the site into `site/` and say what is wrong with it; exit code 1 where something is."""
    target = ROOT / "site"
    build(target)
    mistakes = list(find_mistakes(target))
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    print(f"site/: {len(list(target.rglob('*.html')))} pages, {len(mistakes)} mistakes")
    return 1 if mistakes else 0


def documents() -> list[Path]:
    """Every document, relative to the repository: those at its root, then `docs/` with its folders."""
    found = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    return [path.relative_to(ROOT) for path in found]


def build(target: Path) -> None:
    """Build the site into `target`, in place of what is there.

    Raises:
        SystemExit: zensical is not installed, or it failed; what it said is shown.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        _gather(work / _PAGES)
        shutil.copy(CONFIGURATION, work)
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            absent = "No module named zensical" in done.stderr
            hint = "`pip install 'fashionbatch[docs]'` brings zensical\n" if absent else ""
            sys.exit(f"the site could not be built:\n{done.stdout}{done.stderr}{hint}")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(work / _BUILT, target)


def find_mistakes(site: Path) -> Iterator[str]:
    """What is wrong with the pages of a built site: links without a target, and what other hosts would be asked for."""
    pages = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        yield from (f"{name}: loads {address}" for address in page.loaded if urlsplit(address).netloc)
        yield from (f"{name}: the theme fetches a library for the class {kind!r}" for kind in page.classes & _FETCHES)
        for address in (*page.links, *page.loaded):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = _target(site, path, unquote(parts.path))
            if not target.is_file():
                yield f"{name}: nothing is at {address}"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{name}: no such place: {address}"


@dataclass
class _Page(HTMLParser):
    """What a page links to, loads and offers as places of links."""

    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in _LOADED and _LOADED[tag] in values:
            self.loaded.append(values[_LOADED[tag]])
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.classes |= set(values.get("class", "").split())


def _gather(pages: Path) -> None:
    """Copy the documents and every file that they link to, each to its place."""
    for document in documents():
        _copy(document, pages)
        for found in _LINK.findall((ROOT / document).read_text(encoding="utf-8")):
            linked = ((ROOT / document).parent / "".join(found)).resolve()
            if linked.is_file() and linked.is_relative_to(ROOT) and linked.suffix != ".md":
                _copy(linked.relative_to(ROOT), pages)


def _copy(path: Path, pages: Path) -> None:
    (pages / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / path, pages / path)


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _target(site: Path, page: Path, path: str) -> Path:
    if not path:
        return page
    target = site / path.lstrip("/") if path.startswith("/") else (page.parent / path).resolve()
    return target / "index.html" if target.is_dir() else target


if __name__ == "__main__":
    sys.exit(main())
