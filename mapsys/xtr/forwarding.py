"""The data plane: packets of the site into the tunnel, and out of it (RFC 9300, 4 and 5)."""

from __future__ import annotations

import ipaddress
from typing import Final

from mapsys.eid import EidPrefix
from mapsys.wire.records import Action
from mapsys.xtr.effects import Effect, SendOuter, ToSite, Uncarried
from mapsys.xtr.inner_packet import InnerPacket
from mapsys.xtr.lisp_header import HEADER_OCTETS, HeaderError, LispHeader
from mapsys.xtr.locator_choice import chosen_locator
from mapsys.xtr.map_cache import MapCacheEntry
from mapsys.xtr.moving import Moving
from mapsys.xtr.outer_packet import outer_octets, outer_packet
from mapsys.xtr.requests import PACKETS_LIMIT
from mapsys.xtr.state import XtrState, address_of
from mapsys.xtr.too_big import fragments, too_big_message

_DROPS: Final = frozenset((Action.DROP, Action.DROP_POLICY_DENIED, Action.DROP_AUTH_FAILURE))
_ECHOES_LIMIT: Final = 4_096


class Forwarding:
    """Decides for each packet; every decision is a list of effects or a counted reason."""

    def __init__(self, state: XtrState, moving: Moving) -> None:
        self._state = state
        self._moving = moving

    def from_site(self, octets: bytes, instance_id: int, now: float) -> list[Effect]:
        """A packet that was routed into a device: encapsulate it, or forward it natively."""
        state = self._state
        packet = _read(octets)
        if packet is None:
            return state.drop(Uncarried.NO_PACKET)
        if not packet.is_unicast:
            return state.drop(Uncarried.NOT_UNICAST)
        source = packet.source_eid(instance_id)
        effects: list[Effect] = []
        if state.here(source) is None:
            if self._moving.may_arrive(source, now):
                effects += self._moving.arrived(source, now)
            elif not state.settings.pitr:
                return self._native(packet)
        return effects + self._towards(packet, instance_id, now)

    def from_underlay(
        self, payload: bytes, source: str, hop_limit: int, traffic_class: int, now: float
    ) -> list[Effect]:
        """The payload of a datagram to port 4341. hop_limit, traffic_class: the outer ones."""
        state = self._state
        try:
            header = LispHeader.read(payload)
        except HeaderError as error:
            encrypted = error.reason == "encrypted"
            return state.drop(Uncarried.ENCRYPTED if encrypted else Uncarried.BAD_LISP_HEADER)
        instance_id = header.instance_id or 0
        if all(device.instance_id != instance_id for device in state.settings.devices):
            return state.drop(Uncarried.UNKNOWN_INSTANCE)
        packet = _read(payload[HEADER_OCTETS:])
        if packet is None:
            return state.drop(Uncarried.NO_PACKET)
        if not packet.is_unicast:
            return state.drop(Uncarried.NOT_UNICAST)
        inner = packet.decapsulated(hop_limit, traffic_class)
        if inner is None:
            return state.drop(Uncarried.CONGESTION_LOST)
        if header.nonce is not None and header.echo_nonce and len(state.echoes) < _ECHOES_LIMIT:
            state.echoes[source] = header.nonce
        if header.status_bits is not None and state.settings.locator_status_bits:
            self._note_status_bits(inner.source_eid(instance_id), header.status_bits, now)
        return self._out_of_tunnel(inner, instance_id, source, now)

    def _out_of_tunnel(
        self, packet: InnerPacket, instance_id: int, source: str, now: float
    ) -> list[Effect]:
        state = self._state
        eid = packet.destination_eid(instance_id)
        site = state.here(eid)
        if not state.prober.is_up(source):
            state.prober.hasten(source, now)
        if site is not None:
            state.correspondents.note(source, site, now)
        elif (moved := state.away_prefix(eid)) is not None:
            state.solicitor.solicit(source, moved, now)
            if packet.hop_limit <= 1:
                return state.drop(Uncarried.HOP_LIMIT)
            state.packets["re-encapsulated"] += 1
            onward = packet.marked(packet.hop_limit - 1, packet.traffic_class)
            return self._towards(onward, instance_id, now)
        elif not state.settings.petr:
            return state.drop(Uncarried.NOT_AN_OWN_EID)
        state.packets["decapsulated"] += 1
        return [ToSite(packet.octets, instance_id)]

    def _towards(self, packet: InnerPacket, instance_id: int, now: float) -> list[Effect]:
        """A packet to an EID, or to what turns out to be none."""
        state = self._state
        eid = packet.destination_eid(instance_id)
        if state.here(eid) is not None:
            return state.drop(Uncarried.TO_OWN_SITE)
        entry = state.cache.longest_match(eid, now)
        if entry is None:
            return self._wait(packet, instance_id, now)
        entry.used_at = now
        if entry.refresh_at <= now:
            self._ask_again(packet, instance_id, entry, now)
        if entry.rlocs:
            locator = chosen_locator(entry.rlocs, packet.flow_hash, state.may_use(entry))
            if locator is not None:
                return self._encapsulated(packet, instance_id, locator, now)
            self._ask_again(packet, instance_id, entry, now)
            return state.drop(Uncarried.NO_LOCATOR)
        if entry.action in _DROPS:
            return state.drop(Uncarried.TOLD_TO_DROP)
        if entry.action == Action.SEND_MAP_REQUEST:
            self._ask_again(packet, instance_id, entry, now)
            return state.drop(Uncarried.UNRESOLVED)
        return self._without_lisp(packet, instance_id, now)

    def _wait(self, packet: InnerPacket, instance_id: int, now: float) -> list[Effect]:
        state = self._state
        source = address_of(packet.source_eid(instance_id))
        question = state.requests.ask(packet.destination_eid(instance_id), source, now)
        if question is None:
            return state.drop(Uncarried.UNRESOLVED)
        if len(question.packets) >= PACKETS_LIMIT:
            return state.drop(Uncarried.WAITING_FULL)
        question.packets.append((packet.octets, instance_id))
        return []

    def resumed(self, octets: bytes, instance_id: int, now: float) -> list[Effect]:
        """A packet that waited for an answer, which is there."""
        return self._towards(InnerPacket.read(octets), instance_id, now)

    def _ask_again(
        self, packet: InnerPacket, instance_id: int, entry: MapCacheEntry, now: float
    ) -> None:
        """Ask for what an entry says already; packets do not wait for it."""
        if self._state.again.allows(entry.prefix, now):
            source = address_of(packet.source_eid(instance_id))
            self._state.requests.ask(packet.destination_eid(instance_id), source, now)

    def _without_lisp(self, packet: InnerPacket, instance_id: int, now: float) -> list[Effect]:
        """To a destination outside LISP: through a PETR where there is one, else natively."""
        settings = self._state.settings
        petrs = [h for h in settings.use_petr if settings.local_host_of(h) is not None]
        if not petrs:
            return self._native(packet)
        self._state.packets["to-petr"] += 1
        petr = petrs[packet.flow_hash % len(petrs)]
        return self._encapsulated(packet, instance_id, petr, now)

    def _native(self, packet: InnerPacket) -> list[Effect]:
        if not packet.hop_limit:
            return self._state.drop(Uncarried.HOP_LIMIT)
        self._state.packets["native"] += 1
        return [SendOuter(packet.octets, str(ipaddress.ip_address(packet.destination)))]

    def _encapsulated(
        self, packet: InnerPacket, instance_id: int, locator: str, now: float
    ) -> list[Effect]:
        state = self._state
        own = state.settings.local_host_of(locator)
        assert own is not None  # who chooses a locator has asked
        if not packet.hop_limit:
            return state.drop(Uncarried.HOP_LIMIT)
        site = state.here(packet.source_eid(instance_id))
        if site is not None:
            state.correspondents.note(locator, site, now)
        room = state.settings.path_mtu - outer_octets(6 if ":" in locator else 4)
        pieces = [packet.octets]
        if len(packet.octets) > room:
            if not packet.may_be_fragmented:
                return self._sent_back(packet, instance_id, room)
            try:
                pieces = fragments(packet, room)
            except ValueError:
                return state.drop(Uncarried.OPTIONS_TOO_BIG)
            state.packets["split"] += 1
        state.packets["encapsulated"] += len(pieces)
        state.packets_to[locator] += len(pieces)
        header = self._header(instance_id, locator)
        return [
            SendOuter(
                outer_packet(
                    header + piece,
                    own,
                    locator,
                    flow_hash=packet.flow_hash,
                    hop_limit=packet.hop_limit,
                    traffic_class=packet.traffic_class,
                ),
                locator,
            )
            for piece in pieces
        ]

    def _header(self, instance_id: int, locator: str) -> bytes:
        state = self._state
        nonce = state.echoes.pop(locator, None)
        return LispHeader(
            nonce=state.randomness.nonce() & 0xFFFFFF if nonce is None else nonce,
            status_bits=state.own_status_bits() if state.settings.locator_status_bits else None,
            instance_id=instance_id or None,
        ).octets()

    def _sent_back(self, packet: InnerPacket, instance_id: int, room: int) -> list[Effect]:
        """To the sender of what does not fit: how large it may be."""
        state = self._state
        state.drop(Uncarried.TOO_BIG)
        own = next(
            (
                text.partition("/")[0]
                for device in state.settings.devices
                if device.instance_id == instance_id
                for text in device.addresses
                if (":" in text) == (packet.version == 6)
            ),
            None,
        )
        if own is None:
            return []
        return [ToSite(too_big_message(packet, room, own), instance_id)]

    def _note_status_bits(self, source: EidPrefix, bits: int, now: float) -> None:
        entry = self._state.cache.longest_match(source, now)
        if entry is not None:
            known = len(entry.rlocs)
            entry.status_bits = bits | -1 << known & 0xFFFFFFFF


def _read(octets: bytes) -> InnerPacket | None:
    try:
        return InnerPacket.read(octets)
    except ValueError:
        return None
