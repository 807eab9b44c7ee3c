"""Orders about sites in the database, answered."""

from __future__ import annotations

from typing import Protocol

from mapsys.provision.document import SiteFaults
from mapsys.provision.refused import Refused
from mapsys.provision.sites import ProvisionedSites
from mapsys.query_rows import Declined
from mapsys.query_sites_rows import KeyOrder, SiteOrder, SiteWritten


class Provisioning(Protocol):
    """The part of a ``query_pages.QuerySource`` that these orders need."""

    @property
    def provisioned(self) -> ProvisionedSites: ...


async def ordered(order: SiteOrder | KeyOrder, source: Provisioning) -> SiteWritten | Declined:
    """Carry it out, or say why not; then nothing was changed."""
    try:
        return await source.provisioned.order(order)
    except SiteFaults as error:
        return Declined("invalid-site", "the site cannot be used", error.faults)
    except Refused as error:
        return Declined(error.reason, str(error))
    except OSError as error:
        return Declined("failed", f"nothing was done: {error}")
