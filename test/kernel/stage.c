// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The stage of stage.h, on whichever bed the program is linked with. What goes wrong in an event is
 * the tests' part.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "stage.h"

static const char *const event_names[EVENTS] = {
	[UP] = "up",
	[DOWN] = "down",
	[DOWN_FIRST] = "down of the first",
	[DOWN_PART] = "down of a part",
	[CHANGE] = "change",
	[NEW_GATEWAY] = "new gateway",
	[WEIGHT] = "weight",
	[REFILL] = "reconcile of an empty kernel",
	[FLUSH] = "flush",
	[RECONCILE] = "reconcile",
};

const char *event_name(enum event event)
{
	return event_names[event];
}

void stage_end(struct stage *stage)
{
	for (int i = 0; i < LINKS_MAX; i++)
		mh_link_free(stage->links[i]);
}

void stage_begin(struct stage *stage, struct mh_bed *bed, const struct scenario *scenario)
{
	*stage = (struct stage){ .bed = bed, .scenario = *scenario };
	for (int i = 0; i < scenario->links; i++) {
		struct mh_link *link = i % 2 ? mh_bed_tun(bed, i + 1, scenario->families)
					     : mh_bed_ether(bed, i + 1, scenario->families);

		if (scenario->tiers && i >= scenario->links / 2)
			link->metric = 100;
		assert_int_equal(mh_link_add_rule(link, "fwmark 7", NULL), 0);
		stage->links[i] = link;
	}
}

void set_scene(struct stage *stage, enum event first)
{
	mh_bed_forget(stage->bed);
	for (int i = 0; i < stage->scenario.links; i++)
		mh_bed_set_ra_default(stage->bed, stage->links[i]->ifname, true);
	for (int i = 0; i < stage->scenario.links - (first == UP); i++)
		mh_bed_up(stage->bed, stage->links[i]);
	if (first == REFILL)
		assert_int_equal(mh_flush(stage->bed->host, NULL), 0);
	mh_fault_none(&stage->bed->fault);
}

static int up_changed(struct stage *stage, struct mh_report *report)
{
	struct mh_link *copy;
	int r;

	assert_int_equal(mh_link_copy(stage->links[stage->scenario.links - 1], &copy), 0);
	copy->metric = copy->metric ? 0 : 100;
	copy->weight = 5;
	assert_int_equal(mh_link_add_rule(copy, "pref 1150 fwmark 9", NULL), 0);
	r = mh_link_up(stage->bed->host, copy, report);
	mh_link_free(copy);
	return r;
}

static int up_new_gateway(struct stage *stage, struct mh_report *report)
{
	struct mh_link *copy;
	int r;

	assert_int_equal(mh_link_copy(stage->links[0], &copy), 0);
	if (copy->part[MH_INET].gateway.family)
		copy->part[MH_INET].gateway = mh_bed_prefix("10.0.1.77");
	if (copy->part[MH_INET6].gateway.family)
		copy->part[MH_INET6].gateway = mh_bed_prefix("2001:db8:1::77");
	r = mh_link_up(stage->bed->host, copy, report);
	mh_link_free(copy);
	return r;
}

int happen(struct stage *stage, enum event event, struct mh_report *report)
{
	struct mh_host *host = stage->bed->host;
	struct mh_link *first = stage->links[0], *last = stage->links[stage->scenario.links - 1];

	switch (event) {
	case UP:
		return mh_link_up(host, last, report);
	case DOWN:
		return mh_link_down(host, last->ifindex, MH_BED_BOTH, report);
	case DOWN_FIRST:
		return mh_link_down(host, first->ifindex, MH_BED_BOTH, report);
	case DOWN_PART:
		return mh_link_down(host, last->ifindex,
				    stage->scenario.families == MH_BED_BOTH ? MH_BED_INET6
									    : MH_BED_BOTH,
				    report);
	case CHANGE:
		return up_changed(stage, report);
	case NEW_GATEWAY:
		return up_new_gateway(stage, report);
	case WEIGHT:
		return mh_link_weight(host, first->ifname, 7, 0, report);
	case FLUSH:
		return mh_flush(host, report);
	case REFILL:
	case RECONCILE:
		return mh_reconcile(host, 0, report);
	case EVENTS:
		break;
	}
	fail();
	return 0;
}

void happen_well(struct stage *stage, enum event event)
{
	struct mh_report report = MH_REPORT_INIT;
	int r = happen(stage, event, &report);

	if (r || report.n_problems)
		mh_bed_print(&report);
	assert_int_equal(r, 0);
	assert_int_equal(report.n_problems, 0);
	mh_report_clear(&report);
}

/* Puts the lines behind one another that make up @text, sorted. */
static void sort_lines(char *text, size_t n)
{
	char *copy = strndup(text, n), *lines[16], *rest = copy, *line;
	size_t n_lines = 0;

	assert_non_null(copy);
	while ((line = strsep(&rest, "\n")) && *line) {
		assert_true(n_lines < 16);
		lines[n_lines++] = line;
		for (size_t i = n_lines - 1; i > 0 && strcmp(lines[i - 1], lines[i]) > 0; i--) {
			line = lines[i];
			lines[i] = lines[i - 1];
			lines[i - 1] = line;
		}
	}
	for (size_t i = 0; i < n_lines; i++) {
		text = stpcpy(text, lines[i]);
		*text++ = '\n';
	}
	free(copy);
}

/* Each group under the id of its first member: which of the free ids it gets is no matter. */
char *state_of(struct stage *stage)
{
	char *ours = mh_bed_ours(stage->bed), *first = strstr(ours, "nexthop id 779"), *end;

	if (!first)
		return ours;
	for (end = first; !strncmp(end, "nexthop", 7); end = strchr(end, '\n') + 1) {
		char id[9], member[9];

		assert_int_equal(sscanf(end, "nexthop id %8s group %8[0-9]", id, member), 2);
		*member = 'G';
		for (char *at = ours; (at = strstr(at, id));)
			memcpy(at, member, 8);
	}
	sort_lines(first, (size_t)(end - first));
	return ours;
}

/* Is @name a word of @names? */
static bool has_word(const char *names, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = names; (at = strstr(at, name)); at += n) {
		if ((at == names || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	}
	return false;
}

void assert_sane(struct stage *stage, unsigned int stays)
{
	for (int family = 0; family < MH_FAMILIES; family++) {
		char names[256], own[256], local[MH_PREFIX_TEXT_SIZE];

		if (!(stage->scenario.families & 1u << family))
			continue;
		mh_bed_way(stage->bed, family == MH_INET ? NULL : "::", names);
		assert_true(!stays || *names);
		for (int i = 0; i < stage->scenario.links; i++) {
			const struct mh_link *link = stage->links[i];

			if (!(stays & 1u << i) && !has_word(names, link->ifname))
				continue;
			mh_prefix_format(&link->part[family].local, local);
			mh_bed_way(stage->bed, local, own);
			assert_string_equal(own, link->ifname);
		}
	}
}

unsigned int staying(const struct stage *stage, enum event first)
{
	unsigned int all = (1u << stage->scenario.links) - 1;
	unsigned int last = 1u << (stage->scenario.links - 1);

	switch (first) {
	case UP:
	case DOWN:
	case DOWN_PART:
		return all & ~last;
	case DOWN_FIRST:
		return all & ~1u;
	case REFILL:
	case FLUSH:
		return 0;
	case CHANGE:
	case NEW_GATEWAY:
	case WEIGHT:
	case RECONCILE:
	case EVENTS:
		break;
	}
	return all;
}

void assert_mended(struct stage *stage, enum event event, bool silent, const char *before,
		   const char *after)
{
	mh_cleanup(mh_freep) char *state = NULL, *repeated = NULL;

	happen_well(stage, RECONCILE);
	state = state_of(stage);
	if (event == FLUSH)
		assert_string_equal(state, before);
	else if (silent || strcmp(state, before))
		assert_string_equal(state, after);
	happen_well(stage, event);
	repeated = state_of(stage);
	assert_string_equal(repeated, after);
}

/* A weight needs a link on record. */
bool can_follow(const struct stage *stage, enum event first, enum event second)
{
	if (second != WEIGHT)
		return true;
	return first != DOWN_FIRST &&
	       (stage->scenario.links > 1 || (first != UP && first != DOWN && first != DOWN_PART));
}

void each_scenario(void (*fn)(struct mh_bed *bed, const struct scenario *scenario))
{
	for (unsigned int families = MH_BED_INET; families <= MH_BED_BOTH; families++) {
		for (int links = 1; links <= LINKS_MAX; links++) {
			for (int tiers = 0; tiers < 2; tiers++) {
				void *bed = NULL;

				assert_int_equal(mh_bed_set_up(&bed), 0);
				fn(bed, &(struct scenario){ families, links, tiers });
				mh_bed_tear_down(&bed);
			}
		}
	}
}

bool is_its_turn(size_t point, size_t way, size_t ways)
{
	return !mh_bed_is_real || getenv("MULTIHOME_ALL_FAULTS") || point % ways == way;
}

size_t nth_following(const struct stage *stage, enum event first, enum event second, size_t *ret_n)
{
	size_t n = 0, nth = 0;

	for (enum event other = 0; other < EVENTS; other++) {
		if (other == second)
			nth = n;
		n += can_follow(stage, first, other);
	}
	*ret_n = n;
	return nth;
}
