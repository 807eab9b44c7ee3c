# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The native engine, one extension: what it holds and does stands in the files included here.

Structures are plain C memory, so that nothing is there for a garbage collector to
visit and a batch runs without the interpreter's lock. Functions without ``self``
that are marked ``nogil`` ask for the engine's own lock to be held.
"""

include "types.pxi"
include "memory.pxi"
include "cells.pxi"
include "trie.pxi"
include "trie_walk.pxi"
include "prefix.pxi"
include "prefix_trie.pxi"
include "wheel.pxi"
include "marks.pxi"
include "change_log.pxi"
include "registrations.pxi"
include "change_reader.pxi"
include "crc.pxi"
include "summary.pxi"
include "lock.pxi"
include "store.pxi"
include "sha.pxi"
include "sockets.pxi"
include "sending.pxi"
include "parse.pxi"
include "fingerprint.pxi"
include "budgets.pxi"
include "reply_plans.pxi"
include "reply_refreshes.pxi"
include "turn.pxi"
include "arrivals.pxi"
include "batches_receiving.pxi"
include "batches_learning.pxi"
include "batches.pxi"
