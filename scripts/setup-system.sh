#!/bin/sh
# Installs the Debian packages that running untrusted code needs, when they are missing.
#
#   sh scripts/setup-system.sh                    what `npm start` needs
#   sh scripts/setup-system.sh --with-languages   also Ruby, PHP, Go, Rust and Java
#   sh scripts/setup-system.sh --with-tests       also what the tests of every engine need; fails if any is missing
#
# Silent and quick when nothing is missing. Without the rights to install it prints the command to run and, for
# `npm start`, goes on: the server then starts and refuses evaluations until a sandbox works.
set -eu

# Where to look for what is installed; the tests of this script point it at a made-up machine.
root=${ASSAY_SETUP_ROOT:-}

with_languages=no
with_tests=no
for option in "$@"; do
  case "$option" in
    --with-languages) with_languages=yes ;;
    --with-tests) with_tests=yes ;;
    *)
      echo "setup-system: unknown option $option. Use --with-languages, --with-tests, or none." >&2
      exit 64
      ;;
  esac
done

# Only where packages install: a shim on PATH (pyenv, asdf, rustup) is out of reach for the sandbox's own user.
installed() {
  case "$1" in
    /*) [ -e "$root$1" ] ;;
    *)
      for folder in /usr/bin /usr/sbin /bin /usr/local/bin; do
        [ -x "$root$folder/$1" ] && return 0
      done
      return 1
      ;;
  esac
}

# need PACKAGE WHY PROBE…: notes the package as missing unless every probe (a command, or a path) is there.
need() {
  package=$1
  why=$2
  shift 2
  for probe in "$@"; do
    installed "$probe" && continue
    missing="$missing $package"
    reasons="$reasons
  $package: $why"
    return 0
  done
}

find_missing() {
  missing=
  reasons=
  need bubblewrap 'the sandbox that untrusted code runs in' bwrap
  need util-linux 'namespaces, limits and privilege drops around it' unshare setpriv prlimit
  need perl-base 'Perl programs, and the launcher of the Landlock sandbox' /usr/bin/perl
  need bash 'Bash programs' bash
  # pydoc3 comes with the package that has the whole standard library; python3 alone can be the minimal one.
  need python3 'Python programs' /usr/bin/python3 /usr/bin/pydoc3
  need gcc 'C programs' gcc
  need g++ 'C++ programs' g++
  need libc6-dev 'headers for C and C++ programs' /usr/include/stdio.h
  if [ $with_languages = yes ] || [ $with_tests = yes ]; then
    need ruby 'Ruby programs' ruby
    need php-cli 'PHP programs' php
  fi
  if [ $with_languages = yes ]; then
    need golang-go 'Go programs' go
    need rustc 'Rust programs' rustc
    need default-jdk-headless 'Java programs' javac
  fi
  if [ $with_tests = yes ]; then
    need docker.io 'tests of the docker engine (they start a daemon of their own)' dockerd
    need runsc 'tests of the gvisor engine' runsc
    need chromium 'tests of the pages, in a browser' chromium
    need openssl 'certificates for tests of TLS' openssl
    need nats-server 'tests of signals over NATS' nats-server
    need jq 'tests of tools in workflows' jq
    need git 'tests of tools in workflows' git
  fi
}

# Tests that cannot run are failures; a server without a sandbox still has its other work.
give_up() {
  if [ $with_tests = yes ]; then
    echo 'setup-system: the tests cannot run without these packages.' >&2
    exit 1
  fi
  echo 'setup-system: going on without them: what needs them is refused until they are there.' >&2
  exit 0
}

apt_get() {
  # On a fresh machine another package manager is often at work, its own first update: wait for it.
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# The timeout above covers the lock of dpkg; the lock of the package index makes apt-get fail at once.
index_is_locked() {
  inode=$(stat -c %i "$root/var/lib/apt/lists/lock" 2>/dev/null) && grep -q ":$inode " /proc/locks
}

update_index() {
  waited=0
  while index_is_locked && [ $waited -lt 300 ]; do
    [ $waited -gt 0 ] || echo 'setup-system: waiting for another apt-get to finish.'
    sleep 2
    waited=$((waited + 2))
  done
  apt_get update
}

have_index() {
  for list in "$root"/var/lib/apt/lists/*Packages*; do
    [ -e "$list" ] && return 0
  done
  return 1
}

install_missing() {
  # $missing is unquoted: one word per package.
  if have_index; then
    apt_get install -y --no-install-recommends $missing && return 0
    echo 'setup-system: the package index may be out of date: updating it and trying once more.'
  fi
  update_index && apt_get install -y --no-install-recommends $missing
}

find_missing
[ -n "$missing" ] || exit 0

echo "setup-system: not installed on this machine:$reasons"

if ! command -v apt-get >/dev/null 2>&1; then
  echo 'setup-system: no apt-get here. Install these with your package manager (the names are Debian ones).' >&2
  give_up
fi

as_root=
if [ "$(id -u)" != 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "setup-system: installing them takes root. Run:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
    give_up
  fi
  as_root='sudo -n'
fi

echo "setup-system: installing them: apt-get install --no-install-recommends$missing"
if ! install_missing; then
  echo 'setup-system: apt-get failed; its own words are above.' >&2
  give_up
fi
find_missing
if [ -n "$missing" ]; then
  echo "setup-system: still missing after the installation:$reasons" >&2
  give_up
fi
