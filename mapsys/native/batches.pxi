# NativeBatches, with what leaves and what is counted.


cdef class NativeBatches(Learning):
    """Sockets' datagrams in batches, and the core's own answers given again.

    listeners: (descriptor, is IPv6, is wildcard, port, packed address) of each socket.
    """

    def release(self, uint64_t ticket):
        """Compose the Map-Notifies that waited for no more than this ticket."""
        with nogil:
            release_waiting(&self.all.taught, ticket, self.all.out, self.all.listeners)

    @property
    def waiting(self):
        """Map-Notifies that wait for the journal, and those that were lost."""
        return self.all.taught.waiting_count, self.all.taught.waiting_dropped

    def compose(self, bytes data, to):
        """Put a message with those that :meth:`flush` sends; to: as in :meth:`learn`."""
        cdef leaving where
        cdef departure *made
        cdef const uint8_t *octets = data
        fill_leaving(to, &where)
        if len(data) > OUT_OCTETS:
            raise ValueError(f"{len(data)} octets are no datagram")
        made = compose(self.all.out, self.all.listeners, len(data))
        depart(made, &where)
        memcpy(made.data, octets, len(data))

    def flush(self):
        """Send what was composed."""
        with nogil:
            flush(self.all.out, self.all.listeners)

    # Totals

    def take_counts(self):
        """Since the last call: [(received, sent)] by socket, each by type code."""
        cdef listener *one
        cdef int index
        taken = []
        for index in range(self.all.listener_count):
            one = &self.all.listeners[index]
            taken.append((list(one.received), list(one.sent)))
            memset(one.received, 0, sizeof(one.received))
            memset(one.sent, 0, sizeof(one.sent))
        return taken

    def take_failures(self):
        """Since the last call: {errno: count} of sends, and of reads; 0: another."""
        cdef outbox *out = self.all.out
        failed = {n: count for n, count in enumerate(out.failed) if count}
        unread = {n: count for n, count in enumerate(out.receive_failed) if count}
        memset(out.failed, 0, sizeof(out.failed))
        memset(out.receive_failed, 0, sizeof(out.receive_failed))
        return failed, unread

    @property
    def learned(self):
        """Plans learned since all were forgotten, and ways known at present."""
        return self.all.held.used, self.all.held.ways.count

    @property
    def bursts_out(self):
        """Whether every socket still sends bursts, so far as any was tried."""
        return all(self.all.listeners[n].bursts_out for n in range(self.all.listener_count))

    @property
    def bursts_in(self):
        """Whether every socket takes bursts whole."""
        return all(self.all.listeners[n].bursts_in for n in range(self.all.listener_count))

    @property
    def burst_counts(self):
        """Bursts received and sent since the start."""
        return self.all.out.bursts_received, self.all.out.bursts_sent
