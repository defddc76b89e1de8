# SPDX-License-Identifier: GPL-3.0-or-later
install: all ## install below DESTDIR and PREFIX
	$(Q)DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) BUILD=$(B) packaging/install-files
.PHONY: install
deb: all ## pack a Debian package into build/
	$(Q)BUILD=$(B) packaging/make-deb $(VERSION)
.PHONY: deb
