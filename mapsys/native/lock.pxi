# The engine's lock: held by a batch, which runs without the interpreter's lock, and by
# each verb that Python calls. Whoever waits for it has let go of the interpreter's lock,
# and a batch never asks for that one: so neither can wait for the other for ever.

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *, void *)
    int pthread_mutex_lock(pthread_mutex_t *)
    int pthread_mutex_trylock(pthread_mutex_t *)
    int pthread_mutex_unlock(pthread_mutex_t *)
    int pthread_mutex_destroy(pthread_mutex_t *)


cdef inline void enter(pthread_mutex_t *mutex) noexcept:
    """Take it from Python."""
    if pthread_mutex_trylock(mutex) != 0:
        with nogil:
            pthread_mutex_lock(mutex)


cdef inline void leave(pthread_mutex_t *mutex) noexcept nogil:
    pthread_mutex_unlock(mutex)
