"""How FashionBatch is installed: whole, or light as `fashionbatch-label`, which brings what labeling needs alone."""

from __future__ import annotations

from importlib import metadata, util

from fashionbatch.errors import FashionBatchError

WHOLE = "fashionbatch"
LIGHT = "fashionbatch-label"
"""A distribution of the same packages with fewer dependencies."""

ONLY_WHOLE = ("h5py", "keras", "matplotlib", "pandas", "sklearn", "tensorflow")
"""What only the whole brings, as it is imported."""


def installed() -> list[str]:
    """Which of the two distributions there are; both, where one was installed over the other."""
    return [name for name in (WHOLE, LIGHT) if _is_installed(name)]


def distribution() -> str:
    """What to install again, or with an extra: the whole where there is no light one, or both."""
    return LIGHT if installed() == [LIGHT] else WHOLE


def is_whole() -> bool:
    """Whether everything is there that training and evaluating import; imports nothing."""
    return all(util.find_spec(name) for name in ONLY_WHOLE)


def require_whole(what: str) -> None:
    """Refuse at once what would fail in the middle.

    Args:
        what: what was asked for, as the beginning of a sentence.

    Raises:
        FashionBatchError: a library is missing that only the whole distribution brings.
    """
    if not is_whole():
        raise _needs_whole(what)


def lacks_whole(error: BaseException) -> FashionBatchError | None:
    """What to tell where a library was not found that only the whole distribution brings; None for other errors."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return _needs_whole(f"this, which imports {name},") if name in ONLY_WHOLE else None


def with_our_extras(text: str) -> str:
    """A message whose `pip install 'fashionbatch[...]'` adds to a light installation what it has an extra for."""
    if f"'{WHOLE}[" not in text or distribution() == WHOLE:
        return text
    extras = metadata.metadata(LIGHT).get_all("Provides-Extra") or ()
    for extra in extras:
        text = text.replace(f"'{WHOLE}[{extra}]'", f"'{LIGHT}[{extra}]'")
    return text


def _needs_whole(what: str) -> FashionBatchError:
    return FashionBatchError(f"{what} needs the whole FashionBatch: pip install {WHOLE}")


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
