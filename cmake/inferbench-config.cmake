# SPDX-License-Identifier: Apache-2.0
# find_package(inferbench) provides
#   inferbench_add_backend(NAME SOURCE...)   builds a backend with the right exports
#   inferbench::backend_api                  the headers
#   inferbench::inferbench                   the program, for tests
include(${CMAKE_CURRENT_LIST_DIR}/inferbench-targets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/InferbenchAddBackend.cmake)
