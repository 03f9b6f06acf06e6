"""Prometheus takes its configuration and its rules, and the rules that were missing fire when they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import ROOT
from tests.services.test_facts import FACTS

FILES = ROOT / "stacks" / "prod" / "services" / "files"
RULES = FILES / "prometheus"
NEW = {"CertificateExpiresSoon", "MirrorNotFresh", "ManPagesNotFresh", "QuorumAtRisk", "QuorumLost", "DiskFullInADay"}


def _promtool(*words: str, cwd: Path | None = None) -> None:
    done = subprocess.run(["promtool", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _rules(file: str) -> dict[str, dict[str, dict[str, str]]]:
    said = yaml.safe_load((RULES / file).read_text(encoding="utf-8"))
    return {
        group["name"]: {r["alert"]: {"hold": r["for"], "severity": r["labels"]["severity"]} for r in group["rules"]}
        for group in said["groups"]
    }


def _config() -> dict[str, Any]:
    """The configuration as it is once Nomad has filled it in."""
    text = (RULES / "prometheus.yml").read_text(encoding="utf-8")
    filled: dict[str, Any] = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "192.0.2.1", text))
    return filled


def test_the_rules_that_were_found_are_there_with_their_holds_and_weights() -> None:
    found = _rules("node_exporter_alerts.yml") | _rules("prometheus_alerts.yml")
    assert found == FACTS["alert_rules"]
    assert sum(len(rules) for rules in found.values()) == 37


@pytest.mark.servers
def test_a4_08_the_rules_that_were_missing_are_there() -> None:
    assert set(_rules("fleet_alerts.yml")["Fleet"]) >= NEW


def test_what_was_scraped_is_scraped_but_for_loki() -> None:
    names = {it["job_name"] for it in _config()["scrape_configs"]}
    assert set(FACTS["scrape_jobs"]) - names == {"loki"}
    ours = {"logs", "control", "fresh-mirror", "fresh-sources", "fresh-man", "devspace"}
    assert names - set(FACTS["scrape_jobs"]) == ours


@pytest.mark.servers
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    config = _config()
    for it in [*config["scrape_configs"], *config["alerting"]["alertmanagers"]]:
        # Debian's build knows no Consul; the rest of each job is checked as it stands.
        if it.pop("consul_sd_configs", None):
            it["static_configs"] = [{"targets": ["192.0.2.1:80"]}]
    config["rule_files"] = [f"{RULES}/*_alerts.yml"]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    _promtool("check", "config", "--syntax-only", str(file))


@pytest.mark.servers
def test_prometheus_takes_its_rules() -> None:
    _promtool("check", "rules", *(str(file) for file in sorted(RULES.glob("*_alerts.yml"))))


@pytest.mark.servers
def test_a4_08_the_rules_fire_when_they_should(tmp_path: Path) -> None:
    for file in RULES.glob("*_alerts.yml"):
        shutil.copy(file, tmp_path)
    shutil.copy(Path(__file__).with_name("alerts.yml"), tmp_path)
    _promtool("test", "rules", "alerts.yml", cwd=tmp_path)


def test_alertmanager_and_the_exporters_are_told_what_they_know() -> None:
    alerts = yaml.safe_load((FILES / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8"))
    assert alerts["route"]["receiver"] in {it["name"] for it in alerts["receivers"]}
    modules = yaml.safe_load((FILES / "ssl-exporter" / "conf.yaml").read_text(encoding="utf-8"))["modules"]
    asked = {m for it in _config()["scrape_configs"] for m in it.get("params", {}).get("module", [])}
    assert asked <= set(modules)
    for name in ("promtail/config.yaml", "vector/vector.yaml", "alertrelay/config.yml"):
        assert yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", (FILES / name).read_text(encoding="utf-8")))
