// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The real kernel: rtnetlink through a socket of libnl's. Dumps make snapshots, and batches of
 * requests make changes; what stands in a message is netlink-parse.c's and netlink-build.c's part.
 *
 * Answers are read here rather than by nl_recvmsgs(), which would turn the kernel's errno into
 * fewer codes of its own and drop the words that come with it.
 */

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "netlink-private.h"
#include "sysctl.h"

/* As much as the kernel puts into one datagram of a dump (netlink_dump(), af_netlink.c). */
#define RECEIVE_SIZE 32768
/* Seconds to wait for an answer that the kernel gives at once or, being broken, never. */
#define RECEIVE_TIMEOUT 2
/* A dump that other changes interrupt is begun anew this often. */
#define DUMP_ATTEMPTS 20
/* Changes in one datagram: few enough for their acks to fit into any receive buffer. */
#define BATCH_OPS 32

struct netlink {
	struct mh_kernel kernel;
	struct nl_sock *sock;
	int fd;
	uint32_t seq;
	bool probed;
	bool has_resilient;
	_Alignas(NLMSG_ALIGNTO) char buffer[RECEIVE_SIZE];
};

/* socket */

static int set_timeout(int fd)
{
	struct timeval timeout = { .tv_sec = RECEIVE_TIMEOUT };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	return 0;
}

/* The kernel's words with a refusal, no echo of what was refused, and filters on dumps. */
static void set_options(int fd)
{
	static const int options[] = { NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK };
	int on = 1;

	/* Linux before 4.20 lacks some of them: dumps are then filtered here alone. */
	for (size_t i = 0; i < MH_ARRAY_SIZE(options); i++)
		(void)setsockopt(fd, SOL_NETLINK, options[i], &on, sizeof(on));
}

static int send_bytes(struct netlink *nl, const void *bytes, size_t n)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	ssize_t sent;

	do {
		sent = sendto(nl->fd, bytes, n, 0, (struct sockaddr *)&to, sizeof(to));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Return: length of the datagram in nl->buffer, or negative errno. */
static ssize_t receive(struct netlink *nl)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	ssize_t n;

	do {
		n = recvfrom(nl->fd, nl->buffer, sizeof(nl->buffer), MSG_TRUNC,
			     (struct sockaddr *)&from, &from_size);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (!n)
		return -EBADMSG;
	return (size_t)n > sizeof(nl->buffer) ? -EMSGSIZE : n;
}

/* dumps */

enum dump_step {
	DUMP_MORE,
	DUMP_DONE,
};

/* The family stands first in the header of all messages that we ask for and get. */
static uint8_t family_of(struct nlmsghdr *hdr)
{
	const struct rtgenmsg *msg = nlmsg_data(hdr);

	return nlmsg_datalen(hdr) >= (int)sizeof(*msg) ? msg->rtgen_family : AF_UNSPEC;
}

/*
 * One datagram of a dump. Bytes that are no message are not passed over: what they stood for would
 * look as if it were gone. What is of another family than was asked for is passed over: a kernel
 * without IPv6 answers for all that it has (rtnetlink_rcv_msg() in net/core/rtnetlink.c).
 * Return: an enum dump_step, or negative errno.
 */
static int dump_datagram(struct netlink *nl, ssize_t n, uint8_t family, mh_nl_parse_fn parse,
			 struct mh_state *state, bool *interrupted)
{
	int left = (int)n, r;

	for (struct nlmsghdr *hdr = (struct nlmsghdr *)nl->buffer; nlmsg_ok(hdr, left);
	     hdr = nlmsg_next(hdr, &left)) {
		if (hdr->nlmsg_seq != nl->seq)
			continue;
		if (hdr->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (hdr->nlmsg_type == NLMSG_ERROR) {
			r = mh_nl_parse_error(hdr, NULL);
			return r ? r : DUMP_DONE;
		}
		if (hdr->nlmsg_type == NLMSG_DONE) {
			r = nlmsg_datalen(hdr) >= (int)sizeof(int) ? *(int *)nlmsg_data(hdr) : 0;
			return r < 0 ? r : DUMP_DONE;
		}
		if (family != AF_UNSPEC && family_of(hdr) != family)
			continue;
		r = parse(hdr, state);
		if (r < 0)
			return r;
	}
	return left > 0 ? -EBADMSG : DUMP_MORE;
}

/* Return: 0, -EAGAIN (interrupted by a change), or negative errno. */
static int dump(struct netlink *nl, struct nl_msg *request, mh_nl_parse_fn parse,
		struct mh_state *state)
{
	uint8_t family = family_of(nlmsg_hdr(request));
	bool interrupted = false;
	int r = send_bytes(nl, nlmsg_hdr(request), nlmsg_hdr(request)->nlmsg_len);

	if (r < 0)
		return r;
	do {
		ssize_t n = receive(nl);

		r = n < 0 ? (int)n : dump_datagram(nl, n, family, parse, state, &interrupted);
	} while (r == DUMP_MORE);
	if (r < 0)
		return r;
	return interrupted ? -EAGAIN : 0;
}

/* A dump whose request is a fixed header, and perhaps one number. */
static int dump_header(struct netlink *nl, int type, const void *header, size_t size, int attr,
		       uint32_t value, mh_nl_parse_fn parse, struct mh_state *state)
{
	mh_cleanup(mh_nl_freep) struct nl_msg *msg = NULL;
	int r = mh_nl_new(++nl->seq, type, NLM_F_DUMP, NLMSG_HDRLEN + size + 64, &msg);

	if (r < 0)
		return r;
	if (nlmsg_append(msg, (void *)header, size, NLMSG_ALIGNTO) < 0 ||
	    (attr && nla_put_u32(msg, attr, value) < 0))
		return -ENOMEM;
	return dump(nl, msg, parse, state);
}
/* snapshot */

static int snapshot_links(struct netlink *nl, struct mh_state *state)
{
	struct ifinfomsg msg = { .ifi_family = AF_UNSPEC };

	return dump_header(nl, RTM_GETLINK, &msg, sizeof(msg), IFLA_EXT_MASK,
			   RTEXT_FILTER_SKIP_STATS, mh_nl_parse_link, state);
}

static int snapshot_addrs(struct netlink *nl, struct mh_state *state)
{
	struct ifaddrmsg msg = { .ifa_family = AF_UNSPEC };

	return dump_header(nl, RTM_GETADDR, &msg, sizeof(msg), 0, 0, mh_nl_parse_addr, state);
}

static int snapshot_rules(struct netlink *nl, struct mh_state *state)
{
	struct fib_rule_hdr msg = { .family = AF_UNSPEC };

	return dump_header(nl, RTM_GETRULE, &msg, sizeof(msg), 0, 0, mh_nl_parse_rule, state);
}

static int snapshot_nexthops(struct netlink *nl, struct mh_state *state)
{
	struct nhmsg msg = { .nh_family = AF_UNSPEC };
	int r = dump_header(nl, RTM_GETNEXTHOP, &msg, sizeof(msg), 0, 0, mh_nl_parse_nexthop,
			    state);

	state->has_nexthops = r != -EOPNOTSUPP;
	return r == -EOPNOTSUPP ? 0 : r;
}

static int snapshot_routes(struct netlink *nl, struct mh_state *state)
{
	int r = 0;

	for (enum mh_family family = MH_INET; !r && family < MH_FAMILIES; family++) {
		struct rtmsg msg = { .rtm_family = mh_family_af(family) };

		msg.rtm_protocol = MH_PROTOCOL;
		r = dump_header(nl, RTM_GETROUTE, &msg, sizeof(msg), 0, 0, mh_nl_parse_route,
				state);
		if (r < 0)
			break;
		msg.rtm_protocol = RTPROT_UNSPEC;
		r = dump_header(nl, RTM_GETROUTE, &msg, sizeof(msg), RTA_TABLE, MH_TABLE_MAIN,
				mh_nl_parse_foreign_route, state);
		if (r == -ENOENT) /* no route was ever added to main */
			r = 0;
	}
	return r;
}

/*
 * A question that is answered by one message, or refused.
 * @attr: 0, or an attribute with the number @value
 */
static int ask(struct netlink *nl, int type, const void *header, size_t size, int attr,
	       int32_t value, mh_nl_parse_fn parse, struct mh_state *state)
{
	mh_cleanup(mh_nl_freep) struct nl_msg *msg = NULL;
	bool interrupted;
	ssize_t n;
	int r = mh_nl_new(++nl->seq, type, 0, 128, &msg);

	if (!r && (nlmsg_append(msg, (void *)header, size, NLMSG_ALIGNTO) < 0 ||
		   (attr && nla_put_s32(msg, attr, value) < 0)))
		r = -ENOMEM;
	if (!r)
		r = send_bytes(nl, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
	if (r < 0)
		return r;
	n = receive(nl);
	if (n < 0)
		return (int)n;
	r = dump_datagram(nl, n, AF_UNSPEC, parse, state, &interrupted);
	return r < 0 ? r : 0;
}

static int snapshot_netconfs(struct netlink *nl, struct mh_state *state)
{
	struct netconfmsg msg = { .ncm_family = AF_INET };

	return dump_header(nl, RTM_GETNETCONF, &msg, sizeof(msg), 0, 0, mh_nl_parse_netconfs,
			   state);
}

static int snapshot_netconf_all(struct netlink *nl, struct mh_state *state)
{
	struct netconfmsg msg = { .ncm_family = AF_INET };

	return ask(nl, RTM_GETNETCONF, &msg, sizeof(msg), NETCONFA_IFINDEX, NETCONFA_IFINDEX_ALL,
		   mh_nl_parse_netconf, state);
}

/*
 * Resilient groups came with buckets that can be asked for (Linux 5.13). A request that names no
 * bucket is wrong where these exist, and unknown where they do not.
 */
static int probe_resilient(struct netlink *nl, bool *ret)
{
	struct nhmsg msg = { .nh_family = AF_UNSPEC };
	int r = ask(nl, RTM_GETNEXTHOPBUCKET, &msg, sizeof(msg), 0, 0, mh_nl_parse_nexthop, NULL);

	if (r == -ETIMEDOUT || r == -ENOMEM)
		return r;
	*ret = r != -EOPNOTSUPP;
	return 0;
}

typedef int (*step_fn)(struct netlink *nl, struct mh_state *state);

static int take_steps(struct netlink *nl, const step_fn *steps, size_t n, struct mh_state *state)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = steps[i](nl, state);
	if (!r && !nl->probed && state->has_nexthops) {
		r = probe_resilient(nl, &nl->has_resilient);
		nl->probed = !r;
	}
	state->has_resilient = nl->has_resilient;
	return r;
}

static int read_state(struct netlink *nl, const step_fn *steps, size_t n, struct mh_state **ret)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < DUMP_ATTEMPTS; i++) {
		mh_cleanup(mh_state_freep) struct mh_state *state = calloc(1, sizeof(*state));

		if (!state)
			return -ENOMEM;
		r = take_steps(nl, steps, n, state);
		if (!r)
			*ret = mh_steal_ptr(state);
	}
	return r;
}

static int snapshot_known_links(struct netlink *nl, struct mh_state *state);

static int netlink_snapshot(struct mh_kernel *kernel, struct mh_state **ret)
{
	static const step_fn all[] = {
		snapshot_links,	   snapshot_addrs,  snapshot_rules,
		snapshot_nexthops, snapshot_routes, snapshot_netconf_all,
	};
	static const step_fn known[] = {
		snapshot_addrs,	 snapshot_rules,    snapshot_nexthops,
		snapshot_routes, snapshot_netconfs, snapshot_known_links,
	};
	struct netlink *nl = (struct netlink *)kernel;
	int r = kernel->known ? read_state(nl, known, MH_ARRAY_SIZE(known), ret)
			      : read_state(nl, all, MH_ARRAY_SIZE(all), ret);

	if (!r)
		mh_state_sort(*ret);
	return r;
}

/* survey */

static int survey_links(struct netlink *nl, struct mh_state *state)
{
	struct ifinfomsg msg = { .ifi_family = AF_UNSPEC };

	return dump_header(nl, RTM_GETLINK, &msg, sizeof(msg), 0, 0, mh_nl_parse_link, state);
}

static int survey_routes(struct netlink *nl, struct mh_state *state)
{
	int r = 0;

	for (enum mh_family family = MH_INET; !r && family < MH_FAMILIES; family++) {
		struct rtmsg msg = { .rtm_family = mh_family_af(family) };

		r = dump_header(nl, RTM_GETROUTE, &msg, sizeof(msg), 0, 0, mh_nl_parse_any_route,
				state);
	}
	return r;
}

/* A group that has gone meanwhile has no buckets to ask for. */
static int survey_buckets(struct netlink *nl, struct mh_state *state)
{
	struct nhmsg msg = { .nh_family = AF_UNSPEC };
	int r = 0;

	for (size_t i = 0; !r && i < state->n_nexthops; i++) {
		const struct mh_nexthop *nexthop = &state->nexthops[i];

		if (!nexthop->resilient || nexthop->protocol != MH_PROTOCOL)
			continue;
		r = dump_header(nl, RTM_GETNEXTHOPBUCKET, &msg, sizeof(msg), NHA_ID, nexthop->id,
				mh_nl_parse_bucket, state);
		if (r == -ENOENT)
			r = -EAGAIN;
	}
	return r;
}

static int netlink_survey(struct mh_kernel *kernel, struct mh_state **ret)
{
	static const step_fn steps[] = {
		survey_links,	snapshot_addrs, snapshot_rules,	      snapshot_nexthops,
		survey_buckets, survey_routes,	snapshot_netconf_all,
	};
	int r = read_state((struct netlink *)kernel, steps, MH_ARRAY_SIZE(steps), ret);

	if (!r)
		mh_state_sort_survey(*ret);
	return r;
}

/* batches */

/* Messages that go out in one datagram; message i has sequence number @first + i. */
struct batch {
	char *bytes;
	size_t size;
	size_t used;
	uint32_t first;
};

static void batch_clear(struct batch *batch)
{
	free(batch->bytes);
}

static int batch_add(struct batch *batch, struct nl_msg *msg)
{
	const struct nlmsghdr *hdr = nlmsg_hdr(msg);
	size_t aligned = NLMSG_ALIGN(hdr->nlmsg_len);

	if (!batch->bytes || batch->used + aligned > batch->size) {
		size_t size = 2 * (batch->used + aligned);
		char *larger = realloc(batch->bytes, size);

		if (!larger)
			return -ENOMEM;
		batch->bytes = larger;
		batch->size = size;
	}
	memset(batch->bytes + batch->used, 0, aligned);
	memcpy(batch->bytes + batch->used, hdr, hdr->nlmsg_len);
	batch->used += aligned;
	return 0;
}

/* interfaces that matter */

/* One interface told costs about as much as any of a dump, which tells of all there are. */
static bool is_dump_cheaper(size_t n_ask, size_t n_ifaces)
{
	return n_ask > 8 && n_ask > n_ifaces / 2;
}

static int fill_questions(struct netlink *nl, struct batch *batch, const int *ifindexes, size_t n)
{
	int r = 0;

	batch->used = 0;
	batch->first = nl->seq + 1;
	for (size_t i = 0; !r && i < n; i++) {
		struct ifinfomsg body = { .ifi_family = AF_UNSPEC, .ifi_index = ifindexes[i] };
		mh_cleanup(mh_nl_freep) struct nl_msg *msg = NULL;

		r = mh_nl_new(++nl->seq, RTM_GETLINK, 0, 128, &msg);
		if (!r && (nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO) < 0 ||
			   nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0))
			r = -ENOMEM;
		if (!r)
			r = batch_add(batch, msg);
	}
	return r;
}

/* Each question has one answer. An interface that is gone is not there. */
static int collect_links(struct netlink *nl, const struct batch *batch, size_t n,
			 struct mh_state *state)
{
	size_t answered = 0;

	while (answered < n) {
		ssize_t got = receive(nl);
		int left = (int)got, r = 0;

		if (got < 0)
			return (int)got;
		for (struct nlmsghdr *hdr = (struct nlmsghdr *)nl->buffer; nlmsg_ok(hdr, left);
		     hdr = nlmsg_next(hdr, &left)) {
			if (hdr->nlmsg_seq - batch->first >= n)
				continue;
			answered++;
			r = hdr->nlmsg_type == NLMSG_ERROR ? mh_nl_parse_error(hdr, NULL)
							   : mh_nl_parse_link(hdr, state);
			if (r < 0 && r != -ENODEV)
				return r;
		}
	}
	return 0;
}

static int ask_links(struct netlink *nl, const int *ifindexes, size_t n, struct mh_state *state)
{
	mh_cleanup(batch_clear) struct batch batch = { 0 };
	int r = 0;

	for (size_t done = 0; !r && done < n;) {
		size_t some = n - done < BATCH_OPS ? n - done : BATCH_OPS;

		r = fill_questions(nl, &batch, &ifindexes[done], some);
		if (!r)
			r = send_bytes(nl, batch.bytes, batch.used);
		if (!r)
			r = collect_links(nl, &batch, some, state);
		done += some;
	}
	return r;
}

/* An interface that had addresses a moment ago and is gone now: what was read is not of one time.
 */
static int check_all_told(struct mh_state *state, const int *ifindexes, size_t n)
{
	mh_state_sort(state);
	for (size_t i = 0; i < n; i++) {
		size_t n_addrs;

		(void)mh_state_addrs(state, ifindexes[i], &n_addrs);
		if (n_addrs && !mh_state_iface(state, ifindexes[i]))
			return -EAGAIN;
	}
	return 0;
}

static int snapshot_known_links(struct netlink *nl, struct mh_state *state)
{
	mh_cleanup(mh_freep) int *ask = NULL;
	size_t n_all = state->n_ifaces, n_ask;
	int r;

	mh_state_sort(state);
	r = mh_known_fill(nl->kernel.known, state, &ask, &n_ask);
	if (r < 0)
		return r;
	if (!is_dump_cheaper(n_ask, n_all)) {
		r = ask_links(nl, ask, n_ask, state);
		return r ? r : check_all_told(state, ask, n_ask);
	}
	state->n_ifaces = 0;
	return snapshot_links(nl, state);
}

/* changes */

static int batch_fill(struct netlink *nl, struct batch *batch, const struct mh_op *ops, size_t n)
{
	int r = 0;

	batch->used = 0;
	batch->first = nl->seq + 1;
	for (size_t i = 0; !r && i < n; i++) {
		mh_cleanup(mh_nl_freep) struct nl_msg *msg = NULL;

		r = mh_nl_build(&ops[i], ++nl->seq, &msg);
		if (!r)
			r = batch_add(batch, msg);
	}
	return r;
}

static int collect_acks(struct netlink *nl, const struct batch *batch, size_t n,
			struct mh_result *results)
{
	size_t acked = 0;

	while (acked < n) {
		ssize_t got = receive(nl);
		int left = (int)got;

		if (got < 0)
			return (int)got;
		for (struct nlmsghdr *hdr = (struct nlmsghdr *)nl->buffer; nlmsg_ok(hdr, left);
		     hdr = nlmsg_next(hdr, &left)) {
			uint32_t i = hdr->nlmsg_seq - batch->first;

			if (hdr->nlmsg_type != NLMSG_ERROR || i >= n)
				continue;
			results[i].error = mh_nl_parse_error(hdr, &results[i]);
			acked++;
		}
		if (left > 0)
			return -EBADMSG;
	}
	return 0;
}

/* How many, from the first on, are messages, and of one datagram? */
static size_t count_messages(const struct mh_op *ops, size_t n)
{
	size_t i = 0;

	while (i < n && i < BATCH_OPS && ops[i].kind != MH_KIND_RA_DEFAULT)
		i++;
	return i;
}

/* IPv6's settings cannot be changed by rtnetlink. */
static struct mh_result write_setting(const struct mh_op *op)
{
	return (struct mh_result){
		.error = mh_sysctl_write_ra_default(op->iface->name, op->iface->ra_default),
	};
}

static int netlink_apply(struct mh_kernel *kernel, const struct mh_op *ops, size_t n,
			 struct mh_result *results)
{
	struct netlink *nl = (struct netlink *)kernel;
	mh_cleanup(batch_clear) struct batch batch = { 0 };

	for (size_t done = 0; done < n;) {
		size_t some = count_messages(&ops[done], n - done);
		int r;

		if (!some) {
			results[done] = write_setting(&ops[done]);
			done++;
			continue;
		}
		r = batch_fill(nl, &batch, &ops[done], some);
		memset(&results[done], 0, some * sizeof(*results));
		if (!r)
			r = send_bytes(nl, batch.bytes, batch.used);
		if (!r)
			r = collect_acks(nl, &batch, some, &results[done]);
		if (r < 0)
			return r;
		done += some;
	}
	return 0;
}

static void netlink_close(struct mh_kernel *kernel)
{
	struct netlink *nl = (struct netlink *)kernel;

	nl_socket_free(nl->sock);
	free(nl);
}

static const struct mh_kernel_ops netlink_ops = {
	.snapshot = netlink_snapshot,
	.survey = netlink_survey,
	.apply = netlink_apply,
	.close = netlink_close,
};

int mh_kernel_netlink_open(struct mh_kernel **ret)
{
	mh_cleanup(mh_kernel_closep) struct mh_kernel *kernel = NULL;
	struct netlink *nl = calloc(1, sizeof(*nl));
	int r;

	if (!nl)
		return -ENOMEM;
	nl->kernel.ops = &netlink_ops;
	kernel = &nl->kernel;
	nl->sock = nl_socket_alloc();
	if (!nl->sock)
		return -ENOMEM;
	nl_socket_set_local_port(nl->sock, 0);
	errno = 0;
	if (nl_connect(nl->sock, NETLINK_ROUTE) < 0)
		return errno ? -errno : -EIO;
	nl->fd = nl_socket_get_fd(nl->sock);
	r = set_timeout(nl->fd);
	if (r < 0)
		return r;
	set_options(nl->fd);
	*ret = mh_steal_ptr(kernel);
	return 0;
}
