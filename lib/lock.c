// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The lock: flock(2) on RUN/lock, polled until a deadline. A blocking flock() could be bounded by
 * a signal only, and signals belong to the host process; pppd dies of SIGALRM. When to take the
 * lock, and what to do without it, is the caller's part.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "lock.h"
#include "util.h"

#define LOCK_NAME "lock"

#define NSECS_PER_MSEC 1000000
#define NSECS_PER_SEC 1000000000

/*
 * First and longest pause between two tries. An event takes a few milliseconds; who waits longer is
 * one of many, whose tries would take more time than what they wait for.
 */
#define PAUSE_FIRST (NSECS_PER_MSEC / 2)
#define PAUSE_LONGEST (50 * NSECS_PER_MSEC)

static int64_t now_nsecs(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NSECS_PER_SEC + ts.tv_nsec;
}

/* Whoever can open the file can keep the lock from all others, so its mode is 0600 at all times. */
static int open_lock_file(int run_dirfd, int *ret_fd)
{
	mh_cleanup(mh_closep) int fd = -1;
	struct stat st;

	do
		fd = openat(run_dirfd, LOCK_NAME,
			    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
			    0600);
	while (fd < 0 && errno == EINTR);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()))
		return -EUCLEAN;
	if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600) < 0)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* Is @fd what others will open as the lock, or has the file been removed or replaced? */
static int check_current(int run_dirfd, int fd)
{
	struct stat ours, current;

	if (fstat(fd, &ours) < 0)
		return -errno;
	if (fstatat(run_dirfd, LOCK_NAME, &current, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	return ours.st_dev == current.st_dev && ours.st_ino == current.st_ino ? 0 : -EAGAIN;
}

/* Opens the file anew each time, since it may have been replaced. Return: -EAGAIN if taken. */
static int try_lock(int run_dirfd, int *ret_fd)
{
	mh_cleanup(mh_closep) int fd = -1;
	int r;

	r = open_lock_file(run_dirfd, &fd);
	if (r < 0)
		return r;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
	r = check_current(run_dirfd, fd);
	if (r < 0)
		return r;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* Up to an eighth more or less, so that those who wait do not go in step. */
static int64_t with_jitter(int64_t pause, int64_t now)
{
	uint64_t mixed = ((uint64_t)now ^ (uint64_t)getpid()) * 0x9e3779b97f4a7c15u;
	int64_t range = pause / 4;

	return pause - range / 2 + (int64_t)((mixed >> 32) % (uint64_t)range);
}

int mh_lock_acquire(int run_dirfd, unsigned int deadline_msecs, int *ret_fd)
{
	int64_t now = now_nsecs();
	int64_t deadline = now + (int64_t)deadline_msecs * NSECS_PER_MSEC;
	int64_t pause = PAUSE_FIRST;
	int r;

	while ((r = try_lock(run_dirfd, ret_fd)) == -EAGAIN) {
		struct timespec ts = { 0 };
		int64_t nsecs;

		now = now_nsecs();
		if (now >= deadline)
			return -ETIMEDOUT;
		nsecs = with_jitter(pause, now);
		if (nsecs > deadline - now)
			nsecs = deadline - now;
		ts.tv_nsec = (long)nsecs;
		/* An early end, by a signal, merely brings the next try forward. */
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
		pause = pause * 2 < PAUSE_LONGEST ? pause * 2 : PAUSE_LONGEST;
	}
	return r;
}

int mh_lock_release(int fd)
{
	if (fd < 0)
		return -1;
	flock(fd, LOCK_UN);
	close(fd);
	return -1;
}
