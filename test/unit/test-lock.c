// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The lock. Lock.c is included, so that time can be made up: where a test says so, the clock moves
 * by being slept through and in no other way, and how long was waited is a matter of counting.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../remove-tree.h"

/*
 * @fake: time is made up
 * @now: in ns
 * @sleeps, @longest, @shortest: of the sleeps so far, in ns
 * @cut: sleeps end after that many ns, as if by a signal; 0: they do not
 * @on_sleep: what happens meanwhile
 * @foreign: the lock file seems to belong to another user
 * @flock_error: errno of every flock()
 * @replace: so many times the lock file is replaced between its opening and its locking
 */
static struct {
	bool fake;
	int64_t now;
	unsigned int sleeps;
	int64_t longest;
	int64_t shortest;
	int64_t cut;
	void (*on_sleep)(void);
	bool foreign;
	int flock_error;
	unsigned int replace;
} hook;

static void replace_lock_file(void);

static int hook_clock_gettime(clockid_t clock, struct timespec *ret)
{
	assert_int_equal(clock, CLOCK_MONOTONIC);
	if (!hook.fake)
		return clock_gettime(clock, ret);
	ret->tv_sec = (time_t)(hook.now / 1000000000);
	ret->tv_nsec = (long)(hook.now % 1000000000);
	return 0;
}

static int hook_clock_nanosleep(clockid_t clock, int flags, const struct timespec *ts,
				struct timespec *left)
{
	int64_t nsecs = (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec;

	assert_int_equal(clock, CLOCK_MONOTONIC);
	assert_int_equal(flags, 0);
	assert_in_range(ts->tv_nsec, 0, 999999999);
	hook.sleeps++;
	hook.longest = nsecs > hook.longest ? nsecs : hook.longest;
	hook.shortest = hook.sleeps == 1 || nsecs < hook.shortest ? nsecs : hook.shortest;
	if (hook.on_sleep)
		hook.on_sleep();
	if (!hook.fake)
		return clock_nanosleep(clock, flags, ts, left);
	hook.now += hook.cut && nsecs > hook.cut ? hook.cut : nsecs;
	return hook.cut ? EINTR : 0;
}

static int hook_fstat(int fd, struct stat *ret)
{
	int r = fstat(fd, ret);

	if (!r && hook.foreign)
		ret->st_uid = geteuid() + 1;
	return r;
}

static int hook_flock(int fd, int operation)
{
	if (hook.replace && operation != LOCK_UN) {
		hook.replace--;
		replace_lock_file();
	}
	if (!hook.flock_error)
		return flock(fd, operation);
	errno = hook.flock_error;
	return -1;
}

#define clock_gettime(clock, ts) hook_clock_gettime(clock, ts)
#define clock_nanosleep(clock, flags, ts, left) hook_clock_nanosleep(clock, flags, ts, left)
#define fstat(fd, st) hook_fstat(fd, st)
#define flock(fd, operation) hook_flock(fd, operation)
#include "lock.c"
#undef clock_gettime
#undef clock_nanosleep
#undef fstat
#undef flock

static char dir_path[PATH_MAX];
static int dir_fd;
static int held_fd; /* by the other side, in tests within one process */

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	memset(&hook, 0, sizeof(hook));
	held_fd = -1;
	snprintf(dir_path, sizeof(dir_path), "%s/test-lock-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir_path))
		return -1;
	dir_fd = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	memset(&hook, 0, sizeof(hook));
	umask(022);
	held_fd = mh_lock_release(held_fd);
	close(dir_fd);
	return mh_remove_tree(dir_path);
}

static mode_t mode_of_lock(void)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, "lock", &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static bool is_lock_file(int fd)
{
	struct stat ours, current;

	assert_int_equal(fstat(fd, &ours), 0);
	assert_int_equal(fstatat(dir_fd, "lock", &current, 0), 0);
	return ours.st_ino == current.st_ino;
}

/* Puts another file in place of the lock's. */
static void replace_lock_file(void)
{
	int fd = openat(dir_fd, "new", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(renameat(dir_fd, "new", dir_fd, "lock"), 0);
}

/* One process alone takes the lock at once, gives it back, and takes it again. */
static void test_alone(void **state)
{
	int fd = -1;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(mh_lock_acquire(dir_fd, 0, &fd), 0);
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(is_lock_file(fd));
		fd = mh_lock_release(fd);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(mh_lock_release(-1), -1);
	assert_int_equal(hook.sleeps, 0);
}

/*
 * Callers with all kinds of umask, and a lock file that someone made readable to all. Its mode
 * ends up 0600, since whoever can open it could keep the lock for good.
 */
static void test_mode(void **state)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };
	int fd = -1;

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(masks); i++) {
		umask(masks[i]);
		assert_int_equal(mh_lock_acquire(dir_fd, 0, &fd), 0);
		assert_int_equal(umask(022), masks[i]);
		assert_int_equal(mode_of_lock(), 0600);
		assert_int_equal(unlinkat(dir_fd, "lock", 0), 0);
		mh_lock_release(fd);
	}
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &fd), 0);
	mh_lock_release(fd);
	assert_int_equal(fchmodat(dir_fd, "lock", 0666, 0), 0);
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &fd), 0);
	assert_int_equal(mode_of_lock(), 0600);
	mh_lock_release(fd);
}

/* Something else lies where the lock should. It is not opened, waited for, or locked. */
static void test_not_a_lock_file(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(symlinkat("/dev/null", dir_fd, "lock"), 0);
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), -ELOOP);
	assert_int_equal(unlinkat(dir_fd, "lock", 0), 0);
	assert_int_equal(symlinkat("elsewhere", dir_fd, "lock"), 0);
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), -ELOOP);
	assert_int_equal(faccessat(dir_fd, "elsewhere", F_OK, 0), -1);
	assert_int_equal(unlinkat(dir_fd, "lock", 0), 0);
	assert_int_equal(mkfifoat(dir_fd, "lock", 0600), 0);
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), -EUCLEAN);
	assert_int_equal(unlinkat(dir_fd, "lock", 0), 0);
	assert_int_equal(mkdirat(dir_fd, "lock", 0700), 0);
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), -EISDIR);
	assert_int_equal(unlinkat(dir_fd, "lock", AT_REMOVEDIR), 0);
	hook.foreign = true;
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), -EUCLEAN);
	assert_int_equal(hook.sleeps, 0);
	assert_int_equal(fd, -1);
}

/* Errors that waiting does not mend end the wait: the run directory is gone, or locks have run out.
 */
static void test_errors(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(mh_lock_acquire(-1, 1000, &fd), -EBADF);
	hook.flock_error = ENOLCK;
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), -ENOLCK);
	assert_int_equal(hook.sleeps, 0);
	assert_int_equal(fd, -1);
}

/*
 * Another pppd keeps the lock. The wait ends at the deadline and not a tick later; it began with
 * short pauses, none was too long, and they were not all alike.
 */
static void test_deadline(void **state)
{
	static const unsigned int deadlines[] = { 0, 1, 10, 1000, 60000 };

	(void)state;
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &held_fd), 0);
	for (size_t i = 0; i < MH_ARRAY_SIZE(deadlines); i++) {
		int64_t begin = 7777777777 * (int64_t)(i + 1);
		int fd = -1;

		memset(&hook, 0, sizeof(hook));
		hook.fake = true;
		hook.now = begin;
		assert_int_equal(mh_lock_acquire(dir_fd, deadlines[i], &fd), -ETIMEDOUT);
		assert_int_equal(fd, -1);
		assert_true(hook.now - begin == deadlines[i] * INT64_C(1000000));
		assert_true(hook.longest <= 57000000);
		assert_true(hook.shortest <= 625000);
		assert_in_range(hook.sleeps, deadlines[i] / 57, deadlines[i] / 43 + 8);
	}
	assert_true(hook.longest > 50000000);
}

/* Signals end every pause early, as SIGCHLD and SIGHUP do in pppd. The deadline holds all the same.
 */
static void test_deadline_with_signals(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &held_fd), 0);
	hook.fake = true;
	hook.cut = 100000;
	assert_int_equal(mh_lock_acquire(dir_fd, 20, &fd), -ETIMEDOUT);
	assert_int_equal(hook.now, 20000000);
	assert_int_equal(hook.sleeps, 200);
}

static void release_at_fifth(void)
{
	if (hook.sleeps == 5)
		held_fd = mh_lock_release(held_fd);
}

/* The other pppd is done after a while. The lock is had at the next look. */
static void test_released_meanwhile(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &held_fd), 0);
	hook.fake = true;
	hook.on_sleep = release_at_fifth;
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), 0);
	assert_int_equal(hook.sleeps, 5);
	mh_lock_release(fd);
}

static void replace_at_third(void)
{
	if (hook.sleeps == 3)
		replace_lock_file();
}

static void remove_at_third(void)
{
	if (hook.sleeps == 3)
		assert_int_equal(unlinkat(dir_fd, "lock", 0), 0);
}

/*
 * Someone tidies up the run directory while we wait. What we hold in the end is the file that all
 * others will open, not one that nobody can see any more.
 */
static void test_replaced_meanwhile(void **state)
{
	void (*const events[])(void) = { replace_at_third, remove_at_third };

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(events); i++) {
		int fd = -1, other = -1;

		memset(&hook, 0, sizeof(hook));
		assert_int_equal(mh_lock_acquire(dir_fd, 0, &held_fd), 0);
		hook.fake = true;
		hook.on_sleep = events[i];
		assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), 0);
		assert_int_equal(hook.sleeps, 3);
		assert_true(is_lock_file(fd));
		hook.on_sleep = NULL;
		assert_int_equal(mh_lock_acquire(dir_fd, 10, &other), -ETIMEDOUT);
		mh_lock_release(fd);
		held_fd = mh_lock_release(held_fd);
	}
}

/*
 * The same in the worst moment: the file is opened, then replaced, then locked. Such a lock is
 * nobody else's and worth nothing; another try gets the right one, and if it happens every time
 * the deadline still ends it.
 */
static void test_replaced_before_locking(void **state)
{
	int fd = -1;

	(void)state;
	hook.fake = true;
	hook.replace = 3;
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), 0);
	assert_int_equal(hook.sleeps, 3);
	assert_true(is_lock_file(fd));
	fd = mh_lock_release(fd);
	hook.now = 0;
	hook.replace = UINT_MAX;
	assert_int_equal(mh_lock_acquire(dir_fd, 100, &fd), -ETIMEDOUT);
	assert_int_equal(hook.now, 100000000);
	assert_int_equal(fd, -1);
}

/* Waiting and giving up, many times. No descriptor is left behind. */
static void test_descriptors(void **state)
{
	int fd = -1, before, after;

	(void)state;
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &held_fd), 0);
	hook.fake = true;
	before = dup(held_fd);
	close(before);
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), -ETIMEDOUT);
	hook.flock_error = EIO;
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), -EIO);
	hook.flock_error = 0;
	hook.foreign = true;
	assert_int_equal(mh_lock_acquire(dir_fd, 1000, &fd), -EUCLEAN);
	after = dup(held_fd);
	close(after);
	assert_int_equal(before, after);
}

/* What follows is real time and real processes. */

enum {
	CHILDREN = 6,
	ROUNDS = 40,
};

/* Adds one to a number in a file, slowly enough for others to come between. */
static int count_up(int fd)
{
	const struct timespec moment = { .tv_nsec = 50000 };
	unsigned int n;

	if (pread(fd, &n, sizeof(n), 0) != sizeof(n))
		return -EIO;
	nanosleep(&moment, NULL);
	n++;
	return pwrite(fd, &n, sizeof(n), 0) == sizeof(n) ? 0 : -EIO;
}

static int count_rounds(int counter_fd)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		mh_cleanup(mh_lock_releasep) int fd = -1;
		int r = mh_lock_acquire(dir_fd, 60000, &fd);

		if (!r)
			r = count_up(counter_fd);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Several pppds come up at once, each with many events. No two are at work at the same time. */
static void test_contention(void **state)
{
	unsigned int n = 0;
	int fd = openat(dir_fd, "counter", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(pwrite(fd, &n, sizeof(n), 0), sizeof(n));
	for (unsigned int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid)
			_exit(count_rounds(fd) < 0);
	}
	for (unsigned int i = 0; i < CHILDREN; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(pread(fd, &n, sizeof(n), 0), sizeof(n));
	assert_int_equal(n, CHILDREN * ROUNDS);
	close(fd);
}

/* A child that tells by a byte that it has the lock, and keeps it until it is killed. */
static pid_t start_holder(void)
{
	int ends[2], fd;
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (mh_lock_acquire(dir_fd, 0, &fd) < 0 || write(ends[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

/* A pppd is killed by `kill -9` while it holds the lock. The next one gets it. */
static void test_holder_killed(void **state)
{
	pid_t pid = start_holder();
	int fd = -1;

	(void)state;
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &fd), -ETIMEDOUT);
	assert_int_equal(mh_lock_acquire(dir_fd, 3, &fd), -ETIMEDOUT);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &fd), 0);
	mh_lock_release(fd);
}

/* The process forks while it holds the lock, as pppd may. Giving it back counts for the child too.
 */
static void test_forked_holder(void **state)
{
	int fd = -1, other = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	while (!pid)
		pause();
	mh_lock_release(fd);
	assert_int_equal(mh_lock_acquire(dir_fd, 0, &other), 0);
	mh_lock_release(other);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(test_alone),
		IN_DIR(test_mode),
		IN_DIR(test_not_a_lock_file),
		IN_DIR(test_errors),
		IN_DIR(test_deadline),
		IN_DIR(test_deadline_with_signals),
		IN_DIR(test_released_meanwhile),
		IN_DIR(test_replaced_meanwhile),
		IN_DIR(test_replaced_before_locking),
		IN_DIR(test_descriptors),
		IN_DIR(test_contention),
		IN_DIR(test_holder_killed),
		IN_DIR(test_forked_holder),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
