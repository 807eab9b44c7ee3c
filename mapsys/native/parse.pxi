# Plain messages taken apart, total on any octets. What is laid out otherwise is not
# looked into any further: the core reads it, and says what is wrong with it.

cdef enum:
    MAP_REQUEST = 1         # type codes (RFC 9301, 5.1)
    MAP_REGISTER = 3
    MAP_NOTIFY = 4
    ENCAPSULATED = 8
    AFI_NONE = 0
    AFI_IPV4 = 1
    AFI_IPV6 = 2
    AFI_LCAF = 16387
    LCAF_INSTANCE_ID = 2
    FAMILY_IPV4 = 1         # mapsys.eid.Family
    FAMILY_IPV6 = 2
    DATA_PORT = 4341
    UDP = 17
    ECM_SECURITY = 0x08     # in the first octet
    REQUEST_HEAD = 12       # flags and nonce

cdef struct question:
    # A Map-Request for one EID, without a flag set, that can be answered natively.
    const uint8_t *nonce
    const uint8_t *rlocs    # the ITR-RLOCs as they stand in the message
    uint32_t rlocs_octets
    const uint8_t *inner    # the packet it came in, NULL where it came bare
    uint32_t inner_octets
    uint16_t reply_port
    Key eid                 # of full length


cdef uint32_t sum16(const uint8_t *octets, uint32_t length, uint64_t total) noexcept nogil:
    """The ones' complement sum of 16-bit words (RFC 1071); 0 or 0xffff where it is right."""
    cdef uint32_t at = 0
    while at + 1 < length:
        total += get16(octets + at)
        at += 2
    if at < length:
        total += <uint32_t>octets[at] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return <uint32_t>total


cdef inline bint is_right_sum(uint32_t total) noexcept nogil:
    return total == 0 or total == 0xFFFF


cdef const uint8_t *udp_payload(
    const uint8_t *packet, uint32_t length, uint32_t *octets, uint16_t *source_port
) noexcept nogil:
    """The payload of an IP packet with one UDP datagram, or NULL; checks what wire.ip checks."""
    cdef const uint8_t *udp
    cdef uint32_t udp_octets, address_octets
    cdef uint64_t pseudo
    if length < 28:
        return NULL
    if packet[0] == 0x45:
        if get16(packet + 2) != length or get16(packet + 6) & 0x3FFF or packet[9] != UDP:
            return NULL
        if not is_right_sum(sum16(packet, 20, 0)):
            return NULL
        udp = packet + 20
        address_octets = 8
    elif packet[0] >> 4 == 6 and length >= 48:
        if <uint32_t>get16(packet + 4) + 40 != length or packet[6] != UDP:
            return NULL
        udp = packet + 40
        address_octets = 32
    else:
        return NULL
    udp_octets = length - <uint32_t>(udp - packet)
    source_port[0] = get16(udp)
    if get16(udp + 4) != udp_octets or source_port[0] == DATA_PORT or get16(udp + 2) == DATA_PORT:
        return NULL
    if get16(udp + 6):
        pseudo = sum16(udp - address_octets, address_octets, UDP + udp_octets)
        if not is_right_sum(sum16(udp, udp_octets, pseudo)):
            return NULL
    octets[0] = udp_octets - 8
    return udp + 8


cdef uint32_t address_octets(const uint8_t *at, uint32_t room) noexcept nogil:
    """Octets of a plain address with its AFI; 0 where it is another, or cut short."""
    cdef uint32_t octets
    if room < 2:
        return 0
    if get16(at) == AFI_NONE:
        octets = 2
    elif get16(at) == AFI_IPV4:
        octets = 6
    elif get16(at) == AFI_IPV6:
        octets = 18
    else:
        return 0
    return octets if octets <= room else 0


cdef uint32_t eid_octets(const uint8_t *at, uint32_t room, Key *eid) noexcept nogil:
    """Octets of an IP address with its AFI, inside an Instance ID LCAF or not; 0: another.

    Fills in all of the key but its length.
    """
    cdef uint32_t head = 0, octets
    eid.instance_id = 0
    if room >= 14 and get16(at) == AFI_LCAF:
        # Reserved octet, flags, and the mask of instance-IDs are zero (RFC 8060, 4.1).
        if at[2] or at[3] or at[4] != LCAF_INSTANCE_ID or at[5]:
            return 0
        eid.instance_id = get32(at + 8)
        head = 12
    octets = address_octets(at + head, room - head)
    if octets < 6:
        return 0
    if head and <uint32_t>get16(at + 6) != 4 + octets:
        return 0
    eid.family = FAMILY_IPV4 if octets == 6 else FAMILY_IPV6
    memcpy(eid.octets, at + head + 2, octets - 2)
    return head + octets


cdef bint read_question(const uint8_t *data, uint32_t length, uint16_t port, question *made) noexcept nogil:
    """Take a Map-Request apart, bare or encapsulated; port: it came from, for a bare one.

    False where it is anything but a plain one.
    """
    cdef const uint8_t *message = data
    cdef uint32_t left = length, octets, count
    cdef Key source
    made.inner = NULL
    made.reply_port = port
    if length < REQUEST_HEAD:
        return False
    if data[0] >> 4 == ENCAPSULATED:
        if data[0] & ECM_SECURITY:
            return False
        made.inner = data + 4
        made.inner_octets = length - 4
        message = udp_payload(made.inner, made.inner_octets, &left, &made.reply_port)
        if message == NULL or left < REQUEST_HEAD:
            return False
    # One record, and no bit set in the first word but those that count ITR-RLOCs.
    if get32(message) & 0xFFFFE0FFU != 0x10000001U or made.reply_port == 0:
        return False
    count = (message[2] & 0x1F) + 1
    made.nonce = message + 4
    message += REQUEST_HEAD
    left -= REQUEST_HEAD
    octets = address_octets(message, left)
    if octets == 0:
        octets = eid_octets(message, left, &source)
    if octets == 0:
        return False
    message += octets
    left -= octets
    made.rlocs = message
    while count:
        octets = address_octets(message, left)
        if octets < 6:
            return False
        message += octets
        left -= octets
        count -= 1
    made.rlocs_octets = <uint32_t>(message - made.rlocs)
    if left < 2 or message[0]:
        return False
    octets = eid_octets(message + 2, left - 2, &made.eid)
    if octets == 0 or left != 2 + octets:
        return False
    made.eid.length = 32 if made.eid.family == FAMILY_IPV4 else 128
    return message[1] == made.eid.length
