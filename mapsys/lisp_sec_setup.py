"""From the configuration of LISP-SEC to the core's own types."""

from __future__ import annotations

from mapsys.config.model import Config, LispSecKey, ResolverLispSecConfig, ServerLispSecConfig
from mapsys.core.lisp_sec_settings import Askers, LispSecSettings, Policy, Wrapping
from mapsys.wire.key_wrap import WrapKey


def lisp_sec_of(config: Config) -> LispSecSettings:
    """What the engine is told; off where a role or its section is absent."""
    resolver = None if config.map_resolver is None else config.map_resolver.lisp_sec
    server = None if config.map_server is None else config.map_server.lisp_sec
    return LispSecSettings(
        itrs=_askers(resolver),
        map_resolvers=_askers(server, protected_alt=server is not None and server.protected_alt),
        onward=None if resolver is None else wrapping_of(resolver.onward),
    )


def wrapping_of(link: LispSecKey | str | None) -> Wrapping | None:
    """How One-Time Keys go over a link; None where they cannot."""
    if link is None:
        return None
    if isinstance(link, LispSecKey):
        return Wrapping(link.id, WrapKey(link.secret.reveal()))
    return Wrapping()


def _askers(
    settings: ResolverLispSecConfig | ServerLispSecConfig | None, *, protected_alt: bool = False
) -> Askers:
    if settings is None:
        return Askers()
    return Askers(
        Policy(settings.policy),
        {key.id: WrapKey(key.secret.reveal()) for key in settings.keys},
        settings.protected_links,
        protected_alt,
    )
