# What is registered inside an EID-Prefix, in short.

cdef enum:
    DEPTH_LIMIT = 8 * KEY_OCTETS + 2    # nodes above one another, by the bits they test

cdef struct Sums:
    size_t prefixes
    size_t record_octets
    uint32_t *details       # cells, those of neighbours once where they are equal
    size_t details_used
    size_t details_capacity


cdef uint32_t trie_inside(const Trie *trie, const Key *key) noexcept nogil:
    """The node or leaf below which all inside a key lies, and nothing else; or NOTHING."""
    cdef uint32_t plane = trie_plane(trie, plane_number(key))
    cdef uint32_t at, leaf
    if plane == NOTHING:
        return NOTHING
    at = trie.planes[plane].root
    while at != NOTHING and not at & LEAF and trie.nodes[at].bit < key.length:
        at = trie.nodes[at].child[bit_of(key.octets, trie.nodes[at].bit)]
    leaf = some_leaf(trie, at)
    return at if leaf != NOTHING and leaf_inside(trie, leaf, key) else NOTHING


cdef int sum_inside(const Registrations *held, const Key *key, Sums *sums) noexcept nogil:
    """-1 where there is no memory. sums: zero before."""
    cdef uint32_t waiting[DEPTH_LIMIT]
    cdef size_t depth = 0
    cdef uint32_t at = trie_inside(&held.trie, key)
    cdef const Node *node
    while True:
        while at != NOTHING and not at & LEAF:
            node = &held.trie.nodes[at]
            if node.leaf != NOTHING and _sum_leaf(held, node.leaf, sums) < 0:
                return -1
            waiting[depth] = node.child[1]
            depth += 1
            at = node.child[0]
        if at != NOTHING and _sum_leaf(held, at & ~LEAF, sums) < 0:
            return -1
        if depth == 0:
            return 0
        depth -= 1
        at = waiting[depth]


cdef int _sum_leaf(const Registrations *held, uint32_t leaf, Sums *sums) noexcept nogil:
    cdef uint32_t slot = held.trie.leaves[leaf].value, details
    sums.prefixes += 1
    while slot != NOTHING:
        sums.record_octets += cell_at(&held.cells, held.slots[slot].record).length
        details = held.slots[slot].details
        if not sums.details_used or sums.details[sums.details_used - 1] != details:
            if reserve(
                <void **>&sums.details, &sums.details_capacity, sums.details_used + 1,
                sizeof(uint32_t),
            ) < 0:
                return -1
            sums.details[sums.details_used] = details
            sums.details_used += 1
        slot = held.slots[slot].after
    return 0
