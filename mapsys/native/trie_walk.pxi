# Questions to the trie: longest match, one or many at a time, the next prefix in
# table order, and the hole around an EID.

cdef enum:
    BATCH_LIMIT = 32        # keys looked up in lock step


cdef uint32_t trie_longest(const Trie *trie, const Key *key, uint16_t length) noexcept nogil:
    """The longest prefix, no longer than ``length``, that covers the key; NOTHING: none.

    length: at most the key's own.
    """
    cdef uint32_t plane = trie_plane(trie, plane_number(key))
    cdef uint32_t root, near
    if plane == NOTHING:
        return NOTHING
    root = trie.planes[plane].root
    near = nearest_leaf(trie, root, key.octets, length)
    return NOTHING if near == NOTHING else _longest_with(trie, root, near, key.octets, length)


cdef uint32_t _longest_with(
    const Trie *trie, uint32_t root, uint32_t near, const uint8_t *octets, uint16_t length
) noexcept nogil:
    """The longest match, by a leaf that shares as many bits with the key as any."""
    cdef uint16_t limit = min(length, trie.leaves[near].length)
    cdef uint16_t shared = shared_bits(leaf_key(trie, near), octets, limit)
    cdef uint32_t at = root, best = NOTHING
    if shared == trie.leaves[near].length:
        return near
    while at != NOTHING and not at & LEAF and trie.nodes[at].bit <= shared:
        if trie.nodes[at].leaf != NOTHING:
            best = trie.nodes[at].leaf
        if trie.nodes[at].bit == length:
            return best
        at = trie.nodes[at].child[bit_of(octets, trie.nodes[at].bit)]
    if at != NOTHING and at & LEAF and trie.leaves[at & ~LEAF].length <= shared:
        return at & ~LEAF
    return best


cdef void trie_longest_batch(
    const Trie *trie, const Key *const *keys, uint32_t *found, size_t count
) noexcept nogil:
    """The longest match of each key: a leaf or NOTHING.

    Up to BATCH_LIMIT walks go on side by side, and what each needs next is fetched
    into the cache while the others go on: memory's latency is paid once for all.
    """
    cdef uint32_t at[BATCH_LIMIT]
    cdef uint32_t above[BATCH_LIMIT]
    cdef uint32_t roots[BATCH_LIMIT]
    cdef size_t size, index, walking
    cdef uint32_t plane, near
    cdef const Key *key
    cdef const Node *node
    while count:
        size = min(count, <size_t>BATCH_LIMIT)
        for index in range(size):
            plane = trie_plane(trie, plane_number(keys[index]))
            roots[index] = NOTHING if plane == NOTHING else trie.planes[plane].root
            at[index] = roots[index]
            above[index] = NOTHING
            _fetch(trie, at[index])
        walking = size
        while walking:
            walking = 0
            for index in range(size):
                if at[index] & LEAF:  # NOTHING has that bit as well
                    continue
                key = keys[index]
                node = &trie.nodes[at[index]]
                if node.bit >= key.length:
                    at[index] = LEAF | some_leaf(trie, at[index])
                else:
                    above[index] = at[index]
                    at[index] = node.child[bit_of(key.octets, node.bit)]
                    walking += 1
                _fetch(trie, at[index])
        for index in range(size):
            near = at[index]
            if near != NOTHING:
                near &= ~LEAF
            elif above[index] != NOTHING:
                near = trie.nodes[above[index]].leaf
            key = keys[index]
            found[index] = NOTHING
            if near != NOTHING:
                found[index] = _longest_with(trie, roots[index], near, key.octets, key.length)
        keys += size
        found += size
        count -= size


cdef inline void _fetch(const Trie *trie, uint32_t at) noexcept nogil:
    if at == NOTHING:
        return
    if at & LEAF:
        prefetch(&trie.leaves[at & ~LEAF])
    else:
        prefetch(&trie.nodes[at])


cdef uint32_t trie_next(
    const Trie *trie, uint32_t plane, const uint8_t *octets, uint16_t length, bint itself
) noexcept nogil:
    """The first prefix of a plane that sorts after a key, or is it, if ``itself``; or NOTHING."""
    cdef uint32_t at = trie.planes[plane].root, later = NOTHING, leaf, near
    cdef uint16_t shared, bit
    near = nearest_leaf(trie, at, octets, length)
    if near == NOTHING:
        return NOTHING
    shared = min(length, trie.leaves[near].length)
    shared = shared_bits(leaf_key(trie, near), octets, shared)
    while at != NOTHING:
        bit = trie.leaves[at & ~LEAF].length if at & LEAF else trie.nodes[at].bit
        if shared < bit and shared < length:
            # Everything below parts from the key here, to one side.
            return some_leaf(trie, later if bit_of(octets, shared) else at)
        if bit > length:
            return some_leaf(trie, at)
        if bit == length:
            leaf = at & ~LEAF if at & LEAF else trie.nodes[at].leaf
            if leaf == NOTHING or itself:
                return some_leaf(trie, at)
            if at & LEAF:
                return some_leaf(trie, later)
            leaf = some_leaf(trie, trie.nodes[at].child[0])
            if leaf == NOTHING:
                leaf = some_leaf(trie, trie.nodes[at].child[1])
            return leaf if leaf != NOTHING else some_leaf(trie, later)
        if at & LEAF:
            break
        if bit_of(octets, bit):
            at = trie.nodes[at].child[1]
        else:
            if trie.nodes[at].child[1] != NOTHING:
                later = trie.nodes[at].child[1]
            at = trie.nodes[at].child[0]
    return some_leaf(trie, later)


cdef uint32_t trie_after(const Trie *trie, const Key *key, bint itself) noexcept nogil:
    """The same across planes: the next prefix of the whole table."""
    cdef uint64_t number = plane_number(key)
    cdef uint32_t place = order_after(trie, number)
    cdef uint32_t leaf = NOTHING
    if place < trie.planes_used and trie.planes[trie.order[place]].number == number:
        leaf = trie_next(trie, trie.order[place], key.octets, key.length, itself)
        place += 1
    while leaf == NOTHING and place < trie.planes_used:
        leaf = some_leaf(trie, trie.planes[trie.order[place]].root)
        place += 1
    return leaf


cdef bint leaf_inside(const Trie *trie, uint32_t leaf, const Key *key) noexcept nogil:
    """Whether a prefix of the trie lies inside the key, or is it."""
    return (
        trie.planes[trie.leaves[leaf].plane].number == plane_number(key)
        and trie.leaves[leaf].length >= key.length
        and shared_bits(leaf_key(trie, leaf), key.octets, key.length) == key.length
    )


cdef int trie_hole_length(const Trie *trie, const Key *key) noexcept nogil:
    """The shortest length at which the prefix around a key overlaps none of the trie.

    -1 where even the key itself does: one covers it, or lies inside it.
    """
    cdef uint32_t plane = trie_plane(trie, plane_number(key))
    cdef uint32_t near
    cdef uint16_t shared
    if plane == NOTHING or trie.planes[plane].root == NOTHING:
        return 0
    if trie_longest(trie, key, key.length) != NOTHING:
        return -1
    near = nearest_leaf(trie, trie.planes[plane].root, key.octets, key.length)
    shared = min(key.length, trie.leaves[near].length)
    shared = shared_bits(leaf_key(trie, near), key.octets, shared)
    return -1 if shared == key.length else shared + 1
