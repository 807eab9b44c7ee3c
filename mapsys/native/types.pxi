# The structures, all in one place. Numbers that name something are 32 bits wide;
# NOTHING is none of them.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memmove, memset

cdef extern from *:
    """
    #define MAPSYS_NOTHING 0xFFFFFFFFu
    #define MAPSYS_LEAF 0x80000000u
    #define MAPSYS_KEY_OCTETS 256
    #define MAPSYS_INLINE_KEY_OCTETS 16
    #define MAPSYS_DIGEST_OCTETS 16
    #define MAPSYS_CHANGES_KEPT 1024
    """
    const uint32_t NOTHING "MAPSYS_NOTHING"
    # In a node's child: the rest of the number is a leaf's.
    const uint32_t LEAF "MAPSYS_LEAF"
    # Room for the longest key, that of an opaque EID.
    enum: KEY_OCTETS "MAPSYS_KEY_OCTETS"
    enum: INLINE_KEY_OCTETS "MAPSYS_INLINE_KEY_OCTETS"
    enum: DIGEST_OCTETS "MAPSYS_DIGEST_OCTETS"
    enum: CHANGES_KEPT "MAPSYS_CHANGES_KEPT"
    int clz32 "__builtin_clz"(unsigned int) nogil
    void prefetch "__builtin_prefetch"(const void *) nogil


# Cells (cells.pxi): octet strings, each held once.

cdef struct Cell:
    uint32_t next           # in its bucket
    uint32_t references     # how often it was asked to be held
    uint16_t length         # octets of the string, behind CELL_HEAD and the payload

cdef struct Cells:
    uint8_t *memory         # cells one behind the other, in units of 8 octets
    size_t used             # octets
    size_t capacity
    uint32_t *free          # first free cell by size in units
    uint32_t *buckets       # first cell of each bucket
    size_t buckets_capacity
    uint32_t bucket_count   # grows by one with every string beyond it
    uint32_t half           # a power of two: half <= bucket_count < 2 * half
    uint32_t count
    uint32_t payload        # octets of every cell that belong to the holder
    uint64_t seed           # nobody outside can choose strings that collide


# Trie (trie.pxi): prefixes of one or many (instance-ID, family).

cdef struct Key:            # an EID-Prefix as the trie compares it
    uint32_t instance_id
    uint16_t length         # bits
    uint8_t family
    uint8_t octets[KEY_OCTETS]  # from the first bit on; host bits zero

cdef struct Node:
    uint32_t child[2]       # by the bit that is tested: a node, LEAF with a leaf, NOTHING
    uint32_t leaf           # the prefix that ends at this bit, or NOTHING
    uint16_t bit            # which bit the node tests
    uint16_t spare

cdef struct Leaf:
    uint8_t key[INLINE_KEY_OCTETS]  # or, where is_long, the number of a cell that holds it
    uint32_t plane
    uint32_t value          # the caller's; the first slot of a chain in the store
    uint32_t extra          # the caller's; the cell with the published octets in the store
    uint16_t length         # bits
    uint8_t is_long
    uint8_t is_used

cdef struct Plane:          # one instance-ID and family
    uint64_t number         # instance-ID, then 8 bits of family: in the order of the table
    uint32_t root           # as a node's child
    uint32_t count          # of its prefixes

cdef struct Trie:
    Node *nodes
    size_t nodes_capacity
    uint32_t nodes_used
    uint32_t nodes_free     # linked by child[0]
    Leaf *leaves
    size_t leaves_capacity
    uint32_t leaves_used
    uint32_t leaves_free    # linked by value
    Plane *planes           # never given back: few, and they come again
    size_t planes_capacity
    uint32_t planes_used
    uint32_t *order         # planes by number
    size_t order_capacity
    uint32_t *places        # planes by hash, open addressing
    uint32_t places_mask
    Cells long_keys
    uint32_t count


# Wheel (wheel.pxi): when each item falls due, in seconds.

cdef enum:
    WHEEL_SECONDS = 4096
    RIPE = WHEEL_SECONDS    # the list of what was found due
    UNFILED = 0xFFFF

cdef struct Link:
    uint32_t before
    uint32_t after

cdef struct Wheel:
    double *at              # by item: its deadline
    size_t at_capacity
    Link *links             # by item: its neighbours in a list
    size_t links_capacity
    uint16_t *lists         # by item: the list it is in, or UNFILED
    size_t lists_capacity
    size_t size             # items there is room for that were given one
    uint32_t heads[WHEEL_SECONDS + 1]   # the second modulo WHEEL_SECONDS; RIPE
    int64_t base            # no second before it has anything filed
    int64_t first           # nor any before this one, unless RIPE
    uint32_t count          # items with a deadline
    bint is_asked           # the clock is known to have reached base


# Nonce marks and superseded digests (marks.pxi).

cdef struct Superseded:
    Cells digests           # payload: the item
    Wheel wheel
    uint32_t *numbers       # by item: its cell; of a free item: the next free one
    size_t capacity
    uint32_t used
    uint32_t free


# Change log (change_log.pxi).

cdef struct Log:
    uint8_t *octets         # frames, their heads empty until they are taken
    size_t used
    size_t capacity
    size_t frame            # where the last frame begins
    bint is_open            # whether it takes more


# Registrations (registrations.pxi).

cdef struct Slot:           # one registrant's contribution to a mapping
    uint8_t digest[DIGEST_OCTETS]
    uint32_t after          # the next slot of the chain; of a free slot: the next free one
    uint32_t leaf           # the EID-Prefix
    uint32_t registrant     # cells
    uint32_t record
    uint32_t details

cdef struct Octets:         # a string somewhere
    const uint8_t *start
    size_t length

cdef struct Contribution:   # as it comes in
    Octets registrant
    Octets record
    Octets details
    Octets published
    const uint8_t *digest
    double deadline

cdef struct Registrations:
    Trie trie               # value: the first slot; extra: the cell that is published
    Cells cells
    Slot *slots
    size_t slots_capacity
    uint32_t slots_used
    uint32_t slots_free
    uint32_t count
    uint32_t held[8]        # by family
    Wheel deadlines         # by slot
    Cells marks             # payload: the nonce
    Superseded superseded
    Log log
    uint64_t generation     # grows by one with every change but of lifetimes
    Key *changed            # where, by generation modulo CHANGES_KEPT
