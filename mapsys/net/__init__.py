"""The asyncio shell around the core: sockets, journal, life cycle."""
