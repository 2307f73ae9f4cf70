"""The decoded images that the trainings of a study share."""

from __future__ import annotations

from pathlib import Path

from fashionbatch.data.folds import Folds, prepare_folds
from fashionbatch.data.prepare import prepare_data
from fashionbatch.data.prepared import PreparedData
from fashionbatch.progress import OpenBar
from fashionbatch.studies.members import Member


class SharedData:
    """Decodes images once for all trainings that read the same ones in the same way.

    Only the images of the latest training are held: a study of several image sizes needs the memory of one of them.

    Args:
        data_path: takes the place of the source's path.
        folds: how many folds the images are shared out into; None takes the recipe's own splits.
    """

    def __init__(self, data_path: Path | None = None, folds: int | None = None) -> None:
        self._data_path, self._count = data_path, folds
        self._key = ""
        self._held: PreparedData | Folds | None = None

    def of(self, member: Member, *, bar: OpenBar) -> PreparedData:
        """The splits that a member is trained on and judged by.

        Raises:
            DataError: the data are not what the recipe says.
        """
        key = f"{member.plan.head.spec.decoding} {member.plan.recipe.data.model_dump_json()}"
        held = self._held if key == self._key else None
        if held is None:
            self._held = None  # before the next ones are decoded
            held = self._read(member, bar)
            self._held, self._key = held, key
        if isinstance(held, PreparedData):
            return held
        assert member.fold is not None
        return held.data(member.fold)

    def _read(self, member: Member, bar: OpenBar) -> PreparedData | Folds:
        if self._count is None:
            return prepare_data(member.plan, data_path=self._data_path, bar=bar)
        return prepare_folds(member.plan, self._count, data_path=self._data_path, bar=bar)
