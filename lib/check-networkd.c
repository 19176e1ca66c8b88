// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Is systemd-networkd set to remove what it did not make? It does so by default whenever it starts
 * anew, and takes rules, routes and nexthops of ours with it.
 *
 * It counts as in use where it has left its state (/run/systemd/netif/state) or is enabled. Its
 * settings are read as networkd.conf(5) says: the first networkd.conf of /etc, /run, /usr/local/lib
 * and /usr/lib, then every *.conf of the networkd.conf.d beside these, by name, where the earlier
 * directory hides a file of the same name in a later one.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "check.h"
#include "lines.h"

static const char *const directories[] = {
	"/etc/systemd",
	"/run/systemd",
	"/usr/local/lib/systemd",
	"/usr/lib/systemd",
};

enum {
	SETTING_RULES,
	SETTING_ROUTES,
	SETTING_NEXTHOPS,
	SETTINGS,
};

static const char *const names[SETTINGS] = {
	[SETTING_RULES] = "ManageForeignRoutingPolicyRules",
	[SETTING_ROUTES] = "ManageForeignRoutes",
	[SETTING_NEXTHOPS] = "ManageForeignNextHops",
};

struct settings {
	bool on[SETTINGS];
	bool in_section;
};

static bool exists(const char *root, const char *path)
{
	char full[PATH_MAX];
	struct stat st;
	int n = snprintf(full, sizeof(full), "%s%s", root, path);

	return n > 0 && n < (int)sizeof(full) && !lstat(full, &st);
}

static bool is_in_use(const char *root)
{
	return exists(root, "/run/systemd/netif/state") ||
	       exists(root, "/etc/systemd/system/multi-user.target.wants/"
			    "systemd-networkd.service") ||
	       exists(root, "/etc/systemd/system/sockets.target.wants/systemd-networkd.socket");
}

/* As parse_boolean() of systemd; what is neither leaves the setting as it was. */
static void set_boolean(const char *value, bool *ret)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
	static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

	for (size_t i = 0; i < MH_ARRAY_SIZE(yes); i++) {
		if (!strcasecmp(value, yes[i]))
			*ret = true;
		if (!strcasecmp(value, no[i]))
			*ret = false;
	}
}

static int read_line(void *arg, char *line)
{
	struct settings *settings = arg;
	char *value;

	line = mh_strip(line);
	if (*line == '[') {
		settings->in_section = !strcmp(line, "[Network]");
		return 0;
	}
	value = strchr(line, '=');
	if (!value || !settings->in_section || strchr("#;", *line))
		return 0;
	*value++ = '\0';
	for (size_t i = 0; i < SETTINGS; i++) {
		if (!strcmp(mh_strip(line), names[i]))
			set_boolean(mh_strip(value), &settings->on[i]);
	}
	return 0;
}

static int read_main(const char *root, struct settings *settings)
{
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < MH_ARRAY_SIZE(directories); i++) {
		char path[PATH_MAX];

		settings->in_section = false;
		snprintf(path, sizeof(path), "%s/networkd.conf", directories[i]);
		r = mh_lines_read(root, path, read_line, settings);
	}
	return r == -ENOMEM ? r : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(strrchr(*(char *const *)a, '/'), strrchr(*(char *const *)b, '/'));
}

static bool is_hidden(const struct mh_names *drop_ins, const char *path)
{
	for (size_t i = 0; i < drop_ins->n; i++) {
		if (!strcmp(strrchr(drop_ins->v[i], '/'), strrchr(path, '/')))
			return true;
	}
	return false;
}

static int list_drop_ins(const char *root, struct mh_names *drop_ins)
{
	int r = 0;

	for (size_t i = 0; !r && i < MH_ARRAY_SIZE(directories); i++) {
		mh_cleanup(mh_names_clear) struct mh_names names_here = { 0 };
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/networkd.conf.d", directories[i]);
		r = mh_names_list(root, path, ".conf", &names_here);
		for (size_t j = 0; !r && j < names_here.n; j++) {
			if (is_hidden(drop_ins, names_here.v[j]))
				continue;
			r = mh_append(drop_ins->v, drop_ins->n, names_here.v[j]);
			if (!r)
				names_here.v[j] = NULL;
		}
	}
	if (drop_ins->n > 1)
		qsort(drop_ins->v, drop_ins->n, sizeof(*drop_ins->v), compare_names);
	return r;
}

static int read_settings(const char *root, struct settings *settings)
{
	mh_cleanup(mh_names_clear) struct mh_names drop_ins = { 0 };
	int r = read_main(root, settings);

	if (!r)
		r = list_drop_ins(root, &drop_ins);
	for (size_t i = 0; r != -ENOMEM && i < drop_ins.n; i++) {
		settings->in_section = false;
		r = mh_lines_read(root, drop_ins.v[i], read_line, settings);
	}
	return r == -ENOMEM ? r : 0;
}

int mh_check_networkd(struct mh_session *s)
{
	struct settings settings = { .on = { true, true, true } };
	char found[256] = "";
	int r;

	if (!is_in_use(s->root))
		return 0;
	r = read_settings(s->root, &settings);
	for (size_t i = 0; !r && i < SETTINGS; i++) {
		size_t n = strlen(found);

		if (settings.on[i])
			snprintf(found + n, sizeof(found) - n, "%s%s", n ? ", " : "", names[i]);
	}
	if (r || !*found)
		return r;
	return mh_report_problem(s->report, MH_PROBLEM_NETWORKD, NULL,
				 "set these to no in /etc/systemd/networkd.conf.d/multihome.conf, "
				 "section [Network]",
				 "systemd-networkd is in use, and %s: yes: when it starts anew, it "
				 "removes what is ours, and links lose their traffic",
				 found);
}
