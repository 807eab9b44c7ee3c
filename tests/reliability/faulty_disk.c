/* Preloaded into a daemon: a disk that keeps it waiting or fails, and a wall clock that is wrong.
 *
 * FAULTY_FOLDER names the folder whose files have that disk. FAULTY_ORDERS names a file of words
 * that is read with every call: "hold" keeps fsync waiting until the word is gone, "fail-fsync"
 * and "fail-write" give EIO, "clock" with a number of seconds is added to the time of day.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HOLD_MICROSECONDS 20000

/* The orders; empty where there are none. System calls, so that nothing comes back here. */
static void read_orders(char *orders, size_t size)
{
    const char *path = getenv("FAULTY_ORDERS");
    long file = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    long length = file < 0 ? 0 : syscall(SYS_read, file, orders, size - 1);
    if (file >= 0)
        syscall(SYS_close, file);
    orders[length < 0 ? 0 : length] = 0;
}

static int is_told(const char *word)
{
    char orders[256];
    read_orders(orders, sizeof orders);
    return strstr(orders, word) != NULL;
}

static int is_inside(int file)
{
    const char *folder = getenv("FAULTY_FOLDER");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = folder ? readlink(link, path, sizeof path - 1) : -1;
    if (length < 0)
        return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int synced(int file, long call)
{
    if (is_inside(file)) {
        while (is_told("hold"))
            usleep(HOLD_MICROSECONDS);
        if (is_told("fail-fsync")) {
            errno = EIO;
            return -1;
        }
    }
    return syscall(call, file);
}

int fsync(int file) { return synced(file, SYS_fsync); }

int fdatasync(int file) { return synced(file, SYS_fdatasync); }

ssize_t pwrite64(int file, const void *octets, size_t count, off64_t at)
{
    if (is_inside(file) && is_told("fail-write")) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pwrite64, file, octets, count, at);
}

ssize_t pwrite(int file, const void *octets, size_t count, off_t at)
{
    return pwrite64(file, octets, count, at);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    long failed = syscall(SYS_clock_gettime, clock, time);
    if (!failed && clock == CLOCK_REALTIME) {
        char orders[256];
        read_orders(orders, sizeof orders);
        const char *word = strstr(orders, "clock ");
        if (word)
            time->tv_sec += atol(word + strlen("clock "));
    }
    return failed;
}
