// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The calls of faulty-files.h: those of the record store and its lock, and of reading files. Names
 * are the linker's, and those of glibc for large files, with which meson has everything built.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faulty-files.h"

struct faulty_files faulty_files;

enum kind {
	LOOK,
	CHANGE,
};

/* Must this operation not be carried out? Sets errno. */
static bool goes_wrong(enum kind kind)
{
	struct faulty_files *f = &faulty_files;

	if (!f->watched || (kind == LOOK && f->changes && !f->dead))
		return false;
	f->n_ops++;
	if (f->n_ops == f->die_at && f->die)
		f->die();
	f->dead = f->dead || f->n_ops == f->die_at;
	if (!f->dead && f->n_ops != f->fail_at)
		return false;
	errno = f->dead ? ECANCELED : f->error;
	return true;
}

/* The same of a call that may block. */
static bool blocks_or_goes_wrong(enum kind kind)
{
	struct faulty_files *f = &faulty_files;

	if (!f->watched || ++f->n_blocking != f->interrupt_at)
		return goes_wrong(kind);
	errno = EINTR;
	return true;
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & O_CREAT ? (mode_t)va_arg(args, unsigned int) : 0;
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return blocks_or_goes_wrong(flags & O_CREAT ? CHANGE : LOOK)
		       ? -1
		       : __real_open64(path, flags, mode);
}

int __real_openat64(int dirfd, const char *path, int flags, ...);
int __wrap_openat64(int dirfd, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return goes_wrong(flags & O_CREAT ? CHANGE : LOOK)
		       ? -1
		       : __real_openat64(dirfd, path, flags, mode);
}

int __real_mkdirat(int dirfd, const char *path, mode_t mode);
int __wrap_mkdirat(int dirfd, const char *path, mode_t mode)
{
	return goes_wrong(CHANGE) ? -1 : __real_mkdirat(dirfd, path, mode);
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
	return goes_wrong(CHANGE) ? -1 : __real_fchmod(fd, mode);
}

int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st)
{
	return goes_wrong(LOOK) ? -1 : __real_fstat64(fd, st);
}

int __real_fstatat64(int dirfd, const char *path, struct stat *st, int flags);
int __wrap_fstatat64(int dirfd, const char *path, struct stat *st, int flags)
{
	return goes_wrong(LOOK) ? -1 : __real_fstatat64(dirfd, path, st, flags);
}

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
	return blocks_or_goes_wrong(LOOK) ? -1 : __real_read(fd, bytes, size);
}

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
	return blocks_or_goes_wrong(CHANGE) ? -1 : __real_write(fd, bytes, size);
}

int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return goes_wrong(CHANGE) ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

int __real_unlinkat(int dirfd, const char *path, int flags);
int __wrap_unlinkat(int dirfd, const char *path, int flags)
{
	return goes_wrong(CHANGE) ? -1 : __real_unlinkat(dirfd, path, flags);
}

struct dirent *__real_readdir64(DIR *dir);
struct dirent *__wrap_readdir64(DIR *dir)
{
	return goes_wrong(LOOK) ? NULL : __real_readdir64(dir);
}

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation)
{
	return operation != LOCK_UN && blocks_or_goes_wrong(CHANGE) ? -1
								    : __real_flock(fd, operation);
}

/* A descriptor is closed whatever close() says of it. */
int __real_close(int fd);
int __wrap_close(int fd)
{
	int r = __real_close(fd);

	return blocks_or_goes_wrong(LOOK) ? -1 : r;
}
