# SPDX-License-Identifier: Apache-2.0
# Install rules, except for targets that have their own. All paths are relative to the prefix, and installed files find
# each other by relative paths, so a prefix may be moved.
include(CMakePackageConfigHelpers)

# The CMake package.
install(EXPORT inferbench-targets NAMESPACE inferbench:: DESTINATION ${INFERBENCH_CMAKE_INSTALL_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/inferbench-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/inferbench-config.cmake cmake/InferbenchAddBackend.cmake cmake/backend.map
              ${PROJECT_BINARY_DIR}/inferbench-config-version.cmake DESTINATION ${INFERBENCH_CMAKE_INSTALL_DIR})

# The pkg-config file.
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH INFERBENCH_PREFIX_FROM_PKGCONFIG /prefix/${pkgconfig_dir} /prefix)
configure_file(cmake/inferbench.pc.in ${PROJECT_BINARY_DIR}/inferbench.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/inferbench.pc DESTINATION ${pkgconfig_dir})

# The files that the README links to.
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
install(DIRECTORY configs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/inferbench/configs FILES_MATCHING PATTERN "*.yaml"
        PATTERN models EXCLUDE)
# configs/models/shakespeare is a link into tests/data. It is installed as a folder, so that the configs work in both
# places.
install(
  FILES tests/data/shakespeare/config.json tests/data/shakespeare/model.safetensors tests/data/shakespeare/vocab.json
        tests/data/shakespeare/merges.txt tests/data/shakespeare/validation.txt
  DESTINATION ${CMAKE_INSTALL_DATADIR}/inferbench/configs/models/shakespeare)
