# One batch: each arrival looked up, many side by side, then dealt with in order.

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

cdef struct batches:
    inbox box
    outbox *out
    arrival *arrivals
    int arrived
    uint8_t *fates          # by arrival
    chunk *part
    listener listeners[256]
    int listener_count
    uint16_t own_ports[256]
    uint64_t *sites         # by arrival: whose budget it was over
    plans held
    refreshes taught
    admissions admitted
    budget_tables *budgets  # those that plans and refreshes were taught with
    Registrations *registrations
    pthread_mutex_t *mutex
    uint64_t *ticket
    uint64_t followed       # the store's generation that is known here
    bint writable           # Map-Registers are taken
    double now


cdef int batches_open(batches *all, uint64_t seed) noexcept nogil:
    """-1 where there is no memory."""
    memset(all, 0, sizeof(batches))
    all.out = <outbox *>calloc(1, sizeof(outbox))
    all.arrivals = <arrival *>malloc(ARRIVALS_LIMIT * sizeof(arrival))
    all.fates = <uint8_t *>malloc(ARRIVALS_LIMIT)
    all.sites = <uint64_t *>malloc(ARRIVALS_LIMIT * sizeof(uint64_t))
    all.part = <chunk *>malloc(sizeof(chunk))
    all.box.octets = <uint8_t *>malloc(READS * READ_OCTETS)
    if all.out == NULL or all.arrivals == NULL or all.fates == NULL or all.part == NULL:
        return -1
    if all.sites == NULL or admissions_open(&all.admitted, seed) < 0:
        return -1
    all.out.octets = <uint8_t *>malloc(OUT_OCTETS)
    if all.box.octets == NULL or all.out.octets == NULL or plans_open(&all.held, seed) < 0:
        return -1
    return refreshes_open(&all.taught, seed)


cdef void batches_close(batches *all) noexcept nogil:
    if all.out != NULL:
        free(all.out.octets)
    free(all.out)
    free(all.arrivals)
    free(all.fates)
    free(all.part)
    free(all.sites)
    free(all.box.octets)
    plans_close(&all.held)
    refreshes_close(&all.taught)
    admissions_close(&all.admitted)


cdef int batches_forget(batches *all) noexcept nogil:
    """Know nothing any more that hangs on what is registered; -1 where there is no memory."""
    if plans_forget(&all.held) < 0 or ways_forget(&all.held) < 0:
        return -1
    return refreshes_forget(&all.taught)


cdef int follow(batches *all) noexcept nogil:
    """End what changes in the store may have made wrong; -1 where there is no memory."""
    cdef Registrations *store = all.registrations
    cdef const Key *changed
    if store == NULL or all.followed == store.generation:
        return 0
    if store.generation - all.followed > CHANGES_KEPT:
        all.followed = store.generation
        return batches_forget(all)
    while all.followed != store.generation:
        changed = &store.changed[all.followed % CHANGES_KEPT]
        plans_end(&all.held, changed)
        refreshes_end(&all.taught, changed)
        all.followed += 1
    return 0


cdef void deal(batches *all) noexcept nogil:
    """Answer what is known of the arrivals."""
    cdef int at = 0
    while at < all.arrived:
        look_up(all, at)
        answer_chunk(all)
        at += all.part.count
    if all.admitted.used and all.admitted.is_open:
        admit_rest(all)


cdef void admit_rest(batches *all) noexcept nogil:
    """Take in the Map-Registers that are left, so far as the core has said how."""
    cdef int at
    cdef const arrival *came
    for at in range(all.arrived):
        came = &all.arrivals[at]
        if all.fates[at] != UNKNOWN or came.length == 0 or came.data[0] >> 4 != MAP_REGISTER:
            continue
        pthread_mutex_lock(all.mutex)
        all.fates[at] = admit(
            &all.admitted, all.registrations, all.budgets, &all.taught, all.ticket[0],
            all.listeners, came, all.now, &all.sites[at],
        )
        pthread_mutex_unlock(all.mutex)
        if follow(all) < 0:
            all.admitted.all_tainted = True


cdef void look_up(batches *all, int at) noexcept nogil:
    """Fill the chunk: which of the next arrivals have a way and a plan, or are a refresh."""
    cdef chunk *part = all.part
    cdef const Key *keys[32]
    cdef int wanted[32]
    cdef uint32_t leaves[32]
    cdef uint8_t key[256]
    cdef uint32_t octets, number, context
    cdef int index, count
    cdef arrival *came
    part.first = at
    part.count = min(all.arrived - at, <int>CHUNK)
    for index in range(part.count):
        came = &all.arrivals[at + index]
        part.found[index] = part.refreshes[index] = NOTHING
        part.ways[index].context = NOTHING
        if all.writable:
            part.refreshes[index] = find_refresh(&all.taught, all.registrations, came, all.now)
            if part.refreshes[index] != NOTHING:
                continue
        if not all.held.used or not read_question(
            came.data, came.length, came.source.port, &part.asked[index]
        ):
            continue
        octets = way_key(&part.asked[index], came, all.own_ports, all.listener_count, key)
        number = NOTHING if octets == 0 else cells_find(&all.held.ways, key, octets)
        if number != NOTHING:
            read_way(&all.held, number, &part.ways[index])
    for context in range(all.held.contexts_used):
        count = 0
        for index in range(part.count):
            if part.ways[index].context == context:
                keys[count] = &part.asked[index].eid
                wanted[count] = index
                count += 1
        trie_longest_batch(&all.held.scopes[context], keys, leaves, count)
        for index in range(count):
            if leaves[index] != NOTHING:
                take_plan(all, wanted[index], all.held.scopes[context].leaves[leaves[index]].value)


cdef void take_plan(batches *all, int index, uint32_t number) noexcept nogil:
    cdef const plan *found = &all.held.all[number]
    if found.repeat == REPEAT_INNER and all.part.asked[index].inner == NULL:
        return
    all.part.found[index] = number


cdef void answer_chunk(batches *all) noexcept nogil:
    cdef chunk *part = all.part
    cdef const plan *found
    cdef const arrival *came
    cdef int index
    for index in range(part.count):
        came = &all.arrivals[part.first + index]
        all.fates[part.first + index] = UNKNOWN
        if part.found[index] != NOTHING:
            found = &all.held.all[part.found[index]]
            if found.limited and not admit_plan(
                all.budgets, &part.asked[index], &part.ways[index], found, came.length, all.now
            ):
                all.fates[part.first + index] = OVER_BUDGET
                continue
            answer(
                &all.held, all.out, all.listeners, &part.asked[index], &part.ways[index], found
            )
            all.fates[part.first + index] = DEALT_WITH
        elif part.refreshes[index] != NOTHING:
            pthread_mutex_lock(all.mutex)
            all.fates[part.first + index] = carry_out(
                &all.taught, all.registrations, all.budgets, all.ticket[0],
                part.refreshes[index], came, all.now,
            )
            all.sites[part.first + index] = all.taught.all[part.refreshes[index]].site_mark
            pthread_mutex_unlock(all.mutex)
