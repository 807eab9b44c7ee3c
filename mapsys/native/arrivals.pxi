# Datagrams and ways out between Python and the batches.

from socket import AF_INET as _AF_INET, AF_INET6 as _AF_INET6, inet_ntop


cdef object shown(const arrival *came):
    """(octets, host, port, socket, packed local address)"""
    family = _AF_INET6 if came.source.ipv6 else _AF_INET
    cdef int octets = 16 if came.source.ipv6 else 4
    return (
        (<const char *>came.data)[:came.length],
        inet_ntop(family, (<const char *>came.source.address)[:octets]),
        came.source.port,
        came.listener,
        (<const char *>came.local)[:octets],
    )


cdef int arrival_of(asked_by, bytes source, arrival *came) except -1:
    """From what :meth:`NativeBatches.run` shows; the octets have to live as long."""
    cdef bytes data, local
    data, _, port, number, local = asked_by
    memset(came, 0, sizeof(arrival))
    came.data = data
    came.length = len(data)
    came.listener = number
    came.source.port = port
    came.source.ipv6 = len(source) == 16
    memcpy(came.source.address, <const char *>source, len(source))
    memcpy(came.local, <const char *>local, len(local))
    return 0


cdef int fill_leaving(to, leaving *made) except -1:
    """From (host, packed address, port, socket, packed source or None)."""
    cdef bytes address = to[1]
    cdef bytes source
    memset(made, 0, sizeof(leaving))
    memcpy(made.destination.address, <const char *>address, len(address))
    made.destination.ipv6 = len(address) == 16
    made.destination.port = to[2]
    made.listener = to[3]
    if to[4] is not None:
        source = to[4]
        made.from_source = True
        memcpy(made.source, <const char *>source, len(source))
    return 0


cdef object noted_registration(const note *noted):
    """(EID-Prefix, host, port, whether it is the first, registrant)"""
    family = _AF_INET6 if noted.source.ipv6 else _AF_INET
    return (
        eid_of_key(&noted.eid),
        inet_ntop(family, (<const char *>noted.source.address)[:16 if noted.source.ipv6 else 4]),
        noted.source.port,
        bool(noted.first),
        (<const char *>noted.registrant)[:noted.registrant_octets],
    )
