// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What pppd's options files say that goes ill with the plugin: default routes of pppd's own, and
 * tables that have no name or two owners. Options are read as options_from_file() of pppd does it,
 * as far as that takes: words, quotes, comments, call and file; /etc/ppp/options first, then a file
 * of /etc/ppp/peers.
 */

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "lines.h"
#include "tables.h"

/* Files within files. */
#define DEPTH_MAX 8
/* A longer word is none of those that are looked for. */
#define WORD_SIZE 256

/*
 * What the options files of one link say.
 * @path: of the peers file; owned
 * @defaultroute: the option, static; NULL: none
 * @table: what follows multihome-table; empty: nothing
 * @number: of @table; 0: none
 * @unit: names the interface ppp and a number
 */
struct peer {
	char *path;
	bool plugin;
	const char *defaultroute;
	char table[WORD_SIZE];
	char ifname[WORD_SIZE];
	uint32_t number;
	bool unit;
};

struct peers {
	struct peer *v;
	size_t n;
};

static void peers_clear(struct peers *peers)
{
	for (size_t i = 0; i < peers->n; i++)
		free(peers->v[i].path);
	free(peers->v);
}

/* @awaited: the option whose value is the next word; empty: none */
struct reader {
	const char *root;
	struct peer *peer;
	char awaited[WORD_SIZE];
	unsigned int depth;
};

static int read_options(const char *root, const char *path, struct peer *peer, unsigned int depth);

static int read_included(struct reader *reader, const char *directory, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s%s", *name == '/' ? "" : directory, name);

	if (n < 0 || n >= (int)sizeof(path))
		return 0;
	return read_options(reader->root, path, reader->peer, reader->depth + 1);
}

static bool is_plugin(const char *value)
{
	const char *slash = strrchr(value, '/');

	return !strcmp(slash ? slash + 1 : value, "multihome.so");
}

static int take_value(struct reader *reader, const char *option, const char *value)
{
	struct peer *peer = reader->peer;

	if (!strcmp(option, "plugin"))
		peer->plugin |= is_plugin(value);
	else if (!strcmp(option, "multihome-table"))
		snprintf(peer->table, sizeof(peer->table), "%s", value);
	else if (!strcmp(option, "ifname"))
		snprintf(peer->ifname, sizeof(peer->ifname), "%s", value);
	else if (!strcmp(option, "unit"))
		peer->unit = true;
	else if (!strcmp(option, "call"))
		return read_included(reader, "/etc/ppp/peers/", value);
	else if (!strcmp(option, "file"))
		return read_included(reader, "/", value);
	return 0;
}

static void take_option(struct reader *reader, const char *word)
{
	static const char *const with_value[] = {
		"plugin", "multihome-table", "ifname",	"call",		  "file",     "user",
		"name",	  "remotename",	     "ipparam", "linkname",	  "password", "connect",
		"pty",	  "disconnect",	     "init",	"multihome-rule", "unit",
	};
	static const char *const routes[] = {
		"defaultroute",
		"replacedefaultroute",
		"defaultroute6",
	};

	for (size_t i = 0; i < MH_ARRAY_SIZE(with_value); i++) {
		if (!strcmp(word, with_value[i]))
			snprintf(reader->awaited, sizeof(reader->awaited), "%s", word);
	}
	for (size_t i = 0; i < MH_ARRAY_SIZE(routes); i++) {
		if (!strcmp(word, routes[i]))
			reader->peer->defaultroute = routes[i];
	}
	if (!strcmp(word, "nodefaultroute") || !strcmp(word, "-defaultroute"))
		reader->peer->defaultroute = NULL;
}

static int take_word(struct reader *reader, const char *word)
{
	char option[WORD_SIZE];

	if (!*reader->awaited) {
		take_option(reader, word);
		return 0;
	}
	memcpy(option, reader->awaited, sizeof(option));
	*reader->awaited = '\0';
	return take_value(reader, option, word);
}

/* Return: what follows the word; NULL: there is none. */
static const char *next_word(const char *text, char word[WORD_SIZE])
{
	size_t n = 0;
	char quote = 0;

	while (isspace((unsigned char)*text))
		text++;
	if (!*text || *text == '#')
		return NULL;
	for (; *text && (quote || !isspace((unsigned char)*text)); text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (quote && *text == quote) {
			quote = 0;
			continue;
		} else if (!quote && (*text == '"' || *text == '\'')) {
			quote = *text;
			continue;
		}
		if (n + 1 < WORD_SIZE)
			word[n++] = *text;
	}
	word[n] = '\0';
	return text;
}

static int read_line(void *arg, char *line)
{
	struct reader *reader = arg;
	const char *rest = line;
	char word[WORD_SIZE];
	int r = 0;

	while (!r && (rest = next_word(rest, word)))
		r = take_word(reader, word);
	return r;
}

static int read_options(const char *root, const char *path, struct peer *peer, unsigned int depth)
{
	struct reader reader = { .root = root, .peer = peer, .depth = depth };
	int r = depth < DEPTH_MAX ? mh_lines_read(root, path, read_line, &reader) : 0;

	return r == -ENOMEM ? r : 0;
}

/* Copies that editors and package managers leave behind are nobody's peers. */
static bool is_copy(const char *path)
{
	static const char *const marks[] = { "~", ".bak", ".orig", ".old", ".dpkg-", ".rpm" };

	for (size_t i = 0; i < MH_ARRAY_SIZE(marks); i++) {
		if (strstr(strrchr(path, '/'), marks[i]))
			return true;
	}
	return false;
}

/* Only those that load the plugin are kept. */
static int read_peers(const char *root, struct peers *peers)
{
	mh_cleanup(mh_names_clear) struct mh_names names = { 0 };
	struct peer common = { 0 };
	int r = read_options(root, "/etc/ppp/options", &common, 0);

	if (!r)
		r = mh_names_list(root, "/etc/ppp/peers", "", &names);
	for (size_t i = 0; !r && i < names.n; i++) {
		struct peer peer = common;

		if (is_copy(names.v[i]))
			continue;
		r = read_options(root, names.v[i], &peer, 0);
		if (r || !peer.plugin)
			continue;
		peer.path = names.v[i];
		r = mh_append(peers->v, peers->n, peer);
		if (!r)
			names.v[i] = NULL;
	}
	return r;
}

static int check_defaultroute(struct mh_session *s, const struct peer *peer)
{
	if (!peer->defaultroute)
		return 0;
	return mh_report_problem(s->report, MH_PROBLEM_DEFAULTROUTE, NULL,
				 "remove that option from it, or from /etc/ppp/options",
				 "%s has %s beside multihome.so: pppd's own default route is not "
				 "shared among links, so the plugin has to turn it off",
				 peer->path, peer->defaultroute);
}

static int check_table(struct mh_session *s, const struct mh_tables *tables, struct peer *peer)
{
	int r;

	if (!*peer->table)
		return 0;
	r = mh_tables_parse(tables, peer->table, &peer->number);
	if (!r)
		return 0;
	return mh_report_problem(s->report, MH_PROBLEM_UNKNOWN_TABLE, NULL,
				 r == -ERANGE ? "name another: 1 to 4294967295 but 253 to 255"
					      : "give it a line \"NUMBER NAME\" in a file of "
						"/etc/iproute2/rt_tables.d that ends in .conf",
				 "%s names table %s, which %s: pppd does not start the link",
				 peer->path, peer->table,
				 r == -ERANGE ? "no link may have" : "is in no rt_tables");
}

/* Two ways to one interface are two ways to bring up one link. */
static bool are_one_link(const struct peer *a, const struct peer *b)
{
	return *a->ifname && !strcmp(a->ifname, b->ifname);
}

static int check_twice(struct mh_session *s, const struct peers *peers, size_t i)
{
	const struct peer *peer = &peers->v[i];

	for (size_t j = 0; peer->number && j < i; j++) {
		const struct peer *other = &peers->v[j];

		if (other->number == peer->number && !are_one_link(other, peer))
			return mh_report_problem(s->report, MH_PROBLEM_TABLE_TWICE, NULL,
						 "give each link a multihome-table of its own",
						 "%s and %s both name table %u: the second of them "
						 "to come up gets another one",
						 other->path, peer->path, peer->number);
	}
	return 0;
}

static int check_names(struct mh_session *s, const struct mh_tables *tables)
{
	int r = 0;

	for (size_t i = 0; !r && i < tables->n; i++) {
		for (size_t j = 0; !r && j < i; j++) {
			const struct mh_table_name *a = &tables->v[j], *b = &tables->v[i];

			if (a->number == b->number || strcmp(a->name, b->name))
				continue;
			r = mh_report_problem(s->report, MH_PROBLEM_TABLE_TWICE, NULL,
					      "take one of them out of rt_tables or rt_tables.d",
					      "the name %s stands for table %u and for table %u: "
					      "which one a link gets is chance",
					      a->name, a->number, b->number);
		}
	}
	return r;
}

/* ppp0, ppp1 and so on: without a name of its own, a PPP interface takes the first that is free. */
static bool is_numbered(const char *ifname)
{
	return !strncmp(ifname, "ppp", 3) && isdigit((unsigned char)ifname[3]);
}

static const struct peer *find_nameless(const struct peers *peers)
{
	for (size_t i = 0; i < peers->n; i++) {
		if (!*peers->v[i].ifname && !peers->v[i].unit)
			return &peers->v[i];
	}
	return NULL;
}

/* Of one such link nobody can take the name. */
static int check_ifnames(struct mh_session *s, const struct peers *peers)
{
	const struct peer *nameless = find_nameless(peers);
	size_t numbered = 0;
	int r = 0;

	for (size_t i = 0; i < s->records.n; i++)
		numbered += is_numbered(s->records.v[i].link->ifname);
	for (size_t i = 0; !r && nameless && numbered > 1 && i < s->records.n; i++) {
		const struct mh_link *link = s->records.v[i].link;

		if (is_numbered(link->ifname) && link->n_added)
			r = mh_report_problem(s->report, MH_PROBLEM_IFNAME, link->ifname,
					      "give each link a name: the option ifname",
					      "prefixes were added to it, which stay with its "
					      "name, and %s names no interface: the next link to "
					      "come up as %s may be another",
					      nameless->path, link->ifname);
	}
	return r;
}

int mh_check_ppp(struct mh_session *s)
{
	mh_cleanup(peers_clear) struct peers peers = { 0 };
	mh_cleanup(mh_tables_clear) struct mh_tables tables = { 0 };
	int r = mh_tables_load(s->root, &tables);

	if (!r)
		r = check_names(s, &tables);
	if (!r)
		r = read_peers(s->root, &peers);
	if (!r)
		r = check_ifnames(s, &peers);
	for (size_t i = 0; !r && i < peers.n; i++) {
		r = check_defaultroute(s, &peers.v[i]);
		if (!r)
			r = check_table(s, &tables, &peers.v[i]);
		if (!r)
			r = check_twice(s, &peers, i);
	}
	return r;
}
