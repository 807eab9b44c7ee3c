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
