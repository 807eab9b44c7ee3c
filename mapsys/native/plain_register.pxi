# Plain Map-Registers taken apart, total on any octets: nothing in them but what the RFC's
# own fields say of IP prefixes with IP locators. All others are the core's business.

cdef enum:
    RECORDS_LIMIT = 64          # of one message that is read here
    LOCATORS_LIMIT = 32         # core.publish.MAX_LOCATORS
    PUBLISHED_LIMIT = 808       # octets of a record with as many, all of them IPv6
    RECORD_HEAD = 10            # octets before the EID
    LOCATOR_HEAD = 6            # before the address
    IDENTITY_OCTETS = 24        # xTR-ID and Site-ID
    XTR_ID_OCTETS = 16
    HAS_IDENTITY = 0x02000000   # the I bit, in the first word

cdef struct locator:
    const uint8_t *start        # in the message
    uint32_t address            # octets of the address, its AFI included

cdef struct plain_record:
    Key eid                     # canonical
    locator locators[32]        # as the message has them
    uint32_t locator_count
    uint8_t published[808]      # as a Map-Server tells it: core.publish.reply_ready
    uint32_t octets             # of that

cdef struct plain_register:
    uint32_t word               # the first one, its number of records taken as 0
    const uint8_t *nonce
    uint8_t key_id
    uint8_t algorithm_id
    uint32_t mac_octets
    const uint8_t *identity     # xTR-ID and Site-ID; NULL: it has none
    uint32_t count
    plain_record records[64]


cdef bint read_plain_register(
    const uint8_t *data, uint32_t length, plain_register *made
) noexcept nogil:
    """False where it is anything but a plain one."""
    cdef uint32_t at, index, octets, other
    if length < MAC_OFFSET or data[0] >> 4 != MAP_REGISTER:
        return False
    made.word = get32(data) & 0xFFFFFF00U
    made.count = data[3]
    made.nonce = data + 4
    made.key_id = data[12]
    made.algorithm_id = data[13]
    made.mac_octets = get16(data + 14)
    at = MAC_OFFSET + made.mac_octets
    if length < at or made.mac_octets > MAX_MAC_OCTETS or not 0 < made.count <= RECORDS_LIMIT:
        return False
    for index in range(made.count):
        octets = read_plain_record(data + at, length - at, &made.records[index])
        if octets == 0:
            return False
        at += octets
        for other in range(index):
            if are_same_prefix(&made.records[other].eid, &made.records[index].eid):
                return False
    made.identity = NULL
    if made.word & HAS_IDENTITY:
        made.identity = data + at
        at += IDENTITY_OCTETS
    return at == length


cdef inline bint are_same_prefix(const Key *one, const Key *other) noexcept nogil:
    """Whether two canonical prefixes are one."""
    return (
        one.instance_id == other.instance_id
        and one.family == other.family
        and one.length == other.length
        and memcmp(one.octets, other.octets, (one.length + 7) >> 3) == 0
    )


cdef uint32_t read_plain_record(
    const uint8_t *at, uint32_t room, plain_record *made
) noexcept nogil:
    """Read one record and make what is published of it; its octets, or 0."""
    cdef uint32_t eid, used, index, address
    cdef const uint8_t *locators
    if room < RECORD_HEAD:
        return 0
    made.locator_count = at[4]
    made.eid.length = at[5]
    # A TTL, locators, no Map-Version, and nothing in what is reserved.
    if (
        get32(at) == 0 or not 0 < made.locator_count <= LOCATORS_LIMIT
        or get16(at + 6) & 0x0FFF or get16(at + 8)
    ):
        return 0
    eid = eid_octets(at + RECORD_HEAD, room - RECORD_HEAD, &made.eid)
    if eid == 0 or made.eid.length > FAMILY_WIDTHS[made.eid.family]:
        return 0
    if eid > 18 and made.eid.instance_id == 0:
        return 0  # an LCAF that says nothing
    clear_host_bits(&made.eid)
    used = RECORD_HEAD + eid
    locators = at + used
    for index in range(made.locator_count):
        if room - used < LOCATOR_HEAD or get16(at + used + 4) & 0xFFF8:
            return 0
        address = address_octets(at + used + LOCATOR_HEAD, room - used - LOCATOR_HEAD)
        if address < 6:
            return 0
        made.locators[index].start = at + used
        made.locators[index].address = address
        used += LOCATOR_HEAD + address
    publish_plain(made, at, eid)
    return used


cdef void clear_host_bits(Key *eid) noexcept nogil:
    cdef uint32_t octets = FAMILY_WIDTHS[eid.family] >> 3, whole = eid.length >> 3
    if whole < octets:
        eid.octets[whole] &= <uint8_t>(0xFF00 >> (eid.length & 7))
        memset(eid.octets + whole + 1, 0, octets - whole - 1)


cdef void publish_plain(plain_record *made, const uint8_t *record, uint32_t eid) noexcept nogil:
    """record: as the message has it. eid: octets of its EID."""
    cdef locator sorted_ones[32]
    cdef uint32_t index, place, octets = FAMILY_WIDTHS[made.eid.family] >> 3
    cdef uint8_t *to = made.published
    for index in range(made.locator_count):
        place = index
        while place and is_before(&made.locators[index], &sorted_ones[place - 1]):
            sorted_ones[place] = sorted_ones[place - 1]
            place -= 1
        sorted_ones[place] = made.locators[index]
    memcpy(to, record, 6)
    memset(to + 6, 0, 4)
    memcpy(to + RECORD_HEAD, record + RECORD_HEAD, eid - octets)
    memcpy(to + RECORD_HEAD + eid - octets, made.eid.octets, octets)
    to += RECORD_HEAD + eid
    for index in range(made.locator_count):
        octets = LOCATOR_HEAD + sorted_ones[index].address
        memcpy(to, sorted_ones[index].start, octets)
        to[5] &= 1  # of the flags, R is left
        to += octets
    made.octets = <uint32_t>(to - made.published)


cdef inline bint is_before(const locator *one, const locator *other) noexcept nogil:
    """Ascending, IPv4 first: their octets, in which the AFI comes first (RFC 9301, 5.5)."""
    if one.address != other.address:
        return one.address < other.address
    return memcmp(one.start + LOCATOR_HEAD, other.start + LOCATOR_HEAD, one.address) < 0
