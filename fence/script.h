/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_FENCE_SCRIPT_H
#define HF_FENCE_SCRIPT_H

#include "fence/api.h"

extern const struct fence_driver fence_script_driver;

#endif
