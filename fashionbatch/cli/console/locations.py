"""Arguments that name a place on this machine, or one in a store."""

from __future__ import annotations

from typing import Any

import click

from fashionbatch.stores.address import Location, as_location


class LocationType(click.ParamType[Location]):
    """A path, or an address such as `s3://bucket/photos`."""

    name = "path"

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> Location:
        """The path or the address."""
        return as_location(value)
