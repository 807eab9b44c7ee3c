# PrefixTrie: the trie by itself, with the verbs of mapsys.table.PrefixTable.

import os


cdef class PrefixTrie:
    """Numbers by EID-Prefix; see mapsys.table.PrefixTable for the verbs."""

    cdef Trie trie

    def __cinit__(self):
        if trie_open(&self.trie, int.from_bytes(os.urandom(8), "big")) < 0:
            raise MemoryError

    def __dealloc__(self):
        trie_close(&self.trie)

    def __len__(self):
        return self.trie.count

    @property
    def octets(self):
        """Memory in use: leaves, nodes and the keys that do not fit a leaf."""
        return (
            self.trie.leaves_used * sizeof(Leaf)
            + self.trie.nodes_used * sizeof(Node)
            + self.trie.long_keys.used
        )

    def put(self, eid, uint32_t value):
        cdef Key key
        cdef uint32_t leaf
        key_of(eid, &key)
        leaf = trie_insert(&self.trie, &key)
        if leaf == NOTHING:
            raise MemoryError
        self.trie.leaves[leaf].value = value

    def get(self, eid):
        cdef Key key
        key_of(eid, &key)
        leaf = trie_find(&self.trie, &key)
        return None if leaf == NOTHING else self.trie.leaves[leaf].value

    def remove(self, eid):
        cdef Key key
        key_of(eid, &key)
        leaf = trie_find(&self.trie, &key)
        if leaf == NOTHING:
            return None
        value = self.trie.leaves[leaf].value
        trie_remove(&self.trie, leaf)
        return value

    cdef object _entry(self, uint32_t leaf):
        return eid_of(&self.trie, leaf), self.trie.leaves[leaf].value

    def longest_match(self, eid):
        cdef Key key
        key_of(eid, &key)
        leaf = trie_longest(&self.trie, &key, key.length)
        return None if leaf == NOTHING else self._entry(leaf)

    def longest_matches(self, list eids):
        """The longest match of each, looked up side by side."""
        cdef size_t count = len(eids), index
        cdef Key *keys = <Key *>malloc((count + 1) * sizeof(Key))
        cdef const Key **pointers = <const Key **>calloc(count + 1, sizeof(Key *))
        cdef uint32_t *found = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
        try:
            if keys == NULL or pointers == NULL or found == NULL:
                raise MemoryError
            for index in range(count):
                key_of(eids[index], &keys[index])
                pointers[index] = &keys[index]
            with nogil:
                trie_longest_batch(&self.trie, pointers, found, count)
            return [
                None if found[index] == NOTHING else self._entry(found[index])
                for index in range(count)
            ]
        finally:
            free(keys)
            free(pointers)
            free(found)

    def covering(self, eid):
        cdef Key key
        cdef int length = eid.length
        while length >= 0:
            key_of(eid, &key)
            leaf = trie_longest(&self.trie, &key, length)
            if leaf == NOTHING:
                return
            length = <int>self.trie.leaves[leaf].length - 1
            yield self._entry(leaf)

    def covered(self, eid, limit=None):
        cdef Key inside, key
        cdef uint32_t leaf
        left = -1 if limit is None else limit
        at, itself = eid, True
        while left:
            key_of(eid, &inside)
            key_of(at, &key)
            leaf = trie_after(&self.trie, &key, itself)
            if leaf == NOTHING or not leaf_inside(&self.trie, leaf, &inside):
                return
            found = self._entry(leaf)
            yield found
            at, itself = found[0], False
            left -= 1

    def items(self, cursor=None):
        cdef Key key
        cdef uint32_t leaf
        at, itself = cursor, False
        if at is None:
            at, itself = EidPrefix(0, Family.IPV4, 0, 0), True
        while True:
            key_of(at, &key)
            leaf = trie_after(&self.trie, &key, itself)
            if leaf == NOTHING:
                return
            found = self._entry(leaf)
            yield found
            at, itself = found[0], False

    def hole(self, eid, shortest=0):
        cdef Key key
        key_of(eid, &key)
        length = trie_hole_length(&self.trie, &key)
        return None if length < 0 else hole_around(eid, max(length, shortest))


cdef object hole_around(eid, length):
    """The prefix of this length around an EID; among names, of whole octets."""
    if eid.family is Family.NAME:
        length = (length + 7) // 8 * 8
    return eid.truncated(length)
