/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fence/script.h"

int main(int argc, char **argv)
{
	return fence_main(&fence_script_driver, argc, argv);
}
