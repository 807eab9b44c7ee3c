# CRC-32 as zlib has it, eight octets a step by eight tables.

cdef enum:
    SEAL_OCTETS = 4         # behind a packed change: the CRC-32 of it

cdef uint32_t CRC_TABLES[8][256]


cdef void _fill_crc_tables() noexcept:
    cdef uint32_t value
    cdef int octet, bit, table
    for octet in range(256):
        value = octet
        for bit in range(8):
            value = value >> 1 ^ (<uint32_t>0xEDB88320 if value & 1 else 0)
        CRC_TABLES[0][octet] = value
    for octet in range(256):
        for table in range(1, 8):
            value = CRC_TABLES[table - 1][octet]
            CRC_TABLES[table][octet] = value >> 8 ^ CRC_TABLES[0][value & 0xFF]


_fill_crc_tables()


cdef uint32_t crc_of(const uint8_t *octets, size_t length) noexcept nogil:
    cdef uint32_t crc = <uint32_t>0xFFFFFFFF
    cdef uint32_t low
    while length >= 8:
        low = crc ^ (
            octets[0] | <uint32_t>octets[1] << 8 | <uint32_t>octets[2] << 16
            | <uint32_t>octets[3] << 24
        )
        crc = (
            CRC_TABLES[7][low & 0xFF] ^ CRC_TABLES[6][low >> 8 & 0xFF]
            ^ CRC_TABLES[5][low >> 16 & 0xFF] ^ CRC_TABLES[4][low >> 24]
            ^ CRC_TABLES[3][octets[4]] ^ CRC_TABLES[2][octets[5]]
            ^ CRC_TABLES[1][octets[6]] ^ CRC_TABLES[0][octets[7]]
        )
        octets += 8
        length -= 8
    while length:
        crc = crc >> 8 ^ CRC_TABLES[0][(crc ^ octets[0]) & 0xFF]
        octets += 1
        length -= 1
    return ~crc


cdef bint is_whole(Octets sealed) noexcept nogil:
    """Whether a packed change is what was sealed (mapsys.change_log)."""
    cdef const uint8_t *seal
    if sealed.length <= SEAL_OCTETS:
        return False
    seal = sealed.start + sealed.length - SEAL_OCTETS
    return crc_of(sealed.start, sealed.length - SEAL_OCTETS) == (
        <uint32_t>seal[0] << 24 | <uint32_t>seal[1] << 16 | <uint32_t>seal[2] << 8 | seal[3]
    )
