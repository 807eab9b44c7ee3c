"""What the review finds in sites: their keys, and how their EID-Prefixes lie."""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

from mapsys.config.checks import CHECKS, Finding
from mapsys.config.document import Scalar
from mapsys.config.faults import Fault
from mapsys.config.model import MORE_SPECIFICS_LIMIT, Config, KeyConfig, SiteConfig
from mapsys.config.schema import Value
from mapsys.config.secret import Secret
from mapsys.eid import EidPrefix, Family
from mapsys.table import PrefixTable

SHORT_SECRET_OCTETS: Final = 16
"""128 bits: what a truncated HMAC-SHA-256 can carry (RFC 4868, 2.1.1 asks for a full key)."""

ROTATION_SECONDS: Final = 30 * 86_400
"""So long two secrets of a site may both be good before somebody has forgotten about it."""

_SHA1: Final = ("hmac-sha-1-96",)
_ROUTED: Final = (Family.IPV4, Family.IPV6)

Places = Sequence[tuple[Value, SiteConfig]]
"""Sites with where they stand, in file order."""


def found(check: str, value: Value, message: str, since: float = 0.0) -> Finding:
    """A finding at a value."""
    fault = Fault(value.origin.file, value.node.line, value.node.column, value.path, message)
    return Finding(CHECKS[check], fault, since)


def site_findings(sites: Places, config: Config) -> Iterator[Finding]:
    """Everything about the sites, site by site."""
    holders: PrefixTable[str] = PrefixTable()
    for _, site in sites:
        for eid in site.eids:
            holders.put(eid.prefix, site.name)
    first_with: dict[bytes, str] = {}
    readable: dict[str, bool] = {}
    for value, site in sites:
        yield from _keys(value, site, first_with, readable)
        yield from _rotation(value, site)
        yield from _prefixes(value, site, config, holders)
        yield from _budget(value, site)


def is_readable_by_others(path: Path) -> bool:
    """Whether more than the owner may read a file; of one that is gone, no."""
    with suppress(OSError):
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    return False


def _keys(
    value: Value, site: SiteConfig, first_with: dict[bytes, str], readable: dict[str, bool]
) -> Iterator[Finding]:
    for number, key in enumerate(site.keys):
        where = value.at("keys", number)
        if len(key.secret.reveal()) < SHORT_SECRET_OCTETS:
            yield found(
                "key-short", where, f"the secret is under {SHORT_SECRET_OCTETS} octets long"
            )
        if key.algorithms == _SHA1:
            yield found("key-sha1-only", where, "the key is good for SHA-1 only")
        other = first_with.setdefault(key.secret.reveal(), site.name)
        if other != site.name:
            # RFC 9301, 5.6: one site's secret must not speak for another.
            yield found(
                "key-shared",
                where,
                f"the secret is that of site {other!r} as well; give each site its own",
            )
        if any(secret.file is None for secret in _secrets(key)):
            file = value.origin.file
            if file not in readable:
                readable[file] = is_readable_by_others(Path(file))
            if readable[file]:
                yield found(
                    "secret-readable",
                    where,
                    f"the secret stands in {file}, which others than its owner may read",
                )


def _secrets(key: KeyConfig) -> list[Secret]:
    return [key.secret] if key.next_secret is None else [key.secret, key.next_secret]


def _rotation(value: Value, site: SiteConfig) -> Iterator[Finding]:
    for number, key in enumerate(site.keys):
        if key.next_secret is not None:
            begun = _written(key.next_secret, value.origin.file)
            yield found(
                "rotation-open",
                value.at("keys", number),
                f"key-id {key.id} has had a next secret for more than 30 days",
                begun + ROTATION_SECONDS,
            )
    own = [(number, key) for number, key in enumerate(site.keys) if key.holder is None]
    for (_, older), (number, newer) in pairwise(own):
        begun = max(_begun(older, value.origin.file), _begun(newer, value.origin.file))
        ends = [one.not_after.timestamp() for one in (older, newer) if one.not_after is not None]
        if not ends or min(ends) > begun + ROTATION_SECONDS:
            yield found(
                "rotation-open",
                value.at("keys", number),
                f"key-ids {older.id} and {newer.id} have both been good for more than 30 days",
                begun + ROTATION_SECONDS,
            )


def _begun(key: KeyConfig, file: str) -> float:
    """Since when a key is good, as far as can be known."""
    if key.not_before is not None:
        return key.not_before.timestamp()
    return _written(key.secret, file)


def _written(secret: Secret, file: str) -> float:
    with suppress(OSError):
        return (secret.file or Path(file)).stat().st_mtime
    return 0.0


def _prefixes(
    value: Value, site: SiteConfig, config: Config, holders: PrefixTable[str]
) -> Iterator[Finding]:
    blocks = {one.instance_id: one.blocks for one in config.alt if one.blocks}
    for number, eid in enumerate(site.eids):
        where, prefix = value.at("eids", number, "prefix"), eid.prefix
        if prefix.family in _ROUTED:
            yield from _outside(where, prefix, config.authority, blocks)
            yield from _spelling(where, prefix)
        for around, holder in holders.covering(prefix):
            if holder != site.name:
                yield found(
                    "prefix-overlap", where, f"{prefix} lies in {around} of site {holder!r}"
                )
                break
        if eid.accept_more_specifics and value.at("eids", number).child("more-specifics-limit") is (
            None
        ):
            yield found(
                "more-specifics-unlimited",
                value.at("eids", number),
                f"more-specifics of {prefix} have no ceiling but the default of"
                f" {MORE_SPECIFICS_LIMIT}",
            )


def _outside(
    where: Value,
    prefix: EidPrefix,
    authority: Iterable[EidPrefix],
    blocks: dict[int, tuple[EidPrefix, ...]],
) -> Iterator[Finding]:
    authority = tuple(authority)
    if authority and not any(block.covers(prefix) for block in authority):
        yield found(
            "site-outside-authority",
            where,
            f"{prefix} lies outside authority:, so this node answers for it"
            " but never says that a part of it does not exist",
        )
    own = blocks.get(prefix.instance_id, ())
    if own and not any(block.covers(prefix) for block in own):
        yield found(
            "site-outside-alt",
            where,
            f"{prefix} lies outside every block of the ALT here, so it is announced alone",
        )


def _spelling(where: Value, prefix: EidPrefix) -> Iterator[Finding]:
    if not isinstance(where.node, Scalar) or prefix.family is not Family.IPV6:
        return
    written = where.node.text
    with suppress(ValueError):
        canonical = str(ipaddress.ip_network(written.rpartition("]")[2], strict=False))
        if written.rpartition("]")[2] not in (canonical, canonical.removesuffix("/128")):
            yield found("prefix-not-canonical", where, f"{written} is spelled {canonical}")


def _budget(value: Value, site: SiteConfig) -> Iterator[Finding]:
    if site.rate_limits is not None and site.rate_limits.registers_per_site is None:
        yield found(
            "rate-limit-off",
            value.at("rate-limits"),
            "nothing bounds how many Map-Registers the site sends",
        )
