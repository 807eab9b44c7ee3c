"""What is open of a node before its state is read: its addresses, and HTTP that says so.

Whoever probes it meanwhile is told that it is not ready, rather than refused.
"""

from __future__ import annotations

from alt.helper_capabilities import keep_only
from mapsys import query
from mapsys.config.model import Config
from mapsys.config_source import ConfigSource
from mapsys.daemon_children import Children
from mapsys.datapath.contract import Datapath
from mapsys.hooks.hand_over import require_usable_hooks
from mapsys.http_access import require_usable
from mapsys.net.log import Logger
from mapsys.start_error import StartError, cannot_listen, require_free_tcp


class Front:
    """The sockets, the query socket, and the children. Made inside the loop it runs on."""

    def __init__(
        self, source: ConfigSource, config: Config, datapath: Datapath, log: Logger
    ) -> None:
        self.datapath = datapath
        self.children = Children(config, log)
        self._source = source
        self._config = config
        self._query: query.QueryServer | None = None

    async def open(self) -> None:
        """Take every address and begin with HTTP; nothing is read or served yet.

        What comes to the UDP sockets waits in their buffers. Raises StartError.
        """
        config = self._config
        try:
            self.datapath.listen(config.control.listen)
        except OSError as error:
            raise cannot_listen(error, "udp", "control.listen", self._source) from error
        require_usable_hooks(config.hooks)
        if config.http is not None:
            require_usable(config.http)
            require_free_tcp(config.http.listen, "http.listen", self._source)
            if (metrics := config.http.metrics) is not None:
                require_free_tcp(metrics.listen, "http.metrics.listen", self._source)
        # None is needed once the sockets are open, and none is ever regained. Before the
        # first thread: a thread keeps what it was started with, and so does a child.
        keep_only(frozenset())
        try:
            self._query = await query.serve(config.state / query.SOCKET_NAME, None)
        except OSError as error:
            raise StartError(
                f"{error.strerror}; choose a state folder with a shorter path"
            ) from error
        self.children.start_http()

    def answer_from(self, source: query.QuerySource) -> None:
        """Whom the query socket asks from now on."""
        assert self._query is not None, "it is open by then"
        self._query.source = source

    async def close(self) -> None:
        """End the children and close every socket."""
        await self.children.stop()
        if self._query is not None:
            await self._query.close()
        self.datapath.close()
