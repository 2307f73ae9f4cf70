"""Where a path of this machine is needed, an address is refused instead of being taken for a folder called `s3:`."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fashionbatch.api.settings import as_path, as_paths
from fashionbatch.cli.console.locations import HerePath
from fashionbatch.errors import DataError


@click.command()
@click.argument("path", type=HerePath(path_type=Path))
def command(path: Path) -> None:
    click.echo(repr(path))


def test_an_address_is_refused_by_its_name_without_its_credentials() -> None:
    with pytest.raises(DataError, match=r"^s3://\*\*\*@b/list\.csv: a file or folder of this machine is needed here"):
        CliRunner().invoke(command, ["s3://key:secret@b/list.csv"], catch_exceptions=False)
    for given in (as_path, as_paths):
        with pytest.raises(DataError, match=r"^gs://b/run: a file or folder of this machine"):
            given("gs://b/run")


def test_paths_stay_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.makedirs("s3:/b")
    for given, path in (("a/b", "a/b"), ("file:///srv/x", "/srv/x"), ("s3://b", "s3:/b")):
        result = CliRunner().invoke(command, [given], catch_exceptions=False)
        assert result.stdout == f"{Path(path)!r}\n"
        assert as_path(given) == Path(path)
