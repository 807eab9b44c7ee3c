# NativeBatches: one batch in, one batch out, with the interpreter's lock released.

from socket import AF_INET as _AF_INET, AF_INET6 as _AF_INET6, inet_ntop

cdef enum:
    LISTENERS = 256
    CHUNK = 32              # arrivals looked at side by side

cdef struct chunk:
    int first               # arrival
    int count
    question asked[32]
    way ways[32]            # context NOTHING: not known
    uint32_t found[32]      # plans
    uint32_t refreshes[32]
    bint limited


cdef class NativeBatches:
    """Sockets' datagrams in batches, and the core's own answers given again.

    listeners: (descriptor, is IPv6, is wildcard, port, packed address) of each socket.
    """

    cdef inbox box
    cdef outbox *out
    cdef arrival *arrivals
    cdef plans held
    cdef chunk *part
    cdef listener listeners[256]
    cdef int listener_count
    cdef uint16_t own_ports[256]
    cdef int arrived
    cdef bint bursts
    cdef uint8_t *unknown        # by arrival: the core has to look
    cdef object admit            # asks the budgets
    cdef list way_asks           # by number of a way: (asker, destination)
    cdef list plan_asks          # by plan: (destination or None, EID-Prefix or None)
    cdef list outcomes           # what is counted in plans.answered
    cdef list refused            # (host, port) of askers over a budget
    cdef refreshes taught
    cdef object store            # a NativeStore, or None: then nothing is refreshed here
    cdef Registrations *registrations
    cdef pthread_mutex_t *mutex
    cdef uint64_t *ticket
    cdef list refresh_plans      # core.refresh_plan.RefreshPlan, by number
    cdef dict keys               # NativeKey, by what the core knows a secret by
    cdef bint writable
    cdef list refused_sites      # (host, port, site) of Map-Registers over a budget
    cdef double now

    def __cinit__(self, store, *, bint bursts=True):
        cdef NativeStore own
        self.bursts = bursts
        self.registrations = NULL
        self.store = None
        if isinstance(store, NativeStore):
            own = self.store = store
            self.registrations = &own.held_
            self.mutex = &own.mutex
            self.ticket = &own._ticket
        self.out = <outbox *>calloc(1, sizeof(outbox))
        self.arrivals = <arrival *>malloc(ARRIVALS_LIMIT * sizeof(arrival))
        self.unknown = <uint8_t *>malloc(ARRIVALS_LIMIT)
        self.part = <chunk *>malloc(sizeof(chunk))
        self.box.octets = <uint8_t *>malloc(READS * READ_OCTETS)
        if self.out == NULL or self.arrivals == NULL or self.part == NULL:
            raise MemoryError
        self.out.octets = <uint8_t *>malloc(OUT_OCTETS)
        if self.box.octets == NULL or self.unknown == NULL or self.out.octets == NULL:
            raise MemoryError
        if plans_open(&self.held, int.from_bytes(os.urandom(8), "big")) < 0:
            raise MemoryError
        if refreshes_open(&self.taught, int.from_bytes(os.urandom(8), "big")) < 0:
            raise MemoryError
        self.out.coalesce = bursts
        self.listener_count = 0
        self.arrived = 0
        self.outcomes = []
        self.refused = []
        self.way_asks = []
        self.plan_asks = []
        self.refresh_plans = []
        self.refused_sites = []
        self.keys = {}

    def __dealloc__(self):
        if self.out != NULL:
            free(self.out.octets)
        free(self.out)
        free(self.arrivals)
        free(self.unknown)
        free(self.part)
        free(self.box.octets)
        plans_close(&self.held)
        refreshes_close(&self.taught)

    def listen(self, list sockets):
        """Read from these sockets alone, and send by them. Raises ValueError past 256."""
        cdef listener *made
        cdef int on = 1
        if len(sockets) > LISTENERS:
            raise ValueError(f"{len(sockets)} sockets; at most {LISTENERS} are served")
        self.forget()
        self._follow([each[0] for each in sockets])
        self.listener_count = len(sockets)
        for index, (fd, ipv6, wildcard, port, address) in enumerate(sockets):
            made = &self.listeners[index]
            memset(made, 0, sizeof(listener))
            made.fd = fd
            made.ipv6 = ipv6
            made.wildcard = wildcard
            made.port = self.own_ports[index] = port
            memcpy(made.address, <const char *>address, len(address))
            made.bursts_out = self.bursts
            if self.bursts:
                made.bursts_in = setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(int)) == 0

    cdef _follow(self, list descriptors):
        """What waits goes by the same sockets under their new numbers."""
        cdef waiting *one = self.taught.first
        numbers = {fd: number for number, fd in enumerate(descriptors)}
        while one != NULL:
            if one.to.listener >= 0:
                one.to.listener = numbers.get(self.listeners[one.to.listener].fd, -1)
            one = one.next

    def forget(self):
        """Repeat nothing learned so far."""
        plans_forget(&self.held)
        if ways_forget(&self.held) < 0 or refreshes_forget(&self.taught) < 0:
            raise MemoryError
        self.refresh_plans = []
        self.keys = {}
        self.way_asks = []
        self.plan_asks = []

    # Receiving

    def run(self, double now, order):
        """Read one batch from the sockets, by their numbers in this order, and answer.

        Returns what the core has to look at, as (octets, host, port, socket, packed
        local address) each, and the socket that filled the batch or -1.
        """
        cdef int index, got, room = TURN_LIMIT
        cdef list unknown = []
        filled = -1
        self.now = now
        self.writable = False
        if self.refresh_plans:
            self.writable = self.refresh_plans[0].is_writable()
        for number in order:
            index = number
            while room > 0:
                with nogil:
                    got = receive(
                        &self.box, &self.listeners[index], index, room, self.arrivals, self.out
                    )
                    self.arrived = max(got, 0)
                if got < 0:
                    break
                self._deal(now, unknown)
                room -= got
            if room <= 0:
                filled = number
                break
        with nogil:
            flush(self.out, self.listeners)
        return unknown, filled

    cdef int _deal(self, double now, list unknown) except -1:
        """Answer what is known of the arrivals, and list the others."""
        cdef int at = 0
        while True:
            with nogil:
                at = self._advance(at)
            if at == self.arrived:
                break
            self._ask_budgets(now)
            with nogil:
                self._answer_chunk()
            at += self.part.count
        for at in range(self.arrived):
            if self.unknown[at]:
                unknown.append(self._shown(&self.arrivals[at]))
        return 0

    cdef object _shown(self, const arrival *came):
        family = _AF_INET6 if came.source.ipv6 else _AF_INET
        cdef int octets = 16 if came.source.ipv6 else 4
        return (
            (<const char *>came.data)[:came.length],
            inet_ntop(family, (<const char *>came.source.address)[:octets]),
            came.source.port,
            came.listener,
            (<const char *>came.local)[:octets],
        )

    cdef int _advance(self, int at) noexcept nogil:
        """Go on until the end, or until a chunk that a budget has to be asked for."""
        while at < self.arrived:
            self._look_up(at)
            if self.part.limited:
                break
            self._answer_chunk()
            at += self.part.count
        return at

    cdef void _look_up(self, int at) noexcept nogil:
        """Fill the chunk: which of the next arrivals have a way and a plan."""
        cdef chunk *part = self.part
        cdef const Key *keys[32]
        cdef int wanted[32]
        cdef uint32_t leaves[32]
        cdef uint8_t key[256]
        cdef uint32_t octets, number, context
        cdef int index, count
        cdef arrival *came
        part.first = at
        part.count = min(self.arrived - at, <int>CHUNK)
        part.limited = False
        for index in range(part.count):
            came = &self.arrivals[at + index]
            part.found[index] = part.refreshes[index] = NOTHING
            self.unknown[at + index] = True
            part.ways[index].context = NOTHING
            if self.writable:
                number = find_refresh(&self.taught, self.registrations, came, self.now)
                if number != NOTHING:
                    part.refreshes[index] = number
                    part.limited |= self.taught.all[number].limited
                    continue
            if not self.held.used or not read_question(
                came.data, came.length, came.source.port, &part.asked[index]
            ):
                continue
            octets = way_key(
                &part.asked[index], came, self.own_ports, self.listener_count, key
            )
            number = NOTHING if octets == 0 else cells_find(&self.held.ways, key, octets)
            if number != NOTHING:
                read_way(&self.held, number, &part.ways[index])
        for context in range(self.held.contexts_used):
            count = 0
            for index in range(part.count):
                if part.ways[index].context == context:
                    keys[count] = &part.asked[index].eid
                    wanted[count] = index
                    count += 1
            trie_longest_batch(&self.held.scopes[context], keys, leaves, count)
            for index in range(count):
                if leaves[index] != NOTHING:
                    self._take_plan(at, wanted[index], context, leaves[index])

    cdef void _take_plan(self, int at, int index, uint32_t context, uint32_t leaf) noexcept nogil:
        cdef uint32_t number = self.held.scopes[context].leaves[leaf].value
        cdef const plan *found = &self.held.all[number]
        if found.repeat == 0 or found.repeat == REPEAT_INNER and (
            self.part.asked[index].inner == NULL
        ):
            return
        self.part.found[index] = number
        self.unknown[at + index] = False
        self.part.limited |= found.limited

    cdef void _answer_chunk(self) noexcept nogil:
        cdef int index
        for index in range(self.part.count):
            if self.part.found[index] != NOTHING:
                answer(
                    &self.held, self.out, self.listeners, &self.part.asked[index],
                    &self.part.ways[index], &self.held.all[self.part.found[index]],
                )
            elif self.part.refreshes[index] != NOTHING:
                pthread_mutex_lock(self.mutex)
                self.unknown[self.part.first + index] = not carry_out(
                    &self.taught, self.registrations, self.ticket[0],
                    self.part.refreshes[index], &self.arrivals[self.part.first + index], self.now,
                )
                pthread_mutex_unlock(self.mutex)

    cdef int _ask_budgets(self, double now) except -1:
        """Leave out of the chunk what a budget has nothing left for."""
        cdef int index
        cdef uint32_t number, octets
        cdef const arrival *came
        for index in range(self.part.count):
            number = self.part.refreshes[index]
            if number != NOTHING and self.taught.all[number].limited:
                plan = self.refresh_plans[number]
                if not plan.admit(now):
                    self.part.refreshes[index] = NOTHING
                    self.unknown[self.part.first + index] = False
                    came = &self.arrivals[self.part.first + index]
                    self.refused_sites.append((*self._shown(came)[1:3], plan.site))
            number = self.part.found[index]
            if number == NOTHING or not self.held.all[number].limited:
                continue
            asker, destination = self.way_asks[self.part.ways[index].number]
            host, prefix = self.plan_asks[number]
            if prefix is None:
                prefix = prefix_of(&self.part.asked[index].eid)
            came = &self.arrivals[self.part.first + index]
            octets = answer_octets(&self.held.all[number], &self.part.asked[index])
            if not self.admit((asker, host or destination), prefix, (came.length, octets), now):
                self.part.found[index] = NOTHING
                self.refused.append((asker, came.source.port))
        return 0

    # Learning

    def learn(
        self, asked_by, bytes source, bytes octets, int repeat, scope, about, outcome, admit, reply,
        passed_on,
    ):
        """Answer like this from now on in the whole scope, and whoever asks in this way.

        asked_by: the Map-Request as :meth:`run` shows it. source: its packed address.
        octets: of the answer. repeat: 1 a Map-Reply, 2 passed on in its packet. scope: an
        EID-Prefix. about: what budgets know it by, None: by the EID asked for. outcome: what is counted, by
        equality. admit: asked for each, None where there is no limit. reply: how a
        Map-Reply leaves for this asker, passed_on: how this message left; each (host,
        packed address, port, socket, packed source or None).
        """
        cdef arrival came
        cdef question asked
        cdef way by
        cdef plan made
        cdef Key key
        cdef uint8_t kept[256]
        cdef uint32_t size, cell
        cdef bytes learned
        host = asked_by[1]
        arrival_of(asked_by, source, &came)
        if not read_question(came.data, came.length, came.source.port, &asked):
            return
        size = way_key(&asked, &came, self.own_ports, self.listener_count, kept)
        if size == 0:
            return
        if self.held.used == PLANS_LIMIT or self.held.ways.count >= WAYS_LIMIT or (
            admit is not None and admit != self.admit
        ):
            self.forget()
            self.admit = admit
        memset(&by, 0, sizeof(by))
        by.context = context_of(&self.held, came.listener, came.local, 6 if len(reply[1]) == 16 else 4)
        if by.context == NOTHING or not self._counts(outcome):
            return
        fill_leaving(reply, &by.to)
        by.to.destination.port = 0
        by.number = len(self.way_asks)
        cell = cells_find(&self.held.ways, kept, size)
        if cell == NOTHING:
            cell = cells_hold(&self.held.ways, kept, size)
            if cell == NOTHING:
                raise MemoryError
            self.way_asks.append((host, reply[0]))
        else:
            by.number = (<way *>cell_payload(&self.held.ways, cell)).number
        memcpy(cell_payload(&self.held.ways, cell), &by, sizeof(way))
        memset(&made, 0, sizeof(made))
        made.repeat = repeat
        made.outcome = self.outcomes.index(outcome)
        made.limited = admit is not None
        if repeat == REPEAT_INNER:
            fill_leaving(passed_on, &made.to)
        learned = octets[:4] + octets[REQUEST_HEAD:] if repeat == REPEAT_NONCE else octets[:4]
        key_of(scope, &key)
        size = self.held.used
        cell = learn_plan(&self.held, by.context, &key, &made, learned, len(learned))
        if cell == NOTHING:
            raise MemoryError
        asks = (passed_on[0] if repeat == REPEAT_INNER else None, about)
        if cell == size:
            self.plan_asks.append(asks)
        else:
            self.plan_asks[cell] = asks

    cdef bint _counts(self, outcome):
        """Whether the outcome has its counter, or there was room for a new one."""
        if outcome not in self.outcomes:
            if len(self.outcomes) == OUTCOMES:
                return False
            self.outcomes.append(outcome)
        return True

    def take_answered(self):
        """(outcome, count) of what was answered since the last call, and who was over budget."""
        cdef int index
        answered = [
            (outcome, self.held.answered[index])
            for index, outcome in enumerate(self.outcomes)
            if self.held.answered[index]
        ]
        refused, self.refused = self.refused, []
        memset(self.held.answered, 0, sizeof(self.held.answered))
        return answered, refused

    def learn_refresh(self, asked_by, bytes source, plan, reply):
        """Refresh by every equal Map-Register, as the plan (core.refresh_plan) says.

        asked_by, source: as in :meth:`learn`. reply: how the Map-Notify leaves.
        """
        cdef arrival came
        cdef refresh *made
        cdef uint8_t name[32]
        cdef Key key
        cdef Octets who
        cdef NativeKey secret
        cdef bytes mark = plan.mark, registrant = plan.registrant
        cdef uint32_t cell, number, slot, index
        if self.registrations == NULL:
            return
        arrival_of(asked_by, source, &came)
        if name_of_register(&came, name) == 0:
            return
        if plan.algorithm_id == HKDF_SHA256 and not plan.secret.prepared(NativeKey).derives:
            return
        if self.taught.used == REFRESHES_LIMIT:
            self.forget()
        cell = cells_find(&self.taught.names, name, NAME_OCTETS)
        if cell != NOTHING:
            return  # taught already, and the core was asked for another reason
        number = self.taught.used
        made = &self.taught.all[number]
        memset(made, 0, sizeof(refresh))
        secret = plan.secret.prepared(NativeKey)
        self.keys[secret] = secret
        made.key = &secret.key
        made.algorithm_id = plan.algorithm_id
        made.mac_octets = plan.mac_octets
        made.valid_from = plan.valid_from
        made.valid_until = plan.valid_until
        made.superseded_seconds = plan.superseded_seconds
        made.check = plan.check
        made.notifies = plan.notify_word is not None
        made.word = plan.notify_word or 0
        made.limited = plan.admit is not None
        fill_leaving(reply, &made.to)
        if plan.to_source:
            made.to.destination.port = 0
        made.held = len(plan.held)
        made.memory = <uint8_t *>malloc(16 * made.held + len(mark) + len(registrant) + 1)
        if made.memory == NULL:
            raise MemoryError
        made.lifetimes = <double *>made.memory
        made.slots = <uint32_t *>(made.memory + 8 * made.held)
        made.mark.start = made.memory + 16 * made.held
        made.mark.length = len(mark)
        made.registrant.start = made.mark.start + made.mark.length
        made.registrant.length = len(registrant)
        memcpy(<uint8_t *>made.mark.start, <const char *>mark, len(mark))
        memcpy(<uint8_t *>made.registrant.start, <const char *>registrant, len(registrant))
        for index, (eid, lifetime) in enumerate(plan.held):
            key_of(eid, &key)
            slot = slot_find(
                self.registrations, trie_find(&self.registrations.trie, &key), made.registrant
            )
            if slot == NOTHING:
                free(made.memory)
                return
            made.slots[index] = slot
            made.lifetimes[index] = lifetime
        cell = cells_hold(&self.taught.names, name, NAME_OCTETS)
        if cell == NOTHING:
            free(made.memory)
            raise MemoryError
        memcpy(cell_payload(&self.taught.names, cell), &number, sizeof(uint32_t))
        self.taught.used += 1
        self.refresh_plans.append(plan)

    def take_refreshed(self):
        """[(plan, count)] of refreshes since the last call, and [(host, port, site)] refused."""
        cdef uint32_t index
        cdef refresh *one
        taken = []
        for index in range(self.taught.touched_count):
            one = &self.taught.all[self.taught.touched[index]]
            taken.append((self.refresh_plans[self.taught.touched[index]], one.times))
            one.times = 0
        self.taught.touched_count = 0
        refused, self.refused_sites = self.refused_sites, []
        return taken, refused

    # Sending

    def release(self, uint64_t ticket):
        """Compose the Map-Notifies that waited for no more than this ticket."""
        with nogil:
            release_waiting(&self.taught, ticket, self.out, self.listeners)

    @property
    def waiting(self):
        """Map-Notifies that wait for the journal, and those that were lost."""
        return self.taught.waiting_count, self.taught.waiting_dropped

    def compose(self, bytes data, to):
        """Put a message with those that :meth:`flush` sends; to: as in :meth:`learn`."""
        cdef leaving where
        cdef departure *made
        cdef const uint8_t *octets = data
        fill_leaving(to, &where)
        if len(data) > OUT_OCTETS:
            raise ValueError(f"{len(data)} octets are no datagram")
        made = compose(self.out, self.listeners, len(data))
        depart(made, &where)
        memcpy(made.data, octets, len(data))

    def flush(self):
        """Send what was composed."""
        with nogil:
            flush(self.out, self.listeners)

    # Totals

    def take_counts(self):
        """Since the last call: [(received, sent)] by socket, each by type code."""
        taken = []
        for index in range(self.listener_count):
            taken.append((list(self.listeners[index].received), list(self.listeners[index].sent)))
            memset(self.listeners[index].received, 0, sizeof(self.listeners[index].received))
            memset(self.listeners[index].sent, 0, sizeof(self.listeners[index].sent))
        return taken

    def take_failures(self):
        """Since the last call: {errno: count} of sends, and of reads; 0: another."""
        failed = {n: count for n, count in enumerate(self.out.failed) if count}
        unread = {n: count for n, count in enumerate(self.out.receive_failed) if count}
        memset(self.out.failed, 0, sizeof(self.out.failed))
        memset(self.out.receive_failed, 0, sizeof(self.out.receive_failed))
        return failed, unread

    @property
    def learned(self):
        """Scopes and ways known at present."""
        return self.held.used, self.held.ways.count

    @property
    def bursts_out(self):
        """Whether every socket still sends bursts, so far as any was tried."""
        return all(self.listeners[index].bursts_out for index in range(self.listener_count))

    @property
    def bursts_in(self):
        """Whether every socket takes bursts whole."""
        return all(self.listeners[index].bursts_in for index in range(self.listener_count))

    @property
    def burst_counts(self):
        """Bursts received and sent since the start."""
        return self.out.bursts_received, self.out.bursts_sent


cdef int arrival_of(asked_by, bytes source, arrival *came) except -1:
    """From what :meth:`NativeBatches.run` shows; the octets have to live as long."""
    cdef bytes data, local
    data, _, port, number, local = asked_by
    memset(came, 0, sizeof(arrival))
    came.data = data
    came.length = len(data)
    came.listener = number
    came.source.port = port
    came.source.ipv6 = len(source) == 16
    memcpy(came.source.address, <const char *>source, len(source))
    memcpy(came.local, <const char *>local, len(local))
    return 0


cdef int fill_leaving(to, leaving *made) except -1:
    """From (host, packed address, port, socket, packed source or None)."""
    cdef bytes address = to[1]
    cdef bytes source
    memset(made, 0, sizeof(leaving))
    memcpy(made.destination.address, <const char *>address, len(address))
    made.destination.ipv6 = len(address) == 16
    made.destination.port = to[2]
    made.listener = to[3]
    if to[4] is not None:
        source = to[4]
        made.from_source = True
        memcpy(made.source, <const char *>source, len(source))
    return 0


cdef object prefix_of(const Key *key):
    """The EID-Prefix of a key of full length."""
    cdef int octets = (key.length + 7) >> 3
    network = int.from_bytes((<const char *>key.octets)[:octets], "big")
    return _canonical(key.instance_id, FAMILIES[key.family], network, key.length)
