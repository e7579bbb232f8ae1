#!/bin/sh
# Installs the packages that a build with everything needs, on Debian and Ubuntu. Does nothing when all are there.
set -eu
packages="build-essential cmake pkg-config libopenblas-openmp-dev libturbojpeg0-dev libavformat-dev libavcodec-dev libavutil-dev
 libswscale-dev libavdevice-dev libcmocka-dev ffmpeg"
command -v apt-get >/dev/null 2>&1 || {
    echo "setup: this is not Debian or Ubuntu; install what these are there, then run cmake by hand (README.md):" $packages >&2
    exit 1
}
. "$(dirname "$0")/apt.sh"
# shellcheck disable=SC2086
apt_install $packages
