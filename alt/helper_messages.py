"""What the daemon and its tunnel helper say to each other: one message, one packet.

Over a pair of SOCK_SEQPACKET sockets that only these two hold; descriptors travel
beside the answer (SCM_RIGHTS).
"""

from __future__ import annotations

import socket
from typing import Final

import msgspec

from alt.tunnel.base import TunnelSpec

MESSAGE_LIMIT: Final = 16_384


class MakeOverlay(msgspec.Struct, tag=True, frozen=True):
    """Make a network namespace. Answered without a descriptor."""

    overlay: str


class RemoveOverlay(msgspec.Struct, tag=True, frozen=True):
    """Remove a network namespace that MakeOverlay made."""

    overlay: str


class OpenRawGre(msgspec.Struct, tag=True, frozen=True):
    """Answered with a raw socket in the underlay. version: 4 or 6."""

    version: int


class OpenTun(msgspec.Struct, tag=True, frozen=True):
    """Answered with a TUN descriptor."""

    overlay: str
    spec: TunnelSpec


class OpenGreLink(msgspec.Struct, tag=True, frozen=True):
    """Answered with a packet socket."""

    overlay: str
    spec: TunnelSpec


class RemoveGreLink(msgspec.Struct, tag=True, frozen=True):
    """name: the tunnel's."""

    overlay: str
    name: str


class StartCommand(msgspec.Struct, tag=True, frozen=True):
    """Run a command in an overlay, one at a time, without any capability.

    environment: put over the helper's own. Answered with its pid and the read end
    of its standard error.
    """

    overlay: str
    command: list[str]
    environment: dict[str, str]


class CommandOutcome(msgspec.Struct, tag=True, frozen=True):
    """Answered with the exit status of an overlay's command, once it has ended."""

    overlay: str


class Probe(msgspec.Struct, tag=True, frozen=True):
    """Answered with what each backend misses."""


Request = (
    MakeOverlay
    | RemoveOverlay
    | OpenRawGre
    | OpenTun
    | OpenGreLink
    | RemoveGreLink
    | StartCommand
    | CommandOutcome
    | Probe
)


class Answer(msgspec.Struct, frozen=True):
    """error: one sentence, or empty. kernel, userspace: answers to Probe.

    pid: answers StartCommand. status: answers CommandOutcome, negative for a signal.
    """

    error: str = ""
    kernel: str = ""
    userspace: str = ""
    pid: int = 0
    status: int = 0


_REQUESTS: Final = msgspec.json.Decoder(Request)
_ANSWERS: Final = msgspec.json.Decoder(Answer)
_ENCODER: Final = msgspec.json.Encoder()


def send_request(channel: socket.socket, request: Request) -> None:
    """Raises OSError."""
    channel.send(_ENCODER.encode(request))


def receive_request(channel: socket.socket) -> Request | None:
    """None at the end. Raises msgspec.MsgspecError for what is no request."""
    octets = channel.recv(MESSAGE_LIMIT)
    return _REQUESTS.decode(octets) if octets else None


def send_answer(channel: socket.socket, answer: Answer, descriptor: int | None) -> None:
    """Raises OSError."""
    descriptors = [] if descriptor is None else [descriptor]
    socket.send_fds(channel, [_ENCODER.encode(answer)], descriptors)


def receive_answer(channel: socket.socket) -> tuple[Answer, int | None]:
    """The answer and the descriptor beside it. Raises OSError, EOFError."""
    octets, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_LIMIT, 1)
    if not octets:
        raise EOFError("the tunnel helper has ended")
    return _ANSWERS.decode(octets), descriptors[0] if descriptors else None
