"""What this installation and this machine offer, and what is wrong with them. Nothing is changed, nothing heavy loaded.

TensorFlow takes seconds to import, so it is only asked for its version.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from fashionbatch import __version__
from fashionbatch.data.places import CACHE_VARIABLE, DATA_VARIABLE, cache_path, data_directory
from fashionbatch.display_width import counted
from fashionbatch.inference.cores import usable_cores
from fashionbatch.inference.cpu import cpu_flags, cpu_name, int8_units
from fashionbatch.inference.precision import fastest, rate_text
from fashionbatch.inference.rates import all_rates
from fashionbatch.inference.session import DEFAULT_RUNTIME
from fashionbatch.installation import LIGHT, WHOLE, distribution, installed, is_whole, lacks_whole
from fashionbatch.labeling.job.machine import instruction_set
from fashionbatch.model.precision import cpu_computes_bfloat16
from fashionbatch.plugins import BUILT_IN, Plugins, PluginWarning, describe, load_plugins
from fashionbatch.specs import RuntimeSpec

State = Literal["ok", "absent", "broken"]
"""`absent` is what somebody may do without; `broken` keeps the main job from running."""

_DEBIAN_DATA = Path("/usr/share/datasets")
_MEMORY = Path("/proc/meminfo")
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd")
_LEAST_MEMORY = 1 << 30
_SHOWN_NAMES = 12
# Extras that nobody needs who uses FashionBatch.
_FOR_DEVELOPERS = ("dev", "docs")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what.
        value: how it is, in words.
        state: whether that is as it should be.
        hint: what to do about it, where there is something.
    """

    subject: str
    value: str
    state: State = "ok"
    hint: str | None = None


def diagnose() -> dict[str, list[Finding]]:
    """Look at everything; the findings by section, in the order to show them in."""
    with warnings.catch_warnings():
        # Plugins that fail are findings here.
        warnings.simplefilter("ignore", PluginWarning)
        plugins = load_plugins()
    return {
        "versions": list(_versions()),
        "machine": list(_machine()),
        "runtimes": list(_runtimes(plugins)),
        "speed": list(_speed()),
        "plugins": list(_plugins(plugins)),
        "data": list(_data()),
        "pictures": list(_pictures()),
        "extras": list(_extras()),
    }


def broken(sections: dict[str, list[Finding]]) -> list[Finding]:
    """What keeps the main job from running."""
    return [finding for findings in sections.values() for finding in findings if finding.state == "broken"]


# ---------------------------------------------------------------------------------------------------------- versions


def _versions() -> Iterator[Finding]:
    yield _ourselves()
    yield Finding("python", f"{platform.python_version()} in {sys.prefix}")
    for name in _requirements(extra=None):
        yield _version(name, f"pip install --force-reinstall {distribution()}", missing="broken")


def _ourselves() -> Finding:
    there = installed()
    if there == [WHOLE, LIGHT]:
        # Both hold the same files: the one that came last has replaced the other's, and who removes one removes both's.
        value = f"{__version__}, and {LIGHT} {metadata.version(LIGHT)} over the same files"
        hint = f"`pip uninstall {LIGHT}`, then `pip install --force-reinstall --no-deps {WHOLE}`"
        is_mixed = metadata.version(LIGHT) != metadata.version(WHOLE)
        return Finding(WHOLE, value, "broken" if is_mixed else "absent", hint)
    if there == [LIGHT]:
        return Finding(LIGHT, f"{__version__}, which labels; `pip install {WHOLE}` brings what trains and evaluates")
    return Finding(WHOLE, __version__)


def _version(name: str, command: str, *, missing: State) -> Finding:
    try:
        return Finding(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "not installed", missing, f"`{command}`")


def _requirements(extra: str | None) -> list[str]:
    """The distributions that this one needs, by itself or for an extra."""
    found = []
    for line in metadata.requires(distribution()) or ():
        name, _, marker = line.partition(";")
        named = re.search(r"extra == ['\"]([^'\"]+)", marker)
        if (named and named[1]) == extra:
            found.append(re.split(r"[^A-Za-z0-9._-]", name.strip(), maxsplit=1)[0])
    return found


def _extras() -> Iterator[Finding]:
    for extra in metadata.metadata(distribution()).get_all("Provides-Extra") or ():
        if extra in _FOR_DEVELOPERS:
            continue
        parts = [
            _version(name, f"pip install '{distribution()}[{extra}]'", missing="absent")
            for name in _requirements(extra)
        ]
        lacking = next((part for part in parts if part.state != "ok"), None)
        value = ", ".join(f"{part.subject} {part.value}" for part in parts)
        yield Finding(extra, value, lacking.state if lacking else "ok", lacking.hint if lacking else None)


# ----------------------------------------------------------------------------------------------------------- machine


def _machine() -> Iterator[Finding]:
    yield Finding("system", f"{platform.system()} {platform.release()}")
    yield Finding("cpu", cpu_name())
    yield Finding("cores", f"{usable_cores()} of {os.cpu_count()} may be used")
    yield _memory()
    yield Finding("instructions", instruction_set())
    yield Finding("bfloat16", _bfloat16())
    yield Finding("int8", _int8())
    gpu = next((device for device in _GPU_DEVICES if Path(device).exists()), None)
    if gpu is not None:
        yield Finding("gpu", f"{gpu} is there; `--runtime tensorflow --device gpu` uses it where TensorFlow sees it")
    else:
        yield Finding("gpu", "no device of NVIDIA or AMD; none is needed")


def _memory() -> Finding:
    try:
        fields = dict(line.split(":", 1) for line in _MEMORY.read_text(encoding="ascii").splitlines())
        total, free = (int(fields[name].split()[0]) << 10 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return Finding("memory", "unknown on this system")
    value = f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB of it available"
    if free < _LEAST_MEMORY:
        return Finding("memory", value, "absent", "training and large photos may need more than 1 GiB")
    return Finding("memory", value)


def _bfloat16() -> str:
    if cpu_computes_bfloat16():
        return "amx_bf16: labeling and training compute in it, several times faster than in float32"
    if "avx512_bf16" in cpu_flags():
        return "avx512_bf16: labeling can compute in it, faster on some CPUs and slower on others; training in float32"
    return "not computed by this CPU: labeling and training are in float32"


def _int8() -> str:
    units = int8_units(cpu_flags())
    if units:
        return f"{units}: labeling computes in it, several times faster than in float32, where a bundle allows it"
    return "no units for it in this CPU, but faster than float32 where tried; graphs made elsewhere may saturate"


# ----------------------------------------------------------------------------------------------- runtimes and plugins


def _runtimes(plugins: Plugins) -> Iterator[Finding]:
    for entry in plugins.registry.entries(RuntimeSpec.kind):
        spec = entry.spec
        assert isinstance(spec, RuntimeSpec)
        is_default = spec.name == DEFAULT_RUNTIME and entry.provider.distribution == BUILT_IN
        needed: State = "broken" if is_default else "absent"
        try:
            precisions = spec.precisions("cpu")
        except Exception as error:  # noqa: BLE001 - whatever a plugin's library raises is the finding
            hint = f"`pip install {WHOLE}`" if lacks_whole(error) else "is its library whole?"
            yield Finding(spec.name, describe(error), needed, hint)
            continue
        if precisions:
            yield Finding(spec.name, f"cpu: {', '.join(precisions)}")
        else:
            yield Finding(spec.name, "does not run on this machine's cpu", needed)
    names = {entry.spec.name for entry in plugins.registry.entries(RuntimeSpec.kind)}
    if DEFAULT_RUNTIME not in names:
        hint = f"`pip install --force-reinstall {distribution()}`"
        yield Finding(DEFAULT_RUNTIME, "not registered, and `classify` runs on it", "broken", hint)


def _speed() -> Iterator[Finding]:
    """What was timed on this machine, and what `--precision auto` takes by it."""
    here = [kept for kept in all_rates() if kept.setting.is_here]
    if not here:
        yield Finding("measured", "nothing yet: `classify` does it by itself in large folders, `--measure` in any")
    for kept in here[:_SHOWN_NAMES]:
        setting = kept.setting
        rates = ", ".join(f"{precision} {rate_text(rate)} images/s" for precision, rate in kept.rates.items())
        where = f"{setting.version}, batches of {setting.batch_size}, {counted(setting.streams, 'core')}"
        yield Finding(kept.name, f"auto takes {fastest(kept.rates)}: {rates} ({where}, {kept.measured[:10]})")
    if len(here) > _SHOWN_NAMES:
        yield Finding("measured", f"{len(here) - _SHOWN_NAMES} more")


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    counts: dict[str, int] = {}
    for entry in plugins.registry.entries():
        provider = f"{entry.provider.distribution} {entry.provider.version}"
        counts[provider] = counts.get(provider, 0) + 1
    for provider, count in sorted(counts.items()):
        yield Finding(provider, f"{count} components")
    for failed in plugins.registry.failed:
        ours = failed.provider.distribution == BUILT_IN
        provider = f"{failed.entry_point} of {failed.provider.distribution} {failed.provider.version}"
        hint = None if ours else "recipes that do not name it are not concerned"
        yield Finding(provider, f"was left out: {failed.reason}", "broken" if ours else "absent", hint)


# -------------------------------------------------------------------------------------------------------------- data


def _data() -> Iterator[Finding]:
    directory = data_directory()
    if directory is None:
        yield Finding(DATA_VARIABLE, "not set; data sets are downloaded when a recipe asks for them")
    elif not directory.is_dir():
        yield Finding(DATA_VARIABLE, f"{directory} does not exist", "absent", "set it to a folder, or unset it")
    else:
        yield Finding(DATA_VARIABLE, str(directory))
        yield Finding("data sets", _names(path for path in directory.iterdir() if _is_data(path)))
        weights = directory / "weights"
        yield Finding("weights", _names(weights.iterdir() if weights.is_dir() else ()))
    if _DEBIAN_DATA.is_dir():
        yield Finding(str(_DEBIAN_DATA), _names(_DEBIAN_DATA.iterdir()))
    yield _cache()


def _is_data(path: Path) -> bool:
    return path.name != "weights" and (path.is_dir() or path.suffix in {".npz", ".tar", ".gz", ".tgz", ".zip"})


def _names(paths: Iterable[Path]) -> str:
    names = sorted(path.name for path in paths)
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more if names else "none"


def _cache() -> Finding:
    path = cache_path()
    if not path.is_dir():
        above = next(parent for parent in path.parents if parent.exists())
        if not os.access(above, os.W_OK):
            return Finding("cache", f"{path} cannot be made", "absent", f"set {CACHE_VARIABLE} to a folder")
        return Finding("cache", f"{path}, not made yet")
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    if not os.access(path, os.W_OK):
        return Finding("cache", f"{path} cannot be written", "absent", f"set {CACHE_VARIABLE} to a folder")
    return Finding("cache", f"{path}, {size / 1e6:,.0f} MB; deleting it is safe")


# ---------------------------------------------------------------------------------------------------------- pictures


def _pictures() -> Iterator[Finding]:
    if not is_whole():
        yield Finding("plots and grids", "not drawn", "absent", f"`pip install {WHOLE}`")
        return
    from fashionbatch.pictures.architecture import diagram_obstacle
    from fashionbatch.pictures.drawing.fonts import FontWarning, find_fonts

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FontWarning)
        for script, sample, hint in (
            ("Korean", "드레스", f"`pip install '{distribution()}[fonts]'` brings a font"),
            ("Chinese and Japanese", "连衣裙ドレス", "`apt install fonts-noto-cjk` brings a font"),
        ):
            fonts = find_fonts([sample])
            if fonts.missing:
                yield Finding(f"labels in {script}", "drawn as code points", "absent", hint)
            else:
                yield Finding(f"labels in {script}", f"drawn in {fonts.families[-1]}")
    obstacle = diagram_obstacle()
    if obstacle is None:
        yield Finding("diagrams", f"drawn by {shutil.which('dot')}")
    else:
        yield Finding("diagrams", "not drawn", "absent", obstacle)
