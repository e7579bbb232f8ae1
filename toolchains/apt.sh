# Packages of Debian and Ubuntu, for the scripts that need some; sourced, not run.

# apt_has PACKAGE[:ARCH]: installed for that architecture, by default this machine's? The same package may be there for others beside it.
apt_has() {
    case $1 in
    *:*) apt_arch=${1#*:} ;;
    *) apt_arch=$(dpkg --print-architecture) ;;
    esac
    dpkg-query -W -f '${Architecture} ${db:Status-Status}\n' "${1%:*}" 2>/dev/null | grep -qxE "($apt_arch|all) installed"
}

# apt_install PACKAGE[:ARCH]...: those that are missing; false, with apt's words on stderr, where that fails
apt_install() {
    apt_missing=""
    for apt_package in "$@"; do
        apt_has "$apt_package" || apt_missing="$apt_missing $apt_package"
    done
    [ -n "$apt_missing" ] || return 0
    apt_root=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || { echo "$(basename "$0"): needs$apt_missing: run as root, or install sudo" >&2; return 1; }
        apt_root=sudo
    fi
    echo "$(basename "$0"): installing$apt_missing"
    apt_log=$(mktemp)
    # One index that cannot be fetched, of another architecture perhaps, need not be in the way: the installation tells.
    $apt_root apt-get -o DPkg::Lock::Timeout=300 update -qq >"$apt_log" 2>&1 || true
    # shellcheck disable=SC2086
    if $apt_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $apt_missing \
        >>"$apt_log" 2>&1; then
        rm -f "$apt_log"
        return 0
    fi
    tail -n 8 "$apt_log" >&2
    rm -f "$apt_log"
    return 1
}

# apt_unpack ARCH FOLDER PACKAGE...: packages of another architecture, unpacked into FOLDER, all of them or, where one cannot be had, none: then false,
# and no FOLDER. The system stays as it is, and no right is needed.
apt_unpack() {
    apt_arch=$1 apt_folder=$2
    shift 2
    command -v apt-get >/dev/null 2>&1 || return 1
    apt_work=$(mktemp -d)
    mkdir -p "$apt_work/lists/partial" "$apt_work/cache/archives/partial"
    apt_own="apt-get -qq -o Dir::State::lists=$apt_work/lists -o Dir::Cache=$apt_work/cache -o APT::Sandbox::User=root
        -o APT::Architecture=$apt_arch -o APT::Architectures=$apt_arch"
    # An index that cannot be fetched need not be the one with the packages: the download tells.
    (cd "$apt_work" && $apt_own update) >/dev/null 2>&1 || true
    rm -rf "$apt_folder" "$apt_folder.part"
    if (cd "$apt_work" && $apt_own download "$@") >/dev/null 2>&1 && mkdir -p "$apt_folder.part"; then
        apt_status=0
        for apt_package in "$apt_work"/*.deb; do
            dpkg-deb -x "$apt_package" "$apt_folder.part" || apt_status=1
        done
        [ $apt_status -ne 0 ] || mv "$apt_folder.part" "$apt_folder" || apt_status=1
    else
        apt_status=1
    fi
    rm -rf "$apt_work" "$apt_folder.part"
    return $apt_status
}
