#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ./dev test --in RELEASE [--quick] [--fresh] [--within SECONDS] [CTEST ARGUMENTS]: runs the README's two commands in an
# empty Debian RELEASE, then its Debian package in another empty one. Needs root, debootstrap and a network. Where one of
# them, the rights to mount, or the disk space is missing, it says which and exits with 77. Any other failure is the
# release's.
#
# The systems are kept in ~/.cache/inferbench/systems, so that the next run builds only what changed; --fresh recreates
# them. They also use this machine's compiler cache, if there is one.
#
# --quick: the tests that CI runs on the other release. It builds the program and its backends, runs the quickstart
# with one block, then the unit, conformance and golden tests. It builds no package and leaves out libtorch,
# Python and Chromium, the largest Debian packages.
#
# --within: exits with 77, and does not begin, where that is less than it takes; stops after that time. So CI stays within
# its own limit.
set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
systems=${INFERBENCH_SYSTEMS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/inferbench/systems}
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
quick=false fresh=false within='' flags=()
while :; do
  case ${1:-} in
    --quick) quick=true flags+=("$1") ;;
    --fresh) fresh=true flags+=("$1") ;;
    --within)
      within=${2:-}
      if [[ ! $within =~ ^-?[0-9]+$ ]]; then
        say "--within: found '$within', expected seconds"
        exit 2
      fi
      shift
      ;;
    *) break ;;
  esac
  shift
done

if [ -n "$within" ]; then
  # The quick part, on two CPUs: all of it, or what has changed.
  needed=1000
  if ! $fresh && [ -d "$systems/$release/src/build/release" ]; then needed=300; fi
  [ "$within" -ge "$needed" ] || cannot "$within s are left, and it takes about $needed"
  status=0
  # SIGKILL ends the namespaces below, too, and with them every process and mount.
  timeout --signal=KILL "$within" "$0" "$release" "${flags[@]}" "$@" || status=$?
  if [ "$status" -eq 137 ] && [ "$SECONDS" -ge "$within" ]; then cannot "stopped after $within s (--within)"; fi
  exit "$status"
fi

[ "$(id -u)" -eq 0 ] || cannot "debootstrap and chroot need root"
command -v debootstrap >/dev/null || cannot "there is no debootstrap (package debootstrap)"
mkdir -p "$systems" 2>/dev/null && [ -w "$systems" ] || cannot "cannot write to $systems (INFERBENCH_SYSTEMS names another folder)"
unshare --mount --pid --fork bash -c 'mount --make-rprivate / && mount -t proc proc /proc && chroot / true' 2>/dev/null ||
  cannot "unshare, mount or chroot is refused here; they need CAP_SYS_ADMIN and CAP_SYS_CHROOT"
exec 9>"$systems/$release.lock"
flock --nonblock 9 || cannot "another run uses $systems/$release"

# room_for MIB: fails unless the disk has that much space left.
room_for() {
  local free
  free=$(df --output=avail -m "$systems" | tail -n 1)
  [ "$free" -ge "$1" ] || cannot "$systems has $((free)) MiB left, $1 are needed"
}

# Without this check, debootstrap would retry for minutes.
need_mirror() {
  timeout 60 wget -q --tries=2 --timeout=15 -O /dev/null "$mirror/dists/$release/Release" ||
    cannot "$mirror is out of reach, or has no $release"
}

# empty_system FOLDER: creates a minimal Debian system.
empty_system() {
  local base=$systems/$release-base
  if [ ! -e "$base/etc/made" ]; then
    say "making an empty $release"
    rm -rf "$base"
    need_mirror
    # In its own namespace, so that its mounts end with it even if it is killed.
    unshare --mount debootstrap --variant=minbase "$release" "$base" "$mirror" >"$systems/$release.log" 2>&1 || {
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

# Downloads what ./dev is going to install, so that a network that fails isn't reported as a failure of the release.
# Names that the release doesn't have, and conflicts, are left to ./dev.
download() {
  local groups=$1 names
  mapfile -t names < <(sed -n -E "s/^($groups) *\|[^|]*\| *([^ |]+).*/\2/p" "$tree/packaging/packages.txt")
  inside "$build" bash -e -c '
    dpkg --configure -a # an earlier run may have been stopped in the middle
    missing=()
    for package in "$@"; do
      [ "$(dpkg-query -W -f="\${db:Status-Status}" "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then exit; fi
    apt-get update -qq -o APT::Update::Error-Mode=any
    mapfile -t offered < <(apt-cache show "${missing[@]}" 2>/dev/null | sed -n "s/^Package: //p" | sort -u)
    if apt-get install --simulate -qq --no-install-recommends "${offered[@]}" >/dev/null; then
      apt-get install --download-only -y -qq --no-install-recommends "${offered[@]}" >/dev/null
    fi' download "${names[@]}" || cannot "the packages cannot be downloaded from $mirror"
}

build=$systems/$release
if $fresh || [ ! -d "$build/src" ]; then
  if $quick; then room_for 5000; else room_for 12000; fi
  if $fresh; then
    need_mirror
    rm -rf "$systems/$release-base"
  fi
  empty_system "$build"
  inside "$build" true || cannot "proc, sys or dev cannot be mounted in $build, or chroot is refused"
  mkdir "$build/src"
fi
groups='build|test|engine'
if ! $quick; then groups+='|torch|python|extra|browser'; fi
say "packages"
download "$groups"
# The compiler cache only saves time.
if command -v ccache >/dev/null; then
  inside "$build" sh -c 'command -v ccache || apt-get install -y -qq --no-install-recommends ccache' >/dev/null 2>&1 || true
fi
say "the tree, into $build/src"
rm -rf "$build/incoming"
mkdir "$build/incoming"
(cd "$tree" && git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -c) |
  tar -x --touch -C "$build/incoming"
# A file with new contents gets the present time, so that it is built again. Its time in the tree says nothing: it may be
# older than an object that was built here from the contents before. Files that did not change keep their time.
(cd "$build/incoming" && find . -type f -exec sh -c '
  for file; do cmp -s "$file" "../src/$file" && touch -r "../src/$file" "$file"; done; true' keep_time {} +)
find "$build/src" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
find "$build/incoming" -mindepth 1 -maxdepth 1 -exec mv -t "$build/src" {} +

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
