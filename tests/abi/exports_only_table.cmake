# SPDX-License-Identifier: Apache-2.0
# cmake -DNM=nm -DLIBRARY=libmine.so -P exports_only_table.cmake
# Fails unless the shared object defines exactly one dynamic symbol, the backend's table. Another backend in the same
# process could bind to any other symbol (GNU unique symbols even under RTLD_LOCAL).
execute_process(COMMAND ${NM} --dynamic --defined-only --format=posix ${LIBRARY} OUTPUT_VARIABLE symbols
                RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${NM} cannot read ${LIBRARY}")
endif()
if(NOT symbols MATCHES "^inferbench_backend_v1 [BDR] [^\n]*\n$")
  message(FATAL_ERROR "${LIBRARY} must export inferbench_backend_v1 only, but exports:\n${symbols}")
endif()
