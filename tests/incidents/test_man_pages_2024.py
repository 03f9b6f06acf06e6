"""2024: the manual pages stood still. What took them out of packages had died on a loop of symlinks in one of them.

Nobody knows for how long: the site went on answering, with old pages, and nothing said how old. Here the same package
comes into the repository. The run goes on, names it, and the pages of all others are as new as their packages. And if a
run does die, the age of the pages is told from then on, by each mirror, and the alert fires.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.harness import ROOT
from tests.man_site.conftest import origin, program
from tests.man_site.made import MAN, Origin, file, link, page, serving, xbps

__all__ = ["origin", "program"]
pytestmark = pytest.mark.servers

RULES = ROOT / "stacks" / "local" / "services" / "files" / "prometheus" / "rules.yml"


def _version(origin: Origin, version: int, *more: str) -> None:
    for name in ("alpha", "omega", *more):
        text = page(name, title=f"of version {version}")
        members = [file(f"./{MAN}/man1/{name}.1", text)]
        if name == "middle":
            members += [
                link(f"./{MAN}/man1/here.1", "there.1"),
                link(f"./{MAN}/man1/there.1", "here.1"),
                link(f"./{MAN}/man3", "man3"),
                link(f"./{MAN}/man1/deep.1", "../man3/x.3"),
            ]
        for old in [it for it in origin.xbps if it.startswith(f"{name}-")]:
            del origin.xbps[old]
        origin.xbps[f"{name}-{version}.0_1.x86_64.xbps"] = xbps(members)


def test_a_loop_of_symlinks_is_named_and_holds_up_nobody(origin: Origin) -> None:
    _version(origin, 1)
    assert origin.run().code == 0
    _version(origin, 2, "middle")
    run = origin.run(most=60)
    assert run.code == 0
    pages = origin.pages()
    for name in ("alpha", "middle", "omega"):
        assert pages[f"{name}::{name}.1"]["t"] == "of version 2"
    assert list(run.bad) == ["middle"]
    assert any("here.1: a loop of links" in line for line in run.bad["middle"])
    with serving(origin.program, origin.tree) as site:
        assert site.get("/here.1").status == 404
        assert "here.1: a loop of links" in site.get("/package/middle").text
        assert json.loads(site.get("/-/fresh").text)["bad"] == len(run.bad["middle"])


def test_a_run_that_dies_leaves_the_pages_and_their_age_is_told(origin: Origin) -> None:
    _version(origin, 1)
    assert origin.run().code == 0
    record = (origin.tree / "fresh.prom").read_text()
    (origin.folder / "current" / "x86_64-repodata").write_bytes(b"half an index")
    died = origin.extract()
    assert died.code == 1
    assert (origin.tree / "fresh.prom").read_text() == record, "a run that died is not told as one that was whole"
    with serving(origin.program, origin.tree) as site:
        assert "of version 1" in site.get("/alpha.1").text
        assert record.split()[0] in site.get("/metrics").text
        assert site.get("/-/healthy").status == 200, "old pages are better than none"


def test_the_alert_fires_half_an_hour_after_the_last_whole_run(tmp_path: Path) -> None:
    series = 'fleet_fresh_timestamp_seconds{job_name="man-pages",group="man-pages",instance="m"}'
    told = {"severity": "warning", "job_name": "man-pages", "group": "man-pages", "instance": "m"}
    stale = "The manual pages at m have not been made anew for half an hour"
    case = {
        "rule_files": ["rules.yml"],
        "tests": [
            {
                "interval": "1m",
                # Whole runs for half an hour, then none.
                "input_series": [{"series": series, "values": "0+60x30 1800x200"}],
                "alert_rule_test": [
                    {"eval_time": "55m", "alertname": "ManPagesNotFresh"},
                    {
                        "eval_time": "67m",
                        "alertname": "ManPagesNotFresh",
                        "exp_alerts": [{"exp_labels": told, "exp_annotations": {"summary": stale}}],
                    },
                ],
            },
            {
                "interval": "1m",
                "input_series": [{"series": 'up{job="man"}', "values": "1x200"}],
                "alert_rule_test": [
                    {
                        "eval_time": "40m",
                        "alertname": "ManPagesFreshnessUnknown",
                        "exp_alerts": [
                            {
                                "exp_labels": {"severity": "warning", "job_name": "man-pages"},
                                "exp_annotations": {"summary": "No mirror says how old its manual pages are"},
                            }
                        ],
                    }
                ],
            },
        ],
    }
    shutil.copy(RULES, tmp_path / "rules.yml")
    (tmp_path / "case.yml").write_text(yaml.safe_dump(case))
    done = subprocess.run(
        ["promtool", "test", "rules", "case.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
