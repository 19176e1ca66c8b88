// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a snapshot can know of an interface without asking for it. Telling all of one interface is
 * what costs the kernel most of a snapshot, and with a thousand of them that is a quarter of an
 * event. Pure: asking for the rest is kernel-netlink.c's part.
 *
 * The kernel removes a nexthop object when its interface goes down or loses its carrier, so one
 * that is there stands for both. An IPv4 address bears its interface's name as a label, and a new
 * name is put into it. A label that says something else, or none, has the kernel asked.
 */

#include <string.h>

#include "known.h"

static int compare_int(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static int compare_known(const void *a, const void *b)
{
	const struct mh_known_iface *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static int compare_iface(const void *a, const void *b)
{
	const struct mh_iface *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

/* What IPv6 has set on an interface is told of the interface alone. */
static bool is_inferable(const struct mh_link *link)
{
	return mh_prefix_is_set(&link->part[MH_INET].local) &&
	       !mh_prefix_is_set(&link->part[MH_INET6].local);
}

int mh_known_from_records(const struct mh_records *records, int ifindex, struct mh_known *ret)
{
	mh_cleanup(mh_known_clear) struct mh_known known = { 0 };
	int r = 0;

	for (size_t i = 0; !r && i < records->n; i++) {
		const struct mh_link *link = records->v[i].link;
		struct mh_known_iface iface = { .ifindex = link->ifindex };

		if (iface.ifindex == ifindex || mh_record_is_lost(&records->v[i]))
			continue;
		if (is_inferable(link))
			memcpy(iface.name, link->ifname, sizeof(iface.name));
		r = mh_append(known.v, known.n, iface);
	}
	if (!r && ifindex)
		r = mh_append(known.v, known.n, ((struct mh_known_iface){ .ifindex = ifindex }));
	if (r < 0)
		return r;
	if (known.n > 1)
		qsort(known.v, known.n, sizeof(*known.v), compare_known);
	*ret = known;
	known = (struct mh_known){ 0 };
	return 0;
}

/* The interfaces of our nexthops, one entry for each nexthop. */
struct numbers {
	int *v;
	size_t n;
};

static void numbers_clear(struct numbers *numbers)
{
	free(numbers->v);
}

static void numbers_sort(struct numbers *numbers)
{
	if (numbers->n > 1)
		qsort(numbers->v, numbers->n, sizeof(*numbers->v), compare_int);
}

static int collect_carriers(const struct mh_state *state, struct numbers *ret)
{
	int r = 0;

	for (size_t i = 0; !r && i < state->n_nexthops; i++) {
		if (state->nexthops[i].protocol == MH_PROTOCOL && state->nexthops[i].oif)
			r = mh_append(ret->v, ret->n, state->nexthops[i].oif);
	}
	numbers_sort(ret);
	return r;
}

static bool has(const struct numbers *numbers, int number)
{
	return numbers->n &&
	       bsearch(&number, numbers->v, numbers->n, sizeof(*numbers->v), compare_int);
}

static bool has_label(const struct mh_state *state, const struct mh_known_iface *known)
{
	size_t n;
	const struct mh_ifaddr *addrs = mh_state_addrs(state, known->ifindex, &n);

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(addrs[i].label, known->name))
			return true;
	}
	return false;
}

static struct mh_iface *find_settings(struct mh_state *state, int ifindex)
{
	struct mh_iface key = { .ifindex = ifindex };

	if (!state->n_ifaces)
		return NULL;
	return bsearch(&key, state->ifaces, state->n_ifaces, sizeof(key), compare_iface);
}

/* Completes the entry in @state of an interface that is as it was. Return: is it? */
static bool infer(const struct mh_known_iface *known, const struct numbers *carriers,
		  struct mh_state *state)
{
	struct mh_iface *iface = find_settings(state, known->ifindex);

	if (!iface || !*known->name || !has(carriers, known->ifindex) || !has_label(state, known))
		return false;
	memcpy(iface->name, known->name, sizeof(iface->name));
	iface->up = true;
	iface->carrier = true;
	return true;
}

static int ask_for_routes(const struct mh_known *known, const struct mh_state *state,
			  struct numbers *ask)
{
	int r = 0;

	for (size_t i = 0; !r && i < state->n_routes; i++) {
		struct mh_known_iface key = { .ifindex = state->routes[i].oif };

		if (key.ifindex &&
		    !(known->n && bsearch(&key, known->v, known->n, sizeof(key), compare_known)))
			r = mh_append(ask->v, ask->n, key.ifindex);
	}
	return r;
}

static void drop_twins(struct numbers *numbers)
{
	size_t n = 0;

	numbers_sort(numbers);
	for (size_t i = 0; i < numbers->n; i++) {
		if (!n || numbers->v[n - 1] != numbers->v[i])
			numbers->v[n++] = numbers->v[i];
	}
	numbers->n = n;
}

static void drop_nameless(struct mh_state *state)
{
	size_t n = 0;

	for (size_t i = 0; i < state->n_ifaces; i++) {
		if (*state->ifaces[i].name)
			state->ifaces[n++] = state->ifaces[i];
	}
	state->n_ifaces = n;
}

int mh_known_fill(const struct mh_known *known, struct mh_state *state, int **ret_ask,
		  size_t *ret_n_ask)
{
	mh_cleanup(numbers_clear) struct numbers carriers = { 0 }, ask = { 0 };
	int r = collect_carriers(state, &carriers);

	if (state->n_ifaces > 1)
		qsort(state->ifaces, state->n_ifaces, sizeof(*state->ifaces), compare_iface);
	for (size_t i = 0; !r && i < known->n; i++) {
		if (known->v[i].ifindex && !infer(&known->v[i], &carriers, state))
			r = mh_append(ask.v, ask.n, known->v[i].ifindex);
	}
	if (!r)
		r = ask_for_routes(known, state, &ask);
	if (r < 0)
		return r;
	drop_nameless(state);
	drop_twins(&ask);
	*ret_ask = mh_steal_ptr(ask.v);
	*ret_n_ask = ask.n;
	return 0;
}
