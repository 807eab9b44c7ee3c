# NativeStore: the verbs of mapsys.store.Store over the structures of this engine.

import os
from zlib import crc32

from mapsys.change_log import FRAME_LIMIT, VERSION, frames, read_change
from mapsys.history_rows import HistoryRows
from mapsys.store import Mapping, Registration, Summary
from mapsys.subscriptions import Subscriptions

cdef extern from "Python.h":
    object PyMemoryView_FromMemory(char *start, Py_ssize_t size, int flags)
    int PyBUF_READ

cdef size_t FRAME_LIMIT_OCTETS = FRAME_LIMIT
cdef uint8_t LOG_VERSION = VERSION
cdef object _tuple = tuple.__new__


cdef int octets_of(bytes given, Octets *octets, size_t limit, name) except -1:
    """Bytes as octets; the bytes have to live as long. Raises ValueError past the limit."""
    octets.start = <const uint8_t *><const char *>given
    octets.length = len(given)
    if octets.length > limit:
        raise ValueError(
            f"a change does not fit the log: {name} of {octets.length} octets; at most {limit}"
        )
    return 0


cdef const uint8_t *digest_of(bytes digest) except NULL:
    if len(digest) != DIGEST_OCTETS:
        raise ValueError(f"a digest of {len(digest)} octets; it has {DIGEST_OCTETS}")
    return <const uint8_t *><const char *>digest


cdef double time_of(double seconds) except? -1.0:
    if not is_time(seconds):
        raise ValueError(f"a change does not fit the log: {seconds} is no time")
    return seconds


cdef class NativeStore:
    """Implements mapsys.store.Store, where the verbs are described."""

    cdef Registrations held_
    cdef pthread_mutex_t mutex
    cdef uint64_t _ticket
    cdef readonly object subscriptions
    cdef readonly object history

    def __cinit__(self):
        cdef uint64_t seeds[4]
        cdef int index
        for index in range(4):
            seeds[index] = int.from_bytes(os.urandom(8), "big")
        pthread_mutex_init(&self.mutex, NULL)
        if registrations_open(&self.held_, seeds) < 0:
            raise MemoryError

    def __init__(self):
        self._ticket = 1
        self.subscriptions = Subscriptions(self._append)
        self.history = HistoryRows(self._append)

    def __dealloc__(self):
        registrations_close(&self.held_)
        pthread_mutex_destroy(&self.mutex)

    def _append(self, bytes packed):
        """Log a change of what is held in Python."""
        cdef Octets octets
        octets_of(packed, &octets, FRAME_LIMIT_OCTETS, "a change")
        self._room(octets.length)
        log_packed(&self.held_.log, octets)
        leave(&self.mutex)

    cdef int _room(self, size_t octets) except -1:
        """Enter, with room in the log for one change of so many octets and a few more."""
        enter(&self.mutex)
        if log_reserve(&self.held_.log, 64 + PACKED_PREFIX_LIMIT + octets) < 0:
            leave(&self.mutex)
            raise MemoryError
        return 0

    @property
    def generation(self):
        return self.held_.generation

    def __len__(self):
        return self.held_.count

    def held(self, family):
        return self.held_.held[<int>family]

    def put(
        self,
        eid,
        bytes registrant,
        *,
        bytes record,
        bytes details,
        bytes digest,
        double deadline,
        bytes published,
    ):
        cdef Key key
        cdef Contribution given
        given.digest = digest_of(digest)
        given.deadline = time_of(deadline)
        octets_of(registrant, &given.registrant, REGISTRANT_LIMIT, "a registrant")
        octets_of(record, &given.record, STRING_LIMIT, "a record")
        octets_of(details, &given.details, STRING_LIMIT, "details")
        octets_of(published, &given.published, STRING_LIMIT, "published octets")
        key_of(eid, &key)
        self._room(put_octets(&given))
        cdef int result = registrations_put(&self.held_, &key, &given)
        if result == 0:
            log_put(&self.held_.log, &key, &given)
        leave(&self.mutex)
        if result < 0:
            raise MemoryError

    def withdraw(self, eid, bytes registrant, *, bytes published):
        cdef Key key
        cdef Octets who, left
        cdef bint remains = published is not None
        octets_of(registrant, &who, REGISTRANT_LIMIT, "a registrant")
        octets_of(published if remains else b"", &left, STRING_LIMIT, "published octets")
        key_of(eid, &key)
        self._room(who.length + left.length)
        cdef int result = registrations_withdraw(&self.held_, &key, who, left, remains)
        if result == WITHDRAWN:
            log_withdraw(&self.held_.log, &key, who, left, remains)
        leave(&self.mutex)
        if result < 0:
            raise MemoryError
        if result == IS_LAST:
            raise ValueError(f"withdrawing the last registration of {eid}: nothing is published")
        if result == IS_NOT_LAST:
            raise ValueError(
                f"withdrawing the one registration of {eid}: something stays published"
            )
        return result == WITHDRAWN

    def touch(self, eid, bytes registrant, *, double deadline, bytes digest):
        cdef Key key
        cdef Octets who
        cdef uint32_t slot
        cdef const uint8_t *register = digest_of(digest)
        cdef uint8_t before[DIGEST_OCTETS]
        time_of(deadline)
        octets_of(registrant, &who, REGISTRANT_LIMIT, "a registrant")
        key_of(eid, &key)
        self._room(who.length)
        slot = slot_find(&self.held_, trie_find(&self.held_.trie, &key), who)
        if slot != NOTHING:
            memcpy(before, self.held_.slots[slot].digest, DIGEST_OCTETS)
            slot_touch(&self.held_, slot, deadline, register)
            log_touch(&self.held_.log, &key, who, deadline, register)
        leave(&self.mutex)
        return None if slot == NOTHING else (<const char *>before)[:DIGEST_OCTETS]

    def nonce_mark(self, bytes mark):
        cdef Octets octets
        cdef uint64_t nonce
        octets_of(mark, &octets, STRING_LIMIT, "a mark")
        enter(&self.mutex)
        cdef bint is_there = mark_get(&self.held_.marks, octets, &nonce)
        leave(&self.mutex)
        return nonce if is_there else None

    def raise_nonce(self, bytes mark, nonce):
        cdef Octets octets
        cdef uint64_t number
        octets_of(mark, &octets, STRING_LIMIT, "a mark")
        try:
            number = nonce
        except OverflowError:
            raise ValueError(f"a change does not fit the log: a nonce of {nonce}") from None
        self._room(octets.length)
        cdef int result = mark_raise(&self.held_.marks, octets, number)
        if result == 1:
            log_raise(&self.held_.log, octets, number)
        leave(&self.mutex)
        if result < 0:
            raise MemoryError

    def forget_nonce(self, bytes mark):
        cdef Octets octets
        octets_of(mark, &octets, STRING_LIMIT, "a mark")
        self._room(octets.length)
        if mark_forget(&self.held_.marks, octets):
            log_forget(&self.held_.log, octets)
        leave(&self.mutex)

    def supersede(self, bytes digest, double until):
        cdef const uint8_t *register = digest_of(digest)
        time_of(until)
        self._room(0)
        cdef int result = superseded_add(&self.held_.superseded, register, until)
        if result == 1:
            log_supersede(&self.held_.log, register, until)
        leave(&self.mutex)
        if result < 0:
            raise MemoryError

    def is_superseded(self, bytes digest, double now):
        cdef const uint8_t *register = digest_of(digest)
        time_of(now)
        enter(&self.mutex)
        superseded_purge(&self.held_.superseded, now)
        cdef bint holds = superseded_holds(&self.held_.superseded, register, now)
        leave(&self.mutex)
        return holds

    cdef bytes _string(self, uint32_t number):
        cdef Octets octets = cell_string(&self.held_.cells, number)
        return (<const char *>octets.start)[:octets.length]

    cdef object _view(self, uint32_t leaf):
        """The mapping of a leaf; entered, and leaves."""
        cdef uint32_t first = self.held_.trie.leaves[leaf].value, slot = first
        cdef uint32_t shown = self.held_.trie.leaves[leaf].extra
        cdef Slot *held
        cdef list registrations = []
        try:
            published = self._string(shown)
            while slot != NOTHING:
                held = &self.held_.slots[slot]
                registrations.append(_tuple(Registration, (
                    self._string(held.registrant),
                    self.held_.deadlines.at[slot],
                    (<const char *>held.digest)[:DIGEST_OCTETS],
                    published if held.record == shown else self._string(held.record),
                    self._string(held.details),
                )))
                slot = held.after
            eid = eid_of(&self.held_.trie, leaf)
        finally:
            leave(&self.mutex)
        registrations.sort()
        return _tuple(Mapping, (eid, published, tuple(registrations)))

    cdef object _view_or_none(self, uint32_t leaf):
        if leaf == NOTHING:
            leave(&self.mutex)
            return None
        return self._view(leaf)

    def get(self, eid):
        cdef Key key
        key_of(eid, &key)
        enter(&self.mutex)
        return self._view_or_none(trie_find(&self.held_.trie, &key))

    def longest_match(self, eid):
        cdef Key key
        key_of(eid, &key)
        return self._longest(&key, key.length)

    cdef object _longest(self, const Key *key, uint16_t length):
        enter(&self.mutex)
        return self._view_or_none(trie_longest(&self.held_.trie, key, length))

    def covering(self, eid):
        cdef Key key
        cdef int length = eid.length
        while length >= 0:
            key_of(eid, &key)
            found = self._longest(&key, <uint16_t>length)
            if found is None:
                return
            length = found.eid.length - 1
            yield found

    cdef object _next(self, eid, bint itself, inside):
        """The first mapping after a prefix, or at it; inside a prefix, where one is given."""
        cdef Key key, bound
        cdef uint32_t leaf
        key_of(eid, &key)
        if inside is not None:
            key_of(inside, &bound)
        enter(&self.mutex)
        leaf = trie_after(&self.held_.trie, &key, itself)
        if leaf != NOTHING and inside is not None:
            if not leaf_inside(&self.held_.trie, leaf, &bound):
                leaf = NOTHING
        return self._view_or_none(leaf)

    def covered(self, eid, limit=None):
        left = -1 if limit is None else limit
        at, itself = eid, True
        while left:
            found = self._next(at, itself, eid)
            if found is None:
                return
            yield found
            at, itself = found.eid, False
            left -= 1

    def scan(self, cursor, limit):
        cdef list page = []
        itself = cursor is None
        at = EidPrefix(0, Family.IPV4, 0, 0) if cursor is None else cursor
        while len(page) < limit:
            found = self._next(at, itself, None)
            if found is None:
                break
            page.append(found)
            at, itself = found.eid, False
        return page

    def summary(self, eid):
        cdef Key key
        cdef Sums sums
        cdef size_t index
        memset(&sums, 0, sizeof(Sums))
        key_of(eid, &key)
        enter(&self.mutex)
        try:
            with nogil:
                result = sum_inside(&self.held_, &key, &sums)
            if result < 0:
                raise MemoryError
            cells = {sums.details[index] for index in range(sums.details_used)}
            details = frozenset([self._string(number) for number in cells])
        finally:
            leave(&self.mutex)
            free(sums.details)
        return Summary(sums.prefixes, sums.record_octets, details)

    def hole(self, eid, shortest):
        cdef Key key
        key_of(eid, &key)
        enter(&self.mutex)
        cdef int length = trie_hole_length(&self.held_.trie, &key)
        leave(&self.mutex)
        return None if length < 0 else hole_around(eid, max(length, shortest))

    def due(self, double now, limit):
        cdef size_t most = min(max(limit, 0), WORK_LIMIT), count, index
        cdef uint32_t *slots = <uint32_t *>malloc((most + 1) * sizeof(uint32_t))
        cdef list found = []
        if slots == NULL:
            raise MemoryError
        enter(&self.mutex)
        try:
            time_of(now)
            superseded_purge(&self.held_.superseded, now)
            count = wheel_due(&self.held_.deadlines, now, most, slots)
            for index in range(count):
                found.append((
                    eid_of(&self.held_.trie, self.held_.slots[slots[index]].leaf),
                    self._string(self.held_.slots[slots[index]].registrant),
                ))
        finally:
            leave(&self.mutex)
            free(slots)
        return found

    def next_deadline(self):
        cdef double at = 0
        enter(&self.mutex)
        cdef bint is_any = self.held_.deadlines.count > 0
        if is_any:
            at = wheel_next(&self.held_.deadlines)
        leave(&self.mutex)
        return at if is_any else None

    @property
    def ticket(self):
        return self._ticket

    def take_changes(self):
        cdef bytes taken
        enter(&self.mutex)
        try:
            taken = log_take(&self.held_.log)
            ticket = self._ticket
            self._ticket += 1
        finally:
            leave(&self.mutex)
        return ticket, taken

    def apply(self, bytes changes, double shift):
        for frame in list(frames(changes)):
            self._apply_frame(frame, shift)

    def apply_sealed(self, list rows, double shift):
        cdef size_t count = len(rows), index, lost = 0
        cdef Octets *octets = <Octets *>malloc((count + 1) * sizeof(Octets))
        if octets == NULL:
            raise MemoryError
        try:
            for index in range(count):
                octets[index].length = 0
                row = rows[index]
                if isinstance(row, bytes):
                    octets[index].start = <const uint8_t *><const char *><bytes>row
                    octets[index].length = len(<bytes>row)
            index = 0
            while index < count:
                index += self._apply_run(octets + index, count - index, shift, &lost)
                if index < count:
                    change, _ = read_change(rows[index][:-SEAL_OCTETS], 0)
                    self.subscriptions.apply(change, shift)
                    self.history.apply(change)
                    index += 1
        finally:
            free(octets)
        return lost

    cdef Py_ssize_t _apply_run(
        self, const Octets *rows, size_t count, double shift, size_t *lost
    ) except -1:
        """Take in sealed rows up to the first that Python has to read; returns how many."""
        cdef Source source
        cdef size_t index = 0
        cdef int result = READ
        enter(&self.mutex)
        with nogil:
            while index < count:
                if not is_whole(rows[index]):
                    lost[0] += 1
                    index += 1
                    continue
                source.at = rows[index].start
                source.left = rows[index].length - SEAL_OCTETS
                source.is_short = False
                result = apply_change(&self.held_, &source, shift)
                if result == READ and source.left:
                    result = DAMAGED
                if result != READ:
                    break
                index += 1
        leave(&self.mutex)
        if result == DAMAGED:
            raise ValueError("a packed change is cut short or damaged")
        if result == OUT_OF_MEMORY:
            raise MemoryError
        return <Py_ssize_t>index

    cdef int _apply_frame(self, bytes frame, double shift) except -1:
        cdef Source source
        cdef size_t length = len(frame)
        cdef int result
        source.at = <const uint8_t *><const char *>frame + LOG_FRAME_HEAD
        source.left = length - LOG_FRAME_HEAD
        source.is_short = False
        while source.left:
            enter(&self.mutex)
            result = READ
            with nogil:
                while source.left and result == READ:
                    result = apply_change(&self.held_, &source, shift)
            leave(&self.mutex)
            if result == DAMAGED:
                raise ValueError("a packed change is cut short or damaged")
            if result == OUT_OF_MEMORY:
                raise MemoryError
            if result == ELSEWHERE:
                change, end = read_change(frame, length - source.left)
                self.subscriptions.apply(change, shift)
                self.history.apply(change)
                source.at += <size_t>end - (length - source.left)
                source.left = length - <size_t>end
        return 0
