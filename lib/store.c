// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The directory of records. Files change by rename(2), so that a reader sees the old record or the
 * new one; nothing is synced, since the run directory does not outlive a boot. Who may change
 * records when is lock.c's part, how they read is record.c's, what they mean is plan.c's.
 *
 * All of this runs in a set-user-ID process whose caller chose umask, working directory and limits:
 * modes are set on descriptors, paths are absolute or relative to a descriptor, and running out of
 * something is told apart from there being no record.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store.h"

#define LINKS_NAME "links"

/* No interface name has a colon (dev_valid_name() in the kernel), so no record has such a name. */
#define TEMP_PREFIX "."
#define TEMP_SUFFIX ":tmp"
#define TEMP_NAME_SIZE (MH_IFNAME_SIZE + sizeof(TEMP_PREFIX) + sizeof(TEMP_SUFFIX))

/* Scans of a directory that keeps changing, before one is taken as it is. */
#define SCANS_MAX 8

/*
 * @run_fd, @links_fd: the directories
 * @text: of MH_RECORD_TEXT_SIZE, for one record at a time
 */
struct mh_store {
	int run_fd;
	int links_fd;
	char *text;
};

static int open_at(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* Records name routes that root installs, so only root and we may have had a hand in them. */
static bool is_trusted(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* The mode is also that of a directory whose maker died before setting it. */
static int open_dir(int parent_fd, const char *name, bool create, int *ret_fd)
{
	mh_cleanup(mh_closep) int fd = -1;
	struct stat st;

	fd = open_at(parent_fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT && create) {
		if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		fd = open_at(parent_fd, name, O_RDONLY | O_DIRECTORY, 0);
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!is_trusted(&st))
		return -EUCLEAN;
	if (create && (st.st_mode & 07777) != 0755 && fchmod(fd, 0755) < 0)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* @path is changed in place: "/run/multihome/" opens "multihome" in "/run". */
static int open_run_dir(char *path, bool create, int *ret_fd)
{
	mh_cleanup(mh_closep) int parent_fd = -1;
	size_t n = strlen(path);
	char *name;

	while (n && path[n - 1] == '/')
		path[--n] = '\0';
	if (!n)
		return -EINVAL;
	name = strrchr(path, '/');
	*name++ = '\0';
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	do
		parent_fd = open(*path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (parent_fd < 0 && errno == EINTR);
	if (parent_fd < 0)
		return -errno;
	return open_dir(parent_fd, name, create, ret_fd);
}

static int open_store(const char *run_dir, bool create, struct mh_store **ret)
{
	mh_cleanup(mh_store_closep) struct mh_store *store = NULL;
	mh_cleanup(mh_freep) char *path = NULL;
	int r;

	if (*run_dir != '/')
		return -EINVAL;
	store = malloc(sizeof(*store));
	if (!store)
		return -ENOMEM;
	*store = (struct mh_store){ .run_fd = -1, .links_fd = -1 };
	store->text = malloc(MH_RECORD_TEXT_SIZE);
	path = strdup(run_dir);
	if (!store->text || !path)
		return -ENOMEM;
	r = open_run_dir(path, create, &store->run_fd);
	if (r < 0)
		return r;
	r = open_dir(store->run_fd, LINKS_NAME, create, &store->links_fd);
	if (r < 0)
		return r;
	*ret = mh_steal_ptr(store);
	return 0;
}

int mh_store_open(const char *run_dir, struct mh_store **ret)
{
	return open_store(run_dir, true, ret);
}

int mh_store_open_existing(const char *run_dir, struct mh_store **ret)
{
	return open_store(run_dir, false, ret);
}

struct mh_store *mh_store_close(struct mh_store *store)
{
	if (!store)
		return NULL;
	mh_closep(&store->links_fd);
	mh_closep(&store->run_fd);
	free(store->text);
	free(store);
	return NULL;
}

int mh_store_fd(const struct mh_store *store)
{
	return store->run_fd;
}

void mh_bad_records_clear(struct mh_bad_records *bad)
{
	for (size_t i = 0; i < bad->n; i++)
		free(bad->v[i].name);
	free(bad->v);
	*bad = (struct mh_bad_records){ 0 };
}

static int add_bad(struct mh_bad_records *bad, const char *name, const char *reason)
{
	mh_cleanup(mh_freep) char *copy = strdup(name);
	int r;

	if (!copy)
		return -ENOMEM;
	for (char *c = copy; *c; c++) {
		if (mh_is_control(*c))
			*c = '?';
	}
	r = mh_append(bad->v, bad->n, ((struct mh_bad_record){ copy, reason }));
	if (!r)
		copy = NULL;
	return r;
}

static int compare_bad(const void *a, const void *b)
{
	const struct mh_bad_record *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Names in RUN/links that may be records. */
struct name {
	char text[MH_IFNAME_SIZE];
};

struct names {
	struct name *v;
	size_t n;
};

static void names_clear(struct names *names)
{
	free(names->v);
	*names = (struct names){ 0 };
}

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* What a load gathers. */
struct load {
	struct mh_store *store;
	bool locked;
	bool saw_temp;
	struct names names;
	struct mh_records records;
	struct mh_bad_records bad;
};

static void load_clear(struct load *load)
{
	names_clear(&load->names);
	mh_records_clear(&load->records);
	mh_bad_records_clear(&load->bad);
}

static void temp_name(const char *ifname, char text[TEMP_NAME_SIZE])
{
	snprintf(text, TEMP_NAME_SIZE, TEMP_PREFIX "%.*s" TEMP_SUFFIX, MH_IFNAME_SIZE - 1, ifname);
}

static bool is_temp(const char *name)
{
	const size_t prefix = strlen(TEMP_PREFIX), suffix = strlen(TEMP_SUFFIX);
	const size_t n = strlen(name);

	return n > prefix + suffix && !strncmp(name, TEMP_PREFIX, prefix) &&
	       !strcmp(name + n - suffix, TEMP_SUFFIX) &&
	       mh_is_ifname(name + prefix, n - prefix - suffix);
}

static int scan_entry(struct load *load, const struct dirent *entry)
{
	struct name name = { 0 };
	size_t n = strlen(entry->d_name);

	if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
		return 0;
	if (is_temp(entry->d_name)) {
		load->saw_temp = true;
		if (load->locked)
			unlinkat(load->store->links_fd, entry->d_name, 0);
		return 0;
	}
	if (load->names.n + load->bad.n >= MH_STORE_FILES_MAX)
		return -E2BIG;
	if (!mh_is_ifname(entry->d_name, n))
		return add_bad(&load->bad, entry->d_name, "does not have the name of an interface");
	memcpy(name.text, entry->d_name, n);
	return mh_append(load->names.v, load->names.n, name);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int open_scan(struct mh_store *store, DIR **ret)
{
	mh_cleanup(mh_closep) int fd = open_at(store->links_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	fd = -1;
	*ret = dir;
	return 0;
}

static int scan_once(struct load *load)
{
	mh_cleanup(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	int r;

	names_clear(&load->names);
	mh_bad_records_clear(&load->bad);
	load->saw_temp = false;
	r = open_scan(load->store, &dir);
	while (dir && !r) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		r = scan_entry(load, entry);
	}
	return r;
}

/*
 * A record that is replaced during a scan may be seen twice, or not at all. Replacing shows as a
 * temporary file, or in the time of the last change.
 */
static int scan(struct load *load)
{
	struct stat before, after;
	size_t n = 0;
	int r;

	for (unsigned int scans = 0; scans < SCANS_MAX; scans++) {
		if (fstat(load->store->links_fd, &before) < 0)
			return -errno;
		r = scan_once(load);
		if (r < 0)
			return r;
		if (fstat(load->store->links_fd, &after) < 0)
			return -errno;
		if (load->locked ||
		    (!load->saw_temp && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		     before.st_mtim.tv_nsec == after.st_mtim.tv_nsec))
			break;
	}
	if (load->names.n)
		qsort(load->names.v, load->names.n, sizeof(*load->names.v), compare_names);
	for (size_t i = 0; i < load->names.n; i++) {
		if (!n || compare_names(&load->names.v[n - 1], &load->names.v[i]))
			load->names.v[n++] = load->names.v[i];
	}
	load->names.n = n;
	return 0;
}

/* Is it the file that is at fault, rather than what we may have open, or the memory? */
static bool is_fault_of_file(int error, bool locked)
{
	return error == -ELOOP || error == -ENXIO || error == -ENODEV ||
	       (error == -EACCES && !locked);
}

/* Return: number of bytes, or an errno. */
static ssize_t read_all(int fd, char *text, size_t size, size_t expected)
{
	size_t n = 0;

	/* A record does not change, so reading on to the end of the file can be spared. */
	while (n < size && n != expected) {
		ssize_t r = read(fd, text + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (!r)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

/* Opens what may be any kind of file. Return: @ret_reason set, or @ret_fd and @ret_size. */
static int open_record(struct load *load, const char *name, int *ret_fd, size_t *ret_size,
		       const char **ret_reason)
{
	mh_cleanup(mh_closep) int fd = -1;
	struct stat st;

	fd = open_at(load->store->links_fd, name, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0 && !is_fault_of_file(fd, load->locked))
		return fd;
	if (fd >= 0 && fstat(fd, &st) < 0)
		return -errno;
	if (fd == -EACCES) {
		*ret_reason = "may not be read";
	} else if (fd < 0 || !S_ISREG(st.st_mode)) {
		*ret_reason = "is not a regular file";
	} else if (!is_trusted(&st)) {
		*ret_reason = "belongs to another user, or others may write to it";
	} else if (st.st_size > MH_RECORD_TEXT_SIZE) {
		*ret_reason = "is too long";
	} else {
		*ret_fd = fd;
		*ret_size = (size_t)st.st_size;
		fd = -1;
	}
	return 0;
}

/* Return: 0, with @ret_reason set where the file is no record, or the errno that ends the load. */
static int read_record(struct load *load, const char *name, struct mh_record *ret,
		       const char **ret_reason)
{
	mh_cleanup(mh_closep) int fd = -1;
	mh_cleanup(mh_link_freep) struct mh_link *link = NULL;
	struct mh_record record;
	size_t size = 0;
	ssize_t n;
	int r;

	r = open_record(load, name, &fd, &size, ret_reason);
	if (r < 0 || *ret_reason)
		return r;
	n = read_all(fd, load->store->text, MH_RECORD_TEXT_SIZE, size);
	if (n < 0)
		return (int)n;
	r = mh_record_parse(load->store->text, (size_t)n, &record);
	if (r == -EBADMSG) {
		*ret_reason = "is not a record, or not all of one";
		return 0;
	}
	if (r < 0)
		return r;
	link = record.link;
	if (strcmp(link->ifname, name)) {
		*ret_reason = "is the record of an interface of another name";
		return 0;
	}
	link = NULL;
	*ret = record;
	return 0;
}

static int load_one(struct load *load, const char *name)
{
	mh_cleanup(mh_link_freep) struct mh_link *link = NULL;
	const char *reason = NULL;
	struct mh_record record;
	int r;

	r = read_record(load, name, &record, &reason);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (reason)
		return add_bad(&load->bad, name, reason);
	link = record.link;
	r = mh_append(load->records.v, load->records.n, record);
	if (!r)
		link = NULL;
	return r;
}

static int compare_slots(const void *a, const void *b)
{
	const struct mh_record *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return strcmp(x->link->ifname, y->link->ifname);
}

/*
 * What to do with a second record of one slot. When an interface is renamed its record is saved
 * under the new name, then the old one is removed; a crash in between leaves both. Either is as
 * good as the other, since it is the interface's index that counts.
 */
static int drop_twin(struct load *load, const struct mh_record *first, struct mh_record *twin)
{
	int r = 0;

	if (first->seq != twin->seq || first->link->ifindex != twin->link->ifindex)
		r = add_bad(&load->bad, twin->link->ifname, "has the slot of another record");
	else if (load->locked)
		mh_store_remove(load->store, twin->link->ifname);
	twin->link = mh_link_free(twin->link);
	return r;
}

static int drop_twins(struct load *load)
{
	struct mh_record *v = load->records.v;
	size_t n = 0;
	int r = 0;

	if (load->records.n)
		qsort(v, load->records.n, sizeof(*v), compare_slots);
	for (size_t i = 0; i < load->records.n; i++) {
		if (!n || v[n - 1].slot != v[i].slot)
			v[n++] = v[i];
		else if (!r)
			r = drop_twin(load, &v[n - 1], &v[i]);
		else
			mh_link_free(v[i].link);
	}
	load->records.n = n;
	return r;
}

int mh_store_load(struct mh_store *store, unsigned int flags, struct mh_records *ret,
		  struct mh_bad_records *ret_bad)
{
	mh_cleanup(load_clear) struct load load = { .store = store,
						    .locked = flags & MH_STORE_LOCKED };
	int r;

	r = scan(&load);
	for (size_t i = 0; !r && i < load.names.n; i++)
		r = load_one(&load, load.names.v[i].text);
	if (!r)
		r = drop_twins(&load);
	if (r < 0)
		return r;
	mh_records_sort(&load.records);
	*ret = load.records;
	load.records = (struct mh_records){ 0 };
	if (ret_bad) {
		if (load.bad.n)
			qsort(load.bad.v, load.bad.n, sizeof(*load.bad.v), compare_bad);
		*ret_bad = load.bad;
		load.bad = (struct mh_bad_records){ 0 };
	}
	return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A file of that name is left by a crash, for whoever else would make one needs the lock. */
static int open_temp(int links_fd, const char *temp)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL;
	int fd;

	fd = open_at(links_fd, temp, flags, 0600);
	if (fd == -EEXIST && !unlinkat(links_fd, temp, 0))
		fd = open_at(links_fd, temp, flags, 0600);
	return fd;
}

static int fill_temp(int fd, const char *text, size_t len)
{
	int r;

	r = fchmod(fd, 0644) < 0 ? -errno : write_all(fd, text, len);
	if (close(fd) < 0 && !r && errno != EINTR)
		r = -errno;
	return r;
}

int mh_store_save(struct mh_store *store, const struct mh_record *record)
{
	char temp[TEMP_NAME_SIZE];
	size_t len;
	int fd, r;

	r = mh_record_write(record, store->text, &len);
	if (r < 0)
		return r;
	temp_name(record->link->ifname, temp);
	fd = open_temp(store->links_fd, temp);
	if (fd < 0)
		return fd;
	r = fill_temp(fd, store->text, len);
	if (!r && renameat(store->links_fd, temp, store->links_fd, record->link->ifname) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(store->links_fd, temp, 0);
	return r;
}

int mh_store_remove(struct mh_store *store, const char *ifname)
{
	if (!mh_is_ifname(ifname, strlen(ifname)))
		return -EINVAL;
	if (unlinkat(store->links_fd, ifname, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}
