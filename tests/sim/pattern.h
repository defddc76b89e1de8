/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_SIM_PATTERN_H
#define HF_SIM_PATTERN_H

#include "tests/sim/schedule.h"

/*
 * Sequences of faults that come together too rarely by chance, each aimed at one rule. Appends
 * one that suits the schedule's theme from `at` on, with times of its own; returns when its last
 * fault begins, or `at` if there is none.
 */
uint64_t pattern_draw(struct schedule *s, uint64_t at, struct rng *rng);

#endif
