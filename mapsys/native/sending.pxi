# What leaves: messages gathered into bursts, and handed to the kernel socket by socket.

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
