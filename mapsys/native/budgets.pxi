# The budgets' arithmetic over the core's own tables (core.shared_budgets): what
# core.limiter and core.amplification do, in the same order and with the same sums.

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport INFINITY

cdef enum:
    BUDGET_WAYS = 4         # core.slots.WAYS
    HOST_TEXT = 46          # the longest address in text form, and a zero

cdef struct bucket_table:
    bint is_limited
    uint64_t sets
    uint64_t *owners
    double *full_at
    uint64_t *refused
    double per_second
    double burst
    double slack

cdef struct proven_table:
    uint64_t sets
    uint64_t *owners
    double *until
    double seconds

cdef struct unproven_table:
    bint is_limited
    uint64_t sets
    uint64_t *owners
    double *last
    double *saved
    double *first_used
    uint64_t *refused
    double factor
    double first_burst_octets
    double saved_octets
    double forget_seconds

cdef struct budget_tables:
    fingerprints hashed
    bucket_table requests_per_source
    bucket_table requests_per_network
    bucket_table replies_per_destination
    bucket_table replies_per_network
    bucket_table replies_per_prefix
    bucket_table first_bursts
    bucket_table sites
    proven_table proven
    unproven_table unproven

cdef struct host_mark:
    uint64_t host
    uint64_t network
    bint trusted

cdef struct target:
    # Where an answer goes, as the budgets know it.
    host_mark mark
    uint8_t text[HOST_TEXT]
    uint8_t text_octets


cdef int64_t slot_of(const uint64_t *owners, uint64_t sets, uint64_t fingerprint) noexcept nogil:
    """core.slots.Slots.find"""
    cdef int64_t first = <int64_t>(fingerprint % sets * BUDGET_WAYS), slot
    for slot in range(first, first + BUDGET_WAYS):
        if owners[slot] == fingerprint:
            return slot
    return -1


cdef int64_t slot_claimed(
    uint64_t *owners, uint64_t sets, uint64_t fingerprint, const double *weights
) noexcept nogil:
    """core.slots.Slots.claim"""
    cdef int64_t first = <int64_t>(fingerprint % sets * BUDGET_WAYS), slot, least = first
    for slot in range(first + 1, first + BUDGET_WAYS):
        if weights[slot] < weights[least]:
            least = slot
    owners[least] = fingerprint
    return least


cdef bint bucket_take(
    bucket_table *table, uint64_t fingerprint, double now, double per_second, double burst,
    double cost
) noexcept nogil:
    """core.limiter.TokenBuckets.take; the rate is a limit."""
    cdef int64_t slot
    cdef double full_at
    if burst < cost:
        table.refused[0] += 1
        return False
    slot = slot_of(table.owners, table.sets, fingerprint)
    if slot < 0:
        slot = slot_claimed(table.owners, table.sets, fingerprint, table.full_at)
    full_at = table.full_at[slot]
    if full_at < now:
        full_at = now
    full_at += cost / per_second
    if full_at - now > (burst + table.slack) / per_second:
        table.refused[0] += 1
        return False
    table.full_at[slot] = full_at
    return True


cdef inline bint take_one(bucket_table *table, uint64_t fingerprint, double now) noexcept nogil:
    if not table.is_limited:
        return True
    return bucket_take(table, fingerprint, now, table.per_second, table.burst, 1.0)


cdef void proven_note(proven_table *table, uint64_t fingerprint, double now) noexcept nogil:
    """core.amplification.Proven.note"""
    cdef int64_t slot = slot_of(table.owners, table.sets, fingerprint)
    if slot < 0:
        slot = slot_claimed(table.owners, table.sets, fingerprint, table.until)
    table.until[slot] = now + table.seconds


cdef bint proven_holds(const proven_table *table, uint64_t fingerprint, double now) noexcept nogil:
    cdef int64_t slot = slot_of(table.owners, table.sets, fingerprint)
    return slot >= 0 and table.until[slot] > now


cdef int64_t unproven_slot(unproven_table *table, uint64_t fingerprint, double now) noexcept nogil:
    """core.amplification.Unproven._slot"""
    cdef int64_t slot = slot_of(table.owners, table.sets, fingerprint)
    cdef bint is_known = slot >= 0, in_use
    if not is_known:
        slot = slot_claimed(table.owners, table.sets, fingerprint, table.last)
    in_use = table.last[slot] > now - table.forget_seconds
    if is_known and in_use:
        return slot
    table.first_used[slot] = table.first_burst_octets if in_use else 0.0
    table.saved[slot] = 0.0
    return slot


cdef bint unproven_allow(
    budget_tables *all, uint64_t fingerprint, uint32_t octets_in, uint32_t octets_out, double now
) noexcept nogil:
    """core.amplification.Unproven.allow"""
    cdef unproven_table *table = &all.unproven
    cdef bucket_table *pool = &all.first_bursts
    cdef int64_t slot = unproven_slot(table, fingerprint, now)
    cdef double saved, usable, missing, first
    table.last[slot] = now
    saved = table.saved[slot] + table.factor * octets_in
    if saved > table.saved_octets:
        saved = table.saved_octets
    usable = saved if octets_in else 0.0
    missing = octets_out - usable
    if missing <= 0:
        table.saved[slot] = saved - octets_out
        return True
    first = table.first_used[slot] + missing
    if first <= table.first_burst_octets and (
        not pool.is_limited
        or bucket_take(pool, 0, now, pool.per_second, pool.burst, missing)
    ):
        table.first_used[slot] = first
        table.saved[slot] = saved - usable
        return True
    table.saved[slot] = saved
    table.refused[0] += 1
    return False


cdef bint admit_answer(
    budget_tables *all, const host_mark *asker, const target *to, const uint8_t *about,
    uint32_t about_octets, uint32_t octets_in, uint32_t octets_out, double now
) noexcept nogil:
    """core.limiter.Admission; about: the packed EID-Prefix that is answered about."""
    cdef uint8_t name[HOST_TEXT + 1 + PACKED_HEAD + 16]
    cdef const host_mark *mark = &to.mark
    if not (
        take_one(&all.requests_per_source, asker.host, now)
        and take_one(&all.requests_per_network, asker.network, now)
    ):
        return False
    if all.replies_per_prefix.is_limited:
        memcpy(name, to.text, to.text_octets)
        name[to.text_octets] = c" "
        memcpy(name + to.text_octets + 1, about, about_octets)
        if not take_one(
            &all.replies_per_prefix,
            fingerprint_of(&all.hashed, name, to.text_octets + 1 + about_octets), now,
        ):
            return False
    if not (
        take_one(&all.replies_per_destination, mark.host, now)
        and take_one(&all.replies_per_network, mark.network, now)
    ):
        return False
    if not all.unproven.is_limited or mark.trusted or proven_holds(&all.proven, mark.host, now):
        return True
    return unproven_allow(all, mark.host, octets_in, octets_out, now)


cdef bint admit_register(
    budget_tables *all, uint64_t site, double per_second, double burst, double now
) noexcept nogil:
    """core.limiter.Budgets.take_register; the rate is a limit."""
    return bucket_take(&all.sites, site, now, per_second, burst, 1.0)


cdef class NativeBudgets:
    """The tables of a core.shared_budgets.SharedBudgets, kept where they are."""

    cdef budget_tables tables
    cdef list kept          # so that no array moves

    def __cinit__(self, shared):
        cdef bytes hash_key = shared.hash_key
        memset(&self.tables, 0, sizeof(budget_tables))
        self.kept = []
        fingerprints_open(&self.tables.hashed, hash_key, len(hash_key))
        self._buckets(shared.requests_per_source, &self.tables.requests_per_source)
        self._buckets(shared.requests_per_network, &self.tables.requests_per_network)
        self._buckets(shared.replies_per_destination, &self.tables.replies_per_destination)
        self._buckets(shared.replies_per_network, &self.tables.replies_per_network)
        self._buckets(shared.replies_per_prefix, &self.tables.replies_per_prefix)
        self._buckets(shared.first_bursts, &self.tables.first_bursts)
        self._buckets(shared.sites, &self.tables.sites)
        self.tables.proven.owners = <uint64_t *>self._memory(shared.proven.owners)
        self.tables.proven.sets = len(shared.proven.owners) // BUDGET_WAYS
        self.tables.proven.until = <double *>self._memory(shared.proven.until)
        self.tables.proven.seconds = shared.proven.seconds
        if shared.unproven is not None:
            self._unproven(shared.unproven, &self.tables.unproven)

    cdef void *_memory(self, array) except NULL:
        cdef Py_buffer view
        cdef void *start
        self.kept.append(memoryview(array))
        PyObject_GetBuffer(array, &view, PyBUF_WRITABLE)
        start = view.buf
        PyBuffer_Release(&view)
        return start

    cdef int _buckets(self, shared, bucket_table *made) except -1:
        if shared is None:
            return 0
        made.owners = <uint64_t *>self._memory(shared.owners)
        made.sets = len(shared.owners) // BUDGET_WAYS
        made.full_at = <double *>self._memory(shared.full_at)
        made.refused = <uint64_t *>self._memory(shared.refused)
        made.per_second = shared.per_second
        made.burst = shared.burst
        made.slack = shared.slack
        made.is_limited = made.per_second != INFINITY
        return 0

    cdef int _unproven(self, shared, unproven_table *made) except -1:
        made.is_limited = True
        made.owners = <uint64_t *>self._memory(shared.owners)
        made.sets = len(shared.owners) // BUDGET_WAYS
        made.last = <double *>self._memory(shared.last)
        made.saved = <double *>self._memory(shared.saved)
        made.first_used = <double *>self._memory(shared.first_used)
        made.refused = <uint64_t *>self._memory(shared.refused)
        made.factor = shared.factor
        made.first_burst_octets = shared.first_burst_octets
        made.saved_octets = shared.saved_octets
        made.forget_seconds = shared.forget_seconds
        return 0

    def answer(self, asker, destination, str host, about, uint32_t octets_in, uint32_t octets_out, double now):
        """Whether one more answer may go out: core.limiter.Admission.

        asker, destination: core.shared_budgets.Host. host: the destination in text
        form. about: an IPv4 or IPv6 EID-Prefix.
        """
        cdef host_mark by
        cdef target to
        cdef Key key
        cdef uint8_t packed[PACKED_HEAD + KEY_OCTETS]
        host_mark_of(asker, &by)
        target_of(destination, host, &to)
        key_of(about, &key)
        return bool(admit_answer(
            &self.tables, &by, &to, packed, <uint32_t>pack_prefix(&key, packed),
            octets_in, octets_out, now,
        ))

    def register(self, uint64_t site, double per_second, double burst, double now):
        """Whether one more Map-Register of a site is taken; site: its fingerprint."""
        return bool(admit_register(&self.tables, site, per_second, burst, now))

    def prove(self, uint64_t host, double now):
        """A Map-Register from the address was accepted; host: its fingerprint."""
        proven_note(&self.tables.proven, host, now)


cdef int host_mark_of(host, host_mark *made) except -1:
    made.host = host.host
    made.network = host.network
    made.trusted = host.trusted
    return 0


cdef int target_of(mark, str host, target *made) except -1:
    cdef bytes text = host.encode()
    if len(text) > HOST_TEXT:
        raise ValueError(f"{host} is no IP address")
    host_mark_of(mark, &made.mark)
    made.text_octets = <uint8_t>len(text)
    memcpy(made.text, <const char *>text, len(text))
    return 0
