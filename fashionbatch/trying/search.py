"""The search for the best way of training within a budget: heads first, then short fine-tunings of the best backbones.

Successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
AISTATS 2016) with two rounds: the two backbones with the best heads are fine-tuned for an epoch, and the better one
goes on for as many epochs as fit. Test images are decoded and never looked at.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from fashionbatch.data.prepare import prepare_data
from fashionbatch.data.prepared import PreparedData
from fashionbatch.errors import BundleError, DataError, WeightsError
from fashionbatch.plan import Plan
from fashionbatch.registry import Registry
from fashionbatch.specs import Split
from fashionbatch.training.epochs.features import FeatureSource
from fashionbatch.trying.budget import Budget
from fashionbatch.trying.candidates import Candidate, find_candidates
from fashionbatch.trying.folder import PhotoFolder
from fashionbatch.trying.folds import FOLDS
from fashionbatch.trying.heads import HeadSetting
from fashionbatch.trying.judging import Pool, cross_validate, fit_shortly, head_epochs, make_pool
from fashionbatch.trying.opened import Opened, open_candidate, plan_of
from fashionbatch.trying.recipes import fine_tuning_recipe, head_recipe, whole_recipe
from fashionbatch.trying.reporting import BudgetedReporter, OutOfTimeError
from fashionbatch.trying.results import Ledger, Tried, best_of, key_of
from fashionbatch.trying.rungs import Finalist, Rung, epochs_text, int8_seconds, layer_at

HEADS = (
    HeadSetting(weight_decay=0.004),
    HeadSetting(weight_decay=1.0),
    HeadSetting(weight_decay=0.004, dropout=0.3),
    HeadSetting(weight_decay=1.0, dropout=0.5, label_smoothing=0.1),
)
"""The heads that are tried on each backbone."""
START_SHARES = (0.64, 0.4)
"""Fine-tuning begins after that share of a backbone's layers; the second is tried where there is one backbone alone."""
MOST_EPOCHS = 12
"""Of fine-tuning; chosen and not measured: eight were the most that was tried on the clothes of the documents."""
_MOST_EPOCHS_FROM_NOTHING = 60
_LATER_SHARE = 0.12
"""Of what is left: the most that the features of another backbone than the first that is judged may cost."""
_OPENING_SHARE = 0.3
"""Of the budget: once it is spent, no other backbone is begun with."""
_EPOCH_OF_FORWARDS = 5.0
"""What an epoch of fine-tuning costs, as times what labeling its images does, as long as none was measured."""
_FINISH_S = 25.0
"""What a run costs beside its epochs and the labeling of its images: Keras's start, conversion, pictures."""
_LABELED_TIMES = 2.0
"""How often the images of a run are labeled for its figures, in float32 and in 8 bits."""
_FINE_TUNING = "fine-tuning"
_FORESEEN = 0.9
"""A plan leaves a tenth of what is left for what nobody has foreseen."""


class Search:
    """One search.

    Args:
        folder: the photos.
        ledger: keeps what is found.
        budget: within which it ends.
        registry: the components.
        reporter: what the user sees.
        seed: of all trainings.

    Attributes:
        waiting: what is not tried yet, in words.
        slowed: how many times as long work took, when it was last measured, as without what else the machine does.
    """

    def __init__(
        self,
        folder: PhotoFolder,
        ledger: Ledger,
        budget: Budget,
        *,
        registry: Registry,
        reporter: BudgetedReporter,
        seed: int,
    ) -> None:
        self._folder, self._ledger, self._budget = folder, ledger, budget
        self._registry, self._reporter, self._seed = registry, reporter, seed
        self.waiting: list[str] = []
        self._data: dict[int, PreparedData] = {}
        self._settings: dict[str, HeadSetting] = {}
        self.slowed = 1.0

    def run(self) -> Finalist | None:
        """Judge what fits into the budget.

        Returns:
            What the rest of the budget should train; None where the best head is what there is time for.

        Raises:
            WeightsError: there is no network to try.
            DataError: the photos are none, or there is nothing to tell apart.
            OutOfTimeError: the budget is spent; what is judged is in the ledger.
        """
        opened: list[Opened] = []
        with_heads: list[Opened] = []
        # One after the other, so that the first has been judged when a slow one takes the time.
        for one in self._opened(self._candidates()):
            opened.append(one)
            if one.candidate.starter.pretrained and self._try_heads(one):
                with_heads.append(one)
        if not opened:
            raise WeightsError("no network could be tried", hint="; ".join(self._ledger.notes) or None)
        from_nothing = [one for one in opened if not one.candidate.starter.pretrained]
        rungs = [*self._fine_tunings(with_heads), *map(Rung, from_nothing)]
        self.waiting = [rung.title for rung in rungs]
        judged = []
        for rung in rungs:
            if self._try_rung(rung):
                judged.append(rung)
            self.waiting.remove(rung.title)
        return self._finalist(judged)

    # -------------------------------------------------------------------------------------------------- what there is

    def _candidates(self) -> list[Candidate]:
        for sentence in self._folder.said:
            self._reporter.show(sentence)
        found = find_candidates(self._registry, self._ledger.directory, self._folder.photo_side)
        self.waiting = [one.name for one in found]
        if any(one.starter.pretrained for one in found):
            self.waiting.append(_FINE_TUNING)
        return found

    def _opened(self, candidates: Sequence[Candidate]) -> Iterator[Opened]:
        for candidate in candidates:
            opened = self._open(candidate)
            if opened is not None:
                yield opened
            self.waiting.remove(candidate.name)

    def _open(self, candidate: Candidate) -> Opened | None:
        """A candidate that is ready to be judged; None where it is left out."""
        # Nobody knows how long the next one takes: only the first is begun with when the budget is spent.
        if self._budget.allowed < 0 or (self._budget.left < 0 and self._data):
            raise OutOfTimeError
        if self._ledger.current and self._budget.spent > _OPENING_SHARE * self._budget.seconds:
            self._note(f"{candidate.name} is left out: the time that is left is for what was judged before it")
            return None
        plan = plan_of(self._plain_recipe(candidate), self._registry, self._ledger.directory)
        data = self.data_at(candidate.side, plan)
        try:
            with self._reporter.waiting(f"{candidate.name}: built and timed"):
                opened = open_candidate(candidate, plan, data, self._registry)
        except (WeightsError, BundleError) as error:
            self._note(f"{candidate.name} is left out: {error.message}")
            return None
        self.slowed = opened.slowed
        self._reporter.show(
            f"{candidate.name}: {opened.milliseconds:.1f} ms a photo, {opened.size / 1e6:.0f} MB, "
            f"{candidate.side} pixels"
        )
        return opened

    def data_at(self, side: int, plan: Plan) -> PreparedData:
        """The photos at a size, decoded once.

        Raises:
            DataError: there are none to train on, or they cannot be split.
        """
        if side not in self._data:
            is_first = not self._data
            data = self._data[side] = prepare_data(plan, bar=self._reporter.bar)
            if "train" not in data.splits:
                raise DataError("there are no images to train on")
            if is_first:
                counts = ", ".join(f"{name} {len(split):,}" for name, split in data.splits.items())
                self._reporter.show(f"{len(data.class_names)} classes, images: {counts}")
                for note in data.notes:
                    self._note(note)
        return self._data[side]

    def _plain_recipe(self, candidate: Candidate) -> dict[str, Any]:
        if candidate.starter.pretrained:
            return head_recipe(self._folder, candidate, HEADS[0], self._seed)
        return whole_recipe(self._folder, candidate, 1, self._seed)

    # ---------------------------------------------------------------------------------------------------------- heads

    def _try_heads(self, opened: Opened) -> bool:
        """Cross-validate the heads on a candidate's features; whether there was time for one."""
        seconds = opened.wall_ms * opened.judged_images / 1000
        # Until something is judged there is nothing to save time for.
        if seconds > (_LATER_SHARE if self._ledger.current else 1) * self._budget.allowed:
            self._note(
                f"{opened.candidate.name} is left out: the features of {opened.judged_images:,} photos take about "
                f"{seconds:,.0f} s, and {max(0.0, self._budget.left):,.0f} s are left"
            )
            return False
        epochs = head_epochs(len(opened.data.splits["train"]))
        settings = [replace(setting, epochs=epochs) for setting in HEADS]
        pool: Pool | None = None
        for setting in settings:
            recipe = head_recipe(self._folder, opened.candidate, setting, self._seed)
            key = key_of(recipe, opened.data.fingerprint, "head")
            if self._ledger.find(key) is not None:
                self._budget.answered()
                continue
            if self._ledger.current and self.finish_seconds(opened) > self._budget.left:
                later = "; ".join(other.text for other in settings[settings.index(setting) :])
                self._note(
                    f"{opened.candidate.name}: heads with {later} are left out: the time that is left is for the bundle"
                )
                break
            # The features are those of all heads: no head's own seconds are theirs.
            pool = pool or self._pool(opened)
            began = time.monotonic()
            title = f"{opened.candidate.name}: head with {setting.text}"
            with self._reporter.bar(title, setting.epochs, "epoch") as advance:
                judged = cross_validate(pool, setting, advance=advance)
            self._keep(
                Tried(
                    key=key,
                    candidate=opened.candidate.name,
                    kind="head",
                    setting=setting.text,
                    accuracy=judged.accuracy,
                    images=len(pool.targets),
                    judge="cross-validation",
                    validation=judged.validation,
                    cross_entropy=judged.cross_entropy,
                    milliseconds=opened.milliseconds,
                    size=opened.size,
                    seconds=time.monotonic() - began,
                    recipe=recipe,
                )
            )
        best = self._best_setting(opened, settings)
        if best is not None:
            self._settings[opened.candidate.name] = best
        return best is not None

    def _pool(self, opened: Opened) -> Pool:
        source = FeatureSource(
            opened.plan, opened.network, opened.data, self._registry, self._reporter, lambda: opened.graph
        )
        wanted: list[Split] = [name for name in ("train", "validation") if name in opened.data.splits]
        pool = make_pool(opened.plan, opened.data, source.of(wanted))
        few = f"a class has fewer than {FOLDS} photos: heads are judged in {pool.folds} folds"
        if pool.folds < FOLDS and few not in self._ledger.notes:
            self._note(few)
        return pool

    def _best_setting(self, opened: Opened, settings: Sequence[HeadSetting]) -> HeadSetting | None:
        """The one with the highest accuracy on this candidate; None where there was time for none."""
        accuracies = {}
        for setting in settings:
            recipe = head_recipe(self._folder, opened.candidate, setting, self._seed)
            known = self._ledger.current.get(key_of(recipe, opened.data.fingerprint, "head"))
            if known is not None:
                accuracies[setting] = known.accuracy
        return max(accuracies, key=lambda setting: accuracies[setting], default=None)

    # ------------------------------------------------------------------------------------------------ short trainings

    def _fine_tunings(self, opened: Sequence[Opened]) -> list[Rung]:
        """The two that are worth an epoch: of the two best backbones, or of the one that there is in two ways."""

        def best_head(one: Opened) -> float:
            return max(row.accuracy for row in self._ledger.tried if row.candidate == one.candidate.name)

        best = sorted(opened, key=best_head, reverse=True)[:2]
        shares = START_SHARES if len(best) == 1 else START_SHARES[:1]
        return [Rung(one, layer_at(one.network, share)) for one in best for share in shares]

    def _try_rung(self, rung: Rung) -> bool:
        """Train for an epoch; whether there was time for it."""
        opened = rung.opened
        recipe, key = self._rung_recipe(rung, 1)
        rung.tried = self._ledger.find(key)
        if rung.tried is not None:
            return True
        expected = _EPOCH_OF_FORWARDS * opened.wall_ms * opened.judged_images / 1000
        if expected + self.finish_seconds(opened) > self._budget.left:
            self._note(
                f"{opened.candidate.name} is not {'fine-tuned' if rung.start else 'trained'}: an epoch takes about "
                f"{expected:,.0f} s, and {max(0.0, self._budget.left):,.0f} s are left; a larger --budget gives it time"
            )
            return False
        began = time.monotonic()
        plan = plan_of(recipe, self._registry, self._ledger.directory)
        self._reporter.show(f"{rung.title}: {self._epochs_in_words(rung, 1)}")
        fitted = fit_shortly(opened, plan, self._registry, self._reporter)
        rung.tried = Tried(
            key=key,
            candidate=opened.candidate.name,
            kind=rung.kind,
            setting=rung.setting(1),
            accuracy=fitted.accuracy,
            images=fitted.images,
            judge="validation",
            validation=fitted.accuracy,
            cross_entropy=fitted.cross_entropy,
            milliseconds=opened.milliseconds,
            size=opened.size,
            seconds=time.monotonic() - began,
            epoch_seconds=fitted.epoch_seconds,
            recipe=recipe,
        )
        self._keep(rung.tried)
        return True

    def _rung_recipe(self, rung: Rung, epochs: int) -> tuple[dict[str, Any], str]:
        candidate = rung.opened.candidate
        if rung.start is None:
            recipe = whole_recipe(self._folder, candidate, epochs, self._seed)
        else:
            setting = self._settings[candidate.name]
            recipe = fine_tuning_recipe(
                self._folder, candidate, setting, start=rung.start, epochs=epochs, seed=self._seed
            )
        return recipe, key_of(recipe, rung.opened.data.fingerprint, rung.kind)

    def _finalist(self, rungs: Sequence[Rung]) -> Finalist | None:
        judged = [rung for rung in rungs if rung.tried is not None]
        if not judged:
            return None
        leading = best_of([rung.tried for rung in judged if rung.tried is not None])
        best = next(rung for rung in judged if rung.tried is leading)
        assert best.tried is not None
        epoch_s = best.tried.epoch_seconds or best.tried.seconds
        room = _FORESEEN * self._budget.left - self.finish_seconds(best.opened)
        most = MOST_EPOCHS if best.start else _MOST_EPOCHS_FROM_NOTHING
        # A graph of 8 bits can be made later, an epoch cannot.
        int8_s = int8_seconds(best.opened.milliseconds, best.opened.slowed)
        with_int8 = room - int8_s >= most / 2 * epoch_s
        if with_int8:
            room -= int8_s
        epochs = min(most, int(room / max(epoch_s, 1e-3)))
        known = [self._ledger.find(self._rung_recipe(best, count)[1]) for count in range(2, max(epochs, 2) + 1)]
        if epochs < 2 or known[-1] is not None:
            return None
        recipe, _ = self._rung_recipe(best, epochs)
        return Finalist(
            recipe=recipe,
            with_int8=with_int8,
            opened=best.opened,
            kind=best.kind,
            setting=best.setting(epochs),
            text=f"{best.title} goes on: {self._epochs_in_words(best, epochs)}",
            seconds=epochs * epoch_s,
        )

    def _epochs_in_words(self, rung: Rung, epochs: int) -> str:
        """All epochs of a training, which its lines count through."""
        if rung.start is None:
            return epochs_text(epochs)
        of_head = epochs_text(self._settings[rung.opened.candidate.name].epochs)
        return f"{of_head} of its head, then {epochs} of fine-tuning"

    def finish_seconds(self, opened: Opened) -> float:
        """What a run is expected to take beside its epochs."""
        images = sum(map(len, opened.data.splits.values()))
        return opened.slowed * _FINISH_S + _LABELED_TIMES * images * opened.wall_ms / 1000

    # ------------------------------------------------------------------------------------------------------- telling

    def _keep(self, one: Tried) -> None:
        self._ledger.add(one)
        self._budget.answered()
        low, high = one.interval
        self._reporter.show(
            f"{one.candidate}, {one.kind}, {one.setting}: accuracy {one.accuracy:.4f} ({low:.3f} to {high:.3f}) by "
            f"{one.judge}, {one.seconds:.0f} s"
        )

    def _note(self, text: str) -> None:
        self._ledger.notes.append(text)
        self._reporter.show(f"note: {text}")
