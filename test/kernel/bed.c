// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the beds have in common: the run directory, the handle, and the links that tests bring up.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "../fake-kernel.h"
#include "../remove-tree.h"
#include "bed.h"

static bool can_mount;

static int write_file(const char *path, const char *text)
{
	mh_cleanup(mh_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

static int become_root(void)
{
	char map[64];
	uid_t uid = getuid();
	gid_t gid = getgid();
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!r)
		r = write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return r ? r : write_file("/proc/self/gid_map", map);
}

int mh_bed_private_mounts(void)
{
	int r = geteuid() ? become_root() : 0;

	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	can_mount = true;
	return 0;
}

bool mh_bed_can_mount(void)
{
	return can_mount;
}

int mh_bed_skip(int r)
{
	if (getenv("MH_TEST_REQUIRE")) {
		printf("1..1\nnot ok 1 network namespace: %s\n", strerror(-r));
		return 1;
	}
	printf("1..0 # SKIP no network namespace: %s\n", strerror(-r));
	return 0;
}

int mh_bed_set_up(void **state)
{
	struct mh_bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	/* Where nothing is ever written to a disk, as /run is. */
	strcpy(bed->run_dir, "/dev/shm/test-host-XXXXXX");
	if (!mkdtemp(bed->run_dir)) {
		strcpy(bed->run_dir, "/tmp/test-host-XXXXXX");
		assert_non_null(mkdtemp(bed->run_dir));
	}
	mh_bed_make_world(bed);
	mh_fault_none(&bed->fault);
	assert_int_equal(bed->fault.open_inner(bed->fault.inner_arg, &bed->kernel), 0);
	assert_int_equal(mh_host_open(bed->run_dir, &bed->host), 0);
	bed->host->open_kernel = mh_faulty_open;
	bed->host->open_kernel_arg = &bed->fault;
	*state = bed;
	return 0;
}

int mh_bed_tear_down(void **state)
{
	struct mh_bed *bed = *state;

	mh_host_close(bed->host);
	mh_kernel_closep(&bed->kernel);
	mh_bed_end_world(bed);
	umount2(bed->run_dir, MNT_DETACH); /* where a test has mounted something there */
	mh_remove_tree(bed->run_dir);
	free(bed);
	return 0;
}

struct mh_prefix mh_bed_prefix(const char *text)
{
	struct mh_prefix prefix = { 0 };

	assert_int_equal(mh_prefix_parse(text, &prefix), 0);
	return prefix;
}

__attribute__((format(printf, 1, 2))) static struct mh_prefix prefix_of(const char *format, ...)
{
	char text[64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return mh_bed_prefix(text);
}

static void add_addr(struct mh_bed *bed, const struct mh_link *link, const struct mh_prefix *local,
		     const struct mh_prefix *network)
{
	char local_text[MH_PREFIX_TEXT_SIZE], network_text[MH_PREFIX_TEXT_SIZE];

	mh_prefix_format(local, local_text);
	mh_prefix_format(network, network_text);
	mh_bed_add_addr(bed, link->ifname, local_text, network_text);
}

static struct mh_link *new_link(struct mh_bed *bed, int i, bool tun)
{
	struct mh_link *link;

	assert_int_equal(mh_link_new(&link), 0);
	snprintf(link->ifname, sizeof(link->ifname), "isp%d", i);
	if (tun)
		mh_bed_add_tun(bed, link->ifname);
	else
		mh_bed_add_ether(bed, link->ifname);
	link->ifindex = mh_bed_ifindex(bed, link->ifname);
	return link;
}

struct mh_link *mh_bed_ether(struct mh_bed *bed, int i, unsigned int families)
{
	struct mh_link *link = new_link(bed, i, false);
	struct mh_part *inet = &link->part[MH_INET], *inet6 = &link->part[MH_INET6];
	struct mh_prefix network;

	if (families & MH_BED_INET) {
		inet->local = prefix_of("10.0.%d.2", i);
		inet->gateway = prefix_of("10.0.%d.1", i);
		network = prefix_of("10.0.%d.0/24", i);
		add_addr(bed, link, &inet->local, &network);
	}
	if (families & MH_BED_INET6) {
		inet6->local = prefix_of("2001:db8:%d::2", i);
		inet6->gateway = prefix_of("2001:db8:%d::1", i);
		network = prefix_of("2001:db8:%d::/64", i);
		add_addr(bed, link, &inet6->local, &network);
	}
	return link;
}

struct mh_link *mh_bed_tun(struct mh_bed *bed, int i, unsigned int families)
{
	struct mh_link *link = new_link(bed, i, true);
	struct mh_part *inet = &link->part[MH_INET], *inet6 = &link->part[MH_INET6];

	if (families & MH_BED_INET) {
		inet->local = prefix_of("10.9.%d.2", i);
		inet->peer = prefix_of("10.9.%d.1", i);
		add_addr(bed, link, &inet->local, &inet->peer);
	}
	if (families & MH_BED_INET6) {
		inet6->local = prefix_of("2001:db8:9%d::2", i);
		add_addr(bed, link, &inet6->local, &inet6->local);
	}
	return link;
}

void mh_bed_print(const struct mh_report *report)
{
	for (size_t i = 0; i < report->n_changes; i++)
		print_error("%c %s: %d\n", report->changes[i].sign, report->changes[i].text,
			    report->changes[i].error);
	for (size_t i = 0; i < report->n_problems; i++)
		print_error("%s %s: %s\n", mh_problem_name(report->problems[i].code),
			    report->problems[i].ifname, report->problems[i].text);
}

static void assert_clean(int r, struct mh_report *report)
{
	if (r || report->n_problems)
		mh_bed_print(report);
	assert_int_equal(r, 0);
	assert_int_equal(report->n_problems, 0);
	mh_report_clear(report);
}

void mh_bed_up(struct mh_bed *bed, const struct mh_link *link)
{
	struct mh_report report = MH_REPORT_INIT;
	int r = mh_link_up(bed->host, link, &report);

	assert_clean(r, &report);
}

void mh_bed_down(struct mh_bed *bed, const struct mh_link *link)
{
	struct mh_report report = MH_REPORT_INIT;
	int r = mh_link_down(bed->host, link->ifindex, MH_BED_BOTH, &report);

	assert_clean(r, &report);
}

void mh_bed_reconcile(struct mh_bed *bed)
{
	struct mh_report report = MH_REPORT_INIT;
	int r = mh_reconcile(bed->host, 0, &report);

	assert_clean(r, &report);
}

char *mh_bed_ours(struct mh_bed *bed)
{
	mh_cleanup(mh_state_freep) struct mh_state *state = NULL;

	assert_int_equal(bed->kernel->ops->snapshot(bed->kernel, &state), 0);
	return mh_state_lines(state, true);
}

void mh_bed_assert_ours(struct mh_bed *bed, const char *lines)
{
	mh_cleanup(mh_freep) char *ours = mh_bed_ours(bed);

	assert_string_equal(ours, lines);
}

void mh_bed_assert_way(struct mh_bed *bed, const char *from, const char *names)
{
	char found[256];

	mh_bed_way(bed, from, found);
	assert_string_equal(found, names);
}

void mh_bed_remove_run_dir(struct mh_bed *bed)
{
	assert_int_equal(mh_remove_tree(bed->run_dir), 0);
}

void mh_bed_forget(struct mh_bed *bed)
{
	struct mh_report report = MH_REPORT_INIT;
	char path[64];
	int r;

	mh_fault_none(&bed->fault);
	r = mh_flush(bed->host, &report);
	assert_clean(r, &report);
	mh_bed_assert_ours(bed, "");
	snprintf(path, sizeof(path), "%s/links", bed->run_dir);
	mh_remove_tree(path);
}

bool mh_bed_has_problem(const struct mh_report *report, enum mh_problem_code code,
			const char *ifname)
{
	for (size_t i = 0; i < report->n_problems; i++) {
		if (report->problems[i].code == code &&
		    !strcmp(report->problems[i].ifname, ifname ? ifname : ""))
			return true;
	}
	return false;
}
