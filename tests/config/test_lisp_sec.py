"""LISP-SEC in the configuration: read, written, turned into the core's types, kept independent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mapsys.config.diff import changes
from mapsys.config.dump import dump
from mapsys.config.faults import ConfigError
from mapsys.config.load import load
from mapsys.core.effects import Endpoint
from mapsys.core.lisp_sec_settings import Policy, Wrapping
from mapsys.core_setup import settings_of
from mapsys.eid import EidPrefix
from mapsys.wire.lisp_sec import KeyWrapId
from tests.config.files import put

OTK = bytes(range(16))

WHOLE = """\
node: ms1.example
control: {listen: [127.0.0.1:4342]}
map-server:
  lisp-sec:
    policy: required
    keys: [{id: 2, secret: one-of-another-map-resolver}]
    protected-links: [192.0.2.20/32]
    protected-alt: true
map-resolver:
  lisp-sec:
    keys: [{id: 1, secret-file: itr.key}, {id: 3, secret: one-of-another-itr}]
    protected-links: [198.51.100.0/24, 2001:db8::/32]
    onward: {id: 4, secret: one-of-the-map-server}
sites:
  - name: site-one
    keys: [{id: 1, secret: a-laboratory-secret-1}]
    eids: [{prefix: 198.18.1.0/24}]
    lisp-sec: {id: 9, secret: one-of-the-etrs-of-site-one}
  - name: site-two
    keys: [{id: 1, secret: a-laboratory-secret-2}]
    eids: [{prefix: 198.18.2.0/24}]
    lisp-sec: protected-link
  - name: site-three
    keys: [{id: 1, secret: a-laboratory-secret-3}]
    eids: [{prefix: 198.18.3.0/24}]
"""

LOCAL = (Endpoint("127.0.0.1", 4342),)


def written(folder: Path, text: str = WHOLE) -> Path:
    put(folder, "one-of-the-itr\n", "itr.key", 0o600)
    return put(folder, text)


def test_keys_and_policies_reach_the_core(tmp_path: Path) -> None:
    settings = settings_of(load(written(tmp_path)), LOCAL, 0.0)
    itrs, resolvers = settings.lisp_sec.itrs, settings.lisp_sec.map_resolvers
    assert (itrs.policy, resolvers.policy) == (Policy.ALLOWED, Policy.REQUIRED)
    assert (sorted(itrs.keys), sorted(resolvers.keys)) == ([1, 3], [2])
    assert itrs.keys[1].wrap(OTK, 5) != itrs.keys[3].wrap(OTK, 5)
    assert itrs.protected_links == tuple(map(EidPrefix.parse, ("198.51.100.0/24", "2001:db8::/32")))
    assert (itrs.protected_alt, resolvers.protected_alt) == (False, True)
    onward = settings.lisp_sec.onward
    assert onward is not None
    assert onward.wrap(OTK, 5)[0] is KeyWrapId.AES_KEY_WRAP_128_HKDF_SHA256
    one, two, three = (site.lisp_sec for site in settings.sites)
    assert one is not None
    assert one.key_id == 9
    assert one.wrap(OTK, 5) != onward.wrap(OTK, 5)
    assert two == Wrapping()
    assert three is None


def test_without_sections_it_is_off(tmp_path: Path) -> None:
    text = WHOLE[: WHOLE.index("map-server:")] + "map-server: {}\nmap-resolver: {}\n"
    settings = settings_of(load(written(tmp_path, text)), LOCAL, 0.0)
    assert settings.lisp_sec.itrs.policy is Policy.OFF
    assert settings.lisp_sec.map_resolvers.policy is Policy.OFF
    assert settings.lisp_sec.onward is None


def test_what_is_written_reads_back_equal(tmp_path: Path) -> None:
    secrets = re.findall(r"secret: (one-of-[a-z-]+)", WHOLE)
    assert len(secrets) == 4
    text = WHOLE
    for name in secrets:
        put(tmp_path, name, f"{name}.key", 0o600)
        text = text.replace(f"secret: {name}", f"secret-file: {name}.key")
    config = load(written(tmp_path, text))
    shown = dump(config)
    assert "lisp-sec: protected-link" in shown
    shown = shown.replace("***", "a-laboratory-secret")  # the sites' keys stand in the file
    again = load(put(tmp_path, shown, "again.yaml"))
    assert again.map_resolver == config.map_resolver
    assert again.map_server == config.map_server
    assert [site.lisp_sec for site in again.sites] == [site.lisp_sec for site in config.sites]


def test_the_documented_example_is_in_order(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "lisp-sec.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    for name in set(re.findall(r"secret-file: ([a-z-]+\.key)", example)):
        put(tmp_path, f"a secret in {name}", name, 0o600)
    head = "node: ms1.example\ncontrol: {listen: [127.0.0.1:4342]}\n"
    config = load(put(tmp_path, head + example))
    assert config.sites[0].lisp_sec is not None
    assert config.map_resolver is not None
    assert config.map_resolver.lisp_sec is not None
    assert config.map_resolver.lisp_sec.onward is not None


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    config = load(written(tmp_path))
    for shown in (dump(config), repr(config), repr(settings_of(config, LOCAL, 0.0))):
        assert "one-of-" not in shown


def test_a_reload_tells_what_changed_without_the_secret(tmp_path: Path) -> None:
    old = load(written(tmp_path))
    text = WHOLE.replace("policy: required", "policy: allowed")
    text = text.replace("lisp-sec: protected-link", "lisp-sec: none")
    lines = changes(old, load(written(tmp_path, text)))
    assert lines == [
        "map-server.lisp-sec.policy: required becomes allowed",
        "site site-two: lisp-sec: protected-link becomes none",
    ]


SHARED = [
    (
        "a-laboratory-secret-1",
        "one-of-the-itr",
        "sites[0].keys[0]",
        "map-resolver.lisp-sec.keys[0]",
    ),
    (
        "one-of-the-etrs-of-site-one",
        "one-of-another-itr",
        "sites[0].lisp-sec",
        "map-resolver.lisp-sec.keys[1]",
    ),
    (
        "one-of-the-etrs-of-site-one",
        "one-of-the-map-server",
        "sites[0].lisp-sec",
        "map-resolver.lisp-sec.onward",
    ),
    (
        "a-laboratory-secret-2",
        "one-of-another-map-resolver",
        "sites[1].keys[0]",
        "map-server.lisp-sec.keys[0]",
    ),
]


@pytest.mark.parametrize(("own", "theirs", "where", "whose"), SHARED)
def test_a_site_with_the_secret_of_an_asker_is_refused(
    tmp_path: Path, own: str, theirs: str, where: str, whose: str
) -> None:
    text = WHOLE.replace(f"secret: {own}", f"secret: {theirs}")
    assert text != WHOLE
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    (fault,) = caught.value.faults
    assert fault.path == where
    assert whose in fault.message
    assert theirs not in str(caught.value)


def test_a_next_secret_counts_too(tmp_path: Path) -> None:
    text = WHOLE.replace(
        "secret: a-laboratory-secret-3",
        "secret: a-laboratory-secret-3, next-secret: one-of-the-itr",
    )
    with pytest.raises(ConfigError, match=r"sites\[2\]\.keys\[0\]"):
        load(written(tmp_path, text))


def test_a_site_has_a_secret_of_its_own_for_each_purpose(tmp_path: Path) -> None:
    text = WHOLE.replace("secret: one-of-the-etrs-of-site-one", "secret: a-laboratory-secret-1")
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    (fault,) = caught.value.faults
    assert (fault.path, fault.message) == (
        "sites[0].lisp-sec",
        "the secret is that of sites[0].keys[0]; use one for each purpose",
    )


def test_key_ids_stand_once_and_something_has_to_open_a_key(tmp_path: Path) -> None:
    twice = WHOLE.replace("{id: 3, secret: one-of-another-itr}", "{id: 1, secret: x}")
    with pytest.raises(ConfigError, match=r"keys\[1\]\.id: key-id 1 is that of keys\[0\]"):
        load(written(tmp_path, twice))
    nothing = WHOLE[: WHOLE.index("map-resolver:")] + "map-resolver: {lisp-sec: {}}\n"
    with pytest.raises(ConfigError, match="no One-Time Key could be read"):
        load(written(tmp_path, nothing))
    load(written(tmp_path, nothing.replace("{lisp-sec: {}}", "{lisp-sec: {policy: off}}")))
