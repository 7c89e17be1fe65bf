# SPDX-License-Identifier: Apache-2.0
# cmake -DNM=nm -DOBJECTS="a.o;b.o" -P no_weak_symbols.cmake
# Fails where an object file of kernels defines a weak symbol. An inline function or a template with external linkage is
# emitted in every object that uses it, compiled for that object's instruction set, and the linker keeps any one of
# them: code that must run on every machine could then call a copy that was compiled for AVX-512.
if(NOT OBJECTS)
  message(FATAL_ERROR "no object files given")
endif()
foreach(object IN LISTS OBJECTS)
  execute_process(
    COMMAND ${NM} --defined-only --demangle ${object}
    OUTPUT_VARIABLE symbols
    RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${NM} cannot read ${object}")
  endif()
  string(REGEX MATCHALL "[0-9a-f]+ [WwVvu] [^\n]*" weak "${symbols}")
  foreach(symbol IN LISTS weak)
    message(SEND_ERROR "${object} defines a weak symbol: ${symbol}")
  endforeach()
endforeach()
