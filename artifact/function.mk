# `sam build` runs this for functions with `BuildMethod: makefile`, in a copy of their CodeUri. It tells a Makefile neither
# runtime nor architecture, so the template chooses one of the folders here, which are named after both.
TARGET := $(notdir $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST)))))
RUNTIME := $(firstword $(subst -, ,$(TARGET)))
ARCHITECTURE := $(lastword $(subst -, ,$(TARGET)))
BUILD := $(dir $(lastword $(MAKEFILE_LIST)))build.py

build-Authorizer:
	@$(RUNTIME) -c '' 2>/dev/null || { \
	  echo "$(RUNTIME) is not on PATH, or does not run: install it, or build with --parameter-overrides PythonRuntime=..." >&2; exit 1; }
	@$(RUNTIME) $(BUILD) --architecture $(ARCHITECTURE) --package authorizer "$(ARTIFACTS_DIR)"
