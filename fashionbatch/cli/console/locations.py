"""Arguments that name a place on this machine, or one that may be in a store."""

from __future__ import annotations

from typing import Any

import click

from fashionbatch.stores.address import Location, as_location, path_here


class LocationType(click.ParamType[Location]):
    """A path, or an address such as `s3://bucket/photos`."""

    name = "path"

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> Location:
        """The path or the address."""
        return as_location(value)


class HerePath(click.Path):
    """A path of this machine; an address is refused, where Python would take it for a path without its second slash."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        return super().convert(path_here(value), param, ctx)
