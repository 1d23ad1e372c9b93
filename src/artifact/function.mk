# `sam build` runs this for functions with `BuildMethod: makefile`, in a copy of their CodeUri. SAM gives a Makefile neither
# runtime nor architecture, so the template selects one of the folders here, whose Makefile has both. A build in a
# container can read only that folder and the copy.
#
# `make run` sets HOST_WHEELS on machines without Linux, to build for the machine that runs the emulator.
#
# For each function, by its logical ID: its package, the other packages that it imports, and the AWS services that it calls.
build-Authorizer: CONTENT := --package authorizer --service dynamodb
build-Metadata build-SampleMetadata: CONTENT := --package authorizer --without-requirements
build-KeyEvents build-KeyNotices: CONTENT := --package key_events --with keys/core --with authorizer \
  --service dynamodb --service events --service sqs
build-Usage: CONTENT := --package usage --with keys/core --with authorizer --service dynamodb
build-SelfService: CONTENT := --package self_service --with keys/core --with authorizer --service dynamodb

build-%:
	@$(if $(CONTENT),,echo "function.mk does not know the function $*." >&2; exit 1)
	@$(RUNTIME) -c '' 2>/dev/null || { \
	  echo "$(RUNTIME) is not on PATH or does not run. Install it, or set PythonRuntime in the settings file, for build and deploy (docs/upgrading.md)." >&2; exit 1; }
	@$(RUNTIME) artifact/build.py --architecture $(ARCHITECTURE) $(CONTENT) $(if $(HOST_WHEELS),--host-wheels) "$$ARTIFACTS_DIR"
