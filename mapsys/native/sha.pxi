# MACs of messages from a key's midstates: the key is hashed once, each message after that.

from libc.string cimport strlen

cdef extern from "simd.h" nogil:
    ctypedef void (*mapsys_compress)(uint32_t *state, const uint8_t *blocks, size_t count)
    mapsys_compress mapsys_sha1_blocks
    mapsys_compress mapsys_sha256_blocks
    int mapsys_choose_sha(int wanted)
    int mapsys_equal(const uint8_t *one, const uint8_t *other, size_t length)


cdef enum:
    SHA1 = 1
    SHA256 = 2
    HKDF_SHA256 = 3     # algorithm IDs (RFC 9301, 12.5)
    BLOCK_OCTETS = 64
    MAC_OFFSET = 16     # in all messages that are signed
    MAX_MAC_OCTETS = 32

cdef struct sha_stream:
    uint32_t state[8]
    uint8_t block[64]
    size_t filled
    uint64_t total      # octets, those before the stream began included
    bint sha1

cdef struct midstates:
    uint32_t inner[8]
    uint32_t outer[8]

cdef struct mac_key:
    midstates sha1
    midstates sha256
    uint8_t secret[64]  # for the algorithm that derives a key from it and the nonce
    size_t secret_octets  # more than 64: not held, such a message is not verified here


cdef uint32_t[5] SHA1_START = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
cdef uint32_t[8] SHA256_START = [
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
]

sha_instructions = bool(mapsys_choose_sha(1))
"""Whether the processor has instructions for SHA, and they are in use."""


def choose_sha_instructions(wanted):
    """Use them or not, for tests of both ways; returns whether they are used."""
    return bool(mapsys_choose_sha(wanted))


cdef inline void sha_blocks(sha_stream *stream, const uint8_t *blocks, size_t count) noexcept nogil:
    if stream.sha1:
        mapsys_sha1_blocks(stream.state, blocks, count)
    else:
        mapsys_sha256_blocks(stream.state, blocks, count)


cdef void sha_begin(sha_stream *stream, bint sha1) noexcept nogil:
    stream.sha1 = sha1
    stream.filled = 0
    stream.total = 0
    memset(stream.state, 0, sizeof(stream.state))
    if sha1:
        memcpy(stream.state, SHA1_START, 20)
    else:
        memcpy(stream.state, SHA256_START, 32)


cdef void sha_resume(sha_stream *stream, bint sha1, const uint32_t *state) noexcept nogil:
    """Go on from a midstate, one block after the beginning."""
    stream.sha1 = sha1
    stream.filled = 0
    stream.total = BLOCK_OCTETS
    memcpy(stream.state, state, 32)


cdef void sha_add(sha_stream *stream, const uint8_t *octets, size_t length) noexcept nogil:
    cdef size_t part
    stream.total += length
    if stream.filled:
        part = BLOCK_OCTETS - stream.filled
        if part > length:
            part = length
        memcpy(stream.block + stream.filled, octets, part)
        stream.filled += part
        octets += part
        length -= part
        if stream.filled < BLOCK_OCTETS:
            return
        sha_blocks(stream, stream.block, 1)
        stream.filled = 0
    if length >= BLOCK_OCTETS:
        sha_blocks(stream, octets, length // BLOCK_OCTETS)
        octets += length - length % BLOCK_OCTETS
        length %= BLOCK_OCTETS
    if length:
        memcpy(stream.block, octets, length)
    stream.filled = length


cdef int sha_end(sha_stream *stream, uint8_t *digest) noexcept nogil:
    """Write the digest; returns its octets, 20 or 32."""
    cdef uint64_t bits = stream.total * 8
    cdef int index, words = 5 if stream.sha1 else 8
    stream.block[stream.filled] = 0x80
    memset(stream.block + stream.filled + 1, 0, BLOCK_OCTETS - stream.filled - 1)
    if stream.filled >= BLOCK_OCTETS - 8:
        sha_blocks(stream, stream.block, 1)
        memset(stream.block, 0, BLOCK_OCTETS)
    for index in range(8):
        stream.block[63 - index] = <uint8_t>(bits >> (8 * index))
    sha_blocks(stream, stream.block, 1)
    for index in range(words):
        put32(digest + 4 * index, stream.state[index])
    return 4 * words


cdef inline void put32(uint8_t *at, uint32_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 24)
    at[1] = <uint8_t>(value >> 16)
    at[2] = <uint8_t>(value >> 8)
    at[3] = <uint8_t>value


cdef void midstates_of(midstates *made, bint sha1, const uint8_t *key, size_t length) noexcept nogil:
    """RFC 2104: the key, padded and combined, is the first block of either hash."""
    cdef sha_stream stream
    cdef uint8_t block[64]
    cdef uint8_t pad[64]
    cdef int index
    memset(block, 0, BLOCK_OCTETS)
    if length > BLOCK_OCTETS:
        sha_begin(&stream, sha1)
        sha_add(&stream, key, length)
        sha_end(&stream, block)
    else:
        memcpy(block, key, length)
    for index in range(BLOCK_OCTETS):
        pad[index] = block[index] ^ 0x36
    sha_begin(&stream, sha1)
    sha_blocks(&stream, pad, 1)
    memcpy(made.inner, stream.state, 32)
    for index in range(BLOCK_OCTETS):
        pad[index] = block[index] ^ 0x5C
    sha_begin(&stream, sha1)
    sha_blocks(&stream, pad, 1)
    memcpy(made.outer, stream.state, 32)


cdef inline int hmac_end(
    sha_stream *stream, const midstates *key, uint8_t *mac
) noexcept nogil:
    """Close the inner hash, and hash it under the outer key."""
    cdef uint8_t inner[32]
    cdef int length = sha_end(stream, inner)
    sha_resume(stream, stream.sha1, key.outer)
    sha_add(stream, inner, length)
    return sha_end(stream, mac)


cdef void hkdf_key(
    midstates *derived, const mac_key *key, int message_type, const uint8_t *nonce
) noexcept nogil:
    """The key of one message under algorithm 3 (RFC 9301, 5.6; RFC 5869 with one block)."""
    cdef const char *salt
    cdef sha_stream stream
    cdef midstates step
    cdef uint8_t octets[32]
    cdef uint8_t counter = 1
    if message_type == 3:
        salt = b"Map-Register Authentication"
    elif message_type == 4:
        salt = b"Map-Notify Authentication"
    else:
        salt = b"Map-Notify-Ack Authentication"
    midstates_of(&step, False, <const uint8_t *>salt, strlen(salt))
    sha_resume(&stream, False, step.inner)
    sha_add(&stream, nonce, 8)
    sha_add(&stream, key.secret, key.secret_octets)
    hmac_end(&stream, &step, octets)
    midstates_of(&step, False, octets, 32)
    sha_resume(&stream, False, step.inner)
    sha_add(&stream, &counter, 1)
    hmac_end(&stream, &step, octets)
    midstates_of(derived, False, octets, 32)


cdef int message_mac(
    const mac_key *key, int algorithm_id, const uint8_t *message, size_t length,
    size_t mac_octets, uint8_t *mac
) noexcept nogil:
    """The MAC over a whole message, its authentication data taken as zero.

    length is at least MAC_OFFSET + mac_octets, and mac_octets at most MAX_MAC_OCTETS.
    Returns the MAC's full octets, or 0 where it cannot be made here.
    """
    cdef sha_stream stream
    cdef midstates derived
    cdef const midstates *used
    cdef uint8_t zero[32]
    if algorithm_id == SHA1:
        used = &key.sha1
    elif algorithm_id == SHA256:
        used = &key.sha256
    elif algorithm_id == HKDF_SHA256 and key.secret_octets <= BLOCK_OCTETS:
        hkdf_key(&derived, key, message[0] >> 4, message + 4)
        used = &derived
    else:
        return 0
    memset(zero, 0, sizeof(zero))
    sha_resume(&stream, algorithm_id == SHA1, used.inner)
    sha_add(&stream, message, MAC_OFFSET)
    sha_add(&stream, zero, mac_octets)
    sha_add(&stream, message + MAC_OFFSET + mac_octets, length - MAC_OFFSET - mac_octets)
    return hmac_end(&stream, used, mac)


cdef inline bint is_mac_length(int algorithm_id, size_t octets) noexcept nogil:
    """The RFC's cut MAC, and the whole one that deployed implementations send."""
    if algorithm_id == SHA1:
        return octets == 12 or octets == 20
    return (algorithm_id == SHA256 or algorithm_id == HKDF_SHA256) and (
        octets == 16 or octets == 32
    )


cdef void prepare_key(mac_key *key, const uint8_t *secret, size_t length) noexcept nogil:
    midstates_of(&key.sha1, True, secret, length)
    midstates_of(&key.sha256, False, secret, length)
    key.secret_octets = length
    memset(key.secret, 0, sizeof(key.secret))
    if length <= BLOCK_OCTETS:
        memcpy(key.secret, secret, length)


cdef class NativeKey:
    """A shared secret, ready to sign and verify; shown nowhere, and wiped at the end."""

    cdef mac_key key

    def __cinit__(self, bytes secret):
        prepare_key(&self.key, secret, len(secret))

    def __dealloc__(self):
        memset(&self.key, 0, sizeof(self.key))

    @property
    def derives(self):
        """Whether it is short enough to derive keys from (algorithm 3)."""
        return self.key.secret_octets <= BLOCK_OCTETS

    def mac(self, int algorithm_id, bytes message, size_t mac_octets):
        """The MAC of a message, cut to its length; None where it cannot be made here."""
        cdef uint8_t mac[32]
        cdef int whole
        cdef const uint8_t *octets = message
        cdef size_t length = len(message)
        if not is_mac_length(algorithm_id, mac_octets) or length < MAC_OFFSET + mac_octets:
            return None
        with nogil:
            whole = message_mac(&self.key, algorithm_id, octets, length, mac_octets, mac)
        return None if whole == 0 else (<const char *>mac)[:mac_octets]

    def verify(self, bytes message):
        """Whether the message carries the MAC that this secret makes."""
        cdef const uint8_t *octets = message
        cdef size_t length = len(message)
        cdef size_t mac_octets
        if length < MAC_OFFSET:
            return False
        mac_octets = octets[14] << 8 | octets[15]
        made = self.mac(octets[13], message, mac_octets)
        if made is None:
            return False
        return bool(mapsys_equal(made, octets + MAC_OFFSET, mac_octets))


def digest(str name, bytes octets):
    """The hash of octets: "sha1" or "sha256"."""
    cdef sha_stream stream
    cdef uint8_t made[32]
    cdef int length
    sha_begin(&stream, name == "sha1")
    sha_add(&stream, octets, len(octets))
    length = sha_end(&stream, made)
    return (<const char *>made)[:length]


def hmac(str name, bytes key, bytes octets):
    """The whole HMAC of octets under a key."""
    cdef sha_stream stream
    cdef midstates made
    cdef uint8_t mac[32]
    cdef int length
    midstates_of(&made, name == "sha1", key, len(key))
    sha_resume(&stream, name == "sha1", made.inner)
    sha_add(&stream, octets, len(octets))
    length = hmac_end(&stream, &made, mac)
    return (<const char *>mac)[:length]
