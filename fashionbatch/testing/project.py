"""Makes the plugin in a file or a project folder one that is found, without installing it."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.errors import PluginError
from fashionbatch.hookspecs import PROJECT
from fashionbatch.registry import normalised

_LIMIT_VARIABLE = "FASHIONBATCH_PLUGINS"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Project:
    """A plugin that lies in a folder.

    Attributes:
        name: of its distribution.
        version: of its distribution.
        folders: where its modules are looked for.
        entry_points: name -> module, as in its `pyproject.toml`.
        base: the folder that relative paths in examples are relative to.
    """

    name: str
    version: str
    folders: tuple[Path, ...]
    entry_points: Mapping[str, str]
    base: Path


def read_project(path: Path) -> Project:
    """The plugin behind a path: a Python file, a package, or a project with a `pyproject.toml`.

    Raises:
        PluginError: there is no plugin.
    """
    path = path.absolute()
    if path.is_file() and path.suffix == ".py":
        return _of_module(path.stem, path.parent, path.parent)
    if (path / "pyproject.toml").is_file():
        return _of_pyproject(path)
    if (path / "__init__.py").is_file():
        return _of_module(path.name, path.parent, path)
    raise PluginError(
        f"{path} holds no plugin",
        hint="name a .py file, a package, a folder with a pyproject.toml, or an installed distribution",
    )


@contextlib.contextmanager
def found(project: Project) -> Iterator[None]:
    """Let a project's entry points be found like an installed distribution's, by this process and its children."""
    path, limit = list(sys.path), os.environ.get(_LIMIT_VARIABLE)
    with disk.scratch_folder() as folder:
        info = folder / f"{project.name.replace('-', '_')}-{project.version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {project.name}\nVersion: {project.version}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        points = "".join(f"{name} = {value}\n" for name, value in project.entry_points.items())
        (info / "entry_points.txt").write_text(f"[{PROJECT}]\n{points}", encoding="utf-8")
        sys.path[:0] = [str(folder), *map(str, project.folders)]
        if limit is not None:
            os.environ[_LIMIT_VARIABLE] = f"{limit},{project.name}"
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path[:] = path
            if limit is not None:
                os.environ[_LIMIT_VARIABLE] = limit


def _of_module(module: str, folder: Path, base: Path) -> Project:
    if not module.isidentifier():
        raise PluginError(f"{module!r} is no name of a Python module", hint="use letters, digits and underscores")
    return Project(normalised(module.strip("_") or "plugin"), "0", (folder,), {module: module}, base)


def _of_pyproject(folder: Path) -> Project:
    file = folder / "pyproject.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PluginError(f"{file} cannot be read: {error}") from error
    project = _table(content, "project")
    points = _table(_table(project, "entry-points"), PROJECT)
    entry_points = {name: value for name, value in points.items() if isinstance(value, str)}
    if not entry_points:
        raise PluginError(
            f"{file} names no plugin",
            hint=f'write [project.entry-points.{PROJECT}] and under it a line such as shoes = "shoes_for_fashion"',
        )
    name = _NOT_IN_A_NAME.sub("-", str(project.get("name") or folder.name))
    version = str(project.get("version") or "0")
    return Project(normalised(name), version, (folder, folder / "src"), entry_points, folder)


def _table(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = content.get(key)
    return table if isinstance(table, Mapping) else {}
