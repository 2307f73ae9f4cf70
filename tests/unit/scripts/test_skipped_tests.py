"""`.ci/run` runs again what a bare machine skipped: by node ids that pytest understands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts" / "skipped_tests.py"
TESTS = """
import pytest

class TestClass:
    @pytest.mark.parametrize("value", ["a b", "é|", "x\\ny"])
    def test_method(self, value):
        pytest.skip("now")

@pytest.mark.skip
def test_marked(): pass

def test_passes(): pass
"""


def pytest_run(folder: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()


def test_what_is_printed_selects_the_skipped_tests_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "folder/test_some.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "test_whole.py").write_text("import pytest\npytest.skip('no', allow_module_level=True)\n")
    before = pytest_run(tmp_path, "--junitxml=report.xml", "-o", "junit_family=xunit1")
    assert before[-1].startswith("1 passed, 5 skipped")
    printed = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "report.xml")], capture_output=True, text=True, check=True
    ).stdout
    assert set(printed.splitlines()) >= {
        "test_whole.py",
        "folder/test_some.py::test_marked",
        "folder/test_some.py::TestClass::test_method[a b]",
    }
    (tmp_path / "skipped.txt").write_text(printed, encoding="utf-8")
    assert pytest_run(tmp_path, "@skipped.txt")[-1].startswith("5 skipped")
