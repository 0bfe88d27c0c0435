"""The report of scripts/gpu_check.sh, from what pytest writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ..conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "scripts"))
import gpu_report

XML = """<testsuites><testsuite>
<testcase classname="g" name="runs" time="1.5"/>
<testcase classname="g" name="measures" time="2"><properties>
  <property name="align_8_faces_of_1080p_us" value="12.5"/></properties></testcase>
<testcase classname="g" name="lacks" time="0"><skipped message="no nvcc"/></testcase>
{more}</testsuite></testsuites>"""
FAILED = '<testcase classname="g" name="breaks" time="1"><failure message="worse"/></testcase>'


def test_each_outcome_with_its_reason_and_figures() -> None:
    assert gpu_report.tests(XML.format(more=FAILED)) == [
        {"test": "g.runs", "outcome": "passed", "seconds": 1.5},
        {
            "test": "g.measures",
            "outcome": "passed",
            "seconds": 2.0,
            "figures": {"align_8_faces_of_1080p_us": 12.5},
        },
        {"test": "g.lacks", "outcome": "not run", "seconds": 0.0, "reason": "no nvcc"},
        {"test": "g.breaks", "outcome": "failed", "seconds": 1.0, "reason": "worse"},
    ]


@pytest.mark.parametrize(
    ("xml", "code", "counts"),
    [
        (XML.format(more=""), 0, {"passed": 2, "failed": 0, "not run": 1}),
        (XML.format(more=FAILED), 1, {"passed": 2, "failed": 1, "not run": 1}),
        ("", 2, {"passed": 0, "failed": 0, "not run": 0}),
    ],
)
def test_the_exit_code(xml: str, code: int, counts: dict[str, int], tmp_path: Path) -> None:
    source, target = tmp_path / "results.xml", tmp_path / "report.json"
    source.write_text(xml)
    assert gpu_report.main([str(source), str(target)]) == code
    report = json.loads(target.read_text())
    assert report["counts"] == counts
    assert report["machine"]["gpu"]
