# Registrations: slots in chains, one chain for each EID-Prefix; which slot is first
# has no meaning. Policy lives elsewhere: this holds what it is told.

from libc.math cimport fabs

from mapsys.change_log import TIME_LIMIT_SECONDS

cdef enum:
    REGISTRANT_LIMIT = 255
    NOT_THERE = 0           # what registrations_withdraw found
    WITHDRAWN = 1
    IS_LAST = 2             # nothing is left to publish
    IS_NOT_LAST = 3         # what is left stays published

cdef double SECONDS_LIMIT = TIME_LIMIT_SECONDS


cdef bint is_time(double seconds) noexcept nogil:
    """Whether a clock can say it: a number, and not beyond any uptime."""
    return fabs(seconds) < SECONDS_LIMIT


cdef int registrations_open(Registrations *held, const uint64_t *seeds) noexcept nogil:
    """-1 where there is no memory. seeds: four of them."""
    memset(held, 0, sizeof(Registrations))
    held.slots_free = NOTHING
    wheel_open(&held.deadlines)
    held.changed = <Key *>malloc(CHANGES_KEPT * sizeof(Key))
    if held.changed == NULL:
        return -1
    if trie_open(&held.trie, seeds[0]) < 0 or cells_open(&held.cells, 0, seeds[1]) < 0:
        return -1
    if cells_open(&held.marks, sizeof(uint64_t), seeds[2]) < 0:
        return -1
    return superseded_open(&held.superseded, seeds[3])


cdef void registrations_close(Registrations *held) noexcept nogil:
    trie_close(&held.trie)
    cells_close(&held.cells)
    cells_close(&held.marks)
    superseded_close(&held.superseded)
    wheel_close(&held.deadlines)
    free(held.slots)
    free(held.log.octets)
    free(held.changed)


cdef inline void note_change(Registrations *held, const Key *key) noexcept nogil:
    """What is registered at a prefix is no longer what it was."""
    held.changed[held.generation % CHANGES_KEPT] = key[0]
    held.generation += 1


cdef Octets cell_string(const Cells *cells, uint32_t number) noexcept nogil:
    """What a cell holds; good until another string is held."""
    cdef Octets octets
    octets.start = cell_octets(cells, number)
    octets.length = cell_at(cells, number).length
    return octets


cdef uint32_t slot_find(
    const Registrations *held, uint32_t leaf, Octets registrant
) noexcept nogil:
    """The slot of a registrant at a leaf, or NOTHING; the leaf may be NOTHING too."""
    cdef uint32_t number, slot
    if leaf == NOTHING:
        return NOTHING
    number = cells_find(&held.cells, registrant.start, registrant.length)
    if number == NOTHING:
        return NOTHING
    slot = held.trie.leaves[leaf].value
    while slot != NOTHING and held.slots[slot].registrant != number:
        slot = held.slots[slot].after
    return slot


cdef int registrations_put(
    Registrations *held, const Key *key, const Contribution *given
) noexcept nogil:
    """Hold or replace a contribution; -1 where there is no memory, nothing changed then."""
    cdef uint32_t leaf = trie_find(&held.trie, key)
    cdef uint32_t slot = slot_find(held, leaf, given.registrant)
    cdef uint32_t registrant = NOTHING, record, details, published
    cdef bint is_new = slot == NOTHING
    record = _hold(held, given.record)
    details = _hold(held, given.details)
    published = record
    if record != NOTHING and _are_equal(given.published, given.record):
        cell_at(&held.cells, record).references += 1
    else:
        published = _hold(held, given.published)
    if is_new:
        registrant = _hold(held, given.registrant)
        slot = _new_slot(held)
    if (
        record == NOTHING or details == NOTHING or published == NOTHING or slot == NOTHING
        or (is_new and registrant == NOTHING)
        or (leaf == NOTHING and _insert(held, key, &leaf) < 0)
    ):
        _let_go(held, record)
        _let_go(held, details)
        _let_go(held, published)
        _let_go(held, registrant)
        if is_new and slot != NOTHING:
            _free_slot(held, slot)
        return -1
    if is_new:
        held.slots[slot].leaf = leaf
        held.slots[slot].registrant = registrant
        held.slots[slot].record = held.slots[slot].details = NOTHING
        held.slots[slot].after = held.trie.leaves[leaf].value
        held.trie.leaves[leaf].value = slot
        held.count += 1
        held.held[key.family] += 1
    if (
        held.slots[slot].record != record
        or held.slots[slot].details != details
        or held.trie.leaves[leaf].extra != published
    ):
        note_change(held, key)
    _replace(held, &held.slots[slot].record, record)
    _replace(held, &held.slots[slot].details, details)
    _replace(held, &held.trie.leaves[leaf].extra, published)
    memcpy(held.slots[slot].digest, given.digest, DIGEST_OCTETS)
    wheel_set(&held.deadlines, slot, given.deadline)
    return 0


cdef inline uint32_t _hold(Registrations *held, Octets octets) noexcept nogil:
    return cells_hold(&held.cells, octets.start, octets.length)


cdef inline bint _are_equal(Octets one, Octets other) noexcept nogil:
    return one.length == other.length and memcmp(one.start, other.start, one.length) == 0


cdef inline void _let_go(Registrations *held, uint32_t number) noexcept nogil:
    if number != NOTHING:
        cells_release(&held.cells, number)


cdef void _replace(Registrations *held, uint32_t *place, uint32_t number) noexcept nogil:
    cdef uint32_t before = place[0]
    place[0] = number
    _let_go(held, before)


cdef int _insert(Registrations *held, const Key *key, uint32_t *leaf) noexcept nogil:
    leaf[0] = trie_insert(&held.trie, key)
    return -1 if leaf[0] == NOTHING else 0


cdef uint32_t _new_slot(Registrations *held) noexcept nogil:
    """A slot, with room for its deadline."""
    cdef uint32_t slot = held.slots_free
    if slot != NOTHING:
        held.slots_free = held.slots[slot].after
        return slot
    slot = held.slots_used
    if slot + 1 >= NOTHING or reserve(
        <void **>&held.slots, &held.slots_capacity, <size_t>slot + 1, sizeof(Slot)
    ) < 0 or wheel_reserve(&held.deadlines, slot) < 0:
        return NOTHING
    held.slots_used += 1
    return slot


cdef void _free_slot(Registrations *held, uint32_t slot) noexcept nogil:
    held.slots[slot].after = held.slots_free
    held.slots_free = slot


cdef int registrations_withdraw(
    Registrations *held, const Key *key, Octets registrant, Octets published, bint remains
) noexcept nogil:
    """Remove a contribution; see the states above. -1 where there is no memory."""
    cdef uint32_t leaf = trie_find(&held.trie, key)
    cdef uint32_t slot = slot_find(held, leaf, registrant), number
    cdef uint32_t *link
    cdef bint is_last
    if slot == NOTHING:
        return NOT_THERE
    link = &held.trie.leaves[leaf].value
    is_last = link[0] == slot and held.slots[slot].after == NOTHING
    if is_last and remains:
        return IS_LAST
    if not is_last and not remains:
        return IS_NOT_LAST
    if remains:
        number = _hold(held, published)
        if number == NOTHING:
            return -1
        _replace(held, &held.trie.leaves[leaf].extra, number)
    while link[0] != slot:
        link = &held.slots[link[0]].after
    link[0] = held.slots[slot].after
    if is_last:
        _let_go(held, held.trie.leaves[leaf].extra)
        trie_remove(&held.trie, leaf)
    _let_go(held, held.slots[slot].registrant)
    _let_go(held, held.slots[slot].record)
    _let_go(held, held.slots[slot].details)
    wheel_clear(&held.deadlines, slot)
    _free_slot(held, slot)
    held.count -= 1
    held.held[key.family] -= 1
    note_change(held, key)
    return WITHDRAWN


cdef void slot_touch(
    Registrations *held, uint32_t slot, double deadline, const uint8_t *digest
) noexcept nogil:
    """Move the deadline of a slot and name the Map-Register that did."""
    memcpy(held.slots[slot].digest, digest, DIGEST_OCTETS)
    wheel_set(&held.deadlines, slot, deadline)
