"""Tries `gs://` and `az://` with the real libraries, against servers on this machine, through a proxy that misbehaves.

    pip install gcsfs adlfs gcp-storage-emulator && npm install azurite
    python benchmarks/other_stores.py --azurite node_modules/.bin/azurite-blob

Each line is one check; the exit code is 1 if any of them failed. gcp-storage-emulator knows no conditions, so what
depends on them (`changed`, and that nothing is replaced) is tried with Azure alone. It has one page for all objects.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from fashionbatch.api.labeling import classify
from fashionbatch.errors import FashionBatchError
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.retrying import Patience, Retrying
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, which its documents print."""
QUICK = Retrying(Patience(tries=4, first_pause_s=0.05))
MANY = {"gs": 100, "az": 10_000}


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@contextlib.contextmanager
def served(command: list[str], port: int) -> Iterator[None]:
    """A server in a process of its own, as soon as it listens."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def proxies() -> Any:
    path = Path(__file__).parents[1] / "tests" / "stores" / "faulty_proxy.py"
    spec = importlib.util.spec_from_file_location("faulty_proxy", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Trial:
    """The checks of one store.

    Args:
        scheme: of its addresses.
        work: a folder for what is made.
        proxy: through which it is reached.
        is_conditional: whether the server knows conditions.
    """

    def __init__(self, scheme: str, work: Path, proxy: Any, *, is_conditional: bool) -> None:
        import fsspec

        self.scheme, self.work, self.proxy, self.is_conditional = scheme, work, proxy, is_conditional
        self.root = f"{scheme}://bucket"
        self.system = fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)
        self.failed = 0

    def check(self, what: str, run: Callable[[], object]) -> None:
        began = time.monotonic()
        self.proxy.reset()
        try:
            found = run()
        except (FashionBatchError, StoreFaultError, AssertionError) as error:
            found = f"{type(error).__name__}: {error}".replace("\n", " | ")
            self.failed += 1
            what = f"FAILED {what}"
        print(f"{self.scheme:3} {time.monotonic() - began:6.1f} s  {what}{f': {found}' if found else ''}", flush=True)

    def label(self, where: str | Path, output: str | Path, **asked: Any) -> None:
        classify(where, self.work / "tiny", output, workers=2, progress=False, **asked)

    def refused(self, where: str | Path, output: str | Path, **asked: Any) -> str:
        try:
            self.label(where, output, **asked)
        except FashionBatchError as error:
            said = str(error)
            assert KEY not in said
            assert KEY[:20] not in said
            return said.replace("\n", " | ")
        raise AssertionError("nothing was refused")

    def fill(self) -> None:
        with contextlib.suppress(Exception):
            self.system.mkdir("bucket")
        for folder, prefix in ((self.work / "photos", "photos"), (self.work / "tiny", "bundle")):
            for path in filter(Path.is_file, folder.rglob("*")):
                self.system.pipe_file(f"bucket/{prefix}/{path.relative_to(folder)}", path.read_bytes())

    def same(self, output: Path) -> str:
        assert output.read_bytes() == (self.work / "local.csv").read_bytes(), "the table is not that of the folder"
        return ""

    def reads(self) -> str:
        output = self.work / f"{self.scheme}.csv"
        self.label(f"{self.root}/photos", output)
        counts = sum(count for (method, path), count in self.proxy.counts.items() if "photos" in path)
        return self.same(output) or f"{counts} requests that name an object"

    def reads_through_faults(self, module: Any) -> str:
        output = self.work / f"{self.scheme}-faults.csv"
        self.proxy.plan = module.seeded(3, "429", "500", "503", "lost", "truncated", share=0.3, most=2)
        self.label(f"{self.root}/photos", output)
        return self.same(output)

    def lists_many(self) -> str:
        objects = open_objects(Url(f"{self.root}/many"))
        pages = [len(page) for page in objects.pages(QUICK)]
        assert sum(pages) == MANY[self.scheme], pages
        return f"{len(pages)} pages"

    def tells_changes(self) -> str:
        objects = open_objects(Url(f"{self.root}/photos"))
        seen = objects.look("00.png", 10.0)
        self.system.pipe_file("bucket/photos/00.png", objects.get("00.png", "", None, 10.0))
        kind = ""
        try:
            QUICK.call(lambda seconds: objects.get("00.png", seen.token, None, seconds))
        except StoreFaultError as fault:
            kind = fault.kind
        assert kind == "changed", f"an object that was written to is {kind or 'read as if it were the same'}"
        return kind

    def writes(self) -> str:
        output = f"{self.root}/out/labels.csv"
        self.label(self.work / "photos", output)
        assert self.system.cat_file("bucket/out/labels.csv") == (self.work / "local.csv").read_bytes()
        said = self.refused(self.work / "photos", output)
        self.label(self.work / "photos", output, overwrite=True)
        return said

    def replaces_nothing(self) -> str:
        def plan(method: str, path: str, _: int) -> None:
            # Somebody else is faster: the object appears after it was looked for.
            if method in {"PUT", "POST"} and "race.csv.files" in path and not done:
                done.append(path)
                self.system.pipe_file("bucket/out/race.csv", b"theirs")

        done: list[str] = []
        self.proxy.plan = plan
        said = self.refused(self.work / "photos", f"{self.root}/out/race.csv")
        assert done
        assert self.system.cat_file("bucket/out/race.csv") == b"theirs"
        return said

    def ends_when_refused(self) -> str:
        def plan(_method: str, path: str, _: int) -> str | None:
            asked.append(path)
            return "403" if len(asked) > 30 else None

        asked: list[str] = []
        self.proxy.plan = plan
        return self.refused(f"{self.root}/photos", self.work / f"{self.scheme}-refused.csv")


def try_store(trial: Trial, module: Any) -> int:
    trial.check("fill the bucket", trial.fill)
    trial.check("the table is that of the folder", trial.reads)
    trial.check("likewise through a proxy that misbehaves", lambda: trial.reads_through_faults(module))
    many = MANY[trial.scheme]
    trial.check(f"put {many} objects", lambda: put_many(trial))
    trial.check(f"list {many} objects of one folder", trial.lists_many)
    trial.check("write a table, refuse to replace it, replace it", trial.writes)
    if trial.is_conditional:
        trial.check("an object that was written to is changed", trial.tells_changes)
        trial.check("what appears meanwhile is not replaced", trial.replaces_nothing)
    output = trial.work / "none.csv"
    trial.check("no bucket", lambda: trial.refused(f"{trial.scheme}://nobucket/photos", output))
    trial.check("no folder", lambda: trial.refused(f"{trial.root}/none", output))
    trial.check(
        "no bucket to write to", lambda: trial.refused(trial.work / "photos", f"{trial.scheme}://nobucket/a.csv")
    )
    trial.check("rights that are taken away in mid-run", trial.ends_when_refused)
    return trial.failed


def put_many(trial: Trial) -> None:
    trial.system.pipe({f"bucket/many/{number:05}.png": b"x" for number in range(MANY[trial.scheme])})


def paint(work: Path) -> None:
    make_tiny_bundle(work / "tiny")
    for number in range(60):
        path = work / "photos" / ("", "a b", "é")[number % 3] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), class_colour(number % 3, 3)).save(path)
    for name in ("x#y?z%20.png", "+&=.png"):
        (work / "photos" / name).write_bytes((work / "photos" / "00.png").read_bytes())
    (work / "photos" / "broken.jpg").write_bytes(b"broken")
    noise = Image.frombytes("RGB", (3000, 3000), os.urandom(27_000_000))
    noise.save(work / "photos" / "large.png")
    classify(work / "photos", work / "tiny", work / "local.csv", workers=2, progress=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("gs", "az"), help="leave the other store out")
    parser.add_argument("--azurite", type=Path, help="the program azurite-blob; without it, Azure is left out")
    asked = parser.parse_args()
    names = ("fsspec", "gcsfs", "adlfs", "azure-storage-blob", "gcp-storage-emulator")
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
    module, failed = proxies(), 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        os.environ |= {"FASHIONBATCH_CACHE_DIR": f"{work}/cache", "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
        paint(work)
        gcs, azure = free_port(), free_port()
        emulator = [sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory", "--host", "127.0.0.1"]
        if asked.only != "az":
            with served([*emulator, "--port", str(gcs)], gcs), module.FaultyProxy(gcs) as proxy:
                os.environ["STORAGE_EMULATOR_HOST"] = proxy.url
                failed += try_store(Trial("gs", work, proxy, is_conditional=False), module)
        if asked.azurite is not None and asked.only != "gs":
            blobs = [
                str(asked.azurite),
                "--silent",
                "--disableTelemetry",
                "--inMemoryPersistence",
                "--skipApiVersionCheck",
            ]
            with served([*blobs, "--blobPort", str(azure)], azure), module.FaultyProxy(azure) as proxy:
                account = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1"
                endpoint = f"BlobEndpoint={proxy.url}/devstoreaccount1"
                os.environ["AZURE_STORAGE_CONNECTION_STRING"] = f"{account};AccountKey={KEY};{endpoint};"
                failed += try_store(Trial("az", work, proxy, is_conditional=True), module)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
