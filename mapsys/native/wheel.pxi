# Wheel: items by the second in which they are looked at again. Moving a deadline
# further away changes one number; the item is filed anew when its old second comes.
# What lies beyond the wheel waits in its last second. Works for slots and digests.

from libc.math cimport floor

cdef enum:
    WHEEL_MASK = WHEEL_SECONDS - 1
    WORK_LIMIT = 8192       # items looked at in one question


cdef void wheel_open(Wheel *wheel) noexcept nogil:
    memset(wheel, 0, sizeof(Wheel))
    memset(wheel.heads, 0xFF, sizeof(wheel.heads))


cdef void wheel_close(Wheel *wheel) noexcept nogil:
    free(wheel.at)
    free(wheel.links)
    free(wheel.lists)


cdef int wheel_reserve(Wheel *wheel, uint32_t item) noexcept nogil:
    """Room for an item; -1 where there is no memory."""
    cdef size_t needed = <size_t>item + 1
    if reserve(<void **>&wheel.at, &wheel.at_capacity, needed, sizeof(double)) < 0:
        return -1
    if reserve(<void **>&wheel.links, &wheel.links_capacity, needed, sizeof(Link)) < 0:
        return -1
    if reserve(<void **>&wheel.lists, &wheel.lists_capacity, needed, sizeof(uint16_t)) < 0:
        return -1
    while wheel.size < needed:
        wheel.lists[wheel.size] = UNFILED
        wheel.size += 1
    return 0


cdef void _link(Wheel *wheel, uint32_t item, uint16_t where) noexcept nogil:
    cdef uint32_t head = wheel.heads[where]
    wheel.links[item].before = NOTHING
    wheel.links[item].after = head
    if head != NOTHING:
        wheel.links[head].before = item
    wheel.heads[where] = item
    wheel.lists[item] = where


cdef void _unlink(Wheel *wheel, uint32_t item) noexcept nogil:
    cdef Link link = wheel.links[item]
    if link.before == NOTHING:
        wheel.heads[wheel.lists[item]] = link.after
    else:
        wheel.links[link.before].after = link.after
    if link.after != NOTHING:
        wheel.links[link.after].before = link.before
    wheel.lists[item] = UNFILED


cdef void _file(Wheel *wheel, uint32_t item, int64_t second) noexcept nogil:
    if second < wheel.base:
        if wheel.is_asked:
            _link(wheel, item, RIPE)
            return
        _turn_back(wheel, second)
    second = min(second, wheel.base + WHEEL_SECONDS - 1)
    _link(wheel, item, <uint16_t>(second & WHEEL_MASK))
    wheel.first = min(wheel.first, second)


cdef void _turn_back(Wheel *wheel, int64_t base) noexcept nogil:
    """Begin at an earlier second: what is no longer within the wheel waits in its last one."""
    cdef int64_t second = max(base + WHEEL_SECONDS, wheel.base)
    cdef uint16_t last = <uint16_t>((base + WHEEL_SECONDS - 1) & WHEEL_MASK)
    cdef uint16_t where
    cdef uint32_t item
    while second < wheel.base + WHEEL_SECONDS:
        where = <uint16_t>(second & WHEEL_MASK)
        while where != last and wheel.heads[where] != NOTHING:
            item = wheel.heads[where]
            _unlink(wheel, item)
            _link(wheel, item, last)
        second += 1
    wheel.base = wheel.first = base


cdef void wheel_set(Wheel *wheel, uint32_t item, double deadline) noexcept nogil:
    """Give an item its deadline, or another one; there is room for it."""
    cdef int64_t second = <int64_t>floor(deadline), filed
    wheel.at[item] = deadline
    if wheel.lists[item] == UNFILED:
        if wheel.count == 0 and not wheel.is_asked:
            wheel.base = wheel.first = second
        wheel.count += 1
        _file(wheel, item, second)
        return
    if wheel.lists[item] != RIPE:
        filed = wheel.base + ((wheel.lists[item] - wheel.base) & WHEEL_MASK)
        if second >= filed:
            return
    _unlink(wheel, item)
    _file(wheel, item, second)


cdef void wheel_clear(Wheel *wheel, uint32_t item) noexcept nogil:
    """The item has no deadline any more."""
    _unlink(wheel, item)
    wheel.count -= 1


cdef int64_t _first_filed(Wheel *wheel) noexcept nogil:
    """The first second in which anything is filed; past the wheel where nothing is."""
    cdef int64_t second = max(wheel.first, wheel.base)
    cdef int64_t end = wheel.base + WHEEL_SECONDS
    while second < end and wheel.heads[second & WHEEL_MASK] == NOTHING:
        second += 1
    wheel.first = second
    return second


cdef double wheel_next(Wheel *wheel) noexcept nogil:
    """When to ask wheel_due: at most 1 s after the earliest deadline; there is one."""
    if wheel.heads[RIPE] != NOTHING:
        return <double>wheel.base
    return <double>(_first_filed(wheel) + 1)


cdef size_t wheel_due(Wheel *wheel, double now, size_t limit, uint32_t *found) noexcept nogil:
    """Up to ``limit`` items whose deadline is not after now; they stay due until cleared.

    Looks at no more than WORK_LIMIT items: while wheel_next has passed, there may
    be more. Returns how many were found.
    """
    cdef int64_t present = <int64_t>floor(now), second
    cdef int work = WORK_LIMIT
    cdef size_t count = 0
    cdef uint32_t item = wheel.heads[RIPE], after
    while item != NOTHING and count < limit and work:
        work -= 1
        if wheel.at[item] <= now:
            found[count] = item
            count += 1
        item = wheel.links[item].after
    if present < wheel.base and wheel.count:
        _turn_back(wheel, present)
    if wheel.count == 0:
        wheel.base = wheel.first = present
    wheel.is_asked = True
    while count < limit and work:
        second = min(_first_filed(wheel), present)
        wheel.base = wheel.first = second
        item = wheel.heads[second & WHEEL_MASK]
        while item != NOTHING and count < limit and work:
            work -= 1
            after = wheel.links[item].after
            if wheel.at[item] <= now:
                _unlink(wheel, item)
                _link(wheel, item, RIPE)
                found[count] = item
                count += 1
            elif <int64_t>floor(wheel.at[item]) != second:
                _unlink(wheel, item)
                _file(wheel, item, <int64_t>floor(wheel.at[item]))
            item = after
        if second == present:
            break
    return count
