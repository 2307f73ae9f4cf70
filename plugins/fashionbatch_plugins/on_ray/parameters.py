"""What a user says about a run on Ray, by `--engine-set`."""

from __future__ import annotations

from pydantic import Field, model_validator

from fashionbatch.specs import Parameters


class Ray(Parameters):
    """Which cluster, and how many actors of which size. Each actor decodes and labels one shard at a time."""

    address: str | None = Field(
        None,
        min_length=1,
        description="Of the cluster's head, `HOST:PORT`, or `auto` on one of its nodes; where omitted, RAY_ADDRESS, or "
        "else a Ray on this machine for this run alone.",
    )
    actors: int | None = Field(None, ge=1, description="How many actors; where omitted, all there is room for.")
    least_actors: int = Field(1, ge=1, description="The run waits up to a minute for room for so many.")
    most_actors: int | None = Field(None, ge=1, description="Never more than these.")
    cores: int | None = Field(
        None, ge=1, description="Of an actor; where omitted, as many as a run on this machine would use."
    )
    gpus: float | None = Field(
        None, ge=0, le=64, description="Of an actor; where omitted, 1 with `--device gpu`, else none."
    )
    here: bool = Field(
        True, description="Whether the command itself labels while actors start, and of the last shards when they lag."
    )
    tries: int = Field(3, ge=1, le=20, description="How often a shard is tried whose actor fails or dies.")

    @model_validator(mode="after")
    def _goes_together(self) -> Ray:
        if self.address is not None and self.address.startswith("ray://"):
            raise ValueError("an address is HOST:PORT or auto; ray:// is for clients, and the run has to be on a node")
        if self.actors is not None and (self.most_actors is not None or self.least_actors != 1):
            raise ValueError("actors says how many; leave out least_actors and most_actors")
        if self.most_actors is not None and self.most_actors < self.least_actors:
            raise ValueError(f"most_actors is {self.most_actors}, fewer than least_actors, {self.least_actors}")
        return self
