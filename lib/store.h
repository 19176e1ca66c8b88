/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The record store: one small text file per link in RUN/links, so that what the owners of the
 * links want outlives the processes that said it. Whoever changes records holds the lock of
 * lock.h; reading needs none, because a record appears, changes and goes in one step.
 */

#include "record.h"

/* Files in RUN/links, at most. */
#define MH_STORE_FILES_MAX 65536

/* The run directory, opened. Holds two descriptors, both closed on exec. */
struct mh_store;

/*
 * mh_store_open() - open the run directory for changing it, and make it where it is missing
 * @run_dir: absolute; what is above its last component must exist
 *
 * Directories have mode 0755 afterwards, whatever the umask. Return: 0, -EINVAL (not an absolute
 * path), -ENOTDIR (also for a symbolic link), -EUCLEAN (owned by someone other than root and the
 * effective user, or writable by others), -ENOMEM, or an errno of open(2) or mkdir(2).
 */
int mh_store_open(const char *run_dir, struct mh_store **ret);

/* mh_store_open_existing() - for reading alone. Return: likewise; -ENOENT: no link was ever up. */
int mh_store_open_existing(const char *run_dir, struct mh_store **ret);

/* mh_store_close() - NULL is fine. Return: NULL. */
struct mh_store *mh_store_close(struct mh_store *store);

static inline void mh_store_closep(struct mh_store **store)
{
	mh_store_close(*store);
}

/* mh_store_fd() - descriptor of the run directory, for the lock; it stays the store's */
int mh_store_fd(const struct mh_store *store);

/*
 * A file in RUN/links that is not a record.
 * @name: its name, fit for a terminal: control characters stand as '?'; owned
 * @reason: why, such as "is not a regular file"; static
 */
struct mh_bad_record {
	char *name;
	const char *reason;
};

struct mh_bad_records {
	struct mh_bad_record *v;
	size_t n;
};
void mh_bad_records_clear(struct mh_bad_records *bad);

enum {
	MH_STORE_LOCKED = 1 << 0, /* the caller holds the lock */
};

/*
 * mh_store_load() - all records, by seq
 * @flags: with MH_STORE_LOCKED, what a crash has left of an unfinished save or renaming is removed
 * @ret: to be emptied with mh_records_clear()
 * @ret_bad: optional; the files that were skipped, by name
 *
 * What cannot be read for a reason that does not lie in the file itself (-EMFILE, -ENOMEM, -EIO;
 * under the lock also -EACCES) is never passed over: it would look like a link that is gone.
 * Without the lock a record may be missing that is being renamed or removed at that moment.
 * Return: 0, -E2BIG (more than MH_STORE_FILES_MAX files), or such an errno.
 */
int mh_store_load(struct mh_store *store, unsigned int flags, struct mh_records *ret,
		  struct mh_bad_records *ret_bad);

/*
 * mh_store_save() - write a record, in place of the one of that name if there is one
 *
 * Needs the lock. On failure the old record stands and nothing else is left. Return: 0, an error
 * of mh_record_write(), or an errno of the run directory (-ENOSPC, -EROFS, -EACCES …).
 */
int mh_store_save(struct mh_store *store, const struct mh_record *record);

/*
 * mh_store_remove() - remove the record of an interface; that there is none is no error
 *
 * Needs the lock. Return: 0, -EINVAL (no interface name), or an errno of unlink(2).
 */
int mh_store_remove(struct mh_store *store, const char *ifname);
