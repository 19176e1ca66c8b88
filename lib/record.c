// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Records as text. Pure. The text comes from a file that anybody may have damaged, so it is taken
 * as a whole or not at all.
 */

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "record.h"

static const char first_line[] = "multihome 1";
static const char last_line[] = "end";

enum key {
	KEY_IFNAME,
	KEY_IFINDEX,
	KEY_SLOT,
	KEY_TABLE,
	KEY_TABLE_ASKED,
	KEY_WEIGHT,
	KEY_METRIC,
	KEY_RP_FILTER,
	KEY_SEQ,
	KEY_SINCE,
	KEY_WEIGHT_ASKED, /* from here on optional */
	KEY_WEIGHT_CHANGED,
	KEY_RP_FILTER_WAS,
	KEY_RA_DEFAULT_WAS,
	KEY_INET,
	KEY_INET6,
	KEY_SOURCE, /* from here on repeatable */
	KEY_SOURCE_ADDED,
	KEY_ROUTE,
	KEY_RULE,
	KEYS,
};

static const char *const key_names[KEYS] = {
	[KEY_IFNAME] = "ifname",
	[KEY_IFINDEX] = "ifindex",
	[KEY_SLOT] = "slot",
	[KEY_TABLE] = "table",
	[KEY_TABLE_ASKED] = "table-asked",
	[KEY_WEIGHT] = "weight",
	[KEY_METRIC] = "metric",
	[KEY_RP_FILTER] = "rp-filter",
	[KEY_SEQ] = "seq",
	[KEY_SINCE] = "since",
	[KEY_WEIGHT_ASKED] = "weight-asked",
	[KEY_WEIGHT_CHANGED] = "weight-changed",
	[KEY_RP_FILTER_WAS] = "rp-filter-was",
	[KEY_RA_DEFAULT_WAS] = "ra-default-was",
	[KEY_INET] = "inet",
	[KEY_INET6] = "inet6",
	[KEY_SOURCE] = "source",
	[KEY_SOURCE_ADDED] = "source-added",
	[KEY_ROUTE] = "route",
	[KEY_RULE] = "rule",
};

/* A piece of a text; not terminated. */
struct span {
	const char *p;
	size_t n;
};

static bool span_is(struct span span, const char *text)
{
	return span.n == strlen(text) && !memcmp(span.p, text, span.n);
}

/* Splits at the first @separator: returns what is before, leaves in @rest what is behind. */
static bool span_split(struct span *rest, char separator, struct span *ret)
{
	const char *found = rest->n ? memchr(rest->p, separator, rest->n) : NULL;

	if (!found)
		return false;
	ret->p = rest->p;
	ret->n = (size_t)(found - rest->p);
	rest->p += ret->n + 1;
	rest->n -= ret->n + 1;
	return true;
}

/* Takes the next word; a blank at the end is followed by an empty one. Return: was there any? */
static bool span_word(struct span *rest, struct span *ret)
{
	if (!rest->p)
		return false;
	if (!span_split(rest, ' ', ret)) {
		*ret = *rest;
		*rest = (struct span){ 0 };
	}
	return true;
}

static int span_number(struct span span, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t number = 0;

	if (!span.n || (span.n > 1 && *span.p == '0'))
		return -EBADMSG;
	for (size_t i = 0; i < span.n; i++) {
		if (span.p[i] < '0' || span.p[i] > '9' ||
		    __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(span.p[i] - '0'), &number))
			return -EBADMSG;
	}
	if (number < min || number > max)
		return -EBADMSG;
	*ret = number;
	return 0;
}

static int span_u32(struct span span, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t number;
	int r;

	r = span_number(span, min, max, &number);
	if (!r)
		*ret = (uint32_t)number;
	return r;
}

static int span_int(struct span span, int min, int max, int *ret)
{
	uint64_t number;
	int r;

	r = span_number(span, (uint64_t)min, (uint64_t)max, &number);
	if (!r)
		*ret = (int)number;
	return r;
}

bool mh_is_ifname(const char *name, size_t n)
{
	const struct span span = { name, n };

	if (!n || n >= MH_IFNAME_SIZE || span_is(span, ".") || span_is(span, ".."))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (name[i] == '\0' || strchr("/: \t\n\v\f\r\xa0", name[i]))
			return false;
	}
	return true;
}

bool mh_is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static bool is_rule(struct span rule)
{
	if (rule.n > MH_RECORD_RULE_MAX)
		return false;
	for (size_t i = 0; i < rule.n; i++) {
		if (mh_is_control(rule.p[i]) && rule.p[i] != '\t')
			return false;
	}
	return true;
}

static int parse_ifname(struct span value, struct mh_link *link)
{
	if (!mh_is_ifname(value.p, value.n))
		return -EBADMSG;
	memcpy(link->ifname, value.p, value.n);
	link->ifname[value.n] = '\0';
	return 0;
}

static int parse_table(struct span value, uint32_t min, uint32_t *ret)
{
	uint32_t table = 0;
	int r;

	r = span_u32(value, min, UINT32_MAX, &table);
	if (r < 0)
		return r;
	if (table >= 253 && table <= 255)
		return -EBADMSG;
	*ret = table;
	return 0;
}

static int parse_rp_filter(struct span value, enum mh_rp_filter *ret)
{
	if (span_is(value, "loose"))
		*ret = MH_RP_FILTER_LOOSE;
	else if (span_is(value, "keep"))
		*ret = MH_RP_FILTER_KEEP;
	else
		return -EBADMSG;
	return 0;
}

static int parse_prefix(struct span value, struct mh_prefix *ret)
{
	char text[MH_PREFIX_TEXT_SIZE];

	if (value.n >= sizeof(text) || memchr(value.p, '\0', value.n))
		return -EBADMSG;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return mh_prefix_parse(text, ret) < 0 ? -EBADMSG : 0;
}

static int parse_address(struct span value, enum mh_family family, struct mh_prefix *ret)
{
	struct mh_prefix address;
	int r;

	r = parse_prefix(value, &address);
	if (r < 0)
		return r;
	if (address.family != mh_family_af(family) ||
	    address.len != mh_prefix_max_len(address.family))
		return -EBADMSG;
	*ret = address;
	return 0;
}

/* "local A [peer P] [gateway G]" */
static int parse_part(struct span value, enum mh_family family, struct mh_part *ret)
{
	const struct {
		const char *name;
		struct mh_prefix *address;
		bool optional;
	} fields[] = {
		{ "local", &ret->local, false },
		{ "peer", &ret->peer, true },
		{ "gateway", &ret->gateway, true },
	};
	struct span word;
	bool more = span_word(&value, &word);

	for (size_t i = 0; i < MH_ARRAY_SIZE(fields); i++) {
		int r;

		if (!more || !span_is(word, fields[i].name)) {
			if (fields[i].optional)
				continue;
			return -EBADMSG;
		}
		if (!span_word(&value, &word))
			return -EBADMSG;
		r = parse_address(word, family, fields[i].address);
		if (r < 0)
			return r;
		more = span_word(&value, &word);
	}
	return more ? -EBADMSG : 0;
}

static int add_prefix(struct span value, size_t n, struct mh_link *link,
		      int (*add)(struct mh_link *, const struct mh_prefix *))
{
	struct mh_prefix prefix;
	int r;

	if (n >= MH_RECORD_LIST_MAX)
		return -EBADMSG;
	r = parse_prefix(value, &prefix);
	return r < 0 ? r : add(link, &prefix);
}

static int add_added(struct mh_link *link, const struct mh_prefix *prefix)
{
	return mh_append(link->added, link->n_added, *prefix);
}

/* Not mh_link_add_rule(): that looks up names of users, in databases that may be far away. */
static int add_rule(struct span value, struct mh_link *link)
{
	mh_cleanup(mh_freep) char *rule = NULL;
	int r;

	if (link->n_rules >= MH_RECORD_LIST_MAX || !is_rule(value))
		return -EBADMSG;
	rule = strndup(value.p, value.n);
	if (!rule)
		return -ENOMEM;
	r = mh_append(link->rules, link->n_rules, rule);
	if (!r)
		rule = NULL;
	return r;
}

static int parse_value(enum key key, struct span value, struct mh_record *record)
{
	struct mh_link *link = record->link;
	uint64_t number;
	int r;

	switch (key) {
	case KEY_IFNAME:
		return parse_ifname(value, link);
	case KEY_IFINDEX:
		return span_int(value, 0, INT_MAX, &link->ifindex);
	case KEY_SLOT:
		return span_u32(value, 1, MH_SLOT_MAX, &record->slot);
	case KEY_TABLE:
		return parse_table(value, 1, &record->table);
	case KEY_TABLE_ASKED:
		return parse_table(value, 0, &link->table);
	case KEY_WEIGHT:
		return span_u32(value, 0, MH_WEIGHT_MAX, &link->weight);
	case KEY_METRIC:
		return span_u32(value, 0, UINT32_MAX, &link->metric);
	case KEY_RP_FILTER:
		return parse_rp_filter(value, &link->rp_filter);
	case KEY_SEQ:
		return span_number(value, 0, UINT64_MAX, &record->seq);
	case KEY_SINCE:
		r = span_number(value, 0, INT64_MAX, &number);
		if (!r)
			link->since = (int64_t)number;
		return r;
	case KEY_WEIGHT_ASKED:
		return span_u32(value, 0, MH_WEIGHT_MAX, &record->weight_asked);
	case KEY_WEIGHT_CHANGED:
		r = span_number(value, 1, 1, &number);
		if (!r)
			record->weight_changed = true;
		return r;
	case KEY_RP_FILTER_WAS:
		return span_int(value, 0, 2, &record->rp_filter_was);
	case KEY_RA_DEFAULT_WAS:
		return span_int(value, 0, 1, &record->ra_default_was);
	case KEY_INET:
		return parse_part(value, MH_INET, &link->part[MH_INET]);
	case KEY_INET6:
		return parse_part(value, MH_INET6, &link->part[MH_INET6]);
	case KEY_SOURCE:
		return add_prefix(value, link->n_sources, link, mh_link_add_source);
	case KEY_SOURCE_ADDED:
		return add_prefix(value, link->n_added, link, add_added);
	case KEY_ROUTE:
		return add_prefix(value, link->n_routes, link, mh_link_add_route);
	case KEY_RULE:
		return add_rule(value, link);
	case KEYS:
		break;
	}
	return -EBADMSG;
}

/* @seen: bit 1 << enum key for each key that has occurred */
static int parse_line(struct span line, uint32_t *seen, struct mh_record *record)
{
	struct span name;
	enum key key = 0;

	if (!span_split(&line, ' ', &name))
		return -EBADMSG;
	while (key < KEYS && !span_is(name, key_names[key]))
		key++;
	if (key == KEYS || (key < KEY_SOURCE && *seen & 1u << key))
		return -EBADMSG;
	*seen |= 1u << key;
	return parse_value(key, line, record);
}

int mh_record_parse(const char *text, size_t len, struct mh_record *ret)
{
	mh_cleanup(mh_link_freep) struct mh_link *link = NULL;
	const uint32_t mandatory = (1u << KEY_WEIGHT_ASKED) - 1;
	struct mh_record record = { .rp_filter_was = -1, .ra_default_was = -1 };
	struct span rest = { text, len }, line;
	uint32_t seen = 0;
	int r;

	if (len > MH_RECORD_TEXT_SIZE || !span_split(&rest, '\n', &line) ||
	    !span_is(line, first_line))
		return -EBADMSG;
	r = mh_link_new(&link);
	if (r < 0)
		return r;
	record.link = link;
	for (;;) {
		if (!span_split(&rest, '\n', &line))
			return -EBADMSG;
		if (span_is(line, last_line))
			break;
		r = parse_line(line, &seen, &record);
		if (r < 0)
			return r;
	}
	if (rest.n || (seen & mandatory) != mandatory ||
	    (!link->ifindex && mh_record_is_up(&record)))
		return -EBADMSG;
	if (!(seen & 1u << KEY_WEIGHT_ASKED))
		record.weight_asked = link->weight;
	link = NULL;
	*ret = record;
	return 0;
}

/* A text that grows within MH_RECORD_TEXT_SIZE; what is too much is remembered, not written. */
struct out {
	char *text;
	size_t len;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void out_add(struct out *out, const char *format, ...)
{
	size_t room = MH_RECORD_TEXT_SIZE - out->len;
	va_list args;
	int n;

	if (out->full)
		return;
	va_start(args, format);
	n = vsnprintf(out->text + out->len, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		out->full = true;
	else
		out->len += (size_t)n;
}

static void out_number(struct out *out, enum key key, uint64_t number)
{
	out_add(out, "%s %" PRIu64 "\n", key_names[key], number);
}

static void out_text(struct out *out, enum key key, const char *text)
{
	out_add(out, "%s %s\n", key_names[key], text);
}

static void out_prefixes(struct out *out, enum key key, const struct mh_prefix *prefixes, size_t n)
{
	char text[MH_PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < n; i++) {
		mh_prefix_format(&prefixes[i], text);
		out_text(out, key, text);
	}
}

static void out_part(struct out *out, enum key key, const struct mh_part *part)
{
	char text[MH_PREFIX_TEXT_SIZE];

	if (!mh_prefix_is_set(&part->local))
		return;
	mh_prefix_format(&part->local, text);
	out_add(out, "%s local %s", key_names[key], text);
	if (mh_prefix_is_set(&part->peer)) {
		mh_prefix_format(&part->peer, text);
		out_add(out, " peer %s", text);
	}
	if (mh_prefix_is_set(&part->gateway)) {
		mh_prefix_format(&part->gateway, text);
		out_add(out, " gateway %s", text);
	}
	out_add(out, "\n");
}

static const char *rp_filter_name(enum mh_rp_filter rp_filter)
{
	switch (rp_filter) {
	case MH_RP_FILTER_LOOSE:
		return "loose";
	case MH_RP_FILTER_KEEP:
		return "keep";
	}
	return "?";
}

static void out_record(struct out *out, const struct mh_record *record)
{
	const struct mh_link *link = record->link;

	out_add(out, "%s\n", first_line);
	out_text(out, KEY_IFNAME, link->ifname);
	out_add(out, "%s %d\n", key_names[KEY_IFINDEX], link->ifindex);
	out_number(out, KEY_SLOT, record->slot);
	out_number(out, KEY_TABLE, record->table);
	out_number(out, KEY_TABLE_ASKED, link->table);
	out_number(out, KEY_WEIGHT, link->weight);
	if (record->weight_asked != link->weight)
		out_number(out, KEY_WEIGHT_ASKED, record->weight_asked);
	if (record->weight_changed)
		out_number(out, KEY_WEIGHT_CHANGED, 1);
	out_number(out, KEY_METRIC, link->metric);
	out_text(out, KEY_RP_FILTER, rp_filter_name(link->rp_filter));
	if (record->rp_filter_was != -1)
		out_add(out, "%s %d\n", key_names[KEY_RP_FILTER_WAS], record->rp_filter_was);
	if (record->ra_default_was != -1)
		out_add(out, "%s %d\n", key_names[KEY_RA_DEFAULT_WAS], record->ra_default_was);
	out_number(out, KEY_SEQ, record->seq);
	out_add(out, "%s %" PRId64 "\n", key_names[KEY_SINCE], link->since);
	out_part(out, KEY_INET, &link->part[MH_INET]);
	out_part(out, KEY_INET6, &link->part[MH_INET6]);
	out_prefixes(out, KEY_SOURCE, link->sources, link->n_sources);
	out_prefixes(out, KEY_SOURCE_ADDED, link->added, link->n_added);
	out_prefixes(out, KEY_ROUTE, link->routes, link->n_routes);
	for (size_t i = 0; i < link->n_rules; i++)
		out_text(out, KEY_RULE, link->rules[i]);
	out_add(out, "%s\n", last_line);
}

/* What could end a line early, and so come back as something else than what it was. */
static int check_texts(const struct mh_link *link)
{
	if (!mh_is_ifname(link->ifname, strnlen(link->ifname, MH_IFNAME_SIZE)))
		return -EINVAL;
	if (link->n_sources > MH_RECORD_LIST_MAX || link->n_routes > MH_RECORD_LIST_MAX ||
	    link->n_rules > MH_RECORD_LIST_MAX || link->n_added > MH_RECORD_LIST_MAX)
		return -E2BIG;
	for (size_t i = 0; i < link->n_rules; i++) {
		const struct span rule = { link->rules[i], strlen(link->rules[i]) };

		if (rule.n > MH_RECORD_RULE_MAX)
			return -E2BIG;
		if (!is_rule(rule))
			return -EINVAL;
	}
	return 0;
}

/* Reading the text back is what proves the other fields, so that ranges stand in one place. */
int mh_record_write(const struct mh_record *record, char text[MH_RECORD_TEXT_SIZE], size_t *ret_len)
{
	mh_cleanup(mh_link_freep) struct mh_link *proof = NULL;
	struct out out = { .text = text };
	struct mh_record back;
	int r;

	r = check_texts(record->link);
	if (r < 0)
		return r;
	out_record(&out, record);
	if (out.full)
		return -E2BIG;
	r = mh_record_parse(out.text, out.len, &back);
	if (r < 0)
		return r == -EBADMSG ? -EINVAL : r;
	proof = back.link;
	*ret_len = out.len;
	return 0;
}
