// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How much the library asks of the real kernel for one event: pppd waits meanwhile. sendto() is
 * counted on its way out of the library (-Wl,--wrap=sendto).
 */

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "bed.h"

static struct {
	size_t datagrams;
	size_t messages;
	size_t dumps;
	size_t link_dumps;
} sent;

ssize_t __real_sendto(int fd, const void *buf, size_t size, int flags, const struct sockaddr *to,
		      socklen_t to_size);
ssize_t __wrap_sendto(int fd, const void *buf, size_t size, int flags, const struct sockaddr *to,
		      socklen_t to_size);

ssize_t __wrap_sendto(int fd, const void *buf, size_t size, int flags, const struct sockaddr *to,
		      socklen_t to_size)
{
	const struct nlmsghdr *hdr = buf;

	sent.datagrams++;
	for (uint32_t left = (uint32_t)size; NLMSG_OK(hdr, left); hdr = NLMSG_NEXT(hdr, left)) {
		sent.messages++;
		if ((hdr->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
			continue;
		sent.dumps++;
		sent.link_dumps += hdr->nlmsg_type == RTM_GETLINK;
	}
	return __real_sendto(fd, buf, size, flags, to, to_size);
}

static void count_from_here(void)
{
	memset(&sent, 0, sizeof(sent));
}

/*
 * The price of a snapshot: addresses, rules, nexthops, settings of IPv4, and of each family our
 * routes and the defaults of main. Besides it two questions: is there a kind of group, and how is
 * the one interface of which nothing is known.
 */
#define SNAPSHOT_DUMPS 8
#define SNAPSHOT_QUESTIONS 2
/* Nothing new to know of any interface. */
#define SNAPSHOT_QUESTIONS_DOWN 1

/* Two links share traffic: what each event sends is known to the message. */
static void test_two_links(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_ether(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);

	mh_bed_up(bed, isp1);
	count_from_here();
	mh_bed_up(bed, isp2);
	assert_int_equal(sent.dumps, SNAPSHOT_DUMPS);
	/* two nexthops, a route, a rule, the group: in one datagram */
	assert_int_equal(sent.messages, SNAPSHOT_DUMPS + SNAPSHOT_QUESTIONS + 5);
	assert_int_equal(sent.datagrams, SNAPSHOT_DUMPS + SNAPSHOT_QUESTIONS + 1);
	count_from_here();
	mh_bed_reconcile(bed);
	assert_int_equal(sent.messages, SNAPSHOT_DUMPS + SNAPSHOT_QUESTIONS);
	count_from_here();
	mh_bed_down(bed, isp2);
	assert_int_equal(sent.messages, SNAPSHOT_DUMPS + SNAPSHOT_QUESTIONS_DOWN + 5);
	assert_int_equal(sent.datagrams, SNAPSHOT_DUMPS + SNAPSHOT_QUESTIONS_DOWN + 1);
}

/* A host has many other interfaces, as one with containers does: no event asks for them. */
static void test_other_interfaces(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, MH_BED_INET);
	mh_auto_link *isp2 = mh_bed_tun(bed, 2, MH_BED_INET);

	for (int i = 0; i < 40; i++)
		mh_link_free(mh_bed_tun(bed, 10 + i, MH_BED_INET));
	mh_bed_up(bed, isp1);
	count_from_here();
	mh_bed_up(bed, isp2);
	assert_int_equal(sent.link_dumps, 0);
	assert_int_equal(sent.messages, SNAPSHOT_DUMPS + SNAPSHOT_QUESTIONS + 5);
	count_from_here();
	mh_bed_reconcile(bed);
	assert_int_equal(sent.link_dumps, 1);
}

#define LINKS 32

/*
 * 32 links come up one by one: each event asks no more than the one before. All are built anew by
 * one reconcile: that takes what each link takes by itself, and no second look.
 */
static void test_many_links(void **state)
{
	struct mh_bed *bed = *state;
	struct mh_link *links[LINKS];
	size_t fixed = SNAPSHOT_DUMPS + SNAPSHOT_QUESTIONS;

	for (int i = 0; i < LINKS; i++) {
		links[i] = mh_bed_tun(bed, i + 1, MH_BED_INET);
		count_from_here();
		mh_bed_up(bed, links[i]);
		assert_true(sent.messages <= fixed + (i ? 5 : 7));
		assert_true(sent.datagrams <= fixed + 1);
	}
	assert_int_equal(mh_flush(bed->host, NULL), 0);
	count_from_here();
	mh_bed_reconcile(bed);
	/* two nexthops, a route and a rule each; the guard, the group and the default */
	assert_int_equal(sent.messages, fixed + 4 * LINKS + 3);
	assert_true(sent.datagrams <= fixed + (4 * LINKS + 3) / 32 + 1);
	for (int i = 0; i < LINKS; i++)
		mh_link_free(links[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, mh_bed_set_up, mh_bed_tear_down)

static const struct CMUnitTest tests[] = {
	TEST(test_two_links),
	TEST(test_other_interfaces),
	TEST(test_many_links),
};

int main(void)
{
	int r = mh_bed_prepare();

	return r < 0 ? mh_bed_skip(r) : cmocka_run_group_tests(tests, NULL, NULL);
}
