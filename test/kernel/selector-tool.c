// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reads one selector a line and prints one JSON object a line: how the library reads it. What
 * `ip rule` makes of the same lines is the business of test-selector-ip.py.
 */

#include <arpa/inet.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/selector.h"

static void add_int(struct json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

static void add_pair(struct json_object *object, const char *key, uint32_t first, uint32_t last)
{
	struct json_object *pair = json_object_new_array();

	json_object_array_add(pair, json_object_new_int64(first));
	json_object_array_add(pair, json_object_new_int64(last));
	json_object_object_add(object, key, pair);
}

static void add_prefix(struct json_object *object, const char *key, const struct mh_prefix *prefix)
{
	char addr[INET6_ADDRSTRLEN];
	char text[INET6_ADDRSTRLEN + 4];

	if (!prefix->family)
		return;
	inet_ntop(prefix->family, prefix->addr, addr, sizeof(addr));
	snprintf(text, sizeof(text), "%s/%u", addr, prefix->len);
	add_string(object, key, text);
}

static void add_selector(struct json_object *object, const struct mh_selector *sel)
{
	json_object_object_add(object, "not", json_object_new_boolean(sel->invert));
	add_prefix(object, "from", &sel->from);
	add_prefix(object, "to", &sel->to);
	if (sel->iif[0])
		add_string(object, "iif", sel->iif);
	if (sel->oif[0])
		add_string(object, "oif", sel->oif);
	if (sel->mark || sel->mask)
		add_pair(object, "fwmark", sel->mark, sel->mask);
	if (sel->uid_set)
		add_pair(object, "uidrange", sel->uid_start, sel->uid_end);
	if (sel->ipproto)
		add_int(object, "ipproto", sel->ipproto);
	if (sel->sport[0])
		add_pair(object, "sport", sel->sport[0], sel->sport[1]);
	if (sel->dport[0])
		add_pair(object, "dport", sel->dport[0], sel->dport[1]);
	if (sel->tos)
		add_int(object, "tos", sel->tos);
}

static struct json_object *read_selector(const char *text)
{
	struct json_object *object = json_object_new_object();
	struct mh_selector_error error = { 0 };
	struct mh_selector sel;
	int64_t pref = -1;
	uint32_t named;
	int r;

	named = 0x5eed5eed;
	r = mh_selector_parse(text, &sel, &named, &error);
	if (r < 0) {
		add_int(object, "errno", -r);
		add_int(object, "offset", (int64_t)error.offset);
		add_string(object, "message", error.message);
		return object;
	}
	if (named != 0x5eed5eed)
		pref = named;
	add_int(object, "family", r);
	add_int(object, "pref", pref);
	add_selector(object, &sel);
	return object;
}

int main(void)
{
	char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		struct json_object *object;

		line[strcspn(line, "\n")] = '\0';
		object = read_selector(line);
		puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
		json_object_put(object);
	}
	return 0;
}
