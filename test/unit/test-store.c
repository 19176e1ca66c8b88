// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The record store. First half: text and struct, in memory. Second half: the directory, on a real
 * file system below a temporary directory. Store.c is included, so that its system calls can be
 * made to fail, to come in pieces, or to be the last thing its process does.
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../remove-tree.h"

#include "store.h"

/*
 * What happens to the system calls of store.c.
 * @step: how many have been made
 * @die_at: the process is killed instead of making this one; 0: none
 * @fail_at, @error: this one fails; 0: none
 * @write_max: bytes that one write() takes; 0: all
 * @interrupt: every other read() or write() is interrupted
 * @foreign: name of a file that seems to belong to another user
 * @hide: a directory entry that a first scan misses, because it is replaced meanwhile
 */
static struct {
	unsigned int step;
	unsigned int die_at;
	unsigned int fail_at;
	int error;
	size_t write_max;
	bool interrupt;
	bool interrupted;
	const char *foreign;
	int foreign_fd;
	const char *hide;
	int links_fd;
} hook;

static bool hook_fails(void)
{
	hook.step++;
	if (hook.step == hook.die_at)
		raise(SIGKILL);
	if (hook.step != hook.fail_at)
		return false;
	errno = hook.error;
	return true;
}

static bool hook_interrupts(void)
{
	hook.interrupted = hook.interrupt && !hook.interrupted;
	if (hook.interrupted)
		errno = EINTR;
	return hook.interrupted;
}

static int hook_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd = hook_fails() ? -1 : openat(dirfd, name, flags, mode);

	if (fd >= 0 && hook.foreign && !strcmp(name, hook.foreign))
		hook.foreign_fd = fd;
	return fd;
}

static int hook_fstat(int fd, struct stat *st)
{
	int r = fstat(fd, st);

	if (!r && hook.foreign && fd == hook.foreign_fd) {
		st->st_uid = geteuid() + 1;
		hook.foreign_fd = -1;
	}
	return r;
}

static int hook_mkdirat(int dirfd, const char *name, mode_t mode)
{
	return hook_fails() ? -1 : mkdirat(dirfd, name, mode);
}

static int hook_fchmod(int fd, mode_t mode)
{
	return hook_fails() ? -1 : fchmod(fd, mode);
}

static int hook_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return hook_fails() ? -1 : renameat(from_fd, from, to_fd, to);
}

static int hook_unlinkat(int dirfd, const char *name, int flags)
{
	return hook_fails() ? -1 : unlinkat(dirfd, name, flags);
}

static ssize_t hook_write(int fd, const void *data, size_t size)
{
	if (hook_fails() || hook_interrupts())
		return -1;
	return write(fd, data, hook.write_max && size > hook.write_max ? hook.write_max : size);
}

static ssize_t hook_read(int fd, void *data, size_t size)
{
	if (hook_fails() || hook_interrupts())
		return -1;
	return read(fd, data, hook.write_max && size > hook.write_max ? hook.write_max : size);
}

/* The descriptor is gone whatever close() says. */
static int hook_close(int fd)
{
	bool fails = hook_fails();
	int error = errno, r = close(fd);

	if (!fails)
		return r;
	errno = error;
	return -1;
}

static struct dirent *hook_readdir(DIR *dir)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct dirent *entry = hook_fails() ? NULL : readdir(dir);

	if (entry && hook.hide && !strcmp(entry->d_name, hook.hide)) {
		hook.hide = NULL;
		futimens(hook.links_fd, times);
		return readdir(dir);
	}
	return entry;
}

#define openat(dirfd, name, flags, mode) hook_openat(dirfd, name, flags, mode)
#define fstat(fd, st) hook_fstat(fd, st)
#define mkdirat(dirfd, name, mode) hook_mkdirat(dirfd, name, mode)
#define fchmod(fd, mode) hook_fchmod(fd, mode)
#define renameat(from_fd, from, to_fd, to) hook_renameat(from_fd, from, to_fd, to)
#define unlinkat(dirfd, name, flags) hook_unlinkat(dirfd, name, flags)
#define write(fd, data, size) hook_write(fd, data, size)
#define read(fd, data, size) hook_read(fd, data, size)
#define close(fd) hook_close(fd)
#define readdir(dir) hook_readdir(dir)
#include "store.c"
#undef openat
#undef fstat
#undef mkdirat
#undef fchmod
#undef renameat
#undef unlinkat
#undef write
#undef read
#undef close
#undef readdir

static const char full_text[] = "multihome 1\n"
				"ifname isp1\n"
				"ifindex 7\n"
				"slot 3\n"
				"table 77003\n"
				"table-asked 0\n"
				"weight 8\n"
				"weight-asked 4\n"
				"weight-changed 1\n"
				"metric 20\n"
				"rp-filter keep\n"
				"rp-filter-was 1\n"
				"ra-default-was 1\n"
				"seq 42\n"
				"since 1700000000\n"
				"inet local 203.0.113.2 peer 192.0.2.1\n"
				"inet6 local 2001:db8::2 gateway fe80::1\n"
				"source 203.0.113.8/29\n"
				"source 2001:db8:1::/48\n"
				"source-added 2001:db8:9::/56\n"
				"route 198.51.100.0/24\n"
				"rule ipproto tcp dport 25\n"
				"rule fwmark 0x10/0xff\n"
				"end\n";

static const char bare_text[] = "multihome 1\n"
				"ifname isp1\n"
				"ifindex 7\n"
				"slot 3\n"
				"table 100\n"
				"table-asked 100\n"
				"weight 0\n"
				"metric 0\n"
				"rp-filter loose\n"
				"seq 1\n"
				"since 0\n"
				"end\n";

static struct mh_prefix prefix(const char *text)
{
	struct mh_prefix ret = { 0 };

	assert_int_equal(mh_prefix_parse(text, &ret), 0);
	return ret;
}

static void add_rule_text(struct mh_link *link, const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	assert_int_equal(mh_append(link->rules, link->n_rules, copy), 0);
}

/* The record of bare_text, with another name, slot, index and seq. */
static struct mh_record bare_record(const char *ifname, uint32_t slot)
{
	struct mh_record record = {
		.slot = slot, .table = 100, .seq = slot, .rp_filter_was = -1, .ra_default_was = -1
	};

	assert_int_equal(mh_link_new(&record.link), 0);
	snprintf(record.link->ifname, MH_IFNAME_SIZE, "%s", ifname);
	record.link->ifindex = (int)slot + 4;
	record.link->table = 100;
	record.link->weight = 0;
	return record;
}

static void add_added(struct mh_link *link, const char *text)
{
	struct mh_prefix added = prefix(text);

	assert_int_equal(mh_append(link->added, link->n_added, added), 0);
}

/* The record of full_text. */
static struct mh_record full_record(void)
{
	struct mh_record record = bare_record("isp1", 3);
	struct mh_link *link = record.link;
	struct mh_prefix sources[] = { prefix("203.0.113.8/29"), prefix("2001:db8:1::/48") };
	struct mh_prefix route = prefix("198.51.100.0/24");

	record.table = 77003;
	record.seq = 42;
	record.rp_filter_was = 1;
	record.ra_default_was = 1;
	record.weight_asked = 4;
	record.weight_changed = true;
	link->table = 0;
	link->weight = 8;
	link->metric = 20;
	link->rp_filter = MH_RP_FILTER_KEEP;
	link->since = 1700000000;
	link->part[MH_INET].local = prefix("203.0.113.2");
	link->part[MH_INET].peer = prefix("192.0.2.1");
	link->part[MH_INET6].local = prefix("2001:db8::2");
	link->part[MH_INET6].gateway = prefix("fe80::1");
	assert_int_equal(mh_link_add_source(link, &sources[0]), 0);
	assert_int_equal(mh_link_add_source(link, &sources[1]), 0);
	add_added(link, "2001:db8:9::/56");
	assert_int_equal(mh_link_add_route(link, &route), 0);
	add_rule_text(link, "ipproto tcp dport 25");
	add_rule_text(link, "fwmark 0x10/0xff");
	return record;
}

static void assert_prefixes_equal(const struct mh_prefix *a, size_t n_a, const struct mh_prefix *b,
				  size_t n_b)
{
	assert_int_equal(n_a, n_b);
	for (size_t i = 0; i < n_a; i++)
		assert_true(mh_prefix_equal(&a[i], &b[i]));
}

static void assert_records_equal(const struct mh_record *a, const struct mh_record *b)
{
	const struct mh_link *x = a->link, *y = b->link;

	assert_int_equal(a->slot, b->slot);
	assert_int_equal(a->table, b->table);
	assert_true(a->seq == b->seq);
	assert_int_equal(a->rp_filter_was, b->rp_filter_was);
	assert_int_equal(a->ra_default_was, b->ra_default_was);
	assert_int_equal(a->weight_asked, b->weight_asked);
	assert_int_equal(a->weight_changed, b->weight_changed);
	assert_string_equal(x->ifname, y->ifname);
	assert_int_equal(x->ifindex, y->ifindex);
	assert_int_equal(x->table, y->table);
	assert_int_equal(x->weight, y->weight);
	assert_int_equal(x->metric, y->metric);
	assert_int_equal(x->rp_filter, y->rp_filter);
	assert_true(x->since == y->since);
	assert_memory_equal(x->part, y->part, sizeof(x->part));
	assert_prefixes_equal(x->sources, x->n_sources, y->sources, y->n_sources);
	assert_prefixes_equal(x->added, x->n_added, y->added, y->n_added);
	assert_prefixes_equal(x->routes, x->n_routes, y->routes, y->n_routes);
	assert_int_equal(x->n_rules, y->n_rules);
	for (size_t i = 0; i < x->n_rules; i++)
		assert_string_equal(x->rules[i], y->rules[i]);
}

/* Parses a copy of just the right size, so that reading beyond it is noticed. */
static int parse_exact(const char *text, size_t len, struct mh_record *ret)
{
	char *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, text, len);
	r = mh_record_parse(copy, len, ret);
	free(copy);
	return r;
}

static void assert_refused(const char *text, size_t len, const char *what)
{
	struct mh_record record = { .slot = 4711 };
	int r = parse_exact(text, len, &record);

	if (r != -EBADMSG)
		fail_msg("%s: %d", what, r);
	assert_null(record.link);
	assert_int_equal(record.slot, 4711);
}

/* Puts @to where @from stands in full_text. */
static size_t substitute(const char *from, const char *to, size_t to_len, char text[4096])
{
	const char *at = strstr(full_text, from);
	size_t before, after;

	assert_non_null(at);
	before = (size_t)(at - full_text);
	after = strlen(at) - strlen(from);
	assert_true(before + to_len + after < 4096);
	memcpy(text, full_text, before);
	memcpy(text + before, to, to_len);
	memcpy(text + before + to_len, at + strlen(from), after);
	return before + to_len + after;
}

/*
 * A link with everything that a link can have. Its text is the one that the header promises, and
 * comes back as what it was.
 */
static void test_full_text(void **state)
{
	static char text[MH_RECORD_TEXT_SIZE];
	struct mh_record record = full_record(), back;
	size_t len;

	(void)state;
	assert_int_equal(mh_record_write(&record, text, &len), 0);
	assert_int_equal(len, strlen(full_text));
	assert_memory_equal(text, full_text, len);
	assert_int_equal(parse_exact(text, len, &back), 0);
	assert_records_equal(&record, &back);
	mh_link_free(record.link);
	mh_link_free(back.link);
}

/* A link with nothing that can be left out, as one has that is about to go. */
static void test_bare_text(void **state)
{
	static char text[MH_RECORD_TEXT_SIZE];
	struct mh_record record = bare_record("isp1", 3), back;
	size_t len;

	(void)state;
	record.seq = 1;
	assert_int_equal(mh_record_write(&record, text, &len), 0);
	assert_int_equal(len, strlen(bare_text));
	assert_memory_equal(text, bare_text, len);
	assert_int_equal(parse_exact(text, len, &back), 0);
	assert_records_equal(&record, &back);
	mh_link_free(record.link);
	mh_link_free(back.link);
}

/* A record that another version wrote in another order. It is the same record. */
static void test_any_order(void **state)
{
	static const char text[] = "multihome 1\nrule fwmark 1\nsince 0\nseq 1\nrp-filter loose\n"
				   "inet local 192.0.2.1\nmetric 0\nweight 0\ntable-asked 100\n"
				   "table 100\nslot 3\nifindex 7\nifname isp1\nend\n";
	struct mh_record record;

	(void)state;
	assert_int_equal(parse_exact(text, strlen(text), &record), 0);
	assert_string_equal(record.link->ifname, "isp1");
	assert_string_equal(record.link->rules[0], "fwmark 1");
	assert_true(mh_prefix_is_set(&record.link->part[MH_INET].local));
	mh_link_free(record.link);
}

struct change {
	const char *from;
	const char *to;
};

/* Values at the ends of their ranges, and notations that mean the same. All are accepted. */
static void test_accepted(void **state)
{
	static const struct change changes[] = {
		{ "ifindex 7", "ifindex 1" },
		{ "ifindex 7", "ifindex 2147483647" },
		{ "ifname isp1", "ifname abcdefghijklmno" },
		{ "ifname isp1", "ifname ..." },
		{ "ifname isp1", "ifname .isp1" },
		{ "ifname isp1", "ifname \x01\xc3\xb6\"'$" },
		{ "slot 3", "slot 1" },
		{ "slot 3", "slot 65535" },
		{ "table 77003", "table 1" },
		{ "table 77003", "table 252" },
		{ "table 77003", "table 256" },
		{ "table 77003", "table 4294967295" },
		{ "table-asked 0", "table-asked 4294967295" },
		{ "weight 8", "weight 0" },
		{ "weight 8", "weight 256" },
		{ "metric 20", "metric 4294967295" },
		{ "rp-filter-was 1", "rp-filter-was 0" },
		{ "rp-filter-was 1", "rp-filter-was 2" },
		{ "seq 42", "seq 0" },
		{ "seq 42", "seq 18446744073709551615" },
		{ "since 1700000000", "since 9223372036854775807" },
		{ "inet local 203.0.113.2 peer 192.0.2.1", "inet local 203.0.113.2" },
		{ " peer 192.0.2.1", " peer 192.0.2.1 gateway 192.0.2.2" },
		{ "203.0.113.2 peer", "203.0.113.2/32 peer" },
		{ "2001:db8::2", "2001:0DB8:0:0:0:0:0:2" },
		{ "source 203.0.113.8/29", "source 0.0.0.0/0" },
		{ "source 203.0.113.8/29", "source 203.0.113.8" },
		{ "rule fwmark 0x10/0xff", "rule " },
		{ "rule fwmark 0x10/0xff", "rule  from  192.0.2.1\tto 192.0.2.2 " },
		{ "rule fwmark 0x10/0xff", "rule uidrange j\xc3\xb6rg" },
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(changes); i++) {
		const struct change *c = &changes[i];
		size_t len = substitute(c->from, c->to, strlen(c->to), text);
		struct mh_record record;
		int r = parse_exact(text, len, &record);

		if (r < 0)
			fail_msg("%s: %d", c->to, r);
		mh_link_free(record.link);
	}
}

/* One thing wrong with a number or a name. The record as a whole is refused. */
static void test_bad_values(void **state)
{
	static const struct change changes[] = {
		{ "ifname isp1", "ifname " },
		{ "ifname isp1", "ifname ." },
		{ "ifname isp1", "ifname .." },
		{ "ifname isp1", "ifname a/b" },
		{ "ifname isp1", "ifname ../../etc/x" },
		{ "ifname isp1", "ifname eth0:1" },
		{ "ifname isp1", "ifname isp 1" },
		{ "ifname isp1", "ifname isp1 " },
		{ "ifname isp1", "ifname  isp1" },
		{ "ifname isp1", "ifname isp1\r" },
		{ "ifname isp1", "ifname isp1\t" },
		{ "ifname isp1", "ifname isp\xa0" },
		{ "ifname isp1", "ifname abcdefghijklmnop" },
		{ "ifindex 7", "ifindex 0" },
		{ "ifindex 7", "ifindex -7" },
		{ "ifindex 7", "ifindex +7" },
		{ "ifindex 7", "ifindex 07" },
		{ "ifindex 7", "ifindex 0x7" },
		{ "ifindex 7", "ifindex 7 " },
		{ "ifindex 7", "ifindex  7" },
		{ "ifindex 7", "ifindex 7.0" },
		{ "ifindex 7", "ifindex" },
		{ "ifindex 7", "ifindex " },
		{ "ifindex 7", "ifindex 2147483648" },
		{ "slot 3", "slot 0" },
		{ "slot 3", "slot 65536" },
		{ "table 77003", "table 0" },
		{ "table 77003", "table 253" },
		{ "table 77003", "table 254" },
		{ "table 77003", "table 255" },
		{ "table 77003", "table 4294967296" },
		{ "table 77003", "table main" },
		{ "table-asked 0", "table-asked 254" },
		{ "weight 8", "weight 257" },
		{ "weight-changed 1", "weight-changed 0" },
		{ "weight-changed 1", "weight-changed 2" },
		{ "metric 20", "metric 4294967296" },
		{ "rp-filter keep", "rp-filter strict" },
		{ "rp-filter keep", "rp-filter Keep" },
		{ "rp-filter-was 1", "rp-filter-was 3" },
		{ "rp-filter-was 1", "rp-filter-was -1" },
		{ "seq 42", "seq 18446744073709551616" },
		{ "seq 42", "seq 99999999999999999999999999" },
		{ "since 1700000000", "since 9223372036854775808" },
		{ "since 1700000000", "since -1" },
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(changes); i++) {
		const struct change *c = &changes[i];

		assert_refused(text, substitute(c->from, c->to, strlen(c->to), text), c->to);
	}
}

/* One thing wrong with an address, a prefix or a rule. The record as a whole is refused. */
static void test_bad_addresses(void **state)
{
	static const struct change changes[] = {
		{ "inet local 203.0.113.2 peer 192.0.2.1", "inet " },
		{ "inet local 203.0.113.2 peer 192.0.2.1", "inet local" },
		{ "inet local 203.0.113.2 peer 192.0.2.1", "inet local " },
		{ "inet local 203.0.113.2 peer 192.0.2.1", "inet peer 192.0.2.1" },
		{ "inet local 203.0.113.2 peer 192.0.2.1", "inet 203.0.113.2" },
		{ " peer 192.0.2.1", " " },
		{ " peer 192.0.2.1", " peer" },
		{ " peer 192.0.2.1", " peer " },
		{ " peer 192.0.2.1", " peer 192.0.2.1 " },
		{ " peer 192.0.2.1", "  peer 192.0.2.1" },
		{ " peer 192.0.2.1", " peer 192.0.2.1/24" },
		{ " peer 192.0.2.1", " peer 192.0.2.0/24" },
		{ " peer 192.0.2.1", " peer 2001:db8::1" },
		{ " peer 192.0.2.1", " peer 192.0.2.1 peer 192.0.2.1" },
		{ " peer 192.0.2.1", " gateway 192.0.2.1 peer 192.0.2.1" },
		{ " peer 192.0.2.1", " via 192.0.2.1" },
		{ " peer 192.0.2.1", " peer none" },
		{ "inet6 local 2001:db8::2", "inet6 local 192.0.2.1" },
		{ "inet6 local 2001:db8::2", "inet6 local 2001:db8::/64" },
		{ "gateway fe80::1", "gateway fe80::1%isp1" },
		{ "gateway fe80::1", "gateway 192.0.2.1" },
		{ "source 203.0.113.8/29", "source 203.0.113.9/29" },
		{ "source 203.0.113.8/29", "source 203.0.113.8/33" },
		{ "source 203.0.113.8/29", "source 203.0.113.8/" },
		{ "source 203.0.113.8/29", "source " },
		{ "source 203.0.113.8/29", "source" },
		{ "source 203.0.113.8/29", "source 203.0.113.8/29 203.0.113.8/29" },
		{ "source 203.0.113.8/29",
		  "source 2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/128" },
		{ "route 198.51.100.0/24", "route default" },
		{ "rule fwmark", "rule\tfwmark" },
		{ "rule fwmark 0x10/0xff", "rule" },
		{ "rule fwmark 0x10/0xff", "rule fwmark 1\x1b[2J" },
		{ "rule fwmark 0x10/0xff", "rule fwmark 1\r" },
		{ "rule fwmark 0x10/0xff", "rule fwmark 1\x7f" },
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(changes); i++) {
		const struct change *c = &changes[i];

		assert_refused(text, substitute(c->from, c->to, strlen(c->to), text), c->to);
	}
}

/* Lines that are missing, unknown, twice there or out of place. */
static void test_bad_lines(void **state)
{
	static const struct change changes[] = {
		{ "multihome 1\n", "" },
		{ "multihome 1\n", "multihome 2\n" },
		{ "multihome 1\n", "multihome 1 \n" },
		{ "multihome 1\n", "multihome 1\r\n" },
		{ "multihome 1\n", "\nmultihome 1\n" },
		{ "multihome 1\n", "\xef\xbb\xbfmultihome 1\n" },
		{ "multihome 1\n", "multihome 1\nmultihome 1\n" },
		{ "weight 8\n", "weight 8\n\n" },
		{ "weight 8\n", "weight 8\n \n" },
		{ "weight 8\n", "weight 8\n# comment\n" },
		{ "weight 8\n", " weight 8\n" },
		{ "weight 8\n", "weight\t8\n" },
		{ "weight 8\n", "Weight 8\n" },
		{ "weight 8\n", "weigh 8\n" },
		{ "weight 8\n", "weight8 8\n" },
		{ "weight 8\n", "weight 8" },
		{ "weight 8\n", "weight 8\nprobe 192.0.2.1\n" },
		{ "weight 8\n", "weight 8\nend\n" },
		{ "end\n", "" },
		{ "end\n", "end" },
		{ "end\n", "end \n" },
		{ "end\n", "END\n" },
		{ "end\n", "end\nend\n" },
		{ "end\n", "end\n\n" },
		{ "end\n", "end\nrule fwmark 2\n" },
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(changes); i++) {
		const struct change *c = &changes[i];

		assert_refused(text, substitute(c->from, c->to, strlen(c->to), text), c->to);
	}
	assert_refused("", 0, "nothing");
	assert_refused("multihome 1\nend\n", 16, "first and last line alone");
}

/* Each line once too often, and each line that must be there once too seldom. */
static void test_lines_once(void **state)
{
	struct mh_record record;
	char line[128], twice[256], text[4096];
	size_t len, n = 0;

	(void)state;
	for (const char *p = full_text; *p; p += strlen(line)) {
		bool repeatable, optional;

		snprintf(line, sizeof(line), "%.*s", (int)(strchr(p, '\n') - p + 1), p);
		snprintf(twice, sizeof(twice), "%s%s", line, line);
		repeatable = !strncmp(line, "source", 6) || !strncmp(line, "route", 5) ||
			     !strncmp(line, "rule", 4);
		optional = repeatable || !strncmp(line, "rp-filter-was", 13) ||
			   !strncmp(line, "ra-default-was", 14) ||
			   !strncmp(line, "weight-asked", 12) ||
			   !strncmp(line, "weight-changed", 14) || !strncmp(line, "inet", 4);
		len = substitute(line, twice, strlen(twice), text);
		if (!repeatable) {
			assert_refused(text, len, twice);
		} else {
			assert_int_equal(parse_exact(text, len, &record), 0);
			mh_link_free(record.link);
		}
		len = substitute(line, "", 0, text);
		if (!optional) {
			assert_refused(text, len, line);
		} else {
			assert_int_equal(parse_exact(text, len, &record), 0);
			mh_link_free(record.link);
		}
		n++;
	}
	assert_int_equal(n, 24);
}

/* A record cut off at any byte, as a full disk or a crash leaves it. It is never half believed. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(full_text); len++)
		assert_refused(full_text, len, "truncated");
}

/*
 * A record in which any one byte has changed. Most are refused, and one that is not, for a digit
 * makes another digit, can be written and read again without becoming a third.
 */
static void test_changed_byte(void **state)
{
	static const char bytes[] = { '\0', '\n', ' ', '/', '0', '9', 'x', '\x1b', '\x7f', '\xff' };
	static char text[MH_RECORD_TEXT_SIZE];
	char changed[sizeof(full_text)];

	(void)state;
	for (size_t i = 0; i < strlen(full_text) * sizeof(bytes); i++) {
		struct mh_record record, back;
		size_t len;

		memcpy(changed, full_text, sizeof(full_text));
		changed[i / sizeof(bytes)] = bytes[i % sizeof(bytes)];
		if (parse_exact(changed, strlen(full_text), &record) < 0)
			continue;
		assert_true(bytes[i % sizeof(bytes)] != '\0');
		assert_int_equal(mh_record_write(&record, text, &len), 0);
		assert_int_equal(parse_exact(text, len, &back), 0);
		assert_records_equal(&record, &back);
		mh_link_free(record.link);
		mh_link_free(back.link);
	}
}

/* A zero byte anywhere, where a careless reader would stop. */
static void test_embedded_zero(void **state)
{
	char text[sizeof(full_text) + 1];

	(void)state;
	for (size_t i = 0; i <= strlen(full_text); i++) {
		memcpy(text, full_text, i);
		text[i] = '\0';
		memcpy(text + i + 1, full_text + i, strlen(full_text) - i);
		assert_refused(text, strlen(full_text) + 1, "embedded zero");
	}
}

static size_t repeat(const char *line, unsigned int times, char *text)
{
	size_t len = strlen(bare_text) - strlen("end\n");

	memcpy(text, bare_text, len);
	for (unsigned int i = 0; i < times; i++)
		len += (size_t)sprintf(text + len, "%s\n", line);
	len += (size_t)sprintf(text + len, "end\n");
	return len;
}

/* As many sources, routes and rules as a record takes, and one more than that. */
static void test_list_bounds(void **state)
{
	static const char *const lines[] = { "source 192.0.2.0/24", "route ::/0", "rule fwmark 1" };
	static char text[MH_RECORD_TEXT_SIZE];
	const struct mh_prefix any = prefix("0.0.0.0/0");
	struct mh_record record;
	size_t len;

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(lines); i++) {
		assert_refused(text, repeat(lines[i], MH_RECORD_LIST_MAX + 1, text), lines[i]);
		len = repeat(lines[i], MH_RECORD_LIST_MAX, text);
		assert_int_equal(parse_exact(text, len, &record), 0);
		assert_int_equal(mh_record_write(&record, text, &len), 0);
		if (record.link->n_sources) {
			assert_int_equal(mh_link_add_source(record.link, &any), -E2BIG);
			assert_int_equal(
				mh_append(record.link->sources, record.link->n_sources, any), 0);
		} else if (record.link->n_routes) {
			assert_int_equal(mh_link_add_route(record.link, &any), -E2BIG);
			assert_int_equal(mh_append(record.link->routes, record.link->n_routes, any),
					 0);
		} else {
			assert_int_equal(mh_link_add_rule(record.link, "fwmark 1", NULL), -E2BIG);
			add_rule_text(record.link, "fwmark 1");
		}
		assert_int_equal(mh_record_write(&record, text, &len), -E2BIG);
		mh_link_free(record.link);
	}
}

/* Rules as long as they may be, and longer; and so many of them that the record gets too long. */
static void test_length_bounds(void **state)
{
	static char text[2 * MH_RECORD_TEXT_SIZE];
	char line[MH_RECORD_RULE_MAX + 7];
	struct mh_record record;
	size_t len;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "rule ", 5);
	line[MH_RECORD_RULE_MAX + 6] = '\0';
	assert_refused(text, repeat(line, 1, text), "rule too long");
	line[MH_RECORD_RULE_MAX + 5] = '\0';
	assert_refused(text, repeat(line, 64, text), "record too long");
	len = repeat(line, 63, text);
	assert_int_equal(parse_exact(text, len, &record), 0);
	assert_int_equal(mh_record_write(&record, text, &len), 0);
	add_rule_text(record.link, line + 5);
	assert_int_equal(mh_record_write(&record, text, &len), -E2BIG);
	mh_link_free(record.link);
	record = bare_record("isp1", 1);
	line[MH_RECORD_RULE_MAX + 5] = 'x';
	add_rule_text(record.link, line + 5);
	assert_int_equal(mh_record_write(&record, text, &len), -E2BIG);
	mh_link_free(record.link);
}

/* Is the record refused, and the output left alone? The record is freed. */
static void assert_unwritable(struct mh_record *record, const char *what)
{
	static char text[MH_RECORD_TEXT_SIZE];
	size_t len = 4711;
	int r = mh_record_write(record, text, &len);

	if (r != -EINVAL)
		fail_msg("%s: %d", what, r);
	assert_int_equal(len, 4711);
	mh_link_free(record->link);
}

/*
 * A caller that fills in a link wrongly, on purpose or not; among others with a name or a rule
 * that carries whole lines of its own. Nothing is written that would not be read back as it was.
 */
static void test_write_refuses_texts(void **state)
{
	static const char *const names[] = { "",    ".",	 "..", "a/b",  "a b",
					     "a:1", "a\nslot 9", "\n", "a\tb", "x\xa0" };
	static const char *const rules[] = { "fwmark 1\n", "fwmark 1\nrule fwmark 2", "\x1b[2J",
					     "fwmark 1\nend\n" };
	struct mh_record record;

	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(names); i++) {
		record = bare_record(names[i], 1);
		assert_unwritable(&record, names[i]);
	}
	for (size_t i = 0; i < MH_ARRAY_SIZE(rules); i++) {
		record = bare_record("isp1", 1);
		add_rule_text(record.link, rules[i]);
		assert_unwritable(&record, rules[i]);
	}
	record = bare_record("isp1", 1);
	memset(record.link->ifname, 'x', MH_IFNAME_SIZE);
	assert_unwritable(&record, "name without end");
}

/* The same with numbers and addresses. */
static void test_write_refuses_values(void **state)
{
	struct mh_prefix none = { 0 }, host_bits = { AF_INET, 24, { 192, 0, 2, 1 } };

	(void)state;
#define REFUSES(what)                                          \
	do {                                                   \
		struct mh_record record = bare_record("x", 1); \
		struct mh_link *link = record.link;            \
		(void)link;                                    \
		what;                                          \
		assert_unwritable(&record, #what);             \
	} while (0)
	REFUSES(record.slot = 0);
	REFUSES(record.slot = MH_SLOT_MAX + 1);
	REFUSES(record.table = 0);
	REFUSES(record.table = 254);
	REFUSES(record.weight_asked = 257);
	REFUSES(record.rp_filter_was = 3);
	REFUSES(record.rp_filter_was = -2);
	REFUSES(record.ra_default_was = 2);
	REFUSES((link->ifindex = 0, link->part[MH_INET].local = prefix("10.0.0.1")));
	REFUSES(link->ifindex = -1);
	REFUSES(link->table = 255);
	REFUSES(link->weight = 257);
	REFUSES(link->rp_filter = (enum mh_rp_filter)2);
	REFUSES(link->since = -1);
	REFUSES(link->part[MH_INET].local = prefix("2001:db8::1"));
	REFUSES(link->part[MH_INET].local = prefix("192.0.2.0/24"));
	REFUSES(link->part[MH_INET6].local = prefix("192.0.2.1"));
	REFUSES(link->part[MH_INET].local = link->part[MH_INET].peer = host_bits);
	REFUSES(mh_link_add_source(link, &none));
	REFUSES(mh_link_add_route(link, &host_bits));
#undef REFUSES
}

/*
 * The directory. Each test has a fresh one.
 * @base: temporary directory
 * @run: base/run, not made yet
 * @links: run/links
 */
struct dirs {
	char base[PATH_MAX / 4];
	char run[PATH_MAX / 2];
	char links[PATH_MAX];
};

static int set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct dirs *dirs = calloc(1, sizeof(*dirs));

	if (!dirs)
		return -1;
	memset(&hook, 0, sizeof(hook));
	umask(022);
	snprintf(dirs->base, sizeof(dirs->base), "%s/test-store-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dirs->base))
		return -1;
	snprintf(dirs->run, sizeof(dirs->run), "%s/run", dirs->base);
	snprintf(dirs->links, sizeof(dirs->links), "%s/links", dirs->run);
	*state = dirs;
	return 0;
}

static int tear_down(void **state)
{
	struct dirs *dirs = *state;

	memset(&hook, 0, sizeof(hook));
	umask(022);
	mh_remove_tree(dirs->base);
	free(dirs);
	return 0;
}

static const char *path_of(const struct dirs *dirs, const char *name)
{
	static char path[PATH_MAX + NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", dirs->links, name);
	return path;
}

static void write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_true(write(fd, text, len) == (ssize_t)len);
	close(fd);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static unsigned int count_files(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static struct mh_store *open_new(const struct dirs *dirs)
{
	struct mh_store *store = NULL;

	assert_int_equal(mh_store_open(dirs->run, &store), 0);
	return store;
}

static void save_new(struct mh_store *store, const char *ifname, uint32_t slot, uint32_t weight)
{
	struct mh_record record = bare_record(ifname, slot);

	record.link->weight = weight;
	assert_int_equal(mh_store_save(store, &record), 0);
	mh_link_free(record.link);
}

/* Loads, and compares with "NAME WEIGHT, …" and, of the bad ones, "NAME reason, …" as text. */
static void assert_loads(struct mh_store *store, unsigned int flags, const char *good,
			 const char *bad)
{
	struct mh_records records = { 0 };
	struct mh_bad_records bads = { 0 };
	char text[4096] = "", bad_text[4096] = "";
	size_t n = 0;

	assert_int_equal(mh_store_load(store, flags, &records, &bads), 0);
	for (size_t i = 0; i < records.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %u", i ? ", " : "",
				      records.v[i].link->ifname, records.v[i].link->weight);
	n = 0;
	for (size_t i = 0; i < bads.n; i++)
		n += (size_t)snprintf(bad_text + n, sizeof(bad_text) - n, "%s%s %s", i ? ", " : "",
				      bads.v[i].name, bads.v[i].reason);
	assert_string_equal(text, good);
	assert_string_equal(bad_text, bad);
	mh_records_clear(&records);
	mh_bad_records_clear(&bads);
}

/* Is opening refused with @error, and nothing handed out? */
static void assert_open_fails(const char *run_dir, int error)
{
	struct mh_store *store = NULL;

	assert_int_equal(mh_store_open(run_dir, &store), error);
	assert_int_equal(mh_store_open_existing(run_dir, &store), error);
	assert_null(store);
}

/*
 * pppd started by callers with all kinds of umask. Directories and records always have the same
 * modes, so that status works for everybody and nobody else can change them. (Without privileges
 * not even the maker can open a directory that the umask took all modes from.)
 */
static void test_any_umask(void **state)
{
	static const mode_t masks[] = { 0, 022, 027, 077, 0133, 0777 };
	const struct dirs *dirs = *state;

	for (size_t i = 0; i < MH_ARRAY_SIZE(masks) - (geteuid() ? 1 : 0); i++) {
		mh_cleanup(mh_store_closep) struct mh_store *store = NULL;

		umask(masks[i]);
		store = open_new(dirs);
		save_new(store, "isp1", 1, 8);
		assert_int_equal(umask(022), masks[i]);
		assert_int_equal(mode_of(dirs->run), 0755);
		assert_int_equal(mode_of(dirs->links), 0755);
		assert_int_equal(mode_of(path_of(dirs, "isp1")), 0644);
		assert_int_equal(mh_remove_tree(dirs->run), 0);
	}
}

/* The run directory as a second process finds it, and one whose maker died before the chmod. */
static void test_open_again(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);

	save_new(store, "isp1", 1, 8);
	assert_null(mh_store_close(store));
	assert_int_equal(chmod(dirs->run, 0700), 0);
	assert_int_equal(chmod(dirs->links, 02700), 0);
	assert_int_equal(mh_store_open_existing(dirs->run, &store), 0);
	assert_loads(store, 0, "isp1 8", "");
	mh_store_close(store);
	assert_int_equal(mode_of(dirs->run), 0700);
	store = open_new(dirs);
	assert_loads(store, MH_STORE_LOCKED, "isp1 8", "");
	mh_store_close(store);
	assert_int_equal(mode_of(dirs->run), 0755);
	assert_int_equal(mode_of(dirs->links), 0755);
	assert_null(mh_store_close(NULL));
}

/* A run directory named with slashes at its end. It is the same directory. */
static void test_slashes_at_end(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s//", dirs->run);
	assert_int_equal(mh_store_open(path, &store), 0);
	assert_true(exists(dirs->links));
	mh_store_close(store);
}

/* `multihome status` on a host that never had a link. It makes nothing. */
static void test_open_existing_makes_nothing(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = NULL;

	assert_int_equal(mh_store_open_existing(dirs->run, &store), -ENOENT);
	assert_false(exists(dirs->run));
	assert_int_equal(mkdir(dirs->run, 0755), 0);
	assert_int_equal(mh_store_open_existing(dirs->run, &store), -ENOENT);
	assert_false(exists(dirs->links));
	assert_null(store);
}

/* Paths that name no directory of ours. */
static void test_bad_paths(void **state)
{
	const struct dirs *dirs = *state;
	char path[PATH_MAX];

	assert_open_fails("", -EINVAL);
	assert_open_fails("run", -EINVAL);
	assert_open_fails("./run", -EINVAL);
	assert_open_fails("/", -EINVAL);
	assert_open_fails("///", -EINVAL);
	assert_open_fails("/..", -EINVAL);
	snprintf(path, sizeof(path), "%s/.", dirs->base);
	assert_open_fails(path, -EINVAL);
	snprintf(path, sizeof(path), "%s/no/such", dirs->base);
	assert_open_fails(path, -ENOENT);
	write_file(dirs->run, "", 0);
	assert_open_fails(dirs->run, -ENOTDIR);
	snprintf(path, sizeof(path), "%s/run", dirs->run);
	assert_open_fails(path, -ENOTDIR);
}

/*
 * Someone has put a link to a place of his choice where the run directory, or the directory in it,
 * would be. It is not followed, with slashes at the end neither.
 */
static void test_symlinked_directories(void **state)
{
	const struct dirs *dirs = *state;
	char elsewhere[PATH_MAX], path[PATH_MAX];

	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", dirs->base);
	assert_int_equal(mkdir(elsewhere, 0755), 0);
	assert_int_equal(symlink(elsewhere, dirs->run), 0);
	assert_open_fails(dirs->run, -ENOTDIR);
	snprintf(path, sizeof(path), "%s/", dirs->run);
	assert_open_fails(path, -ENOTDIR);
	assert_int_equal(unlink(dirs->run), 0);
	assert_int_equal(mkdir(dirs->run, 0755), 0);
	assert_int_equal(symlink(elsewhere, dirs->links), 0);
	assert_open_fails(dirs->run, -ENOTDIR);
	assert_int_equal(count_files(elsewhere), 0);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void assert_no_directory(const struct dirs *dirs, const char *path)
{
	write_file(path, "", 0);
	assert_open_fails(dirs->run, -ENOTDIR);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0755), 0);
	assert_open_fails(dirs->run, -ENOTDIR);
	assert_int_equal(unlink(path), 0);
	make_socket(path);
	assert_open_fails(dirs->run, -ENOTDIR);
	assert_int_equal(unlink(path), 0);
}

/* Something else in their place: a FIFO above all must not keep pppd waiting. */
static void test_other_kinds_of_directories(void **state)
{
	const struct dirs *dirs = *state;

	assert_no_directory(dirs, dirs->run);
	mh_store_close(open_new(dirs));
	assert_int_equal(rmdir(dirs->links), 0);
	assert_no_directory(dirs, dirs->links);
	mh_store_close(open_new(dirs));
}

/* Directories that someone else owns or can write to. They are not used. */
static void test_untrusted_directories(void **state)
{
	const struct dirs *dirs = *state;

	mh_store_close(open_new(dirs));
	assert_int_equal(chmod(dirs->run, 0775), 0);
	assert_open_fails(dirs->run, -EUCLEAN);
	assert_int_equal(chmod(dirs->run, 01757), 0);
	assert_open_fails(dirs->run, -EUCLEAN);
	assert_int_equal(chmod(dirs->run, 0755), 0);
	assert_int_equal(chmod(dirs->links, 0757), 0);
	assert_open_fails(dirs->run, -EUCLEAN);
	assert_int_equal(mode_of(dirs->links), 0757);
	assert_int_equal(chmod(dirs->links, 0755), 0);
	hook.foreign = "links";
	assert_open_fails(dirs->run, -EUCLEAN);
	hook.foreign = "run";
	assert_open_fails(dirs->run, -EUCLEAN);
	hook.foreign = NULL;
	mh_store_close(open_new(dirs));
}

/* Links come up, change and go. What is loaded is what was saved last, in the order of seq. */
static void test_save_load_remove(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);

	assert_loads(store, 0, "", "");
	save_new(store, "isp2", 2, 2);
	save_new(store, "z", 1, 8);
	save_new(store, ".hidden", 3, 3);
	assert_loads(store, 0, "z 8, isp2 2, .hidden 3", "");
	save_new(store, "isp2", 2, 5);
	assert_loads(store, MH_STORE_LOCKED, "z 8, isp2 5, .hidden 3", "");
	assert_int_equal(mh_store_remove(store, "z"), 0);
	assert_int_equal(mh_store_remove(store, "z"), 0);
	assert_loads(store, MH_STORE_LOCKED, "isp2 5, .hidden 3", "");
	assert_int_equal(count_files(dirs->links), 2);
	mh_store_close(store);
}

/* A full record goes through a file and is the same afterwards. */
static void test_full_record_in_file(void **state)
{
	struct mh_store *store = open_new(*state);
	struct mh_record record = full_record();
	struct mh_records records = { 0 };

	assert_int_equal(mh_store_save(store, &record), 0);
	assert_int_equal(mh_store_load(store, 0, &records, NULL), 0);
	assert_int_equal(records.n, 1);
	assert_records_equal(&record, &records.v[0]);
	mh_records_clear(&records);
	mh_link_free(record.link);
	mh_store_close(store);
}

/* Names that lead out of the directory, or to a temporary file. Nothing is touched. */
static void test_bad_names(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);
	struct mh_record record = bare_record("../lock", 1);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/lock", dirs->run);
	write_file(path, "", 0);
	write_file(path_of(dirs, ".isp1:tmp"), "", 0);
	assert_int_equal(mh_store_save(store, &record), -EINVAL);
	assert_int_equal(mh_store_remove(store, "../lock"), -EINVAL);
	assert_int_equal(mh_store_remove(store, path), -EINVAL);
	assert_int_equal(mh_store_remove(store, ""), -EINVAL);
	assert_int_equal(mh_store_remove(store, ".."), -EINVAL);
	assert_int_equal(mh_store_remove(store, ".isp1:tmp"), -EINVAL);
	assert_true(exists(path));
	assert_true(exists(path_of(dirs, ".isp1:tmp")));
	mh_link_free(record.link);
	mh_store_close(store);
}

static unsigned int count_descriptors(void)
{
	return count_files("/proc/self/fd");
}

/* pppd runs scripts and lives for months. No descriptor is inherited, none is left open. */
static void test_descriptors(void **state)
{
	const struct dirs *dirs = *state;
	unsigned int before = count_descriptors();
	struct mh_store *store = open_new(dirs);

	assert_true(fcntl(store->run_fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(store->links_fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(mh_store_fd(store), store->run_fd);
	assert_int_equal(count_descriptors(), before + 2);
	save_new(store, "isp1", 1, 8);
	write_file(path_of(dirs, "isp2"), "garbage", 7);
	assert_loads(store, 0, "isp1 8", "isp2 is not a record, or not all of one");
	assert_int_equal(count_descriptors(), before + 2);
	mh_store_close(store);
	assert_int_equal(chmod(dirs->links, 0777), 0);
	assert_open_fails(dirs->run, -EUCLEAN);
	assert_int_equal(count_descriptors(), before);
}

/*
 * Everything that can lie about in a directory and is no record: each is skipped and named with
 * its reason, none makes the load wait, and the good record among them is loaded.
 */
static void test_other_kinds_of_files(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);

	save_new(store, "isp1", 1, 8);
	assert_int_equal(symlink("isp1", path_of(dirs, "a")), 0);
	assert_int_equal(symlink("nowhere", path_of(dirs, "b")), 0);
	assert_int_equal(mkfifo(path_of(dirs, "c"), 0644), 0);
	assert_int_equal(mkdir(path_of(dirs, "d"), 0755), 0);
	make_socket(path_of(dirs, "e"));
	assert_loads(store, 0, "isp1 8",
		     "a is not a regular file, b is not a regular file, c is not a regular file, "
		     "d is not a regular file, e is not a regular file");
	assert_loads(store, MH_STORE_LOCKED, "isp1 8",
		     "a is not a regular file, b is not a regular file, c is not a regular file, "
		     "d is not a regular file, e is not a regular file");
	mh_store_close(store);
}

/* Regular files with the wrong content, each named with its reason. */
static void test_other_content(void **state)
{
	static char zeros[MH_RECORD_TEXT_SIZE + 1];
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);

	save_new(store, "isp1", 1, 8);
	write_file(path_of(dirs, "a"), "", 0);
	write_file(path_of(dirs, "b"), full_text, strlen(full_text) - 1);
	write_file(path_of(dirs, "c"), full_text, strlen(full_text));
	write_file(path_of(dirs, "d"), zeros, sizeof(zeros) - 1);
	write_file(path_of(dirs, "e"), zeros, sizeof(zeros));
	assert_loads(store, MH_STORE_LOCKED, "isp1 8",
		     "a is not a record, or not all of one, b is not a record, or not all of one, "
		     "c is the record of an interface of another name, "
		     "d is not a record, or not all of one, e is too long");
	mh_store_close(store);
}

/* Files whose names are no interface's. Their names are told without harm to a terminal. */
static void test_other_names(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);

	write_file(path_of(dirs, "a b\n\x1b[2J"), bare_text, strlen(bare_text));
	write_file(path_of(dirs, "sixteen-and-more"), bare_text, strlen(bare_text));
	write_file(path_of(dirs, "x:tmp"), bare_text, strlen(bare_text));
	write_file(path_of(dirs, ".:tmp"), bare_text, strlen(bare_text));
	assert_loads(store, MH_STORE_LOCKED, "",
		     ".:tmp does not have the name of an interface, "
		     "a b??[2J does not have the name of an interface, "
		     "sixteen-and-more does not have the name of an interface, "
		     "x:tmp does not have the name of an interface");
	mh_store_close(store);
}

/* Good records that others own or can write to. What root installs does not come from them. */
static void test_untrusted_records(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);

	save_new(store, "isp1", 1, 8);
	save_new(store, "isp2", 2, 2);
	save_new(store, "isp3", 3, 3);
	assert_int_equal(chmod(path_of(dirs, "isp2"), 0664), 0);
	assert_int_equal(chmod(path_of(dirs, "isp3"), 0646), 0);
	hook.foreign = "isp1";
	assert_loads(store, MH_STORE_LOCKED, "",
		     "isp1 belongs to another user, or others may write to it, "
		     "isp2 belongs to another user, or others may write to it, "
		     "isp3 belongs to another user, or others may write to it");
	hook.foreign = NULL;
	assert_int_equal(chmod(path_of(dirs, "isp2"), 0600), 0);
	assert_int_equal(chmod(path_of(dirs, "isp3"), 0444), 0);
	assert_loads(store, MH_STORE_LOCKED, "isp1 8, isp2 2, isp3 3", "");
	mh_store_close(store);
}

/* What a crash has left of a save. Only who holds the lock can know that nobody is at it. */
static void test_leftover_of_save(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);

	save_new(store, "isp1", 1, 8);
	write_file(path_of(dirs, ".isp2:tmp"), full_text, 20);
	write_file(path_of(dirs, ".isp1:tmp"), full_text, 20);
	assert_loads(store, 0, "isp1 8", "");
	assert_int_equal(count_files(dirs->links), 3);
	save_new(store, "isp1", 1, 7);
	assert_int_equal(count_files(dirs->links), 2);
	assert_loads(store, MH_STORE_LOCKED, "isp1 7", "");
	assert_int_equal(count_files(dirs->links), 1);
	mh_store_close(store);
}

/*
 * A crash between saving a record under an interface's new name and removing the old one. One of
 * the two is loaded, and the other is gone after the next load under the lock.
 */
static void test_leftover_of_renaming(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);

	save_new(store, "ppp0", 1, 8);
	save_new(store, "isp1", 1, 8);
	save_new(store, "isp2", 2, 2);
	assert_loads(store, 0, "isp1 8, isp2 2", "");
	assert_int_equal(count_files(dirs->links), 3);
	assert_loads(store, MH_STORE_LOCKED, "isp1 8, isp2 2", "");
	assert_int_equal(count_files(dirs->links), 2);
	mh_store_close(store);
}

/*
 * Someone has copied a record by hand, so that two links have one slot. The one that came up first
 * keeps it, the other is named, and its file stays.
 */
static void test_two_of_one_slot(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);
	struct mh_record record = bare_record("copy", 1);

	save_new(store, "isp1", 1, 8);
	save_new(store, "isp2", 2, 2);
	record.seq = 9;
	assert_int_equal(mh_store_save(store, &record), 0);
	assert_loads(store, MH_STORE_LOCKED, "isp1 8, isp2 2",
		     "copy has the slot of another record");
	record.seq = 1;
	record.link->ifindex = 99;
	assert_int_equal(mh_store_save(store, &record), 0);
	assert_loads(store, MH_STORE_LOCKED, "copy 0, isp2 2",
		     "isp1 has the slot of another record");
	assert_int_equal(count_files(dirs->links), 3);
	mh_link_free(record.link);
	mh_store_close(store);
}

/*
 * A load while another process replaces a record: directories are not read in one step, so the
 * name may not be met. The load notices the change and looks again.
 */
static void test_replaced_while_scanning(void **state)
{
	struct mh_store *store = open_new(*state);

	save_new(store, "isp1", 1, 8);
	save_new(store, "isp2", 2, 2);
	hook.links_fd = store->links_fd;
	hook.hide = "isp1";
	assert_loads(store, 0, "isp1 8, isp2 2", "");
	assert_null(hook.hide);
	mh_store_close(store);
}

/* Loads without end, while a child saves without end. What is loaded is always whole. */
static void test_reading_beside_a_writer(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);
	struct mh_record record = full_record();
	pid_t pid;

	assert_int_equal(mh_store_save(store, &record), 0);
	pid = fork();
	assert_true(pid >= 0);
	while (!pid) {
		record.link->weight = (record.link->weight + 1) % MH_WEIGHT_MAX;
		if (mh_store_save(store, &record) < 0)
			_exit(1);
	}
	for (unsigned int i = 0; i < 1000; i++) {
		struct mh_records records = { 0 };
		struct mh_bad_records bad = { 0 };

		assert_int_equal(mh_store_load(store, 0, &records, &bad), 0);
		assert_int_equal(bad.n, 0);
		assert_true(records.n <= 1);
		if (records.n)
			assert_int_equal(records.v[0].link->n_rules, 2);
		mh_records_clear(&records);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(mh_store_save(store, &record), 0);
	assert_loads(store, MH_STORE_LOCKED, "isp1 8", "");
	mh_link_free(record.link);
	mh_store_close(store);
}

/* Reads and writes that come in small pieces and are interrupted all the time, as pppd's are. */
static void test_small_pieces(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);
	struct mh_record record = full_record();
	struct mh_records records = { 0 };

	hook.write_max = 7;
	hook.interrupt = true;
	assert_int_equal(mh_store_save(store, &record), 0);
	assert_int_equal(mh_store_load(store, 0, &records, NULL), 0);
	assert_int_equal(records.n, 1);
	assert_records_equal(&record, &records.v[0]);
	mh_records_clear(&records);
	mh_link_free(record.link);
	mh_store_close(store);
}

/* Opens the store and saves isp1 with weight 5 in a child. Return: did it die at step @die_at? */
static bool dies_saving(const struct dirs *dirs, unsigned int die_at)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct mh_record record = bare_record("isp1", 1);
		struct mh_store *store;

		record.link->weight = 5;
		hook.step = 0;
		hook.die_at = die_at;
		hook.write_max = 20;
		if (mh_store_open(dirs->run, &store) < 0)
			_exit(1);
		_exit(mh_store_save(store, &record) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGKILL);
	else
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status);
}

/*
 * The process dies before each of the system calls of opening and saving, the pieces of a write
 * among them, when there is an older record. The older record or the new one is there afterwards,
 * and nothing else after the next load under the lock.
 */
static void test_crash_while_replacing(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);
	unsigned int die_at = 1;
	bool died;

	do {
		save_new(store, "isp1", 1, 8);
		died = dies_saving(dirs, die_at++);
		assert_loads(store, 0, died ? "isp1 8" : "isp1 5", "");
		assert_loads(store, MH_STORE_LOCKED, died ? "isp1 8" : "isp1 5", "");
		assert_int_equal(count_files(dirs->links), 1);
	} while (died);
	assert_true(die_at > 12);
	mh_store_close(store);
}

/* The same on a host that has no run directory yet. The next process finds a usable one. */
static void test_crash_while_making(void **state)
{
	const struct dirs *dirs = *state;
	unsigned int die_at = 1;
	bool died;

	umask(077);
	do {
		mh_cleanup(mh_store_closep) struct mh_store *store = NULL;

		died = dies_saving(dirs, die_at++);
		store = open_new(dirs);
		assert_int_equal(mode_of(dirs->run), 0755);
		assert_int_equal(mode_of(dirs->links), 0755);
		assert_loads(store, MH_STORE_LOCKED, died ? "" : "isp1 5", "");
		assert_int_equal(count_files(dirs->links), died ? 0 : 1);
		assert_int_equal(mh_remove_tree(dirs->run), 0);
	} while (died);
	assert_true(die_at > 16);
}

/*
 * Each system call of a save fails in turn. The save says so with that errno, the older record
 * stands, no temporary file and no descriptor is left.
 */
static void test_each_call_fails(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);
	struct mh_record record = bare_record("isp1", 1);
	unsigned int before = count_descriptors(), fail_at = 1;
	int r;

	record.link->weight = 5;
	save_new(store, "isp1", 1, 8);
	do {
		hook.step = 0;
		hook.fail_at = fail_at++;
		hook.error = ENOSPC;
		hook.write_max = 20;
		r = mh_store_save(store, &record);
		assert_int_equal(r, hook.step < hook.fail_at ? 0 : -ENOSPC);
		hook.fail_at = 0;
		assert_loads(store, 0, r ? "isp1 8" : "isp1 5", "");
		assert_int_equal(count_files(dirs->links), 1);
		assert_int_equal(count_descriptors(), before);
	} while (r);
	assert_true(fail_at > 9);
	mh_link_free(record.link);
	mh_store_close(store);
}

/* Each system call of making the run directory fails in turn. */
static void test_each_call_of_open_fails(void **state)
{
	const struct dirs *dirs = *state;
	unsigned int before = count_descriptors(), fail_at = 1;
	struct mh_store *store = NULL;
	int r;

	umask(077);
	do {
		hook.step = 0;
		hook.fail_at = fail_at++;
		hook.error = EROFS;
		r = mh_store_open(dirs->run, &store);
		assert_int_equal(r, hook.step < hook.fail_at ? 0 : -EROFS);
		hook.fail_at = 0;
		store = r ? store : mh_store_close(store);
		assert_null(store);
		assert_int_equal(count_descriptors(), before);
		mh_remove_tree(dirs->run);
	} while (r);
	assert_int_equal(fail_at, 10);
}

/* Loads with the @fail_at-th system call failing with @error. */
static int load_failing(struct mh_store *store, unsigned int flags, unsigned int fail_at, int error)
{
	struct mh_records records = { .n = 4711 };
	struct mh_bad_records bad = { .n = 4711 };
	int r;

	hook.step = 0;
	hook.fail_at = fail_at;
	hook.error = error;
	r = mh_store_load(store, flags, &records, &bad);
	hook.fail_at = 0;
	if (r) {
		assert_int_equal(records.n, 4711);
		assert_int_equal(bad.n, 4711);
	} else {
		mh_records_clear(&records);
		mh_bad_records_clear(&bad);
	}
	return r;
}

/*
 * The caller has limited what his pppd may have open, or the memory is short. The load fails as a
 * whole, at whichever step it happens: a record that was merely not read would look like a link
 * that is gone, and its routes would be taken away.
 */
static void test_load_fails_as_a_whole(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOMEM, EIO };
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);
	unsigned int steps, before;

	save_new(store, "isp1", 1, 8);
	save_new(store, "isp2", 2, 2);
	before = count_descriptors();
	load_failing(store, MH_STORE_LOCKED, 0, 0);
	steps = hook.step;
	assert_true(steps >= 9);
	for (size_t i = 0; i < MH_ARRAY_SIZE(errors); i++) {
		for (unsigned int fail_at = 1; fail_at <= steps; fail_at++)
			assert_int_equal(load_failing(store, 0, fail_at, errors[i]), -errors[i]);
	}
	assert_int_equal(count_descriptors(), before);
	mh_store_close(store);
}

/*
 * A record that may not be read. To a reader it is one among the bad ones; to a writer, who would
 * act on its absence, it is a failure.
 */
static void test_unreadable_record(void **state)
{
	struct mh_store *store = open_new(*state);

	save_new(store, "isp1", 1, 8);
	hook.fail_at = 6;
	hook.error = EACCES;
	hook.step = 0;
	assert_loads(store, 0, "", "isp1 may not be read");
	hook.step = 0;
	assert_int_equal(load_failing(store, MH_STORE_LOCKED, 6, EACCES), -EACCES);
	mh_store_close(store);
}

/* A record that goes between the scan and the reading. It is gone, and nothing is wrong. */
static void test_removed_while_loading(void **state)
{
	struct mh_store *store = open_new(*state);

	save_new(store, "isp1", 1, 8);
	hook.fail_at = 6;
	hook.error = ENOENT;
	hook.step = 0;
	assert_loads(store, 0, "", "");
	mh_store_close(store);
}

/* An entry that cannot be replaced or removed: a directory by a record's or temporary name. */
static void test_directory_in_the_way(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);
	struct mh_record record = bare_record("isp1", 1);

	assert_int_equal(mkdir(path_of(dirs, "isp1"), 0755), 0);
	assert_int_equal(mh_store_save(store, &record), -EISDIR);
	assert_int_equal(mh_store_remove(store, "isp1"), -EISDIR);
	assert_int_equal(count_files(dirs->links), 1);
	assert_int_equal(rmdir(path_of(dirs, "isp1")), 0);
	assert_int_equal(mkdir(path_of(dirs, ".isp1:tmp"), 0755), 0);
	assert_int_equal(mh_store_save(store, &record), -EEXIST);
	assert_loads(store, MH_STORE_LOCKED, "", "");
	mh_link_free(record.link);
	mh_store_close(store);
}

/* A link where the temporary file goes. What it points to is not written. */
static void test_symlinked_temp(void **state)
{
	const struct dirs *dirs = *state;
	struct mh_store *store = open_new(dirs);
	char target[PATH_MAX];

	snprintf(target, sizeof(target), "%s/target", dirs->base);
	write_file(target, "precious", 8);
	assert_int_equal(symlink(target, path_of(dirs, ".isp1:tmp")), 0);
	save_new(store, "isp1", 1, 8);
	assert_loads(store, 0, "isp1 8", "");
	assert_int_equal(count_files(dirs->links), 1);
	mh_store_close(store);
	assert_true(exists(target));
	assert_int_equal(truncate(target, 8), 0);
	assert_int_equal(mode_of(target), 0644);
}

/*
 * What follows needs file systems that are full or read-only, so it runs in a child with user and
 * mount namespaces of its own. A child tells its parent by its exit status, since cmocka knows
 * nothing of it.
 */
enum {
	CHILD_FINE,
	CHILD_FAILED,
	CHILD_DENIED, /* no such namespaces here */
};

#define CHILD_CHECK(condition)                                                          \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			_exit(CHILD_FAILED);                                            \
		}                                                                       \
	} while (0)

static bool write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Mounts a file system of its own on dirs->run, or ends the child. */
static void mount_run(const struct dirs *dirs, const char *options)
{
	char uid_map[32], gid_map[32];

	snprintf(uid_map, sizeof(uid_map), "0 %u 1", geteuid());
	snprintf(gid_map, sizeof(gid_map), "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    !write_map("/proc/self/setgroups", "deny") ||
	    !write_map("/proc/self/uid_map", uid_map) ||
	    !write_map("/proc/self/gid_map", gid_map) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dirs->run, "tmpfs", 0, options) < 0)
		_exit(CHILD_DENIED);
}

static void run_in_child(const struct dirs *dirs, void (*fn)(const struct dirs *))
{
	pid_t pid;
	int status;

	assert_int_equal(mkdir(dirs->run, 0755), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		fn(dirs);
		_exit(CHILD_FINE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHILD_DENIED)
		skip();
	assert_int_equal(WEXITSTATUS(status), CHILD_FINE);
}

/* Is isp1 the only record, with @weight? */
static bool child_has(struct mh_store *store, unsigned int flags, uint32_t weight)
{
	struct mh_records records = { 0 };
	struct mh_bad_records bad = { 0 };
	bool has;

	if (mh_store_load(store, flags, &records, &bad) < 0)
		return false;
	has = records.n == 1 && !bad.n && !strcmp(records.v[0].link->ifname, "isp1") &&
	      records.v[0].link->weight == weight;
	mh_records_clear(&records);
	mh_bad_records_clear(&bad);
	return has;
}

static void fill(const char *path)
{
	static const char zeros[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	CHILD_CHECK(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	CHILD_CHECK(errno == ENOSPC);
	close(fd);
}

static void full_disk(const struct dirs *dirs)
{
	struct mh_record record = bare_record("isp1", 1);
	struct mh_store *store;
	char path[PATH_MAX];

	mount_run(dirs, "size=64k,mode=0755");
	CHILD_CHECK(!mh_store_open(dirs->run, &store));
	CHILD_CHECK(!mh_store_save(store, &record));
	snprintf(path, sizeof(path), "%s/fill", dirs->run);
	fill(path);
	record.link->weight = 5;
	CHILD_CHECK(mh_store_save(store, &record) == -ENOSPC);
	CHILD_CHECK(child_has(store, 0, 0));
	CHILD_CHECK(count_files(dirs->links) == 1);
	CHILD_CHECK(!mh_store_remove(store, "isp1"));
	unlink(path);
	CHILD_CHECK(!mh_store_save(store, &record));
	CHILD_CHECK(child_has(store, MH_STORE_LOCKED, 5));
}

/*
 * /run is full when a link's weight changes. The change fails, and what was known of the link is
 * still known; with room again it succeeds.
 */
static void test_full_disk(void **state)
{
	run_in_child(*state, full_disk);
}

static void no_inodes(const struct dirs *dirs)
{
	struct mh_record record = bare_record("isp1", 1);
	struct mh_store *store;

	mount_run(dirs, "size=64k,nr_inodes=4,mode=0755");
	CHILD_CHECK(!mh_store_open(dirs->run, &store));
	CHILD_CHECK(!mh_store_save(store, &record));
	write_file(path_of(dirs, ".isp2:tmp"), "", 0);
	record.link->weight = 5;
	CHILD_CHECK(mh_store_save(store, &record) == -ENOSPC);
	CHILD_CHECK(child_has(store, 0, 0));
	CHILD_CHECK(child_has(store, MH_STORE_LOCKED, 0));
	CHILD_CHECK(!mh_store_save(store, &record));
	CHILD_CHECK(child_has(store, MH_STORE_LOCKED, 5));
}

/* /run has no room for another file, because of what a crash left. The next load makes room. */
static void test_no_inodes(void **state)
{
	run_in_child(*state, no_inodes);
}

static void read_only(const struct dirs *dirs)
{
	struct mh_record record = bare_record("isp1", 1);
	struct mh_store *store;
	char path[PATH_MAX];

	mount_run(dirs, "size=64k,mode=0755");
	CHILD_CHECK(!mh_store_open(dirs->run, &store));
	CHILD_CHECK(!mh_store_save(store, &record));
	write_file(path_of(dirs, ".isp2:tmp"), "", 0);
	mh_store_close(store);
	CHILD_CHECK(!mount(NULL, dirs->run, NULL, MS_REMOUNT | MS_RDONLY, "size=64k"));
	CHILD_CHECK(!mh_store_open(dirs->run, &store));
	CHILD_CHECK(mh_store_save(store, &record) == -EROFS);
	CHILD_CHECK(mh_store_remove(store, "isp1") == -EROFS);
	CHILD_CHECK(child_has(store, MH_STORE_LOCKED, 0));
	mh_store_close(store);
	snprintf(path, sizeof(path), "%s/deeper", dirs->run);
	CHILD_CHECK(mh_store_open(path, &store) == -EROFS);
}

/* /run has become read-only. What is there can still be read, and what cannot be done is said. */
static void test_read_only(void **state)
{
	run_in_child(*state, read_only);
}

#define IN_DIRS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest texts[] = {
		cmocka_unit_test(test_full_text),
		cmocka_unit_test(test_bare_text),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_lines_once),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_changed_byte),
		cmocka_unit_test(test_embedded_zero),
		cmocka_unit_test(test_list_bounds),
		cmocka_unit_test(test_length_bounds),
		cmocka_unit_test(test_write_refuses_texts),
		cmocka_unit_test(test_write_refuses_values),
	};
	const struct CMUnitTest files[] = {
		IN_DIRS(test_any_umask),
		IN_DIRS(test_open_again),
		IN_DIRS(test_slashes_at_end),
		IN_DIRS(test_open_existing_makes_nothing),
		IN_DIRS(test_bad_paths),
		IN_DIRS(test_symlinked_directories),
		IN_DIRS(test_other_kinds_of_directories),
		IN_DIRS(test_untrusted_directories),
		IN_DIRS(test_save_load_remove),
		IN_DIRS(test_full_record_in_file),
		IN_DIRS(test_bad_names),
		IN_DIRS(test_descriptors),
		IN_DIRS(test_other_kinds_of_files),
		IN_DIRS(test_other_content),
		IN_DIRS(test_other_names),
		IN_DIRS(test_untrusted_records),
		IN_DIRS(test_leftover_of_save),
		IN_DIRS(test_leftover_of_renaming),
		IN_DIRS(test_two_of_one_slot),
		IN_DIRS(test_replaced_while_scanning),
		IN_DIRS(test_reading_beside_a_writer),
		IN_DIRS(test_small_pieces),
		IN_DIRS(test_crash_while_replacing),
		IN_DIRS(test_crash_while_making),
		IN_DIRS(test_each_call_fails),
		IN_DIRS(test_each_call_of_open_fails),
		IN_DIRS(test_load_fails_as_a_whole),
		IN_DIRS(test_unreadable_record),
		IN_DIRS(test_removed_while_loading),
		IN_DIRS(test_directory_in_the_way),
		IN_DIRS(test_symlinked_temp),
		IN_DIRS(test_full_disk),
		IN_DIRS(test_no_inodes),
		IN_DIRS(test_read_only),
	};

	return cmocka_run_group_tests_name("record text", texts, NULL, NULL) +
	       cmocka_run_group_tests_name("record files", files, NULL, NULL);
}
