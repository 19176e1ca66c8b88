// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The decorator of faulty-kernel.h. Operations go through in pieces as large as the fault allows,
 * so that on the real kernel they stay as they are sent: many in a datagram.
 */

#include <stdio.h>

#include "faulty-kernel.h"

struct faulty {
	struct mh_kernel kernel;
	struct mh_kernel *inner;
	struct mh_fault *fault;
};

static bool has_stopped(const struct mh_fault *fault)
{
	return (fault->dead && *fault->dead) || fault->n_ops >= fault->stop_after;
}

static int faulty_snapshot(struct mh_kernel *kernel, struct mh_state **ret)
{
	struct faulty *f = (struct faulty *)kernel;

	/* A process that is to die after no operation still reads the state before it. */
	if (has_stopped(f->fault) && (f->fault->n_ops || f->fault->stop_after))
		return -ECANCELED;
	f->inner->known = kernel->known;
	return f->inner->ops->snapshot(f->inner, ret);
}

static int faulty_survey(struct mh_kernel *kernel, struct mh_state **ret)
{
	struct faulty *f = (struct faulty *)kernel;

	return f->inner->ops->survey(f->inner, ret);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int faulty_apply(struct mh_kernel *kernel, const struct mh_op *ops, size_t n,
			struct mh_result *results)
{
	struct faulty *f = (struct faulty *)kernel;
	struct mh_fault *fault = f->fault;

	for (size_t done = 0; done < n;) {
		size_t some = n - done;
		int r;

		if (has_stopped(fault))
			return -ECANCELED;
		if (fault->meanwhile_at == fault->n_ops + 1) {
			fault->meanwhile_at = 0;
			fault->meanwhile(fault->meanwhile_arg);
		}
		if (fault->refuse_at == fault->n_ops + 1) {
			results[done] = (struct mh_result){ .error = fault->refuse_error };
			snprintf(results[done].text, sizeof(results[done].text), "the test's will");
			fault->refused = true;
			fault->n_ops++;
			done++;
			continue;
		}
		some = smaller(some, fault->stop_after - fault->n_ops);
		if (fault->refuse_at > fault->n_ops)
			some = smaller(some, fault->refuse_at - fault->n_ops - 1);
		if (fault->meanwhile_at > fault->n_ops)
			some = smaller(some, fault->meanwhile_at - fault->n_ops - 1);
		r = f->inner->ops->apply(f->inner, &ops[done], some, &results[done]);
		if (r < 0)
			return r;
		fault->n_ops += some;
		done += some;
	}
	return has_stopped(fault) ? -ECANCELED : 0;
}

static void faulty_close(struct mh_kernel *kernel)
{
	struct faulty *f = (struct faulty *)kernel;

	f->inner->ops->close(f->inner);
	free(f);
}

static const struct mh_kernel_ops faulty_ops = {
	.snapshot = faulty_snapshot,
	.survey = faulty_survey,
	.apply = faulty_apply,
	.close = faulty_close,
};

void mh_fault_none(struct mh_fault *fault)
{
	fault->stop_after = SIZE_MAX;
	fault->refuse_at = 0;
	fault->meanwhile_at = 0;
	fault->refused = false;
	fault->n_ops = 0;
}

int mh_faulty_open(void *arg, struct mh_kernel **ret)
{
	struct mh_fault *fault = arg;
	struct faulty *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	r = fault->open_inner(fault->inner_arg, &f->inner);
	if (r < 0) {
		free(f);
		return r;
	}
	f->kernel.ops = &faulty_ops;
	f->fault = fault;
	*ret = &f->kernel;
	return 0;
}
