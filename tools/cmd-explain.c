// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * multihome explain: reads the description of a packet, and says where it goes and why.
 */

#include <errno.h>
#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "terminal.h"

static void explanation_freep(struct mh_explanation **explanation)
{
	mh_explanation_free(*explanation);
}

static int set_address(const struct mh_context *ctx, const char *word, const char *value,
		       struct mh_prefix *ret)
{
	if (mh_prefix_parse(value, ret) < 0 || strchr(value, '/'))
		return mh_usage(ctx, "%s %s: an IPv4 or IPv6 address accepted", word, value);
	return 0;
}

static int set_number(const struct mh_context *ctx, const char *word, const char *value,
		      uint32_t max, uint32_t *ret)
{
	uint64_t number;

	if (mh_parse_number(value, max, &number) < 0)
		return mh_usage(ctx, "%s %s: 0 to %u accepted", word, value, max);
	*ret = (uint32_t)number;
	return 0;
}

static int set_port(const struct mh_context *ctx, const char *word, const char *value,
		    uint16_t *ret)
{
	uint32_t number = 0;
	int r = set_number(ctx, word, value, UINT16_MAX, &number);

	*ret = (uint16_t)number;
	return r;
}

static int set_uid(const struct mh_context *ctx, const char *value, uint32_t *ret)
{
	const struct passwd *user = getpwnam(value);

	if (user) {
		*ret = user->pw_uid;
		return 0;
	}
	return set_number(ctx, "uid", value, UINT32_MAX, ret);
}

static int set_ipproto(const struct mh_context *ctx, const char *value, uint8_t *ret)
{
	const struct protoent *protocol = getprotobyname(value);
	uint32_t number = 0;
	int r = 0;

	if (protocol)
		number = (uint32_t)protocol->p_proto;
	else
		r = set_number(ctx, "ipproto", value, UINT8_MAX, &number);
	*ret = (uint8_t)number;
	return r;
}

static int set_iif(const struct mh_context *ctx, const char *value, struct mh_packet *packet)
{
	if (strlen(value) >= sizeof(packet->iif))
		return mh_usage(ctx, "iif %s: the name of an interface accepted", value);
	snprintf(packet->iif, sizeof(packet->iif), "%s", value);
	return 0;
}

static int set_word(const struct mh_context *ctx, const char *word, const char *value,
		    struct mh_packet *packet)
{
	if (!strcmp(word, "from"))
		return set_address(ctx, word, value, &packet->from);
	if (!strcmp(word, "to"))
		return set_address(ctx, word, value, &packet->to);
	if (!strcmp(word, "iif"))
		return set_iif(ctx, value, packet);
	if (!strcmp(word, "mark"))
		return set_number(ctx, word, value, UINT32_MAX, &packet->mark);
	if (!strcmp(word, "uid"))
		return set_uid(ctx, value, &packet->uid);
	if (!strcmp(word, "ipproto"))
		return set_ipproto(ctx, value, &packet->ipproto);
	if (!strcmp(word, "sport"))
		return set_port(ctx, word, value, &packet->sport);
	if (!strcmp(word, "dport"))
		return set_port(ctx, word, value, &packet->dport);
	return mh_usage(ctx,
			"%s is no word of it: from, iif, mark, uid, ipproto, sport, dport, to "
			"accepted",
			word);
}

/* A lone address is where it goes, as with `ip route get`. */
static int read_words(const struct mh_context *ctx, int n, char **words, struct mh_packet *packet)
{
	int r = 0;

	for (; !r && n > 1; n -= 2, words += 2)
		r = set_word(ctx, words[0], words[1], packet);
	if (r || !n)
		return r;
	if (!packet->to.family && !mh_prefix_parse(words[0], &packet->to))
		return 0;
	return mh_usage(ctx, "%s: nothing follows it", words[0]);
}

static int check_packet(const struct mh_context *ctx, const struct mh_packet *packet)
{
	if (!packet->to.family)
		return mh_usage(ctx, "a destination is missing: to ADDRESS");
	if (packet->from.family && packet->from.family != packet->to.family)
		return mh_usage(ctx, "from and to are of different families");
	if (*packet->iif && !packet->from.family)
		return mh_usage(ctx, "a packet that comes in has a source: from ADDRESS");
	if ((packet->sport || packet->dport) && !packet->ipproto)
		return mh_usage(ctx, "ports need their protocol: ipproto tcp");
	return 0;
}

static void print_hops(const struct mh_explanation *e)
{
	char text[MH_PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < e->n_hops; i++) {
		const struct mh_hop *hop = &e->hops[i];

		printf("%s%s%s%s", i ? ", " : "", mh_style_on(stdout, MH_BOLD), hop->ifname,
		       mh_style_off(stdout));
		if (hop->gateway.family) {
			mh_prefix_format(&hop->gateway, text);
			printf(" via %s", text);
		}
		if (e->n_hops > 1)
			printf(" (%u%%)", (hop->share + 50) / 100);
		if (!hop->link)
			printf(" (not a link of ours)");
	}
}

static void print_verdict(const struct mh_explanation *e, const char *to)
{
	switch (e->verdict) {
	case MH_VERDICT_SENT:
		printf("%s goes by ", to);
		print_hops(e);
		break;
	case MH_VERDICT_LOCAL:
		printf("%s is this host", to);
		break;
	case MH_VERDICT_REFUSED:
	case MH_VERDICT_NO_ROUTE:
		printf("%s is not reached", to);
		break;
	case MH_VERDICT_DROPPED:
		printf("the packet to %s is dropped", to);
		break;
	case MH_VERDICT_IMPOSSIBLE:
		printf("there is no such packet to %s", to);
		break;
	}
	printf("%s%s\n", e->reason ? ": " : "", e->reason ? e->reason : "");
}

static void print_steps(const struct mh_explanation *e)
{
	int width = 0;

	for (size_t i = 0; i < e->n_steps; i++) {
		int n = (int)strlen(e->steps[i].rule);

		width = n > width ? n : width;
	}
	for (size_t i = 0; i < e->n_steps; i++) {
		bool decides = e->rule && i + 1 == e->n_steps;

		printf("  %s%-*s  %s%s\n", mh_style_on(stdout, decides ? MH_PLAIN : MH_DIM), width,
		       e->steps[i].rule, e->steps[i].reason, mh_style_off(stdout));
	}
}

static int run_explain(struct mh_context *ctx, int argc, char **argv)
{
	static const struct option options[] = { MH_COMMON_OPTIONS, { 0 } };
	mh_cleanup(explanation_freep) struct mh_explanation *e = NULL;
	const struct mh_report none = MH_REPORT_INIT;
	struct mh_packet packet = { .uid = getuid() };
	char to[MH_PREFIX_TEXT_SIZE];
	int r;

	while (mh_next_option(ctx, argc, argv, options, &r) != -1)
		;
	if (r >= 0)
		return r;
	r = read_words(ctx, argc - optind, argv + optind, &packet);
	if (!r)
		r = check_packet(ctx, &packet);
	if (!r)
		r = mh_context_open(ctx);
	if (r)
		return r;
	r = mh_explain(ctx->host, &packet, &e);
	if (r == -ENODEV) {
		fprintf(stderr, "multihome: %s: no such interface\n", packet.iif);
		return MH_EXIT_FAILED;
	}
	if (r < 0)
		return mh_finish(ctx, NULL, r, &none);
	mh_prefix_format(&packet.to, to);
	print_verdict(e, to);
	if (e->route)
		printf("  by %s\n", e->route);
	print_steps(e);
	return MH_EXIT_DONE;
}

const struct mh_command mh_cmd_explain = {
	.name = "explain",
	.synopsis = "[from A] [iif I] [mark M] [uid U]\n"
		    "                         [ipproto P [sport N] [dport N]] to B",
	.summary = "Say which link a packet takes, by which rule, and why",
	.help = "  from A     its source address; left out: not chosen yet\n"
		"  iif I      the interface by which it comes in; left out: this host makes it\n"
		"  mark M     its firewall mark\n"
		"  uid U      the user who sends it, a name or a number; left out: yourself\n"
		"  ipproto P  its protocol, a name or a number; left out: not known\n"
		"  sport N    its source port\n"
		"  dport N    its destination port\n"
		"  to B       its destination address\n"
		"\n"
		"The rules are listed in the order in which the kernel looks at them, each with\n"
		"the reason why it does not decide, down to the one that does.\n",
	.run = run_explain,
};
