"""What became of each neighbour's session since the start, for whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

from alt.bgp.events import AltEvent, PeerDown, PeerUp, UpdateReceived


@dataclass(slots=True)
class PeerStory:
    """One neighbour. since: of the present state, on the loop's clock; None before the first.

    why: of the last end. updates: UPDATEs received. losses: sessions that ended.
    """

    is_up: bool = False
    since: float | None = None
    why: str | None = None
    updates: int = 0
    losses: int = 0


class PeerStories:
    """Follows the events of one ALT instance."""

    def __init__(self) -> None:
        self._stories: dict[str, PeerStory] = {}

    def of(self, peer: str) -> PeerStory:
        """The story so far; an empty one of a neighbour that never came."""
        return self._stories.setdefault(peer, PeerStory())

    def observe(self, event: AltEvent, now: float) -> bool:
        """Take in an event; whether a session began or ended with it."""
        match event:
            case UpdateReceived(peer):
                self.of(peer).updates += 1
            case PeerUp(peer):
                story = self.of(peer)
                story.is_up, story.since = True, now
                return True
            case PeerDown(peer, reason) if self.of(peer).is_up:
                story = self.of(peer)
                story.is_up, story.since, story.why = False, now, reason
                story.losses += 1
                return True
        return False

    def lose_all(self, why: str, now: float) -> list[str]:
        """The speaker is gone, and every session with it; returns whose."""
        lost = [name for name, story in self._stories.items() if story.is_up]
        for name in lost:
            self.observe(PeerDown(name, why, clean=False), now)
        return lost
