// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which interfaces a snapshot need not ask the kernel for. One that has changed in any way that
 * matters must be asked for, so each test takes one thing from a link that is as it was.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "known.h"
#include "world.h"

/* isp1 and isp2 are links, of interfaces 11 and 12, as the kernel tells of them before it is asked.
 */
struct setting {
	struct mh_records records;
	struct mh_state state;
	struct mh_known known;
	struct mh_iface ifaces[2];
	struct mh_ifaddr addrs[2];
	struct mh_nexthop nexthops[2];
	int *ask;
	size_t n_ask;
};

static void setting_clear(struct setting *s)
{
	mh_records_clear(&s->records);
	mh_known_clear(&s->known);
	free(s->ask);
}

static void set(struct setting *s)
{
	*s = (struct setting){ 0 };
	for (int i = 0; i < 2; i++) {
		char text[32];

		mh_world_add(&s->records, i + 1, 1u << MH_INET);
		snprintf(text, sizeof(text), "10.0.%d.2", i + 1);
		s->ifaces[i] = (struct mh_iface){ .ifindex = 11 + i, .rp_filter = 2 };
		s->addrs[i] = (struct mh_ifaddr){ .ifindex = 11 + i,
						  .local = mh_world_prefix(text) };
		snprintf(s->addrs[i].label, sizeof(s->addrs[i].label), "isp%d", i + 1);
		s->nexthops[i] = (struct mh_nexthop){ .id = (uint32_t)i + 1,
						      .protocol = MH_PROTOCOL,
						      .oif = 11 + i };
	}
	s->state.ifaces = s->ifaces;
	s->state.addrs = s->addrs;
	s->state.nexthops = s->nexthops;
	s->state.n_ifaces = s->state.n_addrs = s->state.n_nexthops = 2;
}

static void fill(struct setting *s, int ifindex)
{
	assert_int_equal(mh_known_from_records(&s->records, ifindex, &s->known), 0);
	assert_int_equal(mh_known_fill(&s->known, &s->state, &s->ask, &s->n_ask), 0);
}

/* isp2 alone is as it was, and isp1 is asked for. */
static void assert_first_asked(struct setting *s)
{
	fill(s, 0);
	assert_int_equal(s->n_ask, 1);
	assert_int_equal(s->ask[0], 11);
	assert_int_equal(s->state.n_ifaces, 1);
	assert_string_equal(s->ifaces[0].name, "isp2");
}

static void test_as_it_was(void **state)
{
	mh_cleanup(setting_clear) struct setting s;

	(void)state;
	set(&s);
	fill(&s, 0);
	assert_int_equal(s.n_ask, 0);
	assert_int_equal(s.state.n_ifaces, 2);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(s.ifaces[i].name, i ? "isp2" : "isp1");
		assert_int_equal(s.ifaces[i].ifindex, 11 + i);
		assert_int_equal(s.ifaces[i].rp_filter, 2);
		assert_true(s.ifaces[i].up && s.ifaces[i].carrier);
	}
}

/* A renaming shows in the label, which an owner may also have chosen himself. */
static void test_other_label(void **state)
{
	mh_cleanup(setting_clear) struct setting s;

	(void)state;
	set(&s);
	strcpy(s.addrs[0].label, "isp1:1");
	assert_first_asked(&s);
}

static void test_no_address(void **state)
{
	mh_cleanup(setting_clear) struct setting s;

	(void)state;
	set(&s);
	s.state.addrs = &s.addrs[1];
	s.state.n_addrs = 1;
	assert_first_asked(&s);
}

/* The kernel has removed the nexthop: the interface is down, or was. */
static void test_no_nexthop(void **state)
{
	mh_cleanup(setting_clear) struct setting s;

	(void)state;
	set(&s);
	s.state.nexthops = &s.nexthops[1];
	s.state.n_nexthops = 1;
	assert_first_asked(&s);
}

static void test_foreign_nexthop(void **state)
{
	mh_cleanup(setting_clear) struct setting s;

	(void)state;
	set(&s);
	s.nexthops[0].protocol = 4;
	assert_first_asked(&s);
}

/* The interface is gone, or has no IPv4. */
static void test_no_settings(void **state)
{
	mh_cleanup(setting_clear) struct setting s;

	(void)state;
	set(&s);
	s.ifaces[0] = s.ifaces[1];
	s.state.n_ifaces = 1;
	assert_first_asked(&s);
}

static void test_ipv6(void **state)
{
	mh_cleanup(setting_clear) struct setting s;

	(void)state;
	set(&s);
	s.records.v[0].link->part[MH_INET6].local = mh_world_prefix("2001:db8:1::2");
	assert_first_asked(&s);
}

/* The interface of the event itself, be it of a link on record or of none. */
static void test_own_interface(void **state)
{
	mh_cleanup(setting_clear) struct setting s, other;

	(void)state;
	set(&s);
	fill(&s, 11);
	assert_int_equal(s.n_ask, 1);
	assert_int_equal(s.ask[0], 11);
	set(&other);
	fill(&other, 17);
	assert_int_equal(other.n_ask, 1);
	assert_int_equal(other.ask[0], 17);
	assert_int_equal(other.state.n_ifaces, 2);
}

/* Somebody's default over eth0 is told of by name. Interfaces that nothing names are left out. */
static void test_interface_of_a_route(void **state)
{
	mh_cleanup(setting_clear) struct setting s;
	struct mh_iface ifaces[] = { { .ifindex = 19 }, { .ifindex = 18 }, { .ifindex = 12 } };
	struct mh_route routes[] = { { .oif = 19 }, { .oif = 19 }, { .oif = 12 }, { .oif = 0 } };

	(void)state;
	set(&s);
	s.state.ifaces = ifaces;
	s.state.n_ifaces = 3;
	s.state.routes = routes;
	s.state.n_routes = 4;
	fill(&s, 0);
	assert_int_equal(s.n_ask, 2);
	assert_int_equal(s.ask[0], 11);
	assert_int_equal(s.ask[1], 19);
	assert_int_equal(s.state.n_ifaces, 1);
	assert_int_equal(ifaces[0].ifindex, 12);
}

static void test_nothing(void **state)
{
	mh_cleanup(setting_clear) struct setting s = { 0 };

	(void)state;
	fill(&s, 0);
	assert_int_equal(s.n_ask, 0);
	assert_int_equal(s.state.n_ifaces, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_as_it_was),
	cmocka_unit_test(test_other_label),
	cmocka_unit_test(test_no_address),
	cmocka_unit_test(test_no_nexthop),
	cmocka_unit_test(test_foreign_nexthop),
	cmocka_unit_test(test_no_settings),
	cmocka_unit_test(test_ipv6),
	cmocka_unit_test(test_own_interface),
	cmocka_unit_test(test_interface_of_a_route),
	cmocka_unit_test(test_nothing),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
