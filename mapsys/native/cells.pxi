# Cells: octet strings by number, each held once however often it is asked for.
# The records of many, the details of a site's registrations and the names of xTRs
# are equal more often than not, and comparing them becomes comparing numbers.
#
# The hash table grows by one bucket at a time, so that no string has to wait for
# all the others to be filed anew.

cdef enum:
    CELL_HEAD = 10
    CELL_UNIT = 8
    STRING_LIMIT = 65535
    FIRST_BUCKETS = 64


cdef int cells_open(Cells *cells, uint32_t payload, uint64_t seed) noexcept nogil:
    memset(cells, 0, sizeof(Cells))
    cells.payload = payload
    cells.seed = seed | 1
    cells.half = cells.bucket_count = FIRST_BUCKETS
    cells.free = <uint32_t *>malloc((_units(cells, STRING_LIMIT) + 1) * sizeof(uint32_t))
    cells.buckets = <uint32_t *>malloc(FIRST_BUCKETS * sizeof(uint32_t))
    if cells.free == NULL or cells.buckets == NULL:
        return -1
    cells.buckets_capacity = FIRST_BUCKETS
    memset(cells.free, 0xFF, (_units(cells, STRING_LIMIT) + 1) * sizeof(uint32_t))
    memset(cells.buckets, 0xFF, FIRST_BUCKETS * sizeof(uint32_t))
    return 0


cdef void cells_close(Cells *cells) noexcept nogil:
    free(cells.memory)
    free(cells.free)
    free(cells.buckets)


cdef inline size_t _units(const Cells *cells, size_t length) noexcept nogil:
    return (CELL_HEAD + cells.payload + length + CELL_UNIT - 1) // CELL_UNIT


cdef inline Cell *cell_at(const Cells *cells, uint32_t number) noexcept nogil:
    return <Cell *>(cells.memory + <size_t>number * CELL_UNIT)


cdef inline uint8_t *cell_payload(const Cells *cells, uint32_t number) noexcept nogil:
    """What belongs to the holder; not aligned."""
    return <uint8_t *>cell_at(cells, number) + CELL_HEAD


cdef inline uint8_t *cell_octets(const Cells *cells, uint32_t number) noexcept nogil:
    """The string; good until another one is held."""
    return <uint8_t *>cell_at(cells, number) + CELL_HEAD + cells.payload


cdef uint32_t _hash(const Cells *cells, const uint8_t *octets, size_t length) noexcept nogil:
    cdef uint64_t mixed = cells.seed ^ (length * <uint64_t>0x9E3779B97F4A7C15)
    cdef uint64_t word
    while length >= 8:
        memcpy(&word, octets, 8)
        mixed = (mixed ^ word) * (cells.seed | <uint64_t>0xD6E8FEB800000001)
        mixed ^= mixed >> 29
        octets += 8
        length -= 8
    word = 0
    memcpy(&word, octets, length)
    mixed = (mixed ^ word) * <uint64_t>0xD6E8FEB86659FD93
    mixed ^= mixed >> 32
    mixed *= <uint64_t>0x9E3779B97F4A7C15
    return <uint32_t>(mixed >> 32)


cdef inline uint32_t _bucket(const Cells *cells, uint32_t hashed) noexcept nogil:
    cdef uint32_t bucket = hashed & (2 * cells.half - 1)
    return bucket if bucket < cells.bucket_count else hashed & (cells.half - 1)


cdef uint32_t _cell_find(
    const Cells *cells, uint32_t hashed, const uint8_t *octets, size_t length
) noexcept nogil:
    cdef uint32_t number = cells.buckets[_bucket(cells, hashed)]
    cdef Cell *cell
    while number != NOTHING:
        cell = cell_at(cells, number)
        if cell.length == length and memcmp(cell_octets(cells, number), octets, length) == 0:
            return number
        number = cell.next
    return NOTHING


cdef uint32_t cells_find(const Cells *cells, const uint8_t *octets, size_t length) noexcept nogil:
    """The number of a string that is held, or NOTHING."""
    return _cell_find(cells, _hash(cells, octets, length), octets, length)


cdef uint32_t cells_hold(Cells *cells, const uint8_t *octets, size_t length) noexcept nogil:
    """Hold a string of at most STRING_LIMIT octets, once more where it is held already.

    The payload of a new one is zero. NOTHING where there is no memory.
    """
    cdef uint32_t hashed = _hash(cells, octets, length)
    cdef uint32_t number = _cell_find(cells, hashed, octets, length)
    cdef uint32_t *bucket
    cdef Cell *cell
    if number != NOTHING:
        cell_at(cells, number).references += 1
        return number
    if cells.count >= cells.bucket_count and _split_bucket(cells) < 0:
        return NOTHING
    number = _new_cell(cells, _units(cells, length))
    if number == NOTHING:
        return NOTHING
    cell = cell_at(cells, number)
    bucket = &cells.buckets[_bucket(cells, hashed)]
    cell.next = bucket[0]
    bucket[0] = number
    cell.references = 1
    cell.length = <uint16_t>length
    memset(cell_payload(cells, number), 0, cells.payload)
    memcpy(cell_octets(cells, number), octets, length)
    cells.count += 1
    return number


cdef uint32_t _new_cell(Cells *cells, size_t units) noexcept nogil:
    cdef uint32_t number = cells.free[units]
    if number != NOTHING:
        cells.free[units] = cell_at(cells, number).next
        return number
    if (cells.used // CELL_UNIT) + units >= NOTHING:
        return NOTHING
    if reserve(<void **>&cells.memory, &cells.capacity, cells.used + units * CELL_UNIT, 1) < 0:
        return NOTHING
    number = <uint32_t>(cells.used // CELL_UNIT)
    cells.used += units * CELL_UNIT
    return number


cdef int _split_bucket(Cells *cells) noexcept nogil:
    """One bucket more: what belongs there leaves the bucket that was its until now."""
    cdef uint32_t added = cells.bucket_count
    cdef uint32_t *link
    cdef uint32_t number
    cdef Cell *cell
    if reserve(
        <void **>&cells.buckets, &cells.buckets_capacity, <size_t>added + 1, sizeof(uint32_t)
    ) < 0:
        return -1
    cells.buckets[added] = NOTHING
    link = &cells.buckets[added - cells.half]
    cells.bucket_count += 1
    while link[0] != NOTHING:
        number = link[0]
        cell = cell_at(cells, number)
        if _hash(cells, cell_octets(cells, number), cell.length) & (2 * cells.half - 1) == added:
            link[0] = cell.next
            cell.next = cells.buckets[added]
            cells.buckets[added] = number
        else:
            link = &cell.next
    if cells.bucket_count == 2 * cells.half:
        cells.half = cells.bucket_count
    return 0


cdef void cells_release(Cells *cells, uint32_t number) noexcept nogil:
    """Let go of a string as often as it was held; then its number is void."""
    cdef Cell *cell = cell_at(cells, number)
    cdef uint32_t *link
    cdef size_t units
    cell.references -= 1
    if cell.references:
        return
    link = &cells.buckets[
        _bucket(cells, _hash(cells, cell_octets(cells, number), cell.length))
    ]
    while link[0] != number:
        link = &cell_at(cells, link[0]).next
    link[0] = cell.next
    units = _units(cells, cell.length)
    cell.next = cells.free[units]
    cells.free[units] = number
    cells.count -= 1
