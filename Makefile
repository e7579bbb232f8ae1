# The front door. Everything else is CMake.
BUILD ?= build
JOBS  ?= 2

.PHONY: all setup demo test bench clean

all: setup
	cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release
	cmake --build $(BUILD) -j $(JOBS)

# Installs what is missing (Debian and Ubuntu); does nothing when all is there.
setup:
	sh toolchains/setup.sh

demo: all
	sh toolchains/demo.sh $(BUILD)

test: all
	cd $(BUILD) && ctest --output-on-failure -j $(JOBS)

bench: all
	$(BUILD)/refatom bench kernels

clean:
	rm -rf $(BUILD) out
