// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * multihome status: the links for a person's eyes. For machines it is status-json.c.
 */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "status-json.h"
#include "terminal.h"

enum {
	COLUMN_LINK,
	COLUMN_STATE,
	COLUMN_BAR,
	COLUMN_SHARE,
	COLUMN_WEIGHT,
	COLUMN_TIER,
	COLUMN_TABLE,
	COLUMN_ADDRESS,
	COLUMN_GATEWAY,
	COLUMN_RX,
	COLUMN_TX,
	COLUMN_SINCE,
	COLUMNS,
};

__attribute__((format(printf, 2, 3))) static void set(struct mh_cell *cell, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(cell->text, sizeof(cell->text), format, args);
	va_end(args);
}

static void set_right(struct mh_cell *row)
{
	static const int right[] = {
		COLUMN_SHARE, COLUMN_WEIGHT, COLUMN_TIER,  COLUMN_TABLE,
		COLUMN_RX,    COLUMN_TX,     COLUMN_SINCE,
	};

	for (size_t i = 0; i < MH_ARRAY_SIZE(right); i++)
		row[right[i]].right = true;
}

static int add_header(struct mh_table *table)
{
	static const char *const names[COLUMNS] = {
		[COLUMN_LINK] = "LINK",	      [COLUMN_STATE] = "STATE",
		[COLUMN_SHARE] = "SHARE",     [COLUMN_WEIGHT] = "WEIGHT",
		[COLUMN_TIER] = "TIER",	      [COLUMN_TABLE] = "TABLE",
		[COLUMN_ADDRESS] = "ADDRESS", [COLUMN_GATEWAY] = "GATEWAY",
		[COLUMN_RX] = "RX",	      [COLUMN_TX] = "TX",
		[COLUMN_SINCE] = "UP",
	};
	struct mh_cell *row = mh_table_row(table);

	if (!row)
		return -1;
	set_right(row);
	for (size_t i = 0; i < COLUMNS; i++) {
		row[i].style = MH_DIM;
		set(&row[i], "%s", names[i] ? names[i] : "");
	}
	return 0;
}

static void set_bytes(struct mh_cell *cell, uint64_t bytes)
{
	static const char units[][3] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double scaled = (double)bytes;
	size_t unit = 0;

	while (scaled >= 999.5 && unit + 1 < MH_ARRAY_SIZE(units)) {
		scaled /= 1000;
		unit++;
	}
	set(cell, "%.*f %s", unit && scaled < 9.95 ? 1 : 0, scaled, units[unit]);
}

static void set_since(struct mh_cell *cell, int64_t since)
{
	int64_t seconds = (int64_t)time(NULL) - since;

	if (seconds < 0)
		seconds = 0;
	if (seconds < 100)
		set(cell, "%d s", (int)seconds);
	else if (seconds < 100 * 60)
		set(cell, "%d min", (int)(seconds / 60));
	else if (seconds < 48 * 3600)
		set(cell, "%d h", (int)(seconds / 3600));
	else
		set(cell, "%lld d", (long long)(seconds / 86400));
}

static enum mh_style style_of(enum mh_link_state state)
{
	switch (state) {
	case MH_LINK_UP:
		return MH_GOOD;
	case MH_LINK_DRAINED:
		return MH_POOR;
	case MH_LINK_STALE:
		return MH_BAD;
	}
	return MH_PLAIN;
}

static void fill_link(struct mh_cell *row, const struct mh_link_status *status)
{
	const struct mh_link *link = status->link;

	set(&row[COLUMN_LINK], "%s", link->ifname);
	row[COLUMN_LINK].style = MH_BOLD;
	set(&row[COLUMN_STATE], "%s", mh_link_state_name(status->state));
	row[COLUMN_STATE].style = style_of(status->state);
	set(&row[COLUMN_WEIGHT], "%u", link->weight);
	set(&row[COLUMN_TIER], "%u", link->metric);
	set(&row[COLUMN_TABLE], "%u", link->table);
	if (status->state == MH_LINK_STALE)
		return;
	set_bytes(&row[COLUMN_RX], status->rx_bytes);
	set_bytes(&row[COLUMN_TX], status->tx_bytes);
	set_since(&row[COLUMN_SINCE], link->since);
}

/* The link-local address that an IPv6 link is known by says less than those that it is used by. */
static void set_address(struct mh_cell *cell, const struct mh_link_status *status,
			enum mh_family family)
{
	bool followed = family == MH_INET6 && status->n_addresses;
	char text[MH_PREFIX_TEXT_SIZE];

	mh_prefix_format(followed ? &status->addresses[0] : &status->link->part[family].local,
			 text);
	if (followed && status->n_addresses > 1)
		set(cell, "%s +%zu", text, status->n_addresses - 1);
	else
		set(cell, "%s", text);
}

static void fill_family(struct mh_cell *row, const struct mh_link_status *status,
			enum mh_family family)
{
	const struct mh_part *part = &status->link->part[family];
	char text[MH_PREFIX_TEXT_SIZE];

	set_address(&row[COLUMN_ADDRESS], status, family);
	if (part->gateway.family || part->peer.family) {
		mh_prefix_format(part->gateway.family ? &part->gateway : &part->peer, text);
		set(&row[COLUMN_GATEWAY], "%s", text);
	}
	if (status->state == MH_LINK_STALE)
		return;
	set(&row[COLUMN_SHARE], "%u%%", (status->share[family] + 50) / 100);
	if (mh_is_terminal(stdout))
		mh_bar(status->share[family], row[COLUMN_BAR].text);
	row[COLUMN_BAR].style = MH_GOOD;
}

/* It has no family any more, but a record. */
static int add_lost(struct mh_table *table, const struct mh_link_status *status)
{
	struct mh_cell *row = mh_table_row(table);

	if (!row)
		return -1;
	set_right(row);
	fill_link(row, status);
	return 0;
}

/* One row a family, the link's own columns in the first alone. */
static int add_link(struct mh_table *table, const struct mh_link_status *status)
{
	bool first = true;

	for (enum mh_family family = MH_INET; family < MH_FAMILIES; family++) {
		struct mh_cell *row;

		if (!status->link->part[family].local.family)
			continue;
		row = mh_table_row(table);
		if (!row)
			return -1;
		set_right(row);
		if (first)
			fill_link(row, status);
		fill_family(row, status, family);
		first = false;
	}
	return first ? add_lost(table, status) : 0;
}

static int show_links(const struct mh_status *status, const char *only)
{
	static const int spare[] = {
		COLUMN_GATEWAY, COLUMN_TX, COLUMN_RX, COLUMN_TABLE, COLUMN_TIER, COLUMN_BAR,
	};
	mh_cleanup(mh_table_clear) struct mh_table table = { .columns = COLUMNS };
	int r = add_header(&table);

	for (size_t i = 0; !r && i < status->n_links; i++) {
		if (mh_is_meant(status->links[i].link->ifname, only))
			r = add_link(&table, &status->links[i]);
	}
	if (r) {
		fprintf(stderr, "multihome: out of memory\n");
		return MH_EXIT_FAILED;
	}
	mh_table_fit(stdout, &table, spare, MH_ARRAY_SIZE(spare));
	if (status->n_links)
		mh_table_print(stdout, &table);
	else
		puts("no link is up");
	return MH_EXIT_DONE;
}

static void show_refused(const struct mh_status *status, const char *only)
{
	bool any = false;

	for (size_t i = 0; i < status->n_links; i++) {
		const struct mh_link_status *link = &status->links[i];

		if (!link->n_refused || !mh_is_meant(link->link->ifname, only))
			continue;
		if (!any)
			putchar('\n');
		mh_print_refused(stdout, link);
		any = true;
	}
}

static void show_defaults(const struct mh_status *status)
{
	for (size_t i = 0; i < status->n_defaults; i++) {
		const struct mh_default *one = &status->defaults[i];

		printf("%sIPv%c default, metric %u, %s:", i ? "" : "\n",
		       one->family == MH_INET6 ? '6' : '4', one->metric,
		       one->resilient ? "resilient" : "hash-threshold");
		for (size_t j = 0; j < one->n_links; j++)
			printf("%s %s %u", j ? "," : "", one->links[j].ifname,
			       one->links[j].weight);
		puts(one->carrying ? "" : " (standing by)");
	}
}

static void show_prefixes(const char *name, const struct mh_prefix *prefixes, size_t n)
{
	char text[MH_PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < n; i++) {
		mh_prefix_format(&prefixes[i], text);
		printf("%-8s %s\n", name, text);
	}
}

static void show_details(const struct mh_link_status *status)
{
	const struct mh_link *link = status->link;

	if (status->n_addresses + link->n_sources + link->n_added + link->n_routes + link->n_rules)
		putchar('\n');
	show_prefixes("inet6", status->addresses, status->n_addresses);
	show_prefixes("source", link->sources, link->n_sources);
	show_prefixes("source", link->added, link->n_added);
	show_prefixes("route", link->routes, link->n_routes);
	for (size_t i = 0; i < link->n_rules; i++)
		printf("%-8s %s\n", "rule", link->rules[i]);
}

static const struct mh_link_status *find_link(const struct mh_status *status, const char *ifname)
{
	for (size_t i = 0; i < status->n_links; i++) {
		if (!strcmp(status->links[i].link->ifname, ifname))
			return &status->links[i];
	}
	return NULL;
}

static int show(const struct mh_status *status, const char *only)
{
	const struct mh_link_status *link = only ? find_link(status, only) : NULL;
	int r;

	if (mh_show_problems(stdout, &status->report, only))
		putchar('\n');
	r = show_links(status, only);
	show_refused(status, only);
	if (link)
		show_details(link);
	else
		show_defaults(status);
	return r;
}

static int run_status(struct mh_context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		MH_COMMON_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	mh_cleanup(mh_status_freep) struct mh_status *status = NULL;
	const struct mh_report none = MH_REPORT_INIT;
	const char *only;
	bool json = false;
	int r, c;

	while ((c = mh_next_option(ctx, argc, argv, options, &r)) != -1)
		json |= c == 'j';
	if (r >= 0)
		return r;
	if (argc - optind > 1)
		return mh_usage(ctx, "one link accepted");
	only = argv[optind];
	r = mh_context_open(ctx);
	if (r)
		return r;
	r = mh_status(ctx->host, &status);
	if (r < 0)
		return mh_finish(ctx, NULL, r, &none);
	if (only && !find_link(status, only)) {
		fprintf(stderr, "multihome: %s: no such link\n", only);
		return MH_EXIT_FAILED;
	}
	return json ? mh_status_json(status, only) : show(status, only);
}

const struct mh_command mh_cmd_status = {
	.name = "status",
	.synopsis = "[LINK] [--json]",
	.summary = "Show links, their shares of new traffic, and problems",
	.help = "  --json     for programs; the format is in multihome(8)\n",
	.run = run_status,
};
