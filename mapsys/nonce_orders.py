"""The order to forget an xTR's nonce: into the audit trail first, then carried out and logged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from mapsys.core.engine import Engine
from mapsys.net.audit import AuditTrail
from mapsys.net.log import Event, Logger
from mapsys.query_keys_rows import ForgetNonce, NonceForgotten


class NonceOrders:
    """Carries such orders out on a running engine."""

    def __init__(
        self, engine: Engine, trail: AuditTrail, log: Logger, changed: Callable[[], None]
    ) -> None:
        """changed: has the journal fetch what the store changed."""
        self._engine = engine
        self._trail = trail
        self._log = log
        self._changed = changed

    async def forget(self, order: ForgetNonce) -> NonceForgotten:
        """Raises LookupError where there is no such site or key, OSError without a trail.

        Nothing is changed then.
        """
        try:
            nonce = self._engine.nonce_remembered(order.site, order.key_id, order.xtr_id)
        except LookupError as error:
            await self._note(order, f"refused: {error.args[0]}")
            raise
        if nonce is None:
            await self._note(order, "refused: no nonce is remembered")
            return NonceForgotten(None)
        await self._note(order, "done", nonce)
        self._engine.forget_nonce(order.site, order.key_id, order.xtr_id)
        self._changed()
        self._log.info(Event.NONCE_FORGOTTEN, **_facts(order), nonce=nonce, by=order.by.who)
        return NonceForgotten(nonce)

    async def _note(self, order: ForgetNonce, result: str, nonce: int | None = None) -> None:
        await asyncio.to_thread(
            self._trail.append,
            at=round(time.time(), 3),
            what=Event.NONCE_FORGOTTEN.value,
            result=result,
            **order.by.facts(),
            **_facts(order),
            nonce=nonce,
        )


def _facts(order: ForgetNonce) -> dict[str, str | int | None]:
    xtr_id = None if order.xtr_id is None else order.xtr_id.hex()
    return {"site": order.site, "key_id": order.key_id, "xtr_id": xtr_id}
