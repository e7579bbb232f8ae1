#!/bin/sh
# Installs the packages that a build with everything needs, on Debian and Ubuntu. Does nothing when all are there.
set -eu

packages="build-essential cmake pkg-config libopenblas-openmp-dev libturbojpeg0-dev libavformat-dev libavcodec-dev libavutil-dev
 libswscale-dev libavdevice-dev libcmocka-dev ffmpeg"

missing=""
for package in $packages; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: this is not Debian or Ubuntu; install these yourself:$packages" >&2
    exit 1
fi
echo "setup: installing$missing"
run=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "setup: run as root, or install sudo" >&2; exit 1; }
    run="sudo"
fi
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -qq
# shellcheck disable=SC2086
$run apt-get install -y -qq --no-install-recommends $missing >/dev/null
