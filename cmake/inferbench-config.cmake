# SPDX-License-Identifier: Apache-2.0
# find_package(inferbench) gives
#   inferbench_add_backend(NAME SOURCE...)   a backend that exports what it should
#   inferbench::backend_api                  the headers
#   inferbench::inferbench                   the program, for tests
include(${CMAKE_CURRENT_LIST_DIR}/inferbench-targets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/InferbenchAddBackend.cmake)
