# SPDX-License-Identifier: Apache-2.0
# Turns text files into string constants: cmake -DOUTPUT=a.cpp -DHEADER=report/a.hpp -DNAMESPACE=a::b
#   -DENTRIES="kName=file+file,kOther=file" -P EmbedFiles.cmake. Files joined by '+' are concatenated.
set(text "// SPDX-License-Identifier: Apache-2.0\n// Made by cmake/EmbedFiles.cmake.\n#include \"${HEADER}\"\n\n")
# Clang warns of literals above 65536 characters, the least that the standard asks of a compiler.
string(APPEND text "#ifdef __clang__\n#pragma clang diagnostic ignored \"-Woverlength-strings\"\n#endif\n\n")
string(APPEND text "namespace ${NAMESPACE} {\n")
string(REPLACE "," ";" entries "${ENTRIES}")
foreach(entry IN LISTS entries)
  string(REGEX MATCH "^([^=]+)=(.+)$" matched "${entry}")
  set(name "${CMAKE_MATCH_1}")
  string(REPLACE "+" ";" files "${CMAKE_MATCH_2}")
  string(APPEND text "\nconst std::string_view ${name} =")
  foreach(file IN LISTS files)
    # Brackets and semicolons in the file are special in CMake lists, but not in a quoted string.
    file(READ "${file}" content)
    string(APPEND text "\n    R\"embedded(${content})embedded\"")
  endforeach()
  string(APPEND text ";\n")
endforeach()
string(APPEND text "\n}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${text}")
