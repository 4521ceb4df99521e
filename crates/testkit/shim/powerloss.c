/* Watches what a program makes durable, for a simulated power loss. Preloaded into the program (LD_PRELOAD).
 *
 * Files count as appended to or replaced, never changed in place, which is how RocksDB writes. For everything below
 * POWERLOSS_ROOT the journal says
 *
 *   F <inode> <bytes>            fsync or fdatasync succeeded: so many bytes of this file are on the device
 *   D <inode>                    fsync of a directory succeeded: these are its entries,
 *   E <inode> <f|d> <name>       one by one,
 *   .                            and this is the end of the record
 *
 * Sizes and entries are taken before the call, so that what another thread adds during it does not count. A record is
 * written before the call returns, so nothing is acknowledged that the journal does not know. A file that is unlinked,
 * replaced by a rename or truncated keeps a second link in POWERLOSS_SHADOW: until its directory is synced, a power loss
 * may bring it back. sync_file_range promises nothing and is therefore not watched.
 *
 * System calls are made directly: the allocator of the program may open files before the dynamic linker is done.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char root[PATH_MAX];
static char shadow[PATH_MAX];
static size_t root_length;
static int journal = -1;
static pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  const char *given_root = getenv("POWERLOSS_ROOT");
  const char *given_shadow = getenv("POWERLOSS_SHADOW");
  const char *given_journal = getenv("POWERLOSS_JOURNAL");
  if (!given_root || !given_shadow || !given_journal) return;
  if (!realpath(given_root, root) || !realpath(given_shadow, shadow)) return;
  root_length = strlen(root);
  journal = (int)syscall(SYS_openat, AT_FDCWD, given_journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* A journal that cannot be written would make the simulation forget syncs, and so report losses that are none. */
static void give_up(const char *what) {
  fprintf(stderr, "powerloss: %s: %s\n", what, strerror(errno));
  abort();
}

static void record(const char *text, size_t length) {
  pthread_mutex_lock(&journal_lock);
  while (length > 0) {
    ssize_t written = write(journal, text, length);
    if (written < 0) {
      if (errno == EINTR) continue;
      give_up("the journal cannot be written");
    }
    text += written;
    length -= (size_t)written;
  }
  pthread_mutex_unlock(&journal_lock);
}

static int is_below_root(const char *path) {
  return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == '\0');
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return 1;
}

/* The absolute path of what a call names, its last component as it is; 0 if that is not below the root. */
static int resolve(int at, const char *name, char *path) {
  char whole[PATH_MAX], folder[PATH_MAX];
  if (journal < 0) return 0;
  if (name[0] == '/') {
    if (snprintf(whole, sizeof whole, "%s", name) >= (int)sizeof whole) return 0;
  } else {
    char base[PATH_MAX];
    if (at == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of(at, base)) return 0;
    if (snprintf(whole, sizeof whole, "%s/%s", base, name) >= (int)sizeof whole) return 0;
  }
  char *last = strrchr(whole, '/');
  *last = '\0';
  if (!realpath(*whole ? whole : "/", folder)) return 0;
  if (snprintf(path, PATH_MAX, "%s/%s", folder, last + 1) >= PATH_MAX) return 0;
  return is_below_root(path);
}

/* Keeps a file that is about to lose its name. */
static void preserve(const char *path, const struct stat *facts) {
  char kept[PATH_MAX + 32];
  snprintf(kept, sizeof kept, "%s/%llu", shadow, (unsigned long long)facts->st_ino);
  if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0) != 0 && errno != EEXIST && errno != ENOENT)
    give_up("a file cannot be kept");
}

static void before_name_is_lost(int at, const char *name) {
  char path[PATH_MAX];
  struct stat facts;
  int saved = errno;
  if (resolve(at, name, path) && lstat(path, &facts) == 0 && S_ISREG(facts.st_mode)) preserve(path, &facts);
  errno = saved;
}

/* --- syncs --- */

/* The record of a directory's entries, allocated; NULL where it cannot be read. */
static char *listing(const char *path, ino_t inode, size_t *length) {
  char *text = NULL;
  FILE *out = open_memstream(&text, length);
  DIR *folder = out ? opendir(path) : NULL;
  if (!folder) give_up("a directory cannot be read");
  fprintf(out, "D %llu\n", (unsigned long long)inode);
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    char kind = entry->d_type == DT_DIR ? 'd' : 'f';
    fprintf(out, "E %llu %c %s\n", (unsigned long long)entry->d_ino, kind, entry->d_name);
  }
  fprintf(out, ".\n");
  closedir(folder);
  if (fclose(out) != 0) give_up("out of memory");
  return text;
}

static int watched_sync(int fd, long number) {
  char path[PATH_MAX], line[64];
  struct stat facts;
  char *text = NULL;
  size_t length = 0;
  int is_watched = journal >= 0 && fstat(fd, &facts) == 0 && path_of(fd, path) && is_below_root(path);
  if (is_watched && S_ISDIR(facts.st_mode)) {
    text = listing(path, facts.st_ino, &length);
  } else if (is_watched) {
    length = (size_t)snprintf(line, sizeof line, "F %llu %lld\n", (unsigned long long)facts.st_ino,
                              (long long)facts.st_size);
  }
  int result = (int)syscall(number, fd);
  int saved = errno;
  if (is_watched && result == 0) record(text ? text : line, length);
  free(text);
  errno = saved;
  return result;
}

int fsync(int fd) { return watched_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return watched_sync(fd, SYS_fdatasync); }

/* --- names that go away --- */

int unlink(const char *path) {
  before_name_is_lost(AT_FDCWD, path);
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int unlinkat(int at, const char *path, int flags) {
  if (!(flags & AT_REMOVEDIR)) before_name_is_lost(at, path);
  return (int)syscall(SYS_unlinkat, at, path, flags);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  before_name_is_lost(to_at, to);
  return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
  return renameat2(from_at, from, to_at, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* A file that is emptied becomes a new one under its name, so that the old content can come back. */
static int watched_open(int at, const char *path, int flags, mode_t mode) {
  if ((flags & O_TRUNC) && (flags & O_CREAT) && journal >= 0) {
    char whole[PATH_MAX];
    struct stat facts;
    if (resolve(at, path, whole) && lstat(whole, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0) {
      preserve(whole, &facts);
      syscall(SYS_unlinkat, AT_FDCWD, whole, 0);
    }
  }
  return (int)syscall(SYS_openat, at, path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(arguments, unsigned) : 0;
}

#define DEFINE_OPEN(name, parameters, at)            \
  int name parameters {                              \
    va_list arguments;                               \
    va_start(arguments, flags);                      \
    mode_t mode = mode_of(flags, arguments);         \
    va_end(arguments);                               \
    return watched_open(at, path, flags, mode);      \
  }

DEFINE_OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
DEFINE_OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
DEFINE_OPEN(openat, (int at, const char *path, int flags, ...), at)
DEFINE_OPEN(openat64, (int at, const char *path, int flags, ...), at)
