/* A disk that is full while the file that FULL_DISK names exists: no write makes a regular file grow, each fails with ENOSPC.
   What is allocated may be written over, as on a real one. To be preloaded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_refused(int fd, off_t end) {
    const char *flag = getenv("FULL_DISK");
    struct stat status;
    int before = errno;
    int refused = flag && access(flag, F_OK) == 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && end > status.st_size;
    errno = before;
    return refused;
}

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))
#define NO_SPACE (errno = ENOSPC, -1)

ssize_t write(int fd, const void *data, size_t count) {
    return is_refused(fd, lseek(fd, 0, SEEK_CUR) + (off_t)count) ? NO_SPACE : REAL(write)(fd, data, count);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) {
    return is_refused(fd, offset + (off_t)count) ? NO_SPACE : REAL(pwrite)(fd, data, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    off_t end = offset;
    for (int part = 0; part < count; part++) end += (off_t)parts[part].iov_len;
    return is_refused(fd, end) ? NO_SPACE : REAL(pwritev)(fd, parts, count, offset);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    return is_refused(fd, offset + length) ? ENOSPC : REAL(posix_fallocate)(fd, offset, length);
}
