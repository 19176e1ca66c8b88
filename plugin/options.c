// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From the text of an option's value to a part of a link, or to one line that says what is wrong
 * with it. What a table name, a prefix or a selector is, the library knows; how pppd comes by the
 * text, pppd-compat.c.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "options.h"

const struct mh_option_info mh_option_info[MH_OPTIONS] = {
	[MH_OPTION_TABLE] = {
		.name = "multihome-table",
		.description = "Routing table of the link, by name or number",
	},
	[MH_OPTION_WEIGHT] = {
		.name = "multihome-weight",
		.description = "Share of new traffic, 0 to 256",
	},
	[MH_OPTION_METRIC] = {
		.name = "multihome-metric",
		.description = "Metric of the default route the link is part of",
	},
	[MH_OPTION_SOURCE] = {
		.name = "multihome-source",
		.description = "Prefix that belongs to the link",
		.repeatable = true,
	},
	[MH_OPTION_ROUTE] = {
		.name = "multihome-route",
		.description = "Destination that goes by the link",
		.repeatable = true,
	},
	[MH_OPTION_RULE] = {
		.name = "multihome-rule",
		.description = "Traffic that goes by the link, as in ip-rule(8)",
		.repeatable = true,
	},
	[MH_OPTION_RP_FILTER] = {
		.name = "multihome-rp-filter",
		.description = "Reverse path filtering: loose or keep",
	},
};

/*
 * A value on its way into a link.
 * @error: of MH_OPTION_ERROR_SIZE bytes
 */
struct value {
	struct mh_link *link;
	enum mh_option option;
	const char *text;
	char *error;
};

/* Return: @r, with the error set to "OPTION VALUE: " and the rest. */
__attribute__((format(printf, 3, 4))) static int refuse(const struct value *value, int r,
							const char *format, ...)
{
	const char *name = mh_option_info[value->option].name;
	const char *quote = strpbrk(value->text, " \t") || !*value->text ? "\"" : "";
	va_list args;
	int n;

	/* Of a value that fills the line only the beginning is shown, so that the reason is. */
	n = snprintf(value->error, MH_OPTION_ERROR_SIZE, "%s %s%.250s%s: ", name, quote,
		     value->text, quote);
	va_start(args, format);
	vsnprintf(value->error + n, MH_OPTION_ERROR_SIZE - n, format, args);
	va_end(args);
	return r;
}

/* Decimal digits and nothing else, 0..@max. Return: 0, -EINVAL or -ERANGE. */
static int parse_number(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t number = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		number = number * 10 + (unsigned int)(*text - '0');
		if (number > max)
			return -ERANGE;
	}
	*ret = (uint32_t)number;
	return 0;
}

static int set_number(const struct value *value, const char *what, uint32_t max, uint32_t *ret)
{
	int r = parse_number(value->text, max, ret);

	if (r < 0)
		return refuse(value, r, "not a %s: 0 to %" PRIu32 " accepted", what, max);
	return 0;
}

static int set_table(const struct value *value)
{
	uint32_t table;
	int r = mh_table_parse(value->text, &table);

	if (r == -ENOENT)
		return refuse(value, r,
			      "no such table: a number or a name from rt_tables accepted");
	if (r == -ERANGE)
		return refuse(value, r,
			      "not a table for a link: 1 to 4294967295 accepted, but for the "
			      "kernel's own, 253 to 255");
	if (r < 0)
		return refuse(value, r, "not a table: %s", strerror(-r));
	value->link->table = table;
	return 0;
}

/* What @text, "ADDRESS/LEN" with bits behind LEN, may have been meant to be. */
static void clear_host_bits(const char *text, char ret[MH_PREFIX_TEXT_SIZE])
{
	const char *slash = strchr(text, '/');
	struct mh_prefix prefix;
	char address[MH_PREFIX_TEXT_SIZE];
	uint32_t len;

	snprintf(ret, MH_PREFIX_TEXT_SIZE, "one without");
	if (!slash || slash - text >= (ptrdiff_t)sizeof(address))
		return;
	memcpy(address, text, slash - text);
	address[slash - text] = '\0';
	if (parse_number(slash + 1, 128, &len) < 0 || mh_prefix_parse(address, &prefix) < 0 ||
	    len > prefix.len)
		return;

	prefix.len = len;
	for (size_t i = 0; i < sizeof(prefix.addr); i++) {
		if (i == len / 8)
			prefix.addr[i] &= 0xff00 >> len % 8;
		else if (i > len / 8)
			prefix.addr[i] = 0;
	}
	mh_prefix_format(&prefix, ret);
}

static int refuse_to_add(const struct value *value, int r)
{
	return refuse(value, r, "%s",
		      r == -E2BIG ? "too many: 256 of the kind accepted" : strerror(-r));
}

static int set_prefix(const struct value *value,
		      int (*add)(struct mh_link *link, const struct mh_prefix *prefix))
{
	struct mh_prefix prefix;
	char meant[MH_PREFIX_TEXT_SIZE];
	int r = mh_prefix_parse(value->text, &prefix);

	if (r == -EDOM) {
		clear_host_bits(value->text, meant);
		return refuse(value, r, "bits set behind the prefix length: did you mean %s?",
			      meant);
	}
	if (r == -ERANGE)
		return refuse(value, r, "no such prefix length: 0 to %d accepted",
			      strchr(value->text, ':') ? 128 : 32);
	if (r < 0)
		return refuse(value, r,
			      "not a prefix: an IPv4 or IPv6 address, with or without /LENGTH, "
			      "accepted");
	r = add(value->link, &prefix);
	if (r < 0)
		return refuse_to_add(value, r);
	return 0;
}

static int set_rule(const struct value *value)
{
	struct mh_selector_error error = { 0 };
	int r = mh_link_add_rule(value->link, value->text, &error);

	/* The message begins with the word that is meant. */
	if (r == -EINVAL)
		return refuse(value, r, "%s", error.message);
	return r < 0 ? refuse_to_add(value, r) : 0;
}

static int set_rp_filter(const struct value *value)
{
	if (!strcmp(value->text, "loose"))
		value->link->rp_filter = MH_RP_FILTER_LOOSE;
	else if (!strcmp(value->text, "keep"))
		value->link->rp_filter = MH_RP_FILTER_KEEP;
	else
		return refuse(value, -EINVAL, "no such setting: loose or keep accepted");
	return 0;
}

int mh_option_set(struct mh_link *link, enum mh_option option, const char *text,
		  char error[MH_OPTION_ERROR_SIZE])
{
	const struct value value = {
		.link = link,
		.option = option,
		.text = text,
		.error = error,
	};

	switch (option) {
	case MH_OPTION_TABLE:
		return set_table(&value);
	case MH_OPTION_WEIGHT:
		return set_number(&value, "weight", MH_WEIGHT_MAX, &link->weight);
	case MH_OPTION_METRIC:
		return set_number(&value, "metric", UINT32_MAX, &link->metric);
	case MH_OPTION_SOURCE:
		return set_prefix(&value, mh_link_add_source);
	case MH_OPTION_ROUTE:
		return set_prefix(&value, mh_link_add_route);
	case MH_OPTION_RULE:
		return set_rule(&value);
	case MH_OPTION_RP_FILTER:
		return set_rp_filter(&value);
	case MH_OPTIONS:
		break;
	}
	return -EINVAL;
}
