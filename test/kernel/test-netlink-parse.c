// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The reading of netlink messages: what we say, as the kernel would say it back, and what a kernel
 * has really said, whole and cut off anywhere. Needs no privilege; that kernels understand us is
 * test-host.c's part.
 */

#include <dirent.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "netlink-private.h"
#include "selector.h"

static struct mh_prefix prefix_of(const char *text)
{
	struct mh_prefix prefix = { 0 };

	assert_int_equal(mh_prefix_parse(text, &prefix), 0);
	return prefix;
}

static void freep_msg(struct nl_msg **msg)
{
	nlmsg_free(*msg);
}

/* Has the request for @op, read as if the kernel had said it, appended to @state. */
static void echo(const struct mh_op *op, mh_nl_parse_fn parse, struct mh_state *state)
{
	mh_cleanup(freep_msg) struct nl_msg *msg = NULL;

	assert_int_equal(mh_nl_build(op, 1, &msg), 0);
	assert_int_equal(parse(nlmsg_hdr(msg), state), 0);
}

static const char *const selectors[] = {
	"from all",
	"from 192.0.2.0/24 to 198.51.100.7",
	"not from 2001:db8::/32",
	"iif eth0 oif isp1",
	"fwmark 7",
	"fwmark 0x10/0xf0",
	"fwmark 0/0xf0",
	"uidrange 0-0",
	"uidrange 1000-4294967294",
	"ipproto tcp sport 1-65534 dport 25",
	"tos 0x10",
};

/* Every kind of selector, to the message and back. */
static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(selectors); i++) {
		struct mh_rule rule = {
			.family = AF_INET,
			.protocol = MH_PROTOCOL,
			.action = FR_ACT_TO_TBL,
			.pref = 1100,
			.table = 77001,
			.suppress_prefixlen = i ? -1 : 0,
		};
		struct mh_op op = { .verb = MH_APPEND, .kind = MH_KIND_RULE, .rule = &rule };
		mh_cleanup(mh_state_freep) struct mh_state *said = calloc(1, sizeof(*said));
		struct mh_selector_error error = { 0 };
		int family = mh_selector_parse(selectors[i], &rule.sel, NULL, &error);

		assert_true(family >= 0);
		rule.family = family ? (uint8_t)family : AF_INET;
		echo(&op, mh_nl_parse_rule, said);
		assert_int_equal(said->n_rules, 1);
		assert_int_equal(mh_rule_compare(&said->rules[0], &rule), 0);
	}
}

/* A link's table, and a default that leads to a group. */
static void test_routes(void **state)
{
	struct mh_route routes[] = {
		{ .family = AF_INET, .table = 77001, .oif = 7, .scope = RT_SCOPE_LINK },
		{ .family = AF_INET, .table = MH_TABLE_MAIN, .nhid = 77900001, .metric = 5 },
		{ .family = AF_INET6, .table = 77001, .oif = 7, .onlink = true, .metric = 1024 },
	};

	(void)state;
	routes[0].dst = prefix_of("192.0.2.1");
	routes[0].prefsrc = prefix_of("192.0.2.2");
	routes[1].dst = (struct mh_prefix){ .family = AF_INET };
	routes[2].dst = (struct mh_prefix){ .family = AF_INET6 };
	routes[2].gateway = prefix_of("fe80::1");
	for (size_t i = 0; i < MH_ARRAY_SIZE(routes); i++) {
		struct mh_op op = { .verb = MH_ADD, .kind = MH_KIND_ROUTE, .route = &routes[i] };
		mh_cleanup(mh_state_freep) struct mh_state *said = calloc(1, sizeof(*said));

		routes[i].protocol = MH_PROTOCOL;
		routes[i].type = RTN_UNICAST;
		echo(&op, mh_nl_parse_route, said);
		assert_int_equal(said->n_routes, 1);
		assert_int_equal(mh_route_compare(&said->routes[0], &routes[i]), 0);
		/* In the dump of main ours are told a second time, and counted once. */
		echo(&op, mh_nl_parse_foreign_route, said);
		assert_int_equal(said->n_routes, 1);
	}
}

/* Others' routes: defaults of main alone, whatever else the kernel tells. */
static void test_foreign_routes(void **state)
{
	struct mh_route route = {
		.family = AF_INET,
		.protocol = RTPROT_STATIC,
		.type = RTN_UNICAST,
		.table = MH_TABLE_MAIN,
		.oif = 3,
		.dst.family = AF_INET,
	};
	struct mh_op op = { .verb = MH_ADD, .kind = MH_KIND_ROUTE, .route = &route };
	mh_cleanup(mh_state_freep) struct mh_state *said = calloc(1, sizeof(*said));

	(void)state;
	echo(&op, mh_nl_parse_foreign_route, said);
	assert_int_equal(said->n_routes, 1);
	route.table = 500;
	echo(&op, mh_nl_parse_foreign_route, said);
	route.table = MH_TABLE_MAIN;
	route.dst = prefix_of("192.0.2.0/24");
	echo(&op, mh_nl_parse_foreign_route, said);
	assert_int_equal(said->n_routes, 1);
}

/* A nexthop, and groups of both types with the least and the greatest weight. */
static void test_nexthops(void **state)
{
	struct mh_member members[] = { { .id = 77000011, .weight = 1 },
				       { .id = 77000012, .weight = MH_WEIGHT_MAX } };
	struct mh_nexthop nexthops[] = {
		{ .id = 77000011, .family = AF_INET, .oif = 7 },
		{ .id = 77000013, .family = AF_INET6, .oif = 7, .onlink = true },
		{ .id = 77900001, .members = members, .n_members = 2 },
		{ .id = 77900002, .members = members, .n_members = 2, .resilient = true },
	};

	(void)state;
	nexthops[1].gateway = prefix_of("2001:db8::1");
	for (size_t i = 0; i < MH_ARRAY_SIZE(nexthops); i++) {
		struct mh_op op = {
			.verb = MH_ADD,
			.kind = MH_KIND_NEXTHOP,
			.nexthop = &nexthops[i],
		};
		mh_cleanup(mh_state_freep) struct mh_state *said = calloc(1, sizeof(*said));

		nexthops[i].protocol = MH_PROTOCOL;
		echo(&op, mh_nl_parse_nexthop, said);
		assert_int_equal(said->n_nexthops, 1);
		assert_int_equal(said->nexthops[0].id, nexthops[i].id);
		assert_true(mh_nexthop_equal(&said->nexthops[0], &nexthops[i]));
		assert_int_equal(said->nexthops[0].resilient, nexthops[i].resilient);
	}
}

/* More members than fit into an attribute: refused here, not cut. */
static void test_too_many_members(void **state)
{
	struct mh_nexthop group = { .id = 1, .n_members = 8001 };
	struct mh_op op = { .verb = MH_ADD, .kind = MH_KIND_NEXTHOP, .nexthop = &group };
	struct nl_msg *msg = NULL;

	(void)state;
	group.members = calloc(group.n_members, sizeof(*group.members));
	assert_non_null(group.members);
	assert_int_equal(mh_nl_build(&op, 1, &msg), -E2BIG);
	group.n_members = 8000;
	assert_int_equal(mh_nl_build(&op, 1, &msg), 0);
	nlmsg_free(msg);
	free(group.members);
}

/* A later Linux tells of something that we do not know: such a rule is no rule of ours. */
static void test_odd_rule(void **state)
{
	struct mh_rule rule = { .family = AF_INET, .protocol = MH_PROTOCOL, .pref = 5 };
	struct mh_op op = { .verb = MH_APPEND, .kind = MH_KIND_RULE, .rule = &rule };
	static const int attrs[] = { FRA_FLOW, FRA_TUN_ID, FRA_SUPPRESS_IFGROUP, 90 };

	(void)state;
	rule.suppress_prefixlen = -1;
	rule.action = FR_ACT_TO_TBL;
	for (size_t i = 0; i < MH_ARRAY_SIZE(attrs); i++) {
		mh_cleanup(mh_state_freep) struct mh_state *said = calloc(1, sizeof(*said));
		mh_cleanup(freep_msg) struct nl_msg *msg = NULL;

		assert_int_equal(mh_nl_build(&op, 1, &msg), 0);
		assert_int_equal(nla_put_u32(msg, attrs[i], 1), 0);
		assert_int_equal(mh_nl_parse_rule(nlmsg_hdr(msg), said), 0);
		assert_int_equal(said->n_rules, 1);
		assert_true(said->rules[0].odd);
		assert_int_not_equal(mh_rule_compare(&said->rules[0], &rule), 0);
	}
}

/* The kernel's words come with a refusal; a length that lies leads nowhere. */
static void test_error(void **state)
{
	struct {
		struct nlmsghdr hdr;
		struct nlmsgerr error;
		char attrs[32];
	} message = { 0 };
	struct nlattr *attr = (struct nlattr *)message.attrs;
	struct mh_result result = { 0 };

	(void)state;
	message.hdr.nlmsg_len = sizeof(message);
	message.hdr.nlmsg_type = NLMSG_ERROR;
	message.hdr.nlmsg_flags = NLM_F_ACK_TLVS | NLM_F_CAPPED;
	message.error.error = -EINVAL;
	attr->nla_type = NLMSGERR_ATTR_MSG;
	attr->nla_len = NLA_HDRLEN + sizeof("no such thing");
	strcpy(message.attrs + NLA_HDRLEN, "no such thing");
	assert_int_equal(mh_nl_parse_error(&message.hdr, &result), -EINVAL);
	assert_string_equal(result.text, "no such thing");
	message.hdr.nlmsg_flags = NLM_F_ACK_TLVS;
	for (uint32_t length = 0; length < 70; length++) {
		message.error.msg.nlmsg_len = length;
		assert_int_equal(mh_nl_parse_error(&message.hdr, &result), -EINVAL);
	}
	message.error.msg.nlmsg_len = 0x80000010u;
	assert_int_equal(mh_nl_parse_error(&message.hdr, &result), -EINVAL);
	message.error.msg.nlmsg_len = UINT32_MAX;
	assert_int_equal(mh_nl_parse_error(&message.hdr, &result), -EINVAL);
	message.hdr.nlmsg_len = NLMSG_HDRLEN;
	assert_int_equal(mh_nl_parse_error(&message.hdr, &result), -EBADMSG);
}

static const mh_nl_parse_fn parsers[] = {
	mh_nl_parse_link,	   mh_nl_parse_addr,	  mh_nl_parse_rule,
	mh_nl_parse_nexthop,	   mh_nl_parse_netconf,	  mh_nl_parse_route,
	mh_nl_parse_foreign_route, mh_nl_parse_any_route, mh_nl_parse_bucket,
};

/* A copy that ends where the message ends, so that the sanitizer sees a look beyond it. */
static int parse_cut(mh_nl_parse_fn parse, const struct nlmsghdr *hdr, uint32_t len,
		     struct mh_state *state)
{
	struct nlmsghdr *copy = malloc(len);
	int r;

	assert_non_null(copy);
	memcpy(copy, hdr, len);
	copy->nlmsg_len = len;
	r = parse(copy, state);
	free(copy);
	return r;
}

static void cut_anywhere(mh_nl_parse_fn parse, const struct nlmsghdr *hdr)
{
	mh_cleanup(mh_state_freep) struct mh_state *state = calloc(1, sizeof(*state));

	assert_int_equal(parse_cut(parse, hdr, hdr->nlmsg_len, state), 0);
	for (uint32_t len = NLMSG_HDRLEN; len < hdr->nlmsg_len; len++) {
		int r = parse_cut(parse, hdr, len, state);

		assert_true(r == 0 || r == -EBADMSG);
	}
}

/* Bytes of the fixed header of what each parser reads, and the type of its message. */
static const struct {
	int type;
	int header;
} kinds[MH_ARRAY_SIZE(parsers)] = {
	{ RTM_NEWLINK, sizeof(struct ifinfomsg) },
	{ RTM_NEWADDR, sizeof(struct ifaddrmsg) },
	{ RTM_NEWRULE, sizeof(struct rtmsg) },
	{ RTM_NEWNEXTHOP, 8 },
	{ RTM_NEWNETCONF, 1 },
	{ RTM_NEWROUTE, sizeof(struct rtmsg) },
	{ RTM_NEWROUTE, sizeof(struct rtmsg) },
	{ RTM_NEWROUTE, sizeof(struct rtmsg) },
	{ RTM_NEWNEXTHOPBUCKET, 8 },
};

/* Attributes that are shorter than they should be, at the very end of a message. */
static void test_short_attributes(void **state)
{
	(void)state;
	for (size_t i = 0; i < MH_ARRAY_SIZE(parsers); i++) {
		for (int attr = 1; attr < 64; attr++) {
			mh_cleanup(mh_state_freep) struct mh_state *said = calloc(1, sizeof(*said));
			mh_cleanup(freep_msg) struct nl_msg *msg = NULL;
			char body[32] = { AF_INET };
			int r;

			assert_int_equal(mh_nl_new(1, kinds[i].type, 0, 256, &msg), 0);
			assert_int_equal(nlmsg_append(msg, body, (size_t)kinds[i].header, 4), 0);
			assert_int_equal(nla_put(msg, attr, 0, NULL), 0);
			r = parse_cut(parsers[i], nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len, said);
			assert_true(r == 0 || r == -EBADMSG);
		}
	}
}

static size_t read_file(const char *name, char *buffer, size_t size)
{
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", MH_TEST_CORPUS, name);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(buffer, 1, size, file);
	fclose(file);
	return n;
}

/* What a kernel has said in earnest is understood; cut off anywhere, it is refused or less. */
static void test_captured(void **state)
{
	_Alignas(NLMSG_ALIGNTO) static char buffer[32768 + 4];
	DIR *dir = opendir(MH_TEST_CORPUS);
	struct dirent *entry;
	size_t n_messages = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		struct nlmsghdr *hdr = (struct nlmsghdr *)(buffer + 4);
		size_t n, kind;
		int left;

		if (*entry->d_name == '.')
			continue;
		n = read_file(entry->d_name, buffer + 3, sizeof(buffer) - 3);
		kind = (unsigned char)buffer[3];
		left = (int)n - 1;
		for (; kind < MH_ARRAY_SIZE(parsers) && nlmsg_ok(hdr, left);
		     hdr = nlmsg_next(hdr, &left), n_messages++)
			cut_anywhere(parsers[kind], hdr);
	}
	closedir(dir);
	assert_true(n_messages > 100);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_rules),
	cmocka_unit_test(test_routes),
	cmocka_unit_test(test_foreign_routes),
	cmocka_unit_test(test_nexthops),
	cmocka_unit_test(test_too_many_members),
	cmocka_unit_test(test_odd_rule),
	cmocka_unit_test(test_error),
	cmocka_unit_test(test_short_attributes),
	cmocka_unit_test(test_captured),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
