/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fence/modbus.h"

int main(int argc, char **argv)
{
	return fence_main(&fence_modbus_driver, argc, argv);
}
