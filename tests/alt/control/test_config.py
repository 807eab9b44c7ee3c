"""The alt section: read, defaulted, refused with every fault in place, written back equal."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
import yaml

from alt.config import ALT
from alt.levels import Lengths, Level
from alt.model import AnnounceWhen, Backend, Export
from alt.roles import Role
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.eid import EidPrefix
from tests.alt.control.pilot import eids

HEAD = """\
node: mspa
state: state
control: {listen: ["127.0.0.1:4342"]}
"""

FULL = (
    HEAD
    + """\
alt:
  - instance-id: 0
    as: 65201
    router-id: 10.254.0.11
    level: msp
    levels: {site: {ipv4: 24-29}}
    blocks: [198.18.0.0/21, "2001:db8:e000::/40"]
    non-lisp: [198.18.4.0/24]
    announce: while-present
    backend: userspace
    delegations:
      - {block: 198.18.0.0/21, level: msp, holder: mspa, providers: [arin, ripe], exceptions: 1}
      - {block: 198.18.1.0/24, level: site, holder: etr1, provider: mspa, valid-until: 2099-12-31}
      - {block: 198.18.2.0/24, level: site, holder: two, provider: mspb, lineage: [mspa]}
    tunnels:
      - name: arin
        remote: 192.0.2.1
        key: 1006
        inner: 10.255.0.13/31
        inner6: fd00:a17::d/127
        role: parent
        peer-as: 65101
        md5-secret: quite-a-secret
        gtsm: true
      - {name: etr1, remote: 192.0.2.31, inner: 10.255.0.22/31, role: child, peer-as: 4200000010,
         allow: [198.18.1.0/24], export: full, max-prefix: 8, hold-time: 9s}
  - instance-id: 7
    name: mspa-seven
    as: 65201
    router-id: 10.254.0.11
    level: edge
    tunnels:
      - {name: arin, remote: 192.0.2.1, inner: 10.255.1.13/31, role: backup, peer-as: 65101}
"""
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mapsys.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_whole_section_is_read(tmp_path: Path) -> None:
    first, second = load(written(tmp_path, FULL)).alt
    assert (first.name, first.own_as, first.level) == ("mspa", 65201, Level.MSP)
    assert first.levels.site.ipv4 == Lengths(24, 29)
    assert first.levels.site.ipv6 == Lengths(48, 64)
    assert first.blocks == eids("198.18.0.0/21", "2001:db8:e000::/40")
    assert (first.announce, first.backend) == (AnnounceWhen.WHILE_PRESENT, Backend.USERSPACE)
    assert first.delegations[0].providers == ("arin", "ripe")
    assert first.delegations[1].valid_until == date(2099, 12, 31)
    parent, child = first.tunnels
    assert (parent.role, parent.key, parent.gtsm) == (Role.PARENT, 1006, True)
    assert parent.md5 is not None
    assert parent.md5.reveal() == b"quite-a-secret"
    assert parent.inner == IPv4Interface("10.255.0.13/31")
    assert [parent.peer_address(f) for f in parent.families] == ["10.255.0.12", "fd00:a17::c"]
    assert (child.export, child.max_prefix, child.hold_seconds) == (Export.FULL, 8, 9)
    assert child.key == 0
    assert (second.name, second.instance_id, second.tunnels[0].key) == ("mspa-seven", 7, 7)


def test_every_prefix_is_of_the_instance(tmp_path: Path) -> None:
    text = FULL.replace("instance-id: 0", "instance-id: 9")
    config = load(written(tmp_path, text)).alt[0]
    prefixes = {*config.blocks, *config.non_lisp, *(d.block for d in config.delegations)}
    prefixes |= {prefix for tunnel in config.tunnels for prefix in tunnel.allow}
    assert {prefix.instance_id for prefix in prefixes} == {9}
    assert EidPrefix.parse("[9]198.18.0.0/21") in prefixes


def test_no_secret_is_shown(tmp_path: Path) -> None:
    assert "quite-a-secret" not in repr(load(written(tmp_path, FULL)))


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    configs = load(written(tmp_path, FULL)).alt
    plain = ALT.write(configs)
    again = HEAD + yaml.safe_dump({"alt": plain}).replace("'***'", "quite-a-secret")
    assert load(written(tmp_path, again)).alt == configs


def test_the_key_defaults_to_the_instance_and_the_neighbour_to_the_tunnel(tmp_path: Path) -> None:
    text = FULL.replace("        key: 1006\n", "        neighbor: arin-one\n")
    first = load(written(tmp_path, text)).alt[0]
    assert (first.tunnels[0].key, first.tunnels[0].neighbor) == (0, "arin-one")
    assert first.tunnels[1].neighbor == "etr1"


FAULTS = [
    ("level: msp", "level: mps", "alt[0].level: 'mps' is not one of"),
    ("router-id: 10.254.0.11", "router-id: 0.0.0.0", "alt[0].router-id: '0.0.0.0' is zero"),
    ("as: 65201", "as: 0", "alt[0].as: '0' is outside 1 to"),
    ("inner: 10.255.0.13/31", "inner: 10.255.0.13/24", "inner: '10.255.0.13/24' is not an IPv4"),
    ("inner6: fd00:a17::d/127", "inner6: fd00:a17::d/64", "inner6: 'fd00:a17::d/64' is not an"),
    ("ipv4: 24-29", "ipv4: 29-24", "site.ipv4: '29-24' has the longer length first"),
    ("198.18.0.0/21, ", "198.18.0.1/21, ", "did you mean 198.18.0.0/21"),
    ("2099-12-31", "31.12.2099", "valid-until: '31.12.2099' is not a day"),
    ("role: parent", "role: mother", "role: 'mother' is not one of"),
    ("md5-secret: quite-a-secret", 'md5-secret: "has blanks"', "md5-secret: the secret has to"),
    ("gtsm: true", "gtms: true", "unknown key 'gtms'; did you mean 'gtsm'"),
    ("remote: 192.0.2.1\n", "remote: 198.18.1.1\n", "tunnels[0].remote: 198.18.1.1 lies in the"),
    ("lineage: [mspa]", "lineage: [ripe]", "if the site left, add mspa to lineage:"),
    ("instance-id: 7", "instance-id: 0", "two entries are of instance-ID 0"),
    (
        "remote: 192.0.2.1, inner: 10.255.1.13/31",
        "remote: 192.0.2.1, key: 1006, inner: 10.255.1.13/31",
        "alt[1].tunnels[0].remote: instance-ID 0 has a tunnel to 192.0.2.1 with key 1006",
    ),
    ("        inner: 10.255.0.13/31\n        inner6: fd00:a17::d/127\n", "", "no address of its"),
    ("key: 1006", "key: 1006\n        local: '::1'", "is not of the family of remote: 192.0.2.1"),
]


@pytest.mark.parametrize(("good", "bad", "fault"), FAULTS)
def test_a_fault_is_told_with_its_place(tmp_path: Path, good: str, bad: str, fault: str) -> None:
    assert good in FULL
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, FULL.replace(good, bad, 1)))
    lines = [str(found) for found in caught.value.faults]
    assert any(fault in line for line in lines), lines
    assert all(found.line for found in caught.value.faults)
    assert "quite-a-secret" not in str(caught.value)


def test_what_is_odd_is_a_warning(tmp_path: Path) -> None:
    config = load(written(tmp_path, FULL.replace("2099-12-31", "2019-12-31")))
    told = [str(warning) for warning in config.warnings]
    assert any("alt[0].delegations[1].valid-until: " in line for line in told), told
