# The change log in the octets of mapsys.change_log, written as things happen: room is
# made first, so that what has changed is never left unlogged. Checksums come when the
# frames are taken.

cdef enum:
    LOG_FRAME_HEAD = 9      # version, octets of changes, CRC-32 of them
    LOG_KEPT_OCTETS = 1 << 22   # memory that is not given back after a taking
    PACKED_PREFIX_LIMIT = PACKED_HEAD + KEY_OCTETS


cdef int log_reserve(Log *log, size_t octets) noexcept nogil:
    """Room for one change of at most so many octets; -1 where there is no memory."""
    return reserve(
        <void **>&log.octets, &log.capacity, log.used + LOG_FRAME_HEAD + octets, 1
    )


cdef uint8_t *_log_begin(Log *log) noexcept nogil:
    """Where the next change goes; there is room for it."""
    if log.is_open and log.used - log.frame - LOG_FRAME_HEAD >= FRAME_LIMIT_OCTETS:
        log.is_open = False
    if not log.is_open:
        log.frame = log.used
        log.used += LOG_FRAME_HEAD
        log.is_open = True
    _number(log.octets + log.frame + 1, log.used - log.frame - LOG_FRAME_HEAD, 4)
    return log.octets + log.used


cdef void _log_end(Log *log, uint8_t *end) noexcept nogil:
    log.used = end - log.octets
    _number(log.octets + log.frame + 1, log.used - log.frame - LOG_FRAME_HEAD, 4)


cdef uint8_t *_number(uint8_t *to, uint64_t value, int octets) noexcept nogil:
    cdef int index
    for index in range(octets):
        to[index] = <uint8_t>(value >> 8 * (octets - 1 - index))
    return to + octets


cdef uint8_t *_seconds(uint8_t *to, double value) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, &value, sizeof(double))
    return _number(to, bits, 8)


cdef uint8_t *_copy(uint8_t *to, const uint8_t *octets, size_t length) noexcept nogil:
    memcpy(to, octets, length)
    return to + length


cdef size_t put_octets(const Contribution *held) noexcept nogil:
    """At most so many does log_put write."""
    return (
        64 + PACKED_PREFIX_LIMIT + held.registrant.length + held.record.length
        + held.details.length + held.published.length
    )


cdef void log_put(Log *log, const Key *key, const Contribution *held) noexcept nogil:
    cdef uint8_t *to = _log_begin(log)
    to = _number(to, b"p", 1)
    to = _seconds(to, held.deadline)
    to = _copy(to, held.digest, DIGEST_OCTETS)
    to = _number(to, held.registrant.length, 1)
    to = _number(to, held.record.length, 2)
    to = _number(to, held.details.length, 2)
    to = _number(to, held.published.length, 2)
    to += pack_prefix(key, to)
    to = _copy(to, held.registrant.start, held.registrant.length)
    to = _copy(to, held.record.start, held.record.length)
    to = _copy(to, held.details.start, held.details.length)
    to = _copy(to, held.published.start, held.published.length)
    _log_end(log, to)


cdef void log_touch(
    Log *log, const Key *key, Octets registrant, double deadline, const uint8_t *digest
) noexcept nogil:
    """At most 64 octets, the prefix and the registrant."""
    cdef uint8_t *to = _log_begin(log)
    to = _number(to, b"t", 1)
    to = _seconds(to, deadline)
    to = _copy(to, digest, DIGEST_OCTETS)
    to = _number(to, registrant.length, 1)
    to += pack_prefix(key, to)
    to = _copy(to, registrant.start, registrant.length)
    _log_end(log, to)


cdef void log_withdraw(
    Log *log, const Key *key, Octets registrant, Octets published, bint remains
) noexcept nogil:
    """At most 64 octets, the prefix, the registrant and what is published."""
    cdef uint8_t *to = _log_begin(log)
    to = _number(to, b"w", 1)
    to = _number(to, registrant.length, 1)
    to = _number(to, remains, 1)
    to = _number(to, published.length, 2)
    to += pack_prefix(key, to)
    to = _copy(to, registrant.start, registrant.length)
    to = _copy(to, published.start, published.length)
    _log_end(log, to)


cdef void log_raise(Log *log, Octets mark, uint64_t nonce) noexcept nogil:
    """At most 64 octets and the mark."""
    cdef uint8_t *to = _log_begin(log)
    to = _number(to, b"n", 1)
    to = _number(to, nonce, 8)
    to = _number(to, mark.length, 2)
    _log_end(log, _copy(to, mark.start, mark.length))


cdef void log_forget(Log *log, Octets mark) noexcept nogil:
    """At most 64 octets and the mark."""
    cdef uint8_t *to = _log_begin(log)
    to = _number(to, b"f", 1)
    to = _number(to, mark.length, 2)
    _log_end(log, _copy(to, mark.start, mark.length))


cdef void log_supersede(Log *log, const uint8_t *digest, double until) noexcept nogil:
    """At most 64 octets."""
    cdef uint8_t *to = _log_begin(log)
    to = _number(to, b"s", 1)
    to = _copy(to, digest, DIGEST_OCTETS)
    _log_end(log, _seconds(to, until))


cdef void log_packed(Log *log, Octets packed) noexcept nogil:
    """A change that was packed elsewhere."""
    _log_end(log, _copy(_log_begin(log), packed.start, packed.length))


cdef bytes log_take(Log *log):
    """Everything since the last call, as frames; empty octets if there is nothing."""
    cdef size_t at = 0, length
    cdef uint8_t *head
    cdef bytes taken
    while at < log.used:
        head = log.octets + at
        length = (<size_t>head[1] << 24) | (<size_t>head[2] << 16) | (<size_t>head[3] << 8) | head[4]
        head[0] = LOG_VERSION
        body = PyMemoryView_FromMemory(<char *>head + LOG_FRAME_HEAD, length, PyBUF_READ)
        _number(head + 5, crc32(body), 4)
        at += LOG_FRAME_HEAD + length
    taken = (<const char *>log.octets)[:log.used] if log.used else b""
    log.used = log.frame = 0
    log.is_open = False
    if log.capacity > LOG_KEPT_OCTETS:
        free(log.octets)
        log.octets = NULL
        log.capacity = 0
    return taken
