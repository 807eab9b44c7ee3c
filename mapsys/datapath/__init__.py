"""Batch in, batch out: what moves datagrams between the sockets and the core."""
