// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzes the reading of selectors. What is accepted must be a rule that the kernel takes, and what
 * is refused must be explained by a word of the text. The databases of the host are left out: they
 * would make a run slow, and its outcome the host's.
 */

#include <netdb.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>

static int fuzz_getpwnam_r(const char *name, struct passwd *entry, char *buf, size_t size,
			   struct passwd **ret)
{
	(void)buf;
	(void)size;
	*ret = NULL;
	if (strcmp(name, "mail"))
		return 0;
	entry->pw_uid = 8;
	*ret = entry;
	return 0;
}

static int fuzz_getprotobyname_r(const char *name, struct protoent *entry, char *buf, size_t size,
				 struct protoent **ret)
{
	(void)buf;
	(void)size;
	*ret = NULL;
	if (strcmp(name, "mptcp"))
		return 0;
	entry->p_proto = 262;
	*ret = entry;
	return 0;
}

#include "../../lib/tables.h"

#define getpwnam_r fuzz_getpwnam_r
#define getprotobyname_r fuzz_getprotobyname_r
#define mh_dsfield_parse(root, text, ret) mh_dsfield_parse("/nonexistent", text, ret)
#include "../../lib/selector.c"
#undef mh_dsfield_parse
#include "../../lib/tables.c"

#define DEMAND(condition)                 \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

static void check_accepted(const struct mh_selector *sel, int family)
{
	DEMAND(family == AF_UNSPEC || family == AF_INET || family == AF_INET6);
	DEMAND(!sel->from.family || sel->from.family == family);
	DEMAND(!sel->to.family || sel->to.family == family);
	DEMAND(!sel->from.family || (sel->from.len && sel->from.len <= 128));
	DEMAND(sel->sport[0] <= sel->sport[1] && sel->sport[1] < 65535);
	DEMAND(sel->dport[0] <= sel->dport[1] && sel->dport[1] < 65535);
	DEMAND(sel->uid_start <= sel->uid_end && sel->uid_end < UINT32_MAX);
	DEMAND(sel->uid_set || !sel->uid_end);
	DEMAND(!(sel->tos & 3));
	DEMAND(family == AF_INET6 || !(sel->tos & 0xe0));
	DEMAND(memchr(sel->iif, 0, sizeof(sel->iif)) && memchr(sel->oif, 0, sizeof(sel->oif)));
}

static void check_refused(const struct mh_selector_error *error, const char *text)
{
	DEMAND(error->offset <= strlen(text));
	DEMAND(error->message[0] == '"');
	DEMAND(memchr(error->message, 0, sizeof(error->message)));
	for (const char *c = error->message; *c; c++)
		DEMAND(*c >= ' ' && *c < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mh_selector_error error;
	mh_cleanup(mh_freep) char *text = strndup((const char *)data, size);
	struct mh_selector sel;
	uint32_t pref = 0;
	int r;

	memset(&error, 0x55, sizeof(error));
	memset(&sel, 0x55, sizeof(sel));
	r = mh_selector_parse(text, &sel, &pref, &error);
	if (r >= 0)
		check_accepted(&sel, r);
	else
		check_refused(&error, text);
	DEMAND(mh_selector_parse(text, &sel, NULL, NULL) == r);
	return 0;
}
