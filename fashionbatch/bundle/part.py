"""What every part of `bundle.json` has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of `bundle.json`: a key that it does not know is an error."""

    # Built when it is first used: what a part of the whole is checked by need not be built by itself as well.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
