/* A disk that is full, for tests: loaded before the C library, it lets writes
   to regular files fail with ENOSPC, those to standard output and error apart. FULL is a number: so many writes still
   succeed; or a path: all fail while that file is there. A file system of one's
   own would need root. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long done;

static int full(int fd) {
  struct stat file;
  const char *when = getenv("FULL");
  if (fd <= 2 || !when || fstat(fd, &file) || !S_ISREG(file.st_mode)) return 0;
  if (*when == '/') {
    if (access(when, F_OK)) return 0;
  } else if (atomic_fetch_add(&done, 1) < atol(when)) {
    return 0;
  }
  errno = ENOSPC;
  return 1;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *from, size_t size) {
  return full(fd) ? -1 : REAL(write)(fd, from, size);
}
ssize_t writev(int fd, const struct iovec *from, int count) {
  return full(fd) ? -1 : REAL(writev)(fd, from, count);
}
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
  return full(fd) ? -1 : REAL(pwrite)(fd, from, size, at);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
  return full(fd) ? -1 : REAL(pwrite64)(fd, from, size, at);
}
