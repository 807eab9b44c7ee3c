"""Planned operations: what is refused before anything begins, and what a failed step leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from alt.model import AltConfig, Tunnel
from alt.operation import Operation, OperationRefusedError, State, Step, StepFailedError, wait_for
from alt.rehome import plan_rehoming
from alt.roles import Role
from alt.switch_provider import Part, plan_switching
from tests.alt.control.pilot import TODAY, arin, eid, moved, mspa, mspb, tunnel

NEW = replace(tunnel("ripe", Role.PARENT, 8, first=False), name="new")
RUNNING = mspa()


def exchanged(new: Tunnel = NEW, old: str = "arin", running: AltConfig = RUNNING) -> AltConfig:
    """The file with a tunnel in place of another."""
    return replace(running, tunnels=(*(t for t in running.tunnels if t.name != old), new))


def test_a_rehoming_goes_by_way_of_both_tunnels() -> None:
    plan = plan_rehoming(RUNNING, exchanged(), "arin", "new", TODAY)
    assert {t.name for t in plan.both.tunnels} == {"arin", "ripe", "etr1", "new"}
    assert plan.before == RUNNING
    assert plan.after == exchanged()


@pytest.mark.parametrize(
    ("wanted", "old", "new", "sentence"),
    [
        (exchanged(), "lacnic", "new", "there is no tunnel lacnic now; there are arin, etr1, ripe"),
        (RUNNING, "arin", "new", "the file has no tunnel new; add it in place of arin"),
        (
            replace(RUNNING, tunnels=(*RUNNING.tunnels, NEW)),
            "arin",
            "new",
            "the file still has tunnel arin",
        ),
        (exchanged(NEW, "ripe"), "ripe", "arin", "tunnel arin is there already"),
        (
            replace(exchanged(), router_id="10.0.0.9"),
            "arin",
            "new",
            "the file changes more of this instance",
        ),
        (
            exchanged(replace(NEW, inner=RUNNING.tunnels[0].inner)),
            "arin",
            "new",
            "new has the inner addresses of arin",
        ),
        (
            exchanged(replace(NEW, remote=RUNNING.tunnels[0].remote, key=RUNNING.tunnels[0].key)),
            "arin",
            "new",
            "side by side: two tunnels go to 192.0.2.106 with key 1006",
        ),
    ],
)
def test_a_rehoming_that_cannot_be_is_refused(
    wanted: AltConfig, old: str, new: str, sentence: str
) -> None:
    with pytest.raises(OperationRefusedError, match=sentence):
        plan_rehoming(RUNNING, wanted, old, new, TODAY)


@pytest.mark.parametrize(
    ("config", "part"), [(mspb, Part.NEW), (arin, Part.ABOVE), (mspa, Part.OLD)]
)
def test_each_node_knows_its_part_in_a_switch(config: Callable[..., AltConfig], part: Part) -> None:
    plan = plan_switching(config(), config(delegations=moved()), "etr1", TODAY)
    assert (plan.part, plan.blocks) == (part, (eid("198.18.1.0/24"),))


def test_a_switch_that_cannot_be_is_refused() -> None:
    def refused(wanted: AltConfig, site: str = "etr1") -> str:
        with pytest.raises(OperationRefusedError) as error:
            plan_switching(mspb(), wanted, site, TODAY)
        return str(error.value)

    assert "changes no delegation of etr1" in refused(mspb())
    assert "changes no delegation of site-two" in refused(mspb(delegations=moved()), "site-two")
    assert "more of this instance" in refused(mspb(delegations=moved(), router_id="10.0.0.9"))
    others = tuple(replace(d, holder="x") if d.holder == "site-three" else d for d in moved())
    assert "198.18.33.0/24 as well, which is not etr1's" in refused(mspb(delegations=others))
    assert "one exception more" in refused(mspb(delegations=moved(cap=0)))


class Script:
    """Steps that note that they were carried out; one of them fails."""

    def __init__(self, fails: str = "", undo_fails: bool = False) -> None:
        self.done: list[str] = []
        self._fails = fails
        self._undo_fails = undo_fails
        steps = [Step(name, f"do {name}", self._action(name)) for name in ("one", "two", "three")]
        self.operation = Operation("test", "it", steps, self._undo, (OSError,))

    def _action(self, name: str) -> Callable[[], object]:
        async def act() -> str:
            if name == self._fails:
                raise StepFailedError(f"{name} did not come")
            self.done.append(name)
            return f"found {name}"

        return act

    async def _undo(self) -> None:
        if self._undo_fails:
            raise OSError("no way back")
        self.done.append("undo")


def test_steps_follow_each_other_to_the_end() -> None:
    script = Script()
    asyncio.run(script.operation.run())
    assert script.done == ["one", "two", "three"]
    assert script.operation.state is State.DONE
    assert [step.outcome for step in script.operation.steps] == [
        "found one", "found two", "found three",
    ]  # fmt: skip


def test_a_failed_step_ends_it_and_everything_is_put_back() -> None:
    script = Script("two")
    asyncio.run(script.operation.run())
    assert script.done == ["one", "undo"]
    assert script.operation.state is State.UNDONE
    assert [step.state for step in script.operation.steps] == [
        State.DONE, State.FAILED, State.PLANNED,
    ]  # fmt: skip
    assert script.operation.steps[1].outcome == "two did not come"


def test_what_cannot_be_put_back_is_said() -> None:
    script = Script("two", undo_fails=True)
    asyncio.run(script.operation.run())
    assert script.operation.state is State.BROKEN
    assert "no way back; reload the node" in script.operation.outcome


def test_waiting_ends_with_the_condition_or_says_what_did_not_come() -> None:
    async def scenario() -> None:
        assert await wait_for(lambda: True, 1.0, "this") < 1.0
        with pytest.raises(StepFailedError, match="that did not come within 0 s"):
            await wait_for(lambda: False, 0.0, "that")

    asyncio.run(scenario())
