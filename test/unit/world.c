// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The host and the links of world.h.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "world.h"

#define INTERFACES 4

struct mh_fake *mh_world_new(void)
{
	struct mh_fake *fake = mh_fake_new();

	for (int i = 1; i <= INTERFACES; i++) {
		char name[16], local[64], network[64];

		snprintf(name, sizeof(name), "isp%d", i);
		mh_fake_add_iface(fake, 10 + i, name);
		mh_fake_iface(fake, 10 + i)->ra_default = false;
		snprintf(local, sizeof(local), "10.0.%d.2", i);
		snprintf(network, sizeof(network), "10.0.%d.0/24", i);
		mh_fake_add_addr(fake, 10 + i, local, network);
		snprintf(local, sizeof(local), "2001:db8:%d::2", i);
		snprintf(network, sizeof(network), "2001:db8:%d::/64", i);
		mh_fake_add_addr(fake, 10 + i, local, network);
	}
	return fake;
}

struct mh_state *mh_world_snapshot(struct mh_fake *fake)
{
	mh_cleanup(mh_kernel_closep) struct mh_kernel *kernel = NULL;
	struct mh_state *state;

	assert_int_equal(mh_fake_open(fake, &kernel), 0);
	assert_int_equal(kernel->ops->snapshot(kernel, &state), 0);
	return state;
}

struct mh_prefix mh_world_prefix(const char *text)
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
	return mh_world_prefix(text);
}

struct mh_record *mh_world_add(struct mh_records *records, int i, unsigned int families)
{
	struct mh_record record = {
		.slot = (uint32_t)i,
		.table = MH_TABLE_AUTO + (uint32_t)i,
		.seq = records->n + 1,
		.rp_filter_was = -1,
		.ra_default_was = -1,
	};

	assert_int_equal(mh_link_new(&record.link), 0);
	snprintf(record.link->ifname, MH_IFNAME_SIZE, "isp%d", i);
	record.link->ifindex = 10 + i;
	if (families & INET) {
		record.link->part[MH_INET].local = prefix_of("10.0.%d.2", i);
		record.link->part[MH_INET].gateway = prefix_of("10.0.%d.1", i);
	}
	if (families & INET6) {
		record.link->part[MH_INET6].local = prefix_of("2001:db8:%d::2", i);
		record.link->part[MH_INET6].gateway = prefix_of("2001:db8:%d::1", i);
	}
	assert_int_equal(mh_append(records->v, records->n, record), 0);
	return &records->v[records->n - 1];
}

void mh_world_add_rule(struct mh_record *record, const char *selector)
{
	assert_int_equal(mh_link_add_rule(record->link, selector, NULL), 0);
}

void mh_world_add_source(struct mh_record *record, const char *prefix)
{
	struct mh_prefix parsed = mh_world_prefix(prefix);

	assert_int_equal(mh_link_add_source(record->link, &parsed), 0);
}

void mh_world_add_route(struct mh_record *record, const char *prefix)
{
	struct mh_prefix parsed = mh_world_prefix(prefix);

	assert_int_equal(mh_link_add_route(record->link, &parsed), 0);
}

struct mh_state *mh_world_plan(struct mh_fake *fake, const struct mh_records *records,
			       const struct mh_refused *refused, struct mh_report *report)
{
	mh_cleanup(mh_state_freep) struct mh_state *snapshot = mh_world_snapshot(fake);
	struct mh_state *plan;

	assert_int_equal(mh_plan(records, snapshot, refused, report, &plan), 0);
	return plan;
}

void mh_world_assert_plan(struct mh_fake *fake, const struct mh_records *records, size_t n_problems,
			  const char *lines)
{
	struct mh_report report = MH_REPORT_INIT;
	mh_cleanup(mh_state_freep) struct mh_state *plan = mh_world_plan(fake, records, NULL,
									 &report);
	mh_cleanup(mh_freep) char *text = mh_state_lines(plan, true);

	for (size_t i = 0; report.n_problems != n_problems && i < report.n_problems; i++)
		print_error("%s\n", report.problems[i].text);
	assert_int_equal(report.n_problems, n_problems);
	mh_report_clear(&report);
	assert_string_equal(text, lines);
}

bool mh_world_has_problem(const struct mh_report *report, enum mh_problem_code code,
			  const char *ifname)
{
	for (size_t i = 0; i < report->n_problems; i++) {
		if (report->problems[i].code == code && !strcmp(report->problems[i].ifname, ifname))
			return true;
	}
	return false;
}
