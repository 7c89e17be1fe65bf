# SPDX-License-Identifier: Apache-2.0
# cmake -DOUTPUT=templates.cpp -DROOT=folder -DFILES="a;b/c" -P embed_templates.cmake
# Writes the definition of template_files() (declared in templates.hpp).
set(text "#include \"sdk/templates.hpp\"\n\nnamespace inferbench {\n\n")
string(APPEND text "std::span<const TemplateFile> template_files() {\n  static constexpr TemplateFile kFiles[] = {\n")
foreach(file IN LISTS FILES)
  file(READ ${ROOT}/${file} content)
  string(APPEND text "      {\"${file}\", R\"template(${content})template\"},\n")
endforeach()
string(APPEND text "  };\n  return kFiles;\n}\n\n}  // namespace inferbench\n")
file(WRITE ${OUTPUT} "${text}")
