# Trie: prefixes by (instance-ID, family), path-compressed: a node for each bit where
# prefixes part, or where one ends inside which others lie. 32 octets a leaf and at
# most 16 a node, so 48 a prefix. Walks test single bits and compare one key at the end.

cdef enum:
    FIRST_PLACES = 64
    FAMILY_BITS = 8


cdef int trie_open(Trie *trie, uint64_t seed) noexcept nogil:
    memset(trie, 0, sizeof(Trie))
    trie.nodes_free = trie.leaves_free = NOTHING
    trie.places_mask = FIRST_PLACES - 1
    trie.places = <uint32_t *>malloc(FIRST_PLACES * sizeof(uint32_t))
    if trie.places == NULL:
        return -1
    memset(trie.places, 0xFF, FIRST_PLACES * sizeof(uint32_t))
    return cells_open(&trie.long_keys, 0, seed)


cdef void trie_close(Trie *trie) noexcept nogil:
    free(trie.nodes)
    free(trie.leaves)
    free(trie.planes)
    free(trie.order)
    free(trie.places)
    cells_close(&trie.long_keys)


cdef inline uint64_t plane_number(const Key *key) noexcept nogil:
    return <uint64_t>key.instance_id << FAMILY_BITS | key.family


cdef inline uint32_t _place(uint64_t number, uint32_t mask) noexcept nogil:
    return <uint32_t>((number * <uint64_t>0x9E3779B97F4A7C15) >> 32) & mask


cdef uint32_t trie_plane(const Trie *trie, uint64_t number) noexcept nogil:
    """The plane of a number, or NOTHING."""
    cdef uint32_t place = _place(number, trie.places_mask)
    while trie.places[place] != NOTHING:
        if trie.planes[trie.places[place]].number == number:
            return trie.places[place]
        place = (place + 1) & trie.places_mask
    return NOTHING


cdef uint32_t order_after(const Trie *trie, uint64_t number) noexcept nogil:
    """Where in the order of planes the first one stands whose number is not lower."""
    cdef uint32_t low = 0, high = trie.planes_used, middle
    while low < high:
        middle = (low + high) // 2
        if trie.planes[trie.order[middle]].number < number:
            low = middle + 1
        else:
            high = middle
    return low


cdef uint32_t _new_plane(Trie *trie, uint64_t number) noexcept nogil:
    cdef uint32_t plane = trie.planes_used
    cdef uint32_t at
    if reserve(<void **>&trie.planes, &trie.planes_capacity, plane + 1, sizeof(Plane)) < 0:
        return NOTHING
    if reserve(<void **>&trie.order, &trie.order_capacity, plane + 1, sizeof(uint32_t)) < 0:
        return NOTHING
    if 2 * (plane + 1) > trie.places_mask and _more_places(trie) < 0:
        return NOTHING
    at = order_after(trie, number)
    memmove(&trie.order[at + 1], &trie.order[at], (plane - at) * sizeof(uint32_t))
    trie.order[at] = plane
    trie.planes[plane].number = number
    trie.planes[plane].root = NOTHING
    trie.planes[plane].count = 0
    trie.planes_used += 1
    _take_place(trie, plane)
    return plane


cdef void _take_place(Trie *trie, uint32_t plane) noexcept nogil:
    cdef uint32_t place = _place(trie.planes[plane].number, trie.places_mask)
    while trie.places[place] != NOTHING:
        place = (place + 1) & trie.places_mask
    trie.places[place] = plane


cdef int _more_places(Trie *trie) noexcept nogil:
    cdef size_t count = 2 * (<size_t>trie.places_mask + 1)
    cdef uint32_t *places = <uint32_t *>malloc(count * sizeof(uint32_t))
    cdef uint32_t plane
    if places == NULL:
        return -1
    memset(places, 0xFF, count * sizeof(uint32_t))
    free(trie.places)
    trie.places = places
    trie.places_mask = <uint32_t>(count - 1)
    for plane in range(trie.planes_used):
        _take_place(trie, plane)
    return 0


cdef inline const uint8_t *leaf_key(const Trie *trie, uint32_t leaf) noexcept nogil:
    """The octets of a prefix that its length says are there."""
    cdef uint32_t cell
    if not trie.leaves[leaf].is_long:
        return trie.leaves[leaf].key
    memcpy(&cell, trie.leaves[leaf].key, sizeof(uint32_t))
    return cell_octets(&trie.long_keys, cell)


cdef inline int bit_of(const uint8_t *octets, uint16_t bit) noexcept nogil:
    return octets[bit >> 3] >> (7 - (bit & 7)) & 1


cdef uint16_t shared_bits(const uint8_t *one, const uint8_t *other, uint16_t limit) noexcept nogil:
    """How many bits both begin with, at most ``limit``."""
    cdef uint16_t octet, bits
    for octet in range((limit + 7) >> 3):
        if one[octet] != other[octet]:
            bits = (octet << 3) + clz32(one[octet] ^ other[octet]) - 24
            return bits if bits < limit else limit
    return limit


cdef uint32_t some_leaf(const Trie *trie, uint32_t at) noexcept nogil:
    """The first prefix in and below a node or leaf."""
    while at != NOTHING and not at & LEAF:
        if trie.nodes[at].leaf != NOTHING:
            return trie.nodes[at].leaf
        at = trie.nodes[at].child[0]  # a node without a prefix has two children
    return at if at == NOTHING else at & ~LEAF


cdef uint32_t nearest_leaf(
    const Trie *trie, uint32_t at, const uint8_t *octets, uint16_t length
) noexcept nogil:
    """A prefix that shares as many bits with the key as any below ``at``; NOTHING: none there."""
    cdef uint32_t above = NOTHING
    while at != NOTHING and not at & LEAF and trie.nodes[at].bit < length:
        above = at
        at = trie.nodes[at].child[bit_of(octets, trie.nodes[at].bit)]
    if at == NOTHING:
        return above if above == NOTHING else trie.nodes[above].leaf
    return some_leaf(trie, at)


cdef uint32_t trie_find(const Trie *trie, const Key *key) noexcept nogil:
    """The leaf of exactly this prefix, or NOTHING."""
    cdef uint32_t plane = trie_plane(trie, plane_number(key))
    cdef uint32_t at, leaf
    if plane == NOTHING:
        return NOTHING
    at = trie.planes[plane].root
    while at != NOTHING and not at & LEAF and trie.nodes[at].bit < key.length:
        at = trie.nodes[at].child[bit_of(key.octets, trie.nodes[at].bit)]
    if at == NOTHING:
        return NOTHING
    leaf = at & ~LEAF if at & LEAF else trie.nodes[at].leaf
    if leaf == NOTHING or trie.leaves[leaf].length != key.length:
        return NOTHING
    if shared_bits(leaf_key(trie, leaf), key.octets, key.length) < key.length:
        return NOTHING
    return leaf


cdef uint32_t _new_leaf(Trie *trie, const Key *key, uint32_t plane) noexcept nogil:
    cdef uint32_t number = trie.leaves_free
    cdef uint32_t octets = (key.length + 7) >> 3
    cdef uint32_t cell
    cdef Leaf *leaf
    if number != NOTHING:
        trie.leaves_free = trie.leaves[number].value
    else:
        number = trie.leaves_used
        if number + 1 >= LEAF or reserve(
            <void **>&trie.leaves, &trie.leaves_capacity, <size_t>number + 1, sizeof(Leaf)
        ) < 0:
            return NOTHING
        trie.leaves_used += 1
    leaf = &trie.leaves[number]
    memset(leaf, 0, sizeof(Leaf))
    leaf.plane = plane
    leaf.length = key.length
    leaf.value = leaf.extra = NOTHING
    leaf.is_used = True
    if octets <= INLINE_KEY_OCTETS:
        memcpy(leaf.key, key.octets, octets)
        return number
    cell = cells_hold(&trie.long_keys, key.octets, octets)
    if cell == NOTHING:
        _free_leaf(trie, number)
        return NOTHING
    leaf.is_long = True
    memcpy(leaf.key, &cell, sizeof(uint32_t))
    return number


cdef void _free_leaf(Trie *trie, uint32_t number) noexcept nogil:
    cdef Leaf *leaf = &trie.leaves[number]
    cdef uint32_t cell
    if leaf.is_long:
        memcpy(&cell, leaf.key, sizeof(uint32_t))
        cells_release(&trie.long_keys, cell)
    leaf.is_long = leaf.is_used = False
    leaf.value = trie.leaves_free
    trie.leaves_free = number


cdef uint32_t _new_node(Trie *trie, uint16_t bit) noexcept nogil:
    cdef uint32_t number = trie.nodes_free
    cdef Node *node
    if number != NOTHING:
        trie.nodes_free = trie.nodes[number].child[0]
    else:
        number = trie.nodes_used
        if number + 1 >= LEAF or reserve(
            <void **>&trie.nodes, &trie.nodes_capacity, <size_t>number + 1, sizeof(Node)
        ) < 0:
            return NOTHING
        trie.nodes_used += 1
    node = &trie.nodes[number]
    node.child[0] = node.child[1] = node.leaf = NOTHING
    node.bit = bit
    node.spare = 0
    return number


cdef uint32_t trie_insert(Trie *trie, const Key *key) noexcept nogil:
    """The leaf of a prefix, a new one (value and extra NOTHING) where it was not there.

    NOTHING where there is no memory; the trie is then as it was.
    """
    cdef uint32_t plane = trie_plane(trie, plane_number(key))
    cdef uint32_t near, leaf, at, added
    cdef uint32_t *link
    cdef uint16_t shared = 0, bit
    if plane == NOTHING:
        plane = _new_plane(trie, plane_number(key))
        if plane == NOTHING:
            return NOTHING
    near = nearest_leaf(trie, trie.planes[plane].root, key.octets, key.length)
    if near != NOTHING:
        shared = min(key.length, trie.leaves[near].length)
        shared = shared_bits(leaf_key(trie, near), key.octets, shared)
        if shared == key.length:
            leaf = trie_find(trie, key)
            if leaf != NOTHING:
                return leaf
    leaf = _new_leaf(trie, key, plane)
    if leaf == NOTHING:
        return NOTHING
    # A node more at most; with room for it, no pointer below moves.
    added = _new_node(trie, shared)
    if added == NOTHING:
        _free_leaf(trie, leaf)
        return NOTHING
    link = &trie.planes[plane].root
    while link[0] != NOTHING and not link[0] & LEAF and trie.nodes[link[0]].bit < shared:
        link = &trie.nodes[link[0]].child[bit_of(key.octets, trie.nodes[link[0]].bit)]
    at = link[0]
    if at == NOTHING:
        _free_node(trie, added)
        link[0] = LEAF | leaf
    elif shared == key.length:  # it covers what is there, or ends where others part
        bit = trie.leaves[at & ~LEAF].length if at & LEAF else trie.nodes[at].bit
        if bit == shared:
            _free_node(trie, added)
            trie.nodes[at].leaf = leaf
        else:
            trie.nodes[added].leaf = leaf
            trie.nodes[added].child[bit_of(leaf_key(trie, near), shared)] = at
            link[0] = added
    elif not at & LEAF and trie.nodes[at].bit == shared:  # a node that nothing lay at this side of
        _free_node(trie, added)
        trie.nodes[at].child[bit_of(key.octets, shared)] = LEAF | leaf
    else:
        trie.nodes[added].child[bit_of(key.octets, shared)] = LEAF | leaf
        if at & LEAF and trie.leaves[at & ~LEAF].length == shared:  # it lies inside this one
            trie.nodes[added].leaf = at & ~LEAF
        else:
            trie.nodes[added].child[not bit_of(key.octets, shared)] = at
        link[0] = added
    trie.planes[plane].count += 1
    trie.count += 1
    return leaf


cdef void _free_node(Trie *trie, uint32_t number) noexcept nogil:
    trie.nodes[number].child[0] = trie.nodes_free
    trie.nodes_free = number


cdef void trie_remove(Trie *trie, uint32_t leaf) noexcept nogil:
    """Take a prefix out; its number is void then."""
    cdef const uint8_t *octets = leaf_key(trie, leaf)
    cdef uint16_t length = trie.leaves[leaf].length
    cdef uint32_t plane = trie.leaves[leaf].plane
    cdef uint32_t *link = &trie.planes[plane].root
    cdef uint32_t *above = NULL
    while not link[0] & LEAF and trie.nodes[link[0]].bit < length:
        above = link
        link = &trie.nodes[link[0]].child[bit_of(octets, trie.nodes[link[0]].bit)]
    if link[0] & LEAF:
        link[0] = NOTHING
        link = above
    else:
        trie.nodes[link[0]].leaf = NOTHING
    if link != NULL:
        _collapse(trie, link)
    _free_leaf(trie, leaf)
    trie.planes[plane].count -= 1
    trie.count -= 1


cdef void _collapse(Trie *trie, uint32_t *link) noexcept nogil:
    """Do without a node of which only one thing is left."""
    cdef uint32_t number = link[0]
    cdef Node *node = &trie.nodes[number]
    cdef uint32_t only
    if node.leaf != NOTHING:
        if node.child[0] != NOTHING or node.child[1] != NOTHING:
            return
        only = LEAF | node.leaf
    elif node.child[0] == NOTHING or node.child[1] == NOTHING:
        only = node.child[1] if node.child[0] == NOTHING else node.child[0]
    else:
        return
    link[0] = only
    _free_node(trie, number)
