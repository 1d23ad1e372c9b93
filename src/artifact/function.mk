# `sam build` runs this for functions with `BuildMethod: makefile`, in a copy of their CodeUri. It tells a Makefile neither
# runtime nor architecture, so the template chooses one of the folders here, whose Makefile names both. In a container
# there is nothing but that folder and the copy, so all else comes from the copy.
#
# HOST_WHEELS, which `make run` sets where it must: for this machine, where the emulator runs the function, not for Lambda.
build-Authorizer:
	@$(RUNTIME) -c '' 2>/dev/null || { \
	  echo "$(RUNTIME) is not on PATH, or does not run: install it, or build with --parameter-overrides PythonRuntime=..." >&2; exit 1; }
	@$(RUNTIME) artifact/build.py --architecture $(ARCHITECTURE) --package authorizer $(if $(HOST_WHEELS),--host-wheels) "$$ARTIFACTS_DIR"
