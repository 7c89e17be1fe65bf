# SPDX-License-Identifier: Apache-2.0
# The Debian package: builds it, checks its fields and contents, unpacks it into a folder and runs it from there.
source "$SOURCES/common.sh"
export PATH="${PATH#"$PREFIX/bin:"}"
if ! command -v dpkg-shlibdeps >/dev/null; then
  echo "skipped: there is no dpkg-shlibdeps (package dpkg-dev)"
  exit 77
fi
cpack --config "$BUILD/CPackConfig.cmake" -B . >cpack.txt 2>&1 || {
  cat cpack.txt >&2
  fail "cpack"
}
deb=$(ls inferbench_*.deb)

# Its fields: the dependencies of the binaries, and the version that the program prints.
dpkg-deb --field "$deb" >fields.txt
expect_text '^Package: inferbench$' fields.txt
expect_text '^Depends: .*libc6 \(>= ' fields.txt
expect_text '^Depends: .*libtbb' fields.txt
expect_text '^Depends: .*libyaml-cpp' fields.txt
expect_text '^Maintainer: .+ <.+@.+>$' fields.txt
if grep -q '^Depends: .*libdnnl' fields.txt; then expect_text 'onednn' fields.txt; fi
if grep -q '^Depends: .*torch' fields.txt; then fail "the package needs libtorch"; fi

# Its contents, at the places that Debian expects.
dpkg-deb --contents "$deb" | awk '{print $6}' >contents.txt
for path in bin/inferbench include/inferbench/backend.h "$LIBDIR/inferbench/libcpu_ref.so" \
  "$LIBDIR/cmake/inferbench/inferbench-config.cmake" "$LIBDIR/pkgconfig/inferbench.pc" share/man/man1/inferbench.1.gz \
  share/man/man1/inferbench-run.1.gz share/bash-completion/completions/inferbench \
  share/zsh/vendor-completions/_inferbench share/fish/vendor_completions.d/inferbench.fish \
  share/doc/inferbench/copyright share/doc/inferbench/README.md share/doc/inferbench/docs/how_we_measure.md \
  share/inferbench/configs/quickstart.yaml; do
  expect_text "^\\./usr/$path\$" contents.txt
done
if grep -Ev '^\./(usr/.*)?$' contents.txt; then fail "files outside /usr"; fi
if grep -q libtorch contents.txt; then fail "the torch backend is in the package"; fi

# It must run from any folder.
dpkg-deb -x "$deb" root
program=$PWD/root/usr/bin/inferbench
[ "Version: $("$program" --version | sed 's/^inferbench //')" = "$(grep ^Version: fields.txt)" ] || fail "versions differ"
"$program" backends >backends.txt
expect_text "$PWD/root/usr/$LIBDIR/inferbench/libcpu_ref.so" backends.txt
"$program" run quickstart.yaml --out results --set "models=[root/usr/share/inferbench/configs/models/shakespeare]" \
  --set measure.blocks=1 --set sweep.prompt_tokens=[4] --set sweep.generate_tokens=[2] --set sweep.threads=[1] >table.txt
expect_text '^  cpu_quant:int8 ' table.txt

# It must be usable for builds: the unpacked CMake package finds its own headers and program.
cmake -S "$SOURCES/project" -B build -DCMAKE_PREFIX_PATH="$PWD/root/usr" -DLANGUAGE=C -DBACKENDS="$SOURCES/../abi/plugins" \
  >configure.txt
expect_text "inferbench_DIR:PATH=$PWD/root/usr/$LIBDIR/cmake/inferbench" build/CMakeCache.txt
cmake --build build >build.txt
