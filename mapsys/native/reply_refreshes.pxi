# Refreshes that the core has taught: found by the octets of a Map-Register, verified,
# carried out in the store, acknowledged once the journal has them.

cdef enum:
    REFRESHES_LIMIT = 65536
    LINKS_LIMIT = 262144        # EID-Prefixes of all of them
    USES_LIMIT = 8192           # sites and secrets
    WAITING_LIMIT = 65536       # Map-Notifies that wait for the journal
    NAME_OCTETS = 32            # of a Map-Register among those taught
    CHECK_NONCE = 1             # core.replay.Check
    CHECK_OCTETS = 2
    CONTROL_PORT = 4342

cdef enum fate:
    # What became of an arrival.
    DEALT_WITH = 0
    UNKNOWN = 1                 # the core has to look
    OVER_BUDGET = 2
    OVER_SITE_BUDGET = 3

cdef struct refresh:
    const mac_key *key
    int algorithm_id
    uint32_t mac_octets
    double valid_from
    double valid_until
    double superseded_seconds
    uint8_t check
    bint notifies
    bint limited
    double per_second           # the site's budget
    double burst
    uint64_t site_mark
    bint proves
    uint64_t sender_mark
    uint32_t word               # the Map-Notify's first
    leaving to                  # port 0: the one it came from
    uint32_t name               # its cell
    uint8_t *memory             # of all that follows; NULL: it has ended
    Octets mark
    Octets registrant
    double *lifetimes
    uint32_t *slots
    uint32_t held
    uint32_t use                # whose secret it is

cdef struct secret_use:
    uint64_t messages           # accepted since they were last taken
    uint64_t records

cdef struct held_link:
    uint32_t refresh
    uint32_t after              # the next of the same EID-Prefix

cdef struct waiting:
    waiting *next
    uint64_t ticket
    leaving to
    uint32_t length
    uint8_t data[1]             # and as many more as there are

cdef struct refreshes:
    Cells names                 # payload: the number of a refresh
    Trie prefixes               # a leaf's value is the first link
    held_link *links
    uint32_t links_used
    secret_use *uses
    uint32_t uses_used
    refresh *all
    uint32_t used               # a place is not used again until all are forgotten
    waiting *first
    waiting *last
    uint32_t waiting_count
    uint64_t waiting_dropped
    uint64_t seed


cdef int refreshes_open(refreshes *known, uint64_t seed) noexcept nogil:
    memset(known, 0, sizeof(refreshes))
    known.seed = seed
    known.all = <refresh *>malloc(REFRESHES_LIMIT * sizeof(refresh))
    known.links = <held_link *>malloc(LINKS_LIMIT * sizeof(held_link))
    known.uses = <secret_use *>malloc(USES_LIMIT * sizeof(secret_use))
    if known.all == NULL or known.links == NULL or known.uses == NULL:
        return -1
    if trie_open(&known.prefixes, seed) < 0:
        return -1
    return cells_open(&known.names, sizeof(uint32_t), seed)


cdef int refreshes_forget(refreshes *known) noexcept nogil:
    """Know nothing any more; what waits for the journal still does."""
    cdef uint32_t number
    if known.used == 0:
        return 0
    for number in range(known.used):
        free(known.all[number].memory)
    known.used = known.links_used = known.uses_used = 0
    cells_close(&known.names)
    trie_close(&known.prefixes)
    if trie_open(&known.prefixes, known.seed) < 0:
        return -1
    return cells_open(&known.names, sizeof(uint32_t), known.seed)


cdef void refreshes_close(refreshes *known) noexcept nogil:
    cdef waiting *one
    refreshes_forget(known)
    cells_close(&known.names)
    free(known.all)
    trie_close(&known.prefixes)
    free(known.links)
    free(known.uses)
    while known.first != NULL:
        one = known.first
        known.first = one.next
        free(one)


cdef void refreshes_end(refreshes *known, const Key *changed) noexcept nogil:
    """End those of an EID-Prefix."""
    cdef uint32_t leaf = trie_find(&known.prefixes, changed), link
    cdef refresh *one
    if leaf == NOTHING:
        return
    link = known.prefixes.leaves[leaf].value
    while link != NOTHING:
        one = &known.all[known.links[link].refresh]
        if one.memory != NULL:
            cells_release(&known.names, one.name)
            free(one.memory)
            one.memory = NULL
        link = known.links[link].after
    trie_remove(&known.prefixes, leaf)


cdef int refresh_link(refreshes *known, uint32_t number, const Key *eid) noexcept nogil:
    """Note that a refresh is one of an EID-Prefix; -1: no memory."""
    cdef uint32_t leaf = trie_insert(&known.prefixes, eid)
    if leaf == NOTHING:
        return -1
    known.links[known.links_used].refresh = number
    known.links[known.links_used].after = known.prefixes.leaves[leaf].value
    known.prefixes.leaves[leaf].value = known.links_used
    known.links_used += 1
    return 0


cdef uint32_t name_of_register(const arrival *came, uint8_t *name) noexcept nogil:
    """A digest of all that has to be equal: the octets but nonce and MAC, and who sent them.

    Returns its octets; 0 where it is no Map-Register with all its authentication data.
    """
    cdef sha_stream stream
    cdef const uint8_t *data = came.data
    cdef uint32_t after
    if came.length < MAC_OFFSET or data[0] >> 4 != MAP_REGISTER:
        return 0
    after = MAC_OFFSET + get16(data + 14)
    if came.length < after:
        return 0
    sha_begin(&stream, False)
    sha_add(&stream, came.source.address, 16)
    sha_add(&stream, <const uint8_t *>&came.source.port, 2)
    sha_add(&stream, came.local, 16)
    sha_add(&stream, <const uint8_t *>&came.listener, 4)
    sha_add(&stream, data, 4)
    sha_add(&stream, data + 12, 4)
    sha_add(&stream, data + after, came.length - after)
    sha_end(&stream, name)
    return NAME_OCTETS


cdef uint32_t find_refresh(
    const refreshes *known, const Registrations *store, const arrival *came, double now
) noexcept nogil:
    """The refresh that a Map-Register is, its MAC and nonce good so far; NOTHING: none."""
    cdef uint8_t name[32]
    cdef uint8_t mac[32]
    cdef uint32_t cell, number
    cdef const refresh *found
    cdef uint64_t last
    if name_of_register(came, name) == 0:
        return NOTHING
    cell = cells_find(&known.names, name, NAME_OCTETS)
    if cell == NOTHING:
        return NOTHING
    memcpy(&number, cell_payload(&known.names, cell), sizeof(uint32_t))
    found = &known.all[number]
    if now < found.valid_from or now >= found.valid_until:
        return NOTHING
    if not message_mac(
        found.key, found.algorithm_id, came.data, came.length, found.mac_octets, mac
    ) or not mapsys_equal(mac, came.data + MAC_OFFSET, found.mac_octets):
        return NOTHING
    if found.check == CHECK_NONCE and mark_get(&store.marks, found.mark, &last) and (
        get64(came.data + 4) <= last
    ):
        return NOTHING
    return number


cdef inline uint64_t get64(const uint8_t *at) noexcept nogil:
    return <uint64_t>get32(at) << 32 | get32(at + 4)


cdef void key_at(const Trie *trie, uint32_t leaf, Key *key) noexcept nogil:
    """A prefix of the trie as a key; octets behind its length are left as they are."""
    cdef uint64_t number = trie.planes[trie.leaves[leaf].plane].number
    key.instance_id = <uint32_t>(number >> FAMILY_BITS)
    key.family = number & 0xFF
    key.length = trie.leaves[leaf].length
    memcpy(key.octets, leaf_key(trie, leaf), (key.length + 7) >> 3)


cdef fate carry_out(
    refreshes *known, Registrations *store, budget_tables *budgets, uint64_t ticket,
    uint32_t number, const arrival *came, double now
) noexcept nogil:
    """Refresh, as core.refresh does, unless the core has to look: nothing is changed then."""
    cdef refresh *one = &known.all[number]
    cdef uint8_t digest[16]
    cdef uint8_t replaced[16]
    cdef uint8_t previous[16]
    cdef uint64_t nonce = get64(came.data + 4), last
    cdef uint32_t index, kept = min(one.mac_octets, <uint32_t>16)
    cdef Key key
    cdef Log *log = &store.log
    # The MAC, filled up with the nonce: core.replay.digest_of.
    memcpy(digest, came.data + MAC_OFFSET, kept)
    memcpy(digest + kept, came.data + 4, 16 - kept)
    if one.check == CHECK_OCTETS:
        superseded_purge(&store.superseded, now)
        if superseded_holds(&store.superseded, digest, now):
            return UNKNOWN
    if log_reserve(log, one.held * (256 + 2 * PACKED_PREFIX_LIMIT) + 128 + one.mark.length) < 0:
        return UNKNOWN
    if one.check == CHECK_NONCE and mark_get(&store.marks, one.mark, &last) and nonce <= last:
        return UNKNOWN  # another of the same batch had this one
    if one.limited and not admit_register(
        budgets, one.site_mark, one.per_second, one.burst, now
    ):
        return OVER_SITE_BUDGET
    if one.check == CHECK_NONCE:
        if mark_raise(&store.marks, one.mark, nonce) != 1:
            return UNKNOWN
        log_raise(log, one.mark, nonce)
    if one.proves:
        proven_note(&budgets.proven, one.sender_mark, now)
    memcpy(replaced, digest, 16)
    for index in range(one.held):
        memcpy(previous, store.slots[one.slots[index]].digest, 16)
        key_at(&store.trie, store.slots[one.slots[index]].leaf, &key)
        slot_touch(store, one.slots[index], now + one.lifetimes[index], digest)
        log_touch(log, &key, one.registrant, now + one.lifetimes[index], digest)
        if memcmp(previous, digest, 16) and memcmp(previous, replaced, 16):
            if one.check == CHECK_OCTETS and superseded_add(
                &store.superseded, previous, now + one.superseded_seconds
            ) == 1:
                log_supersede(log, previous, now + one.superseded_seconds)
            memcpy(replaced, previous, 16)
    known.uses[one.use].messages += 1
    known.uses[one.use].records += one.held
    if one.notifies:
        acknowledge(known, one, ticket, came)
    return DEALT_WITH


cdef void acknowledge(
    refreshes *known, const refresh *one, uint64_t ticket, const arrival *came
) noexcept nogil:
    cdef waiting *made = keep_waiting(
        known, ticket, came, one.word, one.key, one.algorithm_id, one.mac_octets
    )
    if made == NULL:
        return
    made.to = one.to
    if made.to.destination.port == 0:
        made.to.destination.port = came.source.port


cdef waiting *keep_waiting(
    refreshes *known, uint64_t ticket, const arrival *came, uint32_t word, const mac_key *key,
    int algorithm_id, uint32_t mac_octets,
) noexcept nogil:
    """Put a Map-Notify with those that wait: the Map-Register with another first word and MAC.

    Where to it leaves is for the caller to say. NULL: it is lost.
    """
    cdef waiting *made
    cdef uint8_t mac[32]
    if known.waiting_count == WAITING_LIMIT:
        known.waiting_dropped += 1
        return NULL
    made = <waiting *>malloc(sizeof(waiting) + came.length)
    if made == NULL:
        known.waiting_dropped += 1
        return NULL
    memset(made, 0, sizeof(waiting))
    made.ticket = ticket
    made.length = came.length
    memcpy(made.data, came.data, came.length)
    put32(made.data, word)
    message_mac(key, algorithm_id, made.data, came.length, mac_octets, mac)
    memcpy(made.data + MAC_OFFSET, mac, mac_octets)
    if known.last == NULL:
        known.first = made
    else:
        known.last.next = made
    known.last = made
    known.waiting_count += 1
    return made


cdef void release_waiting(
    refreshes *known, uint64_t ticket, outbox *out, listener *listeners
) noexcept nogil:
    """Compose what no longer waits, oldest first."""
    cdef waiting *one
    cdef departure *made
    while known.first != NULL and known.first.ticket <= ticket:
        one = known.first
        known.first = one.next
        if known.first == NULL:
            known.last = NULL
        known.waiting_count -= 1
        if one.to.listener < 0:
            known.waiting_dropped += 1  # its socket is closed
        else:
            made = compose(out, listeners, one.length)
            depart(made, &one.to)
            memcpy(made.data, one.data, one.length)
        free(one)


cdef inline void depart(departure *made, const leaving *to) noexcept nogil:
    made.listener = to.listener
    made.destination = to.destination
    made.from_source = to.from_source
    memcpy(made.source, to.source, 16)
