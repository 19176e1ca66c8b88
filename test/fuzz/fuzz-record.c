// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Any bytes as a record. What is accepted can be written, reads back as the same record, and is
 * then written as the same text. Start it with corpus/record, for few bytes make a record.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record.c"

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static void check_prefixes(const struct mh_prefix *a, size_t n_a, const struct mh_prefix *b,
			   size_t n_b)
{
	CHECK(n_a == n_b && n_a <= MH_RECORD_LIST_MAX);
	for (size_t i = 0; i < n_a; i++)
		CHECK(mh_prefix_equal(&a[i], &b[i]));
}

static void check_equal(const struct mh_record *a, const struct mh_record *b)
{
	const struct mh_link *x = a->link, *y = b->link;

	CHECK(a->slot == b->slot && a->table == b->table && a->seq == b->seq);
	CHECK(a->weight_asked == b->weight_asked && a->weight_changed == b->weight_changed);
	CHECK(a->rp_filter_was == b->rp_filter_was);
	CHECK(a->ra_default_was == b->ra_default_was);
	CHECK(!strcmp(x->ifname, y->ifname) && x->ifindex == y->ifindex && x->table == y->table);
	CHECK(x->weight == y->weight && x->metric == y->metric && x->since == y->since);
	CHECK(x->rp_filter == y->rp_filter && !memcmp(x->part, y->part, sizeof(x->part)));
	check_prefixes(x->sources, x->n_sources, y->sources, y->n_sources);
	check_prefixes(x->routes, x->n_routes, y->routes, y->n_routes);
	CHECK(x->n_rules == y->n_rules && x->n_rules <= MH_RECORD_LIST_MAX);
	for (size_t i = 0; i < x->n_rules; i++)
		CHECK(!strcmp(x->rules[i], y->rules[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[MH_RECORD_TEXT_SIZE], again[MH_RECORD_TEXT_SIZE];
	struct mh_record record, back;
	size_t len, len_again;
	int r;

	r = mh_record_parse((const char *)data, size, &record);
	CHECK(r == 0 || r == -EBADMSG);
	if (r < 0)
		return 0;
	r = mh_record_write(&record, text, &len);
	/* A notation that is shorter than the one that is written can be too long when written. */
	CHECK(r == 0 || (r == -E2BIG && size > MH_RECORD_TEXT_SIZE / 2));
	if (!r) {
		CHECK(!mh_record_parse(text, len, &back));
		check_equal(&record, &back);
		CHECK(!mh_record_write(&back, again, &len_again));
		CHECK(len == len_again && !memcmp(text, again, len));
		mh_link_free(back.link);
	}
	mh_link_free(record.link);
	return 0;
}
