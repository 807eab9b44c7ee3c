# EID-Prefixes between Python, the trie and their packed form (mapsys.eid).

from mapsys.eid import WIDTH_BITS, EidPrefix, Family

cdef enum:
    PACKED_HEAD = 7         # instance-ID, family, length in bits

cdef uint16_t FAMILY_WIDTHS[8]
cdef tuple FAMILIES = (None, *Family)
cdef object _canonical = EidPrefix.canonical

FAMILY_WIDTHS[0] = 0
for _family in Family:
    FAMILY_WIDTHS[_family] = WIDTH_BITS[_family]


cdef int key_of(eid, Key *key) except -1:
    """An EID-Prefix as a key."""
    cdef tuple fields = <tuple>eid  # a subclass, which the conversion would refuse
    cdef unsigned long long low
    cdef int family = fields[1]
    cdef int octets = FAMILY_WIDTHS[family] >> 3
    cdef bytes network
    cdef const char *start
    key.instance_id = fields[0]
    key.family = family
    key.length = fields[3]
    if octets <= 8:
        low = fields[2]
        while octets:
            octets -= 1
            key.octets[octets] = low & 0xFF
            low >>= 8
        return 0
    network = fields[2].to_bytes(octets, "big")
    start = network
    memcpy(key.octets, start, octets)
    return 0


cdef object eid_of(const Trie *trie, uint32_t leaf):
    """The EID-Prefix of a leaf."""
    cdef uint64_t number = trie.planes[trie.leaves[leaf].plane].number
    return _eid(
        number >> FAMILY_BITS, number & 0xFF, leaf_key(trie, leaf), trie.leaves[leaf].length
    )


cdef object eid_of_key(const Key *key):
    """The EID-Prefix of a key."""
    return _eid(key.instance_id, key.family, key.octets, key.length)


cdef object _eid(uint32_t instance_id, int family, const uint8_t *key, uint16_t length):
    cdef int width = FAMILY_WIDTHS[family]
    cdef int octets = (length + 7) >> 3
    cdef unsigned long long low = 0
    cdef int index
    if width <= 64:
        for index in range(octets):
            low = low << 8 | key[index]
        if octets:
            low <<= width - 8 * octets
        network = low
    else:
        network = int.from_bytes((<const char *>key)[:octets], "big") << (width - 8 * octets)
    return _canonical(instance_id, FAMILIES[family], network, length)


cdef size_t pack_prefix(const Key *key, uint8_t *to) noexcept nogil:
    """Write the packed form; returns its octets, at most PACKED_HEAD + KEY_OCTETS."""
    cdef size_t octets = (key.length + 7) >> 3
    to[0] = key.instance_id >> 24
    to[1] = key.instance_id >> 16 & 0xFF
    to[2] = key.instance_id >> 8 & 0xFF
    to[3] = key.instance_id & 0xFF
    to[4] = key.family
    to[5] = key.length >> 8
    to[6] = key.length & 0xFF
    memcpy(to + PACKED_HEAD, key.octets, octets)
    return PACKED_HEAD + octets


cdef size_t unpack_prefix(const uint8_t *octets, size_t left, Key *key) noexcept nogil:
    """Read the packed form; returns its octets, 0 where it is none or is cut short."""
    cdef size_t size
    cdef int spare
    if left < PACKED_HEAD or octets[4] == 0 or octets[4] > 7:
        return 0
    key.instance_id = (
        <uint32_t>octets[0] << 24 | <uint32_t>octets[1] << 16 | <uint32_t>octets[2] << 8 | octets[3]
    )
    key.family = octets[4]
    key.length = <uint16_t>octets[5] << 8 | octets[6]
    size = (key.length + 7) >> 3
    if key.length > FAMILY_WIDTHS[key.family] or left < PACKED_HEAD + size:
        return 0
    memcpy(key.octets, octets + PACKED_HEAD, size)
    memset(key.octets + size, 0, KEY_OCTETS - size)
    spare = 8 * <int>size - key.length
    if spare and key.octets[size - 1] & ((1 << spare) - 1):
        return 0
    return PACKED_HEAD + size
