# SPDX-License-Identifier: Apache-2.0
.PHONY: help run test test-envoy-versions test-tsan lint image clean

help:
	@echo 'make run      shows an example at work behind a real Envoy, until Ctrl-C'
	@echo '                EXAMPLE=AddHeader   another example than Basic'
	@echo '                PORT_BASE=20000     other ports, from there on'
	@echo 'make test     checks everything; plain `swift test` runs what needs no other programs'
	@echo 'make test-envoy-versions'
	@echo '              checks the table of ext_proc rules on five versions of Envoy, and writes the document'
	@echo 'make test-tsan'
	@echo '              runs the tests under the thread sanitizer'
	@echo 'make lint     checks format and scripts; scripts/lint --fix formats'
	@echo 'make image    builds a container image'
	@echo '                RUN_MODULE=AddHeader   of this server'
	@echo 'make clean    removes all that was built, installed here or logged'

# Variables given on the command line reach the scripts in their environment.
run:
	@scripts/run

test:
	@scripts/test

test-envoy-versions:
	@scripts/test-envoy-versions

test-tsan:
	@scripts/test-tsan

lint:
	@scripts/lint

image:
	@scripts/image

clean:
	rm -rf .build .build-* .venv-* .swiftpm
