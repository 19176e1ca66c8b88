/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The lock on the run directory, which serialises the pppds and commands of one host. The kernel
 * drops it with the last descriptor, so no crash leaves it behind.
 */

/*
 * mh_lock_acquire() - take RUN/lock, or give up
 * @run_dirfd: the run directory, see mh_store_fd()
 * @deadline_msecs: how long to wait; 0: one try
 * @ret_fd: holds the lock until mh_lock_release(); closed on exec
 *
 * Uses no signal and no timer of the process, and is not ended early by a signal. Return: 0,
 * -ETIMEDOUT, -EUCLEAN (the file is not a regular one, or owned by someone other than root and
 * the effective user), or an errno of open(2) or flock(2).
 */
int mh_lock_acquire(int run_dirfd, unsigned int deadline_msecs, int *ret_fd);

/* mh_lock_release() - also on behalf of children that were forked meanwhile. Return: -1. */
int mh_lock_release(int fd);

static inline void mh_lock_releasep(int *fd)
{
	mh_lock_release(*fd);
}
