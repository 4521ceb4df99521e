/* A disk that hangs on command. Preloaded into a server (LD_PRELOAD).
 *
 * HUNGDISK_ROOT is a directory by its resolved path, HUNGDISK_CONTROL a file of 32 bytes that another process writes while the server runs:
 *
 *   byte 0        0: the disk works. 1: it hangs.
 *   bytes 1..31   the end of a file's name, with a zero behind it: only files below the root whose names end so are
 *                 concerned. Empty: all of them.
 *
 * While the disk hangs, no write, sync or positioned read of a file concerned returns; afterwards each goes on as if it had
 * just been called. While it works, a call costs one load more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_BYTES 32

static char root[PATH_MAX];
static size_t root_length;
static volatile const char *control;

__attribute__((constructor)) static void begin(void) {
  const char *given_root = getenv("HUNGDISK_ROOT");
  const char *given_control = getenv("HUNGDISK_CONTROL");
  /* Not resolved: the directory need not exist yet. */
  if (!given_root || !given_control || strlen(given_root) >= sizeof root) return;
  strcpy(root, given_root);
  root_length = strlen(root);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, given_control, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return;
  void *mapped = mmap(NULL, CONTROL_BYTES, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped != MAP_FAILED) control = mapped;
}

static int is_concerned(int fd) {
  char link[64], path[PATH_MAX], end[CONTROL_BYTES];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  if (strncmp(path, root, root_length) != 0 || path[root_length] != '/') return 0;
  for (size_t index = 1; index < CONTROL_BYTES; index++) end[index - 1] = control[index];
  end[CONTROL_BYTES - 1] = '\0';
  size_t end_length = strlen(end);
  return (size_t)length >= end_length && strcmp(path + length - end_length, end) == 0;
}

static void wait_for_disk(int fd) {
  if (!control || !control[0] || !is_concerned(fd)) return;
  int saved = errno;
  const struct timespec pause = {0, 1000000};
  while (control[0]) nanosleep(&pause, NULL);
  errno = saved;
}

ssize_t write(int fd, const void *from, size_t count) {
  wait_for_disk(fd);
  return syscall(SYS_write, fd, from, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  wait_for_disk(fd);
  return syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t offset) {
  wait_for_disk(fd);
  return syscall(SYS_pwrite64, fd, from, count, offset);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t offset) {
  wait_for_disk(fd);
  return syscall(SYS_pwrite64, fd, from, count, offset);
}

ssize_t pread(int fd, void *to, size_t count, off_t offset) {
  wait_for_disk(fd);
  return syscall(SYS_pread64, fd, to, count, offset);
}

ssize_t pread64(int fd, void *to, size_t count, off64_t offset) {
  wait_for_disk(fd);
  return syscall(SYS_pread64, fd, to, count, offset);
}

int fsync(int fd) {
  wait_for_disk(fd);
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  wait_for_disk(fd);
  return (int)syscall(SYS_fdatasync, fd);
}
