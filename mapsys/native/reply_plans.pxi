# What the core has answered, and where the same answer holds: plans by the EIDs they
# are good for, ways by who asks and how. Nothing here decides anything; both are learned
# from the core's answer to a message, and forgotten as soon as another could be right.
#
# A way says where an answer to this asker goes, and in which context it asks: what an
# EID is answered depends on nothing else, within one context (see core.scopes).

cdef enum:
    CONTEXTS = 16           # a local address, and the IP version of the answer
    PLANS_LIMIT = 65536
    WAYS_LIMIT = 16384
    OUTCOMES = 64
    WAY_KEY_OCTETS = 256    # longer lists of ITR-RLOCs are the core's business
    REPEAT_NONCE = 1        # core.effects.Repeat
    REPEAT_INNER = 2

cdef struct leaving:
    # How a message gets to where it goes.
    endpoint destination    # port 0: the one that the Map-Request came from
    int listener
    bint from_source
    uint8_t source[16]

cdef struct way:
    leaving to
    uint32_t context
    host_mark asker
    target answered

cdef struct plan:
    leaving to              # of a Map-Request that is passed on
    uint8_t *octets         # the first word, and what follows the nonce; NULL: it has ended
    uint32_t length
    uint8_t repeat
    uint8_t outcome         # which counter
    bint limited            # budgets have to be asked
    target passed_on        # where a Map-Request goes on to
    uint8_t about[PACKED_HEAD + 16]  # packed, what budgets know it by
    uint8_t about_octets    # 0: by the EID asked for
    uint32_t context
    uint32_t leaf           # of its scope
    uint32_t after          # the next that hangs on the same prefix

cdef struct plans:
    Cells ways              # by octets from way_key; the payload is a way
    Trie scopes[16]         # one for each context; a leaf's value is a plan
    Trie hanging            # a leaf's value is the first plan that hangs on the prefix
    uint8_t contexts[16][18]  # local address, listener, IP version
    uint32_t contexts_used
    plan *all
    uint32_t used           # a plan's place is not used again until all are forgotten
    uint64_t answered[64]   # by outcome, since they were last taken
    uint64_t seed


cdef int plans_open(plans *held, uint64_t seed) noexcept nogil:
    memset(held, 0, sizeof(plans))
    held.seed = seed
    held.all = <plan *>malloc(PLANS_LIMIT * sizeof(plan))
    if held.all == NULL or trie_open(&held.hanging, seed) < 0 or (
        cells_open(&held.ways, sizeof(way), seed) < 0
    ):
        return -1
    return 0


cdef int plans_forget(plans *held) noexcept nogil:
    """Know nothing any more, save what has been counted; -1 where there is no memory."""
    cdef uint32_t index
    for index in range(held.used):
        free(held.all[index].octets)
    held.used = 0
    for index in range(held.contexts_used):
        trie_close(&held.scopes[index])
    held.contexts_used = 0
    trie_close(&held.hanging)
    return trie_open(&held.hanging, held.seed)


cdef void plan_end(plans *held, uint32_t number) noexcept nogil:
    cdef plan *ended = &held.all[number]
    if ended.octets != NULL:
        free(ended.octets)
        ended.octets = NULL
        trie_remove(&held.scopes[ended.context], ended.leaf)


cdef void plans_end_at(plans *held, uint32_t leaf) noexcept nogil:
    """End what hangs on one prefix."""
    cdef uint32_t number = held.hanging.leaves[leaf].value
    while number != NOTHING:
        plan_end(held, number)
        number = held.all[number].after
    trie_remove(&held.hanging, leaf)


cdef void plans_end(plans *held, const Key *changed) noexcept nogil:
    """End what hangs on a prefix that covers the changed one, or lies inside it."""
    cdef int length = changed.length
    cdef uint32_t leaf
    while length >= 0:
        leaf = trie_longest(&held.hanging, changed, <uint16_t>length)
        if leaf == NOTHING:
            break
        length = <int>held.hanging.leaves[leaf].length - 1
        plans_end_at(held, leaf)
    while held.hanging.count:
        leaf = trie_after(&held.hanging, changed, True)
        if leaf == NOTHING or not leaf_inside(&held.hanging, leaf, changed):
            break
        plans_end_at(held, leaf)


cdef int ways_forget(plans *held) noexcept nogil:
    cells_close(&held.ways)
    return cells_open(&held.ways, sizeof(way), held.seed)


cdef void plans_close(plans *held) noexcept nogil:
    plans_forget(held)
    trie_close(&held.hanging)
    cells_close(&held.ways)
    free(held.all)


cdef uint32_t way_key(
    const question *asked, const arrival *by, const uint16_t *own_ports, uint32_t own_count,
    uint8_t *key
) noexcept nogil:
    """What decides where an answer goes; returns its octets, 0 where it is too long.

    The port only matters where it is one of our own: no answer is sent to ourselves.
    """
    cdef uint32_t index, port = 0
    if asked.rlocs_octets + 44 > WAY_KEY_OCTETS:
        return 0
    for index in range(own_count):
        if own_ports[index] == asked.reply_port:
            port = asked.reply_port
    memcpy(key, by.source.address, 16)
    memcpy(key + 16, by.local, 16)
    memcpy(key + 32, &by.listener, 4)
    memcpy(key + 36, &port, 4)
    key[40] = by.source.ipv6
    key[41] = asked.inner != NULL
    key[42] = key[43] = 0
    memcpy(key + 44, asked.rlocs, asked.rlocs_octets)
    return 44 + asked.rlocs_octets


cdef inline void read_way(const plans *held, uint32_t number, way *made) noexcept nogil:
    memcpy(made, cell_payload(&held.ways, number), sizeof(way))


cdef uint32_t context_of(
    plans *held, int listener, const uint8_t *local, int ip_version
) noexcept nogil:
    """The number of a context, a new one where there is room; or NOTHING."""
    cdef uint8_t wanted[18]
    cdef uint32_t index
    memcpy(wanted, local, 16)
    wanted[16] = <uint8_t>listener
    wanted[17] = <uint8_t>ip_version
    for index in range(held.contexts_used):
        if memcmp(held.contexts[index], wanted, 18) == 0:
            return index
    if held.contexts_used == CONTEXTS or listener > 255:
        return NOTHING
    index = held.contexts_used
    if trie_open(&held.scopes[index], held.seed) < 0:
        return NOTHING
    memcpy(held.contexts[index], wanted, 18)
    held.contexts_used += 1
    return index


cdef int learn_plan(
    plans *held, uint32_t context, const Key *scope, const Key *hangs_on, const plan *learned,
    const uint8_t *octets, uint32_t length
) noexcept nogil:
    """Hold a plan for all EIDs of a scope, in the place of an earlier one; -1: no memory."""
    cdef uint8_t *copy = <uint8_t *>malloc(length)
    cdef uint32_t leaf, above, number = held.used
    if copy == NULL:
        return -1
    above = trie_insert(&held.hanging, hangs_on)
    if above == NOTHING:
        free(copy)
        return -1
    leaf = trie_find(&held.scopes[context], scope)
    if leaf != NOTHING:
        plan_end(held, held.scopes[context].leaves[leaf].value)
    leaf = trie_insert(&held.scopes[context], scope)
    if leaf == NOTHING:
        free(copy)
        return -1
    held.scopes[context].leaves[leaf].value = number
    memcpy(copy, octets, length)
    held.all[number] = learned[0]
    held.all[number].octets = copy
    held.all[number].length = length
    held.all[number].context = context
    held.all[number].leaf = leaf
    held.all[number].after = held.hanging.leaves[above].value
    held.hanging.leaves[above].value = number
    held.used += 1
    return 0


cdef bint admit_plan(
    budget_tables *budgets, const question *asked, const way *by, const plan *found,
    uint32_t octets_in, double now
) noexcept nogil:
    """Whether the budgets have room for what a plan says."""
    cdef uint8_t packed[PACKED_HEAD + KEY_OCTETS]
    cdef const uint8_t *about = &found.about[0]
    cdef uint32_t about_octets = found.about_octets
    if about_octets == 0:
        about = packed
        about_octets = <uint32_t>pack_prefix(&asked.eid, packed)
    return admit_answer(
        budgets, &by.asker, &found.passed_on if found.repeat == REPEAT_INNER else &by.answered,
        about, about_octets, octets_in, answer_octets(found, asked), now,
    )


cdef inline uint32_t answer_octets(const plan *found, const question *asked) noexcept nogil:
    if found.repeat == REPEAT_INNER:
        return 4 + asked.inner_octets
    return REQUEST_HEAD + found.length - 4


cdef void answer(
    plans *held, outbox *out, listener *listeners, const question *asked,
    const way *by, const plan *found
) noexcept nogil:
    """Compose what a plan says."""
    cdef departure *made
    cdef const leaving *to = &found.to if found.repeat == REPEAT_INNER else &by.to
    made = compose(out, listeners, answer_octets(found, asked))
    depart(made, to)
    if made.destination.port == 0:
        made.destination.port = asked.reply_port
    memcpy(made.data, found.octets, 4)
    if found.repeat == REPEAT_INNER:
        memcpy(made.data + 4, asked.inner, asked.inner_octets)
    else:
        memcpy(made.data + 4, asked.nonce, 8)
        memcpy(made.data + REQUEST_HEAD, found.octets + 4, found.length - 4)
    held.answered[found.outcome] += 1
