/* A disk that fails on demand, for tests: an LD_PRELOAD shim around the calls by which a program reads, writes, syncs
 * and names files.
 *
 *   FAULTDISK_ROOT=/data FAULTDISK_CONTROL=/tmp/faults LD_PRELOAD=faultdisk.so program
 *
 * Only files under FAULTDISK_ROOT are concerned. The control file holds one rule per line; the test replaces it (by
 * rename) while the program runs, and the next call heeds it:
 *
 *   <operation> <suffix> fail <errno name>     the call fails
 *   <operation> <suffix> delay <microseconds>  the call takes so much longer
 *   <operation> <suffix> hang                  the call waits until the control file is replaced
 *   <operation> <suffix> limit <bytes>         so many bytes can be written; then the disk is full (write only)
 *
 * Operations: write (and ftruncate, fallocate), sync, read, create (open of a file that is written to), rename (and
 * link), or * for all of them. The suffix is compared with the end of the path, or the name with its beginning if it ends
 * in -, as in MANIFEST-; * is every file. The first rule that matches counts. A delayed call is also matched with the
 * rules behind the delay.
 *
 * No call here allocates memory, and the real work is done by bare system calls, so that it is of no concern which
 * allocator the program has and when it is initialised.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 32
#define CONTROL_BYTES_MAX 8192
#define EXPORT __attribute__((visibility("default")))

enum { WRITE = 1, SYNC = 2, READ = 4, CREATE = 8, RENAME = 16, EVERY = 31 };
enum action { FAIL, DELAY, HANG, LIMIT };

struct rule {
  int operations;
  enum action action;
  long number; /* An errno, microseconds or bytes. */
  char suffix[64];
};

static pthread_rwlock_t rules_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct rule rules[RULES_MAX];
static int rule_count;
/* What is left of a limit, per rule. */
static _Atomic long left[RULES_MAX];
/* Which control file the rules are from. */
static _Atomic uint64_t loaded;

static const struct {
  const char *name;
  int number;
} ERRNOS[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EROFS", EROFS}, {"EDQUOT", EDQUOT}, {"EACCES", EACCES}};

static int operations_of(const char *word) {
  if (!strcmp(word, "write")) return WRITE;
  if (!strcmp(word, "sync")) return SYNC;
  if (!strcmp(word, "read")) return READ;
  if (!strcmp(word, "create")) return CREATE;
  if (!strcmp(word, "rename")) return RENAME;
  return !strcmp(word, "*") ? EVERY : 0;
}

/* A rule that is not understood ends the program: a test must not pass because its fault never happened. */
static void misread(const char *line) {
  static const char text[] = "faultdisk: rule not understood: ";
  syscall(SYS_write, 2, text, sizeof text - 1);
  syscall(SYS_write, 2, line, strlen(line));
  syscall(SYS_write, 2, "\n", 1);
  _exit(97);
}

static void parse(char *text) {
  rule_count = 0;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line && rule_count < RULES_MAX; line = strtok_r(NULL, "\n", &rest)) {
    char operation[16], suffix[64], action[16], argument[32] = "";
    if (sscanf(line, "%15s %63s %15s %31s", operation, suffix, action, argument) < 3) misread(line);
    struct rule *rule = &rules[rule_count];
    rule->operations = operations_of(operation);
    if (!rule->operations) misread(line);
    strcpy(rule->suffix, suffix);
    rule->number = atol(argument);
    if (!strcmp(action, "fail")) {
      rule->action = FAIL;
      rule->number = 0;
      for (size_t i = 0; i < sizeof ERRNOS / sizeof *ERRNOS; i++)
        if (!strcmp(argument, ERRNOS[i].name)) rule->number = ERRNOS[i].number;
      if (!rule->number) misread(line);
    } else if (!strcmp(action, "delay")) {
      rule->action = DELAY;
    } else if (!strcmp(action, "hang")) {
      rule->action = HANG;
    } else if (!strcmp(action, "limit")) {
      rule->action = LIMIT;
      rule->operations = WRITE;
    } else {
      misread(line);
    }
    atomic_store(&left[rule_count], rule->number);
    rule_count++;
  }
}

/* Reads the control file if it is another than last time. */
static void reload(void) {
  const char *path = getenv("FAULTDISK_CONTROL");
  struct stat stat;
  if (!path || syscall(SYS_newfstatat, AT_FDCWD, path, &stat, 0) < 0) return;
  uint64_t now = (uint64_t)stat.st_ino * 0x9e3779b97f4a7c15u + (uint64_t)stat.st_mtim.tv_sec * 1000000000u +
                 (uint64_t)stat.st_mtim.tv_nsec;
  if (now == atomic_load(&loaded)) return;
  pthread_rwlock_wrlock(&rules_lock);
  if (now != atomic_load(&loaded)) {
    static char text[CONTROL_BYTES_MAX];
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
      long length = syscall(SYS_read, fd, text, sizeof text - 1);
      syscall(SYS_close, fd);
      text[length > 0 ? length : 0] = 0;
      parse(text);
      atomic_store(&loaded, now);
    }
  }
  pthread_rwlock_unlock(&rules_lock);
}

static int is_concerned(const char *path) {
  const char *root = getenv("FAULTDISK_ROOT");
  size_t length = root ? strlen(root) : 0;
  return length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

static int matches(const struct rule *rule, int operation, const char *path) {
  if (!(rule->operations & operation)) return 0;
  if (!strcmp(rule->suffix, "*")) return 1;
  size_t suffix = strlen(rule->suffix), length = strlen(path);
  if (rule->suffix[suffix - 1] == '-') {
    const char *name = strrchr(path, '/');
    return !strncmp(name ? name + 1 : path, rule->suffix, suffix);
  }
  return length >= suffix && !strcmp(path + length - suffix, rule->suffix);
}

static void pause_us(long us) {
  struct timespec time = {us / 1000000, us % 1000000 * 1000};
  syscall(SYS_nanosleep, &time, NULL);
}

/* Applies the rules to a call. Returns how many of `bytes` it may transfer; -1 with errno if it fails. */
static long apply(int operation, const char *path, long bytes) {
  reload();
  pthread_rwlock_rdlock(&rules_lock);
  for (int i = 0; i < rule_count; i++) {
    if (!matches(&rules[i], operation, path)) continue;
    struct rule rule = rules[i];
    uint64_t generation = atomic_load(&loaded);
    if (rule.action == LIMIT) {
      long before = atomic_fetch_sub(&left[i], bytes);
      if (before < bytes) {
        atomic_store(&left[i], 0);
        bytes = before > 0 ? before : 0;
      }
      pthread_rwlock_unlock(&rules_lock);
      if (bytes > 0 || before > 0) return bytes;
      errno = ENOSPC;
      return -1;
    }
    if (rule.action == FAIL) {
      pthread_rwlock_unlock(&rules_lock);
      errno = (int)rule.number;
      return -1;
    }
    pthread_rwlock_unlock(&rules_lock);
    if (rule.action == HANG) {
      while (atomic_load(&loaded) == generation) {
        pause_us(5000);
        reload();
      }
      return apply(operation, path, bytes);
    }
    pause_us(rule.number);
    pthread_rwlock_rdlock(&rules_lock);
  }
  pthread_rwlock_unlock(&rules_lock);
  return bytes;
}

/* The same for an open file. */
static long apply_fd(int operation, int fd, long bytes) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (length <= 0) return bytes;
  path[length] = 0;
  return is_concerned(path) ? apply(operation, path, bytes) : bytes;
}

/* errno is left alone by calls that go on. */
#define ALLOWED(variable, operation, fd, bytes)            \
  int saved_errno = errno;                                 \
  long variable = apply_fd(operation, fd, (long)(bytes)); \
  if (variable < 0) return -1;                             \
  errno = saved_errno

EXPORT ssize_t write(int fd, const void *buffer, size_t bytes) {
  ALLOWED(allowed, WRITE, fd, bytes);
  return syscall(SYS_write, fd, buffer, allowed);
}

EXPORT ssize_t pwrite64(int fd, const void *buffer, size_t bytes, off64_t offset) {
  ALLOWED(allowed, WRITE, fd, bytes);
  return syscall(SYS_pwrite64, fd, buffer, allowed, offset);
}

EXPORT ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t offset) {
  return pwrite64(fd, buffer, bytes, offset);
}

EXPORT ssize_t read(int fd, void *buffer, size_t bytes) {
  ALLOWED(allowed, READ, fd, bytes);
  return syscall(SYS_read, fd, buffer, allowed);
}

EXPORT ssize_t pread64(int fd, void *buffer, size_t bytes, off64_t offset) {
  ALLOWED(allowed, READ, fd, bytes);
  return syscall(SYS_pread64, fd, buffer, allowed, offset);
}

EXPORT ssize_t pread(int fd, void *buffer, size_t bytes, off_t offset) { return pread64(fd, buffer, bytes, offset); }

EXPORT int fsync(int fd) {
  ALLOWED(allowed, SYNC, fd, 0);
  (void)allowed;
  return (int)syscall(SYS_fsync, fd);
}

EXPORT int fdatasync(int fd) {
  ALLOWED(allowed, SYNC, fd, 0);
  (void)allowed;
  return (int)syscall(SYS_fdatasync, fd);
}

EXPORT int sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned int flags) {
  ALLOWED(allowed, SYNC, fd, 0);
  (void)allowed;
  return (int)syscall(SYS_sync_file_range, fd, offset, bytes, flags);
}

EXPORT int ftruncate64(int fd, off64_t length) {
  ALLOWED(allowed, WRITE, fd, 1);
  (void)allowed;
  return (int)syscall(SYS_ftruncate, fd, length);
}

EXPORT int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t bytes) {
  ALLOWED(allowed, WRITE, fd, 1);
  (void)allowed;
  return (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t bytes) { return fallocate64(fd, mode, offset, bytes); }

static int open_at(int directory, const char *path, int flags, mode_t mode) {
  int saved_errno = errno;
  int writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;
  if (writes && is_concerned(path) && apply(CREATE, path, 0) < 0) return -1;
  errno = saved_errno;
  return (int)syscall(SYS_openat, directory, path, flags, mode);
}

#define MODE_OF(flags)                                      \
  mode_t mode = 0;                                          \
  if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
    va_list arguments;                                      \
    va_start(arguments, flags);                             \
    mode = va_arg(arguments, mode_t);                       \
    va_end(arguments);                                      \
  }

EXPORT int open(const char *path, int flags, ...) {
  MODE_OF(flags);
  return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...) {
  MODE_OF(flags);
  return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int directory, const char *path, int flags, ...) {
  MODE_OF(flags);
  return open_at(directory, path, flags, mode);
}

EXPORT int openat64(int directory, const char *path, int flags, ...) {
  MODE_OF(flags);
  return open_at(directory, path, flags, mode);
}

EXPORT int rename(const char *from, const char *to) {
  if (is_concerned(to) && apply(RENAME, to, 0) < 0) return -1;
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int link(const char *from, const char *to) {
  if (is_concerned(to) && apply(RENAME, to, 0) < 0) return -1;
  return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}
