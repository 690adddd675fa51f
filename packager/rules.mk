# `sam build` runs `make build-<logical id>` in a copy of the CodeUri or ContentUri, with ARTIFACTS_DIR as the target
# (Metadata in template.yaml). It does not pass the architecture: the folder of the Makefile has its name.
ARCHITECTURE := $(notdir $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST)))))
PACKAGER := $(dir $(lastword $(MAKEFILE_LIST)))

build-%Layer:
	python3.13 $(PACKAGER)install.py layer $(ARCHITECTURE) "$(ARTIFACTS_DIR)"

build-%Function:
	python3.13 $(PACKAGER)install.py function $(ARCHITECTURE) "$(ARTIFACTS_DIR)"
