# Arrays that grow. Large ones move by remapping, so growing them copies nothing and
# what is not written yet takes no memory.

from libc.stdlib cimport calloc, free, malloc, realloc


cdef int reserve(void **array, size_t *capacity, size_t needed, size_t size) noexcept nogil:
    """Room for so many elements of a size; -1 where there is no memory."""
    cdef size_t wanted = capacity[0]
    cdef void *grown
    if needed <= wanted:
        return 0
    wanted = wanted + wanted // 2 + 64
    if wanted < needed:
        wanted = needed
    grown = realloc(array[0], wanted * size)
    if grown == NULL:
        return -1
    array[0] = grown
    capacity[0] = wanted
    return 0
