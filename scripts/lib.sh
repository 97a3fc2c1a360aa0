# Shared by the scripts of this directory; sourced by bash, with the repository's root as current directory.
# Everything said here goes to standard error: standard output belongs to what the script runs.

PYTHON=${PYTHON:-python3}
VENV=.venv
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$@"
    exit 1
}

# Debian packages the build lacks on this machine, found by what is there and not by what is registered.
missing_for_build() {
    command -v "$PYTHON" >/dev/null || { echo python3 python3-venv python3-dev gcc libc6-dev; return; }
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    "$PYTHON" -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || echo python3-dev
    command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null || echo gcc
    printf '#include <stdio.h>\n' | "$(command -v "${CC:-cc}" || echo gcc)" -E - >/dev/null 2>&1 || echo libc6-dev
}

# Debian packages of the phones that the tests call with, and of the proxy before the switch.
missing_for_tests() {
    command -v sipp >/dev/null || echo sip-tester
    command -v baresip >/dev/null || echo baresip-core
    command -v linphonec >/dev/null || echo linphone-cli
    command -v kamailio >/dev/null || echo kamailio
    compgen -G "/usr/lib/*/kamailio/modules/outbound.so" >/dev/null || echo kamailio-outbound-modules
    command -v tshark >/dev/null || echo tshark # reads the captures that trace writes
    command -v chromium >/dev/null || echo chromium # opens the pages of examples
    command -v espeak-ng >/dev/null || echo espeak-ng
    command -v git >/dev/null || echo git # the packaging tests build what git knows of
}

# Installs packages while no service may start; what stood in policy-rc.d's place is put back.
# Runs in a subshell, so that its trap fires however the installation ends.
install_packages() (
    policy=/usr/sbin/policy-rc.d
    kept=$policy.kept-by-softswitch
    restore() {
        rm -f "$policy"
        if [ -e "$kept" ]; then mv "$kept" "$policy"; fi
    }
    if [ -e "$policy" ]; then mv "$policy" "$kept"; fi
    trap restore EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update </dev/null >&2
    apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" </dev/null >&2
)

# need_packages PACKAGE...: sees to it that they are there, or says the one line that does.
need_packages() {
    [ $# -gt 0 ] || return 0
    local line="apt-get update && apt-get install --no-install-recommends $*"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "This is missing: $*. On Debian, as root, type:" "" "    $line"
    fi
    say "Installing with apt-get: $*"
    install_packages "$@" || fail "apt-get could not install $*. Try: $line"
}

need_python() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or later is needed; $PYTHON is $("$PYTHON" --version 2>&1). Set PYTHON to another one."
}

# What the installation depends on: a change of it makes the next run install again.
fingerprint() {
    { echo "$1"; "$PYTHON" --version; cat pyproject.toml setup.py codecs/*; } | cksum
}

installed() {
    local kind
    for kind in "$@"; do
        if [ "$(cat "$VENV/installed-$kind" 2>/dev/null)" = "$(fingerprint "$kind")" ] &&
            "$VENV/bin/python" -c 'import softswitch.media._codecs' 2>/dev/null; then
            return 0
        fi
    done
    return 1
}

# make_environment demo|test: .venv with the package in it, its C extension built.
make_environment() {
    local kind=$1 what="."
    if [ "$kind" = test ]; then what=".[test]"; installed test && return 0; else installed demo test && return 0; fi
    say "Installing softswitch and what it needs into $VENV ..."
    [ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV" >&2
    "$VENV/bin/python" -m pip install -q -e "$what" </dev/null >&2 ||
        fail "pip could not install softswitch: see above. Delete $VENV to start afresh."
    fingerprint "$kind" >"$VENV/installed-$kind"
}
