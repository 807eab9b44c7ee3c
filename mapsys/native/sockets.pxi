# Batches of datagrams in and out: recvmmsg with UDP_GRO, sendmmsg with UDP_SEGMENT.

from libc.errno cimport EAGAIN, EINTR, EIO, EINVAL, ENOPROTOOPT, EOPNOTSUPP, errno

cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    ctypedef unsigned short sa_family_t
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        void *msg_name
        socklen_t msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    cmsghdr *CMSG_FIRSTHDR(msghdr *header)
    cmsghdr *CMSG_NXTHDR(msghdr *header, cmsghdr *current)
    unsigned char *CMSG_DATA(cmsghdr *current)
    size_t CMSG_LEN(size_t length)
    size_t CMSG_SPACE(size_t length)
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout)
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags)
    ssize_t sendmsg(int fd, const msghdr *message, int flags)
    int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
    int AF_INET, AF_INET6, MSG_DONTWAIT

cdef extern from "<netinet/in.h>" nogil:
    int IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, IP_PKTINFO, IPV6_PKTINFO
    struct in_addr:
        uint32_t s_addr
    struct in6_addr:
        uint8_t s6_addr[16]
    struct sockaddr_in:
        sa_family_t sin_family
        uint16_t sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        sa_family_t sin6_family
        uint16_t sin6_port
        in6_addr sin6_addr
        uint32_t sin6_scope_id
    struct in_pktinfo:
        int ipi_ifindex
        in_addr ipi_spec_dst
        in_addr ipi_addr
    struct in6_pktinfo:
        in6_addr ipi6_addr
        unsigned int ipi6_ifindex

cdef enum:
    UDP_SEGMENT = 103   # linux/udp.h
    UDP_GRO = 104
    READS = 32              # datagrams, or bursts of them, read in one call
    BURST_READS = 8         # the same, where the last call brought bursts
    BURST_SEGMENTS = 128    # of one burst that is received, in any kernel
    TURN_LIMIT = 64         # datagrams read in one turn, but that a burst is read whole
    ARRIVALS_LIMIT = 4160   # TURN_LIMIT, and READS bursts
    READ_OCTETS = 65536
    CONTROL_OCTETS = 128
    OUT_LIMIT = 512         # messages gathered before they are sent
    OUT_OCTETS = 1 << 20
    SEGMENTS_LIMIT = 64     # of one burst: what every kernel with UDP_SEGMENT takes
    SEGMENT_OCTETS = 1200   # longer ones might not fit the path, which a burst has to
    BURST_OCTETS = 60000
    ERRNO_LIMIT = 160

cdef struct listener:
    int fd
    bint ipv6
    bint wildcard
    bint bursts_in          # UDP_GRO is on
    bint bursts_out         # UDP_SEGMENT has not failed
    bint had_bursts
    uint16_t port
    uint8_t address[16]     # IPv4 in the first 4
    uint64_t received[16]   # by type code
    uint64_t sent[16]

cdef struct endpoint:
    # 16 octets of IPv6, or 4 of IPv4 and zeros, so that endpoints compare as memory.
    uint8_t address[16]
    uint16_t port           # in the host's order
    uint8_t ipv6

cdef struct arrival:
    const uint8_t *data
    uint32_t length
    int listener
    endpoint source
    uint8_t local[16]

cdef struct departure:
    uint8_t *data
    uint32_t length
    int listener            # index
    bint from_source        # leaves from an address of its own, on a wildcard socket
    uint8_t source[16]
    endpoint destination
    int next                # of the same burst, or -1

cdef struct burst:
    int first
    int last
    int count
    uint32_t segment
    uint32_t octets
    bint closed

cdef struct inbox:
    uint8_t *octets         # READS times READ_OCTETS
    mmsghdr headers[32]
    iovec parts[32]
    sockaddr_in6 peers[32]
    uint8_t control[32][128]

cdef struct outbox:
    uint8_t *octets
    size_t used
    int count
    int bursts
    bint coalesce
    departure messages[512]
    burst groups[512]
    mmsghdr headers[512]
    iovec parts[512]
    sockaddr_in6 peers[512]
    uint8_t control[512][64]
    int of_header[512]
    uint64_t failed[160]    # by errno
    uint64_t receive_failed[160]
    uint64_t bursts_sent
    uint64_t bursts_received


cdef inline uint16_t swap16(uint16_t value) noexcept nogil:
    return <uint16_t>(value >> 8 | value << 8)


cdef inline uint16_t get16(const uint8_t *at) noexcept nogil:
    return <uint16_t>(at[0] << 8 | at[1])


cdef inline uint32_t get32(const uint8_t *at) noexcept nogil:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]


cdef inline uint16_t port_of(uint16_t network_order) noexcept nogil:
    return get16(<const uint8_t *>&network_order)


cdef socklen_t to_sockaddr(const endpoint *of, sockaddr_in6 *made) noexcept nogil:
    cdef sockaddr_in *made4 = <sockaddr_in *>made
    memset(made, 0, sizeof(sockaddr_in6))
    if of.ipv6:
        made.sin6_family = <sa_family_t>AF_INET6
        (<uint8_t *>&made.sin6_port)[0] = <uint8_t>(of.port >> 8)
        (<uint8_t *>&made.sin6_port)[1] = <uint8_t>of.port
        memcpy(&made.sin6_addr, of.address, 16)
        return sizeof(sockaddr_in6)
    made4.sin_family = <sa_family_t>AF_INET
    (<uint8_t *>&made4.sin_port)[0] = <uint8_t>(of.port >> 8)
    (<uint8_t *>&made4.sin_port)[1] = <uint8_t>of.port
    memcpy(&made4.sin_addr, of.address, 4)
    return sizeof(sockaddr_in)


cdef void from_sockaddr(const sockaddr_in6 *peer, bint ipv6, endpoint *made) noexcept nogil:
    cdef const sockaddr_in *peer4 = <const sockaddr_in *>peer
    memset(made, 0, sizeof(endpoint))
    made.ipv6 = ipv6
    if ipv6:
        made.port = port_of(peer.sin6_port)
        memcpy(made.address, &peer.sin6_addr, 16)
    else:
        made.port = port_of(peer4.sin_port)
        memcpy(made.address, &peer4.sin_addr, 4)


cdef int receive(
    inbox *box, listener *at, int index, int room, arrival *arrivals, outbox *out
) noexcept nogil:
    """Read what one socket has, in one call; how many datagrams came, or -1: none are left.

    Bursts are read whole, so there may be more than ``room``.
    """
    cdef int wanted = BURST_READS if at.had_bursts else READS
    cdef int got, number, count = 0
    cdef uint32_t segment, length, offset
    cdef msghdr *header
    cdef cmsghdr *control
    cdef uint8_t local[16]
    cdef endpoint source
    cdef arrival *made
    if wanted > room:
        wanted = room
    for number in range(wanted):
        header = &box.headers[number].msg_hdr
        box.parts[number].iov_base = box.octets + <size_t>number * READ_OCTETS
        box.parts[number].iov_len = READ_OCTETS
        header.msg_name = &box.peers[number]
        header.msg_namelen = sizeof(sockaddr_in6)
        header.msg_iov = &box.parts[number]
        header.msg_iovlen = 1
        header.msg_control = &box.control[number][0]
        header.msg_controllen = CONTROL_OCTETS
        header.msg_flags = 0
    got = recvmmsg(at.fd, box.headers, wanted, MSG_DONTWAIT, NULL)
    if got < 0:
        if errno != EAGAIN and errno != EINTR:
            out.receive_failed[errno if errno < ERRNO_LIMIT else 0] += 1
        at.had_bursts = False
        return -1
    at.had_bursts = False
    for number in range(got):
        header = &box.headers[number].msg_hdr
        length = box.headers[number].msg_len
        segment = length
        memcpy(local, at.address, 16)
        control = CMSG_FIRSTHDR(header) if header.msg_controllen else NULL
        while control != NULL:
            if control.cmsg_level == IPPROTO_UDP and control.cmsg_type == UDP_GRO:
                segment = <uint32_t>(<int *>CMSG_DATA(control))[0]
            elif control.cmsg_level == IPPROTO_IP and control.cmsg_type == IP_PKTINFO:
                # The local address to answer from, which a broadcast's destination is not.
                memset(local, 0, 16)
                memcpy(local, &(<in_pktinfo *>CMSG_DATA(control)).ipi_spec_dst, 4)
            elif control.cmsg_level == IPPROTO_IPV6 and control.cmsg_type == IPV6_PKTINFO:
                memcpy(local, &(<in6_pktinfo *>CMSG_DATA(control)).ipi6_addr, 16)
            control = CMSG_NXTHDR(header, control)
        from_sockaddr(&box.peers[number], at.ipv6, &source)
        if segment == 0 or length <= segment:
            segment = length
        else:
            at.had_bursts = True
            out.bursts_received += 1
        offset = 0
        while True:
            made = &arrivals[count]
            made.data = <const uint8_t *>box.parts[number].iov_base + offset
            made.length = segment if length - offset > segment else length - offset
            made.listener = index
            made.source = source
            memcpy(made.local, local, 16)
            at.received[made.data[0] >> 4 if made.length else 0] += 1
            count += 1
            offset += made.length
            if offset >= length:
                break
            if count - number > READS * BURST_SEGMENTS:
                out.receive_failed[0] += 1  # no kernel makes such a burst
                break
    return count


cdef departure *compose(outbox *out, listener *listeners, uint32_t length) noexcept nogil:
    """Room for one more message; what waits there is sent first where there is none."""
    cdef departure *made
    if out.count == OUT_LIMIT or out.used + length > OUT_OCTETS:
        flush(out, listeners)
    made = &out.messages[out.count]
    made.data = out.octets + out.used
    made.length = length
    out.used += length
    out.count += 1
    return made


cdef void gather(outbox *out, listener *listeners) noexcept nogil:
    """Put messages into bursts: to one peer, of one length, but for a shorter last one.

    No message overtakes another to the same peer.
    """
    cdef int number, group, found
    cdef departure *message
    cdef departure *head
    cdef burst *into
    out.bursts = 0
    for number in range(out.count):
        message = &out.messages[number]
        message.next = -1
        found = -1
        if out.coalesce and listeners[message.listener].bursts_out:
            for group in range(out.bursts - 1, -1, -1):
                head = &out.messages[out.groups[group].first]
                if (
                    head.listener == message.listener
                    and memcmp(&head.destination, &message.destination, sizeof(endpoint)) == 0
                    and head.from_source == message.from_source
                    and memcmp(head.source, message.source, 16) == 0
                ):
                    found = group
                    break
        if found >= 0:
            into = &out.groups[found]
            if (
                not into.closed
                and message.length <= into.segment
                and message.length > 0
                and into.segment <= SEGMENT_OCTETS
                and into.count < SEGMENTS_LIMIT
                and into.octets + message.length <= BURST_OCTETS
            ):
                out.messages[into.last].next = number
                into.last = number
                into.count += 1
                into.octets += message.length
                into.closed = message.length < into.segment
                continue
        into = &out.groups[out.bursts]
        out.bursts += 1
        into.first = into.last = number
        into.count = 1
        into.segment = into.octets = message.length
        into.closed = False


cdef void address_header(
    outbox *out, int slot, const departure *message, bint ipv6, uint32_t segment
) noexcept nogil:
    """Destination and control data of one header; segment: 0 for a message of its own."""
    cdef msghdr *header = &out.headers[slot].msg_hdr
    cdef cmsghdr *control
    cdef in_pktinfo *info4
    cdef in6_pktinfo *info6
    cdef size_t used = 0
    header.msg_name = &out.peers[slot]
    header.msg_namelen = to_sockaddr(&message.destination, &out.peers[slot])
    header.msg_control = NULL
    header.msg_controllen = 0
    header.msg_flags = 0
    if not message.from_source and segment == 0:
        return
    memset(out.control[slot], 0, 64)
    control = <cmsghdr *>&out.control[slot][0]
    if message.from_source:
        if ipv6:
            control.cmsg_level = IPPROTO_IPV6
            control.cmsg_type = IPV6_PKTINFO
            control.cmsg_len = CMSG_LEN(sizeof(in6_pktinfo))
            info6 = <in6_pktinfo *>CMSG_DATA(control)
            memcpy(&info6.ipi6_addr, message.source, 16)
            used = CMSG_SPACE(sizeof(in6_pktinfo))
        else:
            control.cmsg_level = IPPROTO_IP
            control.cmsg_type = IP_PKTINFO
            control.cmsg_len = CMSG_LEN(sizeof(in_pktinfo))
            info4 = <in_pktinfo *>CMSG_DATA(control)
            memcpy(&info4.ipi_spec_dst, message.source, 4)
            used = CMSG_SPACE(sizeof(in_pktinfo))
        control = <cmsghdr *>(&out.control[slot][0] + used)
    if segment:
        control.cmsg_level = IPPROTO_UDP
        control.cmsg_type = UDP_SEGMENT
        control.cmsg_len = CMSG_LEN(sizeof(uint16_t))
        (<uint16_t *>CMSG_DATA(control))[0] = <uint16_t>segment
        used += CMSG_SPACE(sizeof(uint16_t))
    header.msg_control = &out.control[slot][0]
    header.msg_controllen = used


cdef void count_sent(listener *by, const departure *message) noexcept nogil:
    if message.length:
        by.sent[message.data[0] >> 4] += 1


cdef void send_alone(
    outbox *out, int slot, listener *by, const departure *message
) noexcept nogil:
    """One message of the burst in a slot, without the others; a failure is counted."""
    cdef iovec part
    cdef msghdr *header = &out.headers[slot].msg_hdr
    address_header(out, slot, message, by.ipv6, 0)
    part.iov_base = message.data
    part.iov_len = message.length
    header.msg_iov = &part
    header.msg_iovlen = 1
    if sendmsg(by.fd, header, 0) < 0:
        out.failed[errno if errno < ERRNO_LIMIT else 0] += 1
    else:
        count_sent(by, message)


cdef void flush(outbox *out, listener *listeners) noexcept nogil:
    """Send what was composed, socket by socket; failures are counted by errno."""
    cdef int group, number, parts = 0, headers = 0, fd_index = -1
    cdef burst *one
    if out.count == 0:
        return
    gather(out, listeners)
    for group in range(out.bursts):
        one = &out.groups[group]
        if headers and out.messages[one.first].listener != fd_index:
            deliver(out, &listeners[fd_index], headers)
            headers = 0
            parts = 0
        fd_index = out.messages[one.first].listener
        address_header(
            out, headers, &out.messages[one.first], listeners[fd_index].ipv6,
            one.segment if one.count > 1 else 0,
        )
        out.headers[headers].msg_hdr.msg_iov = &out.parts[parts]
        out.headers[headers].msg_hdr.msg_iovlen = one.count
        number = one.first
        while number >= 0:
            out.parts[parts].iov_base = out.messages[number].data
            out.parts[parts].iov_len = out.messages[number].length
            parts += 1
            number = out.messages[number].next
        out.of_header[headers] = group
        headers += 1
    deliver(out, &listeners[fd_index], headers)
    out.count = 0
    out.used = 0


cdef void deliver(outbox *out, listener *by, int headers) noexcept nogil:
    """Hand headers to the kernel; what it refuses as a burst goes message by message."""
    cdef int done = 0, sent, number, reason
    cdef burst *one
    while done < headers:
        sent = sendmmsg(by.fd, &out.headers[done], headers - done, 0)
        if sent < 0 and errno == EINTR:
            continue
        if sent <= 0:
            reason = errno
            one = &out.groups[out.of_header[done]]
            if one.count == 1:
                out.failed[reason if reason < ERRNO_LIMIT else 0] += 1
            else:
                if reason in (EIO, EINVAL, ENOPROTOOPT, EOPNOTSUPP):
                    by.bursts_out = False
                number = one.first
                while number >= 0:
                    send_alone(out, done, by, &out.messages[number])
                    number = out.messages[number].next
            done += 1
            continue
        for number in range(done, done + sent):
            one = &out.groups[out.of_header[number]]
            if one.count > 1:
                out.bursts_sent += 1
            reason = one.first
            while reason >= 0:
                count_sent(by, &out.messages[reason])
                reason = out.messages[reason].next
        done += sent
