/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fence/ipmi.h"

int main(int argc, char **argv)
{
	return fence_main(&fence_ipmi_driver, argc, argv);
}
