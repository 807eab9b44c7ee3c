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
    uint32_t number         # of the objects that budgets are asked with

cdef struct plan:
    leaving to              # of a Map-Request that is passed on
    uint8_t *octets         # the first word, and what follows the nonce
    uint32_t length
    uint8_t repeat
    uint8_t outcome         # which counter
    bint limited            # budgets have to be asked

cdef struct plans:
    Cells ways              # by octets from way_key; the payload is a way
    Trie scopes[16]         # one for each context; a leaf's value is a plan
    uint8_t contexts[16][18]  # local address, listener, IP version
    uint32_t contexts_used
    plan *all
    uint32_t used
    uint64_t answered[64]   # by outcome, since they were last taken
    uint64_t seed


cdef int plans_open(plans *held, uint64_t seed) noexcept nogil:
    memset(held, 0, sizeof(plans))
    held.seed = seed
    held.all = <plan *>malloc(PLANS_LIMIT * sizeof(plan))
    if held.all == NULL or cells_open(&held.ways, sizeof(way), seed) < 0:
        return -1
    return 0


cdef void plans_forget(plans *held) noexcept nogil:
    """Know nothing any more, save what has been counted."""
    cdef uint32_t index
    for index in range(held.used):
        free(held.all[index].octets)
    held.used = 0
    for index in range(held.contexts_used):
        trie_close(&held.scopes[index])
    held.contexts_used = 0


cdef int ways_forget(plans *held) noexcept nogil:
    cells_close(&held.ways)
    return cells_open(&held.ways, sizeof(way), held.seed)


cdef void plans_close(plans *held) noexcept nogil:
    plans_forget(held)
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


cdef uint32_t learn_plan(
    plans *held, uint32_t context, const Key *scope, const plan *learned,
    const uint8_t *octets, uint32_t length
) noexcept nogil:
    """Hold a plan for all EIDs of a scope, in the place of an earlier one; NOTHING: no memory."""
    cdef uint8_t *copy = <uint8_t *>malloc(length)
    cdef uint32_t leaf, number
    if copy == NULL:
        return NOTHING
    leaf = trie_insert(&held.scopes[context], scope)
    if leaf == NOTHING:
        free(copy)
        return NOTHING
    number = held.scopes[context].leaves[leaf].value
    if number == NOTHING:
        number = held.scopes[context].leaves[leaf].value = held.used
        held.used += 1
    else:
        free(held.all[number].octets)
    memcpy(copy, octets, length)
    held.all[number] = learned[0]
    held.all[number].octets = copy
    held.all[number].length = length
    return number


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
