# BLAKE2b-64 under a key (RFC 7693): the fingerprints of core.slots.KeyedHash.

cdef enum:
    BLAKE_BLOCK = 128
    BLAKE_ROUNDS = 12
    FINGERPRINT_OCTETS = 8

cdef struct fingerprints:
    uint64_t state[8]       # after the block that holds the key
    uint64_t before         # octets of that block

cdef uint64_t[8] BLAKE_START = [
    0x6A09E667F3BCC908ULL, 0xBB67AE8584CAA73BULL, 0x3C6EF372FE94F82BULL, 0xA54FF53A5F1D36F1ULL,
    0x510E527FADE682D1ULL, 0x9B05688C2B3E6C1FULL, 0x1F83D9ABFB41BD6BULL, 0x5BE0CD19137E2179ULL,
]
cdef uint8_t[10][16] BLAKE_ORDER = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]


cdef inline uint64_t _rotated(uint64_t word, int bits) noexcept nogil:
    return word >> bits | word << (64 - bits)


cdef inline void _mix(
    uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y
) noexcept nogil:
    v[a] += v[b] + x
    v[d] = _rotated(v[d] ^ v[a], 32)
    v[c] += v[d]
    v[b] = _rotated(v[b] ^ v[c], 24)
    v[a] += v[b] + y
    v[d] = _rotated(v[d] ^ v[a], 16)
    v[c] += v[d]
    v[b] = _rotated(v[b] ^ v[c], 63)


cdef void _compress(
    uint64_t *state, const uint8_t *block, uint64_t octets, bint is_last
) noexcept nogil:
    cdef uint64_t v[16]
    cdef uint64_t words[16]
    cdef const uint8_t *order
    cdef int index, octet
    for index in range(16):
        words[index] = 0
        for octet in range(8):
            words[index] |= <uint64_t>block[8 * index + octet] << (8 * octet)
    for index in range(8):
        v[index] = state[index]
        v[index + 8] = BLAKE_START[index]
    v[12] ^= octets
    if is_last:
        v[14] = ~v[14]
    for index in range(BLAKE_ROUNDS):
        order = BLAKE_ORDER[index % 10]
        _mix(v, 0, 4, 8, 12, words[order[0]], words[order[1]])
        _mix(v, 1, 5, 9, 13, words[order[2]], words[order[3]])
        _mix(v, 2, 6, 10, 14, words[order[4]], words[order[5]])
        _mix(v, 3, 7, 11, 15, words[order[6]], words[order[7]])
        _mix(v, 0, 5, 10, 15, words[order[8]], words[order[9]])
        _mix(v, 1, 6, 11, 12, words[order[10]], words[order[11]])
        _mix(v, 2, 7, 8, 13, words[order[12]], words[order[13]])
        _mix(v, 3, 4, 9, 14, words[order[14]], words[order[15]])
    for index in range(8):
        state[index] ^= v[index] ^ v[index + 8]


cdef void fingerprints_open(
    fingerprints *made, const uint8_t *key, uint32_t key_octets
) noexcept nogil:
    """key_octets: 0 to 64."""
    cdef uint8_t block[BLAKE_BLOCK]
    memcpy(made.state, BLAKE_START, 64)
    made.state[0] ^= 0x01010000 ^ <uint64_t>key_octets << 8 ^ FINGERPRINT_OCTETS
    made.before = 0
    if key_octets:
        memset(block, 0, BLAKE_BLOCK)
        memcpy(block, key, key_octets)
        made.before = BLAKE_BLOCK
        _compress(made.state, block, BLAKE_BLOCK, False)


cdef uint64_t fingerprint_of(
    const fingerprints *by, const uint8_t *octets, uint32_t length
) noexcept nogil:
    """length: 1 to 128."""
    cdef uint64_t state[8]
    cdef uint8_t block[BLAKE_BLOCK]
    cdef uint64_t number = 0
    cdef int octet
    memcpy(state, by.state, 64)
    memset(block, 0, BLAKE_BLOCK)
    memcpy(block, octets, length)
    _compress(state, block, by.before + length, True)
    for octet in range(8):
        number = number << 8 | (state[0] >> (8 * octet) & 0xFF)
    return number if number else 1
