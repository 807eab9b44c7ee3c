# One batch in, with the interpreter's lock released: first part of NativeBatches.


cdef class Receiving:
    """A batch read, what is known answered, the rest handed up."""

    cdef batches all
    cdef bint bursts
    cdef object store            # a NativeStore, or None: then nothing is refreshed here
    cdef NativeBudgets budgets
    cdef object shared           # the core.shared_budgets.SharedBudgets they are of
    cdef list outcomes           # what is counted in plans.answered
    cdef dict uses               # number by (site, key-id, secret)
    cdef list accepted           # by number: who is told of accepted Map-Registers
    cdef dict keys               # NativeKey, by what the core knows a secret by
    cdef object is_writable
    cdef object is_open          # whether plain Map-Registers are taken in here at present
    cdef list admitted           # by number: the core.admission_plan.AdmissionPlan of each
    cdef list told               # what take_admitted gives beside the newest
    cdef list refused            # (host, port) of askers over a budget
    cdef list refused_sites      # likewise of Map-Registers, with the site
    cdef dict sites              # name, by fingerprint

    def __cinit__(self, store, *, bint bursts=True):
        cdef NativeStore own
        if batches_open(&self.all, int.from_bytes(os.urandom(8), "big")) < 0:
            raise MemoryError
        self.bursts = self.all.out.coalesce = bursts
        self.store = None
        if isinstance(store, NativeStore):
            own = self.store = store
            self.all.registrations = &own.held_
            self.all.mutex = &own.mutex
            self.all.ticket = &own._ticket
        self.outcomes = []
        self.admitted = []
        self.told = []
        self.refused = []
        self.refused_sites = []
        self.forget()

    def __dealloc__(self):
        batches_close(&self.all)

    def listen(self, list sockets):
        """Read from these sockets alone, and send by them. Raises ValueError past 256."""
        cdef listener *made
        cdef int on = 1
        if len(sockets) > LISTENERS:
            raise ValueError(f"{len(sockets)} sockets; at most {LISTENERS} are served")
        self.forget()
        self._follow([each[0] for each in sockets])
        self.all.listener_count = len(sockets)
        for index, (fd, ipv6, wildcard, port, address) in enumerate(sockets):
            made = &self.all.listeners[index]
            memset(made, 0, sizeof(listener))
            made.fd = fd
            made.ipv6 = ipv6
            made.wildcard = wildcard
            made.port = self.all.own_ports[index] = port
            memcpy(made.address, <const char *>address, len(address))
            made.bursts_out = self.bursts
            if self.bursts:
                made.bursts_in = setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(int)) == 0

    cdef _follow(self, list descriptors):
        """What waits goes by the same sockets under their new numbers."""
        cdef waiting *one = self.all.taught.first
        numbers = {fd: number for number, fd in enumerate(descriptors)}
        while one != NULL:
            if one.to.listener >= 0:
                one.to.listener = numbers.get(self.all.listeners[one.to.listener].fd, -1)
            one = one.next

    def forget(self):
        """Repeat nothing learned so far."""
        self._gather_admitted()
        if batches_forget(&self.all) < 0 or admissions_forget(&self.all.admitted) < 0:
            raise MemoryError
        self.uses = {}
        self.accepted = []
        self.keys = {}
        self.sites = {}
        self.is_writable = self.is_open = None
        self.admitted = []
        self.budgets = self.shared = None
        self.all.budgets = NULL

    def follow(self):
        """End what changes in the store may have made wrong."""
        if follow(&self.all) < 0:
            raise MemoryError

    cdef int _gather_admitted(self) except -1:
        """Put what was noted and counted of Map-Registers taken in with what is to be told."""
        cdef uint32_t index
        cdef note *noted
        cdef admission *one
        for index in range(self.all.admitted.notes_used):
            noted = &self.all.admitted.notes[index]
            self.told.append((self.admitted[noted.by], noted_registration(noted)))
        self.all.admitted.notes_used = 0
        while self.all.admitted.counted != NOTHING:
            index = self.all.admitted.counted
            one = &self.all.admitted.all[index]
            self.told.append((self.admitted[index], (one.messages, one.refreshes, one.refreshed)))
            one.messages = one.refreshes = one.refreshed = 0
            self.all.admitted.counted = one.counted_after
        return 0

    cdef int _ask(self, shared) except -1:
        """Ask these budgets from now on; nothing that was taught with others stays."""
        if shared is self.shared:
            return 0
        if self.shared is not None:
            self.forget()
        self.budgets = NativeBudgets(shared)
        self.shared = shared
        self.all.budgets = &self.budgets.tables
        return 0

    def run(self, double now, order):
        """Read one batch from the sockets, by their numbers in this order, and answer.

        Returns what the core has to look at, as (octets, host, port, socket, packed
        local address) each, and the socket that filled the batch or -1.
        """
        cdef int index, got, room = TURN_LIMIT
        cdef list unknown = []
        filled = -1
        self.follow()
        self.all.now = now
        self.all.writable = self.is_writable is not None and self.is_writable()
        self.all.admitted.is_open = self.is_open is not None and self.is_open()
        self.all.admitted.all_tainted = False
        self.all.admitted.taints = 0
        for number in order:
            index = number
            while room > 0:
                with nogil:
                    got = receive(
                        &self.all.box, &self.all.listeners[index], index, room,
                        self.all.arrivals, self.all.out,
                    )
                    self.all.arrived = max(got, 0)
                    deal(&self.all)
                if got < 0:
                    break
                self._hand_up(unknown)
                room -= got
            if room <= 0:
                filled = number
                break
        with nogil:
            flush(self.all.out, self.all.listeners)
        return unknown, filled

    cdef int _hand_up(self, list unknown) except -1:
        """List what the core has to look at, and who was over a budget."""
        cdef int at
        for at in range(self.all.arrived):
            if self.all.fates[at] == DEALT_WITH:
                continue
            arrived = shown(&self.all.arrivals[at])
            if self.all.fates[at] == UNKNOWN:
                unknown.append(arrived)
            elif self.all.fates[at] == OVER_BUDGET:
                self.refused.append(arrived[1:3])
            else:
                self.refused_sites.append((*arrived[1:3], self.sites[self.all.sites[at]]))
        return 0
