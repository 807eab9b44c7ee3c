"""The ``hooks:`` section: whom to tell of moves."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from mapsys.config import model
from mapsys.config.scalars import Choice, FilePath, ScalarKind
from mapsys.config.schema import Field, ListOf, Record, Value
from mapsys.config.secret import SecretFile

HOOKS_LIMIT: Final = 8
URL_CHARACTERS: Final = 500

OCCASIONS: Final = ("departure", "arrival")


class HookUrl(ScalarKind[str]):
    """Where to post to: in clear only on this machine, and without a secret in it."""

    expects = "a URL such as https://hooks.example/moves, or http:// at a loopback address"
    repeated = False

    def parse(self, text: str) -> str:
        if len(text) > URL_CHARACTERS or not text.isascii() or not text.isprintable():
            raise ValueError(f"is not {self.expects}")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:  # its words repeat what was found
            raise ValueError("has a host or a port that cannot be read") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise ValueError(f"is not {self.expects}")
        if parts.username is not None or parts.query or parts.fragment or " " in text:
            raise ValueError("has a user, a query or a fragment; leave them out")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("would go over the network in clear; use https")
        return text


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(value: Value, hook: model.HookConfig) -> None:
    for number, occasion in enumerate(hook.on):
        if occasion in hook.on[:number]:
            value.at("on", number).fault(f"{occasion} stands in the list already")


HOOK: Final = Record(
    model.HookConfig,
    "a hook, as in {on: [arrival], url: 'http://127.0.0.1:9000/moves', secret-file: hook.key}",
    Field("on", ListOf(Choice(*OCCASIONS), name="departure and arrival", at_least=1)),
    Field("url", HookUrl()),
    Field("secret-file", SecretFile(), to="secret"),
    Field("ca", FilePath(), default=None),
    check=_check,
)


class Hooks(ListOf[model.HookConfig]):
    """At most HOOKS_LIMIT, each with a URL of its own."""

    def read(self, value: Value) -> tuple[model.HookConfig, ...]:
        hooks = super().read(value)
        if len(hooks) > HOOKS_LIMIT:
            value.refuse(f"{len(hooks)} hooks are too many; at most {HOOKS_LIMIT} are allowed")
        for number, hook in enumerate(hooks):
            if hook.url in [other.url for other in hooks[:number]]:
                value.at(number, "url").fault("another hook has this URL; put both into one")
        return hooks


HOOKS: Final = Hooks(HOOK, name="hooks")
