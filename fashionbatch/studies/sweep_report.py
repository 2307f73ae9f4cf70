"""What a sweep came to: a table, the best by validation, its recipe, and a picture of settings against the figure."""

from __future__ import annotations

import os
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fashionbatch.display_width import counted
from fashionbatch.evaluation.documents import json_text
from fashionbatch.evaluation.tables import aligned
from fashionbatch.pictures.sweeps import Point, draw_sweep
from fashionbatch.plan import Plan
from fashionbatch.recipe.dump import to_yaml
from fashionbatch.specs import value_of
from fashionbatch.stores.address import Url, as_location
from fashionbatch.studies.directory import StudyDirectory
from fashionbatch.studies.members import Result
from fashionbatch.studies.results import choosing_figure, finished, is_share, ranked, title_of
from fashionbatch.studies.settings import labels_of
from fashionbatch.studies.statistics import METHOD_OF_IMAGES, Spread, spread_of, wilson
from fashionbatch.training.checkpoint import write_text

_SHOWN = 30
"""So many combinations stand in the report; `results.csv` has all."""
_DATA = "data:"


@dataclass(frozen=True)
class Row:
    """One combination.

    Attributes:
        settings: place -> value, as it was written.
        results: its trainings, the best by validation first.
        validation: the figure that combinations are compared by.
        test: the same figure of the test split; None where there is none.
        cross_entropy: of the validation split; None where a run does not say.
        seconds: of all its trainings.
    """

    settings: Mapping[str, str]
    results: Sequence[Result]
    validation: Spread
    test: Spread | None
    cross_entropy: float | None
    seconds: float


@dataclass(frozen=True)
class SweepReport:
    """What a sweep came to.

    Attributes:
        study: its directory.
        results: what became of each training.
        places: what was tried.
        figure: the figure of the validation split that chose.
        rows: the combinations with a finished training, the best first.
    """

    study: StudyDirectory
    results: Sequence[Result]
    places: Sequence[str]
    figure: str
    rows: Sequence[Row]

    @property
    def best(self) -> Result:
        """The training whose bundle to take: of the best combination the best by validation."""
        return self.rows[0].results[0]


def write_report(
    study: StudyDirectory, results: Sequence[Result], *, places: Sequence[str], by_magnitude: Collection[str]
) -> SweepReport:
    """Write the reports, the picture and the best recipe, and last `summary.json` where every training is finished.

    Args:
        study: its directory.
        results: of which at least one is finished, with figures of the validation split.
        places: what was tried.
        by_magnitude: places whose axis in the picture is logarithmic.

    Raises:
        OutputError: something cannot be written.
    """
    figure = choosing_figure(results)
    assert figure is not None
    report = SweepReport(study, results, places, figure, _rows(results, figure))
    write_text(study.best, best_yaml(report))
    write_text(study.path / "report.txt", "\n".join(report_lines(report)) + "\n")
    write_text(study.path / "report.json", json_text(_document(report)))
    labels = labels_of(places)
    points = [
        Point({labels[place]: row.settings[place] for place in places}, row.validation.mean) for row in report.rows
    ]
    title = f"validation {title_of(results, figure)}"
    magnitudes = {labels[place] for place in by_magnitude}
    over = f"{_name(report)}: the best of {len(points)} is the diamond"
    draw_sweep(points, study.path / "results.png", figure=title, title=over, by_magnitude=magnitudes)
    if all(result.state == "finished" for result in results):
        write_text(study.summary, json_text(_document(report)))
    return report


def _name(report: SweepReport) -> str:
    return report.best.member.plan.recipe.name


def _rows(results: Sequence[Result], figure: str) -> list[Row]:
    groups: dict[tuple[tuple[str, str], ...], list[Result]] = {}
    for result in ranked(results):
        groups.setdefault(result.member.group, []).append(result)
    rows = [_row(own, figure) for own in groups.values()]

    def merit(row: Row) -> tuple[float, float]:
        return (-row.validation.mean, row.cross_entropy or 0.0)

    return sorted(rows, key=merit)


def _row(own: Sequence[Result], figure: str) -> Row:
    tested = [result.figures("test")[figure] for result in own if figure in result.figures("test")]
    entropies = [one["cross_entropy"] for one in (r.figures("validation") for r in own) if "cross_entropy" in one]
    return Row(
        settings=own[0].member.settings,
        results=own,
        validation=spread_of([result.figures("validation")[figure] for result in own], is_share=is_share(figure)),
        test=spread_of(tested, is_share=is_share(figure)) if tested else None,
        cross_entropy=statistics.fmean(entropies) if entropies else None,
        seconds=sum(result.summary.get("seconds", {}).get("total", 0.0) for result in own),
    )


def _document(report: SweepReport) -> dict[str, Any]:
    failed = [result for result in report.results if result.state == "failed"]
    return {
        "format": 1,
        "kind": "sweep",
        "name": _name(report),
        "settings": list(report.places),
        "chosen_by": {"split": "validation", "figure": report.figure},
        "best": report.best.member.name,
        "combinations": [
            {
                "settings": dict(row.settings),
                "runs": [result.member.name for result in row.results],
                "validation": row.validation.as_dict(),
                "test": row.test.as_dict() if row.test is not None else None,
                "validation_cross_entropy": row.cross_entropy,
                "seconds": round(row.seconds, 3),
            }
            for row in report.rows
        ],
        "finished": len(finished(report.results)),
        "failed": {result.member.name: result.problem for result in failed},
    }


# -------------------------------------------------------------------------------------------------------------- text


def report_lines(report: SweepReport) -> list[str]:
    """The report as text: the table, the best first, and what it means."""
    labels = labels_of(report.places)
    name = title_of(report.results, report.figure)
    repeated = any(len(row.results) > 1 for row in report.rows)
    head = [*(labels[place] for place in report.places), f"validation {name}", *(["deviation"] if repeated else [])]
    head += [f"test {name}", "validation cross-entropy", "seconds"]
    table = [head]
    for row in report.rows[:_SHOWN]:
        deviation = "-" if row.validation.deviation is None else f"{row.validation.deviation:.4f}"
        table.append(
            [
                *(row.settings[place] for place in report.places),
                f"{row.validation.mean:.4f}",
                *([deviation] if repeated else []),
                "-" if row.test is None else f"{row.test.mean:.4f}",
                "-" if row.cross_entropy is None else f"{row.cross_entropy:.4f}",
                f"{row.seconds:,.0f}",
            ]
        )
    what = f"{counted(len(report.rows), 'combination')}, the best by validation {name} first"
    lines = [f"{_name(report)}: {what}", "", aligned(table, left=len(report.places))]
    if len(report.rows) > _SHOWN:
        lines.append(f"and {len(report.rows) - _SHOWN} more in results.csv")
    lines += ["", *_explained(report, name)]
    for result in report.results:
        if result.state == "failed":
            lines.append(f"{result.member.name} failed: {result.problem}")
    return lines


def _explained(report: SweepReport, name: str) -> list[str]:
    best, count = report.rows[0], len(report.rows)
    lines = [f"best: {', '.join(f'{place}={value}' for place, value in best.settings.items())}"]
    if count > 1:
        lines.append(
            f"It was chosen from {count} by its validation {name}; chosen like that, {best.validation.mean:.4f} is "
            "optimistic."
        )
    if best.test is None:
        lines.append("There is no test split, so no figure says how good it is on images that chose nothing.")
    elif report.figure == "accuracy":
        images = best.results[0].images("test")
        low, high = wilson(best.test.mean, images)
        lines.append(
            f"The test split chose nothing: its {name} is {best.test.mean:.4f}, by {counted(images, 'image')} known to "
            f"lie between {low:.4f} and {high:.4f} ({METHOD_OF_IMAGES})."
        )
    else:
        lines.append(f"The test split chose nothing: its {name} is {best.test.mean:.4f}.")
    if report.figure == "accuracy" and count > 1:
        low, _ = wilson(best.validation.mean, best.results[0].images("validation"))
        near = sum(row.validation.mean >= low for row in report.rows[1:])
        if near:
            lines.append(
                f"{near} of the others {'is' if near == 1 else 'are'} within what the number of validation images can "
                f"tell apart (from {low:.4f}): --seeds 3 says more."
            )
    return lines


# ------------------------------------------------------------------------------------------------------------ recipe


def best_yaml(report: SweepReport) -> str:
    """The best recipe with every default, for a file in the study's directory: its paths lead to the same files."""
    plan = report.best.member.plan
    data = plan.resolved()
    parameter = plan.source.spec.path_parameter
    source = data["data"]["source"]
    path = value_of(plan.source.parameters, parameter)
    if isinstance(path, str) and isinstance(source, dict) and parameter in source and not path.startswith(_DATA):
        source[parameter] = _from(report.study, plan, path)
    if plan.recipe.initialize_from is not None:
        data["initialize_from"] = _from(report.study, plan, plan.recipe.initialize_from)
    chosen = ", ".join(f"{place}={value}" for place, value in report.rows[0].settings.items())
    comment = f"The best of {len(report.rows)} by validation: {chosen}".replace("\n", " ")
    return f"# {comment}\n{to_yaml(data)}"


def _from(study: StudyDirectory, plan: Plan, path: str) -> str:
    """A path of the recipe as one that is relative to the study's directory; an address as it is."""
    if os.path.isabs(os.path.expanduser(path)) or isinstance(as_location(path), Url):
        return path
    return os.path.relpath(os.path.join(plan.base, path), os.path.realpath(study.path))
