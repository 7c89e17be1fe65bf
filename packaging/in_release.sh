#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ./dev test --in RELEASE [--quick] [--fresh] [CTEST ARGUMENTS]: runs the README's two commands in an empty Debian
# RELEASE, then its Debian package in another empty one. Needs root and debootstrap. Exits with 77 if the system cannot
# be created.
#
# The systems are kept in ~/.cache/inferbench/systems, so that the next run builds only what changed; --fresh recreates
# them. They also use this machine's compiler cache, if there is one.
#
# --quick: the tests that CI runs on the other release. It builds the program and its backends, runs the quickstart
# with one block, then the unit, conformance and golden tests. It builds no package and leaves out libtorch and
# Chromium, the largest Debian packages.
set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
systems=${INFERBENCH_SYSTEMS:-${XDG_CACHE_HOME:-$HOME/.cache}/inferbench/systems}
mirror=${INFERBENCH_MIRROR:-http://deb.debian.org/debian}

say() { printf 'in_release: %s\n' "$*" >&2; }
cannot() {
  say "skipped: $*"
  exit 77
}

release=${1:-}
case $release in
  bookworm | trixie) shift ;;
  *)
    say "./dev test --in RELEASE: found '$release', expected bookworm or trixie"
    exit 2
    ;;
esac
quick=false fresh=false
while :; do
  case ${1:-} in
    --quick) quick=true ;;
    --fresh) fresh=true ;;
    *) break ;;
  esac
  shift
done

[ "$(id -u)" -eq 0 ] || cannot "debootstrap and chroot need root"
command -v debootstrap >/dev/null || cannot "there is no debootstrap (package debootstrap)"
unshare --mount --pid --fork true 2>/dev/null || cannot "unshare fails: mount and process namespaces are needed (CAP_SYS_ADMIN)"

# empty_system FOLDER: creates a minimal Debian system.
empty_system() {
  local base=$systems/$release-base
  if [ ! -e "$base/etc/made" ]; then
    say "making an empty $release"
    rm -rf "$base"
    mkdir -p "$systems"
    # Check the mirror first: debootstrap itself would retry for minutes.
    timeout 60 wget -q --tries=2 --timeout=15 -O /dev/null "$mirror/dists/$release/Release" || cannot "$mirror is out of reach"
    debootstrap --variant=minbase "$release" "$base" "$mirror" >"$systems/$release.log" 2>&1 || {
      tail -n 3 "$systems/$release.log" >&2
      cannot "debootstrap $release failed ($systems/$release.log)"
    }
    echo force-unsafe-io >"$base/etc/dpkg/dpkg.cfg.d/unsafe-io" # a half-written system after a crash does no harm
    touch "$base/etc/made"
  fi
  rm -rf "$1"
  cp -a "$base" "$1"
}

# inside FOLDER COMMAND...: runs the command in that system. Its mounts and processes end with the command.
inside() {
  local root=$1
  shift
  cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
  INSIDE_ROOT=$root unshare --mount --pid --fork --kill-child bash -c '
    set -e
    mount --make-rprivate /
    mount -t proc proc "$INSIDE_ROOT/proc"
    mount --rbind /sys "$INSIDE_ROOT/sys"
    mount --rbind /dev "$INSIDE_ROOT/dev"
    cache=$(command -v ccache >/dev/null && ccache --get-config cache_dir || true)
    if [ -n "$cache" ] && [ -d "$cache" ]; then
      mkdir -p "$INSIDE_ROOT/ccache"
      mount --bind "$cache" "$INSIDE_ROOT/ccache"
      # max_size matters most: a smaller value would empty the cache.
      for key in max_size base_dir hash_dir sloppiness; do
        printf "%s = %s\n" "$key" "$(ccache --get-config "$key")"
      done >"$INSIDE_ROOT/etc/ccache.conf"
    fi
    exec chroot "$INSIDE_ROOT" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive CCACHE_DIR=/ccache http_proxy="${http_proxy:-}" INFERBENCH_WERROR="${INFERBENCH_WERROR:-}" "$@"' inside "$@"
}

build=$systems/$release
if $fresh || [ ! -d "$build/src" ]; then
  if $fresh; then rm -rf "$systems/$release-base"; fi
  empty_system "$build"
  mkdir "$build/src"
  inside "$build" apt-get update -qq || cannot "apt-get does not reach $mirror"
  if command -v ccache >/dev/null; then inside "$build" apt-get install -y -qq --no-install-recommends ccache >/dev/null; fi
fi
say "the tree, into $build/src"
find "$build/src" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
(cd "$tree" && git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -c) | tar -x -C "$build/src"

say "./dev run configs/quickstart.yaml"
blocks=()
if $quick; then blocks=(--set measure.blocks=1); fi
inside "$build" sh -c 'cd /src && ./dev run configs/quickstart.yaml --out /tmp/results "$@"' run "${blocks[@]}"
if $quick; then
  say "./dev test-quick $*"
  inside "$build" sh -c 'cd /src && ./dev test-quick "$@"' test-quick "$@"
  say "$release: the quick part passed"
  exit 0
fi
say "./dev test $*"
inside "$build" sh -c 'cd /src && ./dev test "$@"' test "$@"

say "the Debian package, in an empty $release"
inside "$build" sh -c 'cd /src && rm -rf build/package && ./dev package'
user=$systems/$release-user
empty_system "$user"
cp "$build"/src/build/package/*.deb "$user/root/"
inside "$user" sh -c '
  set -e
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends /root/*.deb >/dev/null
  dpkg -s inferbench | grep -E "^(Version|Depends):"
  cd /tmp
  inferbench backends
  inferbench run quickstart.yaml --set measure.blocks=1 --set sweep.prompt_tokens=[8] --set sweep.generate_tokens=[4]'
rm -rf "$user"
say "$release: passed"
