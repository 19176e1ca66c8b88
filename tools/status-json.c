// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The status as JSON, by json-c. Names and types are a contract with scripts: multihome(8).
 */

#include <json-c/json.h>
#include <stdlib.h>

#include "command.h"
#include "status-json.h"

/* json-c says by NULL, or less than 0, that memory is out; noted once, asked at the end. */
struct writer {
	bool failed;
};

static void put(struct writer *w, struct json_object *object, const char *key,
		struct json_object *value)
{
	if (!value || !object || json_object_object_add(object, key, value) < 0) {
		w->failed = true;
		json_object_put(value);
	}
}

static void append(struct writer *w, struct json_object *array, struct json_object *value)
{
	if (!value || !array || json_object_array_add(array, value) < 0) {
		w->failed = true;
		json_object_put(value);
	}
}

/* NULL is also json-c's null, so that is no failure. */
static void put_null(struct writer *w, struct json_object *object, const char *key)
{
	if (!object || json_object_object_add(object, key, NULL) < 0)
		w->failed = true;
}

static struct json_object *number(uint64_t value)
{
	return json_object_new_uint64(value);
}

static struct json_object *prefix(const struct mh_prefix *value)
{
	char text[MH_PREFIX_TEXT_SIZE];

	mh_prefix_format(value, text);
	return json_object_new_string(text);
}

static void put_prefix(struct writer *w, struct json_object *object, const char *key,
		       const struct mh_prefix *value)
{
	if (value->family)
		put(w, object, key, prefix(value));
	else
		put_null(w, object, key);
}

static void append_prefixes(struct writer *w, struct json_object *array, const struct mh_prefix *v,
			    size_t n)
{
	for (size_t i = 0; i < n; i++)
		append(w, array, prefix(&v[i]));
}

/* Four digits: json-c itself would print 0.8 with the error of its binary form. */
static struct json_object *share(uint32_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4f", (double)value / MH_SHARE_ALL);
	return json_object_new_double_s((double)value / MH_SHARE_ALL, text);
}

static void put_part(struct writer *w, struct json_object *object, const char *key,
		     const struct mh_link_status *status, enum mh_family family)
{
	const struct mh_part *part = &status->link->part[family];
	struct json_object *inet;

	if (!part->local.family) {
		put_null(w, object, key);
		return;
	}
	inet = json_object_new_object();
	put_prefix(w, inet, "local", &part->local);
	put_prefix(w, inet, "peer", &part->peer);
	put_prefix(w, inet, "gateway", &part->gateway);
	put(w, inet, "table", number(status->link->table));
	put(w, inet, "weight", number(status->link->weight));
	put(w, inet, "share", share(status->share[family]));
	put(w, inet, "metric", number(status->metric[family]));
	if (family == MH_INET6) {
		struct json_object *addresses = json_object_new_array();

		append_prefixes(w, addresses, status->addresses, status->n_addresses);
		put(w, inet, "addresses", addresses);
	}
	put(w, object, key, inet);
}

static struct json_object *strings(struct writer *w, char *const *v, size_t n)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		append(w, array, json_object_new_string(v[i]));
	return array;
}

static struct json_object *link_object(struct writer *w, const struct mh_link_status *status)
{
	const struct mh_link *link = status->link;
	struct json_object *object = json_object_new_object();
	struct json_object *sources = json_object_new_array(), *routes = json_object_new_array();

	append_prefixes(w, sources, link->sources, link->n_sources);
	append_prefixes(w, sources, link->added, link->n_added);
	append_prefixes(w, routes, link->routes, link->n_routes);
	put(w, object, "ifname", json_object_new_string(link->ifname));
	put(w, object, "ifindex", number((uint64_t)link->ifindex));
	put(w, object, "state", json_object_new_string(mh_link_state_name(status->state)));
	put_part(w, object, "inet", status, MH_INET);
	put_part(w, object, "inet6", status, MH_INET6);
	put(w, object, "sources", sources);
	put(w, object, "routes", routes);
	put(w, object, "rules", strings(w, link->rules, link->n_rules));
	put(w, object, "rx_bytes", number(status->rx_bytes));
	put(w, object, "tx_bytes", number(status->tx_bytes));
	put(w, object, "since", number((uint64_t)link->since));
	return object;
}

static struct json_object *default_object(struct writer *w, const struct mh_default *one)
{
	struct json_object *object = json_object_new_object(), *links = json_object_new_array();

	put(w, object, "family",
	    json_object_new_string(one->family == MH_INET6 ? "inet6" : "inet"));
	put(w, object, "metric", number(one->metric));
	put(w, object, "type",
	    json_object_new_string(one->resilient ? "resilient" : "hash-threshold"));
	for (size_t i = 0; i < one->n_links; i++) {
		struct json_object *link = json_object_new_object();

		put(w, link, "ifname", json_object_new_string(one->links[i].ifname));
		put(w, link, "weight", number(one->links[i].weight));
		append(w, links, link);
	}
	put(w, object, "links", links);
	return object;
}

/* The link is in the text, for it has no place of its own. */
static struct json_object *problem_text(const struct mh_problem *problem)
{
	struct json_object *string;
	char *text;

	if (!*problem->ifname)
		return json_object_new_string(problem->text);
	if (asprintf(&text, "%s: %s", problem->ifname, problem->text) < 0)
		return NULL;
	string = json_object_new_string(text);
	free(text);
	return string;
}

static struct json_object *problem_object(struct writer *w, const struct mh_problem *problem)
{
	struct json_object *object = json_object_new_object();

	put(w, object, "code", json_object_new_string(mh_problem_name(problem->code)));
	put(w, object, "text", problem_text(problem));
	if (problem->mend)
		put(w, object, "mend", json_object_new_string(problem->mend));
	else
		put_null(w, object, "mend");
	return object;
}

static bool is_in(const struct mh_default *one, const char *only)
{
	for (size_t i = 0; i < one->n_links; i++) {
		if (mh_is_meant(one->links[i].ifname, only))
			return true;
	}
	return false;
}

static struct json_object *status_object(struct writer *w, const struct mh_status *status,
					 const char *only)
{
	struct json_object *object = json_object_new_object(), *links = json_object_new_array();
	struct json_object *defaults = json_object_new_array(), *problems = json_object_new_array();

	for (size_t i = 0; i < status->n_links; i++) {
		if (mh_is_meant(status->links[i].link->ifname, only))
			append(w, links, link_object(w, &status->links[i]));
	}
	for (size_t i = 0; i < status->n_defaults; i++) {
		if (is_in(&status->defaults[i], only))
			append(w, defaults, default_object(w, &status->defaults[i]));
	}
	for (size_t i = 0; i < status->report.n_problems; i++) {
		if (mh_is_meant(status->report.problems[i].ifname, only))
			append(w, problems, problem_object(w, &status->report.problems[i]));
	}
	put(w, object, "links", links);
	put(w, object, "defaults", defaults);
	put(w, object, "problems", problems);
	return object;
}

int mh_status_json(const struct mh_status *status, const char *only)
{
	struct writer w = { 0 };
	struct json_object *object = status_object(&w, status, only);
	const char *text = NULL;

	if (!w.failed)
		text = json_object_to_json_string_ext(
			object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	else
		fprintf(stderr, "multihome: out of memory\n");
	json_object_put(object);
	return text ? MH_EXIT_DONE : MH_EXIT_FAILED;
}
