"""LISP-SEC: policies, and keys that are independent on either side of a Map-Server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mapsys.config import model
from mapsys.config.scalars import Boolean, Choice, Integer, Prefix
from mapsys.config.schema import Field, ListOf, Record, Value, Words
from mapsys.config.secret import Secret, SecretFile, SecretText

_KEY: Final = Record(
    model.LispSecKey,
    "a key, as in {id: 1, secret-file: itr.key}",
    Field("id", Integer(0, 255)),
    Field("secret-file", SecretFile(), to="secret"),
    Field("secret", SecretText()),
)

LINK: Final = Words({"none": None, model.PROTECTED_LINK: model.PROTECTED_LINK}, _KEY)
"""How One-Time Keys go over one link."""

_ASKERS: Final = (
    Field("policy", Choice("allowed", "required", "off"), default=model.LISP_SEC_POLICY),
    Field("keys", ListOf(_KEY, name="keys"), default=()),
    Field("protected-links", ListOf(Prefix(ip_only=True), name="prefixes of sources"), default=()),
)


def _check_askers(
    value: Value, settings: model.ResolverLispSecConfig | model.ServerLispSecConfig
) -> None:
    seen: dict[int, int] = {}
    for number, key in enumerate(settings.keys):
        if key.id in seen:
            value.at("keys", number, "id").fault(
                f"key-id {key.id} is that of keys[{seen[key.id]}] already; give each key its own"
            )
        seen.setdefault(key.id, number)


def _check_resolver(value: Value, settings: model.ResolverLispSecConfig) -> None:
    _check_askers(value, settings)
    if settings.policy != "off" and not (settings.keys or settings.protected_links):
        value.fault("no One-Time Key could be read; add keys: or protected-links:, or policy: off")


RESOLVER: Final = Record(
    model.ResolverLispSecConfig,
    "LISP-SEC towards ITRs, as in {keys: [{id: 1, secret-file: itr.key}]}",
    *_ASKERS,
    Field("onward", LINK, default=None),
    check=_check_resolver,
)

SERVER: Final = Record(
    model.ServerLispSecConfig,
    "LISP-SEC towards Map-Resolvers, as in {keys: [{id: 1, secret-file: resolver.key}]}",
    *_ASKERS,
    Field("protected-alt", Boolean(), default=False),
    check=_check_askers,
)


def refuse_shared_secrets(
    root: Value | None, sites: Iterable[tuple[Value, model.SiteConfig]], config: model.Config
) -> None:
    """Note every secret of a site that an ITR or Map-Resolver has, too (RFC 9303, 6.5).

    Whoever holds one of those can open an ITR's One-Time Key, and forge with it what
    the Map-Server vouches for. A site's key for One-Time Keys is one of its own, too.
    root: the configuration's document, where it is at hand.
    """
    taken = dict(_secrets_of_askers(config))
    if not taken and not any(site.lisp_sec for _, site in sites):
        return
    for value, site in sites:
        of_site = list(_secrets_of_registration(value, site))
        if isinstance(site.lisp_sec, model.LispSecKey):
            own = site.lisp_sec.secret
            for where, secret in of_site:
                if secret.reveal() == own.reveal():
                    value.at("lisp-sec").fault(
                        f"the secret is that of {where.path}; use one for each purpose"
                    )
            of_site.append((value.at("lisp-sec"), own))
        for where, secret in of_site:
            asker = taken.get(secret.reveal())
            if asker is not None:
                where.fault(
                    f"the secret is that of {_shown(root, asker)}, with which this site"
                    " could forge what the Map-Server vouches for; use another"
                )


def _shown(root: Value | None, steps: tuple[str | int, ...]) -> str:
    if root is not None:
        value = root.at(*steps)
        return f"{value.path} at {value.place}"
    words = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return words.removeprefix(".")


def _secrets_of_askers(config: model.Config) -> Iterator[tuple[bytes, tuple[str | int, ...]]]:
    resolver = None if config.map_resolver is None else config.map_resolver.lisp_sec
    server = None if config.map_server is None else config.map_server.lisp_sec
    for section, settings in (("map-resolver", resolver), ("map-server", server)):
        for number, key in enumerate(settings.keys if settings else ()):
            yield key.secret.reveal(), (section, "lisp-sec", "keys", number)
    if resolver is not None and isinstance(resolver.onward, model.LispSecKey):
        yield resolver.onward.secret.reveal(), ("map-resolver", "lisp-sec", "onward")


def _secrets_of_registration(
    value: Value, site: model.SiteConfig
) -> Iterator[tuple[Value, Secret]]:
    for number, key in enumerate(site.keys):
        for secret in (key.secret, key.next_secret):
            if secret is not None:
                yield value.at("keys", number), secret
