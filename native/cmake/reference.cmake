# The SDK's pixel work on the CPU. Needs nothing but a C++17 compiler.
add_library(tpgan_reference STATIC
  native/src/check.cpp
  native/src/geometry.cpp
  native/src/plan_align.cpp
  native/src/plan_output.cpp
  native/src/reference.cpp
  native/src/status.cpp
  native/src/transform.cpp)
add_library(tpgan::tpgan_reference ALIAS tpgan_reference)
target_include_directories(tpgan_reference
  PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/native/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
  PRIVATE native/src)
target_link_libraries(tpgan_reference PRIVATE "$<BUILD_INTERFACE:tpgan_options>")
