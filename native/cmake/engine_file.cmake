# Engine files and their sidecars, checked as Python checks them. Needs no TensorRT.
add_library(tpgan_engine_file STATIC
  native/src/engine/engine_file.cpp
  native/src/engine/json.cpp
  native/src/engine/json_number.cpp
  native/src/engine/sha256.cpp
  native/src/engine/sidecar.cpp)
add_library(tpgan::tpgan_engine_file ALIAS tpgan_engine_file)
target_include_directories(tpgan_engine_file
  PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/native/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
  PRIVATE native/src)
target_link_libraries(tpgan_engine_file PRIVATE "$<BUILD_INTERFACE:tpgan_options>")
