"""A question that another process answers, and what it reports on its way."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fashionbatch.processes import ProcessEndedError, ask_python, report_progress

ANSWERS = """
import os, sys, tempfile, time
from fashionbatch.processes import answer_question, report_progress

def main(*places):
    def answer(question):
        for place in places:
            for done in (1, 20, 300):
                report_progress(place, done)
        if question.get("crash"):
            os.abort()
        while question.get("endless"):
            time.sleep(60)
        if question.get("litters"):
            handle, name = tempfile.mkstemp()
            return {"left": name, "env": os.environ["TMPDIR"]}
        return {"sum": sum(question["numbers"]), "places": len(places)}
    answer_question(answer)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "answers_for_test.py").write_text(ANSWERS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    return "answers_for_test"


def test_progress_is_told_and_the_answer_comes(module: str) -> None:
    told: list[int] = []
    assert ask_python(module, {"numbers": [1, 2, 3]}, progress=told.append) == {"sum": 6, "places": 1}
    assert told[-1] == 300
    assert told == sorted(told)


def test_without_progress_there_is_no_place_for_it(module: str) -> None:
    assert ask_python(module, {"numbers": []}) == {"sum": 0, "places": 0}


def test_temporary_files_that_it_leaves_are_taken_away(module: str) -> None:
    answer = ask_python(module, {"litters": True})
    assert Path(answer["left"]).parent == Path(answer["env"])
    assert not Path(answer["env"]).exists()


def test_what_reports_and_does_not_end_is_ended(module: str) -> None:
    with pytest.raises(TimeoutError, match=r"no answer within 0\.5 s"):
        ask_python(module, {"endless": True}, time_limit_s=0.5, progress=lambda _: None)


def test_what_reports_and_crashes_is_told(module: str) -> None:
    with pytest.raises(ProcessEndedError) as raised:
        ask_python(module, {"crash": True}, progress=lambda _: None)
    assert raised.value.signal == "SIGABRT"


def test_a_report_to_somebody_who_has_gone_does_no_harm() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    report_progress(writer, 1)
    os.close(writer)
