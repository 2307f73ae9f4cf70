"""What several trainings of one recipe say together: mean, deviation and intervals, as text and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fashionbatch.display_width import counted
from fashionbatch.evaluation.documents import json_text
from fashionbatch.evaluation.tables import aligned
from fashionbatch.studies.directory import StudyDirectory
from fashionbatch.studies.members import Result
from fashionbatch.studies.results import SPLITS, choosing_figure, figure_names, finished, is_share, ranked, title_of
from fashionbatch.studies.statistics import METHOD_OF_IMAGES, METHOD_OF_RUNS, Spread, spread_of, wilson
from fashionbatch.training.checkpoint import write_text

_MANY = 6
"""So many runs have a column each in the report; of more there is `results.csv`."""


@dataclass(frozen=True)
class RepeatsReport:
    """What a study of seeds or folds came to.

    Attributes:
        study: its directory.
        results: what became of each training.
        folds: how many there are; None for a study of seeds.
        figures: split -> figure -> its spread over the finished trainings.
        by_images: split -> the share of right images, the interval of it, and the number of images; of splits that
            are not trained on. Of folds, `held out` is the share of all images that were held out.
        median: the run whose figure is in the middle; None where nothing compares runs, and for folds.
        best: the run that is best by validation; None without a validation split, and for folds.
        tables: name of each table of images that were held out -> its rows.
    """

    study: StudyDirectory
    results: Sequence[Result]
    folds: int | None
    figures: Mapping[str, Mapping[str, Spread]]
    by_images: Mapping[str, tuple[float, float, float, int]]
    median: str | None = None
    best: str | None = None
    tables: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> list[Result]:
        """The trainings that failed."""
        return [result for result in self.results if result.state == "failed"]


def write_report(
    study: StudyDirectory, results: Sequence[Result], *, folds: int | None, tables: Mapping[str, int]
) -> RepeatsReport:
    """Write `report.txt`, `report.json` and `summary.json`, the last of which says that the study is finished.

    Raises:
        OutputError: something cannot be written.
    """
    report = _report(study, results, folds, tables)
    write_text(study.path / "report.txt", "\n".join(report_lines(report)) + "\n")
    document = _document(report)
    write_text(study.path / "report.json", json_text({**document, "runs": [_run(result) for result in results]}))
    if all(result.state == "finished" for result in results):
        write_text(study.summary, json_text(document))
    return report


def _report(
    study: StudyDirectory, results: Sequence[Result], folds: int | None, tables: Mapping[str, int]
) -> RepeatsReport:
    done = finished(results)
    figures = {
        split: {name: spread_of([one.figures(split)[name] for one in done], is_share=is_share(name)) for name in names}
        for split in SPLITS
        if (names := figure_names(results, split))
    }
    by_images: dict[str, tuple[float, float, float, int]] = {}
    if folds is not None:
        counts = [one.images("test") for one in done]
        pooled = sum(one.figures("test")["accuracy"] * count for one, count in zip(done, counts, strict=True))
        # Seeds judge the same images again, which are no more images for that.
        seeds = len({one.member.seed for one in done})
        by_images["held out"] = (*_share(pooled / sum(counts), round(sum(counts) / seeds)), round(sum(counts) / seeds))
    else:
        for split in ("test", "validation"):
            if "accuracy" in figures.get(split, {}):
                count = done[0].images(split)
                by_images[split] = (*_share(figures[split]["accuracy"].mean, count), count)
    chosen = choosing_figure(results) if folds is None else None
    best = ranked(results)[0].member.name if chosen else None
    return RepeatsReport(study, results, folds, figures, by_images, _median(results, chosen), best, tables)


def _share(share: float, count: int) -> tuple[float, float, float]:
    return (share, *wilson(share, count))


def _median(results: Sequence[Result], chosen: str | None) -> str | None:
    """The run in the middle by validation; of an even number the lower of both."""
    if chosen is None:
        return None
    done = finished(results)
    values = [one.figures("validation")[chosen] for one in done]
    return done[values.index(statistics.median_low(values))].member.name


def _document(report: RepeatsReport) -> dict[str, Any]:
    first = finished(report.results)[0]
    intervals = {
        split: {"share": share, "low": low, "high": high, "images": count}
        for split, (share, low, high, count) in report.by_images.items()
    }
    return {
        "format": 1,
        "kind": "seeds" if report.folds is None else "folds",
        "name": first.member.plan.recipe.name,
        "folds": report.folds,
        "seeds": list(dict.fromkeys(result.member.seed for result in report.results)),
        "finished": len(finished(report.results)),
        "failed": {result.member.name: result.problem for result in report.failed},
        "figures": {
            split: {name: spread.as_dict() for name, spread in figures.items()}
            for split, figures in report.figures.items()
        },
        "interval_of_runs": METHOD_OF_RUNS,
        "right_images": intervals,
        "interval_of_images": METHOD_OF_IMAGES,
        "median": report.median,
        "best_by_validation": report.best,
        "tables": dict(report.tables),
    }


def _run(result: Result) -> dict[str, Any]:
    fold = {} if result.member.fold is None else {"fold": result.member.fold + 1}
    figures = result.summary.get("figures", {})
    return {
        "run": result.member.name,
        "state": result.state,
        "seed": result.member.seed,
        **fold,
        "figures": figures,
        "problem": result.problem,
    }


# -------------------------------------------------------------------------------------------------------------- text


def report_lines(report: RepeatsReport) -> list[str]:
    """The report as text, each paragraph after an empty line."""
    done = finished(report.results)
    name = done[0].member.plan.recipe.name
    seeds = len({result.member.seed for result in report.results})
    if report.folds is None:
        what = f"{counted(len(report.results), 'training')} that differ by the seed"
    else:
        what = f"{report.folds} folds" + (f" by {counted(seeds, 'seed')} each" if seeds > 1 else "")
    lines = [f"{name}: {what}", "", aligned(_rows(report, done), left=2)]
    lines += ["", *_explained(report)]
    for result in report.failed:
        lines.append(f"{result.member.name} failed, and counts nowhere: {result.problem}")
    return lines


def _rows(report: RepeatsReport, done: Sequence[Result]) -> list[tuple[str, ...]]:
    shown = [result.member.name for result in done] if len(done) <= _MANY else []
    rows = [("split", "figure", "mean", "deviation", "95% interval", *shown)]
    for split, figures in report.figures.items():
        called = "held out" if report.folds is not None and split == "test" else split
        for name, spread in figures.items():
            interval = "-" if spread.low is None else f"{spread.low:.4f} to {spread.high:.4f}"
            deviation = "-" if spread.deviation is None else f"{spread.deviation:.4f}"
            values = [f"{value:.4f}" for value in spread.values] if shown else []
            rows.append((called, title_of(done, name), f"{spread.mean:.4f}", deviation, interval, *values))
    return rows


def _explained(report: RepeatsReport) -> list[str]:
    lines = []
    if report.folds is None:
        lines.append(
            f"The interval is that of the mean ({METHOD_OF_RUNS}). It says what chance in training does, and "
            "nothing of other images."
        )
        for split, (share, low, high, count) in report.by_images.items():
            lines.append(
                f"By its {counted(count, f'{split} image')} the mean share of right ones, {share:.4f}, is known to lie "
                f"between {low:.4f} and {high:.4f} ({METHOD_OF_IMAGES})."
            )
        lines += _chosen(report)
        return lines
    lines.append(
        f"The interval is that of the mean over folds ({METHOD_OF_RUNS}). Folds share training images, so it is rather "
        "too narrow."
    )
    share, low, high, count = report.by_images["held out"]
    lines.append(
        f"Of {counted(count, 'image')}, each labeled by a network that was trained without it, {share:.4f} are right; "
        f"that share is known to lie between {low:.4f} and {high:.4f} ({METHOD_OF_IMAGES})."
    )
    lines += [f"{name}: {counted(rows, 'label')} of images that were held out" for name, rows in report.tables.items()]
    return lines


def _chosen(report: RepeatsReport) -> list[str]:
    if report.best is None:
        return ["There is no validation split, so no run can be chosen without looking at what judges it."]
    name = title_of(finished(report.results), choosing_figure(report.results) or "")
    lines = [f"By validation {name}, {report.median} is the run in the middle, and {report.best} the best one."]
    best = next(result for result in report.results if result.member.name == report.best)
    if "accuracy" in best.figures("test"):
        lines.append(
            f"The test accuracy of {report.best} is {best.figures('test')['accuracy']:.4f}. What to expect of another "
            "training is the mean."
        )
    return lines
