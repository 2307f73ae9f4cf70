"""Writes the bill of materials of an installation: every package with its version, digest and licence (CycloneDX 1.6).

    pip install --report report.json fashionbatch-0.2.0-py3-none-any.whl
    python scripts/make_sbom.py report.json -o fashionbatch-0.2.0.cdx.json

It is made of what pip reports about an installation into a fresh environment, so it says what was installed and tried,
and not what is allowed. What FashionBatch itself requires is `required`; what an extra alone brings is `optional`. The
same reports give the same bytes: no random number is in it, and no time but what SOURCE_DATE_EPOCH gives.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from check_licences import NOT_SHIPPED, ROOT, licences_of
from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.exception.factory import InvalidLicenseExpressionException
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PIP_REPORT = "1"
"""The version of pip's reports that is read: https://pip.pypa.io/en/stable/reference/installation-report/."""

OLDEST_PIP = Version("25.0")
"""Its reports are the first that hold licences written as SPDX expressions."""

_UNKNOWN = "UNKNOWN"
"""What older tools write where a release names no licence."""

Wanted: TypeAlias = tuple[str, str]
"""A package, and the extra of it that is wanted; "" is the package itself."""


class SbomError(Exception):
    """A report that no bill can be made of."""


def main() -> int:
    """Write the bill; exit code 1 where the reports do not hold all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", type=Path, nargs="+", help="of `pip install --report`, in the order of installing")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the JSON file to write")
    asked = parser.parse_args()
    try:
        packages = read_reports([json.loads(path.read_text("utf-8")) for path in asked.reports])
        bill = bill_of(packages, when=_source_date())
        text = as_json(bill)
    except SbomError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    asked.output.write_text(text, "utf-8")
    optional = sum(component.scope is ComponentScope.OPTIONAL for component in bill.components)
    print(f"{asked.output.name}: {len(bill.components) - optional} packages, and {optional} more of the extras")
    return 0


@dataclass(frozen=True)
class Package:
    """A package that pip installed.

    Attributes:
        metadata: as pip reports it: lower-case keys, lists where a field may stand several times.
        sha256: digest of the archive that it came in, in hexadecimal; "" where pip gives none.
        environment: what markers are evaluated with.
    """

    metadata: Mapping[str, Any]
    sha256: str
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        """As other packages ask for it."""
        return canonicalize_name(self.metadata["name"])

    @property
    def version(self) -> str:
        """Of the release."""
        return str(self.metadata["version"])

    @property
    def extras(self) -> Sequence[str]:
        """Those that it offers."""
        return tuple(self.metadata.get("provides_extra", ()))

    @cached_property
    def requirements(self) -> Sequence[Requirement]:
        """All of them, whatever their markers say."""
        return tuple(map(Requirement, self.metadata.get("requires_dist", ())))

    def required(self, extra: str) -> Iterator[Wanted]:
        """What it needs in this environment; with an extra, what that adds is among it."""
        for needed in self.requirements:
            if needed.marker is None or needed.marker.evaluate({**self.environment, "extra": extra}):
                for inner in ["", *sorted(needed.extras)]:
                    yield canonicalize_name(needed.name), inner


def read_reports(reports: Iterable[Mapping[str, Any]]) -> dict[str, Package]:
    """Every package of some installations into one environment, by its name; a later report says what is there.

    Raises:
        SbomError: a report is of a version that is not known, or of a pip that leaves out licences.
    """
    found: dict[str, Package] = {}
    for report in reports:
        if report.get("version") != PIP_REPORT:
            raise SbomError(f"pip's report is of version {report.get('version')!r}, and {PIP_REPORT!r} is read")
        if Version(report["pip_version"]) < OLDEST_PIP:
            raise SbomError(f"pip {report['pip_version']} leaves out licences; install by {OLDEST_PIP} or newer")
        for item in report["install"]:
            sha256 = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256", "")
            package = Package(item["metadata"], sha256, report["environment"])
            found[package.name] = package
    return found


def bill_of(packages: Mapping[str, Package], *, when: datetime | None = None) -> Bom:
    """The bill of materials of FashionBatch among these packages.

    Args:
        packages: by name, FashionBatch's own among them.
        when: the time that it bears; None for none.

    Raises:
        SbomError: FashionBatch, or what it requires, is not among them.
    """
    if ROOT not in packages:
        raise SbomError(f"the reports do not name {ROOT}")
    required = _reached(packages, [(ROOT, "")])
    if missing := sorted(name for name in required if name not in packages):
        raise SbomError(
            f"the reports lack {', '.join(missing)}, which {ROOT} needs; install it into an environment that is empty"
        )
    extras = [(ROOT, extra) for extra in packages[ROOT].extras if extra != NOT_SHIPPED]
    # An extra that was not installed brings nothing.
    reached = [name for name in _reached(packages, [(ROOT, ""), *extras]) if name in packages]
    components = {
        name: _component(packages[name], ComponentScope.REQUIRED if name in required else ComponentScope.OPTIONAL)
        for name in reached
    }
    root = components[ROOT]
    root.type, root.scope = ComponentType.APPLICATION, None
    bill = Bom(components=[component for name, component in components.items() if name != ROOT])
    bill.metadata.component = root
    # The library would make up both.
    bill.serial_number = None  # type: ignore[assignment]
    bill.metadata.timestamp = when  # type: ignore[assignment]
    for name, component in components.items():
        offered = packages[name].extras if name != ROOT else [extra for _, extra in extras]
        needed = {wanted for extra in ["", *offered] for wanted, _ in packages[name].required(extra)}
        bill.register_dependency(component, [components[wanted] for wanted in needed - {name} if wanted in components])
    return bill


def as_json(bill: Bom) -> str:
    """The bill as text, checked by the schema of CycloneDX.

    Raises:
        SbomError: the schema forbids it.
    """
    text = JsonV1Dot6(bill).output_as_string(indent=2) + "\n"
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SbomError(f"CycloneDX's schema forbids it: {problem}")
    return text


def _reached(packages: Mapping[str, Package], wanted: Iterable[Wanted]) -> set[str]:
    """The names of everything that these bring, themselves among it."""
    waiting = list(wanted)
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for needed in packages[name].required(extra) if name in packages else ():
            if needed not in seen:
                seen.add(needed)
                waiting.append(needed)
    return {name for name, _ in seen}


def _component(package: Package, scope: ComponentScope) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        scope=scope,
        name=package.name,
        version=package.version,
        description=package.metadata.get("summary"),
        bom_ref=f"{package.name}=={package.version}",
        purl=PackageURL("pypi", name=package.name, version=package.version),
        hashes=[HashTypeFactory().from_hashlib_alg("sha256", package.sha256)] if package.sha256 else (),
        licenses=_licences(package),
    )


def _licences(package: Package) -> list[License]:
    """As the release declares them, in SPDX's names where they are known."""
    declared = LicenseAcknowledgement.DECLARED
    factory = LicenseFactory()
    if expression := package.metadata.get("license_expression"):
        try:
            return [factory.make_with_expression(expression, acknowledgement=declared)]
        except InvalidLicenseExpressionException:
            return [factory.make_with_name(expression, acknowledgement=declared)]
    fields = Message()
    for key, header in (("license", "License"), ("classifier", "Classifier")):
        values = package.metadata.get(key, ())
        for value in [values] if isinstance(values, str) else values:
            fields[header] = value
    return [
        factory.make_from_string(name, license_acknowledgement=declared)
        for name in licences_of(fields)
        if name != _UNKNOWN
    ]


def _source_date() -> datetime | None:
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


if __name__ == "__main__":
    sys.exit(main())
