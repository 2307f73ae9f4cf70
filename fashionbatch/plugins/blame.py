"""Whose code failed where a library had called it: Keras runs layers and losses long after a plugin made them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from fashionbatch.errors import PluginError
from fashionbatch.plugins.find import FoundPlugin, find_plugins
from fashionbatch.plugins.origin import Origin, describe, is_a_plugins, traceback_text
from fashionbatch.registry import BUILT_IN

_MADE_BY = "_fashionbatch_made_by"


def sign(made: Iterable[object], origin: Origin) -> None:
    """Note on objects whose component they are of, so that a failure in their methods is known as its.

    Args:
        made: Keras layers or losses, say; what has no attributes stays unsigned.
        origin: of the component that made them.
    """
    for one in made:
        # Not by setattr: Keras looks at every attribute that is set on a layer.
        getattr(one, "__dict__", {})[_MADE_BY] = origin


@contextmanager
def blaming(components: Collection[Origin] = ()) -> Iterator[None]:
    """Make what a plugin's code raises within the block one error that names the plugin, through whatever library.

    Args:
        components: those that are in use, as in `error_of_plugin`.

    Raises:
        PluginError: as `error_of_plugin` says.
    """
    try:
        yield
    except BaseException as error:
        blamed = error_of_plugin(error, components)
        if blamed is None:
            raise
        raise blamed from error


def error_of_plugin(error: BaseException, components: Collection[Origin] = ()) -> PluginError | None:
    """The error that names the plugin whose code raised another one; None where no plugin's code had a part in it.

    Known are objects that were signed, and the files of installed plugins, in the frames of the traceback and in the
    text of the error, where TensorFlow tells what a graph was made by.

    Args:
        error: as it came out of a library.
        components: those that are in use. Where a file alone is known, the ones of its distribution are named.
    """
    if not is_a_plugins(error):
        return None
    chain = list(_chain(error))
    frames = [frame for one in chain for frame in _frames(one)]
    for frame in frames:
        origin = _maker(frame)
        if origin is not None and origin.provider.distribution != BUILT_IN:
            return origin.failure(frame.f_code.co_name.removeprefix("tf__"), error)
    text = "".join(map(str, chain))
    for found, root in _roots():
        named = _named(found, components)
        for frame in frames:
            if _stands_in(frame.f_code.co_filename, root):
                where = f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"
                return PluginError(f"{named}: {where}: {describe(error)}", traceback=traceback_text(error))
        if f'File "{root}' in text:
            return PluginError(f"{named}: {describe(error)}", traceback=traceback_text(error))
    return None


def _named(found: FoundPlugin, components: Collection[Origin]) -> str:
    """A plugin with those of its components that are in use."""
    used = dict.fromkeys(f"{one.kind} {one.name!r}" for one in components if one.provider == found.provider)
    if not used:
        return str(found)
    return f"plugin {found.provider.distribution} {found.provider.version} ({' or '.join(used)})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _frames(error: BaseException) -> list[FrameType]:
    """The frames of an error's traceback, the innermost first."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return frames[::-1]


def _maker(frame: FrameType) -> Origin | None:
    """The component that the object was signed by whose method runs in a frame."""
    code = frame.f_code
    if not code.co_argcount:
        return None
    attributes: Any = getattr(frame.f_locals.get(code.co_varnames[0]), "__dict__", None)
    maker = attributes.get(_MADE_BY) if isinstance(attributes, dict) else None
    return maker if isinstance(maker, Origin) else None


def _roots() -> Iterator[tuple[FoundPlugin, str]]:
    """Each stranger's plugin that was imported, and the file or folder that its code lies in."""
    for found in find_plugins():
        module = sys.modules.get(found.entry_point.module)
        if module is None or found.provider.distribution == BUILT_IN:
            continue
        root = _root_of(module)
        if root:
            yield found, root


def _root_of(module: ModuleType) -> str | None:
    """The folder of the outermost regular package, or the file of a module that stands alone."""
    outermost = module
    name = module.__name__
    while "." in name:
        name = name.rpartition(".")[0]
        parent = sys.modules.get(name)
        if getattr(parent, "__file__", None) is None:
            break  # a namespace that several distributions share
        assert parent is not None
        outermost = parent
    file = outermost.__file__
    if file is None:
        return None
    return str(Path(file).parent) if hasattr(outermost, "__path__") else file


def _stands_in(file: str, root: str) -> bool:
    return file == root or file.startswith(root.rstrip("/") + "/")
