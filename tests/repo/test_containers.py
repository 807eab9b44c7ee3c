"""The container files, as files; building the image needs an engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.programs import require_program

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return document


@pytest.mark.parametrize("name", ["mapsys", "prometheus"])
def test_service_runs_with_no_more_than_it_needs(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", ["mapsys", "prometheus"])
def test_ports_are_published_on_loopback_only(name: str) -> None:
    ports = compose()["services"][name]["ports"]
    assert ports
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


def test_what_is_mounted_is_there_or_a_named_volume() -> None:
    document = compose()
    for service in document["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            else:
                assert source in document["volumes"]


def test_prometheus_scrapes_the_service_by_its_name_and_port() -> None:
    scrape = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text("utf-8"))
    (target,) = scrape["scrape_configs"][0]["static_configs"][0]["targets"]
    name, _, port = target.partition(":")
    published = compose()["services"][name]["ports"]
    assert any(str(entry).endswith(f":{port}/tcp") for entry in published)


def test_build_names_files_that_are_there_and_let_into_the_context() -> None:
    build = compose()["services"]["mapsys"]["build"]
    assert (ROOT / build["dockerfile"]).is_file()
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored, f"{name} is kept out of the build by .dockerignore"


def test_image_does_not_run_as_root() -> None:
    stages = DOCKERFILE.split("\nFROM ")
    user = re.findall(r"^USER (\S+)$", stages[-1], re.MULTILINE)
    assert user == ["mapsys"]


@pytest.mark.ability("container-engine")
@pytest.mark.timeout(900)
def test_image_builds_and_says_its_version() -> None:
    docker = require_program("docker", "docker.io")
    command = [docker, "build", "-q", "-f", "deploy/Dockerfile", "-t", "mapsys:test", "."]
    subprocess.run(command, cwd=ROOT, check=True, timeout=800)
    said = subprocess.run(
        [docker, "run", "--rm", "--read-only", "mapsys:test", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "mapsys" in said.stdout
