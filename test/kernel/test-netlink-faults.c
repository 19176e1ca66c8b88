// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The operations of multihome.h while the netlink socket goes wrong: every request and every
 * answer of every event in turn is refused, interrupted, lost, cut, or not what it should be. On
 * the real kernel; sendto() and recvfrom() are led here on their way (-Wl,--wrap).
 */

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "stage.h"

enum fault {
	/* of a request */
	SEND_INTERRUPTED,
	SEND_NOT_ALLOWED, /* EPERM */
	SEND_NO_BUFFERS,  /* ENOBUFS */
	/* of an answer */
	INTERRUPTED,	   /* EINTR, before it is there */
	OVERRUN,	   /* ENOBUFS, and it is lost */
	NO_MEMORY,	   /* ENOMEM, and it is lost */
	LOST,		   /* it never comes */
	STRANGER,	   /* another process has sent something in between */
	CHANGED_MEANWHILE, /* NLM_F_DUMP_INTR */
	TOO_LONG,	   /* does not fit into the buffer */
	EMPTY,
	CUT_SHORT,     /* ends within its first header */
	CUT_HALF,      /* ends in the middle */
	CUT_LAST,      /* its last message lacks some bytes */
	BAD_LENGTH,    /* its last message is shorter than its header */
	HUGE_LENGTH,   /* its last message claims to be endless */
	BAD_ATTRIBUTE, /* the first attribute of its last message claims to be endless */
	/* the first of its messages, or the last, is the refusal of the request */
	FIRST_REFUSED,
	LAST_REFUSED,
	FAULTS,
};

static const char *const fault_names[FAULTS] = {
	[SEND_INTERRUPTED] = "request: EINTR",
	[SEND_NOT_ALLOWED] = "request: EPERM",
	[SEND_NO_BUFFERS] = "request: ENOBUFS",
	[INTERRUPTED] = "answer: EINTR",
	[OVERRUN] = "answer: ENOBUFS",
	[NO_MEMORY] = "answer: ENOMEM",
	[LOST] = "answer lost",
	[STRANGER] = "message of a stranger",
	[CHANGED_MEANWHILE] = "NLM_F_DUMP_INTR",
	[TOO_LONG] = "answer too long",
	[EMPTY] = "answer empty",
	[CUT_SHORT] = "cut in the first header",
	[CUT_HALF] = "cut in the middle",
	[CUT_LAST] = "cut in the last message",
	[BAD_LENGTH] = "length too small",
	[HUGE_LENGTH] = "length too large",
	[BAD_ATTRIBUTE] = "bad attribute",
	[FIRST_REFUSED] = "first message a refusal",
	[LAST_REFUSED] = "last message a refusal",
};

static const int refusals[] = { EPERM, EEXIST, ENOENT, ENOBUFS, ENODEV, EINTR };

/*
 * @at: which request or answer, counted from 1; SIZE_MAX: each of them
 * @error: of a refusal, positive
 * @n_sent, @n_received: how many there have been
 * @no_inet6: a dump of IPv6 is answered with what there is of all families
 */
static struct {
	bool watched;
	enum fault fault;
	size_t at;
	int error;
	size_t n_sent;
	size_t n_received;
	bool no_inet6;
} net;

static bool is_of_request(enum fault fault)
{
	return fault < INTERRUPTED;
}

static bool is_due(size_t n)
{
	return net.at == n || net.at == SIZE_MAX;
}

ssize_t __real_sendto(int fd, const void *buf, size_t size, int flags, const struct sockaddr *to,
		      socklen_t to_size);
ssize_t __wrap_sendto(int fd, const void *buf, size_t size, int flags, const struct sockaddr *to,
		      socklen_t to_size);
ssize_t __real_recvfrom(int fd, void *buf, size_t size, int flags, struct sockaddr *from,
			socklen_t *from_size);
ssize_t __wrap_recvfrom(int fd, void *buf, size_t size, int flags, struct sockaddr *from,
			socklen_t *from_size);

/* As a kernel that was started with ipv6.disable=1. */
static ssize_t ask_for_all(int fd, const void *buf, size_t size, int flags,
			   const struct sockaddr *to, socklen_t to_size)
{
	uint8_t copy[512];
	struct nlmsghdr *hdr = (struct nlmsghdr *)copy;

	assert_true(size <= sizeof(copy));
	memcpy(copy, buf, size);
	if (hdr->nlmsg_type == RTM_GETROUTE && hdr->nlmsg_flags & NLM_F_DUMP &&
	    *(uint8_t *)NLMSG_DATA(hdr) == AF_INET6)
		*(uint8_t *)NLMSG_DATA(hdr) = AF_UNSPEC;
	return __real_sendto(fd, copy, size, flags, to, to_size);
}

static int fails_with(int error)
{
	errno = error;
	return -1;
}

ssize_t __wrap_sendto(int fd, const void *buf, size_t size, int flags, const struct sockaddr *to,
		      socklen_t to_size)
{
	net.n_sent++;
	if (net.watched && is_of_request(net.fault) && is_due(net.n_sent)) {
		if (net.fault == SEND_INTERRUPTED)
			return fails_with(EINTR);
		return fails_with(net.fault == SEND_NOT_ALLOWED ? EPERM : ENOBUFS);
	}
	if (net.no_inet6)
		return ask_for_all(fd, buf, size, flags, to, to_size);
	return __real_sendto(fd, buf, size, flags, to, to_size);
}

static struct nlmsghdr *last_message(void *bytes, size_t n)
{
	struct nlmsghdr *last = bytes;
	unsigned int left = (unsigned int)n;

	for (struct nlmsghdr *hdr = bytes; NLMSG_OK(hdr, left); hdr = NLMSG_NEXT(hdr, left))
		last = hdr;
	return last;
}

/*
 * A refusal in place of what is in the message, which is long enough for it. What has been done
 * cannot be refused any more; test-host-faults.c refuses changes.
 */
static void refuse(struct nlmsghdr *hdr, int error)
{
	struct nlmsgerr *refusal = NLMSG_DATA(hdr);

	if (hdr->nlmsg_type == NLMSG_ERROR)
		return;
	if (hdr->nlmsg_type == NLMSG_DONE) {
		*(int *)NLMSG_DATA(hdr) = -error;
		return;
	}
	hdr->nlmsg_type = NLMSG_ERROR;
	hdr->nlmsg_flags = 0;
	refusal->error = -error;
}

/* The first attribute comes after a header of the message's own, all of which are this long. */
static void spoil_attribute(struct nlmsghdr *hdr)
{
	size_t header = hdr->nlmsg_type == RTM_NEWLINK ? sizeof(struct ifinfomsg) : 12;

	if (hdr->nlmsg_type == RTM_NEWADDR || hdr->nlmsg_type == RTM_NEWNEXTHOP)
		header = 8;
	if (hdr->nlmsg_len >= NLMSG_HDRLEN + header + sizeof(struct rtattr))
		((struct rtattr *)((char *)NLMSG_DATA(hdr) + header))->rta_len = UINT16_MAX;
}

/* Return: the length that recvfrom() gives. */
static ssize_t spoil(char *bytes, size_t n)
{
	struct nlmsghdr *first = (struct nlmsghdr *)bytes, *last = last_message(bytes, n);

	switch (net.fault) {
	case OVERRUN:
		return fails_with(ENOBUFS);
	case NO_MEMORY:
		return fails_with(ENOMEM);
	case LOST:
		return fails_with(EAGAIN);
	case CHANGED_MEANWHILE:
		first->nlmsg_flags |= NLM_F_DUMP_INTR;
		break;
	case TOO_LONG:
		return 1 << 20;
	case EMPTY:
		return 0;
	case CUT_SHORT:
		return NLMSG_HDRLEN / 2;
	case CUT_HALF:
		return (ssize_t)(n / 8 * 4 + 2);
	case CUT_LAST:
		return (ssize_t)n - 6;
	case BAD_LENGTH:
		last->nlmsg_len = NLMSG_HDRLEN - 1;
		break;
	case HUGE_LENGTH:
		last->nlmsg_len = UINT32_MAX;
		break;
	case BAD_ATTRIBUTE:
		spoil_attribute(last);
		break;
	case FIRST_REFUSED:
		refuse(first, net.error);
		break;
	case LAST_REFUSED:
		refuse(last, net.error);
		break;
	case STRANGER:
	case INTERRUPTED:
	case SEND_INTERRUPTED:
	case SEND_NOT_ALLOWED:
	case SEND_NO_BUFFERS:
	case FAULTS:
		fail_msg("%d", net.fault);
	}
	return (ssize_t)n;
}

/* Anyone may send to our socket: here, the news that the dump is over. */
static ssize_t from_stranger(char *bytes, struct sockaddr *from)
{
	struct nlmsghdr done = { .nlmsg_len = NLMSG_HDRLEN,
				 .nlmsg_type = NLMSG_DONE,
				 .nlmsg_seq = (uint32_t)net.n_sent };

	memcpy(bytes, &done, sizeof(done));
	((struct sockaddr_nl *)from)->nl_pid = 4711;
	return sizeof(done);
}

/* After an answer was lost no more may come: the library would wait for its two seconds. */
ssize_t __wrap_recvfrom(int fd, void *buf, size_t size, int flags, struct sockaddr *from,
			socklen_t *from_size)
{
	bool due;
	ssize_t n;

	net.n_received++;
	due = net.watched && !is_of_request(net.fault) && is_due(net.n_received);
	if (due && net.fault == INTERRUPTED)
		return fails_with(EINTR);
	if (due && net.fault == STRANGER)
		return from_stranger(buf, from);
	n = __real_recvfrom(fd, buf, size, net.watched ? flags | MSG_DONTWAIT : flags, from,
			    from_size);
	return due && n > 0 ? spoil(buf, (size_t)n) : n;
}

static size_t n_faults;

/* What leaves the event as it is: the library tries again, or knows better. */
static bool is_harmless(enum fault fault)
{
	return fault == SEND_INTERRUPTED || fault == INTERRUPTED || fault == STRANGER ||
	       fault == CHANGED_MEANWHILE;
}

static void go_wrong(struct stage *stage, enum event event, const char *before, const char *after)
{
	mh_cleanup(mh_freep) char *state = NULL;
	struct mh_report report = MH_REPORT_INIT;
	bool silent;
	int r;

	net.n_sent = net.n_received = 0;
	net.watched = true;
	r = happen(stage, event, &report);
	net.watched = false;
	n_faults++;
	state = state_of(stage);
	silent = !r && !report.n_problems;
	if ((is_harmless(net.fault) && !silent) || (silent && strcmp(state, after))) {
		mh_bed_print(&report);
		fail_msg("%s: %s (%s) %zu: %d\n%s", event_name(event), fault_names[net.fault],
			 strerror(net.error), net.at, r, state);
	}
	mh_report_clear(&report);
	assert_sane(stage, staying(stage, event));
	assert_mended(stage, event, silent, before, after);
}

static void go_wrong_everywhere(struct stage *stage, enum event event)
{
	mh_cleanup(mh_freep) char *before = NULL, *after = NULL;
	size_t n_sent, n_received;

	set_scene(stage, event);
	before = state_of(stage);
	net.n_sent = net.n_received = 0;
	happen_well(stage, event);
	n_sent = net.n_sent;
	n_received = net.n_received;
	after = state_of(stage);
	assert_true(n_sent > 5 && n_received >= n_sent);
	for (enum fault fault = 0; fault < FAULTS; fault++) {
		size_t n = is_of_request(fault) ? n_sent : n_received;
		size_t n_errors = fault < FIRST_REFUSED ? 1 : MH_ARRAY_SIZE(refusals);

		for (size_t i = 0; i < n * n_errors; i++) {
			set_scene(stage, event);
			net.fault = fault;
			net.at = 1 + i % n;
			net.error = refusals[i / n];
			go_wrong(stage, event, before, after);
		}
	}
}

/*
 * Each request and each answer of each event goes wrong in each way. The event ends, as it should
 * or with an error; the host is sane; a reconcile and the event's repetition make all right, so no
 * link has been forgotten.
 */
static void test_each_message(void **state)
{
	mh_cleanup(stage_end) struct stage stage;

	stage_begin(&stage, *state, &(struct scenario){ MH_BED_BOTH, 2, false });
	for (enum event event = 0; event < EVENTS; event++)
		go_wrong_everywhere(&stage, event);
	printf("# %zu requests and answers went wrong\n", n_faults);
}

static void change_forever(struct stage *stage, enum event event)
{
	mh_cleanup(mh_freep) char *before = NULL, *state = NULL;

	set_scene(stage, event);
	before = state_of(stage);
	net.fault = CHANGED_MEANWHILE;
	net.at = SIZE_MAX;
	net.n_received = 0;
	net.watched = true;
	assert_int_equal(happen(stage, event, NULL), -EAGAIN);
	net.watched = false;
	assert_true(net.n_received < 1000);
	state = state_of(stage);
	assert_string_equal(state, before);
	happen_well(stage, event);
}

/* The kernel's state never stands still: an event gives up in the end, and has changed nothing. */
static void test_changing_forever(void **state)
{
	mh_cleanup(stage_end) struct stage stage;

	stage_begin(&stage, *state, &(struct scenario){ MH_BED_BOTH, 2, false });
	for (enum event event = 0; event < EVENTS; event++)
		change_forever(&stage, event);
}

/* What comes of another family than was asked for is there once, not twice. */
static void test_answer_of_all_families(void **state)
{
	struct mh_bed *bed = *state;
	mh_auto_link *isp1 = mh_bed_tun(bed, 1, MH_BED_INET);
	struct mh_status *before = NULL, *now = NULL;

	mh_bed_up(bed, isp1);
	assert_int_equal(mh_status(bed->host, &before), 0);
	net.no_inet6 = true;
	assert_int_equal(mh_status(bed->host, &now), 0);
	assert_int_equal(now->n_defaults, before->n_defaults);
	mh_status_free(before);
	mh_status_free(now);
	mh_bed_down(bed, isp1);
	net.no_inet6 = false;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, mh_bed_set_up, mh_bed_tear_down)

static const struct CMUnitTest tests[] = {
	TEST(test_each_message),
	TEST(test_changing_forever),
	TEST(test_answer_of_all_families),
};

int main(void)
{
	int r = mh_bed_prepare();

	return r < 0 ? mh_bed_skip(r) : cmocka_run_group_tests(tests, NULL, NULL);
}
