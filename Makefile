# The front door. Everything else is CMake.
BUILD ?= build
JOBS  ?= 2

.PHONY: all setup demo test ulp bench cross cross-test package package-test reduced-test clean

all: setup
	cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release
	cmake --build $(BUILD) -j $(JOBS)

# Installs what is missing (Debian and Ubuntu); does nothing when all is there.
setup:
	sh toolchains/setup.sh

demo: all
	sh toolchains/demo.sh $(BUILD)

# Two Arm CPUs are emulated as well where compiler and emulator can be installed; elsewhere that test is left out, and says so.
test: all
	@sh toolchains/emulate.sh setup || true
	cd $(BUILD) && ctest --output-on-failure -j $(JOBS)
	@$(BUILD)/tests/test_kernel_rows 2>/dev/null | grep 'kernels run on'

# Every float through every function of simd/poly.h: about half an hour.
ulp: all
	$(BUILD)/tests/test_poly 1

bench: all
	$(BUILD)/refatom bench kernels

# Another machine: make cross TARGET=aarch64 (toolchains/README.md lists all). Leaves a tarball in dist/.
TARGET ?= aarch64
cross:
	sh toolchains/cross.sh $(TARGET)

# Debian packages in dist/: of this machine, or make package TARGET=aarch64.
package: TARGET := $(shell uname -m)
package:
	sh toolchains/cross.sh $(TARGET) deb

# Those of amd64 and arm64, judged by lintian and used by a program of somebody else.
package-test:
	sh toolchains/package_test.sh

# Without one optional library at a time, and the core by one compiler command.
reduced-test: setup
	sh toolchains/reduced.sh

# The kernel tests and int8 models on emulated CPUs: Arm, RISC-V, x86-64 without AVX and without AVX-512. About 20 minutes on two processors.
cross-test: all
	BUILD=$(BUILD) sh toolchains/emulate.sh

clean:
	rm -rf $(BUILD) build-* out dist
