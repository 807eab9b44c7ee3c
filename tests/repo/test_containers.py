"""The container files, as files; building the image needs an engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mapsys.config.load import load
from tests.programs import require_program

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return document


SERVICES = ("mapsys", "prometheus", "grafana")
PILOT = ("arin", "ripe", "mspa", "mspb", "mr")


def beside_python(name: str, *arguments: str) -> None:
    """Run a checker of the environment; fail with what it says where it finds something."""
    program = require_program(str(Path(sys.executable).with_name(name)), f"the extra dev: {name}")
    checked = subprocess.run(
        [program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_schema_of_compose_allows_the_file() -> None:
    beside_python(
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"
    )


def test_hadolint_finds_nothing_to_say_about_the_image() -> None:
    beside_python("hadolint", "--failure-threshold", "info", "deploy/Dockerfile")


def test_grafana_is_given_the_prometheus_that_there_is() -> None:
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text("utf-8"))
    (url,) = (source["url"] for source in sources["datasources"])
    name, _, port = url.removeprefix("http://").partition(":")
    published = compose()["services"][name]["ports"]
    assert any(str(entry).endswith(f":{port}/tcp") for entry in published)
    providers = yaml.safe_load((provisioning / "dashboards" / "mapsys.yaml").read_text("utf-8"))
    (path,) = (provider["options"]["path"] for provider in providers["providers"])
    assert f"./deploy/grafana:{path}:ro" in compose()["services"]["grafana"]["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_service_runs_with_no_more_than_it_needs(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", PILOT)
def test_node_of_the_alt_has_what_tunnels_take_and_no_more(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["cap_add"] == ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"]
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_nodes_of_the_alt_are_accepted_and_both_ends_of_each_tunnel_agree() -> None:
    ends: dict[int | None, list[tuple[str, str, int]]] = {}
    for name in PILOT:
        service = compose()["services"][name]
        address = service["networks"]["pilot"]["ipv4_address"]
        file = ROOT / "deploy" / "compose" / service["command"][2].removeprefix("/etc/mapsys/")
        config = load(file)
        assert [one.host for one in config.control.listen] == [address]
        (instance,) = config.alt
        for tunnel in instance.tunnels:
            ends.setdefault(tunnel.key, []).append((address, str(tunnel.remote), tunnel.peer_as))
            assert compose()["services"][tunnel.name]["networks"]["pilot"] == {
                "ipv4_address": str(tunnel.remote)
            }
    assert len(ends) == 6
    for one, other in ends.values():
        assert one[:2] == other[1::-1]


@pytest.mark.parametrize("name", SERVICES)
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
    assert user == ["4342:4342"]


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
