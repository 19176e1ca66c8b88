// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzes the reading of what the kernel answers: the first byte chooses what was asked, the rest is
 * the datagram. The kernel is trusted, but its attributes change from version to version, and a
 * netlink socket can be written to by others.
 */

#include "../../lib/kernel-netlink.c"
#include "../../lib/netlink-parse.c"

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const mh_nl_parse_fn parsers[] = {
	mh_nl_parse_link,	   mh_nl_parse_addr,	  mh_nl_parse_rule,
	mh_nl_parse_nexthop,	   mh_nl_parse_netconf,	  mh_nl_parse_route,
	mh_nl_parse_foreign_route, mh_nl_parse_any_route, mh_nl_parse_bucket,
};

/* The first message is an answer to ours, whatever number it bears. */
static void read_dump(struct netlink *nl, mh_nl_parse_fn parse, size_t n)
{
	mh_cleanup(mh_state_freep) struct mh_state *state = calloc(1, sizeof(*state));
	bool interrupted = false;
	int r;

	if (n >= NLMSG_HDRLEN)
		nl->seq = ((struct nlmsghdr *)nl->buffer)->nlmsg_seq;
	r = dump_datagram(nl, (ssize_t)n, AF_UNSPEC, parse, state, &interrupted);
	if (r > DUMP_DONE)
		abort();
	mh_state_sort(state);
	for (size_t i = 0; i < state->n_rules; i++) {
		char text[MH_TEXT_SIZE];

		if (strlen(mh_rule_text(&state->rules[i], text)) >= sizeof(text))
			abort();
	}
	for (size_t i = 0; i < state->n_routes; i++) {
		char text[MH_TEXT_SIZE];

		if (strlen(mh_route_text(&state->routes[i], state, text)) >= sizeof(text))
			abort();
	}
	for (size_t i = 0; i < state->n_nexthops; i++)
		free(mh_nexthop_text(&state->nexthops[i], state));
}

static void read_error(struct netlink *nl, size_t n)
{
	struct mh_result result = { 0 };
	struct nlmsghdr *hdr = (struct nlmsghdr *)nl->buffer;

	if (!nlmsg_ok(hdr, (int)n))
		return;
	(void)mh_nl_parse_error(hdr, &result);
	if (strnlen(result.text, sizeof(result.text)) == sizeof(result.text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct netlink nl;
	size_t kind, n;

	if (size < 1 || size - 1 > sizeof(nl.buffer))
		return 0;
	kind = data[0] % (MH_ARRAY_SIZE(parsers) + 1);
	n = size - 1;
	memcpy(nl.buffer, data + 1, n);
	ASAN_POISON_MEMORY_REGION(nl.buffer + n, sizeof(nl.buffer) - n);
	if (kind < MH_ARRAY_SIZE(parsers))
		read_dump(&nl, parsers[kind], n);
	else
		read_error(&nl, n);
	ASAN_UNPOISON_MEMORY_REGION(nl.buffer, sizeof(nl.buffer));
	return 0;
}
