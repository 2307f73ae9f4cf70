"""Scans an archive of very many tiny members, as `classify` does before it labels: time, memory, bytes of the list.

    python benchmarks/archives.py --members 1_000_000 --folder /tmp/archives

The archives are made in the folder, and stay there for the next run. CPU time and memory are those of the process that
scans.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

CONTENT = b"xyz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, required=True, help="where the archives are made")
    parser.add_argument("--scan", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.scan is not None:
        print(json.dumps(scan(asked.scan)))
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    for kind, make in (("tar", make_tar), ("zip", make_zip)):
        archive = asked.folder / f"{asked.members}.{kind}"
        if not archive.exists():
            make(archive, asked.members)
        command = [sys.executable, __file__, "--folder", str(asked.folder), "--scan", str(archive)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(
            f"{kind}: {found['rows']:,} members, {archive.stat().st_size / 1e6:,.0f} MB: {found['cpu_s']:.1f} CPU s, "
            f"{found['clock_s']:.1f} s, {found['peak_mib']:,} MiB at most, manifest {found['manifest'] / 1e6:,.1f} MB"
        )


def scan(archive: Path) -> dict[str, float]:
    """Scan an archive in this process."""
    from fashionbatch.labeling.source.archives import scan_archives
    from fashionbatch.labeling.source.request import ScanOptions

    manifest = archive.with_suffix(".manifest")
    manifest.unlink(missing_ok=True)
    began, clock = time.process_time(), time.monotonic()
    summary = scan_archives(archive, ScanOptions(extensions=(".jpg",)), manifest)
    return {
        "rows": summary.rows,
        "cpu_s": time.process_time() - began,
        "clock_s": time.monotonic() - clock,
        "peak_mib": peak_mib(),
        "manifest": manifest.stat().st_size,
    }


def peak_mib() -> int:
    """Of this program alone: what `getrusage` tells may be that of the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) >> 10


def name_of(number: int) -> str:
    """In another order than that of the rows, as packers leave it."""
    return f"{number % 997:03}/{number:07}.jpg"


def make_tar(path: Path, members: int) -> None:
    with tarfile.open(path, "w") as archive:
        for number in range(members):
            entry = tarfile.TarInfo(name_of(number))
            entry.size = len(CONTENT)
            archive.addfile(entry, io.BytesIO(CONTENT))
            archive.members.clear()  # type: ignore[attr-defined] - what it keeps of each would fill the memory


def make_zip(path: Path, members: int) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(members):
            archive.writestr(name_of(number), CONTENT)


if __name__ == "__main__":
    main()
