"""Sites: their keys, EID-Prefixes and permissions; every name and prefix held once."""

from __future__ import annotations

from typing import Final

from mapsys.config import model
from mapsys.config.blocks import INSTANCE_ID, in_instance
from mapsys.config.lisp_sec import LINK
from mapsys.config.mappings import OVERRIDE, STATIC, check_override
from mapsys.config.node import MAC_SCOPE, MORE_SPECIFICS_HIGHEST, PROXY_REPLY, REPLAY
from mapsys.config.places import PLACE
from mapsys.config.rates import RATE
from mapsys.config.scalars import Boolean, Choice, Integer, Prefix, Text, Timestamp
from mapsys.config.schema import FaultyError, Field, ListOf, Record, Single, Value, Words
from mapsys.config.secret import SecretFile, SecretText
from mapsys.eid import EidPrefix
from mapsys.table import PrefixTable

NAME: Final = Text(
    "a name of letters, digits, dots, dashes and underscores, beginning with a letter or digit",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    limit=63,
)

ALGORITHM: Final = Choice("hmac-sha-256-128", "hmac-sha-256-128+hkdf-sha256", "hmac-sha-1-96")

ACTION: Final = Choice(
    "drop", "drop-policy-denied", "drop-auth-failure", "natively-forward", "send-map-request"
)
"""RFC 9301, 5.4."""


def _check_key(value: Value, key: model.KeyConfig) -> None:
    if len(set(key.algorithms)) < len(key.algorithms):
        value.at("algorithms").fault("an algorithm stands here twice")
    if key.not_before and key.not_after and key.not_before >= key.not_after:
        value.at("not-after").fault("not later than not-before, so the key would never be valid")
    if key.next_secret is None:
        for name in ("next-not-before", "current-not-after"):
            if (bound := value.child(name)) is not None:
                bound.fault(
                    "there is no next secret that this could be about; add next-secret-file:"
                )
    elif (
        key.next_not_before
        and key.current_not_after
        and key.next_not_before > key.current_not_after
    ):
        value.at("next-not-before").fault(
            "later than current-not-after, so in between neither secret would be accepted"
        )


KEY: Final = Record(
    model.KeyConfig,
    "a key, as in {id: 1, secret-file: site-one.key}",
    Field("id", Integer(0, 255)),
    Field("algorithm", Single(ALGORITHM), default=(model.ALGORITHM,), to="algorithms"),
    Field("algorithms", ListOf(ALGORITHM, name="algorithms", at_least=1)),
    Field("secret-file", SecretFile(), to="secret"),
    Field("secret", SecretText()),
    Field("next-secret-file", SecretFile(), default=None, to="next_secret"),
    Field("next-secret", SecretText(), default=None),
    Field("holder", NAME, default=None),
    Field("not-before", Timestamp(), default=None),
    Field("not-after", Timestamp(), default=None),
    Field("next-not-before", Timestamp(), default=None),
    Field("current-not-after", Timestamp(), default=None),
    check=_check_key,
)


def _eid(
    prefix: EidPrefix,
    instance_id: int,
    accept_more_specifics: bool,
    more_specifics_limit: int,
    more_specifics_warning: int | None,
) -> model.EidConfig:
    if more_specifics_warning is None:
        more_specifics_warning = more_specifics_limit * model.MORE_SPECIFICS_WARNING_PERCENT // 100
    return model.EidConfig(
        in_instance(prefix, instance_id),
        accept_more_specifics,
        more_specifics_limit,
        more_specifics_warning,
    )


def _check_eid(value: Value, eid: model.EidConfig) -> None:
    if eid.more_specifics_warning > eid.more_specifics_limit:
        value.at("more-specifics-warning").fault(
            f"{eid.more_specifics_warning} is above the limit of {eid.more_specifics_limit},"
            " so the warning would never come"
        )


EID: Final = Record(
    _eid,
    "an EID-Prefix, as in {prefix: 198.18.1.0/24, accept-more-specifics: true}",
    Field("prefix", Prefix()),
    INSTANCE_ID,
    Field("accept-more-specifics", Boolean(), default=False),
    Field(
        "more-specifics-limit",
        Integer(1, MORE_SPECIFICS_HIGHEST),
        default=model.MORE_SPECIFICS_LIMIT,
    ),
    Field("more-specifics-warning", Integer(0, MORE_SPECIFICS_HIGHEST), default=None),
    check=_check_eid,
)


def _check_site(value: Value, site: model.SiteConfig) -> None:
    seen: dict[int, int] = {}
    for number, key in enumerate(site.keys):
        if key.id in seen:
            value.at("keys", number, "id").fault(
                f"key-id {key.id} is that of keys[{seen[key.id]}] already;"
                " use next-secret-file: to change a secret"
            )
        seen.setdefault(key.id, number)
    if site.override:
        check_override(value.at("override"), site.override)


SITE: Final = Record(
    model.SiteConfig,
    "a site with name, keys and eids",
    Field("name", NAME),
    Field("keys", ListOf(KEY, name="keys", at_least=1)),
    Field("eids", ListOf(EID, name="EID-Prefixes", at_least=1)),
    Field(
        "rlocs",
        Words({"any": None}, ListOf(Prefix(ip_only=True), name="locator prefixes", at_least=1)),
        default=None,
    ),
    Field("notify-port", Choice("4342", "source"), default=model.NOTIFY_PORT),
    Field("replay", REPLAY, default=None),
    Field("proxy-reply", PROXY_REPLY, default=None),
    Field("mac-scope", MAC_SCOPE, default=None),
    Field(
        "rate-limits",
        Words(
            {"default": None, "off": model.SiteRateLimits(None)},
            Record(
                model.SiteRateLimits,
                "the site's budget, as in {registers-per-site: 100/s burst 1000}",
                Field("registers-per-site", RATE),
            ),
        ),
        default=None,
    ),
    Field("honour-authoritative", Boolean(), default=False),
    Field("deny", ACTION, default=None),
    Field("pitr", Words({"answer": None}, ACTION), default=None),
    Field("static", ListOf(STATIC, name="mappings"), default=()),
    Field("override", ListOf(OVERRIDE, name="locators"), default=()),
    Field("lisp-sec", LINK, default=None),
    Field("place", PLACE, default=None),
    Field("enabled", Boolean(), default=True),
    check=_check_site,
)

SITES: Final = ListOf(SITE, name="sites")


def read_sites(lists: list[Value]) -> list[tuple[Value, model.SiteConfig]]:
    """The sites of all files that can be used, with where they stand; the rest is noted."""
    sites: list[tuple[Value, model.SiteConfig]] = []
    for value in lists:
        try:
            sites.extend(SITES.read_each(value))
        except FaultyError:
            continue
    _refuse_held_twice(sites)
    _refuse_misplaced(sites)
    return sites


def _refuse_held_twice(sites: list[tuple[Value, model.SiteConfig]]) -> None:
    """Note every name and every prefix that an earlier site has.

    A prefix inside another site's prefix is no conflict: the longest configured
    prefix says whose it is, as where a provider hands a part of its block to a
    customer. Only equal prefixes leave it open.
    """
    names: dict[str, Value] = {}
    prefixes: dict[EidPrefix, tuple[Value, str]] = {}
    for value, site in sites:
        name_value = value.at("name")
        earlier = names.setdefault(site.name, name_value)
        if earlier is not name_value:
            name_value.fault(
                f"{site.name!r} is the name of the site at {earlier.place} already;"
                " give each site a name of its own"
            )
        for number, eid in enumerate(site.eids):
            if eid.prefix in prefixes:
                holder_value, holder = prefixes[eid.prefix]
                value.at("eids", number, "prefix").fault(
                    f"{eid.prefix} belongs to site {holder!r} at {holder_value.place} already;"
                    " an EID-Prefix belongs to one site"
                )
            else:
                prefixes[eid.prefix] = (value.at("eids", number, "prefix"), site.name)


def _refuse_misplaced(sites: list[tuple[Value, model.SiteConfig]]) -> None:
    """Note every static mapping that is not in its own site, or stands there twice."""
    holders: PrefixTable[str] = PrefixTable()
    for _, site in sites:
        for eid in site.eids:
            holders.put(eid.prefix, site.name)
    for value, site in sites:
        seen: dict[EidPrefix, int] = {}
        for number, mapping in enumerate(site.static):
            place = value.at("static", number, "prefix")
            found = holders.longest_match(mapping.prefix)
            if found is None or found[1] != site.name:
                whose = "no site" if found is None else f"site {found[1]!r}"
                place.fault(f"{mapping.prefix} belongs to {whose}, not to {site.name!r}")
            elif mapping.prefix in seen:
                place.fault(f"{mapping.prefix} is that of static[{seen[mapping.prefix]}] already")
            seen.setdefault(mapping.prefix, number)
