"""What was measured of networks on this machine, kept in the cache: how fast each is in each precision.

Nothing depends on it but which precision `auto` takes for a new job, so a cache that cannot be written, or a file in it
that is damaged or somebody else's, is as good as none.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from fashionbatch import disk
from fashionbatch.bundle.part import Part
from fashionbatch.errors import FashionBatchError
from fashionbatch.inference.cpu import cpu_flags, cpu_name
from fashionbatch.specs import Precision

_FOLDER = "rates"
_LARGEST_BYTES = 1 << 16
_FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
"""What a virtual machine may hide of a CPU of the same name, and what a network's speed depends on."""

Rate = Annotated[float, Field(gt=0)]


def _flags_here() -> tuple[str, ...]:
    flags = cpu_flags()
    return tuple(flag for flag in _FLAGS if flag in flags)


class Setting(Part):
    """All that a network's speed depends on.

    Attributes:
        bundle: its digest.
        runtime: what computes, as tables record it.
        version: of the runtime.
        parameters: the runtime's, as JSON.
        device: `cpu` or `gpu`.
        batch_size: images in a batch.
        streams: batches that are computed side by side.
        cpu: the model of the CPU.
        flags: of the CPU, those that matter.
    """

    bundle: str
    runtime: str
    version: str
    parameters: str = "{}"
    device: str = "cpu"
    batch_size: int
    streams: int
    cpu: str = Field(default_factory=cpu_name)
    flags: tuple[str, ...] = Field(default_factory=_flags_here)

    @property
    def is_here(self) -> bool:
        """Whether it is of this machine's CPU."""
        return (self.cpu, self.flags) == (cpu_name(), _flags_here())

    @property
    def key(self) -> str:
        """Names the setting: the same for the same one, whenever it is asked."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class KeptRates(Part):
    """One file in the cache.

    Attributes:
        setting: what was timed.
        name: the bundle's, for people.
        rates: images a second in each precision.
        measured: when, in ISO 8601.
    """

    format: Literal[1] = 1
    setting: Setting
    name: str
    rates: dict[Precision, Rate]
    measured: str


def find_rates(setting: Setting) -> dict[Precision, float] | None:
    """What is kept of a setting; None where there is nothing, or nothing that can be read."""
    kept = _read(_folder() / f"{setting.key}.json")
    return dict(kept.rates) if kept is not None and kept.setting == setting else None


def keep_rates(setting: Setting, name: str, rates: Mapping[Precision, float]) -> bool:
    """Keep what was measured, in the place of what was kept before.

    Args:
        setting: what was timed.
        name: the bundle's.
        rates: images a second in each precision.

    Returns:
        Whether it could be written.
    """
    rounded = {precision: float(f"{rate:.4g}") for precision, rate in rates.items()}
    kept = KeptRates(setting=setting, name=name, rates=rounded, measured=_now())
    with contextlib.suppress(FashionBatchError, OSError):
        folder = _folder()
        disk.make_directory(folder)
        disk.write_file(folder / f"{setting.key}.json", (kept.model_dump_json(indent=1) + "\n").encode())
        return True
    return False


def all_rates() -> Iterator[KeptRates]:
    """All that is kept, of this machine and of others that share the cache, the latest first."""
    try:
        files = sorted(_folder().glob("*.json"))
    except OSError:
        return
    found = [kept for kept in map(_read, files) if kept is not None]
    yield from sorted(found, key=lambda kept: kept.measured, reverse=True)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat()


def _folder() -> Path:
    from fashionbatch.data.places import cache_path

    return cache_path() / _FOLDER


def _read(path: Path) -> KeptRates | None:
    try:
        kept = KeptRates.model_validate_json(disk.read_regular(path, _LARGEST_BYTES))
    except (OSError, ValidationError):
        return None
    return kept if kept.rates and path.stem == kept.setting.key else None
