/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Links and a host for the tests of what is pure: interfaces isp1 … isp4, of indices 11 … 14, with
 * an address in each family; and records of links on them. Changes are made on the fake kernel.
 */

#include "../fake-kernel.h"
#include "plan.h"

#define mh_auto_records mh_cleanup(mh_records_clear) struct mh_records

static inline void mh_world_freep(struct mh_fake **fake)
{
	mh_fake_free(*fake);
}
#define mh_auto_fake mh_cleanup(mh_world_freep) struct mh_fake

/* Interface i has 10.0.i.2/24 and 2001:db8:i::2/64. */
struct mh_fake *mh_world_new(void);

/* Of the fake as it is. To be freed with mh_state_free(). */
struct mh_state *mh_world_snapshot(struct mh_fake *fake);

struct mh_prefix mh_world_prefix(const char *text);

/*
 * Appends a link on isp@i, of slot @i and table 77000 + @i, with the router at ….1; @families: bit
 * 1 << enum mh_family. Return: the record, until the next one is added.
 */
struct mh_record *mh_world_add(struct mh_records *records, int i, unsigned int families);
#define INET (1u << MH_INET)
#define INET6 (1u << MH_INET6)

void mh_world_add_rule(struct mh_record *record, const char *selector);
void mh_world_add_source(struct mh_record *record, const char *prefix);
void mh_world_add_route(struct mh_record *record, const char *prefix);

/* What @records call for on @fake. @report may be NULL. To be freed with mh_state_free(). */
struct mh_state *mh_world_plan(struct mh_fake *fake, const struct mh_records *records,
			       const struct mh_refused *refused, struct mh_report *report);

/* Asserts that the plan's text lines are @lines, and that it has @n_problems. */
void mh_world_assert_plan(struct mh_fake *fake, const struct mh_records *records, size_t n_problems,
			  const char *lines);

bool mh_world_has_problem(const struct mh_report *report, enum mh_problem_code code,
			  const char *ifname);
