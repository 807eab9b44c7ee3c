# What the core has said of a site's plain Map-Registers (core.admission_plan): which it
# takes as they are, from whom, and towards which limits they count.

cdef enum:
    ADMISSIONS_LIMIT = 16384
    ACCEPTED_LOCATORS_LIMIT = 262144
    NOTES_LIMIT = 8192          # EID-Prefixes registered in one turn, for the core to note
    CEILINGS = 4                # core.admission_plan: of a rule, a site, the node; octets
    OCTETS_CEILING = 3
    TAINTS_LIMIT = 32
    FOREIGN_FLAGS = 0x00E0      # core.details: NEXT_SECRET, FORMER, STATIC

cdef struct ceiling:
    int64_t *held
    int64_t limit
    int64_t warning             # 0: nobody is warned

cdef struct admission:
    const mac_key *key
    uint32_t word
    uint8_t key_id
    uint8_t algorithm_id
    uint8_t check
    uint32_t mac_octets
    uint16_t flags
    bint more_specifics
    bint to_source
    bint limits_senders
    bint limited
    double per_second           # the site's budget
    double burst
    uint64_t site_mark
    double valid_from
    double valid_until
    double wall_offset
    double superseded_seconds
    uint32_t lifetime_seconds
    uint32_t notify_word
    ceiling ceilings[4]
    uint8_t site[256]           # its name
    uint32_t site_octets
    uint64_t messages           # accepted since they were last taken
    uint64_t refreshes          # of those, the ones that changed nothing
    uint64_t refreshed          # their records
    uint32_t counted_after      # the next one of which something has been counted
    uint32_t after              # the next of the same EID-Prefix

cdef struct note:
    uint32_t by                 # admission
    Key eid
    endpoint source
    bint first                  # nothing was registered there
    uint8_t registrant[17]
    uint8_t registrant_octets

cdef struct admissions:
    Trie rules                  # a leaf's value is the first of a configured EID-Prefix
    admission *all
    uint32_t used               # a place is not used again until all are forgotten
    Cells locators              # accepted ones, by octets from locator_name
    note *notes
    uint32_t notes_used
    uint32_t counted            # the first of which something has been counted
    plain_register *read        # the one at hand
    uint64_t tainted[32]        # sites of which the core has yet to look at one of this turn
    uint32_t taints
    bint all_tainted
    bint is_open                # Map-Registers may be taken here at all
    uint64_t seed


cdef int admissions_open(admissions *known, uint64_t seed) noexcept nogil:
    memset(known, 0, sizeof(admissions))
    known.seed = seed
    known.counted = NOTHING
    known.all = <admission *>malloc(ADMISSIONS_LIMIT * sizeof(admission))
    known.notes = <note *>malloc(NOTES_LIMIT * sizeof(note))
    known.read = <plain_register *>malloc(sizeof(plain_register))
    if known.all == NULL or known.notes == NULL or known.read == NULL:
        return -1
    return _admissions_empty(known)


cdef int _admissions_empty(admissions *known) noexcept nogil:
    if trie_open(&known.rules, known.seed) < 0:
        return -1
    return cells_open(&known.locators, 0, known.seed)


cdef int admissions_forget(admissions *known) noexcept nogil:
    """Know nothing any more, save what is noted; -1 where there is no memory."""
    if known.used == 0:
        return 0
    known.used = 0
    trie_close(&known.rules)
    cells_close(&known.locators)
    return _admissions_empty(known)


cdef void admissions_close(admissions *known) noexcept nogil:
    trie_close(&known.rules)
    cells_close(&known.locators)
    free(known.all)
    free(known.notes)
    free(known.read)


cdef uint32_t admission_find(
    const admissions *known, const Key *eid, const plain_register *read
) noexcept nogil:
    """The one that a record of a message comes under, or NOTHING."""
    cdef uint32_t leaf = trie_longest(&known.rules, eid, eid.length), number
    cdef const admission *one
    if leaf == NOTHING:
        return NOTHING
    number = known.rules.leaves[leaf].value
    while number != NOTHING:
        one = &known.all[number]
        if (
            one.word == read.word and one.key_id == read.key_id
            and one.algorithm_id == read.algorithm_id and one.mac_octets == read.mac_octets
        ):
            if known.rules.leaves[leaf].length != eid.length and not one.more_specifics:
                return NOTHING
            return number
        number = one.after
    return NOTHING


cdef inline bint is_loopback(const uint8_t *address, bint ipv6) noexcept nogil:
    """Whether an address never leaves this host."""
    cdef int index
    if not ipv6:
        return address[0] == 127
    for index in range(15):
        if address[index]:
            return False
    return address[15] == 1


cdef uint32_t locator_name(
    uint64_t site_mark, const endpoint *sender, const locator *one, uint8_t *name
) noexcept nogil:
    """What an accepted locator is remembered by: the core judges it by these alone."""
    memcpy(name, &site_mark, 8)
    name[8] = is_loopback(sender.address, sender.ipv6)
    memcpy(name + 9, one.start + LOCATOR_HEAD, one.address)
    return 9 + one.address


cdef bint are_locators_known(
    const admissions *known, uint64_t site_mark, const arrival *came
) noexcept nogil:
    """Whether the core has accepted each one of the message at hand from this site before."""
    cdef uint32_t index, number, octets
    cdef const plain_record *record
    cdef uint8_t name[32]
    for index in range(known.read.count):
        record = &known.read.records[index]
        for number in range(record.locator_count):
            octets = locator_name(site_mark, &came.source, &record.locators[number], name)
            if cells_find(&known.locators, name, octets) == NOTHING:
                return False
    return True


cdef int accept_locators(
    admissions *known, uint64_t site_mark, const arrival *came
) noexcept nogil:
    """The core has accepted the message at hand; -1 where there is no memory."""
    cdef uint32_t index, number, octets
    cdef const plain_record *record
    cdef uint8_t name[32]
    for index in range(known.read.count):
        record = &known.read.records[index]
        for number in range(record.locator_count):
            octets = locator_name(site_mark, &came.source, &record.locators[number], name)
            if cells_find(&known.locators, name, octets) == NOTHING and (
                cells_hold(&known.locators, name, octets) == NOTHING
            ):
                return -1
    return 0


cdef bint is_proof_of_sender(const plain_register *read, const arrival *came) noexcept nogil:
    """Whether a locator is the sender's address: core.replay.is_proof."""
    cdef uint32_t index, number, octets = 18 if came.source.ipv6 else 6
    cdef const locator *one
    for index in range(read.count):
        for number in range(read.records[index].locator_count):
            one = &read.records[index].locators[number]
            if one.address == octets and (
                memcmp(one.start + LOCATOR_HEAD + 2, came.source.address, octets - 2) == 0
            ):
                return True
    return False


cdef void taint(admissions *known, uint64_t site_mark) noexcept nogil:
    """Leave the rest of this turn's Map-Registers of a site to the core, in their order."""
    if known.taints == TAINTS_LIMIT:
        known.all_tainted = True
        return
    known.tainted[known.taints] = site_mark
    known.taints += 1


cdef bint is_tainted(const admissions *known, uint64_t site_mark) noexcept nogil:
    cdef uint32_t index
    if known.all_tainted:
        return True
    for index in range(known.taints):
        if known.tainted[index] == site_mark:
            return True
    return False
