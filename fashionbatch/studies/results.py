"""A study's members as rows, and the figure that they are compared by."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from fashionbatch.errors import TrainingError
from fashionbatch.studies.members import Result

SPLITS: Final = ("test", "validation", "train")
TITLES: Final = {
    "accuracy": "accuracy",
    "label_accuracy": "label accuracy",
    "mean_average_precision": "mean average precision",
    "roc_auc": "area under ROC",
    "loss": "loss",
    "cross_entropy": "cross-entropy",
}
_SHARES: Final = frozenset({"accuracy", "label_accuracy", "mean_average_precision", "roc_auc"})
_OF_GROUP: Final = "group "
_CHOSEN_BY: Final = ("mean_average_precision", "accuracy")
"""Of several labels an image `accuracy` asks for all of them; how well they are ranked says more."""


def finished(results: Sequence[Result]) -> list[Result]:
    """The members that came to their end."""
    return [result for result in results if result.state == "finished"]


def choosing_figure(results: Sequence[Result]) -> str | None:
    """The figure of the validation split by which members are compared; None where there is no such split."""
    known = [result.figures("validation") for result in finished(results)]
    return next((name for name in _CHOSEN_BY if known and all(name in one for one in known)), None)


def ranked(results: Sequence[Result]) -> list[Result]:
    """The finished members, the best by validation first; the lower cross-entropy decides between equal ones.

    Without a validation split they stay in their order.
    """
    name = choosing_figure(results)
    if name is None:
        return finished(results)

    def merit(result: Result) -> tuple[float, float]:
        figures = result.figures("validation")
        return (-figures[name], figures.get("cross_entropy", 0.0))

    return sorted(finished(results), key=merit)


def figure_names(results: Sequence[Result], split: str) -> list[str]:
    """The figures of a split that every finished member has."""
    known = [result.figures(split) for result in finished(results)]
    shared = [name for name in (known[0] if known else ()) if all(name in one for one in known)]
    return sorted(shared, key=lambda name: [*TITLES].index(name) if name in TITLES else len(TITLES))


def is_share(name: str) -> bool:
    """Whether a figure lies in 0..1 by its nature; of a recipe's own metrics nothing is known."""
    return name in _SHARES or name.startswith(_OF_GROUP)


def title_of(results: Sequence[Result], name: str) -> str:
    """What a figure is called in words: of several labels an image, `accuracy` asks for all of them."""
    if name == "accuracy" and any("label_accuracy" in result.figures(split) for result in results for split in SPLITS):
        return "exact match"
    if name == "loss":
        losses = dict.fromkeys(str(result.summary["loss"]) for result in finished(results) if "loss" in result.summary)
        return f"loss ({', '.join(losses)})" if losses else "loss"
    return TITLES.get(name, name)


def results_csv(results: Sequence[Result]) -> str:
    """A row for each member: what it is, what became of it, its figures by split, and its seconds."""
    splits = [split for split in SPLITS if any(result.figures(split) for result in results)]
    figures = [
        (split, name)
        for split in splits
        for name in dict.fromkeys(name for result in results for name in result.figures(split))
    ]
    settings = list(dict.fromkeys(place for result in results for place in result.member.settings))
    folds = any(result.member.fold is not None for result in results)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["run", "state", *settings, "seed", *(["fold"] if folds else [])]
    writer.writerow([*head, *(f"{split} {name}" for split, name in figures), "seconds", "problem"])
    for result in results:
        member = result.member
        row = [member.name, result.state, *(member.settings.get(place, "") for place in settings), str(member.seed)]
        if folds:
            row.append("" if member.fold is None else str(member.fold + 1))
        row += [_cell(result.figures(split).get(name)) for split, name in figures]
        row += [_cell(result.summary.get("seconds", {}).get("total")), result.problem]
        writer.writerow(row)
    return text.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def require_one(results: Sequence[Result]) -> None:
    """Refuse a study in which nothing came to its end.

    Raises:
        TrainingError: no member did.
    """
    if not finished(results):
        raise TrainingError(
            f"all {len(results)} trainings failed; the first: {results[0].problem}",
            hint="mend the recipe, and begin anew with --overwrite",
        )


def require_none_failed(results: Sequence[Result]) -> None:
    """Say so where some trainings failed.

    Raises:
        TrainingError: it names the first of them.
    """
    failed = [result for result in results if result.state == "failed"]
    if failed:
        first = failed[0]
        raise TrainingError(
            f"{len(failed)} of {len(results)} trainings failed, such as {first.member.name}: {first.problem}",
            hint="the same command with --resume tries them again",
        )
