// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A watch on the real kernel: it knows when the IPv6 addresses of a link have changed, and says so
 * where it cannot know.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "bed.h"

static void watch_freep(struct mh_watch **watch)
{
	mh_watch_close(*watch);
}

/* Opened once all is quiet: nothing is heard of what was before. */
static struct mh_watch *watch_open(void)
{
	struct mh_watch *watch;

	assert_int_equal(mh_watch_open(&watch), 0);
	return watch;
}

/* An interface gets its link-local address by itself, a little later, and is told of it later yet.
 */
static void let_settle(struct mh_watch *watch, int ifindex)
{
	int looks = 0, quiet = 0;

	while (quiet++ < 30) {
		if (mh_watch_changed(watch, ifindex))
			quiet = 0;
		assert_true(looks++ < 1000);
		usleep(10000);
	}
}

/* The kernel puts an address to use, and tells of it, from a queue of work. */
static void await_change(struct mh_watch *watch, int ifindex)
{
	int looks = 0;

	while (!mh_watch_changed(watch, ifindex)) {
		assert_true(looks++ < 1000);
		usleep(10000);
	}
}

static void test_addresses_come_and_go(void **state)
{
	struct mh_bed *bed = *state;
	mh_cleanup(watch_freep) struct mh_watch *watch = NULL;
	int one, two;

	mh_bed_add_tun(bed, "isp1");
	mh_bed_add_tun(bed, "isp2");
	one = mh_bed_ifindex(bed, "isp1");
	two = mh_bed_ifindex(bed, "isp2");
	watch = watch_open();
	let_settle(watch, one);
	mh_bed_add_addr(bed, "isp1", "2001:db8:1::2", "2001:db8:1::/64");
	await_change(watch, one);
	let_settle(watch, one);
	mh_bed_del_addr(bed, "isp1", "2001:db8:1::2", "2001:db8:1::/64");
	await_change(watch, one);
	let_settle(watch, one);
	let_settle(watch, two);
	mh_bed_add_addr(bed, "isp2", "2001:db8:2::2", "2001:db8:2::/64");
	mh_bed_add_addr(bed, "isp1", "10.0.1.2", "10.0.1.0/24");
	assert_false(mh_watch_changed(watch, one));
}

static void set_lifetime(const char *ifname, const char *local, int seconds)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ip addr change %s/64 dev %s valid_lft %d preferred_lft %d", local, ifname,
		 seconds, seconds);
	assert_int_equal(system(command), 0);
}

/* Each router advertisement gives an address new lifetimes, which are no matter to the rules. */
static void test_new_lifetimes(void **state)
{
	struct mh_bed *bed = *state;
	mh_cleanup(watch_freep) struct mh_watch *watch = NULL;
	int one;

	mh_bed_add_tun(bed, "isp1");
	one = mh_bed_ifindex(bed, "isp1");
	watch = watch_open();
	mh_bed_add_addr(bed, "isp1", "2001:db8:1::2", "2001:db8:1::/64");
	await_change(watch, one);
	let_settle(watch, one);
	for (int seconds = 1000; seconds < 1005; seconds++) {
		set_lifetime("isp1", "2001:db8:1::2", seconds);
		assert_false(mh_watch_changed(watch, one));
	}
	mh_bed_del_addr(bed, "isp1", "2001:db8:1::2", "2001:db8:1::/64");
	await_change(watch, one);
	mh_bed_add_addr(bed, "isp1", "2001:db8:1::2", "2001:db8:1::/64");
	await_change(watch, one);
}

/* More than it can take in: what it has not seen may concern any link. */
static void test_too_much_at_once(void **state)
{
	struct mh_bed *bed = *state;
	mh_cleanup(watch_freep) struct mh_watch *watch = NULL;
	int one;

	mh_bed_add_tun(bed, "isp1");
	mh_bed_add_tun(bed, "isp2");
	one = mh_bed_ifindex(bed, "isp1");
	watch = watch_open();
	let_settle(watch, one);
	for (int i = 0; i < 140; i++) {
		mh_bed_add_addr(bed, "isp2", "2001:db8:2::2", "2001:db8:2::/64");
		mh_bed_del_addr(bed, "isp2", "2001:db8:2::2", "2001:db8:2::/64");
	}
	await_change(watch, one);
	let_settle(watch, one);
	assert_false(mh_watch_changed(watch, one));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, mh_bed_set_up, mh_bed_tear_down)

static const struct CMUnitTest tests[] = {
	TEST(test_addresses_come_and_go),
	TEST(test_new_lifetimes),
	TEST(test_too_much_at_once),
};

int main(void)
{
	int r = mh_bed_prepare();

	return r < 0 ? mh_bed_skip(r) : cmocka_run_group_tests(tests, NULL, NULL);
}
