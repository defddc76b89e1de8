/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The interface every Varlink service has, and the errors for what is not there. */
#include "ctl/internal.h"

#include <errno.h>
#include <string.h>

#define SERVICE_INTERFACE "org.varlink.service"

extern const char agent_varlink[]; /* generated from io.holdfast.Agent.varlink */

static const char service_varlink[] =
	"# What a client can ask any Varlink service: what it is and which interfaces it has.\n"
	"interface org.varlink.service\n"
	"\n"
	"method GetInfo() -> (\n"
	"  vendor: string,\n"
	"  product: string,\n"
	"  version: string,\n"
	"  url: string,\n"
	"  interfaces: []string\n"
	")\n"
	"\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n";

static const char *skip_blank_and_comments(const char *s)
{
	for (;;) {
		s += strspn(s, " \t\r\n");
		if (*s != '#')
			return s;
		s += strcspn(s, "\n");
	}
}

static int read_interface_name(const char *description, char *out, size_t size)
{
	static const char keyword[] = "interface";
	const char *s = skip_blank_and_comments(description);
	size_t n;

	if (strncmp(s, keyword, sizeof(keyword) - 1) != 0)
		return -EINVAL;
	s += sizeof(keyword) - 1;
	s += strspn(s, " \t");
	n = strcspn(s, " \t\r\n");
	if (n == 0 || n >= size)
		return -EINVAL;
	memcpy(out, s, n);
	out[n] = '\0';
	return 0;
}

int ctl_service_init(struct ctl_service *service, const struct ctl_server_config *config)
{
	*service = (struct ctl_service){.description = config->interface_description,
					.methods = config->methods,
					.userdata = config->userdata,
					.changing = config->changing,
					.call_gone = config->call_gone};
	if (!service->description)
		service->description = agent_varlink;
	return read_interface_name(service->description, service->interface,
				   sizeof(service->interface));
}

static void get_info(struct ctl_call *call, const struct ctl_service *service)
{
	ctl_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "Holdfast", "product",
				  "Holdfast agent", "version", HOLDFAST_VERSION, "url",
				  "man:holdfastd(8)", "interfaces", SERVICE_INTERFACE,
				  service->interface));
}

static void get_description(struct ctl_call *call, const struct ctl_service *service,
			    const json_t *parameters)
{
	const char *interface = json_string_value(json_object_get(parameters, "interface"));
	const char *text;

	if (!interface) {
		ctl_reply_invalid(call, "interface");
		return;
	}
	if (strcmp(interface, SERVICE_INTERFACE) == 0) {
		text = service_varlink;
	} else if (strcmp(interface, service->interface) == 0) {
		text = service->description;
	} else {
		ctl_reply_error(call, SERVICE_INTERFACE ".InterfaceNotFound",
				json_pack("{s:s}", "interface", interface));
		return;
	}
	ctl_reply(call, json_pack("{s:s}", "description", text));
}

void ctl_service_call(struct ctl_call *call, const struct ctl_service *service, const char *method,
		      json_t *parameters)
{
	if (strcmp(method, SERVICE_INTERFACE ".GetInfo") == 0)
		get_info(call, service);
	else if (strcmp(method, SERVICE_INTERFACE ".GetInterfaceDescription") == 0)
		get_description(call, service, parameters);
	else
		ctl_service_unknown(call, service, method);
}

/* Whether a line "method NAME(" is in the description. */
static bool describes_method(const char *description, const char *name)
{
	static const char keyword[] = "method";
	size_t n = strlen(name);

	if (n == 0)
		return false;
	for (const char *s = description; (s = skip_blank_and_comments(s)), *s;
	     s += strcspn(s, "\n")) {
		const char *word = s + sizeof(keyword) - 1;

		if (strncmp(s, keyword, sizeof(keyword) - 1) != 0)
			continue;
		word += strspn(word, " \t");
		if (strncmp(word, name, n) == 0 && word[n + strspn(word + n, " \t")] == '(')
			return true;
	}
	return false;
}

void ctl_service_unknown(struct ctl_call *call, const struct ctl_service *service,
			 const char *method)
{
	const char *dot = strrchr(method, '.');
	size_t n = dot ? (size_t)(dot - method) : 0;
	const char *error = SERVICE_INTERFACE ".MethodNotFound";

	if (dot && n == strlen(service->interface) && memcmp(method, service->interface, n) == 0) {
		if (describes_method(service->description, dot + 1))
			error = SERVICE_INTERFACE ".MethodNotImplemented";
	} else if (dot &&
		   (n != strlen(SERVICE_INTERFACE) || memcmp(method, SERVICE_INTERFACE, n) != 0)) {
		ctl_reply_error(call, SERVICE_INTERFACE ".InterfaceNotFound",
				json_pack("{s:s%}", "interface", method, n));
		return;
	}
	ctl_reply_error(call, error, json_pack("{s:s}", "method", method));
}
