# Plain Map-Registers carried out, as core.registrar would: first, changed, refreshed.

cdef enum:
    DETAILS_LIMIT = 64 + 256    # octets of packed details: all but the name, and that
    DETAILS_HEAD = 19           # core.details: key-id to first_registered
    FIRST_REGISTERED = 11       # where that is in it
    FLAGS_AT = 3

cdef enum:
    NO_CHANGE = 0               # what a record amounts to: core.verdict.Kind
    IS_FIRST = 1
    IS_CHANGED = 2

cdef struct admitted_record:
    uint32_t by                 # admission
    uint32_t slot               # of the sender's registration; NOTHING: it is the first
    uint8_t kind
    int64_t growth              # octets
    uint8_t before[16]          # digest of the Map-Register that set it

cdef struct admitting:
    # One message under way.
    const arrival *came
    const plain_register *read
    double now
    uint8_t registrant[17]
    uint32_t registrant_octets
    uint8_t digest[16]
    uint8_t mark[17 + 256]
    uint32_t mark_octets
    uint8_t details[320]        # with first_registered as of now
    uint32_t details_octets
    admitted_record records[64]


cdef void name_sender(admitting *at, const admission *one) noexcept nogil:
    """Registrant, digest and nonce mark: core.details.registrant_of, core.replay."""
    cdef uint32_t octets = 16 if at.came.source.ipv6 else 4
    cdef uint32_t kept = min(at.read.mac_octets, <uint32_t>16)
    if at.read.identity != NULL:
        at.registrant_octets = XTR_ID_OCTETS
        memcpy(at.registrant, at.read.identity, XTR_ID_OCTETS)
    else:
        at.registrant_octets = 1 + octets
        at.registrant[0] = 0
        memcpy(at.registrant + 1, at.came.source.address, octets)
    memcpy(at.digest, at.came.data + MAC_OFFSET, kept)
    memcpy(at.digest + kept, at.read.nonce, 16 - kept)
    at.mark[0] = at.read.key_id
    memset(at.mark + 1, 0, XTR_ID_OCTETS)
    if at.read.identity != NULL:
        memcpy(at.mark + 1, at.read.identity, XTR_ID_OCTETS)
    memcpy(at.mark + 1 + XTR_ID_OCTETS, one.site, one.site_octets)
    at.mark_octets = 1 + XTR_ID_OCTETS + one.site_octets


cdef void pack_details(admitting *at, const admission *one, const listener *by) noexcept nogil:
    """core.details.Details.pack"""
    cdef uint32_t octets = 16 if at.came.source.ipv6 else 4
    cdef uint8_t *to = at.details
    to = _number(to, at.read.key_id, 1)
    to = _number(to, at.read.algorithm_id, 1)
    to = _number(to, at.read.mac_octets, 1)
    to = _number(to, one.flags, 2)
    to = _number(to, at.came.source.port, 2)
    to = _number(to, one.lifetime_seconds, 4)
    to = _number(to, <uint64_t>(at.now + one.wall_offset), 8)
    if at.read.identity != NULL:
        to = _copy(to, at.read.identity + XTR_ID_OCTETS, 8)
    else:
        to = _number(to, 0, 8)
    to = _number(to, octets, 1)
    to = _copy(to, at.came.source.address, octets)
    to = _number(to, by.port, 2)
    to = _number(to, octets, 1)
    to = _copy(to, at.came.local, octets)
    to = _copy(to, one.site, one.site_octets)
    at.details_octets = <uint32_t>(to - at.details)


cdef bint are_details_kept(const admitting *at, Octets held) noexcept nogil:
    """Whether a refresh leaves them as they are: what differs is when it began and where to."""
    cdef uint32_t octets = 16 if at.came.source.ipv6 else 4
    cdef uint32_t source = DETAILS_HEAD + 8 + 1 + octets
    cdef uint32_t local, other
    if held.length <= source + 2 or (
        memcmp(held.start, at.details, FIRST_REGISTERED) != 0
        or memcmp(held.start + DETAILS_HEAD, at.details + DETAILS_HEAD, 9 + octets) != 0
    ):
        return False
    local = source + 2 + 1 + held.start[source + 2]
    other = source + 2 + 1 + octets
    return held.length >= local and held.length - local == at.details_octets - other and (
        memcmp(held.start + local, at.details + other, held.length - local) == 0
    )


cdef bint is_alone(const Registrations *store, uint32_t leaf, uint32_t registrant) noexcept nogil:
    """Whether nobody but one is registered at a prefix; registrant: its cell, or NOTHING."""
    cdef uint32_t slot = store.trie.leaves[leaf].value
    return store.slots[slot].after == NOTHING and store.slots[slot].registrant == registrant


cdef bint judge_record(
    admissions *known, const Registrations *store, admitting *at, uint32_t index
) noexcept nogil:
    """What a record amounts to; False where the core has to look."""
    cdef const plain_record *record = &at.read.records[index]
    cdef admitted_record *made = &at.records[index]
    cdef const admission *one = &known.all[made.by]
    cdef uint32_t leaf = trie_find(&store.trie, &record.eid), above
    cdef uint32_t registrant = cells_find(&store.cells, at.registrant, at.registrant_octets)
    cdef Octets held, details
    made.slot = NOTHING
    made.growth = record.octets
    if leaf == NOTHING:
        made.kind = IS_FIRST
        above = trie_longest(&store.trie, &record.eid, record.eid.length)
        return above == NOTHING or is_alone(store, above, registrant)
    if not is_alone(store, leaf, registrant):
        return False
    made.slot = store.trie.leaves[leaf].value
    if store.trie.leaves[leaf].extra != store.slots[made.slot].record:
        return False
    memcpy(made.before, store.slots[made.slot].digest, DIGEST_OCTETS)
    details = cell_string(&store.cells, store.slots[made.slot].details)
    held = cell_string(&store.cells, store.slots[made.slot].record)
    if get16(details.start + FLAGS_AT) & FOREIGN_FLAGS or (
        details.start[1] != at.read.algorithm_id
    ):
        return False
    if (
        held.length == record.octets and memcmp(held.start, record.published, held.length) == 0
        and get16(details.start + FLAGS_AT) == one.flags
    ):
        made.kind = NO_CHANGE
        made.growth = 0
        return memcmp(made.before, at.digest, DIGEST_OCTETS) == 0 or are_details_kept(at, details)
    made.kind = IS_CHANGED
    made.growth = <int64_t>record.octets - <int64_t>held.length
    return True


cdef bint count_record(
    admissions *known, const plain_record *record, const admitted_record *made, int64_t sign
) noexcept nogil:
    """Count a record, or with -1 no longer; False, and not counted, where the core has to look."""
    cdef admission *one = &known.all[made.by]
    cdef ceiling *of
    cdef int index
    cdef int64_t more
    if made.kind == NO_CHANGE or is_configured(known, &record.eid):
        return True
    for index in range(CEILINGS):
        of = &one.ceilings[index]
        more = made.growth if index == OCTETS_CEILING else made.kind == IS_FIRST
        if sign > 0 and more > 0 and (
            of.held[0] + more > of.limit
            or (of.held[0] < of.warning <= of.held[0] + more)
        ):
            return False
    for index in range(CEILINGS):
        more = made.growth if index == OCTETS_CEILING else made.kind == IS_FIRST
        one.ceilings[index].held[0] += sign * more
    return True


cdef inline bint is_configured(const admissions *known, const Key *eid) noexcept nogil:
    """Whether a prefix is a configured one itself, and so no more-specific."""
    return trie_find(&known.rules, eid) != NOTHING


cdef fate admit(
    admissions *known, Registrations *store, budget_tables *budgets, refreshes *taught,
    uint64_t ticket, const listener *listeners, const arrival *came, double now, uint64_t *site_mark
) noexcept nogil:
    """Register what a plain Map-Register says, or leave it to the core with nothing changed."""
    cdef admitting at
    cdef admission *one
    cdef uint32_t index
    cdef host_mark sender
    cdef uint8_t mac[32]
    at.came = came
    at.read = known.read
    at.now = now
    if known.all_tainted or not read_plain_register(came.data, came.length, known.read):
        known.all_tainted = True
        return UNKNOWN
    for index in range(at.read.count):
        at.records[index].by = admission_find(known, &at.read.records[index].eid, at.read)
        if at.records[index].by == NOTHING:
            known.all_tainted = True
            return UNKNOWN
        if known.all[at.records[index].by].site_mark != known.all[at.records[0].by].site_mark:
            known.all_tainted = True
            return UNKNOWN
    one = &known.all[at.records[0].by]
    site_mark[0] = one.site_mark
    if is_tainted(known, one.site_mark):
        return UNKNOWN
    if (
        now < one.valid_from or now >= one.valid_until
        or known.notes_used + at.read.count > NOTES_LIMIT
        or (is_loopback(came.local, came.source.ipv6)
            and not is_loopback(came.source.address, came.source.ipv6))
        or not are_locators_known(known, one.site_mark, came)
    ):
        taint(known, one.site_mark)
        return UNKNOWN
    sender.host = 0
    if one.limits_senders or one.check == CHECK_NONCE or is_proof_of_sender(at.read, came):
        sender.host = mark_of_host(budgets, came)
    if one.limits_senders and not proven_holds(&budgets.proven, sender.host, now):
        taint(known, one.site_mark)
        return UNKNOWN
    if not message_mac(
        one.key, one.algorithm_id, came.data, came.length, one.mac_octets, mac
    ) or not mapsys_equal(mac, came.data + MAC_OFFSET, one.mac_octets):
        return UNKNOWN
    name_sender(&at, one)
    pack_details(&at, one, &listeners[came.listener])
    if not judge_message(known, store, &at, one):
        taint(known, one.site_mark)
        return UNKNOWN
    if one.limited and not admit_register(budgets, one.site_mark, one.per_second, one.burst, now):
        discount(known, &at)
        return OVER_SITE_BUDGET
    if one.check == CHECK_NONCE or is_proof_of_sender(at.read, came):
        proven_note(&budgets.proven, sender.host, now)
    if carry_out_records(known, store, &at, one) < 0:
        taint(known, one.site_mark)
        return UNKNOWN
    acknowledge_admitted(taught, one, ticket, &listeners[came.listener], came)
    return DEALT_WITH


cdef uint64_t mark_of_host(const budget_tables *budgets, const arrival *came) noexcept nogil:
    """The fingerprint of the sender: core.limiter.Budgets.host."""
    cdef uint8_t name[17]
    cdef uint32_t octets = 16 if came.source.ipv6 else 4
    name[0] = 6 if came.source.ipv6 else 4
    memcpy(name + 1, came.source.address, octets)
    return fingerprint_of(&budgets.hashed, name, 1 + octets)


cdef bint judge_message(
    admissions *known, Registrations *store, admitting *at, const admission *one
) noexcept nogil:
    """Whether it may be carried out, its more-specifics then counted; nothing else is changed."""
    cdef uint32_t index
    cdef uint64_t last
    cdef bint changes = False
    cdef Octets mark
    mark.start = at.mark
    mark.length = at.mark_octets
    if one.check == CHECK_NONCE and mark_get(&store.marks, mark, &last) and (
        get64(at.read.nonce) <= last
    ):
        return False
    if one.check == CHECK_OCTETS:
        superseded_purge(&store.superseded, at.now)
        if superseded_holds(&store.superseded, at.digest, at.now):
            return False
    for index in range(at.read.count):
        if not judge_record(known, store, at, index):
            return False
    if log_reserve(
        &store.log,
        256 + at.mark_octets
        + at.read.count * (256 + 2 * PACKED_PREFIX_LIMIT + 2 * PUBLISHED_LIMIT + DETAILS_LIMIT),
    ) < 0:
        return False
    for index in range(at.read.count):
        if not count_record(known, &at.read.records[index], &at.records[index], 1):
            while index:
                index -= 1
                count_record(known, &at.read.records[index], &at.records[index], -1)
            return False
    return True


cdef void discount(admissions *known, const admitting *at) noexcept nogil:
    cdef uint32_t index
    for index in range(at.read.count):
        count_record(known, &at.read.records[index], &at.records[index], -1)


cdef int carry_out_records(
    admissions *known, Registrations *store, admitting *at, admission *one
) noexcept nogil:
    """-1 where memory has run out; the core then does it once more."""
    cdef uint32_t index, changed = 0
    cdef uint8_t replaced[16]
    cdef Octets mark, registrant
    cdef admitted_record *record
    cdef double deadline = at.now + one.lifetime_seconds
    registrant.start = at.registrant
    registrant.length = at.registrant_octets
    memcpy(replaced, at.digest, 16)
    for index in range(at.read.count):
        record = &at.records[index]
        if record.kind == NO_CHANGE:
            slot_touch(store, record.slot, deadline, at.digest)
            log_touch(
                &store.log, &at.read.records[index].eid, registrant, deadline, at.digest
            )
        elif put_record(known, store, at, index, deadline) < 0:
            return -1
        else:
            changed += 1
        if record.slot != NOTHING and one.check == CHECK_OCTETS and (
            memcmp(record.before, at.digest, 16) and memcmp(record.before, replaced, 16)
        ):
            memcpy(replaced, record.before, 16)
            if superseded_add(
                &store.superseded, replaced, at.now + one.superseded_seconds
            ) == 1:
                log_supersede(&store.log, replaced, at.now + one.superseded_seconds)
    if one.check == CHECK_NONCE:
        mark.start = at.mark
        mark.length = at.mark_octets
        if mark_raise(&store.marks, mark, get64(at.read.nonce)) < 0:
            return -1
        log_raise(&store.log, mark, get64(at.read.nonce))
    if one.messages == 0:
        one.counted_after = known.counted
        known.counted = at.records[0].by
    one.messages += 1
    if not changed:
        one.refreshes += 1
        one.refreshed += at.read.count
    return 0


cdef int put_record(
    admissions *known, Registrations *store, admitting *at, uint32_t index, double deadline
) noexcept nogil:
    cdef const plain_record *record = &at.read.records[index]
    cdef const admitted_record *made = &at.records[index]
    cdef uint8_t details[320]
    cdef Contribution given
    cdef note *noted = &known.notes[known.notes_used]
    memcpy(details, at.details, at.details_octets)
    if made.slot != NOTHING:
        memcpy(
            details + FIRST_REGISTERED,
            cell_string(&store.cells, store.slots[made.slot].details).start + FIRST_REGISTERED,
            DETAILS_HEAD - FIRST_REGISTERED,
        )
    given.registrant.start = at.registrant
    given.registrant.length = at.registrant_octets
    given.record.start = given.published.start = record.published
    given.record.length = given.published.length = record.octets
    given.details.start = details
    given.details.length = at.details_octets
    given.digest = at.digest
    given.deadline = deadline
    if registrations_put(store, &record.eid, &given) < 0:
        return -1
    log_put(&store.log, &record.eid, &given)
    noted.by = made.by
    noted.eid = record.eid
    noted.source = at.came.source
    noted.first = made.kind == IS_FIRST
    noted.registrant_octets = at.registrant_octets
    memcpy(noted.registrant, at.registrant, at.registrant_octets)
    known.notes_used += 1
    return 0


cdef void acknowledge_admitted(
    refreshes *taught, const admission *one, uint64_t ticket, const listener *by,
    const arrival *came
) noexcept nogil:
    """Its Map-Notify leaves by the socket that it came to, from the same address."""
    cdef waiting *made = keep_waiting(
        taught, ticket, came, one.notify_word | came.data[3],
        one.key, one.algorithm_id, one.mac_octets,
    )
    if made == NULL:
        return
    made.to.listener = came.listener
    made.to.destination = came.source
    made.to.from_source = by.wildcard
    if by.wildcard:
        memcpy(made.to.source, came.local, 16)
    if not one.to_source:
        made.to.destination.port = CONTROL_PORT
