# Nonce marks, and digests that must not be accepted again.

cdef enum:
    PURGE_LIMIT = 64        # digests dropped in one superseded_purge


cdef bint mark_get(const Cells *marks, Octets mark, uint64_t *nonce) noexcept nogil:
    """The highest nonce accepted under a mark; False: none."""
    cdef uint32_t number = cells_find(marks, mark.start, mark.length)
    if number == NOTHING:
        return False
    memcpy(nonce, cell_payload(marks, number), sizeof(uint64_t))
    return True


cdef int mark_raise(Cells *marks, Octets mark, uint64_t nonce) noexcept nogil:
    """1 where the nonce is higher than the mark, which is then set; else 0; -1: no memory."""
    cdef uint32_t number = cells_find(marks, mark.start, mark.length)
    cdef uint64_t before
    if number == NOTHING:
        number = cells_hold(marks, mark.start, mark.length)
        if number == NOTHING:
            return -1
    else:
        memcpy(&before, cell_payload(marks, number), sizeof(uint64_t))
        if nonce <= before:
            return 0
    memcpy(cell_payload(marks, number), &nonce, sizeof(uint64_t))
    return 1


cdef bint mark_forget(Cells *marks, Octets mark) noexcept nogil:
    """False where there was none."""
    cdef uint32_t number = cells_find(marks, mark.start, mark.length)
    if number == NOTHING:
        return False
    cells_release(marks, number)
    return True


cdef int superseded_open(Superseded *held, uint64_t seed) noexcept nogil:
    memset(held, 0, sizeof(Superseded))
    held.free = NOTHING
    wheel_open(&held.wheel)
    return cells_open(&held.digests, sizeof(uint32_t), seed)


cdef void superseded_close(Superseded *held) noexcept nogil:
    free(held.numbers)
    wheel_close(&held.wheel)
    cells_close(&held.digests)


cdef uint32_t _superseded_item(const Superseded *held, const uint8_t *digest) noexcept nogil:
    cdef uint32_t number = cells_find(&held.digests, digest, DIGEST_OCTETS)
    cdef uint32_t item = NOTHING
    if number != NOTHING:
        memcpy(&item, cell_payload(&held.digests, number), sizeof(uint32_t))
    return item


cdef int superseded_add(Superseded *held, const uint8_t *digest, double until) noexcept nogil:
    """1: remembered until then; 0: it is already remembered as long as that; -1: no memory."""
    cdef uint32_t item = _superseded_item(held, digest), number
    if item != NOTHING:
        if held.wheel.at[item] >= until:
            return 0
        wheel_set(&held.wheel, item, until)
        return 1
    item = held.free
    if item == NOTHING:
        item = held.used
        if reserve(
            <void **>&held.numbers, &held.capacity, <size_t>item + 1, sizeof(uint32_t)
        ) < 0 or wheel_reserve(&held.wheel, item) < 0:
            return -1
    number = cells_hold(&held.digests, digest, DIGEST_OCTETS)
    if number == NOTHING:
        return -1
    memcpy(cell_payload(&held.digests, number), &item, sizeof(uint32_t))
    if item == held.used:
        held.used += 1
    else:
        held.free = held.numbers[item]
    held.numbers[item] = number
    wheel_set(&held.wheel, item, until)
    return 1


cdef bint superseded_holds(
    const Superseded *held, const uint8_t *digest, double now
) noexcept nogil:
    """Whether the digest is remembered and its time has not run out."""
    cdef uint32_t item = _superseded_item(held, digest)
    return item != NOTHING and now < held.wheel.at[item]


cdef void superseded_purge(Superseded *held, double now) noexcept nogil:
    """Drop some of those whose time has run out."""
    cdef uint32_t items[PURGE_LIMIT]
    cdef size_t count = wheel_due(&held.wheel, now, PURGE_LIMIT, items)
    cdef size_t index
    cdef uint32_t item
    for index in range(count):
        item = items[index]
        wheel_clear(&held.wheel, item)
        cells_release(&held.digests, held.numbers[item])
        held.numbers[item] = held.free
        held.free = item
