# Packed changes read back: what a restart, or another member, takes in. Total on any
# octets: each field is measured before it is read.

cdef struct Source:
    const uint8_t *at
    size_t left
    bint is_short           # something was asked for that is not there

cdef enum:
    READ = 0                # what apply_change says
    DAMAGED = 1
    ELSEWHERE = 2           # a change about something held in Python
    OUT_OF_MEMORY = 3


cdef Octets _take(Source *source, size_t length) noexcept nogil:
    cdef Octets octets
    octets.start = source.at
    octets.length = length
    if length > source.left:
        source.is_short = True
        octets.length = 0
        return octets
    source.at += length
    source.left -= length
    return octets


cdef uint64_t _take_number(Source *source, int octets) noexcept nogil:
    cdef Octets taken = _take(source, octets)
    cdef uint64_t value = 0
    cdef size_t index
    for index in range(taken.length):
        value = value << 8 | taken.start[index]
    return value


cdef double _take_seconds(Source *source, double shift) noexcept nogil:
    cdef uint64_t bits = _take_number(source, 8)
    cdef double value
    memcpy(&value, &bits, sizeof(double))
    return value + shift


cdef bint _take_prefix(Source *source, Key *key) noexcept nogil:
    cdef size_t size = unpack_prefix(source.at, source.left, key)
    if size == 0:
        source.is_short = True
    source.at += size
    source.left -= size
    return size != 0


cdef int apply_change(Registrations *held, Source *source, double shift) noexcept nogil:
    """Take in the next change and go past it; nothing is logged."""
    cdef uint8_t kind = <uint8_t>_take_number(source, 1)
    if kind == b"p":
        return _apply_put(held, source, shift)
    if kind == b"t":
        return _apply_touch(held, source, shift)
    if kind == b"w":
        return _apply_withdraw(held, source)
    if kind == b"s":
        return _apply_supersede(held, source, shift)
    if kind == b"n" or kind == b"f":
        return _apply_mark(held, source, kind == b"n")
    source.at -= 1
    source.left += 1
    return ELSEWHERE


cdef int _apply_put(Registrations *held, Source *source, double shift) noexcept nogil:
    cdef Contribution given
    cdef Key key
    cdef size_t registrant, record, details, published
    given.deadline = _take_seconds(source, shift)
    given.digest = _take(source, DIGEST_OCTETS).start
    registrant = _take_number(source, 1)
    record = _take_number(source, 2)
    details = _take_number(source, 2)
    published = _take_number(source, 2)
    if not _take_prefix(source, &key):
        return DAMAGED
    given.registrant = _take(source, registrant)
    given.record = _take(source, record)
    given.details = _take(source, details)
    given.published = _take(source, published)
    if source.is_short or not is_time(given.deadline):
        return DAMAGED
    return OUT_OF_MEMORY if registrations_put(held, &key, &given) < 0 else READ


cdef int _apply_touch(Registrations *held, Source *source, double shift) noexcept nogil:
    cdef Key key
    cdef double deadline = _take_seconds(source, shift)
    cdef Octets digest = _take(source, DIGEST_OCTETS), registrant
    cdef size_t length = _take_number(source, 1)
    cdef uint32_t slot
    if not _take_prefix(source, &key):
        return DAMAGED
    registrant = _take(source, length)
    if source.is_short or not is_time(deadline):
        return DAMAGED
    slot = slot_find(held, trie_find(&held.trie, &key), registrant)
    if slot != NOTHING:
        slot_touch(held, slot, deadline, digest.start)
    return READ


cdef int _apply_withdraw(Registrations *held, Source *source) noexcept nogil:
    cdef Key key
    cdef size_t length = _take_number(source, 1)
    cdef bint remains = _take_number(source, 1) != 0
    cdef size_t left = _take_number(source, 2)
    cdef Octets registrant, published
    cdef int result
    cdef uint32_t leaf
    if not _take_prefix(source, &key):
        return DAMAGED
    registrant = _take(source, length)
    published = _take(source, left)
    if source.is_short:
        return DAMAGED
    result = registrations_withdraw(held, &key, registrant, published, remains)
    if result == IS_LAST:
        result = registrations_withdraw(held, &key, registrant, published, False)
    elif result == IS_NOT_LAST:  # others are still there: what they published goes on
        leaf = trie_find(&held.trie, &key)
        published = cell_string(&held.cells, held.trie.leaves[leaf].extra)
        result = registrations_withdraw(held, &key, registrant, published, True)
    return OUT_OF_MEMORY if result < 0 else READ


cdef int _apply_supersede(Registrations *held, Source *source, double shift) noexcept nogil:
    cdef Octets digest = _take(source, DIGEST_OCTETS)
    cdef double until = _take_seconds(source, shift)
    if source.is_short or not is_time(until):
        return DAMAGED
    return OUT_OF_MEMORY if superseded_add(&held.superseded, digest.start, until) < 0 else READ


cdef int _apply_mark(Registrations *held, Source *source, bint raises) noexcept nogil:
    cdef uint64_t nonce = _take_number(source, 8) if raises else 0
    cdef size_t length = _take_number(source, 2)
    cdef Octets mark = _take(source, length)
    if source.is_short:
        return DAMAGED
    if not raises:
        mark_forget(&held.marks, mark)
        return READ
    return OUT_OF_MEMORY if mark_raise(&held.marks, mark, nonce) < 0 else READ
