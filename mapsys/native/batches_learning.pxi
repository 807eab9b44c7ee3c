# What the core said, kept for the batches: second part of NativeBatches.


cdef class Learning(Receiving):
    """Answers and refreshes taught, and what came of them."""

    def learn(
        self, asked_by, bytes source, bytes octets, int repeat, scope, outcome, reply, passed_on
    ):
        """Answer like this from now on in the whole scope, and whoever asks in this way.

        asked_by: the Map-Request as :meth:`run` shows it. source: its packed address.
        octets: of the answer. repeat: 1 a Map-Reply, 2 passed on in its packet. scope: a
        core.effects.Scope. outcome: what is counted, by equality. reply: how a
        Map-Reply leaves for this asker, passed_on: how this message left; each (host,
        packed address, port, socket, packed source or None).
        """
        cdef arrival came
        cdef question asked
        cdef way by
        cdef plan made
        cdef Key key, hangs_on
        cdef uint8_t kept[256]
        cdef uint8_t about[PACKED_HEAD + KEY_OCTETS]
        cdef uint32_t size, cell
        cdef bytes learned
        self.follow()
        arrival_of(asked_by, source, &came)
        if not read_question(came.data, came.length, came.source.port, &asked):
            return
        size = way_key(&asked, &came, self.all.own_ports, self.all.listener_count, kept)
        if size == 0:
            return
        if self.all.held.used == PLANS_LIMIT or self.all.held.ways.count >= WAYS_LIMIT:
            self.forget()
        memset(&by, 0, sizeof(by))
        memset(&made, 0, sizeof(made))
        if scope.budgets is not None:
            self._ask(scope.budgets.tables)
            made.limited = True
            host_mark_of(scope.budgets.asker, &by.asker)
            target_of(scope.budgets.answered, reply[0], &by.answered)
            target_of(scope.budgets.passed_on, passed_on[0], &made.passed_on)
        by.context = context_of(
            &self.all.held, came.listener, came.local, 6 if len(reply[1]) == 16 else 4
        )
        if by.context == NOTHING or not self._counts(outcome):
            return
        fill_leaving(reply, &by.to)
        by.to.destination.port = 0
        cell = cells_find(&self.all.held.ways, kept, size)
        if cell == NOTHING:
            cell = cells_hold(&self.all.held.ways, kept, size)
            if cell == NOTHING:
                raise MemoryError
        memcpy(cell_payload(&self.all.held.ways, cell), &by, sizeof(way))
        made.repeat = repeat
        made.outcome = self.outcomes.index(outcome)
        if repeat == REPEAT_INNER:
            fill_leaving(passed_on, &made.to)
        if scope.about is not None:
            key_of(scope.about, &key)
            made.about_octets = pack_prefix(&key, about)
            memcpy(made.about, about, made.about_octets)
        learned = octets[:4] + octets[REQUEST_HEAD:] if repeat == REPEAT_NONCE else octets[:4]
        key_of(scope.prefix, &key)
        key_of(scope.hangs_on, &hangs_on)
        if learn_plan(
            &self.all.held, by.context, &key, &hangs_on, &made, learned, len(learned)
        ) < 0:
            raise MemoryError

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
            (outcome, self.all.held.answered[index])
            for index, outcome in enumerate(self.outcomes)
            if self.all.held.answered[index]
        ]
        refused, self.refused = self.refused, []
        memset(self.all.held.answered, 0, sizeof(self.all.held.answered))
        return answered, refused

    def learn_refresh(self, asked_by, bytes source, plan, reply):
        """Refresh by every equal Map-Register, as the plan (core.refresh_plan) says.

        asked_by, source: as in :meth:`learn`. reply: how the Map-Notify leaves.
        """
        cdef arrival came
        cdef refresh *made
        cdef uint8_t name[32]
        cdef uint32_t number
        if self.all.registrations == NULL:
            return
        self.follow()
        arrival_of(asked_by, source, &came)
        if name_of_register(&came, name) == 0:
            return
        if plan.algorithm_id == HKDF_SHA256 and not plan.secret.prepared(NativeKey).derives:
            return
        if (
            self.all.taught.used == REFRESHES_LIMIT
            or self.all.taught.uses_used == USES_LIMIT
            or self.all.taught.links_used + <size_t>len(plan.held) > LINKS_LIMIT
        ):
            self.forget()
        if cells_find(&self.all.taught.names, name, NAME_OCTETS) != NOTHING:
            return  # taught already, and the core was asked for another reason
        self._ask(plan.budgets)
        number = self.all.taught.used
        made = &self.all.taught.all[number]
        memset(made, 0, sizeof(refresh))
        if not self._fill(made, plan):
            return
        fill_leaving(reply, &made.to)
        if plan.to_source:
            made.to.destination.port = 0
        made.name = cells_hold(&self.all.taught.names, name, NAME_OCTETS)
        if made.name == NOTHING:
            free(made.memory)
            raise MemoryError
        memcpy(cell_payload(&self.all.taught.names, made.name), &number, sizeof(uint32_t))
        self.all.taught.used += 1
        self.is_writable = plan.is_writable
        self._link(number, plan)

    cdef int _link(self, uint32_t number, plan) except -1:
        cdef Key key
        for eid, _ in plan.held:
            key_of(eid, &key)
            if refresh_link(&self.all.taught, number, &key) < 0:
                self.forget()
                raise MemoryError
        return 0

    cdef bint _fill(self, refresh *made, plan) except -1:
        """All but where it leaves; False where the store does not hold what it refreshes."""
        cdef NativeKey secret = plan.secret.prepared(NativeKey)
        cdef bytes mark = plan.mark, registrant = plan.registrant
        cdef uint32_t slot, index
        cdef Key key
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
        made.limited = plan.rate is not None
        if made.limited:
            made.per_second, made.burst = plan.rate
        made.site_mark = plan.site_mark
        self.sites[plan.site_mark] = plan.site
        made.proves = plan.proves is not None
        made.sender_mark = plan.proves or 0
        made.use = self._use(plan)
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
                self.all.registrations, trie_find(&self.all.registrations.trie, &key),
                made.registrant,
            )
            if slot == NOTHING:
                free(made.memory)
                made.memory = NULL
                return False
            made.slots[index] = slot
            made.lifetimes[index] = lifetime
        return True

    cdef uint32_t _use(self, plan) except? NOTHING:
        """The number of whose secret it is."""
        name = plan.site, plan.key_id, id(plan.secret)
        number = self.uses.get(name)
        if number is None:
            number = self.uses[name] = self.all.taught.uses_used
            self.accepted.append((plan.site, plan.accepted))
            memset(&self.all.taught.uses[number], 0, sizeof(secret_use))
            self.all.taught.uses_used += 1
        return number

    def take_refreshed(self):
        """Refreshes since the last call: [(site, told of them, messages, records)] that were
        accepted, and [(host, port, site)] that were over the site's budget."""
        cdef uint32_t index
        cdef secret_use *use
        taken = []
        for index in range(self.all.taught.uses_used):
            use = &self.all.taught.uses[index]
            if use.messages:
                taken.append((*self.accepted[index], use.messages, use.records))
                use.messages = use.records = 0
        refused, self.refused_sites = self.refused_sites, []
        return taken, refused

    def learn_admissions(self, asked_by, bytes source, list plans):
        """Take in every plain Map-Register as these plans (core.admission_plan) say.

        asked_by, source: as in :meth:`learn`; of the Map-Register that was accepted.
        """
        cdef arrival came
        cdef Key key
        if self.all.registrations == NULL:
            return
        arrival_of(asked_by, source, &came)
        if not read_plain_register(came.data, came.length, self.all.admitted.read):
            return
        if self.all.admitted.locators.count > ACCEPTED_LOCATORS_LIMIT:
            self.forget()
        for plan in plans:
            if plan.algorithm_id == HKDF_SHA256 and not plan.secret.prepared(NativeKey).derives:
                return
            if self.all.admitted.used == ADMISSIONS_LIMIT:
                self.forget()
            self._ask(plan.budgets)
            key_of(plan.prefix, &key)
            if admission_find(&self.all.admitted, &key, self.all.admitted.read) == NOTHING:
                self._admit(&key, plan)
            if accept_locators(&self.all.admitted, plan.site_mark, &came) < 0:
                raise MemoryError

    cdef int _admit(self, const Key *key, plan) except -1:
        cdef NativeKey secret = plan.secret.prepared(NativeKey)
        cdef admissions *known = &self.all.admitted
        cdef admission *made = &known.all[known.used]
        cdef bytes site = plan.site.encode()
        cdef uint32_t leaf
        if len(site) > 255:
            return 0
        memset(made, 0, sizeof(admission))
        self.keys[secret] = secret
        made.key = &secret.key
        made.word = plan.word
        made.key_id = plan.key_id
        made.algorithm_id = plan.algorithm_id
        made.check = plan.check
        made.mac_octets = plan.mac_octets
        made.flags = plan.flags
        made.more_specifics = plan.more_specifics
        made.to_source = plan.to_source
        made.limits_senders = plan.limits_senders
        made.limited = plan.rate is not None
        if made.limited:
            made.per_second, made.burst = plan.rate
        made.site_mark = plan.site_mark
        self.sites[plan.site_mark] = plan.site
        made.valid_from = plan.valid_from
        made.valid_until = plan.valid_until
        made.wall_offset = plan.wall_offset
        made.superseded_seconds = plan.superseded_seconds
        made.lifetime_seconds = plan.lifetime_seconds
        made.notify_word = plan.notify_word
        for index in range(CEILINGS):
            self._limit(&made.ceilings[index], plan.ceilings[index])
        made.site_octets = len(site)
        memcpy(made.site, <const char *>site, len(site))
        leaf = trie_find(&known.rules, key)
        made.after = NOTHING
        if leaf != NOTHING:
            made.after = known.rules.leaves[leaf].value
        else:
            leaf = trie_insert(&known.rules, key)
            if leaf == NOTHING:
                raise MemoryError
        known.rules.leaves[leaf].value = known.used
        known.used += 1
        self.admitted.append(plan)
        self.is_open = plan.is_open
        return 0

    cdef int _limit(self, ceiling *made, told) except -1:
        cdef Py_buffer view
        PyObject_GetBuffer(told.held, &view, PyBUF_WRITABLE)
        made.held = <int64_t *>view.buf  # it lives as long as the plan
        PyBuffer_Release(&view)
        made.limit = (<int64_t>1 << 62) if told.limit is None else told.limit
        made.warning = told.warning or 0
        return 0

    def take_admitted(self):
        """Of plain Map-Registers taken in since the last call: [(plan, what)], in their order.

        what: (EID-Prefix, host, port, whether it is the first, registrant) of a registration
        that is new or changed; or, once for a plan, (messages accepted, of those the ones that
        changed nothing, their records).
        """
        self._gather_admitted()
        told, self.told = self.told, []
        return told
